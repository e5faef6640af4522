"""The rules of purges as pure functions and values: scope, plan, fingerprint, guards, order, certificate."""
