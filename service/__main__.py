"""`python -m service`: settings from the environment, checked models, then serve; or `doctor`."""

from __future__ import annotations

import argparse
import sys

from pydantic import ValidationError

from service import doctor
from service.app import create_app
from service.engine.registry import find_models
from service.errors import StartupError
from service.logs import configure_logging
from service.server import serve
from service.settings import Settings, environment_name, settings_table


def main(arguments: list[str] | None = None) -> None:
    """Serve until told to stop; exit with status 2 and one clear message if that cannot start."""
    options = _parser().parse_args(arguments)
    if options.settings:
        print(settings_table())
        return
    try:
        settings = Settings()
        configure_logging(settings)
        if options.verb == "doctor":
            raise SystemExit(doctor.main(settings, as_json=options.json))
        find_models(settings)
        app = create_app(settings)
    except (StartupError, ValidationError) as error:
        print(f"cannot start: {_explain(error)}", file=sys.stderr)
        raise SystemExit(2) from error
    serve(app, settings)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pag-service",
        description="Serve dense parsing over HTTP. All settings come from the environment:",
        epilog=settings_table(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--settings", action="store_true", help="print the table of settings and exit")
    verbs = parser.add_subparsers(dest="verb", title="verbs", description="none: serve")
    check = verbs.add_parser("doctor", help="say what would keep this machine from serving, or serving well")
    check.add_argument("--json", action="store_true", help="one JSON document")
    return parser


def _explain(error: StartupError | ValidationError) -> str:
    if isinstance(error, StartupError):
        return str(error)
    return "; ".join(f"{environment_name(str(item['loc'][0]))}: {item['msg']}" for item in error.errors())


if __name__ == "__main__":
    main()
