"""`pag doctor`: what would keep this machine from serving, or from serving well, and the fix."""

from __future__ import annotations

import typer

from pag.cli.exit_codes import USAGE, Stop
from pag.cli.extras import installed
from pag.cli.options import AsJson


def doctor(as_json: AsJson = False) -> None:
    """Check CPUs, kernels, models, limits and port as `pag serve` would use them here.

    Settings are read from the environment. Ends with 1 if a check failed; each names its fix.
    """
    with installed():
        from service.doctor import report  # noqa: PLC0415 - slow, and needs an extra
        from service.errors import StartupError  # noqa: PLC0415
        from service.settings import read_settings  # noqa: PLC0415
    try:
        settings = read_settings()
    except StartupError as error:
        raise Stop(USAGE, str(error)) from error
    raise typer.Exit(report.main(settings, as_json=as_json))
