"""GET /models tells all that a page needs for its menus, its legend and its curve."""

from __future__ import annotations

import httpx

from tests.support.problems import assert_problem

SHIPPED = "efficientnet_lite0-nyuv2"


def test_models_are_told_with_what_may_be_asked_of_them(client: httpx.Client) -> None:
    (entry,) = client.get("/models").json()["models"]
    assert entry == client.get("/models/tiny").json()
    assert (entry["name"], entry["version"], entry["default"]) == ("tiny", "1.0.0", True)
    maps = {each["name"]: each for each in entry["maps"]}
    assert list(maps) == ["semantics", "depth", "normals", "computed"]
    assert [each["kind"] for each in maps.values()] == ["labels", "metric", "vectors", "share"]
    assert entry["default_maps"] == ["semantics", "depth", "normals"]
    assert (entry["budget_floor"], entry["budget_default"], entry["budget_scales"]) == (0.25, 1.0, [])
    assert maps["depth"]["range"] == [0.5, 10.0]
    assert_problem(client.get("/models/other"), 404, "unknown-model", "loaded: tiny")


def test_the_legend_has_a_name_and_a_colour_for_every_class(client: httpx.Client) -> None:
    semantics = client.get("/models/tiny").json()["maps"][0]
    assert [entry["id"] for entry in semantics["classes"]] == list(range(40))
    colours = [entry["color"] for entry in semantics["classes"]]
    assert all(len(colour) == 3 and all(0 <= part <= 255 for part in colour) for colour in colours)
    assert semantics["void"] == 255


def test_the_shipped_model_has_a_curve_of_accuracy_against_compute(shipped_server: httpx.Client) -> None:
    entry = shipped_server.get(f"/models/{SHIPPED}").json()
    rows = entry["metrics"]["splits"]["test"]
    assert entry["metrics"]["protocol"]
    budgets, shares = zip(*((row["budget"], row["share"]) for row in rows), strict=True)
    assert budgets == tuple(sorted(budgets)) and shares == tuple(sorted(shares))
    assert (budgets[-1], shares[-1]) == (1.0, 1.0)
    for row in rows:
        assert all(0 < row[name] < 1 for name in ("miou40", "delta1_aligned"))
        assert 0 < row["normal_mean_degrees"] < 90
        assert 0 < row["scale"] <= 1


def test_the_document_says_what_the_figures_mean(client: httpx.Client) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    assert "maps=" in schemas["ModelEntry"]["properties"]["maps"]["description"]
    assert "main" in schemas["Figure"]["properties"]


def test_a_model_says_what_its_figures_mean(shipped_server: httpx.Client) -> None:
    (model,) = shipped_server.get("/models").json()["models"]
    figures, rows = model["metrics"]["figures"], model["metrics"]["splits"]["test"]
    assert figures["normal_mean_degrees"] == {
        "title": "Angles, mean error",
        "heading": "normals mean °",
        "unit": "°",
        "better": "less",
        "main": True,
    }
    assert all(name in row for row in rows for name in figures)
