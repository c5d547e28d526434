"""The guide's table of settings is that of the service as it is."""

from __future__ import annotations

from pathlib import Path

from service.settings import settings_table

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "settings.md"


def test_the_table_of_settings_is_up_to_date() -> None:
    assert settings_table() in PAGE.read_text(encoding="utf-8"), "run: pag serve --settings"
