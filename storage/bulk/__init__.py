"""Work on very many objects or documents at once, where latency or the number of calls rules."""
