"""Draws repairs: the repairs that a person may make, the changes that they would make, and how they ended."""
