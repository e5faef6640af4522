"""Presigned GET URLs for a given moment, by the SDK's own signer: local work, nothing is asked of the store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.auth import SIGV4_TIMESTAMP, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from storage.domain.layout import encode_key


class UrlSigner:
    """Signs URLs of one endpoint with one token.

    The SDK's `generate_presigned_url` gives the very same URL at twice the cost and for the present moment only; a
    moment given from outside lets URLs stay equal over reruns, so that a browser's cache holds.
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
    """The SDK's query signer with a moment of our choosing instead of the clock's."""

    def __init__(self, credentials: Credentials, region: str, expires: int, signed_at: datetime) -> None:
        super().__init__(credentials, "s3", region, expires=expires)
        self._timestamp = signed_at.astimezone(UTC).strftime(SIGV4_TIMESTAMP)

    def _modify_request_before_signing(self, request: Any) -> None:
        request.context["timestamp"] = self._timestamp
        super()._modify_request_before_signing(request)
