"""The versions of libraries whose internals this package builds on, and the check that they are installed."""

from __future__ import annotations

from importlib.metadata import version

from service.errors import StartupError

# `Server`, `Connection` and `StreamConnection` override methods and read fields that are no public interface.
# After reading the code of a newer release, raise it here and in pyproject.toml.
RELEASES = {"uvicorn": "0.54", "websockets": "17"}


def check_versions() -> None:
    """Raise StartupError, which names the installed and the needed version, unless they agree."""
    for name, release in RELEASES.items():
        installed = version(name)
        if not f"{installed}.".startswith(f"{release}."):
            raise StartupError(
                f"{name} {installed} is installed, and the service builds on internals of {release}.*: "
                f"pip install '{name}=={release}.*'"
            )
