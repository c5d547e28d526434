"""The command `pag`: all its verbs, signals, and the end of the process."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from pag.cli import bench, extras, models, parse
from pag.cli.exit_codes import DONE, HELP, INTERRUPTED, PIPE_CLOSED, SOME_FAILED, TERMINATED, Stop
from pag.cli.files import remove_unfinished
from pag.printable import printable

# These verbs hand over to programs that handle signals themselves; all others end by Interrupted.
HANDING_OVER = {"serve", "export"}
SIGNALS = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED}
_received: list[int] = []


class Interrupted(KeyboardInterrupt):
    """A signal told the command to end, with exit code `code`; raised in the main thread."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


class _Verbs(TyperGroup):
    """The verbs; each ends alike on a signal, a closed pipe, or a refusal by the operating system."""

    def invoke(self, ctx: Any) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except typer.BadParameter as error:
            # Typer leaves what its validation puts before the words.
            error.message = error.message.removeprefix("Value error, ")
            raise
        except Interrupted as error:
            raise Stop(error.code, "") from error
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
    help="Dense scene parsing at a compute budget: per-pixel maps of photographs, videos and cameras.",
    epilog=HELP,
    no_args_is_help=True,
    # Plain text that can be read, searched and piped anywhere.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _add(verb: Callable[..., None], legend: str = "", settings: dict[str, Any] | None = None) -> None:
    """Make `verb` a verb of that name; its help ends with `legend` and the table of exit codes."""
    app.command(epilog="\n\n".join(filter(None, (legend, HELP))), context_settings=settings)(verb)


_add(parse.parse, parse.LEGEND)
_add(extras.serve)
_add(models.models, models.LEGEND)
_add(bench.bench, bench.LEGEND)
_add(extras.doctor)
_add(extras.export, settings=extras.EXPORT_SETTINGS)
VERBS = list(typer.main.get_group(app).commands)


def _print_version(wanted: bool) -> None:
    if wanted:
        from service import VERSION  # noqa: PLC0415 - quick --help

        print(f"pag {VERSION}")
        raise typer.Exit


@app.callback()
def _pag(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end."),
    ] = False,
) -> None:
    if context.invoked_subcommand not in HANDING_OVER:
        for number in SIGNALS:
            signal.signal(number, _on_signal)


def main() -> NoReturn:
    """Run the command line and end the process with one of the documented codes."""
    _end(run())


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, by default that of the process; prints what went wrong, returns the exit code."""
    try:
        app(arguments, prog_name="pag")
    except Stop as stop:
        if str(stop):
            print(f"pag: {printable(stop)}", file=sys.stderr)
        return stop.code
    except SystemExit as end:
        if isinstance(end.code, str):
            print(printable(end.code), file=sys.stderr)
        return end.code if isinstance(end.code, int) else DONE if end.code is None else SOME_FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return DONE


def _on_signal(number: int, _: FrameType | None) -> None:
    """Raise Interrupted; a second signal ends the process at once."""
    code = SIGNALS[signal.Signals(number)]
    if _received:
        # Whatever unwinds takes too long, perhaps a camera that does not answer.
        remove_unfinished()
        os._exit(code)
    _received.append(code)
    # That the service breaks off its requests is expected.
    logging.disable()
    raise Interrupted(code)


def _end(code: int) -> NoReturn:
    if threading.active_count() == 1:
        sys.exit(code)
    # Requests in flight must not hold the process.
    remove_unfinished()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
