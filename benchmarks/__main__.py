"""``python -m benchmarks report``: every comparison in one table, and every target beside it."""

import sys

from benchmarks.report.command import main

if __name__ == "__main__":
    sys.exit(main())
