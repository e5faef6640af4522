"""A request turned down: the gRPC status that the caller sees, raised from any depth of the server."""

from __future__ import annotations

from grpc import StatusCode


class Refused(Exception):
    """Ends a call with `code` and `message`, worded as production words it where its wording is known."""

    def __init__(self, code: StatusCode, message: str) -> None:
        super().__init__(f"{code.name}: {message}")
        self.code = code
        self.message = message

    @property
    def number(self) -> int:
        """The status as the number that a per-item `google.rpc.Status` carries."""
        return int(self.code.value[0])


def invalid(message: str) -> Refused:
    """The request can never succeed, whatever is stored."""
    return Refused(StatusCode.INVALID_ARGUMENT, message)


def unimplemented(what: str) -> Refused:
    """Firestore has it, this server does not."""
    return Refused(StatusCode.UNIMPLEMENTED, f"{what} is not served by the embedded Firestore.")
