"""Turns the environment into frozen settings, or into the whole list of problems."""
