"""The key grammar: parse accepts every string, build is its inverse, and a prefix never covers another user's."""

from __future__ import annotations

import unicodedata
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.domain.layout import STYLES, ClipName, Layout, encode_key, parse_stem, slug, within

USERS, BARE = Layout("users/"), Layout("")
segment = st.text(
    st.characters(exclude_characters="/", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20
).filter(lambda text: text not in {"transcripts", "_ops", "users", "sources", "clips"})
clip_names = st.builds(
    ClipName,
    priority=st.integers(0, 150),
    scene_id=st.integers(0, 5000),
    title=st.text(st.characters(exclude_characters="/", exclude_categories=["Cs", "Cc"]), max_size=30),
    style=st.sampled_from(STYLES),
)

GOLDEN = [
    ("users/u1/vid-0001/highlights.json", "highlights", "u1", "vid-0001"),
    ("users/u1/vid-0001/clips/clip_01_01_title_split.mp4", "clip", "u1", "vid-0001"),
    ("users/u1/vid-0001/clips/clip_03_12_café_naïve_intelligent_split.mp4", "clip", "u1", "vid-0001"),
    ("users/u1/vid-0001/clips/clip_03_12_Привет мир_left_focus.jpg", "thumbnail", "u1", "vid-0001"),
    ("users/u1/vid-0001/clips/clip_99_7_a+b 100%#1_streamer_top_scenes.mp4", "clip", "u1", "vid-0001"),
    ("u1/vid-0001/clips/clip_01_2_x_split_fast.mp4", "clip", "u1", "vid-0001"),
    ("u1/vid-0001/highlights.json", "highlights", "u1", "vid-0001"),
    ("sources/u1/vid-0001/source.mp4", "source", "u1", "vid-0001"),
    ("clips/u1/vid-0001/raw/scene 1.mp4", "raw_segment", "u1", "vid-0001"),
    ("users/u1/vid-0001/neural/faces.json.gz", "neural_cache", "u1", "vid-0001"),
    ("users/u1/transcripts/yt-abc.txt.gz", "transcript", "u1", ""),
    ("_ops/quarantine/users/u1/vid-0001/highlights.json", "ops", "", ""),
    ("users/u1/vid-0001/clips/", "unrecognised", "", ""),
    ("users//vid-0001/highlights.json", "unrecognised", "", ""),
    ("users/u1/vid-0001/clips/notes.txt", "unrecognised", "", ""),
    ("users/u1/vid-0001/clips/clip_1_2_x_split.mp4", "unrecognised", "", ""),
    ("", "unrecognised", "", ""),
    ("/", "unrecognised", "", ""),
]


@pytest.mark.parametrize(("key", "kind", "uid", "video_id"), GOLDEN)
@pytest.mark.parametrize("layout", [USERS, BARE], ids=["users", "bare"])
def test_every_known_key_is_named_for_what_it_is_under_either_prefix(layout, key, kind, uid, video_id):
    parsed = layout.parse(key)
    assert (parsed.kind, parsed.uid, parsed.video_id) == (kind, uid, video_id)
    assert parsed.key == key


def test_a_style_with_underscores_is_not_cut_in_the_middle():
    name = parse_stem("clip_01_4_my_title_intelligent_split_activity")
    assert name == ClipName(1, 4, "my_title", "intelligent_split_activity")


def test_an_unknown_style_stays_as_it_came():
    assert parse_stem("clip_01_4_my_title_hologram") == ClipName(1, 4, "my_title", "hologram")


def test_a_padded_scene_id_of_an_existing_key_survives():
    name = parse_stem("clip_01_01_title_split")
    assert name is not None
    assert (name.scene_id, name.stem) == (1, "clip_01_01_title_split")


@given(st.text(max_size=200))
def test_parse_accepts_every_string(key):
    parsed = USERS.parse(key)
    assert parsed.key == key
    if parsed.kind in {"clip", "thumbnail"}:
        assert parsed.clip is not None
        assert parsed.clip.stem in key


@given(segment, segment, clip_names, st.sampled_from(["users/", "", "media/v2/"]))
def test_building_and_parsing_are_inverse(uid, video_id, name, prefix):
    layout = Layout(prefix)
    key = layout.clip_key(uid, video_id, name)
    parsed = layout.parse(key)
    assert (parsed.kind, parsed.uid, parsed.video_id) == ("clip", uid, video_id)
    assert parsed.clip is not None
    assert layout.clip_key(uid, video_id, parsed.clip) == key
    assert layout.parse(layout.thumbnail_key(uid, video_id, name)).kind == "thumbnail"


@given(segment, segment, segment)
def test_other_objects_of_a_video_are_recognised(uid, video_id, name):
    for build, kind in (
        (USERS.raw_key(uid, video_id, name), "raw_segment"),
        (USERS.neural_key(uid, video_id, name), "neural_cache"),
    ):
        parsed = USERS.parse(build)
        assert (parsed.kind, parsed.uid, parsed.video_id, parsed.name) == (kind, uid, video_id, name)
    assert USERS.parse(USERS.source_key(uid, video_id)).kind == "source"
    assert USERS.parse(USERS.highlights_key(uid, video_id)).kind == "highlights"
    assert USERS.parse(USERS.transcript_key(uid, name)).name == name


@given(segment, segment)
def test_a_users_prefixes_never_cover_another_users_keys(uid, other):
    for layout in (USERS, BARE):
        for prefix in layout.user_prefixes(uid):
            assert prefix.endswith("/")
        if uid != other:
            assert not within(layout.highlights_key(other, "vid-0001"), layout.user_prefixes(uid))
            assert not layout.belongs_to(layout.highlights_key(other, "vid-0001"), uid)


def test_u1_does_not_cover_u10():
    key = USERS.highlights_key("u10", "vid-0001")
    assert not within(key, USERS.user_prefixes("u1"))
    assert within(key, USERS.user_prefixes("u10"))


def test_a_prefix_that_ends_inside_a_segment_is_refused():
    with pytest.raises(ValueError, match="segment"):
        within("users/u10/x", ("users/u1",))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_an_encoded_key_decodes_to_itself_and_carries_nothing_special(key):
    encoded = encode_key(key)
    assert unquote(encoded) == key
    assert not set(encoded) & set("+ #?&%") - {"%"}


def test_composed_and_decomposed_letters_stay_different_keys():
    composed, decomposed = (
        unicodedata.normalize(form, "users/u/v/clips/clip_01_1_é_split.mp4") for form in ("NFC", "NFD")
    )
    assert USERS.parse(composed).clip != USERS.parse(decomposed).clip
    assert encode_key(composed) != encode_key(decomposed)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("My Great  Clip", "my_great_clip"),
        ("Café & naïve", "caf__nave"),
        ("Привет", "clip"),
        ("../../etc/passwd", "etcpasswd"),
        ("x" * 80, "x" * 50),
        ("", "clip"),
    ],
)
def test_a_slug_is_short_and_ascii(title, expected):
    assert slug(title) == expected
