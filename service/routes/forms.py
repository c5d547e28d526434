"""Forms: a photograph as multipart/form-data, beside which fields give options as the query does."""

from __future__ import annotations

import logging
import re
from collections import Counter
from dataclasses import dataclass, field

from pydantic import ValidationError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from service.errors import InvalidParameter, MalformedRequest
from service.problems import invalid_parameter
from service.schemas.parse import ParseQuery

FIELD = "file"
FILE_FIELDS = (FIELD, "image")
FORM = "multipart/form-data"
MAX_FIELDS = 8
MAX_FIELD_BYTES = 2048
EXTENDED_NAME = re.compile(rb";\s*filename\*", re.IGNORECASE)
QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*"')
FIX = f"Send one file, in the field '{FIELD}', or the image itself as the body."

# The answer describes what is wrong with a form; the parser's own warnings would only repeat it.
logging.getLogger("python_multipart").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Upload:
    """The bytes of an image, and the options that stood in fields beside it."""

    data: bytes
    fields: dict[str, str] = field(default_factory=dict)


def is_form(request: Request) -> bool:
    """Whether the body is a form."""
    return request.headers.get("content-type", "").lower().startswith(FORM)


async def read_form(request: Request, limit: int) -> Upload:
    """The file of a form and its other fields; MalformedRequest for one that holds anything else."""
    try:
        form = await _FormParser(request, limit).parse()
    except MultiPartException as error:
        raise MalformedRequest(f"The form cannot be read: {error.message} {FIX}") from error
    try:
        fields = _fields(form)
        return Upload(await _file(form).read(), fields)
    finally:
        await form.close()


def with_fields(query: ParseQuery, fields: dict[str, str]) -> ParseQuery:
    """The query with the options of a form's fields; InvalidParameter for a wrong or contradicting one."""
    try:
        given = ParseQuery.model_validate(fields)
    except ValidationError as error:
        raise invalid_parameter(error.errors(), ParseQuery, "form") from error
    options = {name: getattr(given, name) for name in given.model_fields_set}
    for name in query.model_fields_set & options.keys():
        if getattr(query, name) != options[name]:
            values = f"{getattr(query, name)} in the query and {options[name]} in the form"
            raise InvalidParameter(f"{name} is {values}: give it once.")
    return query.model_copy(update=options)


class _FormParser(MultiPartParser):
    """Reads names and fields as UTF-8, and knows a file by its name in the extended form too (RFC 8187).

    Of the Content-Type it takes the boundary alone: RFC 7578 has no charset, and there are codecs that take
    minutes for a megabyte.
    """

    def __init__(self, request: Request, limit: int) -> None:
        _, options = parse_options_header(request.headers["content-type"])
        boundary = [b'boundary="%s"' % options[b"boundary"]] if b"boundary" in options else []
        plain = Headers(raw=[(b"content-type", b"; ".join([FORM.encode(), *boundary]))])
        limits = {"max_files": 1, "max_fields": MAX_FIELDS, "max_part_size": MAX_FIELD_BYTES}
        super().__init__(plain, request.stream(), **limits)
        # Larger files would go to the disk, which may be slow, full or read-only.
        self.spool_max_size = limit

    def on_headers_finished(self) -> None:
        """The head of a part is complete."""
        part = self._current_part
        disposition = part.content_disposition or b""
        _, plain = parse_options_header(disposition)
        if b"filename" not in plain and EXTENDED_NAME.search(QUOTED.sub(b"", disposition)):
            # What the file is called plays no part.
            part.content_disposition = disposition + b'; filename="file"'
        super().on_headers_finished()


def _fields(form: FormData) -> dict[str, str]:
    texts = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    for name, count in Counter(name for name, _ in texts).items():
        if name in FILE_FIELDS:
            fix = f"with curl write -F '{name}=@photo.jpg'. {FIX}"
            raise MalformedRequest(f"The form's field {name!r} is text and no file: {fix}")
        if count > 1:
            raise InvalidParameter(f"The form's field {name!r} is given {count} times; give it once.")
    return dict(texts)


def _file(form: FormData) -> UploadFile:
    files = [(name, value) for name, value in form.multi_items() if isinstance(value, UploadFile)]
    if not files:
        raise MalformedRequest(f"The form has no file in the field '{FIELD}'. {FIX}")
    ((name, file),) = files
    if name not in FILE_FIELDS:
        raise MalformedRequest(f"The form's file stands in the field {name!r}. {FIX}")
    return file
