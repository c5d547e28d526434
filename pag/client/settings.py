"""The settings of a client: the server's address, headers, TLS, time limits; the same for sync and async."""

from __future__ import annotations

import ipaddress
import random
import ssl
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import SplitResult, urlsplit

from pag.client.exchange import PLAIN, Attempt, Policy, Retries

SOCKET = "unix:"


def _installed_version() -> str:
    try:
        return version("pag-parse")
    except PackageNotFoundError:  # a checkout that is run and not installed
        return "0+checkout"


VERSION = _installed_version()
USER_AGENT = f"pag-client/{VERSION}"


@dataclass(frozen=True)
class Address:
    """A server's URL without a trailing slash, and the path of its Unix socket if it has one."""

    url: str
    socket: str | None = None

    @property
    def websocket_url(self) -> str:
        """The URL with the scheme of WebSockets."""
        return "ws" + self.url.removeprefix("http")

    @property
    def is_secure(self) -> bool:
        """Whether TLS is spoken."""
        return self.url.startswith("https:")

    @property
    def is_local(self) -> bool:
        """Whether the server is on this machine, where no proxy is needed."""
        host = urlsplit(self.url).hostname or ""
        if self.socket is not None or host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return self.url if self.socket is None else SOCKET + self.socket


@dataclass(frozen=True)
class Settings:
    """The server's address, and how requests to it are made."""

    address: Address
    headers: dict[str, str]
    verify: ssl.SSLContext | bool
    trust_env: bool
    policy: Policy

    def now(self) -> float:
        """Time in seconds from which a call's timeout and deadline count."""
        return self.policy.clock()

    def tls_context(self) -> ssl.SSLContext:
        """TLS settings of a stream that match those of requests."""
        if isinstance(self.verify, ssl.SSLContext):
            return self.verify
        context = ssl.create_default_context()
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def http_options(self, transport: Any, socket_transport: type[Any]) -> dict[str, Any]:
        """Arguments for the HTTP library's client; `socket_transport` makes one for a Unix socket."""
        if transport is None and self.address.socket is not None:
            transport = socket_transport(uds=self.address.socket)
        return {
            # A packed answer could expand to any size.
            "headers": {**self.headers, "Accept-Encoding": PLAIN},
            # Reading the certificates takes longer than many a call: not where no TLS is spoken.
            "verify": self.verify if self.address.is_secure or self.trust_env else False,
            "trust_env": self.trust_env,
            "transport": transport,
            # Each attempt brings its own.
            "timeout": None,
        }

    def http_arguments(self, attempt: Attempt) -> dict[str, Any]:
        """Arguments for one attempt with the HTTP library."""
        request = attempt.request
        return {
            "method": request.method,
            "url": self.address.url + request.path,
            "params": request.parameters,
            "headers": request.headers,
            "content": request.body,
            "timeout": attempt.seconds,
        }


def make_settings(
    url: str,
    key: str | None,
    timeout: float | None,
    retries: int,
    transfer_seconds: float,
    verify: ssl.SSLContext | bool,
    trust_env: bool | None,
) -> Settings:
    """Settings as `Client` and `AsyncClient` take them; ValueError names the one that is wrong."""
    if timeout is not None and not timeout > 0:
        raise ValueError(f"timeout is in seconds and more than 0, or None for no limit; not {timeout}")
    if retries < 0 or not transfer_seconds >= 0:
        raise ValueError("retries and transfer_seconds are 0 or more")
    address = read_address(url)
    # A proxy of the environment knows no way to this machine's own servers.
    trust_env = not address.is_local if trust_env is None else trust_env
    policy = Policy(
        address=str(address),
        timeout=timeout,
        transfer_seconds=transfer_seconds,
        retries=Retries(retries),
        clock=time.monotonic,
        random=random.random,
    )
    return Settings(address, _headers(key), verify, trust_env, policy)


def read_address(url: str) -> Address:
    """The address that `url` means; ValueError names what is wrong with it."""
    # Files and variables of the environment often end in a line feed.
    url = url.strip()
    if url.startswith(SOCKET):
        path = "/" + url.removeprefix(SOCKET).lstrip("/") if url.startswith("unix:/") else url[len(SOCKET) :]
        if not path:
            raise ValueError("a Unix socket needs its path: unix:/run/pag.sock")
        return Address("http://localhost", path)
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ValueError(f"{url!r} is no address of a server: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is no address of a server: write http://HOST:PORT or unix:/PATH")
    if parts.query or parts.fragment or parts.username:
        raise ValueError(f"{parts.hostname}: leave query, fragment and user out of a server's address")
    if any(letter.isspace() for letter in url):
        raise ValueError(f"{parts.hostname!r}: there is a space in a server's address: leave it out")
    _check_port(parts)
    return Address(url.rstrip("/"))


def _check_port(parts: SplitResult) -> None:
    try:
        valid = parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        port = parts.netloc.rpartition(":")[2]
        raise ValueError(f"{parts.hostname}: a port is a number from 1 to 65535, not {port}")


def _headers(key: str | None) -> dict[str, str]:
    """Headers of every request."""
    if key is None:
        return {"User-Agent": USER_AGENT}
    if not key.isascii() or not key.isprintable() or not key.strip():
        raise ValueError("a key is printable ASCII: this one holds other characters, or nothing")
    return {"User-Agent": USER_AGENT, "Authorization": f"Bearer {key}"}
