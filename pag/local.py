"""The service in a thread of this process, for programs that want maps without a server to operate."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Self

import httpx

from pag.client import Client, PagError

try:
    from pag.local_logs import log_warnings_only
    from service.app import checked_app
    from service.engine.resources import resolve_resources
    from service.errors import StartupError
    from service.settings import read_settings
    from service.transport.server import Server
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] in ("pag", "service"):
        raise
    fix = f"{error.name} is not installed: pip install 'pag-parse[serve]' (on an NVIDIA GPU: [serve-gpu])"
    raise ModuleNotFoundError(f"pag.local runs the service, and {fix}", name=error.name) from error

POLL_SECONDS = 0.01
# The server checks ten times a second whether it shall end.
END_SECONDS = 5.0

# One user, whose own work it is: nothing is lowered or refused because others wait, nobody needs a key.
ALONE: dict[str, Any] = {
    "api_keys": "",
    "cors_origins": "",
    "tracing": "off",
    "brownout": False,
    "max_wait_seconds": 3600.0,
    "timeout_seconds": 3600.0,
    "max_body_bytes": 2**30,
    "reload_seconds": 0.0,
    "shutdown_seconds": 0,
    "log_level": "warning",
}


class CannotStart(PagError):
    """The service cannot start in this process; the message names the cause and the fix."""


# What an address of a Unix socket holds on every system, less the name of the socket.
LONGEST_FOLDER_BYTES = 90


def _private_folder() -> Path:
    """A folder that only this user may enter, so only this user may connect to a socket in it."""
    folder = Path(tempfile.mkdtemp(prefix="pag-"))
    if len(os.fsencode(folder)) <= LONGEST_FOLDER_BYTES:
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix="pag-", dir="/tmp"))


class LocalServer:
    """The service on a private Unix socket, warmed up inside a `with` block.

    `settings`: as in `service.settings.Settings`. CannotStart, here or at the block's start, names what keeps
    the service from starting.
    """

    def __init__(self, **settings: Any) -> None:
        log_warnings_only()
        try:
            self.settings = read_settings(**{**ALONE, **settings})
            app = checked_app(self.settings)
            self._server = Server(app, self.settings)
        except StartupError as error:
            raise CannotStart(str(error)) from error
        self._process = os.getpid()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="pag-service", daemon=True)
        self._folder: Path | None = None

    @property
    def url(self) -> str:
        """Its address, in the form that clients take."""
        return f"unix:{self._socket}"

    @property
    def jobs(self) -> int:
        """Number of requests in flight that keeps its threads busy."""
        resources = resolve_resources(self.settings)
        return resources.workers + resources.codec_threads

    def client(self, **options: Any) -> Client:
        """A client of it, with the arguments of `Client`."""
        return Client(self.url, **options)

    def start(self) -> None:
        """Start the thread and return once the service is warmed up; CannotStart if it cannot."""
        self._folder = _private_folder()
        self._server.config.uds = str(self._socket)
        self._thread.start()
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the service; running requests are not waited for. A forked process ends nothing."""
        if self._process != os.getpid():
            return
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(END_SECONDS)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _socket(self) -> Path:
        if self._folder is None:
            raise RuntimeError("the server is not started: use it in a with block")
        return self._folder / "service.sock"

    def _run(self) -> None:
        try:
            self._server.run()
        except BaseException as error:
            # Raised in the thread that waits for it.
            self._failure = error

    def _wait(self) -> None:
        while not self._server.started:
            if not self._thread.is_alive():
                raise CannotStart(str(self._failure or "the server ended by itself"))
            time.sleep(POLL_SECONDS)
        with httpx.Client(transport=httpx.HTTPTransport(verify=False, uds=str(self._socket))) as client:
            while (state := client.get("http://pag/readyz").json()["status"]) != "ready":
                if state == "failed":
                    raise CannotStart("a model cannot be run; the warning above says why: export it anew")
                time.sleep(POLL_SECONDS)
