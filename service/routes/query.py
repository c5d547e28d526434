"""What a query may not be, whatever its parameters mean."""

from __future__ import annotations

from collections import Counter

from starlette.requests import HTTPConnection

from service.errors import InvalidParameter


def refuse_repeated(request: HTTPConnection) -> None:
    """InvalidParameter if a parameter is given twice: which one counts, no two servers agree on."""
    counts = Counter(name for name, _ in request.query_params.multi_items())
    for name, count in counts.items():
        if count > 1:
            raise InvalidParameter(f"The parameter {name!r} is given {count} times; give it once.")
