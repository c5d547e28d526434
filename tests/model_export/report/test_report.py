"""The page from made evaluations: every number on it is one of the files', and what is missing is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model_export.evaluation.compare import Measured, difference
from model_export.report import page
from model_export.report.front import TARGETS
from model_export.report.markdown import ALL, MAIN
from model_export.report.published import PUBLISHED
from model_export.report.samples import Curve, Results
from model_export.report.study import ReportError, read_study

Rows = list[list[str]]


def tables(text: str) -> list[tuple[list[str], Rows]]:
    """(head, rows) of each table of a Markdown text."""
    found: list[list[list[str]]] = []
    before = ""
    for line in text.splitlines():
        if line.startswith("|"):
            if not before.startswith("|"):
                found.append([])
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        before = line
    return [(head, rows) for head, _, *rows in found]


@pytest.fixture(scope="session")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("docs")


@pytest.fixture(scope="session")
def written(made: Path, docs: Path) -> tuple[str, Results]:
    read = Results(made)
    path = page.write(read, docs / "report")
    return path.read_text(encoding="utf-8"), read


def table_with(text: str, *columns: str) -> Rows:
    """Rows of the first table with all these columns, cut to them."""
    for head, rows in tables(text):
        if set(columns) <= set(head):
            return [[row[head.index(column)] for column in columns] for row in rows]
    raise AssertionError(f"no table with {columns}")


def stored_cells(content: dict, *figures) -> list[str]:
    """Value and interval of the JSON as the page writes them."""
    cells = []
    for figure in figures:
        numbers = [content["figures"][figure.name], *content["intervals"][figure.name]]
        value, low, high = (f"{number * figure.factor:.{figure.digits}f}" for number in numbers)
        cells.append(f"{value} [{low}, {high}]")
    return cells


def test_the_front_s_figures_are_those_of_the_file(written, results: Path) -> None:
    text, _ = written
    content = json.loads((results / "gated.json").read_text())
    rows = table_with(text, "budget", "scale", "share", "1e9 multiply-adds", "ms", *(f.title for f in ALL))
    assert len(rows) == 3, "the points that were asked for"
    for row, (budget, point) in zip(
        rows, zip(("1", "0.86", "0.5"), content["points"], strict=False), strict=True
    ):
        share = point["share"]
        cost = [f"{point['scale']:g}", f"{share:.3f}", f"{4.98 * share:.2f}", f"{20 * share:.2f}"]
        assert row == [budget, *cost, *stored_cells(point, *ALL)]


def test_losses_are_paired_differences_beside_their_targets(written) -> None:
    text, read = written
    full, *lower = read.front()
    rows = table_with(text, "budget", "mIoU 40, %", "normals mean, °", "target mIoU 40", "met")
    for row, sample in zip(rows, lower, strict=True):
        value, low, high = (100 * v for v in difference(sample.measured, full.measured, "miou40"))
        angle = difference(full.measured, sample.measured, "normal_mean_degrees")[0]
        assert row[1] == f"{value:+.2f} [{low:+.2f}, {high:+.2f}]"
        assert row[2].startswith(f"{angle:+.3f} ["), "fewer degrees are better"
        target = TARGETS[sample.budget]
        assert row[3:] == [f"-{target:g}", "no" if -value > target else "surely" if -low <= target else "yes"]


def test_peers_are_interpolated_at_equal_cost(written) -> None:
    text, read = written
    rows = table_with(text, "budget", "milliseconds", "against", "mIoU 40, %")
    assert [row[:3] for row in rows[:2]] == [
        ["1", "20.00", "the small images"], ["1", "20.00", "the short"],
    ]  # fmt: skip
    assert [row[3] for row in rows[:2]] == ["-", "-"], "no peer is as dear"
    sample = read.front()[2]
    middle, small = read.samples["small images"][1:]
    weight = (0.48 - 0.25) / (0.63 - 0.25)
    peer = small.measured.towards(middle.measured, weight)
    value, low, high = (100 * v for v in difference(sample.measured, peer, "miou40"))
    assert rows[4] == ["0.5", "9.60", "the small images", f"{value:+.2f} [{low:+.2f}, {high:+.2f}]"]
    assert rows[5][3] == "-", "no truncated network is as cheap"
    assert rows[3][3] != "-", "the whole network is the truncated ones' other end"


def test_multipool_ratio_class_and_talk_tables_hold_the_files_numbers(written, results: Path) -> None:
    text, _ = written
    contents = {
        name: json.loads((results / f"{name}.json").read_text()) for name in ("dense", "short", "ratio")
    }
    networks = [rows for head, rows in tables(text) if head[0] == "network" and "scale" in head]
    assert [row[0] for row in networks[0]] == ["the whole", "the pag"]
    for row, name in zip([*networks[0], *networks[1]], contents, strict=True):
        assert row[-len(ALL) :] == stored_cells(contents[name]["points"][0], *ALL)
    gated = json.loads((results / "gated.json").read_text())
    ious = {row[0]: row[2:] for row in next(rows for head, rows in tables(text) if head[0] == "class")}
    assert len(ious) == 40
    for number, name in enumerate(gated["classes"]):
        stored = [point["iou"][number] for point in gated["points"][:3]]
        assert ious[name] == ["-" if iou is None else f"{100 * iou:.1f}" for iou in stored]
    assert "-" in ious["otherprop"], "it is in no image"
    talk = json.loads(PUBLISHED.read_text())
    rows = {row[0]: row[1:] for _, rows in tables(text) for row in rows}
    for part in ("semantics", "depth", "normals"):
        every = {
            row[0]: row[1:] for head, t in tables(text) if head[1:] == talk[part]["columns"] for row in t
        }
        for name, values in talk[part]["rows"].items():
            assert every[f"talk: {name}"] == [f"{value:g}" for value in values]
    assert rows["rho=0.5"] == [f"{value:g}" for value in talk["parsimony"]["rows"]["rho=0.5"]]


def test_failures_worst_images_and_plots_are_there_and_small(written, docs: Path) -> None:
    text, _ = written
    assert "Mirrors are taken for windows." in text
    worst = next(rows for head, rows in tables(text) if head[0] == "image")
    shares = [float(row[1]) for row in worst]
    assert len(worst) == 6 and shares == sorted(shares)
    pictures = list((docs / "report").iterdir())
    assert {path.name for path in pictures} == {"front-milliseconds.png", "front-gmacs.png"}
    assert all(f"](report/{path.name})" in text for path in pictures)
    assert sum(path.stat().st_size for path in pictures) + len(text) < 1 << 20


def test_a_curve_passes_through_its_points_and_ends_there(results: Path) -> None:
    curve = Curve(Results(results).of_kind("dense"), "gmacs")
    assert [sample.share for sample in curve.samples] == [0.25, 0.63, 0.98]
    for sample in curve.samples:
        at = curve.at(sample.gmacs)
        assert at is not None and at.values == pytest.approx(sample.measured.values)
    assert curve.at(curve.samples[0].gmacs - 0.01) is None
    assert curve.at(curve.samples[-1].gmacs + 0.01) is None


def test_figures_and_resamples_are_of_the_same_point(results: Path) -> None:
    sample = Results(results).front()[1]
    again = Measured.of(sample.evaluation, sample.point)
    assert again.values["miou40"] == pytest.approx(sample.content["figures"]["miou40"], abs=1e-6)
    for figure in MAIN:
        assert again.interval(figure.name) == pytest.approx(
            sample.content["intervals"][figure.name], abs=1e-6
        )


def test_all_missing_files_are_named_at_once(results: Path) -> None:
    for name in ("dense.npz", "short.json", "front_latency.json", "failures.md"):
        (results / name).unlink()
    with pytest.raises(ReportError, match=r"short\.json, dense\.npz, front_latency\.json, failures\.md"):
        Results(results)


def test_a_study_that_is_absent_or_wrong_says_so(results: Path, change) -> None:
    change("study.json", colour="red")
    with pytest.raises(ReportError, match="colour"):
        read_study(results)
    change("study.json", networks=[])
    with pytest.raises(ReportError, match=r"study\.json"):
        read_study(results)
    (results / "study.json").unlink()
    with pytest.raises(ReportError, match=r"no .*study\.json"):
        read_study(results)


def test_a_point_without_a_time_and_one_that_was_not_evaluated_are_named(results: Path, change) -> None:
    latency = json.loads((results / "front_latency.json").read_text())
    change("front_latency.json", points=latency["points"][1:])
    with pytest.raises(ReportError, match=r"no time of gated\.json at 1:1"):
        Results(results)
    study = json.loads((results / "study.json").read_text())
    change("study.json", networks=[study["networks"][0] | {"points": ["0.3:1"]}])
    with pytest.raises(ReportError, match=r"gated\.json has no point 0\.3:1"):
        Results(results)


def test_evaluations_of_other_images_make_no_report(results: Path) -> None:
    from model_export.evaluation import stored  # noqa: PLC0415 - this test alone writes one

    content, evaluation = stored.load(results / "short.json")
    fewer = type(evaluation)(evaluation.points, evaluation.images[:3], evaluation.statistics[:, :3])
    stored.save(results, "short", fewer, content)
    with pytest.raises(ReportError, match="different images"):
        Results(results)
