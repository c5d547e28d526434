"""Model folders of schema_version 1 become folders of version 2, in place, or are refused with the reason."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model_export.__main__ import main
from model_export.common.errors import FixableError
from model_export.export.upgrade import upgrade
from service.model_folder.files import ManifestError, load_manifest
from service.model_folder.manifest import MANIFEST_NAME, MODEL_NAME
from tests.support.exported_networks import Exported


def downgraded(content: dict[str, Any]) -> dict[str, Any]:
    """A manifest as version 1 had it."""
    maps = {entry.pop("name"): entry for entry in content.pop("maps")}
    computed = maps.pop("computed")
    for name, entry in maps.items():
        kind = entry.pop("kind")
        if name == "depth":
            entry["kind"] = kind
    return content | {"schema_version": 1, "tasks": maps, "computed_output": computed["output"]}


@pytest.fixture
def folder(exported: Callable[[str], Exported], tmp_path: Path) -> Path:
    """Of version 1, with a figure and notes."""
    copy = shutil.copytree(exported("resnet26").folder, tmp_path / "resnet26")
    content = json.loads((copy / MANIFEST_NAME).read_text())
    content["metrics"]["splits"]["val"] = [{"budget": 1.0, "share": 1.0, "miou40": 0.25}]
    (copy / MANIFEST_NAME).write_text(json.dumps(downgraded(content), indent=1))
    (copy / "notes.md").write_text("Random weights.\n")
    return copy


def changed(folder: Path, **values: Any) -> None:
    path = folder / MANIFEST_NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_the_service_refuses_the_former_version_with_the_command_that_helps(folder: Path) -> None:
    with pytest.raises(ManifestError, match="python -m model_export upgrade"):
        load_manifest(folder)


def test_a_folder_is_upgraded_in_place_and_its_models_are_left_alone(
    folder: Path, exported: Callable[[str], Exported], capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / MODEL_NAME).stat()
    main(["upgrade", str(folder)])
    assert "maps semantics, depth, normals, computed" in capsys.readouterr().out
    now, wanted = load_manifest(folder), exported("resnet26").manifest
    assert now.maps == wanted.maps
    assert now.model_copy(update={"metrics": wanted.metrics}) == wanted
    assert now.metrics.splits["val"][0].figure("miou40") == 0.25
    after = (folder / MODEL_NAME).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    card = (folder / "card.md").read_text()
    assert "Maps: semantics, depth, normals" in card and "Random weights." in card
    assert not list(folder.glob(".*"))


def test_an_absent_task_and_an_absent_share_stay_absent(folder: Path) -> None:
    tasks = json.loads((folder / MANIFEST_NAME).read_text())["tasks"]
    changed(folder, tasks=tasks | {"semantics": None}, computed_output=None)
    assert upgrade(folder).map_names() == ("depth", "normals")


def digest(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"schema_version": 2}, "schema_version 2, there is nothing to upgrade"),
        ({"schema_version": 3}, "schema_version 3, only 1 can be upgraded"),
        ({"tasks": {"smell": {}}}, "tasks must be some of semantics, depth, normals"),
        ({"tasks": {"depth": "deep"}}, r"tasks\.depth is no object"),
        ({"tasks": {}}, r"cannot be upgraded, export it again:(.|\n)*maps"),
        ({"name": 3}, r"cannot be upgraded, export it again:\s+name: "),
        ({"files": {MODEL_NAME: {"sha256": "0" * 64, "bytes": 1}}}, "cannot be upgraded|not upgraded"),
    ],
)
def test_what_cannot_be_upgraded_is_refused_and_left_as_it_is(
    folder: Path, values: dict[str, Any], says: str
) -> None:
    changed(folder, **values)
    before = digest(folder)
    with pytest.raises(FixableError, match=says):
        upgrade(folder)
    assert digest(folder) == before


def test_a_model_that_is_cut_off_is_not_vouched_for(folder: Path) -> None:
    (folder / MODEL_NAME).write_bytes(b"cut off")
    with pytest.raises(FixableError, match=r"not upgraded: (.|\n)*model\.onnx: sha256"):
        upgrade(folder)


def test_what_is_no_model_folder_is_named(tmp_path: Path) -> None:
    for path, says in ((tmp_path / "absent", "no folder"), (tmp_path, r"no manifest\.json in")):
        with pytest.raises(FixableError, match=says):
            upgrade(path)
    for text, says in (("{", "is not JSON"), ("[]", "no JSON object")):
        (tmp_path / MANIFEST_NAME).write_text(text)
        with pytest.raises(FixableError, match=says):
            upgrade(tmp_path)
