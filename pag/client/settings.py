"""How a client is set up; the same for the sync and the async one."""

from __future__ import annotations

import random
import ssl
import time
from dataclasses import dataclass
from typing import Any

from pag.client.address import Address, read_address
from pag.client.exchange import Terms, Try
from pag.client.requests import known_headers
from pag.client.retries import Retries


@dataclass(frozen=True)
class Settings:
    """Whom a client asks, how patiently, and what it says of itself."""

    address: Address
    headers: dict[str, str]
    verify: ssl.SSLContext | bool
    trust_env: bool
    terms: Terms

    def now(self) -> float:
        """Time from which a call's timeout and deadline count."""
        return self.terms.clock()

    def http_options(self, transport: Any, socket_transport: type[Any]) -> dict[str, Any]:
        """Arguments for the HTTP library's client; `socket_transport` makes one for a Unix socket."""
        if transport is None and self.address.socket is not None:
            transport = socket_transport(uds=self.address.socket)
        return {
            "headers": self.headers,
            # To read the certificates takes longer than many a call: not where no TLS is spoken.
            "verify": self.verify if self.address.is_secure or self.trust_env else False,
            "trust_env": self.trust_env,
            "transport": transport,
            # Each try brings its own.
            "timeout": None,
        }

    def http_arguments(self, step: Try) -> dict[str, Any]:
        """Arguments for sending one try with the HTTP library."""
        request = step.request
        return {
            "method": request.method,
            "url": self.address.url + request.path,
            "params": request.parameters,
            "headers": request.headers,
            "content": request.body,
            "timeout": step.seconds,
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
    """Settings as `Client` and `AsyncClient` take them; ValueError names what cannot be."""
    if timeout is not None and not timeout > 0:
        raise ValueError(f"timeout is in seconds and more than 0, or None for no limit; not {timeout}")
    if retries < 0 or not transfer_seconds >= 0:
        raise ValueError("retries and transfer_seconds are 0 or more")
    address = read_address(url)
    # A proxy of the environment knows no way to this machine's own servers.
    trusting = not address.is_here if trust_env is None else trust_env
    terms = Terms(
        address=str(address),
        timeout=timeout,
        transfer_seconds=transfer_seconds,
        retries=Retries(retries),
        clock=time.monotonic,
        random=random.random,
    )
    return Settings(address, known_headers(key), verify, trusting, terms)
