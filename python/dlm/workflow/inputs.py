"""What a build takes from the workflow: the tables of schema raw that are made from the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlm.workflow import locks, snapshots
from dlm.workflow.log import Entry, read_log
from dlm.workflow.standing import Known, standing
from dlm.workflow.tables import COLUMNS, write_table

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Basis:
    """What a build stands on, for the snapshot and the manifest.

    Attributes:
        scope: of the log: 'store', or 'seeds'.
        snapshot_id: of the build's own snapshot.
        catalogue: version of the rules.
        code: version of what makes numbers out of files.
        received: day the last delivery was received; None for the seeds.
        deliveries: ids of the deliveries known, sorted; empty for the seeds.
        known_until: only what people did by that day (ISO) counts; None for all of it.
        judged_on: day by which waivers expire, ISO; None where there are none.
        log_entries: number of the last entry of the log that counted; 0 where none did.
        log_head: its hash; empty where none did.
    """

    scope: str
    snapshot_id: str
    catalogue: str
    code: str
    received: str | None
    deliveries: list[str]
    known_until: str | None
    judged_on: str | None
    log_entries: int
    log_head: str

    def as_snapshot(self) -> dict[str, Any]:
        """What the log says of the build's snapshot."""
        return {
            "snapshot_id": self.snapshot_id,
            "catalogue": self.catalogue,
            "code": self.code,
            "deliveries": self.deliveries,
            "received": self.received,
        }

    def in_manifest(self) -> dict[str, Any]:
        """The basis as the manifest holds it."""
        return {
            "scope": self.scope,
            "snapshot_id": self.snapshot_id,
            "catalogue": self.catalogue,
            "deliveries": self.deliveries,
            "known_until": self.known_until,
            "waivers_judged_on": self.judged_on,
            "log_entries": self.log_entries,
            "log_head": self.log_head,
        }


def fill(
    connection: duckdb.DuckDBPyConnection,
    project: Path,
    state: Path,
    known: Known,
    received: Sequence[tuple[str, str]],
    input_hashes: Sequence[str],
    today: date,
) -> Basis:
    """Fill the tables of the workflow in schema raw.

    Args:
        connection: writable connection on the work database.
        project: folder of the catalogue of rules.
        state: the store.
        known: how much of the log counts.
        received: id and day of each delivery the build knows; none for the seeds.
        input_hashes: hashes of the files loaded, which stand for the seeds.
        today: day the build is asked for; decides on waivers unless `known` names a day.

    Raises:
        DlmError: the log or a snapshot was altered.
    """
    log = read_log(state)
    now = standing(known.of(log))
    deliveries = sorted({delivery for delivery, _ in received})
    catalogue = snapshots.catalogue_version(project)
    code = snapshots.code_version(project)
    own = snapshots.snapshot_id(deliveries or input_hashes, catalogue)
    before = snapshots.earlier(now, deliveries)
    same = snapshots.by_other_code(now, deliveries, code)
    last = max((day for _, day in received), default=None)
    waivers = [waiver for waiver in now.waivers.values() if not waiver.is_revoked]
    judged_on = (known.until or today).isoformat() if waivers else None
    behind = [*(each["deliveries"] for each in before), deliveries]
    recorded = snapshots.first_recorded(log, behind)

    for table in COLUMNS:
        write_table(connection, table)
    write_table(
        connection,
        "load_quality_snapshots",
        [
            {"snapshot_id": name, "snapshot_no": number, "received_at": day}
            for number, (name, day) in enumerate(
                [*((each["snapshot_id"], each["received"]) for each in before), (own, last)], 1
            )
        ],
    )
    snapshots.read_into(connection, state, before)
    if same:
        snapshots.read_numbers_into(connection, state, same, own)
    write_table(
        connection,
        "load_waivers",
        [
            waiver.proposed["details"]
            | {
                "reason": waiver.proposed["reason"],
                "author": waiver.proposed["account"]["name"],
                "waived_at": waiver.proposed["at"][:10],
                "approved_by": waiver.approved["account"]["name"] if waiver.approved else None,
                "approved_at": waiver.approved["at"][:10] if waiver.approved else None,
                "approved_snapshot_no": _number_by(recorded, waiver.approved),
                "judged_on": judged_on,
            }
            for waiver in waivers
        ],
    )
    write_table(
        connection,
        "load_replies",
        [
            reply
            | {
                "replied_at": reply["at"][:10],
                "imported_by": reply["account"]["name"],
                "reply_no": number,
            }
            for number, reply in enumerate(now.replies, 1)
        ],
    )
    write_table(
        connection,
        "load_adjudications",
        [
            entry["details"]
            | {
                "reason": entry["reason"],
                "adjudicator": entry["account"]["name"],
                "adjudicated_at": entry["at"],
            }
            for entry in now.adjudications.values()
        ],
    )
    locks.read_into(connection, state, now)
    used = _last_used(log, known, [*before, same] if same else before)
    return Basis(
        scope=known.scope,
        snapshot_id=own,
        catalogue=catalogue,
        code=code,
        received=last,
        deliveries=deliveries,
        known_until=known.until.isoformat() if known.until else None,
        judged_on=judged_on,
        log_entries=used["n"] if used else 0,
        log_head=used["hash"] if used else "",
    )


def _number_by(recorded: Sequence[int | None], entry: Entry | None) -> int | None:
    """Number of the last snapshot recorded before an entry; 0 where none was, None of no entry."""
    if entry is None:
        return None
    by_then = (
        number
        for number, first in enumerate(recorded, 1)
        if first is not None and first < entry["n"]
    )
    return max(by_then, default=0)


def _last_used(
    log: Sequence[Entry], known: Known, before: Sequence[dict[str, Any]]
) -> Entry | None:
    """The last entry that decided on this build: of the snapshots only those it has behind it."""
    behind = {details["snapshot_id"] for details in before}
    counted = [
        entry
        for entry in known.of(log)
        if entry["action"] != "snapshot" or entry["details"]["snapshot_id"] in behind
    ]
    return counted[-1] if counted else None


def write_exclusions(
    connection: duckdb.DuckDBPyConnection, rows: Sequence[tuple[str, str, str]]
) -> None:
    """Fill raw.load_s1_exclusions: form, record key and rule of each record kept out of core."""
    write_table(
        connection,
        "load_s1_exclusions",
        [dict(zip(COLUMNS["load_s1_exclusions"], row, strict=True)) for row in rows],
    )
