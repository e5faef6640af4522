"""Addresses within the desk."""

from __future__ import annotations

from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pages._ui.kit.session import url_for


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text(st.characters(exclude_categories=["Cs"])))
def test_any_value_comes_back_as_it_was_and_stays_on_its_page(uid: str, video_id: str) -> None:
    parts = urlsplit(urljoin("http://desk.example/tools/find?q=x", url_for("video", uid=uid, video_id=video_id)))
    assert (parts.netloc, parts.path, parts.fragment) == ("desk.example", "/tools/video", "")
    found = parse_qs(parts.query, keep_blank_values=True)
    assert found == {"uid": [uid], "video_id": [video_id]}


def test_a_parameter_without_a_value_is_left_out() -> None:
    assert url_for("user", uid="u 1", q=None) == "./user?uid=u%201"
    assert url_for("") == "./"


@pytest.mark.parametrize("page", ["//evil.example", "a/b", "user?x", "http:", "javascript:alert(1)"])
def test_a_name_that_is_no_page_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="url_path"):
        url_for(page)
