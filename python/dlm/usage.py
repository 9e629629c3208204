"""What a measured process took: memory and processor time, with that of processes it waited for."""

from __future__ import annotations

import os
import sys


def peak_mb() -> float:
    """Greatest memory of this process or of one it waited for, whichever held more, in MB.

    0 where the system tells none.
    """
    try:
        import resource
    except ImportError:
        return 0.0
    peak = max(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def cpu_seconds() -> float:
    """Processor time of this process and of all it waited for."""
    return sum(os.times()[:4])
