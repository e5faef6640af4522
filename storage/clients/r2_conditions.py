"""The precondition on what a copy may overwrite, in R2's own headers, since the SDK has no parameters for it.

Source: R2's page of S3 extensions, "conditional operations" in `CopyObject`. The headers are set before the request is
signed, so the signature covers them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_headers: ContextVar[dict[str, str] | None] = ContextVar("condition_of_a_copy", default=None)


@contextmanager
def copy_destination(*, if_match: str | None = None, if_none_match: str | None = None) -> Iterator[None]:
    """Gives a `CopyObject` of this thread within the block this precondition on the object at its destination."""
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
    """Hook for the SDK's `before-call`, which runs before the signature is made."""
    params["headers"].update(_headers.get() or {})
