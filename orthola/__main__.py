"""``python -m orthola``: the same as the command ``orthola``."""

import sys

from ._cli.main import main

if __name__ == "__main__":
    sys.exit(main())
