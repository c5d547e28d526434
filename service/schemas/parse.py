"""The query of POST /parse, and the metadata of its answers."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.model_folder.geometry import Size
from service.model_folder.maps import ClassEntry
from service.model_folder.operating_point import Reason


class RequestOptions(BaseModel):
    """Options of one image; unknown names are refused, since a misspelt budget would pass unnoticed."""

    model_config = ConfigDict(extra="forbid")
    #: Of parameters of earlier releases and of other routes: how each is called here.
    elsewhere: ClassVar[dict[str, str]] = {"tasks": "tasks is called maps now"}

    budget: Annotated[
        float | None,
        Field(
            gt=0,
            le=1,
            allow_inf_nan=False,
            description="Ceiling on the share of the full network's multiply-adds at the photograph's "
            "working size. Low ones may lower the working resolution (budget_scales in GET /models). Below "
            "the model's floor the floor is served. Default: the server's or the model's.",
        ),
    ] = None
    min_budget: Annotated[
        float | None,
        Field(
            gt=0,
            le=1,
            allow_inf_nan=False,
            description="Least budget that load or a deadline may lower this request to; where less would "
            "be needed it is refused. min_budget=budget opts out of both. Unset: the model's floor for "
            "deadlines, the larger of it and PAG_BROWNOUT_FLOOR under load.",
        ),
    ] = None
    deadline_ms: Annotated[
        float | None,
        Field(
            gt=0,
            le=3_600_000,
            allow_inf_nan=False,
            description="Milliseconds from the request's arrival within which the answer is of use: the "
            "largest budget predicted to meet it is chosen. Missed: 504; hopeless: 503 or 429 at once.",
        ),
    ] = None
    maps: Annotated[
        str | None,
        Field(
            description="Comma-separated names of maps to return, of those that GET /models lists for the "
            "model. Default: its default_maps, all but those of kind share. These show where the gated "
            "compute went: the share, 0 to 1, of the gated multiply-adds that was done at each pixel as the "
            "network saw it, at its scale."
        ),
    ] = None
    size: Annotated[
        Size | None,
        Field(
            description="Size of the maps: the photograph's (input) or the size at which the network saw it "
            "(model), which depends on the budget where the model has scales. Default: the server's "
            "PAG_DEFAULT_SIZE."
        ),
    ] = None
    model: Annotated[str | None, Field(description="Name of the model. Default: the server's.")] = None


class ParseQuery(RequestOptions):
    """Query parameters of POST /parse."""

    elsewhere: ClassVar[dict[str, str]] = {
        **RequestOptions.elsewhere,
        "answer": "answer is of /stream: here the Accept header chooses, and output=overlay",
        "format": "the Accept header chooses the format",
    }

    output: Annotated[
        Literal["maps", "overlay", "summary", "regions"],
        Field(
            description="The maps themselves; the photograph in the classes' colours as image/png "
            "(overlay); JSON without pixels: shares of classes, least, median and largest values (summary); "
            "the same with the region of each class as COCO writes it, box and run lengths (regions)."
        ),
    ] = "maps"


class BudgetMeta(BaseModel):
    """The requested budget, the one that was used, and its exact price."""

    requested: float
    used: float
    reason: Reason = Field(
        description="client: as requested; default: none requested; deadline: lowered to meet deadline_ms; "
        "brownout: lowered because many wait; floor: raised to the least that the model serves, which "
        "padding can raise above the model's floor for small photographs."
    )
    scale: float = Field(description="Working resolution: share of the photograph's working size, per side.")
    share: float = Field(
        description="Share spent of the full network's multiply-adds at the photograph's working size."
    )
    multiply_adds: int


class ModelMeta(BaseModel):
    """Which model answered."""

    name: str
    version: str


class ImageMeta(BaseModel):
    """The photograph, upright."""

    height: int
    width: int
    format: str


class SizeMeta(BaseModel):
    """Size of the maps, and the sizes (height, width) at which the network saw the photograph."""

    mode: Size
    height: int
    width: int
    network: tuple[int, int]
    network_padded: tuple[int, int]


class RunLengths(BaseModel):
    """A mask as COCO's uncompressed run-length encoding."""

    size: tuple[int, int] = Field(description="Height and width.")
    counts: list[int] = Field(
        description="Pixels outside, inside, outside, ... column after column; begins with those outside."
    )


class Region(BaseModel):
    """Where a class is; boxes are left, top, width, height in pixels of the map."""

    area: int = Field(description="Pixels of the class.")
    bbox: tuple[int, int, int, int] = Field(description="Box around all of it.")
    pieces: list[tuple[int, int, int, int]] = Field(
        description="Boxes of its connected pieces of at least a thousandth of the map, largest first."
    )
    segmentation: RunLengths


class ClassSummary(BaseModel):
    """One class that is seen."""

    id: int
    name: str
    share: float = Field(description="Of all pixels.")
    region: Region | None = Field(default=None, description="With output=regions.")


class MapSummary(BaseModel):
    """A map in a few numbers; what does not belong to its kind is left out."""

    classes: list[ClassSummary] | None = Field(default=None, description="Of labels: largest first.")
    void_share: float | None = Field(default=None, description="Of labels: pixels without a class.")
    minimum: float | None = None
    median: float | None = None
    maximum: float | None = None
    known_share: float | None = Field(default=None, description="Share of pixels that have a value.")
    mean: list[float] | None = Field(default=None, description="Of vectors.")


class MapMeta(BaseModel):
    """Metadata by which one map is read."""

    kind: str = Field(description="Kind of the map, which says how to read it: see GET /models.")
    file: str | None = Field(default=None, description="Name in a zip archive.")
    array: str | None = Field(default=None, description="Name in an npz archive.")
    dtype: str
    unit: str
    invalid: int | float | str | None = None
    formula: str | None = Field(default=None, description="From stored value v to the quantity.")
    frame: str | None = None
    classes: tuple[ClassEntry, ...] | None = None
    png: str | None = Field(default=None, description="The PNG in base64, in application/json only.")
    summary: MapSummary | None = Field(default=None, description="With output=summary or regions.")


class ParseMeta(BaseModel):
    """Everything about an answer but its pixels."""

    request_id: str
    model: ModelMeta
    budget: BudgetMeta
    image: ImageMeta
    size: SizeMeta
    milliseconds: dict[str, float] = Field(description="Per stage; see also the header Server-Timing.")
    maps: dict[str, MapMeta]
