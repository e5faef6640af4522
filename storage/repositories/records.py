"""Everything that is read from Firestore, as frozen values and tables; nothing here can change anything.

Three answers are kept apart everywhere: a value or rows; `None` or no row for what is proven absent; and an error of
`storage.errors` for what is not known, because Firestore refused, was away or took too long. No error ever becomes an
empty table. Ids are checked before anything is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from storage.domain.documents import RawDocument
from storage.repositories.decode import document_to_json, raw_document
from storage.repositories.records_changes import ChangeRecords
from storage.repositories.records_clips import ClipRecords
from storage.repositories.records_fleet import FleetRecords
from storage.repositories.records_paths import document_path
from storage.repositories.records_users import UserRecords
from storage.repositories.records_videos import VideoRecords

_NOBODYS = "-clip-desk-health-"  # an id and a value that no document has


class Records(UserRecords, VideoRecords, ClipRecords, FleetRecords, ChangeRecords):
    """The reader. Safe to share between threads; one for each process, over its one handle."""

    def raw(self, path: str) -> RawDocument | None:
        """Any document as it stands, by its path; `None`: proven absent (something may lie below it: `children`)."""
        document = self._document(document_path(path), "Reading the document")
        return None if document is None else raw_document(document)

    def many(self, paths: Sequence[str]) -> dict[str, RawDocument | None]:
        """Many documents as they stand, by path; `None`: proven absent. All of them, or an error."""
        found = self._documents([document_path(path) for path in paths], "Reading documents")
        return {path: None if document is None else raw_document(document) for path, document in found.items()}

    def children(self, path: str) -> list[str]:
        """The ids of the collections below a document, whether it exists or not; an empty path: the top ones."""
        checked = document_path(path) if path else ""
        return sorted(self._handle.list_collection_ids(checked, operation="Listing collections"))

    def documents(self, path: str, collection_id: str) -> tuple[RawDocument, ...]:
        """All documents of one collection below a document as they stand; phantoms have `fields` `None`."""
        checked = document_path(f"{path}/{collection_id}/any").rpartition("/")[0]
        parent, _, collection = checked.rpartition("/")
        return self._raw_listing(parent, collection, "Listing documents")

    def exact(self, paths: Sequence[str]) -> dict[str, str | None]:
        """Documents as JSON without any loss, for quarantine, by path; `None`: proven absent. All, or an error."""
        found = self._documents([document_path(path) for path in paths], "Reading documents")
        return {path: None if document is None else document_to_json(document) for path, document in found.items()}

    def indexed_queries(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """Every query that needs a declared index, by the index's name, asked so that next to nothing is read."""
        yield "videos.video_id", partial(self.find_videos, video_id=_NOBODYS, limit=1)
        yield "videos.youtube_id", partial(self.find_videos, youtube_id=_NOBODYS, limit=1)
        yield "videos.video_url", partial(self.find_videos, video_url=_NOBODYS, limit=1)
        yield "clips.clip_id", partial(self.find_clips, clip_id=_NOBODYS, limit=1)
        yield "clips.filename", partial(self.find_clips, filename=_NOBODYS, limit=1)
        yield "clips.r2_key", partial(self.find_clips, r2_key=_NOBODYS, limit=1)
        yield "videos.status", partial(self.videos_by_status, [_NOBODYS], limit=1)
        yield "clips.file_size_bytes", partial(self._totals, "", self._range(_NOBODYS))
