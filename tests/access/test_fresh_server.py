"""Each page asked for first thing on a fresh server, by somebody who is not signed in: over HTTP and the WebSocket.

Streamlit runs the files of a folder `pages/` past the entry point until `st.navigation` was called once in the process;
only a server that nobody has visited can show that this way is closed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from socket import create_connection

import httpx
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from pages._ui import nav
from tests.access.test_server import LIVE
from tests.access.test_settings import OIDC
from tests.rigs.browser import ROOT, RunningApp, streamlit_app
from tests.rigs.waiting import PATIENCE_SECONDS

# Stores that nobody answers at: a page that asked them anything would say so, or hang.
AWAY = {**LIVE, "R2_ENDPOINT_URL": "http://127.0.0.1:9", "FIRESTORE_EMULATOR_HOST": "127.0.0.1:9", "R2_PUBLIC_URL": ""}
SCRIPTS = re.compile(r'\s*<link rel="(modulepreload|prefetch|later)"[^>]*>')


@pytest.fixture(params=sorted(nav.SCREENS))
def page(request: pytest.FixtureRequest) -> str:
    """The page that is asked for first."""
    return str(request.param)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningApp]:
    """A server that nobody has visited, with live settings and sign-in."""
    with streamlit_app(ROOT / "app.py", tmp_path, env={**AWAY, **OIDC}) as app:
        yield app


def first_run(
    url: str, page: str, *, host: str = "127.0.0.1", site: str = "", token: str = "", **headers: str
) -> list[ForwardMsg]:
    """What the server sends for the first run of a session that begins at this page, addressed by this host name.

    `site`: the public address that it is reached by through a proxy. `token`: what a page sends to show that it may.
    """
    ask = BackMsg()
    ask.rerun_script.page_name = page
    ask.rerun_script.query_string = "uid=u1&video_id=v1"
    port = int(url.rpartition(":")[2])
    origin = site or f"http://{host}:{port}"
    address = f"ws://{origin.partition('://')[2]}/_stcore/stream"
    spoken = [Subprotocol(name) for name in ("streamlit", token) if name]
    answers: list[ForwardMsg] = []
    line = create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
    with connect(
        address,
        subprotocols=spoken,
        origin=Origin(origin),
        additional_headers=headers,
        max_size=None,
        sock=line,
        open_timeout=PATIENCE_SECONDS,
    ) as socket:
        socket.send(ask.SerializeToString())
        while not answers or answers[-1].WhichOneof("type") != "script_finished":
            answers.append(ForwardMsg.FromString(socket.recv(timeout=PATIENCE_SECONDS)))
    return answers


def kinds(answers: list[ForwardMsg]) -> set[str]:
    """The kinds of the elements that were sent."""
    deltas = [answer.delta for answer in answers if answer.WhichOneof("type") == "delta"]
    return {delta.new_element.WhichOneof("type") for delta in deltas if delta.WhichOneof("type") == "new_element"}


def test_a_stranger_gets_the_sign_in_and_nothing_else(page: str, server: RunningApp) -> None:
    html = httpx.get(f"{server.url}/{page}", params={"uid": "u1", "video_id": "v1"}, follow_redirects=True)
    assert html.status_code == 200
    first = httpx.get(server.url)
    # One document for every page, without anything of any page in it but the names of scripts.
    assert SCRIPTS.sub("", html.text) == SCRIPTS.sub("", first.text)
    assert httpx.get(f"{server.url}/no-such-page").status_code == 404
    answers = first_run(server.url, page)
    assert kinds(answers) <= {"heading", "markdown", "button", "alert", "html"}
    assert htmls(answers) == []
    buttons = [a.delta.new_element.button.label for a in answers if a.delta.new_element.HasField("button")]
    assert headings(answers) == ["Clip Desk"]
    assert buttons == ["Sign in"]
    menus = [answer.navigation for answer in answers if answer.WhichOneof("type") == "navigation"]
    assert menus, "the entry point ran, which is what calls st.navigation"
    assert all(shown.is_hidden or menu.position == menu.HIDDEN for menu in menus for shown in menu.app_pages)


def test_a_forged_sign_in_cookie_is_no_sign_in(tmp_path: Path) -> None:
    with streamlit_app(ROOT / "app.py", tmp_path, env={**AWAY, **OIDC}) as app:
        forged = '_streamlit_user="eyJlbWFpbCI6ImFkYUBjb3JwLnRlc3QifQ.aaaa.bbbb"; _streamlit_xsrf=2|a|b|1'
        answers = first_run(app.url, "audit", Cookie=forged)
        assert headings(answers) == ["Clip Desk"]


def htmls(answers: list[ForwardMsg]) -> list[str]:
    """What stands on the page as HTML, each once."""
    found = [a.delta.new_element.html.body for a in answers if a.delta.new_element.HasField("html")]
    return list(dict.fromkeys(found))


def headings(answers: list[ForwardMsg]) -> list[str]:
    """The headings of the page."""
    return [a.delta.new_element.heading.body for a in answers if a.delta.new_element.HasField("heading")]


def test_beside_an_emulator_only_somebody_on_this_machine_may_choose_a_role(tmp_path: Path) -> None:
    with streamlit_app(ROOT / "app.py", tmp_path, env=AWAY) as app:
        assert headings(first_run(app.url, "access"))[0] == "Access"
        assert headings(first_run(app.url, "access", host="localhost"))[0] == "Access"
        through_a_proxy = first_run(app.url, "access", **{"X-Forwarded-For": "203.0.113.9"})
        by_a_rebound_name = first_run(app.url, "access", host="rebound.evil.test")
        for answers in (through_a_proxy, by_a_rebound_name):
            assert headings(answers) == ["Clip Desk"]
            assert kinds(answers) <= {"heading", "alert", "html"}
            assert htmls(answers) == []


def test_a_socket_from_another_origin_is_refused(tmp_path: Path) -> None:
    with streamlit_app(ROOT / "app.py", tmp_path, env={**AWAY, **OIDC}) as app:
        address = f"{app.url.replace('http', 'ws', 1)}/_stcore/stream"
        with pytest.raises(InvalidStatus), connect(address, origin="https://evil.test"):
            pass
