"""Ids are checked before anything is asked of a backend."""

import pytest

from storage.errors import BadInput
from storage.ids import check_id, is_id


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
