"""The facts about the clips themselves: which are there, which play, and which a reply to the customer names."""

from __future__ import annotations

from dataclasses import dataclass

from storage.domain.integrity import TroubledClip
from storage.domain.replies.speech import TITLE_CHARS
from storage.text import number, quoted

NAMED = 5  # the most clips that a reply names; it counts the others


@dataclass(frozen=True, slots=True)
class Playing:
    """Numbers of the clips whose objects are there, by the result of a look. Nobody looked into the `unasked` clips.

    `unanswered`: the store refused or was away, or the object is of a kind about which players differ. `troubled` are
    the clips with any finding, from looks or otherwise; `why` is the first reason for a missing answer.
    """

    plays: int = 0
    does_not_play: int = 0
    unanswered: int = 0
    unasked: int = 0
    troubled: tuple[TroubledClip, ...] = ()
    why: str = ""

    @property
    def asked(self) -> int:
        """The number of clips that were looked into or should have been."""
        return self.plays + self.does_not_play + self.unanswered

    @property
    def there(self) -> int:
        """The number of clips with an object."""
        return self.asked + self.unasked

    @property
    def unplayable(self) -> tuple[TroubledClip, ...]:
        """The clips that do not play for the customer, or not in every player."""
        return tuple(clip for clip in self.troubled if clip.plays == "does not play" or (clip.why and not clip.sound))

    @property
    def harmless(self) -> bool:
        """Whether something is not as documented, although every clip concerned was seen to play."""
        return bool(self.troubled) and all(clip.sound for clip in self.troubled)


def words(playing: Playing, named: int) -> str:
    """The clips as the customer sees them, as far as looked at; `named` is the number of documents with a claim."""
    gone = max(0, named - playing.there)
    if not playing.asked:
        parts = [f"{number(playing.there, 'clip')}; whether {_it(playing.there)} was not checked"]
    else:
        parts = [f"{number(playing.plays, 'clip')} that {'plays' if playing.plays == 1 else 'play'}"]
        parts += [f"{playing.does_not_play} that {_do(playing.does_not_play)} not"] if playing.does_not_play else []
        unknown = playing.unanswered + playing.unasked
        parts += [f"{unknown} that {'was' if unknown == 1 else 'were'} not checked"] if unknown else []
    parts += [f"{gone} without a usable file"] if gone else []
    return f"{'; '.join(parts)}."


def _it(count: int) -> str:
    return "it plays" if count == 1 else "they play"


def _do(count: int) -> str:
    return "does" if count == 1 else "do"


def observed(playing: Playing) -> tuple[str, bool | None]:
    """The evidence in a line, and whether all is well."""
    if not playing.asked:
        return "They were not looked into, so whether they play is not known.", None
    seen = [clip for clip in playing.troubled if clip.why]
    said = "".join(f" {titled(clip)}: {clip.why}" for clip in seen[:NAMED])
    fine = False if playing.does_not_play or seen else None if playing.unanswered or playing.unasked else True
    return f"{counted(playing)}{said}", fine


def counted(playing: Playing) -> str:
    """The numbers of clips that play, do not play, gave no answer, and were not looked into."""
    plays = "plays" if playing.plays == playing.there == 1 else "play"
    parts = [f"{playing.plays} of {number(playing.there, 'clip')} {plays}"]
    if playing.does_not_play:
        parts.append(f"{playing.does_not_play} {_do(playing.does_not_play)} not")
    if playing.unanswered:
        parts.append(f"{playing.unanswered} gave no answer ({quoted(playing.why, 120)})")
    if playing.unasked:
        parts.append(f"{playing.unasked} {'was' if playing.unasked == 1 else 'were'} not looked into")
    return f"{', '.join(parts)}."


def titled(clip: TroubledClip) -> str:
    """A clip in the customer's words: title and style."""
    title = quoted(clip.title, TITLE_CHARS) if clip.title.strip() else "one without a title"
    return f"{title} ({clip.style.replace('_', ' ')[:TITLE_CHARS]})" if clip.style.strip() else title
