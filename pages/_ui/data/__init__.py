"""Loads the data of pages, and holds the only caches of pages, which are dropped after a change."""
