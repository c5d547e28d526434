"""The README's table of settings is that of the service as it is."""

from __future__ import annotations

from pathlib import Path

from service.settings import settings_table

README = Path(__file__).parents[2] / "README.md"


def test_the_table_of_settings_is_up_to_date() -> None:
    assert settings_table() in README.read_text(encoding="utf-8"), "run: pag serve --settings"
