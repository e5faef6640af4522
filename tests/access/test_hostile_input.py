"""Whatever stands in the address: every page answers in words, shows it as text, and asks nothing of a bad id."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from pages._ui import nav
from pages._ui.access.identity import PERSONA
from pages._ui.data import resources
from storage.errors import Unreachable
from storage.ids import is_stored_id
from tests.access.conftest import NAMES
from tests.rigs.waiting import PATIENCE_SECONDS

BAD_IDS = ["", " ", ".", "..", "a/b", "../u2", "a\x00b", "a\nb", "x" * 2_000, "u1/../u2", "\ud7ff" * 600]
texts = st.one_of(
    st.text(max_size=300),
    st.sampled_from(BAD_IDS),
    st.sampled_from(
        [
            "=HYPERLINK('http://evil.test')",
            "![x](http://evil.test/x.png)",
            "<script>alert(1)</script>",
            "[x](javascript:alert(1))",
            "users/u1/",
            "'; DROP TABLE users; --",
            "${7*7}{{7*7}}",
            "%00%2e%2e%2f",
            "\U0001f3ac" * 50,
            "\u202eu1",
        ]
    ),
)


@pytest.fixture(scope="module", autouse=True)
def demo() -> Iterator[None]:
    """The pages as they are in the demo, with its stores."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(NAMES):
                patch.delenv(name)
        resources.stores()
        yield
        resources.close()


def shown(name: str, parameters: dict[str, list[str]]) -> AppTest:
    """The page as somebody who may see them all gets it with these parameters: through the entry point."""
    app = AppTest.from_file(str(nav.FOLDER.parent / "app.py"), default_timeout=PATIENCE_SECONDS)
    app.session_state[PERSONA] = "admin@demo.local"
    app.switch_page(f"pages/{name}.py")
    for parameter, values in parameters.items():
        app.query_params[parameter] = values
    return app.run()


@pytest.mark.parametrize("name", sorted(nav.SCREENS))
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    parameters=st.dictionaries(
        st.sampled_from(["uid", "video_id", "clip_id", "q", "page", "job", "sign_in", "embed"]),
        st.lists(texts, min_size=1, max_size=2),
        max_size=3,
    )
)
@example(parameters={"uid": ["![x](http://evil.test/x.png)"], "video_id": ["<img src=x>"], "q": ["**x**"]})
@example(parameters={"uid": ["u1", "u2"]})
def test_no_address_makes_a_page_fail_or_an_element_act(name: str, parameters: dict[str, list[str]]) -> None:
    app = shown(name, parameters)
    assert not app.exception, app.exception[0].stack_trace
    for element in [*app.markdown, *app.caption, *app.error, *app.warning, *app.info]:
        assert "![x](http" not in element.value
        assert "](javascript:" not in element.value


@pytest.mark.parametrize("bad", [one for one in BAD_IDS[1:] if not is_stored_id(one)], ids=lambda bad: ascii(bad[:12]))
@pytest.mark.parametrize("name", ["user", "video"])
def test_a_bad_id_is_refused_before_anything_is_asked_of_a_store(
    name: str, bad: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def opened() -> None:
        asked.append(name)
        raise Unreachable("no store may be asked here")

    monkeypatch.setattr(resources, "_opened", opened)
    app = shown(name, {"uid": [bad], "video_id": ["abcdefgh"]})
    assert not app.exception
    assert asked == []
    assert len(app.error) + len(app.warning) > 0
