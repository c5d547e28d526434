"""Where a server is: an http(s) URL or unix:/path/of/a/socket."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

SOCKET = "unix:"


@dataclass(frozen=True)
class Address:
    """A server's URL without a slash at its end, and the path of its socket if it has one."""

    url: str
    socket: str | None = None

    @property
    def websocket_url(self) -> str:
        """The same for streams."""
        return "ws" + self.url.removeprefix("http")

    @property
    def is_secure(self) -> bool:
        """Whether TLS is spoken."""
        return self.url.startswith("https:")

    @property
    def is_here(self) -> bool:
        """Whether the server is on this machine, where no proxy belongs between."""
        host = urlsplit(self.url).hostname or ""
        if self.socket is not None or host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return self.url if self.socket is None else SOCKET + self.socket


def read_address(url: str) -> Address:
    """The address that `url` means; ValueError names what is wrong with it."""
    # A line's end of a file or a variable of the environment means nothing.
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
        known = parts.port != 0
    except ValueError:
        known = False
    if not known:
        port = parts.netloc.rpartition(":")[2]
        raise ValueError(f"{parts.hostname}: a port is a number from 1 to 65535, not {port}")


def tls_context(verify: ssl.SSLContext | bool) -> ssl.SSLContext:
    """TLS settings of a stream that match those of requests."""
    if isinstance(verify, ssl.SSLContext):
        return verify
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
