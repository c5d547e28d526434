"""RFC 9457 problem details, the body of every error."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

MEDIA_TYPE = "application/problem+json"


class FieldProblem(BaseModel):
    """One parameter that was not valid."""

    location: str = Field(description="Where it stands, as query.budget.")
    detail: str


class Problem(BaseModel):
    """The body of an error; types of problem add members, such as limit or available."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="urn:problem-type: and the kind of problem.")
    title: str
    status: int
    detail: str
    instance: str = Field(description="Path of the request.")
    request_id: str
    trace_id: str | None = Field(default=None, description="W3C trace that the request belongs to.")
    errors: list[FieldProblem] | None = None
