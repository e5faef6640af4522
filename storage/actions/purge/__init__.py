"""Purging: look, plan, approve, apply by a durable job, undo, empty. The rules are in `storage.domain.purge`."""
