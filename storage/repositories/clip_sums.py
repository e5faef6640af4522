"""Reads what a rollup needs of many customers by ranges of ids in Firestore's order, and only the fields it needs.

Ranges end before any customer, also one whose id is a number of Datastore: Firestore compares such ids itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from storage.clients import firestore
from storage.domain.amounts import StoredSum
from storage.domain.documents import Accounting
from storage.domain.search_index import TITLED
from storage.repositories import columns
from storage.repositories.columns import AT_ONCE, Entries
from storage.repositories.decode import relative_path
from storage.repositories.queries import RecordQueries, build
from storage.repositories.records import SIZE, Records

_BEHIND = ["videos~", "~"]  # behind everything that is below a customer's videos


@dataclass(slots=True)
class ClipSum:
    """The clips of one customer: their number, and the sum of their sizes."""

    count: int = 0
    sizes: StoredSum = field(default_factory=StoredSum)


@dataclass(frozen=True, slots=True)
class TitledPage:
    """A page of videos or clips by path, each with its title and its size as stored, `None` where it has none."""

    paths: Sequence[str]
    titles: Sequence[str | None]
    sizes: Sequence[int | float | None]

    @property
    def titled(self) -> Iterator[tuple[str, str]]:
        """The paths and titles of those that have one."""
        return ((path, title) for path, title in zip(self.paths, self.titles, strict=True) if title)

    def add_to(self, sums: dict[str, ClipSum]) -> None:
        """Adds the clips to the sums of their customers, by uid: those that `clip_totals` of a customer counts."""
        for path, size in zip(self.paths, self.sizes, strict=True):
            root, uid, *below = path.split("/", 4)
            if root != "users" or below[:2] >= _BEHIND:
                continue
            found = sums.get(uid)
            if found is None:
                found = sums[uid] = ClipSum()
            found.count += 1
            if size is not None:
                found.sizes.add(size)


class SumRecords(RecordQueries):
    """Reads from the customer `start` (included) to the customer `end` (excluded), each empty for no limit."""

    @property
    def served(self) -> bool:
        """Whether the backend is not known to refuse collection groups by ranges of names."""
        return not self._refused

    def accountings(self, start: str, end: str) -> dict[str, Accounting]:
        """The newer counters by uid. Those who have none cost nothing."""
        query = build("storage_accounting", where=self._ids_between("storage_accounting", start, end))
        found: dict[str, Accounting] = {}
        for answers in self._pages(query, "Reading the storage accounting"):
            for answer in answers:
                document = firestore.RunQueryResponse.FromString(answer).document
                found[document.name.rpartition("/")[2]] = columns.accounting(document)
        return found

    def titled(self, collection_id: str, start: str, end: str) -> Iterator[TitledPage]:
        """The videos or the clips of the customers, a read each."""
        title = TITLED[collection_id][0]
        wanted = (title, SIZE) if collection_id == "clips" else (title,)
        query = self._below_users(collection_id, start, end, wanted)
        for answers in self._pages(query, f"Adding up the {collection_id}"):
            for at in range(0, len(answers), AT_ONCE):
                yield _page(answers[at : at + AT_ONCE], title)

    def _pages(self, query: firestore.StructuredQuery, operation: str) -> Iterator[list[bytes]]:
        place: str | None = None
        while True:
            answers, place = self._page_of(query, operation, place, self._bulk_page)
            yield answers
            if place is None:
                return


def _page(answers: Sequence[bytes], title: str) -> TitledPage:
    entries = Entries(answers)
    entries.select([title, SIZE])
    whole, double = entries.cells(SIZE, "integer_value"), entries.cells(SIZE, "double_value")
    sizes = [one if one is not None else other for one, other in zip(whole, double, strict=True)]
    paths = [relative_path(name) for name in entries.names.to_pylist()]
    return TitledPage(paths, entries.cells(title, "string_value"), sizes)


def sum_records(records: Records) -> SumRecords:
    """The same reads over the handle of these records."""
    return SumRecords(records._handle, records._clock, bulk_page=records._bulk_page, ranged=not records._refused)
