"""The dialog in which something is mended: what may be done, what will change, how it ended."""
