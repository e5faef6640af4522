"""`requests`: what the team was asked, asking for something, and answers."""

from __future__ import annotations

from storage.actions import requests
from storage.actions.requests import Answer
from storage.cli.context import Context, shell_actor
from storage.cli.output import print_json, safe, say, say_table
from storage.domain.requests import Kind, TeamRequest, ticket_text
from storage.repositories.requests import Requests


def run_list(context: Context, all: bool, limit: int) -> int:
    """Exit 1 where something waits for an answer."""
    store = Requests(context.stores.handle)
    found = [one.request for one in (store.newest(limit) if all else store.open())]
    if context.as_json:
        print_json({"requests": [one.as_dict() for one in found]})
    elif not found:
        say("Nothing was asked." if all else "Nothing waits for an answer.")
    else:
        rows = [
            (one.request_id, one.kind, safe(one.spelled), one.state, safe(one.asked_by), safe(one.reason, 80))
            for one in found
        ]
        say_table(("REQUEST", "KIND", "ABOUT", "STATE", "ASKED BY", "WHY"), rows)
    return int(any(one.state == "open" for one in found))


def run_ask(
    context: Context, kind: Kind, uid: str, video_id: str | None, clip_id: str | None, actor: str, reason: str
) -> int:
    """Exit 0 when it is kept; prints the text for a ticket."""
    made = requests.ask(context.bench(), shell_actor(actor), kind, uid, video_id or "", clip_id or "", reason=reason)
    return _told(context, made)


def run_answer(context: Context, request_id: str, state: Answer, actor: str, reason: str) -> int:
    """Exit 0 when the answer is kept."""
    return _told(context, requests.answer(context.bench(), shell_actor(actor), request_id, state, reason))


def _told(context: Context, request: TeamRequest) -> int:
    text = ticket_text(request, context.stores.settings.alerts.desk_url)
    if context.as_json:
        print_json(request.as_dict() | {"ticket": text})
        return 0
    for line in text.split("\n"):
        say(safe(line, 2_500))
    return 0
