"""Why no answer came, as an error that names the fix."""

from __future__ import annotations

import ssl

from pag.client.errors import TlsFailed, Unreachable

# The line broke while TLS was agreed on: the next try may do better.
BROKEN = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


def unreachable(address: str, cause: Exception) -> Unreachable:
    """The error for a try that `cause` ended."""
    tls = _tls_error(cause)
    if tls is not None:
        error: Unreachable = TlsFailed(f"No TLS with {address}: {_tls_fix(tls)}.")
    else:
        said = str(cause) or type(cause).__name__
        error = Unreachable(f"No answer from {address}: {said}. Is the server running there?")
    error.__cause__ = cause
    return error


def _tls_error(cause: BaseException | None) -> ssl.SSLError | None:
    """What TLS itself found wrong, below what HTTP libraries make of it."""
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return None if isinstance(cause, BROKEN) else cause
        cause = cause.__cause__ or cause.__context__
    return None


def _tls_fix(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted ({error.verify_message}). Trust its issuer with the client's "
            "verify=ssl.create_default_context(cafile=...), or with SSL_CERT_FILE where trust_env holds"
        )
    said = (error.reason or str(error)).replace("_", " ").lower()
    return f"perhaps the server speaks none ({said}): then write http:// instead of https://"
