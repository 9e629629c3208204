"""``dlm`` where memory is short: one thing is done at a time, the largest tables in slices."""

from __future__ import annotations

import sys

from dlm import warehouse
from dlm.cli import main

if __name__ == "__main__":
    warehouse._LARGE_SHARES = ()
    warehouse._SLICE_SHARE = 0.001
    sys.exit(main(sys.argv[1:]))
