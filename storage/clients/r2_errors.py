"""Turns the S3 SDK's errors into this project's, each with what to check: a variable, a scope, a clock.

`RULES` holds every known code: R2's own (its page of error codes), those of its older answers, those of AWS that S3
stores share, and the bare status that replaces a code where an answer has no body (HEAD). The status decides for an
unknown code; nothing falls through. No message holds a URL, a header, a credential or the backend's own text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from boto3.exceptions import Boto3Error
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProxyConnectionError,
    ReadTimeoutError,
    ResponseStreamingError,
    SSLError,
    UnseekableStreamError,
)
from botocore.exceptions import ConnectionError as SdkConnectionError
from botocore.parsers import ResponseParserError
from s3transfer.exceptions import CancelledError, S3DownloadFailedError, S3UploadFailedError
from urllib3.exceptions import HTTPError

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
from storage.text import capitalised

SDK_ERRORS: tuple[type[BaseException], ...] = (
    ClientError,
    BotoCoreError,
    Boto3Error,
    ResponseParserError,
    S3UploadFailedError,
    S3DownloadFailedError,
    CancelledError,
    HTTPError,
)
_DOING = {
    "list_objects_v2": "listing",
    "list_multipart_uploads": "listing unfinished uploads under",
    "head_object": "looking at",
    "get_object": "reading",
    "put_object": "writing",
    "upload": "uploading",
    "copy_object": "copying",
    "delete_object": "deleting",
    "delete_objects": "deleting",
    "abort_multipart_upload": "aborting the upload of",
    "create_bucket": "creating",
}
_ABSENCE_OPERATIONS = frozenset({"head_object", "get_object"})  # where a bare 404 is about an object
_READING = frozenset({"list_objects_v2", "list_multipart_uploads", *_ABSENCE_OPERATIONS})
_MAX_SHOWN = 200
MAX_WAIT_SECONDS = 120.0
STORE = "R2"  # its name in messages
WRITE_VARIABLES = ("R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY")
_TRY_AGAIN = "Try again; if it lasts, check the network here and R2's status page."
_NAME = "Check R2_ACCOUNT_ID or R2_ENDPOINT_URL (a wrong account id has no host), DNS, and the network here."


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """The error that a code becomes. The texts may name {doing}, {target}, {key_id}, {secret} and {scope}.

    Evidence quotes what it `says` redacted: there, a word after "token" or "signature" would pass for a secret.
    """

    kind: type[StorageError]
    says: str
    remedy: str


_TOKEN = ErrorRule(
    BadCredentials,
    "{doing} {target}: R2 does not accept the token.",
    "Check {key_id} and {secret}: the token may be expired, revoked, of another account, or copied in part.",
)
_KEY_ID = ErrorRule(
    BadCredentials,
    "{doing} {target}: the store does not know the access key.",
    "Check {key_id}, and that the token still exists in the account of R2_ACCOUNT_ID.",
)
_SIGNATURE = ErrorRule(
    BadCredentials,
    "{doing} {target}: it was not signed with the right secret.",
    "Check {secret} (it belongs to {key_id}, and is shown only once), and that nothing rewrites requests on the way.",
)
_DENIED = ErrorRule(
    AccessDenied,
    "{doing} {target}: these credentials may not do this. Whether anything is there is unknown.",
    "The token of {key_id} needs {scope} on the bucket of R2_BUCKET_NAME; a change of scope takes about a minute.",
)
_CLOCK = ErrorRule(
    ClockSkew,
    "{doing} {target}: it was signed for a time that is not R2's.",
    "Set this machine's clock (NTP): R2 allows 15 minutes at most.",
)
_NO_BUCKET = ErrorRule(
    BackendError,
    "{doing} {target}: there is no such bucket at this endpoint.",
    "Check R2_BUCKET_NAME, and R2_ACCOUNT_ID or R2_ENDPOINT_URL: a bucket of a jurisdiction (eu, fedramp) answers only "
    "at its own endpoint. The token of {key_id} must belong to the same account.",
)
_ABSENT = ErrorRule(NotFound, "{target} is not in the bucket.", "Check the key; look under the customer's prefix.")
_NO_UPLOAD = ErrorRule(
    NotFound, "The upload of {target} no longer exists.", "It was completed, aborted or expired (after 7 days)."
)
_WRONG_ENDPOINT = ErrorRule(
    BackendError,
    "{doing} {target}: this endpoint does not serve the bucket.",
    "Check R2_ENDPOINT_URL and R2_REGION (leave it out for 'auto').",
)
_LOCKED = ErrorRule(
    AccessDenied,
    "{doing} {target}: a bucket lock rule keeps the object from being changed or deleted.",
    "Wait until the rule's time is over, or have an owner of the bucket change the rule.",
)
_NOT_ENTITLED = ErrorRule(
    AccessDenied,
    "{doing} {target}: the account has no R2 subscription, or it is suspended.",
    "Check the plan and the billing of the Cloudflare account.",
)
_CONDITION = ErrorRule(
    Stale,
    "{doing} {target}: the object is not the one that was expected; nothing was changed.",
    "Look at the object again, then decide.",
)
_RATE = ErrorRule(
    Throttled,
    "{doing} {target}: R2 asks to slow down.",
    "Wait a little and go on; R2 takes one write a second to the same key.",
)
_SERVER = ErrorRule(
    Unreachable,
    "{doing} {target}: R2 has a fault of its own at the moment.",
    "Try again; if it lasts, look at R2's status page.",
)
_RANGE = ErrorRule(Unusable, "{doing} {target}: the store cannot give that part of it.", "Read the object again.")
_UNSUPPORTED = ErrorRule(
    Unusable,
    "{doing} {target}: the store does not support this request.",
    "Check that R2_ENDPOINT_URL is an R2 endpoint.",
)
_REQUEST = ErrorRule(
    Unusable,
    "{doing} {target}: the store could not use the request.",
    "Check the key and the settings of the endpoint; nothing was changed.",
)
_BODY = ErrorRule(
    Unusable,
    "{doing} {target}: what arrived is not what was sent.",
    "Try again; if it lasts, look for something that rewrites requests between here and R2.",
)
_SIZE = ErrorRule(
    Unusable,
    "{doing} {target}: beyond the store's limits.",
    "Keys have 1,024 bytes at most, metadata 8,192, a single write just under 5 GiB.",
)

_GROUPS: tuple[tuple[ErrorRule, str], ...] = (
    (
        _TOKEN,
        "Unauthorized 401 InvalidToken ExpiredToken InvalidSecurity MissingSecurityHeader "
        "AuthorizationHeaderMalformed AuthorizationQueryParametersError CredentialsNotSupported",
    ),
    (_KEY_ID, "InvalidAccessKeyId"),
    (_SIGNATURE, "SignatureDoesNotMatch"),
    (_DENIED, "AccessDenied 403 Forbidden AllAccessDisabled"),
    (_CLOCK, "RequestTimeTooSkewed ExpiredRequest RequestExpired RequestNotReadyYet"),
    (_NO_BUCKET, "NoSuchBucket InvalidBucketName"),
    (_ABSENT, "NoSuchKey 404 NotFound NoSuchVersion"),
    (_NO_UPLOAD, "NoSuchUpload"),
    (
        _WRONG_ENDPOINT,
        "InvalidRegionName PermanentRedirect TemporaryRedirect Redirect 301 302 307 308 "
        "IllegalLocationConstraintException",
    ),
    (_LOCKED, "ObjectLockedByBucketPolicy"),
    (_NOT_ENTITLED, "NotEntitled NotSignedUp AccountProblem"),
    (
        _CONDITION,
        "PreconditionFailed 412 ConditionalRequestConflict OperationAborted 409 BucketAlreadyExists "
        "BucketAlreadyOwnedByYou BucketNotEmpty",
    ),
    (
        _RATE,
        "TooManyRequests TooMuchConcurrency SlowDown 429 RequestLimitExceeded Throttling ThrottlingException "
        "BandwidthLimitExceeded",
    ),
    (_SERVER, "InternalError ServiceUnavailable RequestTimeout 500 502 503 504 408 InternalServerError"),
    (_RANGE, "InvalidRange 416"),
    (_UNSUPPORTED, "NotImplemented 501 MethodNotAllowed 405"),
    (
        _REQUEST,
        "InvalidRequest InvalidArgument MalformedXML 400 BadRequest InvalidURI InvalidObjectName InvalidPart "
        "InvalidPartOrder MissingContentLength UnexpectedContent",
    ),
    (_BODY, "BadDigest InvalidDigest IncompleteBody XAmzContentSHA256Mismatch"),
    (_SIZE, "EntityTooLarge EntityTooSmall KeyTooLongError MetadataTooLarge MaxMessageLengthExceeded"),
)

RULES: dict[str, ErrorRule] = {code: rule for rule, codes in _GROUPS for code in codes.split()}


def by_status(status: int) -> ErrorRule:
    """The rule for an answer with an unknown code and status, by the status's hundred."""
    return _SERVER if status >= 500 else _REQUEST


@dataclass(frozen=True, slots=True)
class _Asked:
    """The operation under way, for the texts."""

    operation: str
    target: str
    variables: tuple[str, str]

    def fill(self, template: str) -> str:
        """The template with operation, target and the names of the token's variables put in."""
        text = template.format(
            doing=_DOING.get(self.operation, self.operation.replace("_", " ")),
            target=shown(self.target),
            key_id=self.variables[0],
            secret=self.variables[1],
            scope="Object Read" if self.operation in _READING else "Object Read & Write",
        )
        return capitalised(text)

    def error(self, rule: ErrorRule, detail: str) -> StorageError:
        """The error that a rule describes."""
        return rule.kind(
            self.fill(rule.says),
            remedy=self.fill(rule.remedy),
            operation=self.operation,
            target=self.target,
            detail=detail,
            store=STORE if rule.kind is Unreachable else "",
        )


def translate(
    error: BaseException, operation: str, target: str, *, variables: tuple[str, str] = WRITE_VARIABLES
) -> StorageError:
    """The error to raise in place of the SDK's.

    `operation` is the SDK's method (`head_object`), `target` a key, prefix or bucket, `variables` the names of the
    settings that hold the token used. Raises nothing itself; an exception of an unknown class becomes `Unusable`.
    """
    asked = _Asked(operation, target, variables)
    if isinstance(error, StorageError):
        return error
    if isinstance(error, ClientError):
        return _answered(error, asked)
    if isinstance(error, ParamValidationError | UnseekableStreamError):
        return BadInput(
            asked.fill("{doing} {target}: the SDK does not accept these values."),
            field_name="key",
            remedy="Check the key, the content type and the metadata: text, and metadata in ASCII.",
        )
    for kinds, rule in _WITHOUT_ANSWER:
        if isinstance(error, kinds):
            return asked.error(rule, _describe(error))
    return asked.error(_UNKNOWN, _describe(error))


def shown(text: str) -> str:
    """A key in the form for messages: printable characters only, at most 200 of them, in quotes."""
    kept = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[: _MAX_SHOWN + 1])
    return f"'{kept}'" if len(kept) <= _MAX_SHOWN else f"'{kept[:_MAX_SHOWN]}…'"


def error_code(error: ClientError) -> str:
    """The answer's code where it looks like one, else its status as text."""
    code = str(error.response.get("Error", {}).get("Code") or "")
    return code if re.fullmatch(r"[A-Za-z0-9.]{1,64}", code) else str(_status(error))


def code_of(error: StorageError) -> str:
    """The store's code behind a translated error; empty where the store gave no answer."""
    return error_code(error.__cause__) if isinstance(error.__cause__, ClientError) else ""


def timed_out(error: StorageError) -> bool:
    """Whether the store was silent, so that the caller has waited long enough."""
    return isinstance(error.__cause__, ConnectTimeoutError | ReadTimeoutError)


def was_retried(error: StorageError) -> bool:
    """Whether the SDK had tried more than once before the answer behind a translated error."""
    cause = error.__cause__
    return isinstance(cause, ClientError) and bool(cause.response.get("ResponseMetadata", {}).get("RetryAttempts"))


def wait_asked(error: StorageError) -> float:
    """Seconds that the store asked to wait (`Retry-After`), at most `MAX_WAIT_SECONDS`; 0 where it did not say."""
    cause = error.__cause__
    answer = cause.response.get("ResponseMetadata", {}) if isinstance(cause, ClientError) else {}
    text = str(answer.get("HTTPHeaders", {}).get("retry-after") or "")
    return min(float(text), MAX_WAIT_SECONDS) if text.isascii() and text.isdigit() else 0.0


def told(code: str, operation: str, target: str, variables: tuple[str, str]) -> StorageError:
    """The error for a code inside a good answer, such as the code for one key of a batch."""
    return _Asked(operation, target, variables).error(RULES.get(code) or by_status(0), code)


def _status(error: ClientError) -> int:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return status if isinstance(status, int) else 0


def _answered(error: ClientError, asked: _Asked) -> StorageError:
    code, status = error_code(error), _status(error)
    known = code if code in RULES else str(status)
    if known in {"404", "NotFound"} and asked.operation not in _ABSENCE_OPERATIONS:
        known = "NoSuchBucket"
    rule = RULES.get(known) or by_status(status)
    request_id = str(error.response.get("ResponseMetadata", {}).get("RequestId") or "")
    request_id = request_id if re.fullmatch(r"[A-Za-z0-9-]{1,64}", request_id) else "unknown"
    return asked.error(rule, f"{code}, HTTP {status}, request {request_id}")


def _describe(error: BaseException) -> str:
    """The class of the error and the host that was asked, never more of the URL."""
    kwargs = getattr(error, "kwargs", None) or {}
    host = urlsplit(str(kwargs.get("endpoint_url") or "")).hostname
    cause = kwargs.get("error")
    names = [type(error).__name__, *([type(cause).__name__] if isinstance(cause, BaseException) else [])]
    return ", ".join(names) + (f", host {host}" if host else "")


_UNKNOWN = ErrorRule(Unusable, "{doing} {target}: the S3 client failed in an unknown way.", _TRY_AGAIN)

_WITHOUT_ANSWER: tuple[tuple[tuple[type[BaseException], ...], ErrorRule], ...] = (
    (
        (NoCredentialsError, PartialCredentialsError),
        ErrorRule(BadCredentials, "There is no R2 token to sign with.", "Set {key_id} and {secret}."),
    ),
    (
        (SSLError,),
        ErrorRule(
            Unreachable,
            "{doing} {target}: no trusted TLS connection to R2.",
            "Check R2_ACCOUNT_ID or R2_ENDPOINT_URL (a wrong account id shows like this), and certificates or proxies "
            "between here and R2.",
        ),
    ),
    (
        (ProxyConnectionError,),
        ErrorRule(
            Unreachable,
            "{doing} {target}: the proxy of this machine could not be reached.",
            "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY.",
        ),
    ),
    (
        (ConnectTimeoutError, ReadTimeoutError),
        ErrorRule(Unreachable, "{doing} {target}: R2 did not answer in time.", _TRY_AGAIN),
    ),
    (
        (EndpointConnectionError,),
        ErrorRule(Unreachable, "{doing} {target}: R2 could not be reached.", _NAME),
    ),
    (
        (
            ConnectionClosedError,
            ResponseStreamingError,
            IncompleteReadError,
            SdkConnectionError,
            HTTPClientError,
            HTTPError,
        ),
        ErrorRule(Unreachable, "{doing} {target}: the connection to R2 broke off.", _TRY_AGAIN),
    ),
    (
        (ResponseParserError,),
        ErrorRule(
            Unusable,
            "{doing} {target}: the answer does not come from an S3 store.",
            "Check R2_ENDPOINT_URL, and what stands between here and R2 (a proxy, a sign-in page).",
        ),
    ),
    (
        (S3UploadFailedError, S3DownloadFailedError, CancelledError),
        ErrorRule(BackendError, "{doing} {target}: the transfer did not finish.", _TRY_AGAIN),
    ),
)
