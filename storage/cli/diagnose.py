"""`diagnose`: tells why a video is "still processing", and which videos need a person now."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from storage.cli.context import Context
from storage.cli.output import clock, print_json, progress, report_error, safe, say, say_deployment, say_table
from storage.cli.replies import reply_document, say_reply
from storage.domain.diagnosis import Absent, Diagnosis, DraftDiagnosis, Known
from storage.domain.diagnosis import bundle as hand_over
from storage.domain.diagnosis.signals import purged, unread
from storage.domain.diagnosis.timeline import Duration, Usual, durations, said
from storage.domain.integrity.grid import MENDED_BY_UPLOAD, STATES, VideoGrid
from storage.domain.replies import Language
from storage.errors import BackendError, BadInput, NotFound, StorageError
from storage.services import diagnose
from storage.services.audit_search import audit_log
from storage.services.deeds import deeds, with_deeds
from storage.services.diagnose import LOOKING, Case, StuckList
from storage.services.drafts import read_draft
from storage.services.usual import read_usual
from storage.services.verify import checker
from storage.text import number, rate, short_age

_GOES_ON = {True: "still goes on", False: "is over", None: "not known whether it still goes on"}
_MARKS = {True: "ok  ", False: "BAD ", None: "?   "}


def run_diagnose(
    context: Context,
    uid: str | None,
    video_id: str | None,
    stuck: bool,
    delivered: int,
    bundle: bool,
    reply_language: Language,
) -> int:
    """Exit 0 when nothing is wrong, 1 when something is (or there is no such video), 3 when a backend refused."""
    if stuck:
        if uid is not None:
            raise BadInput("--stuck takes no ids", field_name="stuck", remedy="Leave UID and VIDEO_ID out.")
        return _run_stuck(context, delivered, reply_language)
    if uid is None or video_id is None:
        raise BadInput("UID and VIDEO_ID are needed", field_name="arguments", remedy="Or ask with --stuck.")
    looking = checker(context.stores, context.now)
    case = diagnose.diagnose(looking, uid, video_id, scope=LOOKING)
    case, took = _with_history(context, case)
    found = case.diagnosis
    if isinstance(case.facts.video, Absent) and (draft := read_draft(looking, uid, video_id)):
        return _draft(draft.diagnosis, context, reply_language)
    error: StorageError | None = _unanswered(case) if found.verdict == "access_denied" else None
    if found.verdict == "not_found":
        error = NotFound(found.summary, remedy="Look the video up with find; ids are case-sensitive.")
    grid = diagnose.grid_of(case, diagnose.read_origin(looking, case)) if case.facts.report is not None else None
    if context.as_json:
        took_words = {"durations": [one.as_dict() for one in took]}
        removed = purged(case.facts)
        document = found.as_dict() | reply_document(found.answer, reply_language) | took_words | {"cost": case.cost}
        document = document | ({"grid": grid.as_dict()} if grid else {})
        document = document | ({"removed": removed.as_dict()} if removed else {})
        if bundle:
            document = document | {"bundle": hand_over(found, case.facts)}
        print_json(document | ({"error": error.as_dict()} if error else {}))
    else:
        _say(found, reply_language, took)
        if grid is not None:
            say_grid(grid)
        if error:
            report_error(error, as_json=False)
    if error is not None:
        return error.exit_status
    return 0 if found.severity == "info" else 1


def _draft(found: DraftDiagnosis, context: Context, language: Language) -> int:
    if context.as_json:
        print_json(found.as_dict() | reply_document(found.answer, language))
    else:
        _say(found, language)
    return 0 if found.severity == "info" else 1


def _unanswered(case: Case) -> StorageError:
    """The error of a store that gave no answer: the one that ended the reading, else the one of an unknown fact."""
    fault = unread(case.facts)
    if case.error is not None or fault is None:
        return case.error or BackendError(case.diagnosis.summary, remedy="Run check.")
    error = BackendError(
        fault.message, remedy=fault.remedy or "Run check: it tries each permission of R2_ACCESS_KEY_ID apart."
    )
    error.code = fault.code
    return error


def _with_history(context: Context, case: Case) -> tuple[Case, tuple[Duration, ...]]:
    """The case with what persons did, and how long its steps took beside the usual; a note for what was not read."""
    video = case.facts.video.value if isinstance(case.facts.video, Known) else None
    if video is None or not video.exists:
        return case, ()
    usual = Usual()
    try:
        case = with_deeds(case, deeds(audit_log(context.stores), video.uid, video.video_id))
    except StorageError as error:
        progress(f"note: what persons did could not be read: {error.message}")
    try:
        usual = read_usual(context.stores.records)
    except StorageError as error:
        progress(f"note: what other videos took could not be read: {error.message}")
    return case, durations(case.facts, usual)


def _say(found: Diagnosis | DraftDiagnosis, language: Language, took: tuple[Duration, ...] = ()) -> None:
    say(f"{found.verdict} ({found.severity}): {safe(found.summary, 400)}")
    sure = found.confidence
    say(f"confidence: {sure.level}, based on {', '.join(sure.carried_by) or 'no fact'}")
    for reason in sure.lowered_by:
        say(f"  lowered by: {safe(reason, 300)}")
    say(f"what would change it: {safe(sure.would_change, 300)}")
    if found.since:
        say(f"since: {clock(found.since)}")
    if isinstance(found, Diagnosis):
        say_deployment(found.deployment)
    say(f"the customer sees: {safe(found.customer_sees, 400)}")
    say()
    for item in found.evidence:
        say(f"  {_MARKS[item.ok]} {safe(item.check):<28} {safe(item.observed, 200)}")
    if isinstance(found, Diagnosis) and found.timeline:
        say()
        for entry in found.timeline:
            say(f"  {'!' if entry.gap_before or entry.ahead else ' '} {clock(entry.at)}  {safe(said(entry), 400)}")
    for one in took:
        say(f"  {'!' if one.slow else ' '} {safe(one.words, 200)}")
    say()
    for place, step in enumerate(found.actions, start=1):
        say(f"  {place}. {safe(step.text, 300)}")
        if step.command:
            say(f"     {safe(step.command, 500)}")
    say()
    say_reply(found.answer, language)


def say_grid(grid: VideoGrid) -> None:
    """A row for each scene, a column for each style; then each gap with the command that fills it."""
    cells = {(cell.scene_id, cell.style): cell.state.replace("_", " ") for cell in grid.cells}
    if not cells:
        return
    say()
    rows = [
        (f"{scene} {safe(title, 40)}", *(cells.get((scene, style), "-") for style in grid.styles))
        for scene, title in grid.scenes
    ]
    say_table(("SCENE", *(safe(style) for style in grid.styles)), rows)
    for cell in grid.gaps[:MOST_GAPS]:
        say(f"  scene {cell.scene_id}, {safe(cell.style)}: {STATES[cell.state]}")
        if cell.state in MENDED_BY_UPLOAD:
            say(f"     {safe(grid.command(cell, WHO), 500)}")


MOST_GAPS = 20
WHO = "--actor YOU@EXAMPLE.COM --reason 'WHY'"


def _run_stuck(context: Context, delivered: int, language: Language) -> int:
    if not 0 <= delivered <= 2_000:
        raise BadInput("--delivered must be from 0 to 2,000", field_name="delivered", remedy="Give fewer.")
    reach = diagnose.Reach(delivered=delivered, delivered_within=timedelta(days=30))
    found = diagnose.stuck(checker(context.stores, context.now), reach)
    for note in found.notes:
        progress(f"note: {note}")
    status = found.error.exit_status if found.error else 1 if found.videos or found.drafts else 0
    if context.as_json:
        there = {"deployment": context.stores.deployment().as_dict()}
        print_json(_stuck_document(found, language) | there | ({"error": found.error.as_dict()} if found.error else {}))
        return status
    for outage in found.outages:
        say(
            f"OUTAGE: {number(len(outage.videos), 'video')} of {number(outage.users, 'customer')} stopped at "
            f"{safe(outage.stage)} between {clock(outage.first_at)} and {clock(outage.last_at)} ({safe(outage.id)})"
        )
        say(f"  {_GOES_ON[outage.standing.goes_on]}: {safe(outage.standing.by, 300)} {safe(outage.rate_words)}.")
        say(f"  Reply to each of its customers: {safe(outage.answer.words(language), 1_000)}")
    _say_failures(found)
    rows: list[tuple[object, ...]] = [
        (
            v.diagnosis.severity,
            v.diagnosis.verdict,
            v.diagnosis.stage,
            _age(v.diagnosis),
            v.plan,
            v.email or "-",
            v.diagnosis.uid,
            v.diagnosis.video_id,
        )
        for v in found.videos
    ]
    rows += [(d.severity, d.verdict, "draft", _age(d), "-", "-", d.uid, d.draft_id) for d in found.drafts]
    if rows:
        say_table(("SEVERITY", "VERDICT", "STEP", "AGE", "PLAN", "CUSTOMER", "UID", "VIDEO OR DRAFT"), rows)
    else:
        nothing = (
            "Nothing needs a person" if found.complete else "Nothing found so far, and not everything was looked at"
        )
        say(f"{nothing}; looked at {number(found.looked_at, 'video')}.")
    if found.error:
        report_error(found.error, as_json=False)
    return status


def _stuck_document(found: StuckList, language: Language) -> dict[str, Any]:
    """The document of `--stuck --json`, with the reply to the customers of each outage in another language."""
    document = found.as_dict()
    document["outages"] = [
        listed | reply_document(outage.answer, language)
        for listed, outage in zip(document["outages"], found.outages, strict=True)
    ]
    return document


def _say_failures(found: StuckList) -> None:
    """Says the groups that need a look, and how many videos failed in all."""
    for group in found.groups:
        if group.life not in {"archived", "resolved"}:
            whose = " (waits for customers)" if group.customers else ""
            count = f"{number(len(group.videos), 'video')} of {number(group.users, 'customer')}"
            say(f"{group.life.upper()}: {count}: {safe(group.text, 200)}{whose}")
            say(f"  {group.id}; {group.last_day} in 24 h, {rate(group.usual_per_day)} a day before")
    if found.failed:
        customers = sum(one.customers for one in found.failed)
        say(
            f"{number(len(found.failed), 'failed video')} in all; {customers:,} can be helped only by their customers "
            "(--json lists them)."
        )


def _age(found: Diagnosis | DraftDiagnosis) -> str:
    return "-" if found.age is None else short_age(found.age)
