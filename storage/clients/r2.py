"""Handles on one R2 bucket: built from settings, billed operations metered, every SDK error translated.

`read_client` signs and reads with the reading token and refuses any other operation before it leaves the machine.
`write_client` uses the token that may change things; only `storage.actions` opens it. The SDK's own signer makes
presigned URLs, without a request to the store; its transfer manager uploads in parts.

The meter counts every HTTP attempt that the store answered, by R2's own classes (source: R2's pricing page), so a
retried call counts once for each answer. 401 and 403 are not billed and not counted. An attempt with a lost answer is
counted, because the store may have done the work. `DeleteObjects` is in neither list of that page, whose example calls
deletes free: it counts as free.

The SDK checks and serialises each key of a batch of deletes separately, which takes longer than the call. So the desk
asks it to delete the first key alone, and just before the SDK signs and sends, one body for all keys replaces its own.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, Protocol
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import boto3
import botocore.session
from botocore.auth import SIGV4_TIMESTAMP, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.configprovider import ConstantProvider
from botocore.credentials import Credentials
from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
    ProxyConnectionError,
    ResponseStreamingError,
    SSLError,
)
from botocore.loaders import create_loader
from botocore.parsers import ResponseParserError
from botocore.utils import parse_timestamp
from s3transfer.manager import TransferConfig, TransferManager

from storage.clients.meter import Operation, missed, record
from storage.clients.r2_conditions import put_destination
from storage.clients.r2_deadlines import NotRepeated, Watch, bound_answers, circuit_of
from storage.clients.r2_errors import SDK_ERRORS, WRITE_VARIABLES, translate
from storage.clients.r2_lease import before_send
from storage.clients.r2_listing import take_columns, take_deleted
from storage.clients.threads import ContextThreads
from storage.domain.layout import encode_key
from storage.errors import NotPermitted, StorageError
from storage.settings.backends import KeyPair, R2Settings

NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # characters that XML 1.0 cannot hold in any form

_body: ContextVar[bytes | None] = ContextVar("body_of_a_batch", default=None)


POOL_SIZE = 32
LOOKING = {"connect_timeout": 3, "read_timeout": 5}  # seconds: a person waits in front of a page
CHANGING = {"connect_timeout": 5, "read_timeout": 60}  # seconds: a part of an upload, a server-side copy
READ_OPERATIONS = frozenset({"ListObjectsV2", "HeadObject", "GetObject", "ListMultipartUploads"})
CLASS_B = frozenset({"HeadBucket", "HeadObject", "GetObject", "GetBucketLocation"})
FREE = frozenset({"DeleteObject", "DeleteObjects", "DeleteBucket", "AbortMultipartUpload"})
# Handlers of a wildcard run before handlers of a name: this one must run before the SDK's own look through the body.
LISTING_EVENT = "before-parse.*.ListObjectsV2"
DELETED_EVENT = "before-parse.*.DeleteObjects"
_NOTHING_REACHED_THE_STORE = (EndpointConnectionError, ConnectTimeoutError, SSLError, ProxyConnectionError)
_ANSWER_BROKE_OFF = (ResponseStreamingError, IncompleteReadError, ResponseParserError)
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
PARTS_AT_ONCE = 4
_DESCRIPTIONS = create_loader()  # loads the SDK's description of S3 once: that is most of the cost of a client
_making = threading.Lock()


@contextmanager
def batch_of(keys: Sequence[str]) -> Iterator[None]:
    """Within the block, a `DeleteObjects` of this thread deletes all of these keys, which XML must be able to hold."""
    rows = "".join(f"<Object><Key>{escape(key)}</Key></Object>" for key in keys)
    body = f'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{rows}</Delete>'.encode()
    token = _body.set(body)
    try:
        yield
    finally:
        _body.reset(token)


def put_batch(params: dict[str, Any], **_: Any) -> None:
    """Hook for the SDK's `before-call`, which runs before the checksum and the signature are made."""
    body = _body.get()
    if body is not None:
        params["body"] = body


class UrlSigner:
    """Signs URLs of one endpoint with one token.

    The SDK's `generate_presigned_url` makes the same URL at twice the cost, and for the present moment only. With a
    moment from the caller, URLs stay equal over reruns, so that a browser's cache can use them.
    """

    def __init__(self, endpoint_url: str, region: str, access_key_id: str, secret_access_key: str) -> None:
        self._endpoint_url = endpoint_url.rstrip("/")
        self._region = region
        self._credentials = Credentials(access_key_id, secret_access_key)

    def sign(
        self, bucket: str, key: str, expires_seconds: int, signed_at: datetime, overrides: Mapping[str, str]
    ) -> str:
        """The URL of `key`, valid from `signed_at` (aware) for `expires_seconds`; checks neither key nor limits."""
        request = AWSRequest("GET", f"{self._endpoint_url}/{bucket}/{encode_key(key)}", params=dict(overrides))
        _DatedQueryAuth(self._credentials, self._region, expires_seconds, signed_at).add_auth(request)
        return str(request.url)


class _DatedQueryAuth(S3SigV4QueryAuth):  # type: ignore[misc]  # the SDK has no types
    """The SDK's query signer with the caller's moment instead of the clock's."""

    def __init__(self, credentials: Credentials, region: str, expires: int, signed_at: datetime) -> None:
        super().__init__(credentials, "s3", region, expires=expires)
        self._timestamp = signed_at.astimezone(UTC).strftime(SIGV4_TIMESTAMP)

    def _modify_request_before_signing(self, request: Any) -> None:
        request.context["timestamp"] = self._timestamp
        super()._modify_request_before_signing(request)


class R2Client:
    """One bucket through one token. Safe to share between threads.

    `variables` names the settings that hold the token, so that an error can say what to check.
    """

    def __init__(self, sdk: Any, bucket: str, variables: tuple[str, str], signer: UrlSigner, watch: Watch) -> None:
        self.sdk = sdk
        self.bucket = bucket
        self.variables = variables
        self._signer = signer
        self._watch = watch

    def __repr__(self) -> str:
        return f"R2Client(bucket={self.bucket!r}, token={self.variables[0]!r})"

    def at(self, bucket: str) -> R2Client:
        """The same token on the named bucket; this very client where that is its bucket already."""
        return self if bucket == self.bucket else R2Client(self.sdk, bucket, self.variables, self._signer, self._watch)

    @property
    def endpoint(self) -> str:
        return str(self.sdk.meta.endpoint_url)

    def call(self, operation: str, target: str, **parameters: Any) -> dict[str, Any]:
        """One SDK operation (`head_object`, ...) on the bucket; `target` is the key or prefix that an error names."""
        with self.translated(operation, target):
            reply: dict[str, Any] = getattr(self.sdk, operation)(Bucket=self.bucket, **parameters)
            return reply

    @contextmanager
    def translated(self, operation: str, target: str) -> Iterator[None]:
        """Turns the SDK's errors inside the block into this project's; others pass."""
        try:
            yield
        except StorageError:
            raise
        except SDK_ERRORS as error:
            cause = error.cause if isinstance(error, NotRepeated) else error
            raise missed(translate(cause, operation, target, variables=self.variables)) from cause

    def chunks(self, body: Any, size: int, target: str) -> Iterator[bytes]:
        """The bytes of an answer's streamed body, in pieces of at most `size`."""
        with self.translated("get_object", target):
            yield from self._watch.chunks(body, size, target)

    def sign(self, key: str, expires_seconds: int, signed_at: datetime, overrides: Mapping[str, str]) -> str:
        """A GET URL for one object, signed here without asking the store; `overrides` are `response-*` parameters."""
        return self._signer.sign(self.bucket, key, expires_seconds, signed_at, overrides)


def read_client(settings: R2Settings) -> R2Client:
    """A handle that reads and signs with the reading token (`R2_READ_*`, else the only pair)."""
    names = ("R2_READ_ACCESS_KEY_ID", "R2_READ_SECRET_ACCESS_KEY") if settings.read_is_separate else WRITE_VARIABLES
    client = _client(settings, settings.read, names, LOOKING)
    bound_answers(client.sdk)
    client.sdk.meta.events.register_first("provide-client-params.s3", _refuse_changes)
    return client


def write_client(settings: R2Settings) -> R2Client:
    """A handle that may change things; its timeouts suit uploads."""
    client = _client(settings, settings.write, WRITE_VARIABLES, CHANGING)
    client.sdk.meta.events.register("before-send.s3", before_send)
    return client


def billed_as(operation_name: str) -> Operation:
    """R2's billing class of an S3 operation; an unknown operation counts as the dearest."""
    if operation_name in FREE:
        return "r2_free"
    return "r2_class_b" if operation_name in CLASS_B else "r2_class_a"


def _client(settings: R2Settings, pair: KeyPair, variables: tuple[str, str], timeouts: Mapping[str, int]) -> R2Client:
    _quiet()
    key_id, secret = pair.access_key_id.reveal(), pair.secret_access_key.reveal()
    loopback = (urlsplit(settings.endpoint_url).hostname or "") in _LOOPBACK
    config = Config(
        signature_version="s3v4",
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=POOL_SIZE,
        s3={"addressing_style": "path"},
        use_fips_endpoint=False,
        use_dualstack_endpoint=False,
        ignore_configured_endpoint_urls=True,
        user_agent="clip-desk",  # the SDK puts its own together anew for each call, which takes a tenth of it
        proxies={} if loopback else None,  # a proxy from the environment cannot reach this machine's own ports
        **timeouts,
    )
    with _making:
        sdk = session().client(
            "s3",
            endpoint_url=settings.endpoint_url,
            region_name=settings.region,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            config=config,
        )
    sdk.meta.events.register("before-call.s3", _keep_endpoint)
    sdk.meta.events.register("response-received.s3", _meter_answer)
    sdk.meta.events.register("after-call-error.s3", _meter_lost_answer)
    sdk.meta.events.register(LISTING_EVENT, take_columns)
    sdk.meta.events.register(DELETED_EVENT, take_deleted)
    sdk.meta.events.register("before-call.s3.DeleteObjects", put_batch)
    sdk.meta.events.register("before-call.s3.CopyObject", put_destination)
    watch = Watch(
        sdk,
        circuit_of(settings.endpoint_url),
        connect_seconds=timeouts["connect_timeout"],
        read_seconds=timeouts["read_timeout"],
    )
    signer = UrlSigner(settings.endpoint_url, settings.region, key_id, secret)
    return R2Client(sdk, settings.bucket, variables, signer, watch)


@cache
def session() -> boto3.Session:
    """The session of all clients, which ignores all AWS variables, profiles and files of the machine.

    It holds no token, and making it takes as long as making a client of it. Only one thread at a time may use it.
    Each of the SDK's variables gets its default, whatever the machine says: a malformed `AWS_*` value would otherwise
    end every command. Proxies and `REQUESTS_CA_BUNDLE` are not AWS's, and stay.
    """
    known: Mapping[str, Any] = botocore.session.Session.SESSION_VARIABLES
    nowhere: dict[str, Any] = {name: (None, None, default, cast) for name, (_, _, default, cast) in known.items()}
    nowhere |= dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    made = botocore.session.Session(session_vars=nowhere)
    made.register_component("data_loader", _DESCRIPTIONS)
    made.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=read_time)
    for section in ("s3", "proxies_config"):  # these two have variables of their own
        made.get_component("config_store").set_config_provider(section, ConstantProvider(None))
    return boto3.Session(botocore_session=made)


def read_time(text: Any) -> datetime:
    """A time in an answer. The SDK's own reader, which takes any form, takes twenty times as long for these two."""
    try:
        if str(text).endswith("GMT"):
            return parsedate_to_datetime(text)
        if str(text).endswith("Z"):
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    return parse_timestamp(text)  # type: ignore[no-any-return]


def _quiet() -> None:
    """Keeps the SDK's debug logs off, whatever the root logger's level: they show URLs, headers and signatures."""
    for name in ("boto3", "botocore", "s3transfer", "urllib3"):
        logger = logging.getLogger(name)
        if logger.level < logging.INFO:
            logger.setLevel(logging.INFO)


def _refuse_changes(model: Any, **_: Any) -> None:
    if model.name not in READ_OPERATIONS:
        raise NotPermitted(
            f"{model.name} is not an operation of the reading handle.",
            remedy="Changes go through storage.actions.",
            operation=model.name,
        )


def _keep_endpoint(params: dict[str, Any], **_: Any) -> None:
    """Keeps the endpoint of the settings: on a 400 the SDK would ask for the bucket's region and go there."""
    params["context"].setdefault("s3_redirect", {})["redirected"] = True


def _meter_answer(event_name: str, response_dict: Any, exception: Exception | None, **_: Any) -> None:
    """Meters one attempt that ended, with an answer (any status) or without one."""
    if response_dict is not None:
        billed = response_dict["status_code"] not in {401, 403}
    else:
        billed = not isinstance(exception, _NOTHING_REACHED_THE_STORE) and isinstance(exception, HTTPClientError)
    if billed:
        record(billed_as(event_name.rpartition(".")[2]))


def _meter_lost_answer(event_name: str, exception: Exception, **_: Any) -> None:
    """Meters an answer whose body broke off or was not XML: the SDK then skips the event above."""
    if isinstance(exception, _ANSWER_BROKE_OFF):
        record(billed_as(event_name.rpartition(".")[2]))


class Readable(Protocol):
    """All that an upload needs of its source; a source that can seek is read again when a part is tried again."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes; none at the end."""


def upload(client: R2Client, stream: Readable, key: str, extra: Mapping[str, Any], part_bytes: int) -> None:
    """Sends a stream from its position; above `part_bytes` in parts, which are aborted when one fails."""
    config = TransferConfig(
        multipart_threshold=part_bytes, multipart_chunksize=part_bytes, max_request_concurrency=PARTS_AT_ONCE
    )
    with (
        client.translated("upload", key),
        TransferManager(client.sdk, config, executor_cls=ContextThreads) as manager,
    ):
        manager.upload(stream, client.bucket, key, extra_args=dict(extra)).result()
