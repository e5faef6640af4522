"""Every known error code of R2 and of S3 stores like it, with what it means here and what to check."""

from __future__ import annotations

from dataclasses import dataclass

from storage.errors import (
    AccessDenied,
    BackendError,
    BadCredentials,
    ClockSkew,
    NotFound,
    Stale,
    StorageError,
    Throttled,
    Unreachable,
    Unusable,
)


@dataclass(frozen=True, slots=True)
class Rule:
    """Which error a code becomes. The texts may name {doing}, {target}, {key_id}, {secret} and {scope}.

    Evidence quotes what it `says` redacted: there, a word after "token" or "signature" would pass for a secret.
    """

    kind: type[StorageError]
    says: str
    remedy: str


_TOKEN = Rule(
    BadCredentials,
    "{doing} {target}: R2 does not accept the token.",
    "Check {key_id} and {secret}: the token may be expired, revoked, of another account, or copied in part.",
)
_KEY_ID = Rule(
    BadCredentials,
    "{doing} {target}: the store does not know the access key.",
    "Check {key_id}, and that the token still exists in the account of R2_ACCOUNT_ID.",
)
_SIGNATURE = Rule(
    BadCredentials,
    "{doing} {target}: it was not signed with the right secret.",
    "Check {secret} (it belongs to {key_id}, and is shown only once), and that nothing rewrites requests on the way.",
)
_DENIED = Rule(
    AccessDenied,
    "{doing} {target}: these credentials may not do this. Whether anything is there is unknown.",
    "The token of {key_id} needs {scope} on the bucket of R2_BUCKET_NAME; a change of scope takes about a minute.",
)
_CLOCK = Rule(
    ClockSkew,
    "{doing} {target}: it was signed for a time that is not R2's.",
    "Set this machine's clock (NTP): R2 allows 15 minutes at most.",
)
_NO_BUCKET = Rule(
    BackendError,
    "{doing} {target}: there is no such bucket at this endpoint.",
    "Check R2_BUCKET_NAME, and R2_ACCOUNT_ID or R2_ENDPOINT_URL: a bucket of a jurisdiction (eu, fedramp) answers only "
    "at its own endpoint. The token of {key_id} must belong to the same account.",
)
_ABSENT = Rule(NotFound, "{target} is not in the bucket.", "Check the key; look under the user's prefix.")
_NO_UPLOAD = Rule(
    NotFound, "The upload of {target} is not there any more.", "It was completed, aborted or expired (after 7 days)."
)
_WRONG_ENDPOINT = Rule(
    BackendError,
    "{doing} {target}: this endpoint does not serve the bucket.",
    "Check R2_ENDPOINT_URL and R2_REGION (leave it out for 'auto').",
)
_LOCKED = Rule(
    AccessDenied,
    "{doing} {target}: a bucket lock rule keeps the object from being changed or deleted.",
    "Wait until the rule's time is over, or have an owner of the bucket change the rule.",
)
_NOT_ENTITLED = Rule(
    AccessDenied,
    "{doing} {target}: the account has no R2 subscription, or it is suspended.",
    "Check the plan and the billing of the Cloudflare account.",
)
_CONDITION = Rule(
    Stale,
    "{doing} {target}: what is there is not what was expected; nothing was changed.",
    "Look at the object again, then decide.",
)
_RATE = Rule(
    Throttled,
    "{doing} {target}: R2 asks to slow down.",
    "Wait a little and go on; R2 takes one write a second to the same key.",
)
_SERVER = Rule(
    Unreachable,
    "{doing} {target}: R2 has a fault of its own at the moment.",
    "Try again; if it lasts, look at R2's status page.",
)
_RANGE = Rule(Unusable, "{doing} {target}: the store cannot give that part of it.", "Read the object anew.")
_UNSUPPORTED = Rule(
    Unusable,
    "{doing} {target}: the store does not support this request.",
    "Check that R2_ENDPOINT_URL is an R2 endpoint.",
)
_REQUEST = Rule(
    Unusable,
    "{doing} {target}: the store could not use the request.",
    "Check the key and the settings of the endpoint; nothing was changed.",
)
_BODY = Rule(
    Unusable,
    "{doing} {target}: what arrived is not what was sent.",
    "Try again; if it lasts, look for something that rewrites requests between here and R2.",
)
_SIZE = Rule(
    Unusable,
    "{doing} {target}: beyond the store's limits.",
    "Keys have 1,024 bytes at most, metadata 8,192, a single write just under 5 GiB.",
)

_GROUPS: tuple[tuple[Rule, str], ...] = (
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

RULES: dict[str, Rule] = {code: rule for rule, codes in _GROUPS for code in codes.split()}


def by_status(status: int) -> Rule:
    """The rule for an answer of which neither code nor status is known: by the status's hundred."""
    return _SERVER if status >= 500 else _REQUEST
