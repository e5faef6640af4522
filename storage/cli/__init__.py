"""The command line: parse, call, print. Everything a page answers, a shell can ask too."""
