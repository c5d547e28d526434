"""Requests and answers of the Open Inference Protocol v2, with Triton's extensions."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from service.model_folder.geometry import Size
from service.model_folder.operating_point import Reason
from service.wording import SHOWN_CHARACTERS, unknown_name
from service.wording import in_words as one_in_words

Datatype = Literal["UINT8", "FP32", "BYTES"]
Dimension = Annotated[int, Field(ge=1, le=2**31 - 1)]
# As some servers' clients write it; what it may say is what is read anyway.
ContentType = Annotated[
    Literal["np", "base64"] | None,
    Field(description="np of pixels, base64 of photographs in JSON; changes nothing."),
]
Share = Annotated[float | None, Field(gt=0, le=1, allow_inf_nan=False)]
SHOWN_ERRORS = 4
ROOT = "/v2"


class V2Error(BaseModel):
    """The body of every error below /v2."""

    error: str


class ServerMetadata(BaseModel):
    """Who serves, and which extensions of the protocol."""

    name: str
    version: str
    extensions: list[str]


class ServerLive(BaseModel):
    """Whether the process answers."""

    live: bool


class ServerReady(BaseModel):
    """Whether requests are served now."""

    ready: bool


class ModelReady(BaseModel):
    """Whether requests for one model are served now."""

    name: str
    ready: bool


class TensorMetadata(BaseModel):
    """An input or output; -1 marks sides that differ between requests."""

    name: str
    datatype: Datatype
    shape: list[int]


class ModelMetadata(BaseModel):
    """One model's versions, inputs and outputs."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    properties: dict[str, str] = Field(description="What the tensors' metadata have no words for.")


RepositoryState = Literal["READY", "LOADING", "UNAVAILABLE"]


class RepositoryEntry(BaseModel):
    """One model of the repository's index."""

    name: str
    version: str
    state: RepositoryState
    reason: str


class Closed(BaseModel):
    """Base of what clients send: a misspelt member is refused, since it would pass unnoticed."""

    model_config = ConfigDict(extra="forbid", strict=True)
    elsewhere: ClassVar[dict[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _all_known(cls, members: Any) -> Any:
        unknown = [] if not isinstance(members, dict) else [n for n in members if n not in cls.model_fields]
        if unknown:
            name = unknown[0]
            reason = next((why for start, why in cls.elsewhere.items() if name.startswith(start)), None)
            raise ValueError(
                f"{name[:SHOWN_CHARACTERS]!r}: {reason}; possible here: {', '.join(cls.model_fields)}"
                if reason
                else unknown_name(name, "member", cls.model_fields)
            )
        # Writers of JSON in some languages name what they leave out.
        return {n: v for n, v in members.items() if v is not None} if isinstance(members, dict) else members


class InputParameters(Closed):
    """Parameters of an input tensor."""

    elsewhere = {"shared_memory": "shared memory is not supported"}

    binary_data_size: Annotated[
        int | None, Field(ge=0, description="Bytes of the tensor after the JSON; without it, see data.")
    ] = None
    content_type: ContentType = None


class InputTensor(Closed):
    """The photographs, either as pixels or as encoded files."""

    name: str = Field(description="The only input.", json_schema_extra={"enum": ["image"]})
    shape: Annotated[
        list[Dimension],
        Field(
            min_length=1,
            max_length=4,
            description="[H,W,3] or [N,H,W,3] of UINT8: RGB pixels. [N] or [N,1] of BYTES: encoded "
            "photographs.",
        ),
    ]
    datatype: Literal["UINT8", "BYTES"]
    parameters: InputParameters = InputParameters()
    data: list[Any] | None = Field(
        default=None,
        description="Where no binary data are sent: whole numbers, flat or nested by the shape; of BYTES the "
        "files in base64.",
    )


class OutputParameters(Closed):
    """Parameters of a requested output."""

    elsewhere = {
        "classification": "the maps are no classifications of a whole image",
        "shared_memory": "shared memory is not supported",
    }

    binary_data: bool | None = Field(
        default=None, description="Binary after the JSON, or within it. Default: binary_data_output."
    )
    content_type: ContentType = None


class RequestedOutput(Closed):
    """An output that is wanted."""

    name: str = Field(description="One of the model's outputs, which are its maps.")
    parameters: OutputParameters = OutputParameters()


class InferParameters(Closed):
    """The budget, the size of the maps, and Triton's schedule policy."""

    elsewhere = {
        "sequence_": "these models keep no state, so there are no sequences",
        "triton_": "names that begin so are reserved by the protocol",
        "headers": "reserved by the protocol",
    }

    budget: Share = Field(
        default=None,
        description="Ceiling on the share of the full network's multiply-adds, as in POST /parse.",
    )
    min_budget: Share = Field(default=None, description="Rather an error than less than this.")
    deadline_ms: Annotated[
        float | None,
        Field(
            gt=0,
            allow_inf_nan=False,
            description="Milliseconds from the request's arrival within which the answer is wanted; lowers "
            "the budget where needed.",
        ),
    ] = None
    size: Size | None = Field(
        default=None, description="Size of the maps: the photograph's, or that at which the network saw it."
    )
    timeout: Annotated[
        int, Field(ge=0, le=2**53, description="The deadline in microseconds instead; 0: none.")
    ] = 0
    priority: Annotated[
        int, Field(ge=0, le=2**31 - 1, description="1 is served first; 0: the default, which is 100.")
    ] = 0
    binary_data_output: bool = Field(
        default=False, description="Whether outputs that do not say otherwise are binary."
    )
    content_type: ContentType = None

    @model_validator(mode="after")
    def _one_deadline(self) -> InferParameters:
        if self.deadline_ms is not None and self.timeout:
            raise ValueError("deadline_ms and timeout are two names of one thing: send one of them")
        return self

    @property
    def seconds(self) -> float | None:
        """Time for the answer, if any was stated."""
        if self.timeout:
            return self.timeout / 1e6
        return None if self.deadline_ms is None else self.deadline_ms / 1e3


class InferRequest(Closed):
    """One to `PAG_MAX_IMAGES` photographs and what is wanted of them."""

    id: Annotated[str | None, Field(max_length=256, description="Returned in the answer.")] = None
    model_name: str | None = Field(default=None, description="The model of the path, once more.")
    model_version: str | None = Field(default=None, description="Its version, once more.")
    inputs: Annotated[list[InputTensor], Field(min_length=1, max_length=1)]
    outputs: list[RequestedOutput] = Field(
        default=[], max_length=16, description="None: the model's default_maps of GET /models."
    )
    parameters: InferParameters = InferParameters()


class AnswerParameters(BaseModel):
    """The budget and its price; of several images, of the one that got the least."""

    budget_requested: float
    budget_used: float
    budget_reason: Reason
    share: float
    scale: float
    budgets_used: str | None = Field(
        default=None, description="With several images: of each, in their order, separated by commas."
    )


class BinarySize(BaseModel):
    """Parameters of an output whose data follow the JSON."""

    binary_data_size: int


class OutputTensor(BaseModel):
    """A map of every image: UINT8 [N,H,W] of kind labels, FP32 [N,H,W,3] of vectors, else FP32 [N,H,W].

    What is not known of a map of kind metric is NaN, which JSON writes as null.
    """

    name: str
    datatype: Datatype
    shape: list[int]
    parameters: BinarySize | None = None
    data: list[float | None] | None = Field(default=None, description="Flat, where not binary.")


class InferResponse(BaseModel):
    """The maps and their price."""

    model_name: str
    model_version: str
    id: str | None = None
    parameters: AnswerParameters
    outputs: list[OutputTensor]


def in_words(error: ValidationError) -> str:
    """The errors of an InferRequest as one line, each with its place."""
    found = error.errors(include_url=False)
    words = [_describe(item["loc"], one_in_words(item, InferRequest)) for item in found[:SHOWN_ERRORS]]
    more = [f"and {len(found) - SHOWN_ERRORS} more"] if len(found) > SHOWN_ERRORS else []
    return "; ".join([*words, *more])


def _describe(place: tuple[int | str, ...], message: str) -> str:
    where = ".".join(map(str, place))
    return f"{where}: {message}".removeprefix(": ")
