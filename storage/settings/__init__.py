"""The environment in, frozen settings or the whole list of problems out."""
