"""Where the native kernels of the operators `pag::PerforatedConv` and `pag::BudgetMask` lie."""

from __future__ import annotations

from pathlib import Path

DOMAIN = "pag"
OPSET_VERSION = 1

_LIBRARY = "libperforated_conv_ort.so"


def library_path() -> Path | None:
    """Path for `onnxruntime.SessionOptions.register_custom_ops_library`.

    None if this installation was built without the library; models then run by the standard
    operators they carry as function bodies.
    """
    # An editable install keeps this file and the built library in two folders of one package.
    candidates = (Path(folder) / _LIBRARY for folder in __path__)
    return next((path for path in candidates if path.is_file()), None)
