"""The reply to a customer in a shell: in the customer's language, and beside it in that of the staff."""

from __future__ import annotations

from typing import Any

from storage.cli.output import safe, say
from storage.domain.replies import OWN, SPEECHES, Language, Reply


def say_reply(reply: Reply, language: Language) -> None:
    """Says the reply, and what it says in English where it is in another language."""
    name = "" if language == OWN else f", {SPEECHES[language].name}"
    say(f"Reply to the customer{name}:")
    _lines(reply.words(language))
    if language != OWN:
        say(f"The same in {SPEECHES[OWN].name}:")
        _lines(reply.words())


def reply_document(reply: Reply, language: Language) -> dict[str, Any]:
    """What `--json` adds where a language was chosen; `reply` itself stays in English."""
    return {} if language == OWN else {"reply_in": {"language": language, "text": reply.words(language)}}


def _lines(words: str) -> None:
    for line in words.splitlines():
        say(f"  {safe(line, 1_000)}")
