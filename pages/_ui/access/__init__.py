"""Establishes who asks and what they may do: sign-in, roles, the guard before every page and every change."""
