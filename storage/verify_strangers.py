"""Users that only the bucket knows: objects under a uid of which Firestore holds nothing any more, not even a phantom.

A scan user by user starts from Firestore and never meets them; they are what an interrupted purge leaves behind. The
bucket's folders are found by jumping from one to the next: one billed listing and one document read for each uid.
"""

from __future__ import annotations

from collections.abc import Iterator

from storage.controls import folder_uids
from storage.domain.integrity import Report
from storage.verify import verify_user
from storage.verify_facts import WHOLE, Checker, Scope


def bucket_uids(checker: Checker, after: str | None = None) -> Iterator[str]:
    """Every uid that has a folder under the configured prefix, in the bucket's order, from behind `after` on."""
    yield from folder_uids(checker.objects, checker.layout, after)


def verify_strangers(checker: Checker, after: str | None = None, scope: Scope = WHOLE) -> Iterator[Report]:
    """A report for each user of the bucket whom Firestore does not know: all that is there is left over."""
    for uid in bucket_uids(checker, after):
        if checker.records.user(uid) is None:
            yield verify_user(checker, uid, scope=scope)
