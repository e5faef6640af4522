"""The rules of kept scans: what a scan looked at, what is kept of it, how two of them differ, whom a finding harms."""
