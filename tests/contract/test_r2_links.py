"""Signed URLs against a store that checks signatures, expiry and tampering; public URLs."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote_plus, unquote, urlsplit

import pytest
import urllib3
from botocore import auth
from hypothesis import given
from hypothesis import strategies as st

from storage.actions.objects import ObjectWriter
from storage.clients import r2
from storage.clients.r2 import UrlSigner
from storage.clients.r2_listing import COLUMNS, take_columns
from storage.errors import BadInput
from storage.repositories.object_listing import page_frame
from storage.repositories.objects import Objects, content_disposition
from storage.settings.backends import R2Settings
from tests.contract.r2_fixtures import AWKWARD
from tests.rigs.seaweed import ADMIN, READER, SECRETS, UNLISTING, SeaweedRig, pair

KEY = "users/u1/v1/clips/clip_01_1_é +_split.mp4"
CONTENT = b"the very bytes"
http = urllib3.PoolManager(retries=False)


@pytest.fixture(scope="module")
def shelf(r2_rig: SeaweedRig) -> str:
    """A bucket with one clip."""
    name = r2_rig.fresh_bucket()
    writer = ObjectWriter(r2_rig.writer(name), name)
    writer.put(KEY, CONTENT, "video/mp4")
    writer.put("users/u2/v1/clips/secret.mp4", b"of somebody else", "video/mp4")
    return name


def signing(
    rig: SeaweedRig, bucket: str, *, token: tuple[str, str] = READER, clock: Callable[[], datetime] | None = None
) -> Objects:
    client = r2.read_client(rig.settings(bucket, read=pair(token), read_is_separate=True))
    return Objects(client, bucket, clock=clock or (lambda: datetime.now(UTC)))


def ago(**parts: int) -> Callable[[], datetime]:
    return lambda: datetime.now(UTC) - timedelta(**parts)


def refused(method: str, url: str) -> bool:
    """Whether the store refuses (400, 401 or 403, by store) and gives nothing away."""
    reply = http.request(method, url)
    return reply.status in {400, 401, 403} and CONTENT not in reply.data


def test_a_valid_url_gives_the_bytes_and_parts_of_them_to_whoever_has_it(r2_rig: SeaweedRig, shelf: str) -> None:
    signed = signing(r2_rig, shelf).presign(KEY, 60)
    reply = http.request("GET", signed.url)
    assert (reply.status, reply.data, reply.headers["Content-Type"]) == (200, CONTENT, "video/mp4")
    part = http.request("GET", signed.url, headers={"Range": "bytes=4-7", "Origin": "https://desk.example"})
    assert (part.status, part.data) == (206, CONTENT[4:8])
    assert signed.content_type == "video/mp4"
    assert parse_qs(urlsplit(signed.url).query)["X-Amz-SignedHeaders"] == ["host"]


@pytest.mark.parametrize("key", AWKWARD, ids=ascii)
def test_awkward_keys_are_linked_to_as_they_are(writer: ObjectWriter, objects: Objects, key: str) -> None:
    writer.put(key, key.encode(), "text/plain")
    assert http.request("GET", objects.presign(key, 60).url).data == key.encode()


def test_a_url_that_was_changed_is_refused(r2_rig: SeaweedRig, shelf: str) -> None:
    url = signing(r2_rig, shelf).presign(KEY, 60).url
    bare = url.partition("?")[0]
    signature = re.search("X-Amz-Signature=([0-9a-f]+)", url)
    assert signature is not None
    other = ("0" if signature[1][0] != "0" else "1") + signature[1][1:]
    assert http.request("GET", url).status == 200
    assert refused("GET", url.replace("u1/v1", "u2/v1").replace("clip_01_1_%C3%A9%20%2B_split", "secret"))
    assert refused("GET", url.replace(signature[1], other))
    assert refused("GET", url.replace("X-Amz-Expires=60", "X-Amz-Expires=6000"))
    assert refused("GET", f"{url}&response-content-type=text%2Fhtml")
    assert refused("HEAD", url)
    assert refused("PUT", url)
    assert refused("DELETE", url)
    assert refused("GET", bare)
    assert refused("GET", url.partition("&X-Amz-Signature")[0])


def test_a_url_of_a_token_that_is_not_accepted_is_refused(r2_rig: SeaweedRig, shelf: str) -> None:
    for token in ((READER[0], "wrong secret"), ("AKIDNOBODYKNOWS00001", READER[1])):
        assert refused("GET", signing(r2_rig, shelf, token=token).presign(KEY, 60).url)
    assert http.request("GET", signing(r2_rig, shelf, token=UNLISTING).presign(KEY, 60).url).data == CONTENT


def test_a_url_lives_exactly_as_long_as_it_says(r2_rig: SeaweedRig, shelf: str) -> None:
    an_hour_ago = signing(r2_rig, shelf, clock=ago(hours=1))
    assert refused("GET", an_hour_ago.presign(KEY, 60).url)
    long = an_hour_ago.presign(KEY, 7_200)
    assert http.request("GET", long.url).data == CONTENT
    assert timedelta(minutes=59) < long.expires_at - datetime.now(UTC) <= timedelta(minutes=60)
    six_days_ago = signing(r2_rig, shelf, clock=ago(days=6))
    assert http.request("GET", six_days_ago.presign(KEY, 604_800).url).data == CONTENT


@pytest.mark.parametrize("seconds", [0, -1, 604_801, 1.5, True, "60", None])
def test_a_life_outside_the_limits_is_refused_here_as_it_is_by_the_store(objects: Objects, seconds: int) -> None:
    with pytest.raises(BadInput, match="604,800"):
        objects.presign(KEY, seconds)


def test_the_store_refuses_more_than_seven_days_itself(r2_rig: SeaweedRig, shelf: str) -> None:
    signer = UrlSigner(r2_rig.endpoint, "auto", *READER)
    assert refused("GET", signer.sign(shelf, KEY, 604_801, datetime.now(UTC), {}))
    assert http.request("GET", signer.sign(shelf, KEY, 604_800, datetime.now(UTC), {})).status == 200


def test_urls_of_one_window_are_equal_and_keep_the_life_they_promise(r2_rig: SeaweedRig, shelf: str) -> None:
    moment = datetime(2026, 5, 1, 12, 0, 1, 500_000, tzinfo=UTC)
    now = moment
    objects = signing(r2_rig, shelf, clock=lambda: now)
    first = objects.presign(KEY, 900, window_seconds=600)
    now = moment + timedelta(seconds=598)
    assert objects.presign(KEY, 900, window_seconds=600) == first
    assert first.expires_at - now >= timedelta(seconds=900)
    now = moment + timedelta(seconds=599)
    assert objects.presign(KEY, 900, window_seconds=600) != first
    assert objects.presign(KEY, 900) != objects.presign(KEY, 901)
    assert first.expires_at == datetime(2026, 5, 1, 12, 25, tzinfo=UTC)


@pytest.fixture(scope="module")
def unconnected() -> r2.R2Client:
    """A handle on an endpoint that is never asked: signing is local work."""
    endpoint = "https://account.r2.cloudflarestorage.com"
    token = pair(READER)
    return r2.read_client(R2Settings("desk", endpoint, "auto", "users/", "", token, token, read_is_separate=False))


@given(
    seconds=st.integers(1, 604_800),
    window=st.integers(-5, 1_000_000),
    moment=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),
)
def test_a_window_never_shortens_a_life_nor_passes_seven_days(
    unconnected: r2.R2Client, seconds: int, window: int, moment: datetime
) -> None:
    signed = Objects(unconnected, "desk", clock=lambda: moment).presign(KEY, seconds, window_seconds=window)
    query = parse_qs(urlsplit(signed.url).query)
    begun = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    life = int(query["X-Amz-Expires"][0])
    assert begun <= moment
    assert life <= 604_800
    assert begun + timedelta(seconds=life) == signed.expires_at
    assert signed.expires_at >= moment.replace(microsecond=0) + timedelta(seconds=seconds)


def test_urls_are_those_that_the_sdk_itself_would_sign(
    unconnected: r2.R2Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = datetime(2026, 5, 1, 12, 0, 1, tzinfo=UTC)
    monkeypatch.setattr(auth, "get_current_datetime", lambda remove_tzinfo=True: moment.replace(tzinfo=None))
    objects = Objects(unconnected, "desk", clock=lambda: moment)
    for key in [*AWKWARD, "a//b", "~tilde.txt", "a'b", "x/%2F/ü"]:
        name = "my clip é.mp4"
        theirs = unconnected.sdk.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": "desk",
                "Key": key,
                "ResponseContentDisposition": content_disposition(name, download=True),
                "ResponseContentType": "video/mp4",
            },
            ExpiresIn=300,
        )
        ours = objects.presign(key, 300, content_type="video/mp4", download_name=name).url
        assert urlsplit(ours)[:3] == urlsplit(theirs)[:3]
        assert parse_qs(urlsplit(ours).query) == parse_qs(urlsplit(theirs).query)


KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200).filter(
    lambda key: len(key.encode()) <= 1_024 and {".", ".."}.isdisjoint(key.split("/"))
)


@given(key=KEYS)
def test_every_key_is_encoded_so_that_decoding_gives_it_back(unconnected: r2.R2Client, key: str) -> None:
    objects = Objects(unconnected, "desk", public_url="https://cdn.example")
    for url, folder in ((objects.presign(key, 60).url, "/desk/"), (objects.public_url(key), "/")):
        parts = urlsplit(url)
        assert unquote(parts.path, errors="strict") == folder + key
        assert parts.path.isascii()
        assert "+" not in parts.path
        assert parts.fragment == ""


@given(keys=st.lists(KEYS, min_size=1, max_size=20, unique=True))
def test_every_key_of_a_listing_comes_out_of_its_xml_as_it_is(keys: list[str]) -> None:
    rows = "".join(
        f"<Contents><Key>{quote_plus(key)}</Key><Size>{n}</Size><ETag>&quot;e{n}&quot;</ETag>"
        f"<LastModified>2026-01-01T00:00:{n:02d}.{n:03d}Z</LastModified></Contents>"
        for n, key in enumerate(keys)
    )
    body = f'<ListBucketResult xmlns="urn:x"><EncodingType>url</EncodingType>{rows}</ListBucketResult>'
    reply: dict[str, Any] = {}
    take_columns({"status_code": 200, "body": body.encode()}, reply)
    frame = page_frame(reply[COLUMNS], "")
    assert frame["key"].tolist() == keys
    assert frame["size_bytes"].tolist() == list(range(len(keys)))
    assert frame["etag"].tolist() == [f"e{n}" for n in range(len(keys))]
    assert frame["last_modified"].dt.second.tolist() == list(range(len(keys)))
    assert frame["storage_class"].isna().all()


def test_a_download_has_a_name_and_a_type_of_our_choosing(r2_rig: SeaweedRig, shelf: str) -> None:
    signed = signing(r2_rig, shelf).presign(KEY, 60, content_type="application/mp4", download_name='a"b\r\né/../x.mp4')
    reply = http.request("GET", signed.url)
    assert (reply.status, reply.data, reply.headers["Content-Type"]) == (200, CONTENT, "application/mp4")
    assert reply.headers["Content-Disposition"] == (
        "attachment; filename=\"a_be_.._x.mp4\"; filename*=UTF-8''a_b%C3%A9_.._x.mp4"
    )
    assert signed.content_type == "application/mp4"


@pytest.mark.parametrize("key", ["users/../secret", "a/./b", ".."])
def test_a_key_that_a_browser_would_rewrite_is_not_linked_to(unconnected: r2.R2Client, key: str) -> None:
    objects = Objects(unconnected, "desk", public_url="https://cdn.example")
    for link in (lambda: objects.presign(key, 60), lambda: objects.public_url(key)):
        with pytest.raises(BadInput, match="cannot be linked"):
            link()


def test_public_urls_are_encoded_below_the_cdn_address(unconnected: r2.R2Client) -> None:
    objects = Objects(unconnected, "desk", public_url="https://cdn.example/media/")
    assert objects.public_url(KEY) == ("https://cdn.example/media/users/u1/v1/clips/clip_01_1_%C3%A9%20%2B_split.mp4")
    assert Objects(unconnected, "desk").public_url(KEY) is None


def test_a_signed_url_does_not_show_itself(r2_rig: SeaweedRig, shelf: str) -> None:
    objects = signing(r2_rig, shelf)
    signed = objects.presign(KEY, 60)
    for text in (repr(signed), str(signed), f"{signed}", repr([signed]), repr(objects), repr(objects._client)):
        assert "Signature" not in text
        assert not any(secret in text for secret in SECRETS)
    assert ADMIN[1] not in signed.url
