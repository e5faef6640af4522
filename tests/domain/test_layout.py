"""The key grammar: parse accepts every string, build is its inverse, and a prefix never covers another user's."""

from __future__ import annotations

import unicodedata
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.domain.layout import STYLES, ClipName, Layout, encode_key, owner_of, parse_stem, slug, within

USERS, BARE = Layout("users/"), Layout("")
TOP = "top_5_scenes_my_title_20260101_235959_streamer_top_scenes"
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
    ("clips/u1/vid-0001/silence_removed/3.mp4", "silence_removed", "u1", "vid-0001"),
    ("u1/vid-0001/source.mp4", "source", "u1", "vid-0001"),
    ("users/u1/vid-0001/source.mp4", "source", "u1", "vid-0001"),
    ("users/u1/source.mp4", "unrecognised", "", ""),
    ("clips/u1/source.mp4", "unrecognised", "", ""),
    (f"u1/vid-0001/clips/{TOP}.mp4", "clip", "u1", "vid-0001"),
    (f"users/u1/vid-0001/clips/{TOP}.jpg", "thumbnail", "u1", "vid-0001"),
    ("u1/vid-0001/clips/top_3_scenes__20260101_000000_streamer_top_scenes.mp4", "clip", "u1", "vid-0001"),
    ("u1/vid-0001/clips/top_3_scenes_x_streamer_top_scenes.mp4", "unrecognised", "", ""),
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


def test_a_top_scenes_name_has_title_and_style_and_is_of_no_single_scene():
    name = parse_stem(TOP)
    assert name == ClipName(0, 0, "my_title", "streamer_top_scenes", written=TOP)
    assert BARE.clip_key("u1", "v", name) == f"u1/v/clips/{TOP}.mp4"


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
        (USERS.silence_removed_key(uid, video_id, name), "silence_removed"),
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
        ("Café & naïve", "caf_nave"),
        ("A & B", "a_b"),
        ("50% off — now", "50_off_now"),
        ("Hello World!", "hello_world"),
        ("Test@#$%123", "test123"),
        ("RAM-ii și cartofii", "ram-ii_i_cartofii"),
        ("one\ttab and\u00a0another blank", "onetab_andanother_blank"),
        ("_kept at the ends-", "_kept_at_the_ends-"),
        ("a - b", "a_-_b"),
        ("\u01c5 \u0130 \u212a", ""),
        ("Привет", ""),
        ("../../etc/passwd", "etcpasswd"),
        ("x" * 80, "x" * 50),
        ("x" * 49 + " yz", "x" * 49 + "_"),
        ("", ""),
    ],
)
def test_a_slug_is_the_workers(title, expected):
    assert slug(title) == expected


def test_a_title_that_leaves_nothing_has_no_part_in_the_name():
    name = ClipName(1, 1, slug("Привет"), "split")
    assert name.stem == "clip_01_1__split"
    assert parse_stem(name.stem) == name


OWN = [
    "users/u1/v1/clips/clip_01_1_a_split.mp4",
    "u1/v1/clips/clip_01_1_a_split.mp4",
    f"u1/v1/clips/{TOP}.mp4",
    "users/u1/v1/clips/intro.mp4",
    "u1/v1/clips/FINAL.MP4",
    "users/u1/v1/clips/sub/x.mp4",
    "users/u1/v1/source.mp4",
    "u1/anything.bin",
]


@pytest.mark.parametrize("layout", [USERS, BARE, Layout("media/v2/")], ids=["users", "bare", "other"])
def test_whose_a_key_is_goes_by_its_path_and_not_by_its_files_name(layout):
    for key in OWN:
        assert (layout.standing(key, "u1"), layout.belongs_to(key, "u1")) == ("own", True), key
        assert layout.standing(key, "u10") != "own", key
        assert layout.standing(key, "users") != "own", key
    for key in (*OWN[:-1], "sources/u1/v1/source.mp4", "clips/u1/v1/silence_removed/3.mp4"):
        assert (owner_of(key, layout), layout.standing(key, "u10")) == ("u1", "others"), key
    for key in ("sources/u1/v1/source.mp4", "clips/u1/v1/raw/3.mp4", "clips/u1/v1/silence_removed/3.mp4"):
        assert (layout.standing(key, "u1"), layout.belongs_to(key, "u1", "v1")) == ("cache", True)
        assert not layout.belongs_to(key, "u1", "v10")
    for key in ("exports/2024/final cut.mp4", "users/u1", "users/", "", "/users/u1/v1/clips/clip_01_1_a_split.mp4"):
        assert layout.standing(key, "u1") == "outside", key
    assert layout.standing("_ops/quarantine/users/u1/x", "u1") == "desk"
    assert not layout.belongs_to("users/u1/v1/clips/", "u1"), "a folder is no object of anybody's"


def test_a_user_id_that_begins_a_prefix_owns_nothing_of_all_the_others():
    layout = Layout("media/v2/")
    assert layout.standing("media/v2/u1/v1/clips/intro.mp4", "media") == "others"
    assert layout.standing("media/v2/media/v1/clips/intro.mp4", "media") == "own"


@given(st.text("u1/x.clipsuer_o", max_size=40), segment)
def test_who_owns_a_key_and_whose_it_is_never_contradict_each_other(key, uid):
    for layout in (USERS, BARE):
        owner = owner_of(key, layout)
        if owner and layout.belongs_to(key, uid):
            assert owner == uid
        if owner and not key.endswith("/"):
            assert layout.standing(key, owner) in {"own", "cache"} or owner in {"users", "clips", "sources", "_ops"}
