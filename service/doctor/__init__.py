"""`pag doctor`: what would keep this machine from serving, or from serving well, and the fix."""

from __future__ import annotations
