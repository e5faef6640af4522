"""The parts of the page Purge."""
