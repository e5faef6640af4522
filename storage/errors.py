"""Every error that leaves this package, as one tree; each carries what happened, to what, and what to do about it.

StorageError
├── BadInput (ValueError)            exit 2   what the caller typed cannot be used
├── ConfigError (ValueError)         exit 2   settings missing or malformed, all of them listed at once
├── NotFound (LookupError)           exit 1   proven absent: a 404, or a query that ended
├── BackendError                     exit 3   a backend refused, was away, or answered with something unusable
│   ├── AccessDenied (PermissionError)        the credential is known but may not do this
│   │   └── BadCredentials                    the key, secret or token itself is not accepted
│   ├── ClockSkew                             this machine's clock is too far from the backend's
│   ├── Unreachable (ConnectionError)         no answer: network, DNS, time-out, 5xx; may be tried again
│   ├── Throttled                             rate or quota; may be tried again later
│   ├── MissingIndex                          Firestore wants an index that is not there; carries its definition
│   ├── Unsettled                             a change stopped half way, and could not be taken back at once
│   └── Unusable                              an answer that this client cannot interpret
└── Refused                          exit 4   a guard said no; nothing was changed
    ├── NotPermitted (PermissionError)        the actor's role does not allow it
    └── Stale                                 the world moved since it was shown
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

UNRECORDED = "That this was refused could not be put on record."


class StorageError(Exception):
    """Root of the tree. `code` is stable for scripts, `message` is for people, `remedy` is the next thing to do."""

    code = "error"
    exit_status = 3
    retryable = False

    def __init__(
        self, message: str, *, remedy: str = "", operation: str = "", target: str = "", detail: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.operation = operation
        self.target = target
        self.detail = detail

    def as_dict(self) -> dict[str, Any]:
        """The `error` object that `--json` prints: code, message, remedy."""
        return {"code": self.code, "message": self.message, "remedy": self.remedy}


class BadInput(StorageError, ValueError):
    """What was typed cannot be used; `field_name` names it. Nothing was asked of a backend."""

    code = "bad_input"
    exit_status = 2

    def __init__(self, message: str, *, field_name: str = "", remedy: str = "") -> None:
        super().__init__(message, remedy=remedy, target=field_name)
        self.field_name = field_name


@dataclass(frozen=True, slots=True)
class Problem:
    """One setting that is missing or malformed. Never holds the value of a secret."""

    name: str
    problem: str
    remedy: str


class ConfigError(StorageError, ValueError):
    """Settings that are missing or malformed, all at once in `problems`."""

    code = "configuration"
    exit_status = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        names = ", ".join(problem.name for problem in self.problems)
        super().__init__(
            "Configuration is incomplete or malformed: "
            + "; ".join(f"{problem.name}: {problem.problem}" for problem in self.problems),
            remedy="; ".join(f"{problem.name}: {problem.remedy}" for problem in self.problems),
            target=names,
        )

    def as_dict(self) -> dict[str, Any]:
        """As the root's, with the problems one by one."""
        rows = [{"name": p.name, "problem": p.problem, "remedy": p.remedy} for p in self.problems]
        return {**super().as_dict(), "problems": rows}


class NotFound(StorageError, LookupError):
    """Proven absent: the backend answered, and it is not there."""

    code = "not_found"
    exit_status = 1


class BackendError(StorageError):
    """A backend refused, was away, or answered with something unusable: nothing is known about what was asked."""

    code = "backend"
    exit_status = 3


class AccessDenied(BackendError, PermissionError):
    """The credential is known, and may not do this. Never to be read as "missing"."""

    code = "access_denied"


class BadCredentials(AccessDenied):
    """The key, the secret or the token itself is not accepted (unknown, revoked, altered, wrongly signed)."""

    code = "bad_credentials"


class ClockSkew(BackendError):
    """The clock of this machine is too far from the backend's for a signature to hold."""

    code = "clock_skew"


class Unreachable(BackendError, ConnectionError):
    """No usable answer: DNS, refused, reset, time-out, 5xx. Trying again may help."""

    code = "unreachable"
    retryable = True


class Throttled(BackendError):
    """Too many requests, or a quota is used up. Trying again later may help."""

    code = "throttled"
    retryable = True


class MissingIndex(BackendError):
    """Firestore refused a query for want of an index; `definition` is the entry for `firestore.indexes.json`."""

    code = "missing_index"

    def __init__(self, message: str, *, definition: Mapping[str, Any] | None = None, **keywords: str) -> None:
        super().__init__(message, **keywords)
        self.definition = dict(definition or {})


class Unsettled(BackendError):
    """A change stopped half way, and what it left could not be put back at once; `change_id` takes it back."""

    code = "unsettled"

    def __init__(self, message: str, *, change_id: str = "", **keywords: str) -> None:
        super().__init__(message, **keywords)
        self.change_id = change_id


class Unusable(BackendError):
    """The backend answered with something that this client cannot interpret."""

    code = "unusable_answer"


class Refused(StorageError):
    """A guard said no; nothing was changed. `reasons` lists every ground, not just the first.

    `recorded`: it was dealt with for the audit already, so that whoever passes it on does not record it again.
    `unrecorded`: the audit could not be written; the message says so.
    """

    code = "refused"
    exit_status = 4
    recorded = False
    unrecorded = False

    def __init__(self, message: str, *, reasons: Sequence[str] = (), **keywords: str) -> None:
        super().__init__(message, **keywords)
        self.reasons = tuple(reasons)

    def note_unrecorded(self) -> None:
        """The refusal stands, and whoever reads it learns that it is on no record."""
        self.recorded = self.unrecorded = True
        self.message = f"{self.message} {UNRECORDED}"


class NotPermitted(Refused, PermissionError):
    """The actor's role does not allow this action."""

    code = "not_permitted"


class Stale(Refused):
    """What was shown is no longer what is there; `reasons` says what moved."""

    code = "stale"


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One field of one document that is not as the backend should have written it; data, not an exception.

    `kind` is `missing`, `null`, `wrong_type` or `bad_value`; `found` is a short, safe description of what stood there.
    A last entry of kind `not_kept`, without path and field, says in `found` how many more there were than are kept.
    """

    path: str
    field_name: str
    kind: str
    found: str = ""
