"""The larger parts of pages, one file each: what they draw is given to them, and they load nothing."""
