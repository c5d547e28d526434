"""All verbs of `pag`, and how the process ends."""

from __future__ import annotations

import os
import sys
import threading
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from pag.cli import bench, doctor, export, models, parse, serve
from pag.cli.exit_codes import HELP, INTERRUPTED, PIPE_CLOSED, SOME_FAILED, Stop
from pag.cli.files import remove_unfinished
from pag.cli.stopping import exit_code


class _Verbs(TyperGroup):
    """All verbs alike where what they print goes nowhere, or the system refuses something."""

    def invoke(self, ctx: Any) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError as error:
            # Nobody reads on, as in `pag models | head -1`: what is left must not be tried again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise Stop(PIPE_CLOSED, "") from error
        except OSError as error:
            name = f"{error.filename}: " if error.filename else ""
            raise Stop(SOME_FAILED, f"{name}{error.strerror or error}") from error
        return result


app = typer.Typer(
    name="pag",
    cls=_Verbs,
    help="Dense scene parsing with a compute knob: classes, depth and normals of photographs at a budget.",
    epilog=HELP,
    no_args_is_help=True,
    # Plain text that can be read, searched and piped anywhere.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(epilog=parse.EPILOG)(parse.parse)
app.command()(serve.serve)
app.command(epilog=models.EPILOG)(models.models)
app.command(epilog=bench.EPILOG)(bench.bench)
app.command()(doctor.doctor)
app.command(context_settings=export.SETTINGS)(export.export)


def _print_version(wanted: bool) -> None:
    if wanted:
        from service import VERSION  # noqa: PLC0415 - quick --help

        print(f"pag {VERSION}")
        raise typer.Exit


@app.callback()
def _pag(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end."),
    ] = False,
) -> None:
    pass


def main() -> NoReturn:
    """Run the command line and end the process with one of the documented codes."""
    try:
        app(prog_name="pag")
    except Stop as stop:
        if str(stop):
            print(f"pag: {stop}", file=sys.stderr)
        _end(stop.code)
    except SystemExit as end:
        # Typer's own answer to KeyboardInterrupt.
        _end(exit_code() if end.code == INTERRUPTED else end.code)
    except KeyboardInterrupt:
        _end(exit_code())
    _end(0)


def _end(code: str | int | None) -> NoReturn:
    if not isinstance(code, int) or threading.active_count() == 1:
        sys.exit(code)
    # Requests under way must not hold the process.
    remove_unfinished()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
