"""A diagnosis as plain text for another engineer, to paste into a chat or a ticket; the bundle has every fact."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlencode

from storage.domain.diagnosis.diagnosis import Diagnosis
from storage.domain.diagnosis.evidence import Evidence
from storage.domain.diagnosis.timeline import Entry
from storage.text import moment, number, redacted, without_links

_NEWEST = 12  # entries of the timeline


def as_words(found: Diagnosis, desk_url: str) -> str:
    """The verdict, what speaks for it, what to do and the newest of the timeline: no address, title, link or secret."""
    stopped = "" if found.since is None else f", since {moment(found.since)}"
    where = "" if found.stage == "none" else f", at the step {found.stage}"
    lines = [
        f"Video {without_links(found.uid)}/{without_links(found.video_id)}",
        f"Verdict: {found.verdict} ({found.severity}, confidence {found.confidence.level}){where}{stopped}",
        redacted(found.summary),
        f"The customer sees: {redacted(found.customer_sees)}",
    ]
    if found.suspicion is not None:
        lines.append(f"Not to be relied on: {redacted(found.suspicion.reason)}")
    lines += ["", "Evidence:", *_evidence(found.evidence)]
    if found.actions:
        lines += ["", "Next, in this order:"]
    for place, step in enumerate(found.actions, start=1):
        lines.append(f"{place}. {redacted(step.text)}{' (changes data)' if step.changes else ''}")
        if step.command:
            lines.append(f"   {without_links(step.command)}")
    lines += ["", *_timeline(found.timeline), f"Looked at {moment(found.looked_at)}"]
    if desk_url:
        lines.append(f"{desk_url}/video?{urlencode({'uid': found.uid, 'video_id': found.video_id})}")
    return "\n".join(lines)


def _evidence(found: Iterable[Evidence]) -> list[str]:
    """What failed and what is not known, and the number of the checks that passed."""
    checks = list(found)
    words = {False: "failed", None: "not known"}
    said = [f"- {one.check}: {words[one.ok]}: {redacted(one.observed)}" for one in checks if not one.ok]
    return [*said, f"- passed: {number(sum(one.ok is True for one in checks), 'check')}"]


def _timeline(entries: tuple[Entry, ...]) -> list[str]:
    if not entries:
        return []
    newest = entries[-_NEWEST:]
    rest = f" (the newest {len(newest)} of {len(entries):,})" if len(newest) < len(entries) else ""
    return [f"Timeline{rest}:", *(f"- {moment(one.at)} {redacted(one.event)} ({one.store})" for one in newest), ""]
