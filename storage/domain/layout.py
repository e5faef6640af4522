"""The key layout as one grammar: `parse` says what any key is, the builders are its inverse, prefixes end at a segment.

No other module builds a key. Keys are Unicode text and compared exactly, never normalised or stripped: an object with
accents in its title is found only under the code points with which it was written.

    {prefix}{uid}/{video_id}/highlights.json                                 highlights
    {prefix}{uid}/{video_id}/clips/clip_{priority}_{scene}_{title}_{style}.mp4   clip (.jpg: thumbnail)
    {prefix}{uid}/{video_id}/clips/top_{n}_scenes_{title}_{YYYYmmdd_HHMMSS}_streamer_top_scenes.mp4   Top Scenes clip
    {prefix}{uid}/{video_id}/neural/{name}.json.gz                           neural cache, expires after 7 days
    {prefix}{uid}/{video_id}/source.mp4                                      source video of older workers
    {prefix}{uid}/transcripts/{cache_id}.txt.gz                              transcript
    sources/{uid}/{video_id}/source.mp4                                      source video, expires after 24 hours
    clips/{uid}/{video_id}/raw/{name}.mp4                                    raw segment, expires after 7 days
    clips/{uid}/{video_id}/silence_removed/{name}.mp4                        raw segment without its silent parts
    _ops/...                                                                 the desk's own

`prefix` is configuration (`users/` by default, may be empty); keys of the other known layout are recognised too.

The path alone decides the owner of a key, whatever the file is called (`Layout.standing`); links, the upload check, the
diagnosis, purges and the player all use this rule. `STYLES` are the clip styles that the worker renders; other styles
are shown as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
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

# `own`: a key of this customer. `cache`: a key of this customer in a folder whose files expire. `others`: a key of
# another customer. `desk`: a key of the desk's own. `outside`: a key whose path names no owner.
Standing = Literal["own", "cache", "others", "desk", "outside"]

_STEM = re.compile(r"clip_(\d{2,})_(\d+)_(.*)", re.DOTALL)
_TOP_STEM = re.compile(rf"top_\d+_scenes_(.*)_\d{{8}}_\d{{6}}_{TOP_SCENES}", re.DOTALL)
_SEGMENTS: dict[str, Kind] = {"raw": "raw_segment", "silence_removed": "silence_removed"}
_STYLES_BY_LENGTH = tuple(sorted(STYLES, key=len, reverse=True))


@dataclass(frozen=True, slots=True)
class ClipName:
    """The parts of a clip's file name; unknown styles stay as they are.

    `written` is the stem of an existing key, where it differs from the canonical one: a padded scene id, or a Top
    Scenes clip, which has no single scene and no priority (both 0, as in its document).
    """

    priority: int
    scene_id: int
    title: str
    style: str
    written: str = ""

    @property
    def stem(self) -> str:
        """The file name without its ending: `written`, else the worker's form."""
        return self.written or f"clip_{self.priority:02d}_{self.scene_id}_{self.title}_{self.style}"


@dataclass(frozen=True, slots=True)
class ParsedKey:
    """The parts of a key. `prefix` is the layout prefix above it (`None` where the layout has none)."""

    key: str
    kind: Kind
    uid: str = ""
    video_id: str = ""
    prefix: str | None = None
    clip: ClipName | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """The grammar under one configured prefix.

    `sampled`: nobody set it, a sample of documents told it, so that older customers may lie under the other known one.
    """

    prefix: str = "users/"
    sampled: bool = field(default=False, compare=False)

    def parse(self, key: str) -> ParsedKey:
        """The parts of the key; accepts every string, and gives the kind `unrecognised` instead of raising."""
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
        """The key of a video's `highlights.json`."""
        return f"{self.prefix}{uid}/{video_id}/highlights.json"

    def clip_key(self, uid: str, video_id: str, name: ClipName) -> str:
        """The key of a clip."""
        return f"{self.prefix}{uid}/{video_id}/clips/{name.stem}.mp4"

    def thumbnail_key(self, uid: str, video_id: str, name: ClipName) -> str:
        """The key of a clip's thumbnail: the clip's stem with `.jpg`."""
        return f"{self.prefix}{uid}/{video_id}/clips/{name.stem}.jpg"

    def source_key(self, uid: str, video_id: str) -> str:
        """The key of a video's cached source."""
        return f"sources/{uid}/{video_id}/source.mp4"

    def raw_key(self, uid: str, video_id: str, name: str) -> str:
        """The key of a raw segment."""
        return f"clips/{uid}/{video_id}/raw/{name}.mp4"

    def silence_removed_key(self, uid: str, video_id: str, name: str) -> str:
        """The key of a segment without its silent parts."""
        return f"clips/{uid}/{video_id}/silence_removed/{name}.mp4"

    def neural_key(self, uid: str, video_id: str, name: str) -> str:
        """The key of a neural cache file."""
        return f"{self.prefix}{uid}/{video_id}/neural/{name}.json.gz"

    def transcript_key(self, uid: str, cache_id: str) -> str:
        """The key of a user's transcript."""
        return f"{self.prefix}{uid}/transcripts/{cache_id}.txt.gz"

    def user_prefixes(self, uid: str) -> tuple[str, ...]:
        """Every prefix under which this layout keeps things of the user; each ends with `/`."""
        return (f"{self.prefix}{uid}/", f"sources/{uid}/", f"clips/{uid}/")

    def video_prefixes(self, uid: str, video_id: str) -> tuple[str, ...]:
        """As `user_prefixes`, for one video."""
        return tuple(f"{prefix}{video_id}/" for prefix in self.user_prefixes(uid))

    def own_prefixes(self, uid: str) -> tuple[str, ...]:
        """The prefixes of a user's own keys, without caches: the configured layout's, and the other known layouts'.

        A user whose id is the name of a shared folder (`users`, `clips`) gets no prefix that would cover others' keys.
        """
        shared = (*self.prefixes, *CACHE_FOLDERS, OPS_PREFIX)
        found = (f"{prefix}{uid}/" for prefix in self.prefixes)
        return tuple(prefix for prefix in found if uid and not any(other.startswith(prefix) for other in shared))

    def standing(self, key: str, uid: str) -> Standing:
        """The owner of the key, seen from one customer: by its segments, under any known prefix, with any file name."""
        if key.startswith(OPS_PREFIX):
            return "desk"
        if uid and _holds(key, cache_prefixes(uid)):
            return "cache"
        if _holds(key, self.own_prefixes(uid)):
            return "own"
        return "others" if owner_of(key, self) else "outside"

    def belongs_to(self, key: str, uid: str, video_id: str | None = None) -> bool:
        """Whether the key belongs to this user, or to this video of the user; caches count as the user's."""
        if self.standing(key, uid) not in {"own", "cache"}:
            return False
        prefixes = (*self.own_prefixes(uid), *cache_prefixes(uid))
        return video_id is None or _holds(key, tuple(f"{prefix}{video_id}/" for prefix in prefixes))


def cache_prefixes(uid: str) -> tuple[str, ...]:
    """The prefixes of a user's caches outside the layout prefix."""
    return tuple(f"{folder}{uid}/" for folder in CACHE_FOLDERS)


def _holds(key: str, prefixes: tuple[str, ...]) -> bool:
    """Whether the key lies below one of the prefixes; the prefix itself does not."""
    return key.startswith(prefixes) and not key.endswith("/")


def owner_of(key: str, layout: Layout) -> str:
    """The uid of the key's owner, also for a file name of unknown shape; empty where the path does not tell."""
    return place_of(key, layout)[0]


def place_of(key: str, layout: Layout) -> tuple[str, str]:
    """The uid and the video id of a key's place in the layout, each empty where the path does not tell.

    Below a prefix that is not empty, and in the cache folders, the first segment is a uid. Where keys begin with the
    uid, any other folder of the bucket looks the same, so the rest of the key must have the layout's shape.
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
        return None  # a folder with which everybody's keys begin is nobody's id
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
    """The key of the thumbnail of the clip at this key: the same stem with `.jpg`, under any prefix."""
    folder, slash, name = clip_key.rpartition("/")
    stem, dot, _ = name.rpartition(".")
    return f"{folder}{slash}{stem if dot else name}.jpg"


def parse_stem(stem: str) -> ClipName | None:
    """The parts of `clip_XX_YY_title_style` or of a Top Scenes clip's name; `None` for any other stem.

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
    """A title in the worker's form for keys, exactly: the next rendering must meet the same key.

    Only ASCII letters, digits, blanks, '-' and '_' stay; runs of blanks become one '_'; the result is in lower case and
    has at most 50 characters. A title of other letters gives an empty text, and so an empty part of the key.
    """
    kept = re.sub(r"[^A-Za-z0-9 _-]", "", title)
    return "_".join(kept.split()).lower()[:SLUG_LENGTH]


def encode_key(key: str) -> str:
    """The key as a URL's path: percent-encodes every byte but letters, digits, '-._~' and '/', so `+` is `%2B`."""
    return quote(key, safe="/-._~")


def within(key: str, prefixes: tuple[str, ...]) -> bool:
    """Whether the key lies under one of the prefixes, which must end with '/'."""
    if not all(prefix.endswith("/") for prefix in prefixes):
        raise ValueError("a prefix must end at a segment")
    return key.startswith(prefixes)
