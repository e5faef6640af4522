"""`find`: tells to whom a pasted text belongs, and where that thing stands."""

from __future__ import annotations

from storage.cli.context import Context
from storage.cli.output import print_json, report_error, safe, say, say_table
from storage.clients.meter import metering
from storage.domain.places import places_in
from storage.domain.search import Match
from storage.errors import NotFound
from storage.services.search import find

MAX_TOLD = 1_000


def _why(match: Match) -> str:
    return f"taken by job {match.removed.job_id}, see below" if match.removed is not None else match.why


def run_find(context: Context, query: str) -> int:
    """Exit 0 with matches, 1 when nothing was found."""
    stores = context.stores
    r2 = stores.settings.r2
    with metering() as meter:
        found = find(stores.records, query, stores.layout, bucket=r2.bucket, public_url=r2.public_url)
    gaps = [error.as_dict() for error in found.gaps]
    named = {name: (place.noun, place.address(name)) for name, place in places_in(query).items()}
    remedy = "Check the text for typing errors; ids are case-sensitive, a uid finds most."
    for name, (noun, page) in named.items():
        remedy = f"{name} is {noun}, which the desk shows at {page}."
    nothing = NotFound("Nothing was found.", remedy=remedy)
    if context.as_json:
        answer = {
            "query": found.query,
            "kind": found.kind,
            "matches": [match.as_dict() for match in found.matches],
            "searched": found.searched,
            "not_searched": gaps,
            "cannot_search": found.cannot,
            "plans_and_jobs": [{"id": name, "what": noun, "page": page} for name, (noun, page) in named.items()],
            "truncated": found.truncated,
            "cost": meter.cost().as_dict(),
        }
        print_json(answer if found.matches else answer | {"error": nothing.as_dict()})
        return 0 if found.matches else 1
    say(f"Searched as: {found.kind.replace('_', ' ')}")
    rows = [(m.type, m.uid, m.video_id or "-", m.clip_id or "-", m.label, _why(m)) for m in found.matches]
    if rows:
        say_table(("TYPE", "UID", "VIDEO", "CLIP", "LABEL", "WHY"), rows)
        for told in dict.fromkeys(m.removed.told(full=True) for m in found.matches if m.removed is not None):
            say(safe(told, MAX_TOLD))  # whole, since a cell would cut off the job and until when it can be undone
    else:
        say("Searched: " + safe("; ".join(found.searched), 1_000))
        say("Cannot be searched: " + safe("; ".join(found.cannot), 1_000))
        report_error(nothing, as_json=False)
    for name, (noun, page) in named.items():
        say(f"{name} is {noun}, which the desk shows at {page}")
    if found.truncated:
        say("There may be more matches; narrow the text.")
    for gap in found.gaps:
        report_error(gap, as_json=False)
    return 0 if found.matches else 1
