"""``dlm`` where room or memory is less than what it looked for: ``cramped.py disk|memory WORDS``.

The disk is not asked for the room of a build before; or dbt's DuckDB gets too little of the memory
for the models of the seeds.
"""

from __future__ import annotations

import os
import sys

from dlm import engine
from dlm.cli import main

if __name__ == "__main__":
    if sys.argv[1] == "disk":
        engine.SMALLEST_BUILD = engine.BYTES_A_RECORD = 0
    else:
        os.environ["DLM_MEMORY_LIMIT"] = "500MB"
        engine.MAIN_SHARE = 0.02
    sys.exit(main(sys.argv[2:]))
