"""The log of the workflow: append-only, each entry chained to the one before by its hash.

An entry says who did what, when (UTC) and why. Its hash covers its content and the hash of the
entry before, so an entry that is changed, taken out, put in or moved no longer fits. What is cut
off at the end is told by a second file, which holds the number and hash of the last entry; it is
written after the log, so a command that is killed in between leaves it behind, never ahead.
Whoever can write to the store can of course write both anew: then the builds published since and
the backups, which bear number and hash of the last entry too, no longer agree.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dlm import store
from dlm.errors import DlmError
from dlm.workflow.account import Account, current_account

FOLDER = "workflow"
LOG = "log.jsonl"
HEAD = "log.head.json"
START = "0" * 64
"""What the first entry is chained to."""

Entry = dict[str, Any]
Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Event:
    """Something to log.

    Attributes:
        action: short stable name: waive, approve, adjudicate, ...
        scope: what it is about: 'store', or 'seeds' for the project's own synthetic trial.
        reason: why, in the words of whoever did it; empty where the action says it all.
        details: what the action is about.
    """

    action: str
    scope: str
    reason: str
    details: dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """Where the log does not hold together.

    Attributes:
        line: line of the log file; None for the log as a whole.
        text: what is wrong.
    """

    line: int | None
    text: str

    def __str__(self) -> str:
        return self.text if self.line is None else f"line {self.line}: {self.text}"


def log_path(state: Path) -> Path:
    """Where the log of a store is."""
    return state / FOLDER / LOG


def read_log(state: Path) -> list[Entry]:
    """Every entry, oldest first.

    Raises:
        DlmError: the log does not hold together, so nothing in it can be relied on.
    """
    entries, faults = examine(state)
    if faults:
        raise DlmError(
            f"{log_path(state)} was altered: {faults[0]}; see dlm log verify, then restore the "
            "store from a backup"
        )
    return entries


def examine(state: Path) -> tuple[list[Entry], list[Fault]]:
    """The entries that can be read, and every place where the log does not hold together."""
    path = log_path(state)
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    entries: list[Entry] = []
    faults: list[Fault] = []
    previous = START
    # Not splitlines: a reason may hold a line separator of Unicode, which JSON leaves as it is.
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else [], 1):
        try:
            entry: Entry = json.loads(line)
            told, chained, counted = entry["hash"], entry["previous"], entry["n"]
        except (ValueError, KeyError, TypeError):
            faults.append(Fault(number, "is no entry of a log"))
            continue
        if told != _hash(entry):
            faults.append(Fault(number, f"entry {counted} was changed after it was written"))
        elif chained != previous or counted != number:
            faults.append(
                Fault(
                    number,
                    f"entry {counted} does not follow the one before it: entries were "
                    "taken out, put in or moved here",
                )
            )
        previous = told
        entries.append(entry)
    return entries, faults + _against_head(state, entries)


def _against_head(state: Path, entries: Sequence[Entry]) -> list[Fault]:
    """Whether the log still ends where it ended last."""
    path = state / FOLDER / HEAD
    if not path.is_file():
        return [Fault(None, f"{HEAD} is missing beside it")] if entries else []
    try:
        head = json.loads(path.read_text(encoding="utf-8"))
        count, told = int(head["n"]), str(head["hash"])
    except (ValueError, KeyError, TypeError):
        return [Fault(None, f"{HEAD} beside it cannot be read")]
    return against(entries, count, told, f"{HEAD} beside it")


def against(entries: Sequence[Entry], count: int, told: str, witness: str) -> list[Fault]:
    """How the log differs from what a witness saw of it: the number and hash of an entry."""
    if count > len(entries):
        return [
            Fault(
                len(entries) + 1,
                f"entries {len(entries) + 1} to {count} are missing at the end, says {witness}",
            )
        ]
    if count and entries[count - 1]["hash"] != told:
        return [Fault(count, f"entry {count} is not the one {witness} saw: the log was rewritten")]
    return []


def append(
    state: Path,
    events: Sequence[Event],
    account: Account | None = None,
    clock: Clock = lambda: datetime.now(UTC),
) -> list[Entry]:
    """Add events to the log; call under the store's lock.

    Args:
        state: the store.
        events: what happened; all of it is logged or none.
        account: who did it; None for the account the command runs under.
        clock: tells the time.

    Returns:
        The entries as logged.

    Raises:
        DlmError: the log does not hold together; nothing is added to it.
    """
    entries = read_log(state)
    who = account or current_account()
    now = clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    added: list[Entry] = []
    for event in events:
        last = (added or entries)[-1:]
        entry: Entry = {
            "n": len(entries) + len(added) + 1,
            "at": now,
            "account": {"name": who.name, "uid": who.uid},
            "action": event.action,
            "scope": event.scope,
            "reason": event.reason,
            "details": event.details,
            "previous": last[0]["hash"] if last else START,
        }
        added.append(entry | {"hash": _hash(entry)})
    if not added:
        return []
    if not entries:
        # So that a first command killed between log and head does not look like a head removed.
        store.write_whole(state / FOLDER / HEAD, [_head(0, START)])
    lines = "".join(_line(entry) + "\n" for entry in [*entries, *added])
    store.write_whole(log_path(state), [lines.encode()])
    store.write_whole(state / FOLDER / HEAD, [_head(added[-1]["n"], added[-1]["hash"])])
    return added


def _head(count: int, told: str) -> bytes:
    return (_line({"n": count, "hash": told}) + "\n").encode()


def subject(entry: Entry) -> str:
    """What an entry is about, in a few words."""
    details = entry["details"]
    if entry["action"] == "import":
        return f"{details['file']}: {len(details['replies'])} replies"
    if entry["action"] == "export":
        return f"{details['queries']} queries in {len(details['files'])} list(s)"
    for name in ("query_id", "adjudication_id", "name", "snapshot_id"):
        if name in details:
            return str(details[name])
    return ""


def _line(content: Entry) -> str:
    return json.dumps(content, ensure_ascii=False, sort_keys=True)


def _hash(entry: Entry) -> str:
    content = {name: value for name, value in entry.items() if name != "hash"}
    return hashlib.sha256(_line(content).encode()).hexdigest()
