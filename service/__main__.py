"""`python -m service`: settings from the environment, checked models, then uvicorn."""

from __future__ import annotations

import argparse
import signal
import sys

import uvicorn
from pydantic import ValidationError

from service.app import create_app
from service.engine.registry import find_models
from service.errors import StartupError
from service.logs import configure_logging
from service.settings import Settings, environment_name, settings_table


def main(arguments: list[str] | None = None) -> None:
    """Serve until told to stop; exit with status 2 and one clear message if that cannot start."""
    parser = argparse.ArgumentParser(
        prog="pag-service",
        description="Serve dense parsing over HTTP. All settings come from the environment:",
        epilog=settings_table(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--settings", action="store_true", help="print the table of settings and exit")
    if parser.parse_args(arguments).settings:
        print(settings_table())
        return
    try:
        settings = Settings()
        find_models(settings)
    except (StartupError, ValidationError) as error:
        print(f"cannot start: {_explain(error)}", file=sys.stderr)
        raise SystemExit(2) from error
    serve(settings)


def serve(settings: Settings) -> None:
    """Run the application in this process."""
    configure_logging(settings)
    # uvicorn drains at SIGTERM and then raises it again: being told to stop is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )


def _explain(error: StartupError | ValidationError) -> str:
    if isinstance(error, StartupError):
        return str(error)
    return "; ".join(f"{environment_name(str(item['loc'][0]))}: {item['msg']}" for item in error.errors())


if __name__ == "__main__":
    main()
