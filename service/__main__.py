"""`python -m service`: settings from the environment, checked models, then serve; `pag serve` is the same."""

from __future__ import annotations

import sys
from typing import Any

import structlog

from service.app import checked_app
from service.errors import StartupError
from service.printable import printable
from service.settings import read_settings
from service.telemetry.logs import configure_logging
from service.transport.server import serve

log = structlog.get_logger(__name__)


def main(**chosen: Any) -> None:
    """Serve until told to stop, `chosen` settings in place of the environment's.

    Exits with status 2 and one clear message if that cannot start.
    """
    try:
        settings = read_settings(**chosen)
        configure_logging(settings)
        app = checked_app(settings)
        if settings.model is None and len(app.state.model_names) > 1:
            fix = "set PAG_MODEL, or pag serve --model, to the one that answers requests which name none"
            log.warning("no_default_model", models=app.state.model_names, fix=fix)
        serve(app, settings)
    except StartupError as error:
        print(f"cannot start: {printable(error)}", file=sys.stderr)
        raise SystemExit(2) from error


if __name__ == "__main__":
    if sys.argv[1:]:
        # A verb that is no longer here must not start a server.
        raise SystemExit("python -m service takes no arguments: see pag serve --help, pag doctor --help")
    main()
