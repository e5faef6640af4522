"""Purges: makes, approves and applies plans by durable jobs, undoes them, and empties their quarantines.

The rules are in `storage.domain.purge`.
"""
