"""The repairs of a page: what may be done, what will change, and how it ended."""
