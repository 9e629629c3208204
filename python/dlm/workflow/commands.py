"""The workflow's commands on the command line: what they take, and what they print.

Each imports what it needs, so that a list answers at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dlm.clock import today
from dlm.errors import UsageError
from dlm.project import Places, find_places

Add = Callable[[str, object, str], argparse.ArgumentParser]
_LISTED = (
    "query_id",
    "severity",
    "rule_id",
    "site_id",
    "state",
    "age_days",
    "record",
    "evidence",
    "where",
    "waiver",
)
"""Columns of a list on the screen; CSV and JSON hold every column of quality.queries."""
_WIDEST = 60
_NAMED = 10


def add_commands(add: Add) -> None:
    """Add the workflow's commands to the command line."""
    _add_queries(add)
    _add_adjudicate(add)
    _add_lock(add)
    _add_log(add)


def _actions(parser: argparse.ArgumentParser) -> Callable[[str, object, str], Any]:
    """A way to add the actions of a command."""
    parser.set_defaults(parser=parser)
    actions = parser.add_subparsers(metavar="ACTION")

    def action(name: str, run: object, text: str) -> argparse.ArgumentParser:
        added = actions.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    return action


def _add_queries(add: Add) -> None:
    queries = add("queries", _needs_action, "what the rules found: list, export, waive ...")
    action = _actions(queries)

    def filters(parser: argparse.ArgumentParser, states: str) -> None:
        for name in ("site", "rule", "severity"):
            parser.add_argument(
                f"--{name}", action="append", default=[], metavar=name.upper(), help="repeatable"
            )
        parser.add_argument(
            "--state", action="append", default=[], metavar="STATE", help=f"{states}; repeatable"
        )

    listing = action("list", _list, "queries, the gravest first")
    filters(listing, "a state, or all (default: all but resolved)")
    listing.add_argument("--format", choices=["table", "csv", "json"], default="table")

    show = action("show", _show, "one query: what was found, where, what to do, what was done")
    show.add_argument("query", metavar="QUERY")
    show.add_argument("--format", choices=["text", "json"], default="text")

    export = action("export", _export, "write a list per site, in its language, for replies")
    filters(export, "a state, or all (default: all but resolved and waived)")
    export.add_argument("--format", choices=["csv", "xlsx"], default="csv")
    export.add_argument("--out", type=Path, required=True, metavar="DIR")

    imports = action("import", _import, "take the replies of lists that sites sent back")
    imports.add_argument("files", type=Path, nargs="+", metavar="FILE")

    waive = action("waive", _waive, "propose that nothing is to be done about queries")
    waive.add_argument("queries", nargs="+", metavar="QUERY")
    waive.add_argument("--reason", required=True, metavar="TEXT")
    waive.add_argument("--expires", required=True, metavar="DATE", help="its last day")

    approve = action("approve", _approve, "approve proposed waivers, from another account")
    approve.add_argument("queries", nargs="+", metavar="QUERY")
    approve.add_argument("--reason", default="", metavar="TEXT", help="may be left out")

    revoke = action("revoke", _revoke, "take waivers back")
    revoke.add_argument("queries", nargs="+", metavar="QUERY")
    revoke.add_argument("--reason", required=True, metavar="TEXT")


def _add_adjudicate(add: Add) -> None:
    parser = add("adjudicate", _needs_action, "settle discordant reads and references")
    action = _actions(parser)

    listing = action("list", _adjudicate_list, "what waits for adjudication")
    listing.add_argument("--format", choices=["table", "csv", "json"], default="table")

    read = action("read", _adjudicate, "settle an exam whose local readers disagree")
    read.add_argument("lesion", metavar="LESION")
    read.add_argument("modality", metavar="MODALITY")
    read.add_argument("timepoint", metavar="TIMEPOINT")
    read.add_argument(
        "--verdict", required=True, choices=["visible", "not_visible", "not_evaluable"]
    )
    read.add_argument("--because", metavar="WHY", help="for not_evaluable: motion, artefact, ...")

    reference = action("reference", _adjudicate, "settle specimens with opposite verdicts")
    reference.add_argument("lesion", metavar="LESION")
    reference.add_argument(
        "--verdict", required=True, choices=["viable", "nonviable", "indeterminate"]
    )
    for parser, kind in ((read, "read"), (reference, "reference")):
        parser.add_argument("--reason", required=True, metavar="TEXT")
        parser.set_defaults(kind=kind)

    withdraw = action("withdraw", _withdraw, "take an adjudication back")
    withdraw.add_argument("adjudication", metavar="ADJUDICATION")
    withdraw.add_argument("--reason", required=True, metavar="TEXT")


def _add_lock(add: Add) -> None:
    parser = add("lock", _needs_action, "freeze a data cut, verify it, build it again, unlock it")
    action = _actions(parser)

    create = action("create", _lock_create, "freeze what is published, if no S1 or S2 is open")
    create.add_argument("name", metavar="NAME")
    create.add_argument("--reason", required=True, metavar="TEXT")

    listing = action("list", _lock_list, "data cuts and their state")
    listing.add_argument("--format", choices=["table", "csv", "json"], default="table")

    verify = action("verify", _lock_verify, "whether all a data cut stands on is there, unaltered")
    verify.add_argument("name", metavar="NAME")

    rebuild = action("rebuild", _lock_rebuild, "build a data cut again and compare every table")
    rebuild.add_argument("name", metavar="NAME")
    rebuild.add_argument("--to", type=Path, metavar="DIR", help="keep what is built there")
    rebuild.add_argument("--quiet", action="store_true", help="no progress")

    unlock = action("unlock", _lock_unlock, "ask for a data cut to be unlocked")
    unlock.add_argument("name", metavar="NAME")
    unlock.add_argument("--reason", required=True, metavar="TEXT")

    approve = action("approve", _lock_approve, "approve that, from another account")
    approve.add_argument("name", metavar="NAME")
    approve.add_argument("--reason", default="", metavar="TEXT", help="may be left out")


def _add_log(add: Add) -> None:
    parser = add("log", _log, "what people did, when and why; whether anything was altered")
    parser.add_argument("action", choices=["show", "verify"])
    parser.add_argument("--format", choices=["table", "csv", "json"], default="table")


def _needs_action(options: argparse.Namespace) -> int:
    options.parser.print_help()
    return 2


def _filters(options: argparse.Namespace, default_states: tuple[str, ...]) -> Any:
    from dlm.workflow.findings import STATES, Filters

    def values(name: str) -> tuple[str, ...]:
        return tuple(part for text in getattr(options, name) for part in text.split(",") if part)

    states = tuple(state.lower() for state in values("state")) or default_states
    sites, rules, severities = (
        tuple(value.upper() for value in values(name)) for name in ("site", "rule", "severity")
    )
    return Filters(
        sites=sites,
        rules=rules,
        severities=severities,
        states=STATES if "all" in states else states,
    )


def _all_queries(places: Places) -> tuple[Any, list[dict[str, Any]]]:
    from dlm.workflow.findings import Filters, last_found, read_queries

    found = last_found(places)
    return found, read_queries(found.path, Filters())


def _list(options: argparse.Namespace) -> int:
    from dlm.listing import print_rows
    from dlm.workflow.findings import STATES, last_found, read_queries
    from dlm.workflow.waivers import read_waivers, told

    places = find_places()
    found = last_found(places)
    not_resolved = tuple(state for state in STATES if state != "resolved")
    queries = read_queries(found.path, _filters(options, not_resolved))
    waivers = read_waivers(places.state, found.scope)
    day = today()
    for query in queries:
        query["waiver"] = told(waivers, query, day, found.knows)
    if options.format != "table":
        print_rows(queries, tuple(queries[0]) if queries else _LISTED, options.format)
        return 0
    for query in queries:
        parts = (query["form"], query["record_key"])
        query["record"] = " ".join(part for part in parts if part)
        query["where"] = _where(query)
        query["evidence"] = _short(query["evidence"])
    print_rows(queries, _LISTED, "table")
    source = "" if found.is_published else " of the last check, which was not published"
    print(f"{len(queries)} queries{source}")
    return 0


def _where(query: dict[str, Any]) -> str:
    if query["file"] is None:
        return ""
    return query["file"] if query["line"] is None else f"{query['file']}:{query['line']}"


def _short(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def _show(options: argparse.Namespace) -> int:
    import json

    from dlm.workflow import log
    from dlm.workflow.findings import by_id
    from dlm.workflow.waivers import read_waivers, told

    places = find_places()
    found, queries = _all_queries(places)
    query = by_id(queries, options.query)
    waivers = read_waivers(places.state, found.scope)
    query["waiver"] = told(waivers, query, today(), found.knows)
    done = [
        entry
        for entry in log.read_log(places.state)
        if entry["scope"] == found.scope and _is_about(entry, query["query_id"])
    ]
    if options.format == "json":
        print(json.dumps(query | {"log": done}, ensure_ascii=False, indent=1, default=str))
        return 0
    for name, value in query.items():
        if value not in (None, ""):
            print(f"{name + ':':<20}{value}")
    for entry in done:
        print(_told_entry(entry, query["query_id"]))
    return 0


def _is_about(entry: dict[str, Any], query_id: str) -> bool:
    details = entry["details"]
    replies = details.get("replies", [])
    return details.get("query_id") == query_id or any(
        reply["query_id"] == query_id for reply in replies
    )


def _told_entry(entry: dict[str, Any], query_id: str) -> str:
    """When, who and what, with the reason given or, of an import, what was replied to the query."""
    replies = entry["details"].get("replies", [])
    told = [reply["reply"] for reply in replies if reply["query_id"] == query_id]
    text = "; ".join(part for part in (entry["reason"], *told) if part)
    why = f": {text}" if text else ""
    return f"{entry['at']}  {entry['account']['name']}  {entry['action']}{why}"


def _export(options: argparse.Namespace) -> int:
    from dlm import store
    from dlm.workflow import log
    from dlm.workflow.findings import STATES, last_found, read_queries
    from dlm.workflow.lists import export

    places = find_places()
    found = last_found(places)
    to_do = tuple(state for state in STATES if state not in ("resolved", "waived"))
    queries = read_queries(found.path, _filters(options, to_do))
    written = export(found.path, queries, options.out, options.format)
    details = {
        "files": {path.name: store.hash_file(path) for path in written},
        "queries": len(queries),
    }
    with store.locked(places.state):
        log.append(places.state, [log.Event("export", found.scope, "", details)])
    for path in written:
        print(path)
    print(f"{len(queries)} queries in {len(written)} list(s)")
    return 0


def _import(options: argparse.Namespace) -> int:
    from dlm.workflow.lists import import_replies

    places = find_places()
    found, queries = _all_queries(places)
    for path in options.files:
        new, known = import_replies(places.state, found.scope, queries, path)
        print(f"{path}: {new} replies taken, {known} known before")
    print("they show in quality.queries from the next build on")
    return 0


def _waive(options: argparse.Namespace) -> int:
    from dlm.deliveries import parse_day
    from dlm.workflow.waivers import waive

    places = find_places()
    found, queries = _all_queries(places)
    entries = waive(
        places.state,
        found.scope,
        queries,
        options.queries,
        options.reason,
        parse_day(options.expires),
        today(),
    )
    for entry in entries:
        details = entry["details"]
        print(f"{details['query_id']}: waiver until {details['expires']} proposed")
    names = [entry["details"]["query_id"] for entry in entries]
    told_names = " ".join(names) if len(names) <= _NAMED else "QUERY ..."
    print(f"not in force before another account runs: dlm queries approve {told_names}")
    return 0


def _approve(options: argparse.Namespace) -> int:
    from dlm.workflow.waivers import approve

    places = find_places()
    found, queries = _all_queries(places)
    entries = approve(places.state, found.scope, queries, options.queries, options.reason, today())
    for entry in entries:
        print(f"{entry['details']['query_id']}: waiver approved by {entry['account']['name']}")
    print("it counts from the next build on")
    return 0


def _revoke(options: argparse.Namespace) -> int:
    from dlm.workflow.findings import last_found
    from dlm.workflow.waivers import revoke

    places = find_places()
    entries = revoke(places.state, last_found(places).scope, options.queries, options.reason)
    for entry in entries:
        print(f"{entry['details']['query_id']}: waiver revoked")
    return 0


def _adjudicate_list(options: argparse.Namespace) -> int:
    from dlm.listing import print_rows
    from dlm.workflow.adjudication import awaited
    from dlm.workflow.findings import last_found

    waiting = awaited(last_found(find_places()).path)
    columns = (
        "kind", "site_id", "patient_id", "lesion_id", "modality", "timepoint", "exam_date",
        "evidence",
    )  # fmt: skip
    print_rows(waiting, columns, options.format)
    if options.format == "table":
        print(f"{len(waiting)} wait for adjudication")
    return 0


def _adjudicate(options: argparse.Namespace) -> int:
    from dlm.workflow.adjudication import NOT_EVALUABLE_REASONS, Decision, adjudicate, awaited
    from dlm.workflow.findings import last_found

    subject: dict[str, str | None] = {"kind": options.kind, "lesion_id": options.lesion}
    because = None
    if options.kind == "read":
        subject |= {"modality": options.modality, "timepoint": options.timepoint}
        because = options.because
        if because is not None and because not in NOT_EVALUABLE_REASONS:
            raise UsageError(f"--because is one of {', '.join(NOT_EVALUABLE_REASONS)}")
    places = find_places()
    found = last_found(places)
    entry = adjudicate(
        places.state,
        found.scope,
        awaited(found.path),
        subject,
        Decision(options.verdict, because, options.reason),
    )
    details = entry["details"]
    print(f"{details['adjudication_id']}: {options.lesion} adjudicated as {details['verdict']}")
    print("it counts from the next build on")
    return 0


def _withdraw(options: argparse.Namespace) -> int:
    from dlm.workflow.adjudication import withdraw
    from dlm.workflow.findings import last_found

    places = find_places()
    scope = last_found(places).scope
    withdraw(places.state, scope, options.adjudication, options.reason)
    print(f"{options.adjudication} withdrawn; it counts no more from the next build on")
    return 0


def _lock_create(options: argparse.Namespace) -> int:
    from dlm.workflow.locks import create

    entry = create(find_places(), options.name, options.reason, today())
    deliveries = ", ".join(entry["details"]["deliveries"]) or "the seeds"
    print(f"data cut {options.name} locked: {deliveries}")
    return 0


def _lock_list(options: argparse.Namespace) -> int:
    from dlm.listing import print_rows
    from dlm.workflow.locks import read_locks

    rows = [
        {
            "name": lock.name,
            "state": lock.state,
            "locked_at": lock.locked["at"],
            "by": lock.locked["account"]["name"],
            "cutoff": lock.locked["details"]["cutoff"],
            "deliveries": ", ".join(lock.locked["details"]["deliveries"]),
            "code_revision": lock.locked["details"]["code_revision"],
            "reason": lock.locked["reason"],
        }
        for lock in read_locks(find_places().state).values()
    ]
    columns = (
        "name", "state", "locked_at", "by", "cutoff", "deliveries", "code_revision", "reason",
    )  # fmt: skip
    print_rows(rows, columns, options.format)
    if not rows and options.format == "table":
        print("no data cut was made yet; make one with: dlm lock create NAME --reason TEXT")
    return 0


def _lock_verify(options: argparse.Namespace) -> int:
    from dlm.workflow.locks import verify

    faults = list(verify(find_places().state, options.name))
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        return 1
    print(f"data cut {options.name}: every file it stands on is there and as it was")
    return 0


def _lock_rebuild(options: argparse.Namespace) -> int:
    from dlm.build import Options, build
    from dlm.console import Console
    from dlm.deliveries import parse_day
    from dlm.listing import print_rows
    from dlm.publish import read_manifest
    from dlm.scratch import scratch_folder
    from dlm.workflow.locks import compare, read_cut

    places = find_places()
    cut = read_cut(places.state, options.name)
    with scratch_folder() as scratch:
        there = Places(places.project, (options.to or scratch).resolve(), places.state)
        cutoff = parse_day(cut.cutoff) if cut.cutoff else None
        console = Console(options.quiet)
        build(there, Options(cutoff=cutoff, cut=cut, for_comparison=True), console)
        console.end()
        manifest = read_manifest(there.out)
    tables = compare(cut, manifest)
    changed = [table for table in tables if table.verdict != "equal"]
    print_rows([vars(table) for table in changed], tuple(vars(tables[0])), "table")
    locked, now = (each["stamp"]["code_revision"] for each in (cut.manifest, manifest))
    if locked != now:
        print(f"locked at code revision {locked}, built again at {now}")
    print(f"{len(tables) - len(changed)} of {len(tables)} tables are equal to what was locked")
    return 1 if changed else 0


def _lock_unlock(options: argparse.Namespace) -> int:
    from dlm.workflow.locks import unlock

    unlock(find_places().state, options.name, options.reason)
    print(f"still locked before another account runs: dlm lock approve {options.name}")
    return 0


def _lock_approve(options: argparse.Namespace) -> int:
    from dlm.workflow.locks import approve_unlock

    approve_unlock(find_places().state, options.name, options.reason)
    print(f"data cut {options.name} is unlocked")
    return 0


def _log(options: argparse.Namespace) -> int:
    if options.action == "verify":
        return _verify()
    from dlm.listing import print_rows
    from dlm.workflow import log

    entries = log.read_log(find_places().state)
    rows = [
        {
            "n": entry["n"],
            "at": entry["at"],
            "account": entry["account"]["name"],
            "uid": entry["account"]["uid"],
            "action": entry["action"],
            "scope": entry["scope"],
            "about": log.subject(entry),
            "reason": entry["reason"],
        }
        for entry in entries
    ]
    if options.format == "json":
        print_rows(entries, tuple(entries[0]) if entries else (), "json")
    else:
        print_rows(rows, tuple(rows[0]) if rows else ("n",), options.format)
    if not rows and options.format == "table":
        print("the log is empty: nothing was exported, waived, adjudicated or locked yet")
    return 0


def _verify() -> int:
    from dlm.workflow.verify import verify

    places = find_places()
    entries, faults = verify(places)
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        print(
            f"the log of {places.state} was altered: {len(faults)} place(s); restore the store "
            "from a backup",
            file=sys.stderr,
        )
        return 1
    print(f"{entries} entries, each as it was written; nothing is missing")
    return 0
