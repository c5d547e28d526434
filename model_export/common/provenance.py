"""Provenance of what is trained, exported and measured: commit, command line, machine."""

from __future__ import annotations

import platform
import shlex
import subprocess
import sys
from pathlib import Path

PROGRAM = ("python", "-m", "model_export")


def commit() -> str:
    """The checkout's commit, with "+changes" where model_export differs from it; "unknown" outside one."""
    folder = Path(__file__).parents[1]
    try:
        head = _git(folder, "rev-parse", "--short=12", "HEAD")
        return head + ("+changes" if _git(folder, "status", "--porcelain", "--", ".") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def command_line() -> str:
    """This process's command, as a user would type it at the repository's root."""
    return " ".join([*PROGRAM, *sys.argv[1:]])


def portable_command_line() -> str:
    """The same, quoted for a shell; an absolute path is cut to its last two parts."""
    words = [str(Path(*Path(word).parts[-2:])) if Path(word).is_absolute() else word for word in sys.argv[1:]]
    return shlex.join([*PROGRAM, *words])


def machine() -> str:
    """Number and name of the processors, from the operating system."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} cores of {names[0]}" if names else platform.processor() or platform.machine()
