"""about.json: short to write, and refused with the key and the reason where it will not do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model_export.common.errors import FixableError
from model_export.data.classes import palette
from model_export.export.about import About, template
from model_export.networks.build import build

TERMS = {"licence": "MIT", "data_terms": "my own photographs"}


def written(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_colours_are_those_given_or_of_the_palette(tmp_path: Path) -> None:
    classes = [
        "road",
        {"name": "sky", "color": [70, 130, 180]},
        {"name": "tree", "colour": [0, 99, 0]},
        "car",
    ]
    about = About.read(written(tmp_path / "about.json", TERMS | {"classes": classes}))
    free = palette(4)
    assert [entry["color"] for entry in about.entries()] == [
        list(free[0]), [70, 130, 180], [0, 99, 0], list(free[3]),
    ]  # fmt: skip
    assert [entry["name"] for entry in about.entries()] == ["road", "sky", "tree", "car"]
    assert about.void == 255


def test_toml_says_the_same(tmp_path: Path) -> None:
    text = 'licence = "MIT"\ndata_terms = "my own photographs"\nclasses = ["road", "sky"]\nvoid = 254\n'
    about = About.read(written(tmp_path / "about.toml", text))
    assert ([entry.name for entry in about.classes], about.void) == (["road", "sky"], 254)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"licence": "MIT"}, "data_terms: Field required"),
        (TERMS | {"clases": []}, "clases: Extra inputs"),
        (TERMS | {"classes": [{"name": "sky", "color": [0, 0, 256]}]}, r"classes\.0\.color\.2: .*255"),
        (TERMS | {"void": 300}, "void: .*255"),
        ("{", "is not JSON"),
        ("[]", "the file: .*"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: object, says: str) -> None:
    with pytest.raises(FixableError, match=says):
        About.read(written(tmp_path / "about.json", content))


def test_void_must_be_no_class() -> None:
    network = build("resnet26", width=0.125, classes=2, tasks=["semantics"])
    about = About.model_validate(TERMS | {"classes": ["a", "b"], "void": 1})
    with pytest.raises(FixableError, match="void 1 is also a class"):
        about.check(network)


@pytest.mark.parametrize("tasks", [["semantics", "depth"], ["normals"]])
def test_a_template_has_to_be_filled_in(tmp_path: Path, tasks: list[str]) -> None:
    network = build("resnet26", width=0.125, classes=3, tasks=tasks)
    text = template(network)
    path = written(tmp_path / "about.json", text)
    with pytest.raises(FixableError, match="still those of the template"):
        About.read(path)
    about = About.read(written(path, text.replace("who may use", "all").replace("what the", "the")))
    about.check(network)
    assert ("classes" in json.loads(text)) == ("semantics" in tasks)


def test_an_absent_file_is_named_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(FixableError, match=r"no file .*absent\.json; `about --checkpoint"):
        About.read(tmp_path / "absent.json")
