"""Refusals in words: what a value must be, and which known name is nearest to an unknown one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

# Of what a client sent, so much is repeated.
SHOWN_CHARACTERS = 60
PREFIX_OF_OUR_OWN = "Value error, "
# Kinds of pydantic's errors.
UNKNOWN_NAME, NOT_IN_LIST = "extra_forbidden", "literal_error"
NO_BOOLEAN = {"bool_parsing", "bool_type"}
NO_SUCH_NUMBER = {
    "finite_number",
    "float_parsing",
    "float_type",
    "greater_than",
    "greater_than_equal",
    "int_from_float",
    "int_parsing",
    "int_type",
    "less_than",
    "less_than_equal",
}
BOUNDS = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` is most like, if any is."""
    found = get_close_matches(name[:SHOWN_CHARACTERS], list(known), n=1)
    return found[0] if found else None


def unknown_name(name: str, kind: str, known: Iterable[str]) -> str:
    """That `name` is no `kind`, with the nearest known name and all of them."""
    known = list(known)
    near = nearest(name, known)
    hint = f"did you mean {near}? There are" if near else "there are"
    return f"{name[:SHOWN_CHARACTERS]!r} is no {kind}: {hint} {', '.join(known)}"


def in_words(item: Mapping[str, Any], model: type[BaseModel]) -> str:
    """One of pydantic's errors about `model`, or about a model within it, as a clause that names the fix.

    `model.elsewhere`, if there is one, holds clauses about names that are those of other places.
    """
    place = [part for part in item["loc"] if isinstance(part, str)]
    model, name = _innermost(model, place), place[-1] if place else ""
    field, kind = model.model_fields.get(name), item["type"]
    shown = repr(item.get("input"))[:SHOWN_CHARACTERS]
    if kind == UNKNOWN_NAME:
        elsewhere: Mapping[str, str] = getattr(model, "elsewhere", {})
        return elsewhere.get(name) or unknown_name(name, "parameter", model.model_fields)
    if kind == NOT_IN_LIST:
        return f"{shown} is none of {item['ctx']['expected']}"
    if kind in NO_BOOLEAN:
        return f"{shown} is neither true nor false"
    if kind in NO_SUCH_NUMBER and field is not None:
        return f"{shown} is not {_numbers(field)}"
    return str(item["msg"]).removeprefix(PREFIX_OF_OUR_OWN)


def _innermost(model: type[BaseModel], place: Iterable[str]) -> type[BaseModel]:
    """The model that has the last name of `place` as a field."""
    for name in list(place)[:-1]:
        field = model.model_fields.get(name)
        kinds = () if field is None else (field.annotation, *get_args(field.annotation))
        inner = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        model = inner[0] if inner else model
    return model


def _numbers(field: FieldInfo) -> str:
    """The numbers that a field takes."""
    whole = int in (field.annotation, *get_args(field.annotation))
    bounds = " and ".join(_bounds(field))
    return f"a {'whole ' if whole else ''}number{' of ' if bounds else ''}{bounds}"


def _bounds(field: FieldInfo) -> Iterator[str]:
    for each in field.metadata:
        for name, words in BOUNDS.items():
            if (bound := getattr(each, name, None)) is not None:
                yield f"{words} {bound}"
