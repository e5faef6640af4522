"""Every error that leaves this package, as one tree; each says what happened, to what, and what to do about it.

StorageError
├── BadInput (ValueError)            exit 2   what the caller typed cannot be used
├── ConfigError (ValueError)         exit 2   settings missing or malformed, all listed at once
├── NotFound (LookupError)           exit 1   proven absent: a 404, or a query that ended
├── BackendError                     exit 3   a backend refused, did not answer, or gave an unusable answer
│   ├── AccessDenied (PermissionError)        the credential is known but may not do this
│   │   └── BadCredentials                    the key, secret or token itself is not accepted
│   ├── ClockSkew                             this machine's clock is too far from the backend's
│   ├── Unreachable (ConnectionError)         no answer: network, DNS, timeout, 5xx; may be tried again
│   ├── Throttled                             rate or quota; may be tried again later
│   ├── MissingIndex                          Firestore needs an index that does not exist; has its definition
│   ├── Unsettled                             a change stopped half way, and could not be taken back at once
│   └── Unusable                              an answer that this client cannot interpret
└── Refused                          exit 4   a guard said no; nothing was changed
    ├── NotPermitted (PermissionError)        the actor's role does not allow it
    └── Stale                                 the present state differs from what was shown
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

UNRECORDED = "The audit could not record this refusal."


def _again(kind: type[StorageError], args: tuple[Any, ...], fields: dict[str, Any]) -> StorageError:
    error = kind.__new__(kind)
    error.args = args  # those of the operating system's kind take them only when they are initialised
    error.__dict__.update(fields)
    return error


class StorageError(Exception):
    """Root of the tree. `code` is stable for scripts, `message` is for people, `remedy` is the next thing to do.

    `store` names the store that was asked, as people call it, where the one thing wrong is that it gave no answer.
    """

    code = "error"
    exit_status = 3
    retryable = False

    def __init__(
        self,
        message: str,
        *,
        remedy: str = "",
        operation: str = "",
        target: str = "",
        detail: str = "",
        store: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.operation = operation
        self.target = target
        self.detail = detail
        self.store = store

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles keep the fields and no cause, whatever a subclass asks of its constructor."""
        return _again, (type(self), self.args, dict(self.__dict__))

    def as_dict(self) -> dict[str, Any]:
        """The `error` object that `--json` prints: code, message, remedy."""
        return {"code": self.code, "message": self.message, "remedy": self.remedy}


class BadInput(StorageError, ValueError):
    """The caller's input cannot be used; `field_name` names it. No backend got a request."""

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
        """As the root's, with each problem."""
        rows = [{"name": p.name, "problem": p.problem, "remedy": p.remedy} for p in self.problems]
        return {**super().as_dict(), "problems": rows}


class NotFound(StorageError, LookupError):
    """Proven absent: the backend answered that it does not exist."""

    code = "not_found"
    exit_status = 1


class BackendError(StorageError):
    """A backend refused, did not answer, or gave an unusable answer: the answer to the question is unknown."""

    code = "backend"
    exit_status = 3


class AccessDenied(BackendError, PermissionError):
    """The credential is known, but may not do this. This never means "missing"."""

    code = "access_denied"


class BadCredentials(AccessDenied):
    """The key, the secret or the token itself is not accepted (unknown, revoked, altered, wrongly signed)."""

    code = "bad_credentials"


class ClockSkew(BackendError):
    """The clock of this machine is too far from the backend's for a signature to hold."""

    code = "clock_skew"


class Unreachable(BackendError, ConnectionError):
    """No usable answer: DNS, refused, reset, timeout, 5xx. Another try may help."""

    code = "unreachable"
    retryable = True


class Throttled(BackendError):
    """Too many requests, or a quota is used up. Another try later may help."""

    code = "throttled"
    retryable = True


class MissingIndex(BackendError):
    """Firestore refused a query because an index is missing; `definition` is its entry for `firestore.indexes.json`."""

    code = "missing_index"

    def __init__(self, message: str, *, definition: Mapping[str, Any] | None = None, **keywords: str) -> None:
        super().__init__(message, **keywords)
        self.definition = dict(definition or {})


class Unsettled(BackendError):
    """A change stopped half way, and could not be taken back at once; `change_id` takes it back."""

    code = "unsettled"

    def __init__(self, message: str, *, change_id: str = "", **keywords: str) -> None:
        super().__init__(message, **keywords)
        self.change_id = change_id


class Unusable(BackendError):
    """The backend answered with something that this client cannot interpret."""

    code = "unusable_answer"


class Refused(StorageError):
    """A guard said no; nothing was changed. `reasons` lists every ground, not just the first.

    `recorded`: the audit has dealt with it already, so that a caller that raises it again does not record it twice.
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
        """Adds to the message that the audit has no record of this refusal, which stands all the same."""
        self.recorded = self.unrecorded = True
        self.message = f"{self.message} {UNRECORDED}"


class NotPermitted(Refused, PermissionError):
    """The actor's role does not allow this action."""

    code = "not_permitted"


class Stale(Refused):
    """The present state differs from what was shown; `reasons` says what moved."""

    code = "stale"


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One field of one document that differs from what the backend should have written; data, not an exception.

    `kind` is `missing`, `null`, `wrong_type` or `bad_value`; `found` is a short, safe description of the value.
    A last entry of kind `not_kept`, without path and field, says in `found` how many more there were than are kept.
    """

    path: str
    field_name: str
    kind: str
    found: str = ""
