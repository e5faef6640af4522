"""Gathers facts from the repositories and applies the rules of the domain to them. Changes nothing."""
