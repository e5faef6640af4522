"""Errors of the store in our words: every known code is mapped, and what a person must check is named."""

from __future__ import annotations

import inspect
import logging
import socket
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import botocore.exceptions as sdk
import pytest
import urllib3.exceptions
from boto3.exceptions import Boto3Error
from botocore import auth
from botocore.parsers import ResponseParserError
from s3transfer.exceptions import CancelledError, S3UploadFailedError

from storage.clients import r2
from storage.clients.r2_errors import RULES, SDK_ERRORS, translate
from storage.errors import (
    AccessDenied,
    BackendError,
    BadCredentials,
    BadInput,
    ClockSkew,
    NotFound,
    Stale,
    StorageError,
    Throttled,
    Unreachable,
    Unusable,
)
from storage.repositories.objects import Objects
from storage.text import redacted
from tests.rigs.http_faults import Answer, FaultProxy
from tests.rigs.naming import stable
from tests.rigs.seaweed import ADMIN, NOBODY, READER, SECRETS, SeaweedRig, pair

# Code, status, what it is. R2's own page of codes first, then what other answers of it and other stores carry, then
# what HEAD gives for want of a body.
CODES = [
    ("Unauthorized", 401, BadCredentials),
    ("AccessDenied", 403, AccessDenied),
    ("SignatureDoesNotMatch", 403, BadCredentials),
    ("ExpiredRequest", 400, ClockSkew),
    ("ExpiredRequest", 403, ClockSkew),
    ("RequestTimeTooSkewed", 403, ClockSkew),
    ("NotEntitled", 403, AccessDenied),
    ("NoSuchBucket", 404, BackendError),
    ("NoSuchKey", 404, NotFound),
    ("InvalidRegionName", 400, BackendError),
    ("ObjectLockedByBucketPolicy", 403, AccessDenied),
    ("PreconditionFailed", 412, Stale),
    ("InvalidRange", 416, Unusable),
    ("TooManyRequests", 429, Throttled),
    ("TooMuchConcurrency", 429, Throttled),
    ("InternalError", 500, Unreachable),
    ("ServiceUnavailable", 503, Unreachable),
    ("NotImplemented", 501, Unusable),
    ("InvalidAccessKeyId", 403, BadCredentials),
    ("ExpiredToken", 400, BadCredentials),
    ("InvalidToken", 400, BadCredentials),
    ("AuthorizationHeaderMalformed", 400, BadCredentials),
    ("SlowDown", 503, Throttled),
    ("RequestTimeout", 400, Unreachable),
    ("NoSuchUpload", 404, NotFound),
    ("InvalidBucketName", 400, BackendError),
    ("PermanentRedirect", 301, BackendError),
    ("InvalidRequest", 400, Unusable),
    ("InvalidArgument", 400, Unusable),
    ("MalformedXML", 400, Unusable),
    ("MethodNotAllowed", 405, Unusable),
    ("BadDigest", 400, Unusable),
    ("XAmzContentSHA256Mismatch", 400, Unusable),
    ("EntityTooLarge", 400, Unusable),
    ("KeyTooLongError", 400, Unusable),
    ("BucketAlreadyOwnedByYou", 409, Stale),
    ("404", 404, NotFound),
    ("403", 403, AccessDenied),
    ("401", 401, BadCredentials),
    ("412", 412, Stale),
    ("400", 400, Unusable),
    ("429", 429, Throttled),
    ("500", 500, Unreachable),
    ("502", 502, Unreachable),
    ("503", 503, Unreachable),
    ("504", 504, Unreachable),
    ("NeverHeardOf", 418, Unusable),
    ("NeverHeardOf", 403, AccessDenied),
    ("NeverHeardOf", 401, BadCredentials),
    ("NeverHeardOf", 599, Unreachable),
    ("NeverHeardOf", 429, Throttled),
]


def answered(code: str, status: int) -> sdk.ClientError:
    answer = {
        "Error": {"Code": code, "Message": "text of the store"},
        "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": "req-1"},
    }
    return sdk.ClientError(answer, "HeadObject")


@pytest.mark.parametrize(("code", "status", "kind"), CODES)
def test_every_known_code_has_its_error_a_remedy_and_its_evidence(
    code: str, status: int, kind: type[StorageError]
) -> None:
    error = translate(answered(code, status), "get_object", "users/u1/a.mp4", variables=("ID_VAR", "SECRET_VAR"))
    assert type(error) is kind
    assert error.remedy
    assert (error.operation, error.target) == ("get_object", "users/u1/a.mp4")
    assert error.detail == f"{code}, HTTP {status}, request req-1"
    assert "{" not in error.message + error.remedy
    assert "text of the store" not in error.message + error.remedy


def test_every_code_that_has_a_rule_is_walked_and_none_falls_through() -> None:
    for code, rule in RULES.items():
        error = translate(answered(code, 400), "get_object", "a", variables=("ID_VAR", "SECRET_VAR"))
        assert type(error) is rule.kind
        assert error.remedy
    assert {code for code, _, _ in CODES if code != "NeverHeardOf"} <= set(RULES)


def test_a_bare_404_speaks_of_an_object_only_where_one_was_asked_for() -> None:
    for operation in ("head_object", "get_object"):
        assert isinstance(translate(answered("404", 404), operation, "a"), NotFound)
        assert isinstance(translate(answered("SomethingElse", 404), operation, "a"), NotFound)
    for operation in ("list_objects_v2", "put_object", "delete_objects", "list_multipart_uploads"):
        error = translate(answered("404", 404), operation, "a")
        assert type(error) is BackendError
        assert "R2_BUCKET_NAME" in error.remedy


WITHOUT_ANSWER = [
    (sdk.NoCredentialsError(), BadCredentials),
    (sdk.PartialCredentialsError(provider="env", cred_var="X"), BadCredentials),
    (sdk.EndpointConnectionError(endpoint_url="https://h.example/b/k?X-Amz-Signature=s3cr3t"), Unreachable),
    (sdk.EndpointConnectionError(endpoint_url="https://h.example", error=socket.gaierror()), Unreachable),
    (sdk.ConnectTimeoutError(endpoint_url="https://h.example"), Unreachable),
    (sdk.ReadTimeoutError(endpoint_url="https://h.example"), Unreachable),
    (sdk.ConnectionClosedError(endpoint_url="https://h.example"), Unreachable),
    (sdk.SSLError(endpoint_url="https://h.example", error=OSError()), Unreachable),
    (sdk.ProxyConnectionError(proxy_url="http://user:s3cr3t@p.example", error=OSError()), Unreachable),
    (sdk.ResponseStreamingError(error=OSError()), Unreachable),
    (sdk.IncompleteReadError(actual_bytes=1, expected_bytes=2), Unreachable),
    (sdk.HTTPClientError(error=OSError()), Unreachable),
    (urllib3.exceptions.ProtocolError("s3cr3t"), Unreachable),
    (ResponseParserError("s3cr3t"), Unusable),
    (sdk.ParamValidationError(report="s3cr3t"), BadInput),
    (sdk.UnseekableStreamError(stream_object=object()), BadInput),
    (S3UploadFailedError("s3cr3t"), BackendError),
    (CancelledError("s3cr3t"), BackendError),
    (sdk.DataNotFoundError(data_path="x"), Unusable),
    (Boto3Error("s3cr3t"), Unusable),
]


@pytest.mark.parametrize(("error", "kind"), WITHOUT_ANSWER, ids=stable)
def test_every_failure_without_an_answer_has_its_error(error: Exception, kind: type[StorageError]) -> None:
    translated = translate(error, "head_object", "users/u1/a.mp4")
    assert type(translated) is kind
    assert translated.remedy
    everything = " ".join([repr(translated), translated.message, translated.remedy, translated.detail])
    assert "s3cr3t" not in everything
    assert isinstance(error, SDK_ERRORS)


def test_every_error_class_of_the_sdk_is_one_that_is_caught() -> None:
    classes = [value for _, value in inspect.getmembers(sdk, inspect.isclass) if issubclass(value, Exception)]
    warnings = {"UnsupportedTLSVersionWarning", "ImminentRemovalWarning"}
    of_sdk = [kind for kind in classes if kind.__module__ == "botocore.exceptions" and kind.__name__ not in warnings]
    assert len(of_sdk) > 80
    of_its_own_models = {sdk.UndefinedModelAttributeError, sdk.MissingServiceIdError}
    assert {kind for kind in of_sdk if not issubclass(kind, SDK_ERRORS)} == of_its_own_models


def test_a_hostile_key_shows_cut_and_without_control_characters() -> None:
    error = translate(answered("AccessDenied", 403), "get_object", "a\x1b[31m\u202e{key_id}" + "x" * 2_000)
    assert error.message.isprintable()
    assert "{key_id}" in error.message
    assert len(error.message) < 400


@pytest.mark.parametrize(
    ("read", "kind", "named"),
    [
        (("AKIDNOBODYKNOWS00001", READER[1]), BadCredentials, "R2_READ_ACCESS_KEY_ID"),
        ((READER[0], "wrong-secret-3f7a"), BadCredentials, "R2_READ_SECRET_ACCESS_KEY"),
        (NOBODY, AccessDenied, "R2_READ_ACCESS_KEY_ID"),
    ],
)
def test_a_wrong_token_is_named_by_its_variables(
    r2_rig: SeaweedRig, bucket: str, read: tuple[str, str], kind: type[StorageError], named: str
) -> None:
    for separate in (True, False):
        settings = r2_rig.settings(bucket, read=pair(read), read_is_separate=separate)
        table = Objects(r2.read_client(settings), bucket).list_all("")
        assert type(table.error) is kind
        assert table.error is not None
        assert (named if separate else named.replace("READ_", "")) in table.error.remedy
        assert ("R2_READ" in table.error.remedy) is separate


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_clock_that_is_off_is_named_as_such(
    r2_rig: SeaweedRig, bucket: str, objects: Objects, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    wrong = (datetime.now(UTC) + timedelta(hours=hours)).replace(tzinfo=None)
    monkeypatch.setattr(auth, "get_current_datetime", lambda remove_tzinfo=True: wrong)
    error = objects.list_all("").error
    assert isinstance(error, ClockSkew)
    assert "clock" in error.remedy
    with pytest.raises(ClockSkew):
        objects.head("users/u1/a.mp4")


def test_an_endpoint_that_nobody_answers_at_and_a_name_that_does_not_exist(r2_rig: SeaweedRig) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for endpoint in (f"http://127.0.0.1:{port}", "https://0123456789abcdef.r2.invalid"):
        objects = Objects(r2.read_client(r2_rig.settings("desk", endpoint_url=endpoint)), "desk")
        error = objects.list_all("").error
        assert isinstance(error, Unreachable)
        assert error.retryable
        assert "R2_ACCOUNT_ID or R2_ENDPOINT_URL" in error.remedy


def test_a_server_that_speaks_no_tls_is_named_as_such(r2_rig: SeaweedRig) -> None:
    settings = r2_rig.settings("desk", endpoint_url=r2_rig.endpoint.replace("http://", "https://"))
    error = Objects(r2.read_client(settings), "desk").list_all("").error
    assert isinstance(error, Unreachable)
    assert "TLS" in error.message


def every_failure(rig: SeaweedRig, proxy: FaultProxy, bucket: str) -> list[Callable[[], object]]:
    """Failures of many kinds, each with a signature on the wire."""
    good = r2.write_client(rig.settings(bucket, endpoint_url=proxy.endpoint))
    bad = r2.read_client(rig.settings(bucket, read=pair((ADMIN[0], "rig-admin-secret-WRONG"))))
    return [
        lambda: Objects(bad, bucket).server_time(),
        lambda: Objects(bad, bucket).head("a"),
        lambda: Objects(good, bucket).open("cut"),
        lambda: Objects(good, bucket).get_bytes("a", 1),
        lambda: good.call("put_object", "a", Key="a", Body=b"x", Metadata={"é": "no ASCII"}),
        lambda: good.call("put_object", "refused", Key="refused", Body=b"x"),
        lambda: Objects(good, bucket).presign("a", 0),
    ]


def test_no_secret_is_in_any_error_traceback_or_log(
    r2_rig: SeaweedRig, bucket: str, proxy: FaultProxy, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger().setLevel(logging.DEBUG)
    caplog.handler.setLevel(logging.DEBUG)
    proxy.on(Answer(403, "SignatureDoesNotMatch"), path="refused")
    proxy.on(Answer(200, body=b"cut"), path="never")
    shown = []
    try:
        for failing in every_failure(r2_rig, proxy, bucket):
            with pytest.raises(StorageError) as caught:
                failing()
            shown.append("".join(traceback.format_exception(caught.value)) + repr(caught.value.__dict__))
    finally:
        logging.getLogger().setLevel(logging.WARNING)
    text = "\n".join(shown) + caplog.text
    for forbidden in (*SECRETS, "rig-admin-secret-WRONG", "AWS4-HMAC", "X-Amz-Signature", "Authorization"):
        assert forbidden not in text
    assert len(shown) == 7


@pytest.mark.parametrize(("status", "kind"), [(400, Unusable), (301, BackendError)])
def test_no_answer_leads_the_client_to_another_region(
    far_objects: Objects, proxy: FaultProxy, status: int, kind: type[StorageError]
) -> None:
    proxy.on(Answer(status, headers={"x-amz-bucket-region": "elsewhere-1"}), method="HEAD")
    with pytest.raises(kind):
        far_objects.head("users/u1/v1/highlights.json")
    assert [seen.method for seen in proxy.requests] == ["HEAD"]


def test_what_an_error_says_survives_the_redaction_of_evidence() -> None:
    for rule in RULES.values():
        said = rule.says.format(doing="Listing", target="'users/u1/'")
        assert redacted(said) == said
