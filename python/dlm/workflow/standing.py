"""What the log amounts to: waivers, replies, adjudications, locks; as far as a build may know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from dlm.workflow.log import Entry


@dataclass(frozen=True)
class Known:
    """How much of the log counts.

    Attributes:
        scope: 'store' or 'seeds'; entries about the other count for nothing.
        until: only what people did by that day (UTC) counts; None for all of it.
        entries: only so many entries count; None for all. Tells a data cut exactly.
    """

    scope: str
    until: date | None = None
    entries: int | None = None

    def of(self, log: Sequence[Entry]) -> list[Entry]:
        """The entries that count, oldest first."""
        return [
            entry
            for entry in log[: self.entries]
            if entry["scope"] == self.scope and self._is_in_time(entry)
        ]

    def _is_in_time(self, entry: Entry) -> bool:
        # A snapshot is known from the day of its deliveries on, whenever it was recorded.
        if self.until is None or entry["action"] == "snapshot":
            return True
        return bool(entry["at"][:10] <= self.until.isoformat())


@dataclass
class Waiver:
    """A waiver of one query, for one evidence.

    Attributes:
        number: of the log entry that proposed it.
        proposed: that entry.
        approved: the entry that approved it, if there is one.
        is_revoked: whether it was taken back.
    """

    number: int
    proposed: Entry
    approved: Entry | None = None
    is_revoked: bool = False

    @property
    def query_id(self) -> str:
        """The query it is about."""
        return str(self.proposed["details"]["query_id"])

    @property
    def evidence_hash(self) -> str:
        """The evidence it is about."""
        return str(self.proposed["details"]["evidence_hash"])

    @property
    def expires(self) -> str:
        """Its last day, ISO."""
        return str(self.proposed["details"]["expires"])


@dataclass
class Lock:
    """A data cut.

    Attributes:
        name: given by whoever locked it.
        locked: the entry that locked it.
        unlocking: the entry that asks for it to be unlocked, if there is one.
        unlocked: the entry that approved that, if there is one.
    """

    name: str
    locked: Entry
    unlocking: Entry | None = None
    unlocked: Entry | None = None

    @property
    def state(self) -> str:
        """locked, unlocking (asked for, not approved) or unlocked."""
        if self.unlocked:
            return "unlocked"
        return "unlocking" if self.unlocking else "locked"


@dataclass
class Standing:
    """What the log amounts to.

    Attributes:
        waivers: by the number of the entry that proposed each; revoked ones too.
        replies: entries' replies, each with the day and account of its import.
        adjudications: by id; withdrawn ones are not in it.
        locks: by name.
        snapshots: details of the snapshots recorded, by id.
    """

    waivers: dict[int, Waiver] = field(default_factory=dict)
    replies: list[dict[str, Any]] = field(default_factory=list)
    adjudications: dict[str, Entry] = field(default_factory=dict)
    locks: dict[str, Lock] = field(default_factory=dict)
    snapshots: dict[str, dict[str, Any]] = field(default_factory=dict)


def standing(entries: Iterable[Entry]) -> Standing:
    """Play the entries in order; they are those of one scope."""
    now = Standing()
    for entry in entries:
        details = entry["details"]
        match entry["action"]:
            case "waive":
                now.waivers[entry["n"]] = Waiver(entry["n"], entry)
            case "approve":
                now.waivers[details["waiver"]].approved = entry
            case "revoke":
                now.waivers[details["waiver"]].is_revoked = True
            case "import":
                now.replies += [
                    reply | {"at": entry["at"], "account": entry["account"]}
                    for reply in details["replies"]
                ]
            case "adjudicate":
                now.adjudications[details["adjudication_id"]] = entry
            case "withdraw":
                now.adjudications.pop(details["adjudication_id"], None)
            case "lock":
                now.locks[details["name"]] = Lock(details["name"], entry)
            case "unlock":
                now.locks[details["name"]].unlocking = entry
            case "approve unlock":
                now.locks[details["name"]].unlocked = entry
            case "snapshot":
                now.snapshots[details["snapshot_id"]] = details
            case _:
                # Exports and builds with exclusions are logged to be known; nothing follows.
                pass
    return now
