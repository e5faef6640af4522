"""A Firestore of our own: the v1 protocol over sqlite, in this process, for the real client library (README.md)."""

from storage.sandbox.firestore.server import FirestoreServer
from storage.sandbox.firestore.wire import CallRefused

__all__ = ["CallRefused", "FirestoreServer"]
