"""The larger parts of pages, one file each. A view draws what it is given and loads nothing."""
