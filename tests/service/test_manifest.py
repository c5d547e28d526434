"""What a manifest accepts, refuses, and says about the cost of a budget."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model_folder.files import ManifestError, load_manifest, read_files
from service.model_folder.manifest import ModelManifest, json_schema
from service.model_folder.operating_point import scales_at
from tests.support.tiny_model import manifest_document, map_entries, write_model

budgets = st.floats(0.001, 1.0)
multiples = st.integers(1, 40).map(lambda n: 32 * n)


def read(document: dict[str, Any]) -> ModelManifest:
    return ModelManifest.model_validate_json(json.dumps(document))


def test_a_written_folder_reads_back(tmp_path: Path) -> None:
    folder = write_model(tmp_path)
    manifest = load_manifest(folder)
    read_files(folder, manifest)
    assert manifest.default_map_names() == ("semantics", "depth", "normals")
    assert manifest.metrics.splits["val"][0].figure("miou40") == 0.3


def test_maps_are_named_in_their_order_and_shares_not_by_default() -> None:
    manifest = read(manifest_document())
    assert manifest.map_names() == ("semantics", "depth", "normals", "computed")
    assert manifest.default_map_names() == ("semantics", "depth", "normals")
    assert manifest.outputs(("computed", "semantics")) == ["computed", "semantic_logits"]
    assert (manifest.map("depth").kind, manifest.map("depth").stride) == ("metric", 8)


def test_earlier_manifests_are_refused_with_the_command_that_renews_them(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps(manifest_document() | {"schema_version": 1}))
    with pytest.raises(ManifestError, match=f"python -m model_export upgrade {tmp_path}") as caught:
        load_manifest(tmp_path)
    assert len(caught.value.problems) == 1


def test_ratios_follow_the_table_linearly() -> None:
    manifest = read(manifest_document())
    assert manifest.ratios_for(0.5) == (0.5, 0.25)
    assert manifest.ratios_for(0.75) == (0.75, 0.625)
    assert manifest.ratios_for(1.0) == (1.0, 1.0)
    assert manifest.ratios_for(0.01) == manifest.ratios_for(0.25) == (0.125, 0.0)


def test_share_counts_whole_pixels_and_the_coarse_grid() -> None:
    manifest = read(manifest_document())
    assert manifest.share(1.0, 480, 640) == 1.0
    # At the floor the first gate still computes its coarse grid, a quarter of the pixels.
    assert manifest.share(0.25, 480, 640) == (150 + 400 / 4) / 1000
    # 32x32 has 16 and 4 pixels: ratios .75 and .625 compute 12 and floor(2.5) = 2.
    assert manifest.share(0.75, 32, 32) == (150 + 400 * 12 / 16 + 450 * 2 / 4) / 1000


@given(budgets, multiples, multiples)
def test_share_is_a_ceiling(budget: float, height: int, width: int) -> None:
    manifest = read(manifest_document())
    # Rounding of the budget and the ratios to float32 is all that may lie above.
    assert 0 < manifest.share(budget, height, width) <= manifest.used_budget(budget) + 1e-6


@given(budgets, budgets, multiples, multiples)
def test_share_never_falls_as_the_budget_rises(a: float, b: float, height: int, width: int) -> None:
    manifest = read(manifest_document())
    low, high = sorted((a, b))
    assert manifest.share(low, height, width) <= manifest.share(high, height, width)


@given(st.floats(0, 1), multiples)
def test_computed_pixels_use_the_operators_float32_product(ratio: float, size: int) -> None:
    document = manifest_document()
    gate = {"name": "g", "stride": 8, "multiply_adds": 100, "coarse_stride": 0}
    document["budget"]["gates"] = [gate]
    document["budget"]["table"] = [{"budget": 1.0, "ratios": [ratio]}]
    document["budget"] |= {"floor": 1.0}
    document["multiply_adds"] |= {"total": 200, "always": 100}
    pixels = (size // 8) ** 2
    expected = min(pixels, int(np.floor(np.float32(ratio) * np.float32(pixels))))
    # A pixel more or less would differ by 3e-5 at least.
    assert read(document).share(1.0, size, size) == pytest.approx(
        (100 + 100 * expected / pixels) / 200, rel=1e-9
    )


@pytest.mark.parametrize("size", [(0, 32), (33, 32), (32, -32)])
def test_share_refuses_an_unpadded_size(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="multiples of 32"):
        read(manifest_document()).share(0.5, *size)


def test_multiply_adds_scale_with_the_area() -> None:
    manifest = read(manifest_document())
    assert manifest.multiply_adds_at(1.0, 480, 640) == 1000
    assert manifest.multiply_adds_at(1.0, 960, 640) == 2000


def drop(*keys: str) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        for key in keys[:-1]:
            document = document[key]
        del document[keys[-1]]

    return change


def put(value: Any, *keys: Any) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        for key in keys[:-1]:
            document = document[key]
        document[keys[-1]] = value

    return change


def scales(*rows: tuple[float, float], floor: float = 0.25) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        document["budget"]["floor"] = floor
        document["budget"]["scales"] = [{"budget": budget, "scale": scale} for budget, scale in rows]

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop("name"), "name: Field required"),
        (put("1", "schema_version"), "schema_version"),
        (put(1, "surprise"), "surprise: Extra inputs"),
        (put("../evil", "name"), "name: String should match"),
        (put(2, "operator", "version"), "operator.version"),
        (put([], "maps"), "at least one is needed"),
        (put(map_entries("computed"), "maps"), "besides those of kind share"),
        (put("depth", "maps", 2, "name"), "the name depth is there 2 times"),
        (put("depth", "maps", 2, "output"), "the output depth is there 2 times"),
        (put("meta", "maps", 1, "name"), "no map may be called meta or overlay"),
        (put("Depth", "maps", 1, "name"), "maps.1.metric.name: String should match"),
        (put("colour", "maps", 1, "kind"), "maps.1: Input tag 'colour'"),
        (put("metre", "maps", 2, "unit"), "maps.2.vectors.unit: Extra inputs"),
        (put(5, "maps", 3, "stride"), "maps.computed: its stride must divide input.size_multiple 32"),
        (put(3, "maps", 0, "classes", 0, "id"), "maps.semantics: class ids must be"),
        (put(5, "maps", 0, "void"), "also the id of a class"),
        (put("fast.onnx", "maps", 0, "labels_model"), "maps.semantics: files must list fast.onnx"),
        (put(0.3, "budget", "floor"), "first budget must be the floor"),
        (put(0.9, "budget", "table", 2, "budget"), "last budget must be 1.0"),
        (scales((0.3, 1.0)), "the first scale's budget must be the floor"),
        (scales((0.25, 0.8), (0.25, 1.0)), "the scales' budgets must ascend"),
        (scales((0.25, 0.8), (0.5, 0.7)), "no scale may fall as the budget rises"),
        (scales((0.25, 0.0)), "budget.scales.0.scale"),
        (scales((0.25, 1.1)), "budget.scales.0.scale"),
        # At .8 480x640 is worked on at 384x512: .64 of the pixels.
        (scales((0.1, 0.8), floor=0.1), "budget 0.1 at scale 0.8 leaves the gates 0.1562, below their floor"),
        (put(0.1, "budget", "default"), "below the floor"),
        (put([0.5], "budget", "table", 1, "ratios"), "needs 2 ratios"),
        (put([0.1, 0.2], "budget", "table", 1, "ratios"), "no gate's ratio may fall"),
        (put(0.2, "budget", "table", 1, "budget"), "must ascend"),
        (put([0.9, 0.9], "budget", "table", 1, "ratios"), "is a ceiling"),
        (put(999, "multiply_adds", "total"), "always + the sum"),
        (put([480, 641], "multiply_adds", "reference_size"), "multiples of 32"),
        (put(7, "budget", "gates", 0, "stride"), "must divide"),
        (put({"../x": {"sha256": "0" * 64, "bytes": 1}}, "files"), "plain file name"),
        (put({"a.onnx": {"sha256": "0" * 64, "bytes": 1}}, "files"), "must list model.onnx"),
    ],
)
def test_a_wrong_manifest_names_folder_and_key(
    tmp_path: Path, change: Callable[[Any], None], message: str
) -> None:
    document = manifest_document()
    change(document)
    (tmp_path / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(ManifestError) as caught:
        load_manifest(tmp_path)
    assert message in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_scales_may_lower_the_floor_and_leave_the_graph_alone() -> None:
    document = manifest_document()
    scales((0.1, 0.6), (0.5, 1.0), floor=0.1)(document)
    manifest = read(document)
    assert manifest.budget.floor == 0.1
    assert manifest.used_budget(0.1) == manifest.gates_floor == 0.25
    assert manifest.share(0.1, 480, 640) == manifest.share(0.25, 480, 640)
    assert [scales_at(manifest.budget, b) for b in (0.05, 0.1, 0.49, 0.5)] == [(0.6,)] * 3 + [(1.0, 0.6)]


def test_the_gates_floor_allows_for_rounded_figures() -> None:
    document = manifest_document()
    # A quarter of .36, the share of 288x384 in 480x640, rounded to four decimals or cut off too early.
    scales((0.09, 0.6), floor=0.09)(document)
    assert read(document).budget.floor == 0.09
    scales((0.0899, 0.6), floor=0.0899)(document)
    with pytest.raises(ValueError, match="leaves the gates"):
        read(document)


def test_absent_and_malformed_manifests_say_so(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"No such file.*put the exported manifest"):
        load_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(ManifestError, match="Invalid JSON"):
        load_manifest(tmp_path)


def test_changed_or_missing_files_are_found(tmp_path: Path) -> None:
    folder = write_model(tmp_path)
    manifest = load_manifest(folder)
    with (folder / "model.onnx").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(ManifestError, match=r"bytes, so its sha256 is not [0-9a-f]{12}\.\.\.; fetch"):
        read_files(folder, manifest)
    (folder / "model.onnx").unlink()
    with pytest.raises(ManifestError, match=r"model\.onnx: No such file"):
        read_files(folder, manifest)


def test_more_figures_may_stand_in_the_metrics() -> None:
    document = manifest_document()
    document["metrics"]["splits"]["val"][0]["rmse"] = 0.5
    row = read(document).metrics.splits["val"][0]
    assert row.model_dump()["rmse"] == 0.5


def test_the_schema_lists_every_part() -> None:
    assert {"budget", "maps", "files"} <= set(json_schema()["properties"])
