"""``dlm`` where memory is short: models and helpers take turns, the largest tables are in slices.

It ends with an error where dbt shares the memory with a helper process, or a helper with another.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from dlm import warehouse, workers
from dlm.cli import main

started: list[Any] = []


class Worker(workers.Worker):
    """A helper process that is remembered, and does nothing while another is there."""

    def __init__(self, *given: Any, **named: Any):
        super().__init__(*given, **named)
        started.append(self)

    def ask(self, request: dict[str, Any]) -> None:
        if any(worker._process for worker in started if worker is not self):
            raise RuntimeError("a helper process shares the memory with another")
        super().ask(request)


def alone(run_dbt: Callable[..., Any]) -> Callable[..., Any]:
    """dbt, which may only run while no helper process is there."""

    def done(*given: Any, **named: Any) -> Any:
        if not started or any(worker._process for worker in started):
            raise RuntimeError("dbt shares the memory with a helper process")
        return run_dbt(*given, **named)

    return done


if __name__ == "__main__":
    workers.Worker = Worker  # type: ignore[misc]
    warehouse.run_dbt = alone(warehouse.run_dbt)
    warehouse._LARGE_SHARES = ()  # type: ignore[assignment]
    warehouse._SLICE_SHARE = 0.0005
    sys.exit(main(sys.argv[1:]))
