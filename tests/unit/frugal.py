"""``dlm`` where memory is short: one thing is done at a time, the largest tables in slices.

It ends with an error where dbt or the publication shares the memory with a helper process.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from dlm import publish, warehouse, workers
from dlm.cli import main

started: list[Any] = []


class Worker(workers.Worker):
    """A helper process that is remembered."""

    def __init__(self, *given: Any, **named: Any):
        super().__init__(*given, **named)
        started.append(self)


def alone(work: Callable[..., Any]) -> Callable[..., Any]:
    """What may only be done while no helper process is there."""

    def done(*given: Any, **named: Any) -> Any:
        if not started or any(worker._process for worker in started):
            raise RuntimeError(f"{work.__name__} shares the memory")
        return work(*given, **named)

    return done


if __name__ == "__main__":
    workers.Worker = Worker  # type: ignore[misc]
    warehouse.run_dbt = alone(warehouse.run_dbt)
    publish.copy_warehouse = alone(publish.copy_warehouse)
    publish.write_parquet = alone(publish.write_parquet)
    warehouse._LARGE_SHARES = ()  # type: ignore[assignment]
    warehouse._SLICE_SHARE = 0.001
    sys.exit(main(sys.argv[1:]))
