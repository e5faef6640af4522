"""Names of downloads: whatever somebody wrote, the header holds and the disk takes."""

from __future__ import annotations

import re
import string
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.repositories.objects import MAX_NAME_BYTES, content_disposition, safe_file_name


def nobody_can_break_out(value: str) -> None:
    """What a header may hold, and what the two names in it may."""
    assert value.isascii()
    assert value.isprintable()
    match = re.fullmatch(r"(attachment|inline); filename=\"([^\"\\]+)\"(?:; filename\*=UTF-8''([^;\s\"]+))?", value)
    assert match is not None
    plain, encoded = match[2], match[3]
    assert not set(plain) & set('/\\:*?"<>|%')
    if encoded is not None:
        assert set(encoded) <= set(string.ascii_letters + string.digits + "!#$&+-.^_`|~%")
        true = unquote(encoded, errors="strict")
        assert true == safe_file_name(true)
        assert not set(true) & set('/\\:*?"<>|\r\n\x00')


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(name=st.text(st.characters(), max_size=300), download=st.booleans())
def test_no_name_breaks_out_of_its_header(name: str, download: bool) -> None:
    value = content_disposition(name, download)
    nobody_can_break_out(value)
    assert value.startswith("attachment" if download else "inline")
    assert len(safe_file_name(name).encode()) <= MAX_NAME_BYTES + 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("clip_01_1_a_split.mp4", 'attachment; filename="clip_01_1_a_split.mp4"'),
        ("naïve café.mp4", "attachment; filename=\"naive cafe.mp4\"; filename*=UTF-8''na%C3%AFve%20caf%C3%A9.mp4"),
        (
            "привет.mp4",
            "attachment; filename=\"______.mp4\"; filename*=UTF-8''%D0%BF%D1%80%D0%B8%D0%B2%D0%B5%D1%82.mp4",
        ),
        ("../../etc/passwd", 'attachment; filename="_.._etc_passwd"'),
        ("con.mp4", 'attachment; filename="_con.mp4"'),
        ("\u202egpj.exe", 'attachment; filename="gpj.exe"'),
        (" . ", 'attachment; filename="download"'),
        ("", 'attachment; filename="download"'),
        ("100%25.mp4", 'attachment; filename="100_25.mp4"'),
        ("a\tb\nc.mp4", 'attachment; filename="abc.mp4"'),
    ],
)
def test_names_become_what_any_disk_takes(name: str, expected: str) -> None:
    assert content_disposition(name, download=True) == expected


def test_long_names_keep_their_ending() -> None:
    name = safe_file_name("é" * 400 + ".mp4")
    assert name.endswith("é.mp4")
    assert len(name.encode()) <= MAX_NAME_BYTES
    assert len(safe_file_name("x" * 400).encode()) == MAX_NAME_BYTES
