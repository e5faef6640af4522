"""What may be done with an object that no document names, or with a cache past its time: the rule, and the sealed plan.

A file that lies among the clips for more than a day without a document lost it: the worker writes the document right
after the file. It may be adopted (its document is made, as the backend writes it) or removed. Age counts from the
object's own time in the store. When the plan is carried out, each row is judged again from what is read then, and is
made only where the same row comes out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal, get_args

from storage.domain.documents import MultipartUpload, ObjectInfo, Video
from storage.domain.integrity.rules import LIFECYCLE_GRACE, Thing, expires_at
from storage.domain.layout import (
    CACHE_KINDS,
    STYLES,
    TOP_SCENES,
    ClipName,
    Layout,
    ParsedKey,
    place_of,
    slug,
    thumbnail_of,
)
from storage.domain.media import MediaLook
from storage.domain.processing import being_processed
from storage.domain.purge.plan import PlanTarget, fingerprint_of, moment, moment_text
from storage.domain.purge.scope import Scope
from storage.domain.row_plan import MOST_ROWS, Outcome, PlanForm, check_valid, sealed_dict, target_in, times_in
from storage.errors import BadInput, Refused
from storage.ids import is_stored_id

OrphanAction = Literal["adopt", "remove"]
ORPHAN_ACTIONS: Final[tuple[OrphanAction, ...]] = get_args(OrphanAction)

FORM: Final = PlanForm("clip-desk-orphans/1", "plan for orphans", "orphans plan", "orphans", "oplan-", "orphans-")
AGE: Final = timedelta(days=1)
MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ClipDocument:
    """A clip's document of the same video, with what is told by it here."""

    path: str
    clip_id: str
    scene_id: int | None
    scene_title: str
    filename: str
    r2_key: str
    thumbnail_r2_key: str


@dataclass(frozen=True, slots=True)
class Around:
    """What lies around the objects of one video. `video` is `None` where there is no document.

    `clips` are all of its clips that exist, `uploads` the unfinished uploads below it, `public` the clip ids to which
    a working public link leads.
    """

    video: Video | None
    clips: tuple[ClipDocument, ...] = ()
    uploads: tuple[MultipartUpload, ...] = ()
    public: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class OrphanFacts:
    """What a look at one key showed. `info` is `None` where no object is there.

    `named_by` are the clips of any customer whose documents name the key. `look` is the look into the clip, and
    `thumbnail` the picture beside it; both only where it is to be adopted.
    """

    key: str
    info: ObjectInfo | None
    around: Around
    named_by: tuple[str, ...] = ()
    look: MediaLook | None = None
    thumbnail: ObjectInfo | None = None


@dataclass(frozen=True, slots=True)
class OrphanRow:
    """One object of the plan. `document` holds the fields of the future clip's document, without times. `refused` says
    why nothing would be done, and is empty where `why` says what permits it."""

    key: str
    video_id: str = ""
    size_bytes: int = 0
    etag: str = ""
    modified: datetime | None = None
    clip_id: str = ""
    document: Mapping[str, Any] = field(default_factory=dict)
    why: str = field(default="", compare=False)
    refused: str = ""


@dataclass(frozen=True, slots=True)
class OrphanOutcome:
    """What became of one row. `change_id` takes it back; empty where nothing was written."""

    key: str
    video_id: str
    outcome: Outcome
    why: str = ""
    change_id: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The row as commands print it."""
        found = {"key": self.key, "video_id": self.video_id, "outcome": self.outcome, "why": self.why}
        return {**found, "change_id": self.change_id}


@dataclass(frozen=True, slots=True)
class OrphanPlan:
    """What would be done with some objects of one customer. `maker` is a normalised address, `seal` an HMAC over the
    fingerprint."""

    plan_id: str
    maker: str
    action: OrphanAction
    scope: Scope
    target: PlanTarget
    created_at: datetime
    expires_at: datetime
    rows: tuple[OrphanRow, ...]
    seal: str = field(default="", compare=False)

    @property
    def job_id(self) -> str:
        return FORM.job_id(self.plan_id)

    @property
    def willing(self) -> tuple[OrphanRow, ...]:
        """The rows that would be made."""
        return tuple(row for row in self.rows if not row.refused)

    @property
    def total_bytes(self) -> int:
        return sum(row.size_bytes for row in self.willing)

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self._body())

    def as_dict(self) -> dict[str, Any]:
        """The plan in its JSON form."""
        return sealed_dict(self, self._body())

    def _body(self) -> dict[str, Any]:
        scope = {"uid": self.scope.uid, "video_id": self.scope.video_id}
        return FORM.body(self, [_row(row) for row in self.rows], scope)

    @classmethod
    def from_dict(cls, value: object) -> OrphanPlan:
        """A plan from parsed JSON; `BadInput` where it is none, `Stale` where it was altered."""
        with FORM.parsing(value) as found:
            if found["action"] not in ORPHAN_ACTIONS:
                raise FORM.refusal("its action is unknown")
            made, expires = times_in(found)
            return cls(
                plan_id=str(found["plan_id"]),
                maker=str(found["maker"]),
                action=found["action"],
                scope=Scope.of(found["uid"], found["video_id"]),
                target=target_in(found),
                created_at=made,
                expires_at=expires,
                rows=tuple(map(_parsed, found["rows"])),
                seal=str(found.get("seal") or ""),
            )


def check_keys(keys: Sequence[str]) -> tuple[str, ...]:
    """The keys of a plan, each once; `BadInput` for too many."""
    chosen = tuple(dict.fromkeys(keys))
    if len(chosen) > MOST_ROWS:
        raise BadInput(
            f"{len(chosen):,} objects are more than one plan takes: {MOST_ROWS}",
            field_name="key",
            remedy="Name a video, or the keys of a part of them.",
        )
    return chosen


def check_plan(plan: OrphanPlan, target: PlanTarget, now: datetime) -> None:
    """Raises unless the plan is for this bucket and project, is still valid, and names only its own customer's keys."""
    check_valid(plan, target, now)
    strays = strays_of(plan)
    if strays:
        raise Refused("The plan names objects of others.", reasons=strays, remedy="Make the plan again.")


def strays_of(plan: OrphanPlan) -> tuple[str, ...]:
    """The rows to be made whose objects do not lie in the plan's scope."""
    layout, scope = Layout(plan.target.key_prefix), plan.scope
    rows = [row for row in plan.willing if not layout.belongs_to(row.key, scope.uid, scope.video_id)]
    return tuple(f"object outside the scope: {row.key}" for row in rows)


def judge(
    facts: OrphanFacts, action: OrphanAction, scope: Scope, layout: Layout, now: datetime, idle: timedelta
) -> OrphanRow:
    """The row of one key. `idle`: a video that is being processed protects its files until nothing touched it for so
    long."""
    info, parsed = facts.info, layout.parse(facts.key)
    video_id = place_of(facts.key, layout)[1]
    shown = OrphanRow(facts.key, video_id)
    if info is not None:
        shown = OrphanRow(facts.key, video_id, info.size_bytes, info.etag, info.last_modified)
    refused = next(_grounds(facts, parsed, action, scope, layout, now, idle), "")
    if refused or info is None:
        return _with(shown, refused=refused)
    if parsed.kind in CACHE_KINDS:
        return _with(shown, why=f"A cache whose time ended on {_expiry(facts, parsed, info):%Y-%m-%d %H:%M} UTC.")
    why = f"No document names it, nothing is uploaded there, and it was written on {_said(info.last_modified)}."
    if action == "remove":
        return _with(shown, why=why)
    document = _document(facts, parsed, scope, video_id, info)
    return _with(shown, why=why, clip_id=document["clip_id"], document=document)


def _with(row: OrphanRow, **fields: Any) -> OrphanRow:
    return OrphanRow(row.key, row.video_id, row.size_bytes, row.etag, row.modified, **fields)


def _grounds(
    facts: OrphanFacts,
    parsed: ParsedKey,
    action: OrphanAction,
    scope: Scope,
    layout: Layout,
    now: datetime,
    idle: timedelta,
) -> Iterator[str]:
    """Why nothing may be done with the object, the gravest first."""
    info, around = facts.info, facts.around
    if not layout.belongs_to(facts.key, scope.uid, scope.video_id):
        yield "It does not lie in the place of this customer or video."
        return
    if info is None:
        yield "There is no object at this key now."
        return
    if parsed.kind in {"unrecognised", "ops"}:
        yield "Its name has no known form: nobody knows whose work it is."
        return
    if parsed.kind in CACHE_KINDS:
        yield from _grounds_of_cache(facts, parsed, action, info, now, idle)
        return
    others = [path for path in facts.named_by if not path.startswith(f"users/{scope.uid}/")]
    if others:
        yield f"Another customer's document names it: {others[0]}. That is a disclosure; end it first."
    mine = [*(path for path in facts.named_by if path not in others), *_named(facts.key, parsed, around)]
    if mine:
        yield f"A document names it: {mine[0]}."
    if any(upload.key in {facts.key, _sibling(facts.key)} for upload in around.uploads):
        yield "An upload to this key is going on."
    if info.last_modified > now - AGE:
        yield f"It is younger than a day: it was written on {_said(info.last_modified)}."
    yield from _busy(around, now, idle)
    if action == "adopt":
        yield from _grounds_of_adoption(facts, parsed)


def _grounds_of_cache(
    facts: OrphanFacts, parsed: ParsedKey, action: OrphanAction, info: ObjectInfo, now: datetime, idle: timedelta
) -> Iterator[str]:
    if action == "adopt":
        yield "It is a cache, and no clip."
    expires = _expiry(facts, parsed, info)
    if expires is None:
        yield "A cache of this kind never expires by itself."
    elif expires + LIFECYCLE_GRACE > now or info.last_modified > now - AGE:
        yield f"A cache whose time ends on {_said(expires)}; the bucket's own rules have a day more."
    yield from _busy(facts.around, now, idle)


def _grounds_of_adoption(facts: OrphanFacts, parsed: ParsedKey) -> Iterator[str]:
    video, look = facts.around.video, facts.look
    if parsed.kind != "clip" or parsed.clip is None:
        yield "Only a clip can be adopted; a thumbnail comes with its clip."
        return
    if video is None or not video.exists:
        yield "There is no document of its video: nobody could see the clip."
    if parsed.clip.style not in STYLES:
        yield f"Its style is not known: {parsed.clip.style}."
    clip_id = clip_id_of(parsed.video_id, parsed.clip)
    there = next((clip for clip in facts.around.clips if clip.clip_id == clip_id), None)
    if there is not None:
        yield f"The clip {clip_id} exists already, with another file."
    if clip_id in facts.around.public:
        yield f"A public link leads to {clip_id}: everybody could see it at once."
    if look is None or not look.looked or (look.plays == "not looked at" and look.fault is None):
        yield f"It is not known whether it plays. {look.words if look else ''}".strip()
    elif look.plays != "plays" or look.fault is not None or look.film is None:
        yield f"It does not play to its end. {look.words}"
    elif look.film.seconds is None:
        yield "Its own index does not say how long it plays."


def _named(key: str, parsed: ParsedKey, around: Around) -> Iterator[str]:
    """The documents of the same video that name the key, also without writing it: by file name, or as a thumbnail."""
    name = key.rpartition("/")[2]
    for clip in around.clips:
        keys = {clip.r2_key, clip.thumbnail_r2_key, thumbnail_of(clip.r2_key) if clip.r2_key else ""}
        names = {clip.filename, thumbnail_of(clip.filename)} if clip.filename and not clip.r2_key else set()
        if key in keys or name in names:
            yield clip.path
    if parsed.kind == "highlights" and around.clips:
        yield around.clips[0].path
    video = around.video
    if video is not None and video.exists and (parsed.kind == "highlights" or key == video.highlights_json_key):
        yield f"users/{video.uid}/videos/{video.video_id}"


def _sibling(key: str) -> str:
    """The clip of a thumbnail, or the thumbnail of a clip: both are written together."""
    return thumbnail_of(key) if key.endswith(".mp4") else f"{key.rpartition('.')[0]}.mp4"


def _busy(around: Around, now: datetime, idle: timedelta) -> Iterator[str]:
    video = around.video
    if video is None or not video.exists or not being_processed(video.status):
        return
    progress = video.processing_progress
    times = [at for at in (video.updated_at, progress.updated_at if progress else None) if at is not None]
    touched = max(times, default=video.update_time)
    if touched is None or touched > now - idle:
        yield f"Its video is being processed, and was touched on {_said(touched)}."


def _expiry(facts: OrphanFacts, parsed: ParsedKey, info: ObjectInfo) -> datetime | None:
    video = facts.around.video
    stated = video.source_video_expires_at if video is not None else None
    thing = Thing(info.key, parsed.video_id, info.size_bytes, info.last_modified, parsed.kind)
    return expires_at(thing, {parsed.video_id: stated} if stated is not None else {})


def _said(at: datetime | None) -> str:
    return "an unknown day" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


def clip_id_of(video_id: str, name: ClipName) -> str:
    """The id of a clip as the backend makes it; that of a Top Scenes clip has the time in its file name."""
    if name.style == TOP_SCENES and name.written:
        at = "_".join(name.written.removesuffix(f"_{TOP_SCENES}").split("_")[-2:])
        return f"{video_id}_compilation_{at}_{TOP_SCENES}"
    return f"{video_id}_{name.scene_id}_{name.style}"


def _document(facts: OrphanFacts, parsed: ParsedKey, scope: Scope, video_id: str, info: ObjectInfo) -> dict[str, Any]:
    """The fields of the clip's document but for its times, from the name and the file's own index.

    The title is that of another clip of the same scene whose title gives this file name, else the words of the name.
    """
    assert parsed.clip is not None
    assert facts.look is not None
    assert facts.look.film is not None
    name, picture = parsed.clip, facts.thumbnail
    titles = (clip.scene_title for clip in facts.around.clips if clip.scene_id == name.scene_id)
    title = next((one for one in titles if one and slug(one) == name.title), name.title.replace("_", " "))
    whole = picture is not None and picture.size_bytes > 0
    return {
        "clip_id": clip_id_of(video_id, name),
        "video_id": video_id,
        "user_id": scope.uid,
        "scene_id": name.scene_id,
        "scene_title": title,
        "filename": parsed.name,
        "style": name.style,
        "priority": name.priority,
        "duration_seconds": facts.look.film.seconds,
        "file_size_bytes": info.size_bytes,
        "file_size_mb": round(info.size_bytes / MIB, 2),
        "has_thumbnail": whole,
        "r2_key": facts.key,
        "thumbnail_r2_key": picture.key if picture is not None and whole else None,
        "status": "completed",
        "created_by": scope.uid,
    }


def _row(row: OrphanRow) -> dict[str, Any]:
    return {
        "key": row.key,
        "video_id": row.video_id,
        "size": row.size_bytes,
        "etag": row.etag,
        "last_modified": None if row.modified is None else moment_text(row.modified),
        "clip_id": row.clip_id,
        "document": json.loads(json.dumps(row.document)),
        "why": row.why,
        "refused": row.refused,
    }


def _parsed(value: Mapping[str, Any]) -> OrphanRow:
    video_id, modified = str(value["video_id"]), value["last_modified"]
    if (video_id and not is_stored_id(video_id)) or not isinstance(value["document"], Mapping):
        raise FORM.refusal("a row names no usable ids")
    return OrphanRow(
        key=str(value["key"]),
        video_id=video_id,
        size_bytes=int(value["size"]),
        etag=str(value["etag"]),
        modified=None if modified is None else moment(modified),
        clip_id=str(value["clip_id"]),
        document=dict(value["document"]),
        why=str(value["why"]),
        refused=str(value["refused"]),
    )
