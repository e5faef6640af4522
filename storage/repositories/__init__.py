"""Reads objects (R2) and records (Firestore) as frames with a declared schema and frozen values; changes nothing."""
