"""The one contract between export and service: the files in `weights/<name>/`, what they promise, and the
arithmetic of sizes and budgets that both halves need.
"""

from __future__ import annotations
