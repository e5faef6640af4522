"""What a purge is, without doing anything: scope, plan, fingerprint, guards, what moved, order, certificate."""
