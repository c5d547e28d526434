"""Where a Chromium is that tests and pictures of the page may drive; Playwright brings none of its own."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

FETCHED = Path(__file__).parents[1] / "build/chromium/chromium"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = (
    "no Chromium: scripts/fetch_chromium.sh unpacks one (Debian), or install one, or name one by PAG_CHROMIUM"
)
FLAGS = (
    # The camera is a film of the browser's own, and permission is granted without a prompt.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    # WebGL without a graphics card.
    "--enable-unsafe-swiftshader",
    # What tests read back from canvases is then where they read it.
    "--disable-accelerated-2d-canvas",
    # There is no other host: what asks for one fails.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def find_chromium() -> Path | None:
    """The one named by PAG_CHROMIUM, else one installed, else the one fetched, else none."""
    named = os.environ.get("PAG_CHROMIUM")
    if named:
        return Path(named)
    installed = next(filter(None, map(shutil.which, NAMES)), None)
    if installed:
        return Path(installed)
    return FETCHED if FETCHED.exists() else None
