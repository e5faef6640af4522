"""Sends messages through Apprise, whose addresses are secrets as a whole: none is in an error, a log or an answer."""

from __future__ import annotations

import hashlib
import logging
import queue
import threading
from dataclasses import dataclass
from typing import Final

import apprise

from storage.errors import ConfigError, Problem
from storage.text import Secret

NAME: Final = "ALERT_URLS"
CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 10.0
SEND_SECONDS: Final = 60.0  # for the whole message: a service that answers byte by byte never exceeds READ_SECONDS

logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its lines quote addresses and what the service answered


@dataclass(frozen=True, slots=True)
class Target:
    """One place that messages go to. `name` is public: the kind of service, and a digest that tells targets apart."""

    name: str
    url: Secret

    def send(self, title: str, body: str) -> bool:
        """Whether the service took the message; false also without an answer in SEND_SECONDS. Never raises."""
        answer: queue.SimpleQueue[bool] = queue.SimpleQueue()
        threading.Thread(target=lambda: answer.put(self._took(title, body)), daemon=True).start()
        try:
            return answer.get(timeout=SEND_SECONDS)
        except queue.Empty:
            return False

    def _took(self, title: str, body: str) -> bool:
        service = _instantiate(self.url)
        if service is None:
            return False
        service.socket_connect_timeout, service.socket_read_timeout = CONNECT_SECONDS, READ_SECONDS
        service.overflow_mode = apprise.OverflowMode.SPLIT
        sender = apprise.Apprise()
        sender.add(service)
        try:
            return bool(sender.notify(body=body, title=title, body_format=apprise.NotifyFormat.TEXT))
        except Exception as error:  # a plugin of a service: whatever it raises may quote its address
            logging.getLogger(__name__).warning("A message could not be sent: %s", type(error).__name__)
            return False


def targets_of(urls: tuple[Secret, ...]) -> tuple[Target, ...]:
    """The targets in the order of the setting; `ConfigError` names each address by its number."""
    problems = [
        Problem(
            NAME, f"has an address that no service of Apprise knows: number {number}", "Take it from Apprise's list."
        )
        for number, url in enumerate(urls, start=1)
        if _instantiate(url) is None
    ]
    if problems:
        raise ConfigError(problems)
    return tuple(Target(_name(url), url) for url in urls)


def _name(url: Secret) -> str:
    scheme = url.reveal().partition("://")[0].lower()
    return f"{scheme}-{hashlib.sha256(url.reveal().encode()).hexdigest()[:6]}"


def _instantiate(url: Secret) -> apprise.NotifyBase | None:
    return apprise.Apprise.instantiate(url.reveal(), suppress_exceptions=True)
