"""Ids are checked before anything is asked of a backend."""

import pytest

from storage.errors import BadInput
from storage.ids import check_id, check_stored_id, is_id, is_stored_id, typeable


@pytest.mark.parametrize(
    "value",
    ["u1", "3f0a-11", "Пользователь", "名前", "a b", "a.b", "..a", "x" * 1500, "🎬", "%2F", "a+b#c", "__a", "a__"],
)
def test_an_id_that_firestore_takes_is_returned_unchanged(value):
    assert check_id(value, "UID") == value


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("", "empty"),
        ("   ", "empty"),
        (".", "must not be"),
        ("..", "must not be"),
        ("a/b", "'/'"),
        ("a\x00b", "control"),
        ("a\nb", "control"),
        ("a\x7f", "control"),
        ("a\u2028b", "control"),
        ("\ud800", "control"),
        (" a", "blank"),
        ("a ", "blank"),
        ("é" * 751, "1,500 bytes"),
        ("x" * 2000, "1,500 bytes"),
        ("__id__", "reserves"),
    ],
)
def test_an_id_that_could_do_harm_is_refused_with_the_fields_name(value, word):
    with pytest.raises(BadInput, match=word) as caught:
        check_id(value, "VIDEO_ID")
    assert caught.value.field_name == "VIDEO_ID"
    assert caught.value.exit_status == 2
    assert not is_id(value)


def test_what_is_not_text_is_no_id():
    assert not is_id(None)
    assert not is_id(7)
    assert not is_stored_id(None)


@pytest.mark.parametrize(
    ("value", "typed"),
    [(" a", "%20a"), ("a ", "a%20"), ("a\nb%", "a%0Ab%25"), ("a\x00", "a%00"), ("\u2028", "%E2%80%A8"), (" ", "%20")],
)
def test_an_id_that_a_store_gave_is_taken_though_nobody_would_type_it(value, typed):
    assert check_stored_id(value, "UID") == value
    assert typeable(value) == typed
    with pytest.raises(BadInput) as caught:
        check_id(value, "UID")
    assert "--exact-ids" in (caught.value.remedy or "")  # the door says the other way in


def test_an_id_that_can_be_typed_is_typed_as_it_is():
    for value in ("u1", "a b", "50%", "日本", "__id7__", "__id-7__"):
        assert typeable(check_id(value, "UID")) == value


@pytest.mark.parametrize("value", ["", ".", "..", "a/b", "\ud800", "é" * 751, "__id__", "__id0__", "__id07__", "__x__"])
def test_what_no_store_can_have_given_is_refused_at_every_door(value):
    assert not is_stored_id(value)
    with pytest.raises(BadInput):
        check_stored_id(value, "UID")
