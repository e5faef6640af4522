"""The bucket: listing, existence and deletion of 20,000 keys, beside boto3, the AWS command line and s5cmd."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pandas as pd
import pyarrow as pa
from botocore.config import Config

from benchmarks import sample
from benchmarks.canned_s3 import BUCKET, serving
from benchmarks.timing import Measured, interleaved, once
from storage.actions.objects import ObjectWriter
from storage.clients import r2
from storage.repositories.objects import Objects, list_in_ranges
from storage.settings.backends import KeyPair, R2Settings
from storage.text import Secret

PREFIX = f"users/{sample.UID}/"
DELAY_SECONDS = 0.025
_TOKEN = ("BENCHKEY", "s" * 40)


def _settings(endpoint: str) -> R2Settings:
    token = KeyPair(Secret(_TOKEN[0]), Secret(_TOKEN[1]))
    return R2Settings(BUCKET, endpoint, "auto", "users/", "", token, token, read_is_separate=False)


def _plain(endpoint: str, connections: int = 10) -> Any:
    config = Config(max_pool_connections=connections, signature_version="s3v4", s3={"addressing_style": "path"})
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="auto",
        config=config,
        aws_access_key_id=_TOKEN[0],
        aws_secret_access_key=_TOKEN[1],
    )


def _paginated(client: Any) -> pd.DataFrame:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=PREFIX)
    return pd.DataFrame([item for page in pages for item in page.get("Contents", [])])


def _by_obstore(endpoint: str, tools: Path) -> Callable[[], pd.DataFrame] | None:
    """The same by `obstore` (Rust), in Arrow batches; it lies with the tools that are only compared with."""
    sys.path.extend(str(path) for path in (tools.parent / "lib").glob("python*/site-packages"))
    try:
        obstore: Any = importlib.import_module("obstore")
        stores: Any = importlib.import_module("obstore.store")
    except ModuleNotFoundError:
        return None
    store = stores.S3Store(
        BUCKET,
        endpoint=endpoint,
        region="us-east-1",
        access_key_id=_TOKEN[0],
        secret_access_key=_TOKEN[1],
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )

    def listed() -> pd.DataFrame:
        batches = obstore.list(store, PREFIX, chunk_size=1_000, return_arrow=True)
        return pa.Table.from_batches([pa.record_batch(batch) for batch in batches]).to_pandas()

    return listed


def listing(rounds: int, tools: Path | None) -> dict[str, Measured]:
    """Client time (CPU) of 20,000 keys into a frame; the store answers at once."""
    with serving(sample.keys(), 0.0) as endpoint:
        plain, objects = _plain(endpoint), Objects(r2.read_client(_settings(endpoint)), BUCKET)
        assert _paginated(plain)["Key"].tolist() == objects.list_all(PREFIX).frame["key"].tolist()
        variants = {"boto3": lambda: _paginated(plain), "ours": lambda: objects.list_all(PREFIX).frame}
        rust = _by_obstore(endpoint, tools) if tools is not None else None
        if rust is not None:
            assert rust()["path"].tolist() == objects.list_all(PREFIX).frame["key"].tolist()
            variants["obstore"] = rust
        return interleaved(variants, rounds, clock=time.process_time)


def existence(rounds: int) -> dict[str, Measured]:
    """Which of 20,000 keys exist, at 25 ms a request: 16 threads of HEAD, and listing in ranges with a join."""
    keys = sample.keys()
    with serving(keys, DELAY_SECONDS) as endpoint:
        plain, objects = _plain(endpoint, 16), Objects(r2.read_client(_settings(endpoint)), BUCKET)

        def heads() -> int:
            with ThreadPoolExecutor(16) as threads:
                return sum(map(bool, threads.map(lambda key: plain.head_object(Bucket=BUCKET, Key=key), keys)))

        def listed() -> int:
            table = list_in_ranges(objects, PREFIX)
            assert table.complete
            return len(set(keys).intersection(table.frame["key"]))

        found = interleaved({"ours": listed}, rounds)
        return {**found, "heads": once("heads", heads)}


def deletion(rounds: int, tools: Path | None) -> dict[str, Measured]:
    """20,000 objects found and deleted at 25 ms a request. The tools' times include the start of their process."""
    with serving(sample.keys(), DELAY_SECONDS) as endpoint:
        settings = _settings(endpoint)
        objects, writer = Objects(r2.read_client(settings), BUCKET), ObjectWriter(r2.write_client(settings), BUCKET)

        def desk() -> None:
            result = writer.delete(list_in_ranges(objects, PREFIX).frame["key"])
            assert len(result.deleted) == sample.CLIPS

        variants: dict[str, Any] = {"ours": desk}
        if tools is None:
            return interleaved(variants, rounds)
        s5cmd = [str(tools / "s5cmd"), "--endpoint-url", endpoint, "rm", f"s3://{BUCKET}/{PREFIX}*"]
        aws = [str(tools / "aws"), "--endpoint-url", endpoint, "s3", "rm", "--recursive", f"s3://{BUCKET}/{PREFIX}"]
        found = interleaved({"s5cmd": lambda: _run(s5cmd), **variants}, rounds)
        return {**found, "aws": once("aws", lambda: _run(aws))}


def _run(command: list[str]) -> None:
    environment: Mapping[str, str] = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": _TOKEN[0],
        "AWS_SECRET_ACCESS_KEY": _TOKEN[1],
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
    }
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    lines = done.stdout.count(b"\n")
    assert lines >= sample.CLIPS, f"{command[0]} deleted {lines:,} objects"
