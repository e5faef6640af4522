"""What pages load, keep for a while and forget after a change: the only caches of pages."""
