"""Declares each document of the product once: its fields, their kinds and meanings, and whether each is always written.

A declaration is a frozen dataclass with annotations. From it follow the value of one document, the columns of a frame
of documents (`schema_of`), the decoder (`storage.repositories.columns`) and the tables of `docs/documents.md`
(`markdown`). A field that is added here is read, checked, shown in frames and documented.

Fields have the names of the documents, so that support and engineers search for the same words. Kinds and dtypes:

    text   string                 whole  Int64                  number  Float64
    flag   boolean                time   datetime64[us, UTC]    map, list  object (plain dict or list, else None)

`None` (NA in a frame) means that the document does not hold a usable value. The oddities beside it say whether the
field was absent, null or of a wrong type. Zero never stands for any of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args, get_origin, get_type_hints

import pandas as pd

from storage.errors import FieldProblem, StorageError

ColumnKind = Literal["text", "whole", "number", "flag", "time", "map", "list"]
DTYPES: dict[ColumnKind, str] = {
    "text": "string",
    "whole": "Int64",
    "number": "Float64",
    "flag": "boolean",
    "time": "datetime64[us, UTC]",
    "map": "object",
    "list": "object",
}


@dataclass(frozen=True, slots=True)
class FieldRule:
    """The facts about a field that an annotation holds beside its type."""

    note: str = ""
    required: bool = False
    from_path: bool = False


def must(note: str = "") -> FieldRule:
    """The backend always writes it: its absence, and null in its place, is an oddity."""
    return FieldRule(note, required=True)


def may(note: str = "") -> FieldRule:
    """The field may be absent or null."""
    return FieldRule(note)


Id = Annotated[str, FieldRule(required=True, from_path=True)]
Exists = Annotated[
    bool, FieldRule("false: documents lie below, none at the path itself", required=True, from_path=True)
]
Written = Annotated[
    datetime | None, FieldRule("Firestore's own time of the last write, for preconditions", from_path=True)
]


@dataclass(frozen=True, slots=True)
class User:
    """A customer's account."""

    PATH: ClassVar = "users/{uid}"

    uid: Id
    exists: Exists
    email: Annotated[str | None, may()]
    plan: Annotated[str | None, must("the plan's name; lower case by habit, not by guarantee")]
    role: Annotated[str | None, may("`superadmin`, or none")]
    created_at: Annotated[datetime | None, must()]
    updated_at: Annotated[datetime | None, must()]
    total_storage_bytes: Annotated[int | None, must("bytes; no longer raised where there is an accounting document")]
    total_clips_count: Annotated[int | None, must("no longer raised where there is an accounting document")]
    usage_reset_month: Annotated[str | None, may("`YYYY-MM`; monthly counters count only while it is this month, UTC")]
    clips_used_this_month: Annotated[int | None, may("older deployments")]
    credits_used_this_month: Annotated[int | None, may("newer deployments")]
    settings: Annotated[Mapping[str, Any] | None, may()]
    update_time: Written
    plan_tier: Annotated[str | None, may("what the worker goes by, before `plan`")] = None
    oddities: tuple[FieldProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """`processing_progress` of a video; any part may be missing, and the backend sets the map to null at the end."""

    total_scenes: Annotated[int | None, may()] = None
    completed_scenes: Annotated[int | None, may()] = None
    total_clips: Annotated[int | None, may()] = None
    completed_clips: Annotated[int | None, may()] = None
    failed_clips: Annotated[int | None, may()] = None
    current_scene_id: Annotated[int | None, may()] = None
    current_scene_title: Annotated[str | None, may()] = None
    started_at: Annotated[datetime | None, may()] = None
    updated_at: Annotated[datetime | None, may()] = None
    error_message: Annotated[str | None, may()] = None


@dataclass(frozen=True, slots=True)
class Video:
    """A video that a customer handed in, with the state of its processing."""

    PATH: ClassVar = "users/{uid}/videos/{video_id}"

    uid: Id
    video_id: Id
    exists: Exists
    video_title: Annotated[str | None, may()]
    status: Annotated[str | None, must("`processing`, `analyzed`, `completed`, `failed`; none is processing")]
    created_at: Annotated[datetime | None, must("a video without it is in no list of its owner")]
    updated_at: Annotated[datetime | None, must()]
    completed_at: Annotated[datetime | None, may()]
    failed_at: Annotated[datetime | None, may()]
    error_message: Annotated[str | None, may("of the last failure; a later success does not clear it")]
    video_url: Annotated[str | None, may()]
    youtube_id: Annotated[str | None, may()]
    highlights_count: Annotated[int | None, may()]
    highlights_json_key: Annotated[str | None, may("names a file that newer deployments do not write")]
    custom_prompt: Annotated[str | None, may()]
    crop_mode: Annotated[str | None, may("`none` in newer deployments")]
    target_aspect: Annotated[str | None, may("`9:16`")]
    created_by: Annotated[str | None, may()]
    clips_count: Annotated[int | None, must("clip documents below")]
    total_size_bytes: Annotated[int | None, must("bytes of the clip documents below")]
    clips_by_style: Annotated[Mapping[str, Any] | None, may("style to count; `{}` until a clip is deleted")]
    styles_processed: Annotated[tuple[Any, ...] | None, may("always empty in newer deployments")]
    expected_clips: Annotated[int | None, may("older deployments")]
    completed_clips: Annotated[int | None, may("older deployments, and renderings of a draft")]
    source_video_status: Annotated[str | None, may("`pending`, `downloading`, `ready`, `expired` or `failed`")]
    source_video_r2_key: Annotated[str | None, may()]
    source_video_expires_at: Annotated[datetime | None, may()]
    source_video_error: Annotated[str | None, may()]
    processing_progress: Annotated[Progress | None, may("see Progress")]
    update_time: Written
    oddities: tuple[FieldProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip that was rendered; its keys name the file and the thumbnail."""

    PATH: ClassVar = "users/{uid}/videos/{video_id}/clips/{clip_id}"

    uid: Id
    video_id: Id
    clip_id: Id
    scene_id: Annotated[int | None, may()]
    scene_title: Annotated[str | None, may()]
    scene_description: Annotated[str | None, may()]
    filename: Annotated[str | None, may()]
    style: Annotated[str | None, must()]
    priority: Annotated[int | None, may()]
    start_time: Annotated[str | None, may("`HH:MM:SS.mmm`, from the beginning of the segment")]
    end_time: Annotated[str | None, may()]
    duration_seconds: Annotated[float | None, may("seconds")]
    file_size_bytes: Annotated[int | None, must("bytes")]
    file_size_mb: Annotated[float | None, may("MiB")]
    has_thumbnail: Annotated[bool | None, may("the product goes by the key, not by this")]
    r2_key: Annotated[str | None, may("the file")]
    thumbnail_r2_key: Annotated[str | None, may("the thumbnail")]
    raw_r2_key: Annotated[str | None, may("a cache of the segment, which expires")]
    status: Annotated[str | None, must("`completed`; older deployments also `processing` and `failed`")]
    created_at: Annotated[datetime | None, must()]
    completed_at: Annotated[datetime | None, may()]
    updated_at: Annotated[datetime | None, may()]
    created_by: Annotated[str | None, may()]
    exists: Exists
    update_time: Written
    oddities: tuple[FieldProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class Accounting:
    """The newer counters of a customer, beside the account's own; the backend creates a missing one with 0."""

    PATH: ClassVar = "storage_accounting/{uid}"

    uid: Id
    styled_clips_bytes: Annotated[int | None, must("bytes, billable: what the product enforces")]
    styled_clips_count: Annotated[int | None, must("billable")]
    source_videos_bytes: Annotated[int | None, may("bytes, not billable")]
    raw_segments_bytes: Annotated[int | None, may("bytes, not billable")]
    neural_cache_bytes: Annotated[int | None, may("bytes, not billable")]
    updated_at: Annotated[datetime | None, may()]
    update_time: Written
    oddities: tuple[FieldProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class CreditTransaction:
    """A charge of credits: the amount, the time and the purpose. The product refunds nothing."""

    PATH: ClassVar = "users/{uid}/credit_transactions/{transaction_id}"

    uid: Id
    transaction_id: Id
    timestamp: Annotated[datetime | None, must()]
    operation_type: Annotated[str | None, must()]
    credits_amount: Annotated[int | None, must()]
    description: Annotated[str | None, may()]
    balance_after: Annotated[int | None, may("credits used this month after it, not those that are left")]
    video_id: Annotated[str | None, may("the video that it was charged for")]
    draft_id: Annotated[str | None, may("the draft that it was charged for")]
    metadata: Annotated[Mapping[str, Any] | None, may("texts by name")]
    created_at: Annotated[datetime | None, may()]
    exists: Exists
    update_time: Written
    oddities: tuple[FieldProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class ShareSlug:
    """A public link to a clip; the product deletes it when the link is revoked."""

    PATH: ClassVar = "share_slugs/{slug}"

    slug: Id
    user_id: Annotated[str | None, must()]
    video_id: Annotated[str | None, must()]
    clip_id: Annotated[str | None, must()]
    access_level: Annotated[str | None, may("`none`, `view_playback` or `download`")]
    created_at: Annotated[datetime | None, may()]
    expires_at: Annotated[datetime | None, may()]
    disabled_at: Annotated[datetime | None, may()]
    exists: Exists
    update_time: Written
    oddities: tuple[FieldProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """One field. `required`: its absence is an oddity. `nullable`: null is normal there. `from_path`: not a field."""

    name: str
    kind: ColumnKind
    required: bool = False
    nullable: bool = True
    from_path: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of one kind of thing, in order; `path` is the path of such documents, empty for other things."""

    name: str
    columns: tuple[Column, ...]
    path: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)

    @property
    def fields(self) -> tuple[Column, ...]:
        """The columns that are read from fields of the document."""
        return tuple(column for column in self.columns if not column.from_path)

    def empty(self) -> pd.DataFrame:
        """A frame with all columns, their dtypes, and no row."""
        return _empty(self).copy(deep=False)


@cache
def _empty(schema: Schema) -> pd.DataFrame:
    return pd.DataFrame({c.name: pd.array([], dtype=DTYPES[c.kind]) for c in schema.columns})


_KINDS: dict[type, ColumnKind] = {
    str: "text",
    int: "whole",
    float: "number",
    bool: "flag",
    datetime: "time",
    tuple: "list",
}
_LAST = ("path", "exists", "update_time")  # of every frame of documents


def columns_of(declaration: type) -> tuple[Column, ...]:
    """The columns of a declaration, in its order."""
    hints = get_type_hints(declaration, include_extras=True)
    found = []
    for field in fields(declaration):
        if get_origin(hints[field.name]) is Annotated:  # all but the oddities
            kind, rule = get_args(hints[field.name])
            found.append(Column(field.name, _kind(kind), rule.required, not rule.required, rule.from_path, rule.note))
    return tuple(found)


def _kind(annotation: Any) -> ColumnKind:
    """The kind of a type, `T` or `T | None`; a type that is neither a plain value nor a tuple is a map."""
    options = [option for option in get_args(annotation) if option is not type(None)]
    plain = options[0] if type(None) in get_args(annotation) else annotation
    return _KINDS.get(get_origin(plain) or plain, "map")


def schema_of(declaration: Any) -> Schema:
    """The columns of a frame of such documents: as declared, then `path`, `exists` and `update_time`."""
    own = {column.name: column for column in columns_of(declaration)}
    own["path"] = Column("path", "text", required=True, nullable=False, from_path=True)
    order = [name for name in own if name not in _LAST] + [name for name in _LAST if name in own]
    path: str = declaration.PATH
    return Schema(path.split("/")[-2], tuple(own[name] for name in order), path)


USERS = schema_of(User)
VIDEOS = schema_of(Video)
CLIPS = schema_of(Clip)
ACCOUNTING = schema_of(Accounting)
TRANSACTIONS = schema_of(CreditTransaction)
SHARES = schema_of(ShareSlug)
OBJECTS = Schema(
    "objects",
    (
        Column("key", "text", required=True, nullable=False, from_path=True),
        Column("size_bytes", "whole", required=True, nullable=False, from_path=True),
        Column("etag", "text", required=True, nullable=False, from_path=True, note="without quotes"),
        Column("last_modified", "time", required=True, nullable=False, from_path=True),
        Column("storage_class", "text", from_path=True),
    ),
)
ALL: Sequence[Schema] = (USERS, VIDEOS, CLIPS, TRANSACTIONS, SHARES, OBJECTS)
DECLARED: Sequence[type] = (User, Video, Progress, Clip, Accounting, CreditTransaction, ShareSlug)
_PROGRESS = columns_of(Progress)


@dataclass(frozen=True, slots=True)
class Table:
    """A frame with the facts that tell how far to trust it.

    `complete` is false when reading stopped early; `error` then says why (`None`: at the limit that the caller set).
    `read_at` is the time when reading began; `reads` is the number of billed document reads.
    """

    schema: Schema
    frame: pd.DataFrame
    oddities: tuple[FieldProblem, ...]
    complete: bool
    read_at: datetime
    reads: int = 0
    error: StorageError | None = None
    next_cursor: str | None = None

    def unbroken(self) -> pd.DataFrame:
        """The frame, read to its end or to the caller's limit; raises the error that cut it short."""
        if self.error is not None:
            raise self.error
        return self.frame

    def whole(self) -> pd.DataFrame:
        """The frame, read to its end; raises the error that cut it short, or `ValueError` for a caller's limit."""
        frame = self.unbroken()
        if not self.complete:
            raise ValueError(f"the table of {self.schema.name} was limited by its caller")
        return frame


D = TypeVar("D")
_PARTS: dict[ColumnKind, type] = {"whole": int, "text": str, "time": datetime}


def of_row(declaration: Callable[..., D], row: Mapping[Any, Any], oddities: tuple[FieldProblem, ...] = ()) -> D:
    """The value of one row of a frame or of the decoder. NA becomes `None`; the path is left out."""
    names = [name for name in _names(declaration) if name in row]
    values = {name: None if _is_na(row[name]) else _plain(row[name]) for name in names}
    if "processing_progress" in values:
        values["processing_progress"], odd = progress_of(values["processing_progress"], row["path"])
        oddities = (*oddities, *odd)
    return declaration(**values, oddities=oddities)


def users_of(table: Table) -> list[User]:
    """The rows of a table of users as values, each with its own oddities."""
    odd: dict[str, list[FieldProblem]] = {}
    for oddity in table.oddities:
        odd.setdefault(oddity.path, []).append(oddity)
    return [of_row(User, row, tuple(odd.get(row["path"], ()))) for row in table.frame.to_dict("records")]


def progress_of(content: Mapping[str, Any] | None, path: str) -> tuple[Progress | None, tuple[FieldProblem, ...]]:
    """The progress, with the parts that have their kind. Any other part is `None`, and an oddity unless it was null."""
    if content is None:
        return None, ()
    parts: dict[str, Any] = {}
    oddities: list[FieldProblem] = []
    for column in _PROGRESS:
        value = content.get(column.name)
        if column.kind == "whole" and isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, _PARTS[column.kind]) and not isinstance(value, bool):
            parts[column.name] = value
        elif value is not None:
            name = f"processing_progress.{column.name}"
            oddities.append(FieldProblem(path, name, "wrong_type", f"a {type(value).__name__}"))
    return Progress(**parts), tuple(oddities)


def _names(declaration: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(declaration) if field.name != "oddities")


def _is_na(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    return value.to_pydatetime() if isinstance(value, pd.Timestamp) else value


def markdown(declarations: Iterable[Any] = DECLARED) -> str:
    """The declarations as the text of `docs/documents.md`."""
    parts = []
    for one in declarations:
        path = getattr(one, "PATH", "")
        rows = [
            (
                f"`{c.name}`",
                c.kind,
                "in the path" if c.from_path else "always" if c.required else "may be absent",
                c.note,
            )
            for c in columns_of(one)
        ]
        table = ["| field | kind | written | note |", "| --- | --- | --- | --- |"]
        table += [f"| {' | '.join(row)} |" for row in rows]
        place = f"`{path}`. " if path else ""
        parts.append("\n".join([f"## {one.__name__}", "", f"{place}{one.__doc__}", "", *table]))
    return "\n\n".join(parts) + "\n"


@dataclass(frozen=True, slots=True)
class ClipTotals:
    """Sum and number of a user's (or a video's) clip documents, by aggregation on the server.

    `sized_count` counts the clips whose size is a number: the sum leaves the others out, so it is a lower bound
    whenever `sized_count < count`. `size_bytes` is `None` where Firestore's sum is not exact: Firestore rounds sums
    beyond 64 bits, and doubles above 2^53.
    """

    count: int
    sized_count: int
    size_bytes: int | None
    read_at: datetime


@dataclass(frozen=True, slots=True)
class RawDocument:
    """Any document as plain values, for the raw view and for quarantine. `fields` is `None` for an absent document."""

    path: str
    fields: Mapping[str, Any] | None
    create_time: datetime | None
    update_time: datetime | None


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One object according to HEAD or a listing; `content_type` is `None` from a listing."""

    key: str
    size_bytes: int
    etag: str
    last_modified: datetime
    content_type: str | None = None
    metadata: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class SignedUrl:
    """A bearer token: anybody who has the URL can read the object until `expires_at`. `repr` masks it."""

    url: str
    key: str
    expires_at: datetime
    content_type: str

    def __repr__(self) -> str:
        return f"SignedUrl(key={self.key!r}, expires_at={self.expires_at.isoformat()})"


@dataclass(frozen=True, slots=True)
class MultipartUpload:
    """An upload that began and was neither completed nor aborted. `initiated_at` is `None` where the store hides it."""

    key: str
    upload_id: str
    initiated_at: datetime | None
