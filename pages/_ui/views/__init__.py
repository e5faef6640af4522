"""The larger parts of pages, one file each. Most views get their data from the page and load nothing."""
