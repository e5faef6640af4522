"""Nine free ports on loopback for SeaweedFS, and the options that tell it."""

from __future__ import annotations

import contextlib
import random
import socket
from dataclasses import asdict, dataclass, fields

HOST = "127.0.0.1"
ADMIN_GRPC_OFFSET = 10_000  # its own rule: the admin's gRPC port is the admin's port and this much


@dataclass(frozen=True, slots=True)
class Ports:
    """Where each part listens."""

    s3: int
    s3_grpc: int
    master: int
    master_grpc: int
    volume: int
    volume_grpc: int
    filer: int
    filer_grpc: int
    admin: int

    def options(self) -> list[str]:
        """As the command line has them: `-filer.port.grpc=...`."""
        pairs = [(*name.partition("_"), port) for name, port in asdict(self).items()]
        return [f"-{part}.port{'.grpc' if grpc else ''}={port}" for part, _, grpc, port in pairs]

    def sockets(self) -> list[str]:
        """The socket files that the program makes, in a folder that it does not let one choose, and leaves behind."""
        names = [f"filer-{self.filer}", f"s3-{self.s3}", f"admin-grpc-{self.admin + ADMIN_GRPC_OFFSET}"]
        grpc = {"master": self.master_grpc, "volume": self.volume_grpc, "filer": self.filer_grpc, "s3": self.s3_grpc}
        names += [f"{part}-grpc-{port}" for part, port in grpc.items()]
        return [f"/tmp/seaweedfs-{name}.sock" for name in names]


def free_ports(s3_port: int = 0) -> Ports:
    """Ports that are free now; the S3 port may be given. Another program may still take one before it is used."""
    with contextlib.ExitStack() as held:
        others = {part.name: _held(held) for part in fields(Ports) if part.name not in {"s3", "admin"}}
        return Ports(s3=s3_port or _held(held), admin=_admin(held), **others)


def _held(stack: contextlib.ExitStack, port: int = 0) -> int:
    """A port that the kernel gives, kept until the stack ends so that no port is given twice."""
    listener = stack.enter_context(socket.socket())
    listener.bind((HOST, port))
    return int(listener.getsockname()[1])


def _admin(stack: contextlib.ExitStack) -> int:
    """A port below those that the kernel hands out, whose gRPC twin is free as well."""
    for _ in range(200):
        port = random.randrange(12_000, 22_000)
        with contextlib.suppress(OSError):
            _held(stack, port + ADMIN_GRPC_OFFSET)
            return _held(stack, port)
    raise OSError("no free pair of ports on 127.0.0.1")
