"""Folders for records that a command needs only while it runs.

They lie in ``DLM_TEMP``, else where the system puts temporary files, and only their owner may read
them. A command that is killed cannot remove its own; the next one that needs one does.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from dlm import engine

_PREFIX = "dlm-scratch-"


@contextlib.contextmanager
def scratch_folder(name: str | None = None) -> Iterator[Path]:
    """An empty folder that is gone when the command has ended.

    Args:
        name: what tells it from others, where it is to be the same each time; only one command at
            a time has it.
    """
    parent = Path(os.environ.get(engine.TEMP) or tempfile.gettempdir())
    parent.mkdir(parents=True, exist_ok=True)
    # A folder, or its lock alone: a command may be killed before it makes the one.
    for left in {path.with_suffix("") for path in parent.glob(f"{_PREFIX}*")}:
        # Another account's, or one that another command removes at the same moment.
        with contextlib.suppress(OSError, Timeout), _owned(left, timeout=0):
            pass
    folder = parent / f"{_PREFIX}{name or uuid4().hex}"
    with _owned(folder):
        folder.mkdir(mode=0o700)
        yield folder


@functools.cache
def private_folder() -> Path:
    """A folder of this process, for what its connections spill; gone when the process ends."""
    stack = contextlib.ExitStack()
    folder = stack.enter_context(scratch_folder())
    atexit.register(stack.close)
    return folder


@contextlib.contextmanager
def _owned(folder: Path, timeout: float = -1) -> Iterator[None]:
    """Hold a folder that a running command may have; it is removed at the end.

    The lock stands beside it and is there first, so that nobody takes a new folder for a left one.
    """
    # A thread may take it for the process.
    lock = FileLock(
        folder.with_name(f"{folder.name}.lock"), timeout=timeout, mode=0o600, thread_local=False
    )
    with lock:
        try:
            yield
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            # Windows removes no file that is open; filelock does it there when it lets go.
            with contextlib.suppress(OSError):
                Path(lock.lock_file).unlink()
