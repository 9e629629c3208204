"""``python -m dlm`` is the command ``dlm``."""

import sys

from dlm.cli import main

sys.exit(main())
