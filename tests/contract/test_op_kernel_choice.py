"""The kernels a process uses: a wish, then the environment, then the processor; settled at the first use."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import perforated_conv
import pytest
from perforated_conv import ISAS, PRECISIONS

from service.settings import Settings
from tests.support.operators.layers import CAP, LAYERS, LEVELS, PRECISION, run_layers
from tests.support.operators.nodes import needs_library

pytestmark = [
    needs_library,
    pytest.mark.process,
    pytest.mark.skipif(
        "PAG_OP_LIBRARY" in os.environ, reason="sessions use another library than the installed one"
    ),
]

ASK = "import perforated_conv as p; {before}; print(*(p.kernels_in_use() or ['none']))"
RUN_LAYERS = """
import sys, numpy as np, perforated_conv
from tests.support.operators.layers import LAYERS, attributes_of, run_conv, tensors_of
perforated_conv.configure("portable", "bf16")
results = {name: run_conv(tensors_of(name), **attributes_of(name)) for name in LAYERS}
perforated_conv.configure("amx", "f32")
np.savez(sys.argv[1], **results)
print(*perforated_conv.kernels_in_use())
"""


def python(code: str, *arguments: str, options: tuple[str, ...] = (), **environment: str) -> str:
    """What a new interpreter prints that runs `code` where the environment chooses no kernels but these."""
    clean = {name: value for name, value in os.environ.items() if name not in (CAP, PRECISION)}
    run = subprocess.run(
        [sys.executable, *options, "-c", code, *arguments],
        env=clean | environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout.strip()


def in_use(before: str = "pass", **environment: str) -> str:
    return python(ASK.format(before=before), **environment)


@pytest.mark.process
def test_a_wish_comes_before_the_environment() -> None:
    environment = {CAP: "avx2", PRECISION: "f32"}
    assert in_use("p.configure('portable', 'bf16')", **environment) == "portable bf16"


@pytest.mark.process
def test_none_leaves_the_environments() -> None:
    environment = {CAP: "portable", PRECISION: "bf16"}
    assert in_use(**environment) == "portable bf16"
    assert in_use("p.configure()", **environment) == "portable bf16"
    assert in_use("p.configure(precision='f32')", **environment) == "portable f32"


@pytest.mark.process
def test_the_last_wish_holds() -> None:
    assert in_use("p.configure('portable', 'bf16'); p.configure('portable')") == "portable f32"


@pytest.mark.process
def test_asking_settles_the_choice() -> None:
    assert in_use("p.configure('portable'); p.kernels_in_use(); p.configure('amx', 'bf16')") == "portable f32"


@pytest.mark.process
@pytest.mark.parametrize("isa", ISAS)
def test_no_level_is_above_the_processors(isa: str) -> None:
    used = in_use(f"p.configure({isa!r}, 'f32')").split()[0]
    best = in_use().split()[0]
    assert used == min(isa, best, key=ISAS.index)


@pytest.mark.process
@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_precision_is_taken(precision: str) -> None:
    assert in_use(f"p.configure(None, {precision!r})").split()[1] == precision


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=f"max_isa must be one of {', '.join(ISAS)} or None"):
        perforated_conv.configure("sse2", None)
    with pytest.raises(ValueError, match="precision must be one of f32, bf16 or None, is 'F32'"):
        perforated_conv.configure(None, "F32")


@pytest.mark.process
def test_sessions_run_what_was_wished_and_later_wishes_change_nothing(tmp_path: Path) -> None:
    wished, environment = tmp_path / "wished.npz", tmp_path / "environment.npz"
    assert python(RUN_LAYERS, str(wished)) == "portable bf16"
    expected = run_layers(environment, {CAP: "portable", PRECISION: "bf16"})
    with np.load(wished) as results:
        assert set(results.files) == set(LAYERS)
        for name in LAYERS:
            np.testing.assert_array_equal(results[name], expected[name], err_msg=name)


@pytest.mark.process
def test_without_the_library_there_is_nothing_to_configure(tmp_path: Path) -> None:
    package = tmp_path / "perforated_conv"
    package.mkdir()
    shutil.copy(Path(perforated_conv.__file__), package)
    ask = ASK.format(before="p.configure('portable', 'f32')")
    # -S: without the site packages, where the installed one is.
    assert python(ask, options=("-S",), PYTHONPATH=str(tmp_path)) == "none"


def test_levels_of_the_tests_and_of_the_setting_are_those_of_the_library() -> None:
    assert tuple(LEVELS) == ISAS
    names, _ = get_args(Settings.model_fields["max_isa"].annotation)
    assert get_args(names) == ISAS
