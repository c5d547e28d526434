"""The native library of the operators of domain `pag`: where it lies and which kernels it uses."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from typing import NamedTuple

DOMAIN = "pag"
OPSET_VERSION = 1

# Worst first; a processor that has one level has all levels before it.
ISAS = ("portable", "avx2", "avx512", "avx512_bf16", "amx")
PRECISIONS = ("f32", "bf16")

_LIBRARY = "libperforated_conv_ort.so"


class KernelsInUse(NamedTuple):
    """isa: one of ISAS, the instruction set; precision: one of PRECISIONS, of what is multiplied."""

    isa: str
    precision: str


def library_path() -> Path | None:
    """Path for `onnxruntime.SessionOptions.register_custom_ops_library`.

    None if this installation was built without the library; models then run by the standard
    operators they carry as function bodies.
    """
    # An editable install keeps this file and the built library in two folders of one package.
    candidates = (Path(folder) / _LIBRARY for folder in __path__)
    return next((path for path in candidates if path.is_file()), None)


def configure(
    max_isa: str | None = None, precision: str | None = None, *, library: Path | None = None
) -> None:
    """Hands the library a wish for the kernels that this process uses.

    max_isa: one of ISAS, the best instruction set allowed; one that the processor lacks allows all it has.
    precision: one of PRECISIONS. Either as None leaves the choice to the environment variable
    (PERFORATED_CONV_MAX_ISA, PERFORATED_CONV_PRECISION), then to the processor.
    library: another copy of the library than the installed one; each copy has a choice of its own.

    The last call before the first session with one of the operators holds. From that session on, or from
    kernels_in_use() on, the choice is settled and a call has no effect. Without the library it never has one.
    Raises ValueError for another name, OSError if the library cannot be loaded.
    """
    _require_known("max_isa", max_isa, ISAS)
    _require_known("precision", precision, PRECISIONS)
    path = library or library_path()
    if path is not None:
        _load(path).PerforatedConvConfigure(_encoded(max_isa), _encoded(precision))


def kernels_in_use(library: Path | None = None) -> KernelsInUse | None:
    """What the library of this process uses, whatever was wished; asking settles the choice.

    library: as of configure(). None without the library. Raises OSError if it cannot be loaded.
    """
    path = library or library_path()
    if path is None:
        return None
    loaded = _load(path)
    return KernelsInUse(loaded.PerforatedConvIsa().decode(), loaded.PerforatedConvPrecision().decode())


def _require_known(name: str, value: str | None, known: tuple[str, ...]) -> None:
    if value is not None and value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)} or None, is {value!r}")


def _encoded(name: str | None) -> bytes | None:
    return None if name is None else name.encode()


@cache
def _load(path: Path) -> ctypes.CDLL:
    """The copy of the library that ONNX Runtime has too: the system loads a file once per process."""
    library = ctypes.CDLL(str(path))
    library.PerforatedConvConfigure.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
    library.PerforatedConvConfigure.restype = ctypes.c_int
    for name in (library.PerforatedConvIsa, library.PerforatedConvPrecision):
        name.argtypes = []
        name.restype = ctypes.c_char_p
    return library
