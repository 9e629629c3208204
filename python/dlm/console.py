"""What a long command says while it runs: steps, a counter, notes. Goes to standard error."""

from __future__ import annotations

import sys
import time

_A_WHILE = 60.0
"""Seconds after which a step says how far it is where nothing can be overwritten, as in a log."""
_KNOWN_FROM = 0.05
"""Share of a step that must be done before the rest of it is estimated."""
_LONGEST_NAME = 60
"""Letters of a name that are told: those of dbt's tests hold all their arguments."""


class Console:
    """Progress on standard error: live on a terminal; elsewhere a line per step, and per minute."""

    def __init__(self, quiet: bool = False):
        self._quiet = quiet
        self._live = sys.stderr.isatty() and not quiet
        self._title = ""
        self._started = 0.0
        self._told = 0.0

    def step(self, title: str) -> None:
        """Begin a step; the one before is ended with its duration."""
        self.end()
        self._title = title
        self._started = self._told = time.perf_counter()
        if self._live:
            self._write(f"\r\x1b[K{title} ...")

    def end(self) -> None:
        """End the step under way."""
        if self._title and not self._quiet:
            took = time.perf_counter() - self._started
            self._write(f"{self._clear()}{self._title}: {took:.1f} s\n")
        self._title = ""

    def detail(self, text: str) -> None:
        """Say what the step is at: at once on a terminal, now and then elsewhere."""
        if self._live:
            self._write(f"\r\x1b[K{self._title}: {text}"[:120])
        elif not self._quiet and time.perf_counter() - self._told >= _A_WHILE:
            self._told = time.perf_counter()
            self._write(f"  {self._title}: {text}\n")

    def count(self, done: int, total: int, name: str) -> None:
        """Say how far the step is, and what time is left once there is enough to go by."""
        took = time.perf_counter() - self._started
        told = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
        if 0 < done >= _KNOWN_FROM * total:
            left = took / done * (total - done)
            self.detail(f"{done}/{total}, about {left:.0f} s left ({told})")
        else:
            self.detail(f"{done}/{total} ({told})")

    def note(self, text: str) -> None:
        """Say something that stays on the screen."""
        if not self._quiet:
            self._write(f"{self._clear()}  {text}\n")

    def _clear(self) -> str:
        return "\r\x1b[K" if self._live else ""

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
