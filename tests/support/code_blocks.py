"""Code blocks of a page of documentation: found, and run in order as a reader would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(
    r"^(?P<skip><!-- not run: .+ -->\n)?```(?P<language>sh|python)\n(?P<code>.*?)^```$", re.M | re.S
)
SERVER = "127.0.0.1:8000"
GUARD_SECONDS = 300


@dataclass(frozen=True)
class Block:
    """One fenced block: `language` is sh or python, `line` where its code starts."""

    language: str
    code: str
    line: int
    run: bool


def blocks_of(page: Path) -> list[Block]:
    """The fenced sh and python blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            match["language"],
            match["code"],
            text.count("\n", 0, match.start("code")) + 1,
            match["skip"] is None,
        )
        for match in FENCE.finditer(text)
    ]


def run(block: Block, folder: Path, server: str) -> subprocess.CompletedProcess[str]:
    """Run one block in `folder`; the documented address becomes that of `server`, host and port."""
    code = block.code.replace(SERVER, server)
    command = (
        ["bash", "-euo", "pipefail", "-c", code] if block.language == "sh" else [sys.executable, "-c", code]
    )
    environment = os.environ | {
        # What the page calls pag and python are those of this environment.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PAG_SERVER": f"http://{server}",
        "TERM": "dumb",
    }
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=GUARD_SECONDS,
        check=False,
    )
