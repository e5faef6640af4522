"""The key layout as one grammar: `parse` says what any key is, the builders are its inverse, prefixes end at a segment.

No other module puts a key together. Keys are Unicode text and compared exactly, never normalised or stripped: an
object whose title carries accents is found under the very code points that it was written with.

    {prefix}{uid}/{video_id}/highlights.json                                 highlights
    {prefix}{uid}/{video_id}/clips/clip_{priority}_{scene}_{title}_{style}.mp4   clip (.jpg: thumbnail)
    {prefix}{uid}/{video_id}/clips/top_{n}_scenes_{title}_{YYYYmmdd_HHMMSS}_streamer_top_scenes.mp4   Top Scenes clip
    {prefix}{uid}/{video_id}/neural/{name}.json.gz                           neural cache, expires after 7 days
    {prefix}{uid}/{video_id}/source.mp4                                      source video, where older workers put it
    {prefix}{uid}/transcripts/{cache_id}.txt.gz                              transcript
    sources/{uid}/{video_id}/source.mp4                                      source video, expires after 24 hours
    clips/{uid}/{video_id}/raw/{name}.mp4                                    raw segment, expires after 7 days
    clips/{uid}/{video_id}/silence_removed/{name}.mp4                        the same without its silent parts
    _ops/...                                                                 the desk's own

`prefix` is configuration (`users/` by default, may be empty); keys of the other known layout are recognised too.

Whose a key is goes by its path alone, whatever the file is called (`Layout.standing`): one notion for links, the upload
check, the diagnosis, purges and the player.

The clip styles that the worker renders; unknown ones are shown as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import quote

STYLES = (
    "original",
    "split",
    "left_focus",
    "right_focus",
    "center_focus",
    "split_fast",
    "intelligent",
    "intelligent_split",
    "intelligent_speaker",
    "intelligent_split_speaker",
    "intelligent_motion",
    "intelligent_split_motion",
    "intelligent_split_activity",
    "intelligent_cinematic",
    "streamer_split",
    "streamer",
    "streamer_top_scenes",
)


OPS_PREFIX = "_ops/"
KNOWN_PREFIXES = ("users/", "")
MAX_KEY_BYTES = 1_024
SLUG_LENGTH = 50

Kind = Literal[
    "highlights",
    "clip",
    "thumbnail",
    "source",
    "raw_segment",
    "silence_removed",
    "neural_cache",
    "transcript",
    "ops",
    "unrecognised",
]
CACHE_KINDS: frozenset[Kind] = frozenset({"source", "raw_segment", "silence_removed", "neural_cache", "transcript"})
CACHE_FOLDERS = ("sources/", "clips/")
TOP_SCENES = "streamer_top_scenes"

# `own`: one of the places of this customer. `cache`: the customer's too, in a folder whose files expire. `others`:
# another customer's. `desk`: what the desk keeps for itself. `outside`: nobody's, as far as the path says.
Standing = Literal["own", "cache", "others", "desk", "outside"]

_STEM = re.compile(r"clip_(\d{2,})_(\d+)_(.*)", re.DOTALL)
_TOP_STEM = re.compile(rf"top_\d+_scenes_(.*)_\d{{8}}_\d{{6}}_{TOP_SCENES}", re.DOTALL)
_SEGMENTS: dict[str, Kind] = {"raw": "raw_segment", "silence_removed": "silence_removed"}
_STYLES_BY_LENGTH = tuple(sorted(STYLES, key=len, reverse=True))


@dataclass(frozen=True, slots=True)
class ClipName:
    """What a clip's file name says; unknown styles stay as they came.

    `written` is the stem as an existing key has it, where that differs from the canonical one: a padded scene id, or a
    Top Scenes clip, which is of no single scene and no priority (both 0, as in its document).
    """

    priority: int
    scene_id: int
    title: str
    style: str
    written: str = ""

    @property
    def stem(self) -> str:
        """The file name without its ending: as written, else as the worker writes it."""
        return self.written or f"clip_{self.priority:02d}_{self.scene_id}_{self.title}_{self.style}"


@dataclass(frozen=True, slots=True)
class ParsedKey:
    """What a key is. `prefix` is the layout prefix that it lies under (`None` where the layout has none)."""

    key: str
    kind: Kind
    uid: str = ""
    video_id: str = ""
    prefix: str | None = None
    clip: ClipName | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """The grammar under one configured prefix."""

    prefix: str = "users/"

    def parse(self, key: str) -> ParsedKey:
        """What the key is; accepts every string, and says `unrecognised` rather than raise."""
        if key.startswith(OPS_PREFIX):
            return ParsedKey(key, "ops")
        for prefix in self.prefixes:
            if key.startswith(prefix) and (found := _below_prefix(key, prefix)):
                return found
        return _cache(key) or ParsedKey(key, "unrecognised")

    @property
    def prefixes(self) -> tuple[str, ...]:
        """The configured prefix first, then the other known ones."""
        return tuple(dict.fromkeys((self.prefix, *KNOWN_PREFIXES)))

    def highlights_key(self, uid: str, video_id: str) -> str:
        """Where `highlights.json` of a video belongs."""
        return f"{self.prefix}{uid}/{video_id}/highlights.json"

    def clip_key(self, uid: str, video_id: str, name: ClipName) -> str:
        """Where a clip belongs."""
        return f"{self.prefix}{uid}/{video_id}/clips/{name.stem}.mp4"

    def thumbnail_key(self, uid: str, video_id: str, name: ClipName) -> str:
        """Where a clip's thumbnail belongs: the clip's stem with `.jpg`."""
        return f"{self.prefix}{uid}/{video_id}/clips/{name.stem}.jpg"

    def source_key(self, uid: str, video_id: str) -> str:
        """Where the cached source video of a video lies."""
        return f"sources/{uid}/{video_id}/source.mp4"

    def raw_key(self, uid: str, video_id: str, name: str) -> str:
        """Where a raw segment lies."""
        return f"clips/{uid}/{video_id}/raw/{name}.mp4"

    def silence_removed_key(self, uid: str, video_id: str, name: str) -> str:
        """Where a segment without its silent parts lies."""
        return f"clips/{uid}/{video_id}/silence_removed/{name}.mp4"

    def neural_key(self, uid: str, video_id: str, name: str) -> str:
        """Where a neural cache file lies."""
        return f"{self.prefix}{uid}/{video_id}/neural/{name}.json.gz"

    def transcript_key(self, uid: str, cache_id: str) -> str:
        """Where a transcript of a user lies."""
        return f"{self.prefix}{uid}/transcripts/{cache_id}.txt.gz"

    def user_prefixes(self, uid: str) -> tuple[str, ...]:
        """Every prefix under which this layout puts something of the user; each ends with `/`."""
        return (f"{self.prefix}{uid}/", f"sources/{uid}/", f"clips/{uid}/")

    def video_prefixes(self, uid: str, video_id: str) -> tuple[str, ...]:
        """As `user_prefixes`, for one video."""
        return tuple(f"{prefix}{video_id}/" for prefix in self.user_prefixes(uid))

    def own_prefixes(self, uid: str) -> tuple[str, ...]:
        """Where a user's own things lie, but for caches: under the configured prefix, and under the other known ones.

        A user whose id spells a shared folder (`users`, `clips`) gets no prefix that would cover other people's keys.
        """
        shared = (*self.prefixes, *CACHE_FOLDERS, OPS_PREFIX)
        found = (f"{prefix}{uid}/" for prefix in self.prefixes)
        return tuple(prefix for prefix in found if uid and not any(other.startswith(prefix) for other in shared))

    def standing(self, key: str, uid: str) -> Standing:
        """Whose the key is, seen from one customer: by segment, under any known prefix, whatever its file is called."""
        if key.startswith(OPS_PREFIX):
            return "desk"
        if uid and _holds(key, cache_prefixes(uid)):
            return "cache"
        if _holds(key, self.own_prefixes(uid)):
            return "own"
        return "others" if owner_of(key, self) else "outside"

    def belongs_to(self, key: str, uid: str, video_id: str | None = None) -> bool:
        """Whether the key is this user's, or this video's of the user; caches are."""
        if self.standing(key, uid) not in {"own", "cache"}:
            return False
        prefixes = (*self.own_prefixes(uid), *cache_prefixes(uid))
        return video_id is None or _holds(key, tuple(f"{prefix}{video_id}/" for prefix in prefixes))


def cache_prefixes(uid: str) -> tuple[str, ...]:
    """Where a user's caches lie that no prefix stands before."""
    return tuple(f"{folder}{uid}/" for folder in CACHE_FOLDERS)


def _holds(key: str, prefixes: tuple[str, ...]) -> bool:
    """Whether the key names something below one of the prefixes, and not a prefix itself."""
    return key.startswith(prefixes) and not key.endswith("/")


def owner_of(key: str, layout: Layout) -> str:
    """Whose key it is, also where its name has no shape that the layout knows; empty where that cannot be told."""
    return place_of(key, layout)[0]


def place_of(key: str, layout: Layout) -> tuple[str, str]:
    """The user and the video whose place in the layout a key has, each empty where that cannot be told.

    Below a prefix that is not empty, and in the cache folders, the first segment is a user. Where keys begin with the
    user, any other folder of the bucket looks the same: there the rest must have the layout's shape.
    """
    parsed = layout.parse(key)
    if parsed.uid or parsed.kind == "ops":
        return parsed.uid, parsed.video_id
    for prefix in (*sorted(filter(None, layout.prefixes), key=len, reverse=True), *CACHE_FOLDERS):
        if key.startswith(prefix):
            uid, _, rest = key[len(prefix) :].partition("/")
            video_id, slash, _ = rest.partition("/")
            return (uid if rest else "", video_id if uid and slash else "")
    parts = key.split("/")
    shaped = len(parts) >= 4 and all(parts) and parts[2] == "clips"
    return (parts[0], parts[1]) if shaped else ("", "")


def _below_prefix(key: str, prefix: str) -> ParsedKey | None:
    parts = key[len(prefix) :].split("/")
    if len(parts) < 3 or not all(parts):
        return None
    uid, video_id, *rest = parts
    if not prefix and f"{uid}/" in (*KNOWN_PREFIXES, *CACHE_FOLDERS):
        return None  # a folder that everybody's keys begin with is nobody's id
    if rest == ["source.mp4"]:
        return ParsedKey(key, "source", uid, video_id, prefix, name="source.mp4")
    if len(rest) == 1 and video_id == "transcripts" and rest[0].endswith(".txt.gz"):
        return ParsedKey(key, "transcript", uid, prefix=prefix, name=rest[0].removesuffix(".txt.gz"))
    if rest == ["highlights.json"]:
        return ParsedKey(key, "highlights", uid, video_id, prefix, name="highlights.json")
    if len(rest) == 2 and rest[0] == "neural" and rest[1].endswith(".json.gz"):
        return ParsedKey(key, "neural_cache", uid, video_id, prefix, name=rest[1].removesuffix(".json.gz"))
    if len(rest) == 2 and rest[0] == "clips":
        stem, _, ending = rest[1].rpartition(".")
        clip = parse_stem(stem)
        if clip and ending in {"mp4", "jpg"}:
            return ParsedKey(key, "clip" if ending == "mp4" else "thumbnail", uid, video_id, prefix, clip, rest[1])
    return None


def _cache(key: str) -> ParsedKey | None:
    parts = key.split("/")
    if not all(parts):
        return None
    if len(parts) == 4 and parts[0] == "sources" and parts[3] == "source.mp4":
        return ParsedKey(key, "source", parts[1], parts[2], name="source.mp4")
    if len(parts) == 5 and parts[0] == "clips" and parts[3] in _SEGMENTS and parts[4].endswith(".mp4"):
        return ParsedKey(key, _SEGMENTS[parts[3]], parts[1], parts[2], name=parts[4].removesuffix(".mp4"))
    return None


def thumbnail_of(clip_key: str) -> str:
    """Where the thumbnail of the clip at this key lies: the same stem with `.jpg`, whatever prefix the key is under."""
    folder, slash, name = clip_key.rpartition("/")
    stem, dot, _ = name.rpartition(".")
    return f"{folder}{slash}{stem if dot else name}.jpg"


def parse_stem(stem: str) -> ClipName | None:
    """The parts of `clip_XX_YY_title_style`, or of a Top Scenes clip's name, or `None`.

    The longest known style at the end wins over a shorter one.
    """
    if compiled := _TOP_STEM.fullmatch(stem):
        return ClipName(0, 0, compiled.group(1), TOP_SCENES, written=stem)
    match = _STEM.fullmatch(stem)
    if not match:
        return None
    priority, scene, rest = match.groups()
    style = next((known for known in _STYLES_BY_LENGTH if rest == known or rest.endswith(f"_{known}")), None)
    style = style or rest.rpartition("_")[2]
    name = ClipName(int(priority), int(scene), rest[: -len(style) - 1] if style else rest, style)
    return name if name.stem == stem else replace(name, written=stem)


def slug(title: str) -> str:
    """A title as the worker puts it into keys, to the letter: the next rendering must meet the same key.

    Only ASCII letters, digits, blanks, '-' and '_' stay; runs of blanks become one '_'; lower case, at most 50. What a
    title of other letters leaves is empty, and so is the title's part of the key.
    """
    kept = re.sub(r"[^A-Za-z0-9 _-]", "", title)
    return "_".join(kept.split()).lower()[:SLUG_LENGTH]


def encode_key(key: str) -> str:
    """The key as a URL's path: every byte but letters, digits, '-._~' and '/' percent-encoded, so `+` is `%2B`."""
    return quote(key, safe="/-._~")


def within(key: str, prefixes: tuple[str, ...]) -> bool:
    """Whether the key lies under one of the prefixes, which must end with '/'."""
    if not all(prefix.endswith("/") for prefix in prefixes):
        raise ValueError("a prefix must end at a segment")
    return key.startswith(prefixes)
