"""`python -m storage`: the command line."""

import gc
import sys

from storage.cli.main import main

if __name__ == "__main__":
    gc.disable()  # until the command is imported: see `Command.invoke`
    sys.exit(main(sys.argv[1:]))
