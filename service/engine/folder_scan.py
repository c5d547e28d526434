"""The scan of the weights folder: which models changed, came or went, by names, sizes and times."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from service.model_folder.files import Fingerprint, fingerprint, model_folders


@dataclass(frozen=True)
class Changes:
    """Folders to be read again, and folders that are no more."""

    changed: frozenset[Path]
    gone: frozenset[Path]


class FolderScan:
    """Compares each scan of the weights folder with the one before; a change counts once two agree on it.

    `known` are the folders of the models that serve: what they hold now counts as a change.
    """

    def __init__(self, weights: Path, known: Iterable[Path]) -> None:
        self._weights = weights
        self._seen: dict[Path, Fingerprint | None] = dict.fromkeys(known)
        self._reported: dict[Path, Fingerprint] = {}
        self._present = frozenset(self._seen)

    def __contains__(self, folder: Path) -> bool:
        return folder in self._seen

    def scan(self) -> Changes | None:
        """Changes since the last scan, each reported once; None, as if not scanned, without any model."""
        now = self._fingerprints()
        if not now:
            return None
        changed = {folder: found for folder, found in now.items() if self._is_new(folder, found)}
        gone = self._present - now.keys() - self._seen.keys()
        self._present = (self._present | now.keys()) - gone
        # One that comes back as it was is new again.
        self._reported = {
            folder: found for folder, found in self._reported.items() if folder not in gone
        } | changed
        self._seen = dict(now)
        return Changes(frozenset(changed), gone)

    def _is_new(self, folder: Path, found: Fingerprint) -> bool:
        return found == self._seen.get(folder) and found != self._reported.get(folder)

    def _fingerprints(self) -> dict[Path, Fingerprint]:
        try:
            return {folder: fingerprint(folder) for folder in model_folders(self._weights)}
        except OSError:
            return {}
