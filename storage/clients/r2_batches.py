"""The body of a batch of deletes, written at once: the SDK checks and serialises each key apart, which takes longer.

The call, its signature, checksum and retries stay the SDK's: it is asked for the first key alone, and just before it
sends, the body is replaced by the one for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from xml.sax.saxutils import escape

NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # what XML 1.0 cannot carry in any way

_body: ContextVar[bytes | None] = ContextVar("body_of_a_batch", default=None)


@contextmanager
def batch_of(keys: Sequence[str]) -> Iterator[None]:
    """Within the block, a `DeleteObjects` of this thread is for all of these keys, which XML must be able to hold."""
    rows = "".join(f"<Object><Key>{escape(key)}</Key></Object>" for key in keys)
    body = f'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{rows}</Delete>'.encode()
    token = _body.set(body)
    try:
        yield
    finally:
        _body.reset(token)


def put_batch(params: dict[str, Any], **_: Any) -> None:
    """Hook for the SDK's `before-call`, which comes before the checksum and the signature are made."""
    body = _body.get()
    if body is not None:
        params["body"] = body
