"""Lists one large prefix in several ranges side by side: where each page takes a while, that is what counts.

A listing goes from page to page by a token, so one listing waits for every page in turn. Folders (a user's videos)
divide it, or keys that should be there: each range begins behind one of them and ends with the next one chosen. Costs
a page or less for each range, and where folders have to be asked for, one listing more for every 1,000. The keys must
come in the order of their characters, which R2 keeps; from a store that does not, all is listed again in one go.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from storage.clients.r2 import ContextThreads
from storage.domain.documents import OBJECTS, Table
from storage.errors import BackendError, BadInput, Unusable
from storage.repositories.object_checks import check_key
from storage.repositories.object_frames import joined
from storage.repositories.objects import Objects, utc_now

RANGES = 8
KEYS_A_RANGE = 1_000  # known keys for which a range of their own is worth the page that it costs more


class _OutOfOrder(Unusable):
    """The store lists in another order than that of the keys' characters, so ranges of it are no ranges of keys."""


def list_known(objects: Objects, prefix: str, keys: Iterable[str]) -> Table:
    """As `Objects.list_all(prefix)`, divided at keys that documents name, where they are so many that pages would wait.

    Being keys, they divide one large video as well as thousands of small ones. Fewer than two thousand: one listing.
    """
    known = sorted({key for key in keys if key.startswith(prefix) and _fit(key)})
    ranges = min(RANGES, len(known) // KEYS_A_RANGE)
    if ranges < 2:
        return objects.list_all(prefix)
    step = -(-len(known) // ranges)
    return _listed(objects, prefix, known[step::step])


def list_in_ranges(objects: Objects, prefix: str, folders: Sequence[str] | None = None, ranges: int = RANGES) -> Table:
    """The same table as `Objects.list_all(prefix)`, read in up to `ranges` parts at once.

    `folders` are names below the prefix where they are known (from Firestore, say; they only say where to divide, so a
    wrong one does no harm); else they are listed. As with `list_all`, a backend that fails on the way leaves an
    incomplete table with the error, and `next_cursor` is where to go on; the rows end at the first gap.
    """
    extra = 0
    if folders is None:
        try:
            folders = objects.folders(prefix)
        except BackendError:
            return objects.list_all(prefix)
        extra = max(1, -(-len(folders) // 1_000))
    return _listed(objects, prefix, _cuts(prefix, folders, ranges), extra)


def _listed(objects: Objects, prefix: str, cuts: Sequence[str], reads: int = 0) -> Table:
    """What lies behind each cut, up to and with the next, side by side. `reads` were made already."""
    bounds = list(zip((None, *cuts), (*cuts, None), strict=True))
    with ContextThreads(max_workers=len(bounds)) as threads:
        parts = list(threads.map(lambda bound: _part(objects, prefix, *bound), bounds))
    reads += sum(part.reads for part in parts)
    if any(isinstance(part.error, _OutOfOrder) for part in parts):
        whole = objects.list_all(prefix)
        return replace(whole, reads=whole.reads + reads)
    return _together(parts, reads)


def _cuts(prefix: str, folders: Sequence[str], ranges: int) -> list[str]:
    """Folders at even distances: what lies behind one, up to and with the next, is a range.

    Each ends with "/": a store that keeps folders takes a name without it for the whole folder, and begins behind that.
    """
    names = sorted({f"{name.rstrip('/')}/" for name in folders if name.startswith(prefix) and name != prefix})
    step = max(1, -(-len(names) // max(1, ranges)))
    return names[step::step]


def _fit(key: str) -> bool:
    """Whether the key can divide a listing: a document may name anything, also what no store holds, or a folder."""
    try:
        check_key(key)
    except BadInput:
        return False
    return key.isprintable() and "." in key.rpartition("/")[2]


def _part(objects: Objects, prefix: str, after: str | None, until: str | None) -> Table:
    """The keys behind `after`, up to and with `until`. What a backend does wrong is in the table."""
    pages: list[Table] = []
    error: BackendError | None = None
    ended, started = False, utc_now()
    try:
        for page in objects.list_pages(prefix, after):
            keys = page.frame["key"]
            _check_order(keys.tolist(), after if not pages else pages[-1].frame["key"].iloc[-1], prefix)
            ended = until is not None and len(keys) > 0 and keys.iloc[-1] > until
            pages.append(replace(page, frame=page.frame[keys <= until]) if ended else page)
            if ended or len(pages[-1].frame) == 0:
                break
    except BackendError as fault:
        error = fault
    complete = error is None and bool(pages) and (ended or pages[-1].complete)
    frames = [page.frame for page in pages if len(page.frame)]
    return Table(OBJECTS, joined(frames), (), complete, started, reads=len(pages), error=error)


def _check_order(keys: list[str], before: str | None, prefix: str) -> None:
    chain = keys if before is None else [before, *keys]
    if any(one >= other for one, other in pairwise(chain)):
        raise _OutOfOrder("The store lists in an order of its own.", operation="list_objects_v2", target=prefix)


def _together(parts: Sequence[Table], reads: int) -> Table:
    """The parts up to the first that did not end, as one table."""
    broken = next((number for number, part in enumerate(parts) if not part.complete), None)
    kept = parts if broken is None else parts[: broken + 1]
    frame = joined([part.frame for part in kept if len(part.frame)]).reset_index(drop=True)
    return Table(
        OBJECTS,
        frame,
        (),
        complete=broken is None,
        read_at=min(part.read_at for part in parts),
        reads=reads,
        error=None if broken is None else parts[broken].error,
        next_cursor=None if broken is None or not len(frame) else str(frame["key"].iloc[-1]),
    )
