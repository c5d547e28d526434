"""`pag doctor`: checks of the machine and the settings, each failure with its fix."""

from __future__ import annotations
