"""Users that only the bucket knows: objects under a uid of which Firestore holds nothing any more, not even a phantom.

A scan user by user starts from Firestore and never meets them; they are what an interrupted purge leaves behind. The
bucket's folders are found by jumping from one to the next: one billed listing and one document read for each uid.
"""

from __future__ import annotations

from collections.abc import Iterator

from storage.domain.integrity import Report
from storage.domain.layout import OPS_PREFIX
from storage.ids import is_stored_id
from storage.verify import verify_user
from storage.verify_facts import WHOLE, Checker, Scope

_LAST = "\U0010ffff"  # nothing below a folder sorts behind it
_SHARED = ("users/", "sources/", "clips/", OPS_PREFIX)  # folders that are no user's where the layout has no prefix


def bucket_uids(checker: Checker, after: str | None = None) -> Iterator[str]:
    """Every uid that has a folder under the configured prefix, in the bucket's order, one listing each.

    `after` goes on behind that uid. Raises what keeps the bucket from being listed.
    """
    prefix = checker.layout.prefix
    start = None if after is None else checker.layout.user_prefixes(after)[0] + _LAST
    while True:
        page = next(checker.objects.list_pages(prefix, start, limit=1), None)
        if page is None or not len(page.frame):
            return
        key = str(page.frame["key"].iloc[0])
        uid, slash, _ = key[len(prefix) :].partition("/")
        folder = f"{uid}{slash}"
        start = key[: len(prefix) + len(folder)] + _LAST if slash else key
        if slash and is_stored_id(uid) and not (not prefix and folder in _SHARED):
            yield uid


def verify_strangers(checker: Checker, after: str | None = None, scope: Scope = WHOLE) -> Iterator[Report]:
    """A report for each user of the bucket whom Firestore does not know: all that is there is left over."""
    for uid in bucket_uids(checker, after):
        if checker.records.user(uid) is None:
            yield verify_user(checker, uid, scope=scope)
