"""Changes of a model folder while it is served: whole ones, half-written ones, broken ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from service.model_folder.manifest import MANIFEST_NAME, MODEL_NAME


class Changes:
    """Makes one change after another to the only model below `weights`, which is a copy to play with."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._whole = folder.parent / f".{folder.name}.whole"
        shutil.copytree(folder, self._whole)
        self.made = {"replaced": 0, "broken": 0}

    def make(self) -> None:
        """Every fourth change breaks the folder, in one of two ways; the next one mends it."""
        number = sum(self.made.values())
        if number % 4 != 3:
            self.replace(number)
        elif number % 8 == 3:
            self.cut(MODEL_NAME)
        else:
            self.cut(MANIFEST_NAME)

    def replace(self, number: int) -> None:
        """The same network under another version, file by file as a copying user would."""
        manifest = json.loads((self._whole / MANIFEST_NAME).read_text(encoding="utf-8"))
        manifest["version"] = f"{manifest['version']}+soak.{number}"
        for path in self._whole.iterdir():
            if path.name != MANIFEST_NAME:
                shutil.copyfile(path, self._folder / path.name)
        (self._folder / MANIFEST_NAME).write_text(json.dumps(manifest), encoding="utf-8")
        self.made["replaced"] += 1

    def cut(self, name: str) -> None:
        """One file loses its second half."""
        data = (self._folder / name).read_bytes()
        (self._folder / name).write_bytes(data[: len(data) // 2])
        self.made["broken"] += 1
