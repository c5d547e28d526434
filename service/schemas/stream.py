"""The options of a stream."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from service.schemas.parse import RequestOptions


class StreamQuery(RequestOptions):
    """Query parameters of GET /stream, and the options that its text messages change."""

    elsewhere: ClassVar[dict[str, str]] = {
        **RequestOptions.elsewhere,
        "output": "output is called answer here: answer=overlay, npz or zip",
    }

    answer: Annotated[
        Literal["npz", "zip", "overlay"],
        Field(
            description="Format of the maps: arrays (npz), PNGs (zip), or the photograph in the classes' "
            "colours as image/png (overlay)."
        ),
    ] = "npz"

    def changed(self, changes: dict[str, Any]) -> StreamQuery:
        """The options with `changes`, where None means back to the default; pydantic's ValidationError."""
        given = self.model_dump(exclude_unset=True) | changes
        return StreamQuery.model_validate(
            # An unknown name is refused with any value.
            {
                name: value
                for name, value in given.items()
                if value is not None or name not in StreamQuery.model_fields
            }
        )
