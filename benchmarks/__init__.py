"""Measures what the desk costs in time, memory, requests and billed reads beside the usual ways (`make bench`)."""
