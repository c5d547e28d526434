"""The native kernels: the choice that the settings request, and the one that the library really uses."""

from __future__ import annotations

import perforated_conv
from perforated_conv import ISAS, KernelsInUse

from service.settings import Settings, environment_name


def uses_native_operators(settings: Settings) -> bool:
    """Whether the library is used where it is built.

    It computes on the CPU: on a GPU the function bodies keep the maps where they are.
    """
    return settings.native_operator != "off" and settings.provider == "cpu"


def request_kernels(settings: Settings) -> None:
    """Hand the settings to the library; without effect once a session with its operators was made.

    Raises OSError if the library cannot be loaded.
    """
    perforated_conv.configure(settings.max_isa, settings.precision)


def unmet_requests(settings: Settings, used: KernelsInUse) -> list[str]:
    """Sentences, one for each setting that the library does not follow; empty if it follows all.

    The reason is a choice that this process had settled before. A cap above what the CPU has is followed.
    """
    isa, precision = settings.max_isa, settings.precision
    unmet: dict[str, tuple[str, str]] = {}
    if isa is not None and ISAS.index(used.isa) > ISAS.index(isa):
        unmet["max_isa"] = (isa, used.isa)
    if precision is not None and precision != used.precision:
        unmet["precision"] = (precision, used.precision)
    return [
        f"{environment_name(name)}={requested}, but {chosen} is used"
        for name, (requested, chosen) in unmet.items()
    ]
