"""The web server around the pages: the arguments for `st.App`, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pages._ui.access import settings
from pages._ui.assets import base
from pages._ui.nav import HOME
from pages._ui.server import health, modules
from pages._ui.server.bursts import Bursts
from pages._ui.server.compression import Compressed
from pages._ui.server.failures import on_script_error
from pages._ui.server.lifespan import lifespan
from pages._ui.server.middleware import HEALTH, METRICS, Cookies, Gate, ReturnTo, SecurityHeaders
from pages._ui.server.page import FirstPage
from storage import logs
from storage.errors import ConfigError
from storage.settings import reader


def parts() -> dict[str, Any]:
    """The keyword arguments for `st.App`. Never raises: a page shows the problems of the configuration."""
    logs.start()
    return {
        "lifespan": lifespan,
        "routes": [
            Route(f"{base()}/{HOME}", _home),
            Route(f"{base()}{HEALTH}", health.healthz),
            Route(f"{base()}{METRICS}", _metrics),
            modules.route(base()),
        ],
        "middleware": [
            Middleware(Bursts),
            Middleware(Compressed),
            Middleware(SecurityHeaders),
            Middleware(Cookies),
            Middleware(ReturnTo),
            Middleware(Gate),
            Middleware(FirstPage),
        ],
        "secrets": _secrets(),
        "on_script_error": on_script_error,
    }


async def _metrics(request: Request) -> Response:
    from pages._ui.server import metrics  # with its library, which only a server that is scraped needs

    return await metrics.metrics(request)


async def _home(request: Request) -> RedirectResponse:
    """Redirects the first page's name to the root: only there does Streamlit serve that page."""
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"{base()}/{query}", 307)


def _secrets() -> Mapping[str, Any] | None:
    """The section `[auth]` for Streamlit, where the settings have one; tells the redaction of logs every secret."""
    try:
        logs.know_settings(reader.read())
        logs.know_settings(_flat(reader.auth_table()))
        oidc = settings.current().oidc
    except ConfigError:
        return None
    return {"auth": oidc.reveal()} if oidc is not None and oidc.section else None


def _flat(table: Mapping[str, Any]) -> dict[str, str]:
    """All texts of a table and of the tables in it, by dotted name."""
    flat: dict[str, str] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{inner}": text for inner, text in _flat(value).items()}
        elif isinstance(value, str):
            flat[name] = value
    return flat
