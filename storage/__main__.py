"""`python -m storage`: the command line."""

import sys

from storage.cli.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
