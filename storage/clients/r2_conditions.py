"""The condition on what a copy may overwrite, in R2's own headers, for which the SDK has no parameters.

Source: R2's page of S3 extensions, "conditional operations" in `CopyObject`. The headers are set before the request is
signed, so they are signed with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_headers: ContextVar[dict[str, str] | None] = ContextVar("condition_of_a_copy", default=None)


@contextmanager
def copy_destination(*, if_match: str | None = None, if_none_match: str | None = None) -> Iterator[None]:
    """Within the block, a `CopyObject` of this thread demands this of what lies at its destination."""
    wanted = {
        "cf-copy-destination-if-match": if_match,
        "cf-copy-destination-if-none-match": if_none_match,
    }
    token = _headers.set({name: value for name, value in wanted.items() if value is not None})
    try:
        yield
    finally:
        _headers.reset(token)


def put_destination(params: dict[str, Any], **_: Any) -> None:
    """Hook for the SDK's `before-call`, which comes before the signature is made."""
    params["headers"].update(_headers.get() or {})
