"""What a delivery loses against the files whose place it takes.

Records whose key vanished (GN14), keys that changed while the content stayed (GN16) and files with
fewer than nine tenths of the records they had (DL12); files dated before what they replace (DL16)
are told beside them. Found once, when the delivery is loaded, and kept with it in the ledger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

from dlm.compare import Fill, lost_records, two_states
from dlm.contracts import Contract

SHRUNK_BELOW = 0.9
_SHOWN = 5


def find_changes(
    contracts: Collection[Contract], before: Fill, after: Fill
) -> list[dict[str, Any]]:
    """What was lost between two states of the same files, as rows of raw.load_changes.

    Args:
        contracts: of every source.
        before: loads the files in force until now.
        after: loads those in force from now on.
    """
    with two_states(contracts, before, after) as connection:
        lost = lost_records(connection, contracts)
        sizes = connection.execute(
            "with before_files as (select source, site_id, form, "
            "string_agg(distinct file, ', ' order by file) as file, sum(records_in) as n "
            "from before.raw.load_files group by all), "
            "totals as (select source, form, string_agg(file, ', ' order by file) as file, "
            "sum(n) as n from before_files group by all) "
            "select a.source, a.site_id, a.form, a.file, a.records_in, "
            "coalesce(b.file, t.file), coalesce(b.n, t.n)::bigint from after.raw.load_files as a "
            "left join before_files as b on a.source = b.source "
            "and a.form is not distinct from b.form and a.site_id is not distinct from b.site_id "
            "left join totals as t on a.source = t.source "
            "and a.form is not distinct from t.form and a.site_id is null "
            "where a.delivery_id not in (select delivery_id from before.raw.load_files) "
            "order by all"
        ).fetchall()
        files = {(source, form or None): (site, file) for source, site, form, file, *_ in sizes}
    shrunk = [
        {
            "rule_id": "DL12",
            "kind": "shrunk",
            "source": source,
            "site_id": site,
            "form": form,
            "previous_file": was,
            "file": file,
            "n_before": n_before,
            "n_now": n_now,
        }
        for source, site, form, file, n_now, was, n_before in sizes
        if n_before is not None and n_now < SHRUNK_BELOW * n_before
    ]
    rows = []
    for each in lost:
        fallback = files.get((each.source, each.form)) or files.get((each.source, None))
        rows.append(
            {
                "rule_id": "GN16" if each.new_record_key else "GN14",
                "kind": "key_changed" if each.new_record_key else "vanished",
                "source": each.source,
                "form": each.form,
                "record_key": each.record_key,
                "new_record_key": each.new_record_key,
                "previous_file": each.file,
                "previous_line": each.line,
                "file": each.new_file or (fallback[1] if fallback else each.file),
                "line": each.new_line,
            }
        )
    return shrunk + rows


def told(changes: Iterable[dict[str, Any]]) -> list[str]:
    """The changes as lines for people: every shrunken file, and the first few records of a form."""
    lines = []
    records: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for change in changes:
        if change["kind"] == "shrunk":
            lines.append(
                f"{change['file']}: shrank from {change['n_before']} to {change['n_now']} "
                "records [DL12]"
            )
        elif change["kind"] == "dated_earlier":
            lines.append(
                f"{change['file']}: is dated {change['dated']}, before {change['previous_file']} "
                f"whose place it takes ({change['previous_dated']}); is it the newer one? [DL16]"
            )
        else:
            about = (change["kind"], change["source"], change["form"])
            records.setdefault(about, []).append(change)
    for (kind, source, form), found in records.items():
        rule = found[0]["rule_id"]
        what = "gone that were there before" if kind == "vanished" else "under another key now"
        lines.append(f"{source} {form}: {len(found)} record(s) {what} [{rule}]")
        for change in found[:_SHOWN]:
            key = change["record_key"]
            if kind == "key_changed":
                key += (
                    f" is {change['new_record_key']} now, {change['file']}, line {change['line']}"
                )
            lines.append(f"  {key} (was {change['previous_file']}, line {change['previous_line']})")
        if len(found) > _SHOWN:
            lines.append(f"  and {len(found) - _SHOWN} more, in quality.delivery_changes")
    return lines


def counted(changes: Iterable[dict[str, Any]]) -> str:
    """The changes in a few words: 3 vanished, 1 shrunk."""
    counts = Counter(str(change["kind"]).replace("_", " ") for change in changes)
    return ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items()))
