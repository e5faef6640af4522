"""A Streamlit server in a forked process: what is imported before the fork, and what runs after it."""

from __future__ import annotations

import gc
from functools import cache
from importlib import import_module

import streamlit.web.cli
from streamlit.components.v2 import manifest_scanner

from storage.clients.r2 import read_client
from storage.settings.backends import KeyPair, R2Settings
from storage.text import Secret

BEFORE_THE_FORK = (
    "altair",
    "anyio._backends._asyncio",
    "boto3.s3.inject",
    "google.cloud.firestore",
    "pages._ui.data.loads",
    "pages._ui.data.resources",
    "pages._ui.server",
    "pages._ui.shell",
    "PIL.ImageFile",
    "starlette.middleware.sessions",
    "starlette.staticfiles",
    "storage.services.search",
    "streamlit.material_icon_names",
    "streamlit.web.server.starlette.starlette_server",
    "streamlit.web.skills",
    "uvicorn",
    "uvicorn.lifespan.on",
    "uvicorn.loops.asyncio",
    "uvicorn.protocols.http.h11_impl",
    "websockets.server",
)

for name in BEFORE_THE_FORK:
    import_module(name)
# The installed packages are looked through for components as they are now, which takes a third of a server's start.
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)
manifest_scanner.scan_component_manifests()
_NOBODY = KeyPair(Secret("nobody"), Secret("nobody"))
# Opens nothing; the SDK's description of S3 is read, which takes most of what making a client takes.
read_client(R2Settings("none", "http://127.0.0.1:9", "auto", "users/", "", _NOBODY, _NOBODY, read_is_separate=False))
gc.collect()
gc.freeze()  # no forked process looks through what was imported here, so the memory stays shared


def main() -> None:
    """As `python -m streamlit`."""
    streamlit.web.cli.main(prog_name="streamlit")
