"""The web server around the pages, asked over HTTP: headers, cookies, return to a page, what is closed to the world."""

from __future__ import annotations

import random
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import httpx
import pytest
import streamlit
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request, cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from pages._ui import nav
from pages._ui.access.cookie import claims_of
from pages._ui.access.identity import person_of_assertion, sign_in_of
from pages._ui.access.sessions import SessionEnded, sessions
from pages._ui.access.settings import current, limits
from pages._ui.server import parts
from pages._ui.server.compression import Compressed
from pages._ui.server.middleware import COOKIE, content_policy, media_hosts, page_of
from tests.access.test_settings import ACCESS, OIDC
from tests.rigs import issuer
from tests.rigs.sign_in import claims, header, signed

LIVE = {
    "R2_BUCKET_NAME": "clips",
    "R2_ACCOUNT_ID": "0" * 32,
    "R2_ACCESS_KEY_ID": "a" * 32,
    "R2_SECRET_ACCESS_KEY": "b" * 64,
    "R2_PUBLIC_URL": "https://cdn.corp.test/media",
    "FIREBASE_PROJECT_ID": "clips-prod",
}
CLAIMS = claims()
MUCH = random.Random(9).randbytes(4_500).hex()  # a cookie that holds this comes in pieces
ADA = sign_in_of(CLAIMS)


async def anything(request: Request) -> Response:
    """Stands for Streamlit: what the middleware lets through arrives here."""
    if request.url.path == "/auth/login" and request.query_params.get("provider") == "away":
        return PlainTextResponse("Authentication error", 400)  # Streamlit's words where the provider does not answer
    if request.url.path == "/oauth2callback":
        answer: Response = RedirectResponse("/", 302)
        if request.query_params.get("code") == "worthless":
            answer.delete_cookie("_streamlit_user")
            return answer
        answer.set_cookie("_streamlit_user", "signed", max_age=2_592_000, httponly=True, samesite="lax")
        return answer
    if request.url.path == "/_stcore/health":
        return Response("ok", headers={"set-cookie": "_streamlit_xsrf=2|a|b|1; Path=/; SameSite=Lax"})
    return PlainTextResponse("let through")


@pytest.fixture
def server() -> ASGIApp:
    """The desk's own middleware, as `st.App` gets it, around a plain application."""
    given = parts()
    middleware: list[Middleware] = given["middleware"]
    methods = ["GET", "PUT", "HEAD", "DELETE"]
    return Starlette(routes=[*given["routes"], Route("/{path:path}", anything, methods=methods)], middleware=middleware)


@asynccontextmanager
async def client_of(server: ASGIApp, base: str, peer: str) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=server, client=(peer, 40_000))
    async with httpx.AsyncClient(transport=transport, base_url=base) as client:
        yield client


@pytest.fixture
def ask(server: ASGIApp) -> Callable[..., httpx.Response]:
    """One request to the server."""
    import anyio

    def asking(
        path: str, *, method: str = "GET", base: str = "http://desk.corp.test", peer: str = "10.0.0.9", **headers: str
    ) -> httpx.Response:
        async def once() -> httpx.Response:
            async with client_of(server, base, peer) as client:
                named = {name.replace("_", "-"): value for name, value in headers.items()}
                return await client.request(method, path, headers=named)

        return anyio.run(once)

    return asking


@pytest.fixture
def signed_in(no_settings: Callable[..., None]) -> Iterator[str]:
    """The cookie of somebody who passed the guard."""
    no_settings(**LIVE, **OIDC)
    sessions.admit(ADA, limits(current()), now=datetime.now(UTC))
    yield header(signed(CLAIMS, get_cookie_secret()))
    sessions.forget()


def test_every_answer_carries_the_security_headers(
    ask: Callable[..., httpx.Response], no_settings: Callable[..., None]
) -> None:
    no_settings(**LIVE, **OIDC)
    for path in ("/", "/purge", "/_stcore/health", "/_stcore/metrics", "/media/x.png"):
        headers = ask(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["strict-transport-security"] == "max-age=31536000"


def test_only_the_bucket_and_its_cdn_may_serve_media_and_nothing_else(no_settings: Callable[..., None]) -> None:
    hosts = media_hosts(LIVE)
    assert hosts == (f"https://{'0' * 32}.r2.cloudflarestorage.com", "https://cdn.corp.test")
    policy = dict(rule.split(" ", 1) for rule in content_policy(hosts).split("; "))
    for name, sources in policy.items():
        allowed = [source for source in sources.split() if source.startswith("http")]
        assert allowed == (list(hosts) if name in ("img-src", "media-src", "connect-src") else [])
    assert not any("*" in sources for sources in policy.values())
    assert "'unsafe-inline'" not in policy["script-src"]
    assert "'unsafe-eval'" not in policy["script-src"].split()
    assert policy["script-src-attr"] == "'none'"
    assert media_hosts({**LIVE, "FIREBASE_PROJECT_ID": ""}) == ()


def test_plain_http_on_this_machine_is_not_told_to_become_https(
    ask: Callable[..., httpx.Response], no_settings: Callable[..., None]
) -> None:
    no_settings()
    answer = ask("/_stcore/health", base="http://127.0.0.1:8501")
    assert "strict-transport-security" not in answer.headers
    assert "secure" not in answer.headers["set-cookie"].lower()


def test_cookies_are_secure_over_https_and_the_sign_in_lives_no_longer_than_a_session(
    ask: Callable[..., httpx.Response], no_settings: Callable[..., None]
) -> None:
    no_settings(**LIVE, **OIDC, SESSION_MAX_HOURS="8")
    cookie = ask("/oauth2callback").headers.get_list("set-cookie")[0].lower()
    assert "max-age=28800" in cookie
    assert "secure" in cookie
    assert "httponly" in cookie
    xsrf = ask("/_stcore/health").headers["set-cookie"].lower()
    assert "secure" in xsrf
    assert "httponly" not in xsrf  # the page's script sends it back in a header


def test_metrics_need_the_token(ask: Callable[..., httpx.Response], no_settings: Callable[..., None]) -> None:
    no_settings(**LIVE, **OIDC)
    for path in ("/_stcore/metrics", "/metrics"):
        assert ask(path).status_code == 404
        assert ask(path, peer="127.0.0.1").status_code == 404
    no_settings(**LIVE, **OIDC, METRICS_TOKEN="a-long-enough-token")
    for path in ("/_stcore/metrics", "/metrics"):
        assert ask(path).status_code == 404
        assert ask(path, authorization="Bearer wrong").status_code == 404
    assert ask("/_stcore/metrics", authorization="Bearer a-long-enough-token").status_code == 200


@pytest.mark.parametrize(
    "path", ["/nope", "/user/x", "/user/_stcore/health", "/static/js/none.js", "/.env", "/%2e%2e/x"]
)
def test_a_path_that_nothing_has_is_not_found(
    ask: Callable[..., httpx.Response], no_settings: Callable[..., None], path: str
) -> None:
    no_settings(**LIVE, **OIDC)
    assert ask(path).status_code == 404


def test_pages_streamlits_files_and_routes_are_served(
    ask: Callable[..., httpx.Response], no_settings: Callable[..., None]
) -> None:
    no_settings(**LIVE, **OIDC)
    script = next((Path(streamlit.__file__).parent / "static" / "static" / "js").glob("index.*.js"))
    files = ["/favicon.png", "/index.html", "/manifest.json", f"/static/js/{script.name}"]
    for path in ["/", *(f"/{name}" for name in nav.SCREENS if name != nav.HOME), *files, "/_stcore/host-config"]:
        assert ask(path).status_code == 200, path


def test_scripts_are_compressed_and_the_same(
    ask: Callable[..., httpx.Response], no_settings: Callable[..., None]
) -> None:
    no_settings(**LIVE, **OIDC)
    body = "let through" * 1_000

    async def script(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(body, media_type="text/javascript", headers={"etag": '"a"'})(scope, receive, send)

    def get(path: str, **headers: str) -> httpx.Response:
        async def once() -> httpx.Response:
            async with client_of(Compressed(script), "http://desk.corp.test", "10.0.0.9") as client:
                return await client.get(path, headers={"accept-encoding": "gzip", **headers})

        return anyio.run(once)

    for path in ("/static/js/a.js", "/", "/desk/user"):
        answer = get(path)
        assert answer.text == body
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["etag"] == '"a-gzip"'
        assert "Accept-Encoding" in answer.headers["vary"]
        assert int(answer.headers["content-length"]) < len(body) / 20
    for path, headers in (
        ("/media/a.js", {}),
        ("/_stcore/health", {}),
        ("/static/js/a.js", {"range": "bytes=0-9"}),
        ("/static/js/a.js", {"accept-encoding": "br"}),
    ):
        assert "content-encoding" not in get(path, **headers).headers, path


def test_a_script_that_never_changes_is_read_once_and_nothing_else_is_kept() -> None:
    asked: list[str] = []
    kinds = {"/static/js/a.js": "public, immutable", "/static/js/b.js": "public, immutable", "/static/c.js": "no-cache"}

    async def script(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append(scope["path"])
        headers = {"cache-control": kinds[scope["path"]]}
        answer = Response(scope["path"] * 1_000, media_type="text/javascript", headers=headers)
        if scope["path"].endswith("b.js"):
            answer.set_cookie("whose", "one")
        await answer(scope, receive, send)

    async def get() -> list[httpx.Response]:
        async with client_of(Compressed(script), "http://desk.corp.test", "10.0.0.9") as client:
            return [await client.get(path, headers={"accept-encoding": "gzip"}) for path in (*kinds, *kinds)]

    answers = anyio.run(get)
    assert [answer.text for answer in answers] == [path * 1_000 for path in (*kinds, *kinds)]
    assert all(first.headers == again.headers for first, again in zip(answers[:3], answers[3:], strict=True))
    assert asked == [*kinds, "/static/js/b.js", "/static/c.js"]


@pytest.mark.parametrize("path", ["/_stcore/agent/interact", "/_stcore/agent/mcp", "/_stcore/script-health-check"])
def test_what_the_desk_does_not_use_is_closed(ask: Callable[..., httpx.Response], signed_in: str, path: str) -> None:
    assert ask(path, cookie=signed_in).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/media/x.csv"), ("HEAD", "/media/x.csv"), ("PUT", "/_stcore/upload_file/s/f")]
)
def test_media_and_uploads_are_for_people_who_are_signed_in(
    ask: Callable[..., httpx.Response], signed_in: str, method: str, path: str
) -> None:
    assert ask(path, method=method, cookie=signed_in).status_code == 200
    assert ask(path, method=method).status_code == 404
    assert ask(path, method=method, cookie="_streamlit_user=made-up").status_code == 404
    sessions.sign_out(ADA, now=datetime.now(UTC))
    assert ask(path, method=method, cookie=signed_in).status_code == 404


def test_media_of_a_download_are_kept_by_no_cache(ask: Callable[..., httpx.Response], signed_in: str) -> None:
    assert ask("/media/x.csv", cookie=signed_in).headers["cache-control"] == "private, no-store"


def test_media_stay_closed_where_the_desk_refuses_to_serve(
    ask: Callable[..., httpx.Response], no_settings: Callable[..., None]
) -> None:
    no_settings(**LIVE)
    assert ask("/media/x.csv", peer="127.0.0.1").status_code == 404
    no_settings(**LIVE, **ACCESS)
    assert ask("/media/x.csv", cf_access_jwt_assertion="made.up.token").status_code == 404
    no_settings()
    assert ask("/media/x.csv").status_code == 200  # the demo has no sign-in, and sample data alone


def test_signing_out_by_the_address_alone_counts(ask: Callable[..., httpx.Response], signed_in: str) -> None:
    ask("/auth/logout", cookie=signed_in)
    assert not sessions.is_live(ADA, limits(current()), now=datetime.now(UTC))
    assert ask("/media/x.csv", cookie=signed_in).status_code == 404


def mangled(cookies: dict[str, str]) -> list[str]:
    """The same sign-in, as a request may carry it that somebody made by hand."""
    last = list(cookies)[-1]
    value = cookies[last]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = alphabet[alphabet.index(value[-1]) ^ 1]  # the signature's last letter says four bits; the others are idle
    return [
        header({**cookies, "_streamlit_user_9": "x"}),
        header({"_streamlit_user_7": "made-up", **cookies}),
        header({**cookies, "_streamlit_user_01": cookies["_streamlit_user"]}),
        header({**cookies, "_streamlit_user__1": "x", "_streamlit_user_tokens": "x", "_streamlit_user_tokens_1": "x"}),
        header({**cookies, last: value[:-1] + twin}),
    ]


@pytest.mark.parametrize("much", ["", MUCH], ids=["whole", "in pieces"])
def test_a_kept_cookie_stays_signed_out_whatever_is_put_beside_it(
    ask: Callable[..., httpx.Response], signed_in: str, much: str
) -> None:
    cookies = signed({**CLAIMS, "note": much}, get_cookie_secret())
    assert ("_streamlit_user_2" in cookies) == bool(much)
    assert ask("/media/x.csv", cookie=header(cookies)).status_code == 200
    ask("/auth/logout", cookie=header(cookies))
    now = datetime.now(UTC)
    for kept in mangled(cookies):
        found = claims_of(cookie_parser(kept))
        assert found is not None, "its signature holds as far as Streamlit looks"
        with pytest.raises(SessionEnded, match="signed out"):
            sessions.admit(sign_in_of(found), limits(current()), now=now)
        assert ask("/media/x.csv", cookie=kept).status_code == 404


def test_an_idle_session_does_not_come_back_by_a_made_up_cookie_beside_it(signed_in: str) -> None:
    late = datetime.now(UTC) + timedelta(minutes=31)
    for kept in mangled(signed(CLAIMS, get_cookie_secret())):
        found = claims_of(cookie_parser(kept))
        assert found is not None
        with pytest.raises(SessionEnded, match="30 minutes"):
            sessions.admit(sign_in_of(found), limits(current()), now=late)


def test_pieces_of_two_sign_ins_put_together_are_not_a_new_one(signed_in: str) -> None:
    """Each piece is signed for itself, so a kept head may be joined to a later tail."""
    old = signed({**CLAIMS, "note": MUCH, "groups": ["former"]}, get_cookie_secret())
    new = signed({**CLAIMS, "iat": CLAIMS["iat"] + 60, "nonce": "m", "note": MUCH[::-1]}, get_cookie_secret())
    new_claims = claims_of(new)
    assert new_claims is not None
    sessions.sign_out(sign_in_of(new_claims), now=datetime.now(UTC))
    for joined in (
        {**new, "_streamlit_user_3": old["_streamlit_user_3"]},
        {**old, "_streamlit_user_2": new["_streamlit_user_2"]},
    ):
        found = claims_of(joined)
        assert found is not None
        with pytest.raises(SessionEnded, match="signed out"):
            sessions.admit(sign_in_of(found), limits(current()), now=datetime.now(UTC))


def test_a_sign_out_counts_only_for_a_cookie_whose_signature_holds_and_nothing_made_up_is_kept(
    ask: Callable[..., httpx.Response], signed_in: str
) -> None:
    for made_up in (
        "_streamlit_user=made-up",
        header(signed(CLAIMS, "another secret of the same length as it must be")),
        header({"_streamlit_user_tokens": signed(CLAIMS, get_cookie_secret())["_streamlit_user"]}),
        header({**signed({**CLAIMS, "note": MUCH}, get_cookie_secret()), "_streamlit_user_2": "x"}),
        header(
            {"_streamlit_user": create_signed_value(get_cookie_secret(), "_streamlit_user", "chunks-99999").decode()}
        ),
        header({"_streamlit_user": create_signed_value(get_cookie_secret(), "_streamlit_user", "[]").decode()}),
        header(signed({**CLAIMS, "is_logged_in": False}, get_cookie_secret())),
        "_streamlit_user=; _streamlit_user_1=",
    ):
        ask("/auth/logout", cookie=made_up)
        assert ask("/media/x.csv", cookie=made_up).status_code == 404
    assert sessions.is_live(ADA, limits(current()), now=datetime.now(UTC))
    assert sessions._out == {}
    assert len(sessions._known) == 1


@pytest.mark.parametrize("value", ["", "☃", "\xff", "a.b.c", "." * 70_000])
def test_what_is_no_cookie_of_ours_is_nobodys(value: str) -> None:
    assert claims_of({"_streamlit_user": value}) is None


def test_media_close_for_somebody_whose_roles_were_taken_away(
    ask: Callable[..., httpx.Response], signed_in: str, no_settings: Callable[..., None]
) -> None:
    assert ask("/media/x.csv", cookie=signed_in).status_code == 200
    no_settings(**LIVE, **{**OIDC, "ROLE_ADMIN": "bob@corp.test"})
    assert ask("/media/x.csv", cookie=signed_in).status_code == 404


def test_behind_cloudflare_access_a_sign_out_closes_media_to_the_assertion_that_was_kept(
    ask: Callable[..., httpx.Response], no_settings: Callable[..., None]
) -> None:
    with issuer.running() as access:
        no_settings(**LIVE, **{**ACCESS, "ACCESS_TEAM_DOMAIN": access.settings.issuer})
        now = datetime.now(UTC)
        token = access.signed(now)
        assert ask("/media/x.csv", cf_access_jwt_assertion=token).status_code == 200
        person = person_of_assertion(token, current(), now)
        assert person is not None
        sessions.sign_out(person.sign_in, now=now)
        assert ask("/media/x.csv", cf_access_jwt_assertion=token).status_code == 404
        later = access.signed(now, iat=int(now.timestamp()) - 1)
        assert ask("/media/x.csv", cf_access_jwt_assertion=later).status_code == 200
        sessions.forget()


def test_the_way_back_from_the_provider_leads_to_the_page(
    ask: Callable[..., httpx.Response], no_settings: Callable[..., None]
) -> None:
    no_settings(**LIVE, **OIDC)
    kept = ask("/auth/login", referer="http://desk.corp.test/video?uid=u1&video_id=v1").headers["set-cookie"]
    assert "HttpOnly" in kept
    assert "Secure" in kept
    back = ask("/oauth2callback?code=c&state=s", cookie=kept.partition(";")[0])
    assert back.headers["location"] == "/video?uid=u1&video_id=v1"
    assert any(cookie.startswith(f"{COOKIE}=; Max-Age=0") for cookie in back.headers.get_list("set-cookie"))


def test_a_refusal_of_the_provider_is_told_to_the_page(
    ask: Callable[..., httpx.Response], no_settings: Callable[..., None]
) -> None:
    no_settings(**LIVE, **OIDC)
    assert ask("/oauth2callback?error=access_denied").headers["location"] == "/?sign_in=refused"


@pytest.mark.parametrize(
    ("referer", "page"), [("http://desk.corp.test/user?uid=u1&sign_in=refused", "/user?uid=u1&"), ("", "/?")]
)
def test_a_provider_that_is_away_is_told_to_the_page(
    ask: Callable[..., httpx.Response], no_settings: Callable[..., None], referer: str, page: str
) -> None:
    no_settings(**LIVE, **OIDC)
    answer = ask("/auth/login?provider=away", referer=referer)
    assert (answer.status_code, answer.headers["location"]) == (302, f"{page}sign_in=unreachable")


def test_a_code_that_gets_no_token_is_told_to_the_page(
    ask: Callable[..., httpx.Response], no_settings: Callable[..., None]
) -> None:
    no_settings(**LIVE, **OIDC)
    assert ask("/oauth2callback?code=worthless&state=s").headers["location"] == "/?sign_in=unconfirmed"


@pytest.mark.parametrize(
    "stored",
    [
        "//evil.test/",
        "https://evil.test/",
        "/\\evil.test",
        "\\\\evil.test",
        "/a\r\nset-cookie: x=y",
        "/auth/logout",
        "/x/../auth/logout",
        "/x/%2e%2E/auth/logout",
        "/%61uth/logout",
        "/media/x",
        "javascript:alert(1)",
        "/ü",
        "",
    ],
)
def test_a_forged_cookie_leads_to_the_first_page_and_never_away(
    ask: Callable[..., httpx.Response], no_settings: Callable[..., None], stored: str
) -> None:
    no_settings(**LIVE, **OIDC)
    value = urlsafe_b64encode(stored.encode()).decode()
    assert ask("/oauth2callback?code=c", cookie=f"{COOKIE}={value}").headers["location"] == "/"


@pytest.mark.parametrize(
    ("referer", "page"),
    [
        ("http://desk.test/find?q=ada%40corp.test", "/find?q=ada%40corp.test"),
        ("http://desk.test/find?q=a&sign_in=refused", "/find?q=a"),
        ("http://desk.test/", "/"),
        ("http://evil.test/find", ""),
        ("http://desk.test@evil.test/find", ""),
        ("http://desk.test//evil.test/", ""),
        ("http://desk.test/find?q=https%3A%2F%2Fr2%2Fk%3FX-Amz-Signature%3Ddead", "/find"),
        ("http://desk.test/find?q=token%3Dabc", "/find"),
        ("http://desk.test/find?q=cust%3Ftoken%3Dabc", "/find?q=cust%3Ftoken%3Dabc"),
        ("http://desk.test/user?uid=cust%3Ftoken%3Dabc", "/user?uid=cust%3Ftoken%3Dabc"),
        ("http://desk.test/user?uid=k%3FX-Amz-Signature%3Ddead", "/user"),
        ("", ""),
        ("http://[", ""),
    ],
)
def test_only_pages_of_this_server_are_kept_and_no_signature_with_them(referer: str, page: str) -> None:
    assert page_of(referer, "desk.test") == page


@given(st.one_of(st.text(), st.text().map(lambda rest: f"http://desk.test/{rest}")))
def test_whatever_the_browser_says_it_came_from_stays_a_path_of_this_server(referer: str) -> None:
    page = page_of(referer, "desk.test")
    assert page == "" or (page.startswith("/") and page[1:2] not in ("/", "\\") and page.isprintable())


def test_the_first_page_is_found_by_its_name_too(ask: Callable[..., httpx.Response]) -> None:
    answer = ask("/overview?uid=u1")
    assert (answer.status_code, answer.headers["location"]) == (307, "/?uid=u1")
    assert ask("/overview").headers["location"] == "/"


@pytest.mark.parametrize(
    ("name", "content"), [(".env", b"R2_REGION=caf\xe9"), (".streamlit/secrets.toml", b"R2 = = a")]
)
def test_settings_that_cannot_be_read_leave_the_page_that_says_so(
    ask: Callable[..., httpx.Response], no_settings: Callable[..., None], tmp_path: Path, name: str, content: bytes
) -> None:
    no_settings(**LIVE, **OIDC)
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / name).write_bytes(content)
    answer = ask("/")
    assert (answer.status_code, answer.text) == (200, "let through")
    assert "media-src 'self' blob:;" in answer.headers["content-security-policy"], "no store is known"
    assert ask("/media/x").status_code == 404
