"""A Firestore of our own: the v1 protocol over sqlite, in this process, for the real client library.

It serves what the desk uses and refuses what Firestore refuses; listening, vector search, pipelines, query
explain and reads of the past are not in it. Tests hold it against Google's emulator.
"""

from storage.sandbox.firestore.faults import FaultRule, Faults
from storage.sandbox.firestore.server import FirestoreServer
from storage.sandbox.firestore.wire import CallRefused

__all__ = ["CallRefused", "FaultRule", "Faults", "FirestoreServer"]
