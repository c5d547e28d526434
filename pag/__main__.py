"""`python -m pag`: the command line where `pag` itself is not on the path."""

from __future__ import annotations

from pag.cli import main

if __name__ == "__main__":
    main()
