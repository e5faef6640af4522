"""Reads, checks and (through `storage.actions` only) changes what Viral Clip AI keeps in R2 and Firestore.

Nothing below this package imports Streamlit; the web app and the command line are two callers of the same code.
"""
