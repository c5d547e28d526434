"""Names of outputs follow one rule, whatever is on the command line."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pag.cli.exit_codes import Stop
from pag.cli.inputs import find_sources
from pag.cli.outputs import Naming, plan
from tests.support.command_line import write_photo

NPZ = Naming("npz", [], "overlay")
PART = st.sampled_from(["a", "b", "a.b", "A", "ä", "a b", "semantics", "a.depth"])
PLACE = st.builds(
    lambda folders, name, ending: "/".join([*folders, name]) + ending,
    st.lists(PART, max_size=2),
    PART,
    st.sampled_from([".jpg", ".png", ".JPG", ""]),
)


@given(places=st.lists(PLACE, min_size=1, max_size=8, unique_by=str.casefold), as_folder=st.booleans())
def test_no_two_inputs_share_an_output(places: list[str], as_folder: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "in"
        made = [write_photo(root / place) for place in places if _free(root / place)]
        inputs = [str(root)] if as_folder else list(map(str, made))
        try:
            sources = find_sources(inputs, recursive=True)
        except Stop:
            assert as_folder, "only a folder without photographs is refused"
            return
        for naming in (NPZ, Naming("png", [], "overlay"), Naming("png", ["depth", "edges"], "overlay")):
            files = [path for job in plan(sources, str(Path(folder) / "out"), naming) for path in job.files]
            assert len({str(path).casefold() for path in files}) == len(files)
            assert all(path.is_relative_to(Path(folder) / "out") for path in files)


def _free(path: Path) -> bool:
    parents = [parent for parent in path.parents if parent.exists()]
    return not path.exists() and all(parent.is_dir() for parent in parents)


@pytest.mark.parametrize(
    ("places", "names"),
    [
        (["a.jpg"], ["a"]),
        (["a.v2.jpg"], ["a.v2"]),
        (["a.jpg", "b/a.png"], ["a.jpg", "a.png"]),
        (["a.jpg", "b/a.jpg"], ["a", "b/a"]),
        (["x/a.jpg", "x/b.jpg", "y/a.jpg"], ["x/a", "b", "y/a"]),
        (["x/a.jpg", "x/a.png", "y/a.jpg"], ["x/a", "a.png", "y/a"]),
    ],
)
def test_only_those_that_meet_get_longer_names(places: list[str], names: list[str], tmp_path: Path) -> None:
    sources = find_sources([str(write_photo(tmp_path / place)) for place in places], recursive=False)
    assert [str(job.files[0]) for job in plan(sources, "out", NPZ)] == [f"out/{name}.npz" for name in names]


def test_each_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = write_photo(tmp_path / "in" / "a.jpg")
    monkeypatch.chdir(tmp_path)
    inputs = [str(photo), "in/a.jpg", "in/../in/a.jpg", "in", "in/*.jpg"]
    assert len(find_sources(inputs, recursive=False)) == 1


def test_a_link_is_a_photograph_of_its_own(tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").symlink_to(photo)
    assert len(find_sources([str(tmp_path)], recursive=False)) == 2


def test_a_name_with_the_letters_of_patterns(tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "a[1]*.jpg")
    (source,) = find_sources([str(photo)], recursive=False)
    assert source.path == photo


def test_a_photograph_called_like_a_map_is_one_unless_a_json_lists_it(tmp_path: Path) -> None:
    for name in ("a.left.png", "a.json", "b.left.png", "c.edges.png", "c.left.png"):
        write_photo(tmp_path / name)
    write_photo(tmp_path / "c.json", b'{"maps": {"edges": {"file": "c.edges.png"}}}')
    found = find_sources([str(tmp_path)], recursive=False)
    assert [source.place.name for source in found] == ["a.left.png", "b.left.png", "c.left.png"]
