"""Defines the kinds of repair: what each asks for, what it would change, and which advice of a diagnosis it follows."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd
import streamlit as st

from pages._ui.data import loads
from pages._ui.kit import format
from pages._ui.kit.text import md, plain
from storage.actions import disclosure, highlights, record, repair, thumbnail
from storage.actions.repair import STATUSES, RepairContext, RepairPlan
from storage.actions.thumbnail import FRAME_AT
from storage.actions.upload import MAX_THUMBNAIL_BYTES, Media, check_media
from storage.clients.frames import can_take_frames
from storage.domain.changes import LINKS, FieldChange, value_at
from storage.domain.layout import STYLES
from storage.domain.policy import Action
from storage.domain.what_if import Supposed, with_changes
from storage.errors import BadInput
from storage.repositories.store_time import store_time
from storage.services.diagnose import Case
from storage.text import capitalised, number

Name = Callable[[str], str]  # the session key of one of the dialog's fields
Values = Mapping[str, Any]  # the values of the dialog's fields, by their short names


@dataclass(frozen=True, slots=True)
class Preview:
    """What a repair would do, shown and kept until somebody confirms it. With `blocked`, it cannot be confirmed.

    `verb` is what the button says, `done` what the page says afterwards.
    """

    changes: tuple[FieldChange, ...]
    plan: RepairPlan
    verb: str
    done: str
    notes: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    supposed: Supposed | None = None  # what it would do to the usage, where it touches that
    picture: bytes | None = None  # a JPEG that it would write


@dataclass(frozen=True, slots=True)
class Done:
    """What the repair did, in words of ours, with the ids of the changes that undo takes back."""

    words: str
    change_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """The subject of a repair: a video with its newly read case, or a user, who has none."""

    uid: str
    video_id: str = ""
    looked: Case | None = None

    @property
    def case(self) -> Case:
        """The case of the video; only repairs of a video ask for it."""
        if self.looked is None:
            raise LookupError("a repair that needs a video was opened for a customer")
        return self.looked


def of_case(case: Case) -> Subject:
    """The subject that a video's page has read."""
    return Subject(case.diagnosis.uid, case.diagnosis.video_id, case)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of repair. `advised_by` holds the steps of a diagnosis that it carries out."""

    id: str
    title: str
    icon: str
    action: Action
    about: str
    inputs: Callable[[Subject, Name], None]
    preview: Callable[[RepairContext, Subject, Values, str], Preview]
    fields: tuple[str, ...] = ()
    advised_by: frozenset[str] = field(default_factory=frozenset)

    @property
    def audited(self) -> str:
        """The action's name in the audit."""
        names = {
            "rebuild": "highlights",
            "record": "rebuild-record",
            "status": "set-status",
            "replace": "upload",
            "disclosure": "end-disclosure",
        }
        return names.get(self.id, self.id)


def _recount_inputs(subject: Subject, name: Name) -> None:
    st.caption("The desk reads every clip document of the customer and adds them up.")
    steps = subject.looked.diagnosis.actions if subject.looked is not None else ()
    advised = any(" --sizes " in step.command for step in steps)
    st.checkbox(
        "Correct the sizes in clip documents first, from the objects",
        value=advised,
        key=name("sizes"),
        help="Lists the customer's objects. A document whose size is not its object's gets the object's size.",
    )


def _recount_preview(context: RepairContext, subject: Subject, values: Values, reason: str) -> Preview:
    sizes = bool(values["sizes"])
    plan = repair.plan_recount(context.stores, subject.uid, store_time(context.stores.handle), sizes=sizes)
    notes = [f"{len(plan.drifting):,} of {len(plan.counters):,} counters are wrong."]
    if sizes:
        notes.append(f"With a size that is not the object's: {number(len(plan.sizes), 'clip document')}.")
    notes.extend(f"The clip {one.clip_id} keeps its size: {one.why}." for one in plan.left)
    if plan.unsized_clips:
        notes.append(f"Without a usable size: {number(plan.unsized_clips, 'clip')}; the sums are lower bounds.")
    blocked = [f"Video {video_id} is being processed: clips are being written." for video_id in plan.busy]
    changes = plan.changes.effective
    of_clips = f", and {number(len(plan.sizes), 'size')} of clips" if plan.sizes else ""
    done = f"Corrected: {number(len(changes) - len(plan.sizes), 'counter')}{of_clips}."
    verb = "Write the sizes and counters" if plan.sizes else "Write the counters"
    supposed = with_changes("after the recount", changes, subject.uid)
    return Preview(changes, plan, verb, done, tuple(notes), tuple(blocked), supposed)


_SOURCES: Final = {
    "document": "from the document highlights/main",
    "object": "from highlights.json",
    "file": "from a file",
}


def _rebuild_inputs(subject: Subject, name: Name) -> None:
    facts = subject.case.facts
    usable = [state.source for state in (facts.highlights, facts.highlights_beside) if state.usable]
    source = st.radio(
        "Rebuild",
        [*usable, "file"],
        format_func=lambda value: _SOURCES[value],
        key=name("source"),
        help="Writes the place that the product serves from; writes the other place only where it exists already. The "
        "old content is kept and can be put back.",
    )
    if source == "file":
        st.file_uploader("Highlights file (JSON)", type=["json"], key=name("file"), max_upload_size=5)


def _rebuild_preview(context: RepairContext, subject: Subject, values: Values, reason: str) -> Preview:
    uid, video_id = subject.uid, subject.video_id
    source = values["source"]
    if source == "file":
        if values["file"] is None:
            raise BadInput("No file was given", field_name="file", remedy="Choose a highlights file.")
        plan = highlights.plan_put(context, uid, video_id, values["file"].getvalue())
    else:
        plan = highlights.plan_rebuild(context, uid, video_id, source)
    now = plan.found.served
    was = number(now.count, "highlight") if now.usable else (now.reason or now.presence)
    places = capitalised(plan.places)
    overwritten = [f"This overwrites what customers get now, perhaps their own edit: {one}." for one in plan.overwrites]
    holds = f"{places} will hold {number(len(plan.entries), 'highlight')}; customers now get: {was}."
    notes = (holds, *overwritten, *plan.changes.warnings)
    done = f"The highlights were written to {plan.places}."
    return Preview(plan.changes.effective, plan, "Write the highlights", done, notes)


def _status_inputs(subject: Subject, name: Name) -> None:
    advised = {step.id.removeprefix("set_") for step in subject.case.diagnosis.actions}
    first = next((wanted for wanted in ("completed", "analyzed", "failed") if wanted in advised), STATUSES[0])
    st.segmented_control(
        "Status",
        STATUSES,
        default=first,
        required=True,
        key=name("status"),
        help="Refused where the evidence of both stores contradicts it.",
        wrap=True,
    )


def _status_preview(context: RepairContext, subject: Subject, values: Values, reason: str) -> Preview:
    plan = repair.plan_status(context, subject.uid, subject.video_id, str(values["status"]), reason)
    verb = f"Set the status to {values['status']}"
    return Preview(plan.changes.effective, plan, verb, "The status was set.", plan.changes.warnings)


def _disclosure_inputs(subject: Subject, name: Name) -> None:
    report = subject.case.facts.report
    found = [finding for finding in report.findings if finding.disclosure] if report else []
    st.caption(f"Documents that name an existing file of another customer: {len(found):,}.")
    for finding in found[:10]:
        about = f"`{md(finding.clip_id or finding.video_id or '', 80)}`"
        st.markdown(f"- {about} shows a file of the customer `{md(finding.owner, 80)}`. {md(finding.detail, 400)}")


def _disclosure_preview(context: RepairContext, subject: Subject, values: Values, reason: str) -> Preview:
    plan = disclosure.plan_disclosure(context, subject.uid, subject.video_id)
    changes = plan.changes.effective
    failed = sum(change.field == "status" for change in changes)
    links = sum(change.path.startswith(LINKS) for change in changes)
    notes = (
        f"Set to failed, because their own file is not there: {number(failed, 'clip')}.",
        f"Disabled: {number(links, 'public link')}.",
    )
    done = "The product no longer shows the other customer's file here, and its public links are disabled."
    return Preview(changes, plan, "End the disclosure", done, notes)


def _record_inputs(subject: Subject, name: Name) -> None:
    st.caption("The desk reads the draft's scenes, the charges and every clip document of the video again.")


def _record_preview(context: RepairContext, subject: Subject, values: Values, reason: str) -> Preview:
    plan = record.plan_record(context, subject.uid, subject.video_id)
    source = f"From the draft {plain(plan.draft_id, 80)}, which has {number(plan.scenes, 'scene')}."
    notes = (source,) if plan.draft_id else ()
    done = "The video's own document was rebuilt; the customer's list shows it."
    return Preview(plan.changes.effective, plan, "Rebuild the record", done, (*notes, *plan.changes.warnings))


_OTHER: Final = "\0another"


def _documented(subject: Subject) -> pd.DataFrame:
    """The video's clips whose document has scene and style, so that a file can replace them."""
    frame = loads.clips(subject.uid, subject.video_id).value.frame
    return frame[frame["scene_id"].notna() & frame["style"].notna()]


def _replace_inputs(subject: Subject, name: Name) -> None:
    labels = {
        row.clip_id: f"scene {row.scene_id}, {plain(row.style, 40)}"
        + (f" · {plain(row.scene_title, 60)}" if isinstance(row.scene_title, str) else "")
        for row in _documented(subject).itertuples(index=False)
    }
    report = subject.case.facts.report
    broken = {f.clip_id for f in report.findings if f.clip_id and f.severity == "error"} if report else set()

    def label(clip: str) -> str:
        return "A clip without a document" if clip == _OTHER else ("⚠ " if clip in broken else "") + labels[clip]

    ordered = [*sorted(labels, key=lambda clip: clip not in broken), _OTHER]
    if st.selectbox("Clip", ordered, key=name("clip"), format_func=label) == _OTHER:
        with st.container(horizontal=True):
            st.number_input("Scene", min_value=0, max_value=9_999, step=1, key=name("scene"))
            st.selectbox("Style", STYLES, key=name("style"))
    st.file_uploader("Clip (MP4)", type=["mp4"], key=name("file"))
    st.file_uploader(
        "Thumbnail (JPEG), if there is one", type=["jpg", "jpeg"], key=name("thumbnail"), max_upload_size=10
    )
    st.checkbox("Replace it even if it is there and intact", key=name("intact"))


def _replace_preview(context: RepairContext, subject: Subject, values: Values, reason: str) -> Preview:
    uid, video_id = subject.uid, subject.video_id
    media = _media(values)
    scene, style = _target(subject, values)
    planned = repair.plan_replace(
        context,
        uid,
        video_id,
        media,
        scene=scene,
        style=style,
        replace_intact=bool(values["intact"]),
        clip_id="" if values["clip"] == _OTHER else str(values["clip"]),
    )
    plan = planned.upload
    path = f"users/{uid}/videos/{video_id}/clips/{plan.clip_id}"
    raw = context.stores.records.raw(path)
    before = raw.fields if raw else None
    changes = tuple(FieldChange(path, name, value_at(before, name), value) for name, value in plan.fields.items())
    size = format.size(media.info.size_bytes).text
    notes = [f"The object at {plan.key} will be {size}.", *plan.warnings]
    if not media.index_first:
        notes.append("The file's index comes last, so players start it late.")
    gain = format.size(plan.size_difference).text
    notes.append(
        f"The counters of customer, video and accounting change by {gain} and {plan.count_difference:+} clips."
    )
    done = f"The clip was stored: {size}."
    supposed = Supposed("with this clip", plan.size_difference, plan.count_difference)
    return Preview(changes, planned, "Store the clip", done, tuple(notes), plan.refusals, supposed)


def _target(subject: Subject, values: Values) -> tuple[int, str]:
    """Scene and style of the clip that was chosen."""
    if values["clip"] == _OTHER:
        return int(values["scene"]), str(values["style"])
    known = _documented(subject)
    found = known[known["clip_id"] == values["clip"]]
    if not len(found):
        raise BadInput("That clip is no longer there", field_name="clip", remedy="Choose a clip again.")
    return int(found.iloc[0]["scene_id"]), str(found.iloc[0]["style"])


def _media(values: Values) -> Media:
    file, thumbnail = values["file"], values["thumbnail"]
    if file is None:
        raise BadInput("No file was given", field_name="file", remedy="Choose the clip as an MP4 file.")
    image = thumbnail.getvalue()[: MAX_THUMBNAIL_BYTES + 1] if thumbnail is not None else None
    return check_media(io.BytesIO(file.getvalue()), image)


def _thumbnail_inputs(subject: Subject, name: Name) -> None:
    report = subject.case.facts.report
    without = {f.clip_id for f in report.findings if f.of_thumbnail} if report else set()
    frame = loads.clips(subject.uid, subject.video_id).value.frame
    there = frame[frame["exists"]]
    labels = {
        row.clip_id: f"{'⚠ ' if row.clip_id in without else ''}{plain(row.scene_title or row.clip_id, 60)} · "
        f"{plain(row.style, 40)}"
        for row in there.fillna({"scene_title": "", "style": ""}).itertuples(index=False)
    }
    ordered = sorted(labels, key=lambda clip: clip not in without)
    st.selectbox("Clip", ordered, key=name("clip"), format_func=lambda clip: labels[clip])
    ways = ["clip", "file"] if can_take_frames() else ["file"]
    if st.radio("From", ways, format_func=_PICTURES.__getitem__, key=name("source"), horizontal=True) == "clip":
        st.number_input("At the second", min_value=0.0, max_value=86_400.0, value=FRAME_AT, step=0.5, key=name("at"))
    else:
        st.file_uploader("Picture (JPEG)", type=["jpg", "jpeg"], key=name("file"), max_upload_size=10)
    if len(ways) == 1:
        st.caption("This machine has no decoder (PyAV, the extra `frames`), so no picture can be taken from the clip.")
    st.checkbox("Replace it even if it is there and intact", key=name("intact"))


_PICTURES: Final = {"clip": "the clip", "file": "a file"}


def _thumbnail_preview(context: RepairContext, subject: Subject, values: Values, reason: str) -> Preview:
    file = values["file"]
    if values["source"] == "file" and file is None:
        raise BadInput("No file was given", field_name="file", remedy="Choose the picture as a JPEG file.")
    if not values["clip"]:
        raise BadInput("This video has no clip", field_name="clip", remedy="Store a clip first.")
    plan = thumbnail.plan_thumbnail(
        context,
        subject.uid,
        subject.video_id,
        str(values["clip"]),
        file.getvalue()[: MAX_THUMBNAIL_BYTES + 1] if values["source"] == "file" else None,
        seconds=float(FRAME_AT if values["at"] is None else values["at"]),
        replace_intact=bool(values["intact"]),
    )
    size = format.size(len(plan.picture)).text
    notes = (f"The picture at {plan.key} will be {size}.", *plan.warnings)
    done = f"The thumbnail was written: {size}."
    changes = plan.changes.effective
    return Preview(changes, plan, "Write the thumbnail", done, notes, plan.refusals, picture=plan.picture)


KINDS: Final[tuple[Kind, ...]] = (
    Kind(
        "disclosure",
        "End a disclosure",
        "privacy_tip",
        "fix",
        "Corrects keys that name another customer's file, or sets the clips to failed; disables their public links.",
        _disclosure_inputs,
        _disclosure_preview,
        (),
        frozenset({"end_disclosure"}),
    ),
    Kind(
        "recount",
        "Recount",
        "calculate",
        "recount",
        "Corrects the counters of the customer, the videos and the accounting: it adds up the clip documents.",
        _recount_inputs,
        _recount_preview,
        ("sizes",),
        frozenset({"recount"}),
    ),
    Kind(
        "rebuild",
        "Rebuild the highlights",
        "playlist_add_check",
        "fix",
        "Writes the highlights that the product serves, from either place or a file. Not while a job works on it.",
        _rebuild_inputs,
        _rebuild_preview,
        ("source", "file"),
        frozenset({"rebuild_highlights_object", "rebuild_highlights_document", "put_highlights"}),
    ),
    Kind(
        "record",
        "Rebuild the record",
        "assignment_add",
        "fix",
        "Writes the video's own document, and its highlights from the draft's scenes, where they were never created.",
        _record_inputs,
        _record_preview,
        (),
        frozenset({"rebuild_record"}),
    ),
    Kind(
        "status",
        "Set the status",
        "flag",
        "fix",
        "Sets the status that the product uses, where the evidence of both stores allows it.",
        _status_inputs,
        _status_preview,
        ("status",),
        frozenset({"set_completed", "set_analyzed", "set_failed"}),
    ),
    Kind(
        "replace",
        "Replace a clip from a file",
        "upload_file",
        "fix",
        "Stores a clip as the worker would: object, thumbnail, document, counters. The old file is kept for a while.",
        _replace_inputs,
        _replace_preview,
        ("clip", "scene", "style", "file", "thumbnail", "intact"),
        frozenset({"replace_clip"}),
    ),
    Kind(
        "thumbnail",
        "Write a thumbnail",
        "image",
        "fix",
        "Takes a picture from a clip as the product does, or from a file, and names it in the clip's document.",
        _thumbnail_inputs,
        _thumbnail_preview,
        ("clip", "source", "at", "file", "intact"),
        frozenset({"write_thumbnail"}),
    ),
)
BY_ID: Final[Mapping[str, Kind]] = {kind.id: kind for kind in KINDS}
