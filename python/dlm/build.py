"""The main job: load, dbt build, checks, statistics, figures, report, publish."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
from filelock import FileLock, Timeout

from dlm import __version__, deliveries, engine, publish, spark, store, warehouse
from dlm.changes import told
from dlm.clock import day_of_receipt, today
from dlm.console import Console
from dlm.errors import BlockedError, DeliveryRefused, DlmError, UsageError
from dlm.failed_tests import offending_rows
from dlm.history import write_history
from dlm.project import Places, code_revision
from dlm.reading import LoadedFile
from dlm.workers import Errands, Worker
from dlm.workflow import findings, gate, inputs, snapshots
from dlm.workflow.inputs import Basis
from dlm.workflow.locks import Cut
from dlm.workflow.standing import Known

OUTPUTS = (
    "parquet",
    "figures",
    "quality",
    "docs",
    "report.html",
    "manifest.json",
    "warehouse.duckdb",
)
"""What a build publishes, in the order it is put in place."""
_COMMITTED = ".complete"
_REFERENCE = "ref_"
"""What tables of the project's own seeds begin with; no delivery holds them."""
_LIBRARIES = (
    "dbt-core",
    "dbt-duckdb",
    "duckdb",
    "great-expectations",
    "lifelines",
    "matplotlib",
    "pandas",
    "statsmodels",
)


_FOUND_BEFORE = (
    "path:models/quality/checked",
    "rules",
    "rule_counts",
    "rule_coverage",
    "rule_expectations",
    "rule_results",
    "violations",
    "site_scorecard",
    "path:models/quality/workflow",
    "conflicting_duplicates",
)
"""Models that say what the rules found; they are not run again when records are left out."""


@dataclass(frozen=True)
class Options:
    """What the user asked of a build.

    Attributes:
        deliveries: folder to load into the store first; None to build from the seeds or the store.
        cutoff: clinical dates after it count for nothing.
        as_of: only deliveries received by that day, or up to and with that delivery, count;
            'latest' for all of them.
        received: day the deliveries count as received.
        again: take a delivery anew that the store has, where later ones took its place.
        strict: stop when any record goes to quarantine.
        target: output of dbt's profile that the models run on: duckdb, or one of Spark's.
        exclude_open_s1: publish without the patients that have an open S1 query.
        cut: build a data cut again, instead of what `deliveries` and `as_of` say.
        for_comparison: build only to compare: open queries stop nothing, and what is found is not
            added to the history of quality.
    """

    deliveries: Path | None = None
    cutoff: date | None = None
    as_of: str | None = None
    received: date | None = None
    again: bool = False
    strict: bool = False
    target: str = "duckdb"
    exclude_open_s1: bool = False
    cut: Cut | None = None
    for_comparison: bool = False


@dataclass(frozen=True)
class Summary:
    """What a build ended with, for the closing words."""

    records: int
    excluded: int
    quarantined: int
    warnings: list[str]
    figures: list[str]


@dataclass(frozen=True)
class Findings:
    """What a check found.

    Attributes:
        records: read.
        counts: open queries by severity and site, gravest first.
        blocking: the open S1 queries.
    """

    records: int
    counts: list[dict[str, Any]]
    blocking: list[gate.OpenQuery]


def build(places: Places, options: Options, console: Console) -> Summary:
    """Run the main job and publish its outputs.

    Raises:
        BlockedError: a blocking check failed; what was published before is untouched.
        DeliveryRefused: a file cannot be loaded.
        UsageError: the target needs what this machine has not.
        DlmError: anything else that stops the build.
    """
    if options.target != "duckdb":
        if options.exclude_open_s1:
            raise UsageError(
                f"--exclude-open-s1 cannot be built with --target {options.target}: records are "
                "left out between two runs of the models, which Spark does not keep; build with "
                "--target duckdb, or waive the S1 queries "
                f"({places.asking('dlm queries waive')}, then approve)"
            )
        missing = spark.missing_parts(options.target)
        if missing:
            raise UsageError(f"--target {options.target} cannot run here: {missing}")
    with _alone_in(places.out):
        return _build(places, options, console)


def check(places: Places, options: Options, console: Console) -> Findings:
    """Everything of the main job up to the checks, without publishing.

    What was found is kept for the stewards (`dlm queries`) until a build is published.

    Raises:
        BlockedError: a model, a data test or an expectation could not run or broke.
        DeliveryRefused: a file cannot be loaded.
        DlmError: anything else that stops the check.
    """
    with _alone_in(places.out):
        prepared = places.out / ".next"
        prepared.mkdir()
        with Worker("dlm.quality.worker") as checker:
            loaded, basis = _load(places, options, console)
            pace = warehouse.pace_of(places.work)
            if pace.one_by_one:
                checker.rest()
            _refuse_failures(_run_dbt(places, options, console, pace), places.work)
            stamp = _stamp(places, options, loaded)
            console.step("Checks")
            out = str(prepared / "quality")
            request = {"database": str(places.work), "stamp": stamp, "out": out}
            checker.ask(request | {"memory": pace.share_of_a_helper})
            _keep_findings(places, options, basis)
            checks = checker.answer()
        shutil.rmtree(prepared, ignore_errors=True)
        _refuse_broken(checks, places.work)
        connection = engine.connect(places.work, read_only=True)
        try:
            counts = gate.counted(connection)
            blocking = gate.open_queries(connection, ("S1",))
        finally:
            connection.close()
    return Findings(sum(file.records_in for file in loaded), counts, blocking)


@contextlib.contextmanager
def _alone_in(out: Path) -> Iterator[None]:
    """Hold the folder of outputs, with what a killed build left in it put in order."""
    out.mkdir(parents=True, exist_ok=True)
    lock = FileLock(out / ".build.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise DlmError(f"another build is running in {out}; wait for it to end") from None
    try:
        finish_interrupted_publish(out)
        yield
    except (
        OSError,
        duckdb.IOException,
        duckdb.TransactionException,
        duckdb.OutOfMemoryException,
    ) as error:
        work = out / "work.duckdb"
        missing = engine.explained(error, work) or engine.held_elsewhere(error, work)
        if missing:
            raise DlmError(f"{missing}; what was published before is untouched") from error
        raise DlmError(
            f"cannot read or write below {out}: {error}; what was published before is "
            "untouched: make room or get the right to write, then build again"
        ) from error
    finally:
        lock.release()


def finish_interrupted_publish(out: Path) -> None:
    """Put in place what a build had prepared completely when it was killed."""
    prepared = out / ".next"
    if (prepared / _COMMITTED).exists():
        snapshots.record(prepared)
        left = [name for name in OUTPUTS if (prepared / name).exists()]
        publish.put_in_place(prepared, out, left)
        findings.forget_unpublished(out)
    shutil.rmtree(prepared, ignore_errors=True)


def _build(places: Places, options: Options, console: Console) -> Summary:
    prepared = places.out / ".next"
    prepared.mkdir()
    with ExitStack() as stack:
        checker = stack.enter_context(Worker("dlm.quality.worker"))
        # The checks take longest; what ends before them may be late.
        drawer = stack.enter_context(Worker("dlm.pages", gives_way=True))
        statistician = stack.enter_context(Worker("dlm.stats.worker", gives_way=True))
        loaded, basis = _load(places, options, console)
        pace = warehouse.pace_of(places.work)
        if pace.one_by_one:
            # The memory is dbt's; they start again when they are asked.
            for helper in (checker, statistician, drawer):
                helper.rest()
        outcomes = _run_dbt(places, options, console, pace)
        _refuse_failures(outcomes, places.work)
        _refuse_empty_cut(places.work, options.cutoff)
        excluded = _pass_gate(places, options, basis)
        if excluded:
            console.note(f"{len(excluded)} record(s) are left out for open S1 queries")
            outcomes = _run_dbt(places, options, console, pace, again=True)
            _refuse_failures(outcomes, places.work)
        stamp = _stamp(places, options, loaded, len(excluded))
        note = (
            f"{len(excluded)} records are left out of this build for open S1 queries."
            if excluded
            else ""
        )
        request = {
            "database": str(places.work),
            "stamp": stamp,
            "memory": pace.share_of_a_helper,
        }
        memory = pace.share_beside_helpers
        console.step("Checks, figures and tables")
        candidate = prepared / "warehouse.duckdb"
        errands = (
            (checker, request | {"out": str(prepared / "quality")}),
            (statistician, request),
            (drawer, request | {"task": "figures", "out": str(prepared)}),
        )
        with Errands(errands, pace.one_by_one) as asked:
            publish.copy_warehouse(places.work, candidate, note, memory, console.count)
            _write_docs(places, options.target, prepared, note)
            checks, computed, drawn = asked.answers()
        _add_check_results(candidate, checks["results"])
        failed = _add_statistics(candidate, computed["tables"])
        _refuse_broken(checks, places.work, lambda: _keep_findings(places, options, basis))
        console.step("Report and Parquet")
        drawer.ask(request | {"database": str(candidate), "task": "report", "out": str(prepared)})
        publish.write_parquet(candidate, prepared / "parquet", note, memory, console.count)
        console.step("Digests and publication")
        tables = publish.table_digests(candidate, memory, console.count)
        drawer.answer()
    publish.write_manifest(
        prepared / "manifest.json", _manifest(options, loaded, basis, stamp, tables, prepared)
    )
    if _has_history(places, options, basis):
        snapshots.prepare(
            places.work, prepared, places.state, basis.as_snapshot(), sorted(excluded)
        )
    (prepared / _COMMITTED).touch()
    snapshots.record(prepared)
    publish.put_in_place(prepared, places.out, OUTPUTS)
    findings.forget_unpublished(places.out)
    shutil.rmtree(prepared, ignore_errors=True)
    return Summary(
        records=sum(file.records_in for file in loaded),
        excluded=len(excluded),
        quarantined=sum(len(file.quarantined) for file in loaded),
        warnings=[
            f"{outcome.name}: {outcome.failures} record(s)"
            for outcome in outcomes
            if outcome.status == "warn"
        ]
        + list(checks["warnings"])
        + failed,
        figures=drawn["figures"],
    )


def _refuse_empty_cut(work: Path, cutoff: date | None) -> None:
    """Stop where no patient was registered by the cut-off: there is nothing to analyse.

    Raises:
        UsageError: so it is; says when the first was.
    """
    if cutoff is None:
        return
    connection = engine.connect(work, read_only=True)
    try:
        ((first,),) = connection.execute(
            "select min(registration_date) from intermediate.int_registrations"
        ).fetchall()
    finally:
        connection.close()
    if first is not None and first > cutoff:
        raise UsageError(
            f"no patient was registered by --cutoff {cutoff}, the first was in {first:%Y-%m}; "
            "nothing was published"
        )


def _pass_gate(places: Places, options: Options, basis: Basis) -> set[tuple[str, str]]:
    """Let a build pass that no open S1 query stands against.

    Returns:
        Form and key of the records to be left out; the work database is told of them.

    Raises:
        BlockedError: an S1 query is open, and its patient is not to be, or cannot be, left out.
    """
    connection = engine.connect(places.work)
    try:
        blocking = gate.open_queries(connection, ("S1",))
        if not blocking or options.for_comparison:
            return set()
        records, stuck = gate.exclusions(connection, blocking)
        if options.exclude_open_s1 and not stuck:
            inputs.write_exclusions(connection, records)
            return {(form, key) for form, key, _ in records}
    finally:
        connection.close()
    _keep_findings(places, options, basis)
    listing = places.asking("dlm queries list")
    if options.exclude_open_s1:
        raise BlockedError(
            f"{len(stuck)} open S1 queries are about no patient that can be left out; nothing was "
            f"published:\n{gate.told(stuck, listing)}"
        )
    raise BlockedError(
        f"{len(blocking)} S1 queries are open; nothing was published:\n"
        f"{gate.told(blocking, listing)}\n"
        "have them corrected and delivered again; or waive them "
        f"({places.asking('dlm queries waive')}, then approve); "
        "or publish without the patients they are about: add --exclude-open-s1"
    )


def _keep_findings(places: Places, options: Options, basis: Basis) -> None:
    """Keep what was found, though nothing is published: for the stewards, and in the history."""
    findings.keep_unpublished(places.work, places.out, basis.in_manifest())
    if _has_history(places, options, basis):
        prepared = places.out / ".next"
        snapshots.prepare(places.work, prepared, places.state, basis.as_snapshot())
        snapshots.record(prepared)


def _refuse_broken(
    checks: dict[str, Any], work: Path, keep: Callable[[], None] = lambda: None
) -> None:
    """Stop where an expectation could not run, or found what no query is open about.

    What the rule in SQL found too has passed the gate: it is waived, or its records are left out.

    Args:
        checks: what the checker answered.
        work: the work database.
        keep: keeps what was found, before it stops.

    Raises:
        BlockedError: an expectation is broken; lists those that are.
    """
    connection = engine.connect(work, read_only=True)
    try:
        answered_for = gate.rules_with_queries(connection)
    finally:
        connection.close()
    broken = [
        line
        for line, (rule_id, status) in zip(
            checks["blocking"], checks["blocking_rules"], strict=True
        )
        if status == "error" or rule_id not in answered_for
    ]
    if broken:
        keep()
        raise BlockedError(
            "blocking expectations failed; nothing was published:\n"
            + "\n".join(f"  {line}" for line in broken)
            + "\nhave the records they name corrected and delivered again; where one could not "
            "run, send this text to those who maintain the project"
        )


def _has_history(places: Places, options: Options, basis: Basis) -> bool:
    """Whether what the build found belongs to the history: not the seeds', nor cut short.

    A store that may only be read keeps the history it has.
    """
    writable = os.access(places.state, os.W_OK)
    is_whole = bool(basis.deliveries) and options.cutoff is None
    return is_whole and writable and not options.for_comparison


def _load(places: Places, options: Options, console: Console) -> tuple[list[LoadedFile], Basis]:
    # What an earlier build worked in; nothing reads it, and this one may need its room.
    for stale in (places.work, places.work.with_suffix(".duckdb.wal")):
        stale.unlink(missing_ok=True)
    if options.deliveries is not None:
        received = day_of_receipt(options.received)
        console.step(f"Taking {options.deliveries} into the store {places.state}")
        receipt = deliveries.receive(
            options.deliveries,
            places.state,
            received,
            options.strict,
            console.detail,
            deliveries.known_sites(places.project),
            options.again,
        )
        deliveries.tell(console, receipt.about_delivery, "warning")
        for line in receipt.table().splitlines():
            console.note(line)
        already = "" if receipt.new else " is already in the store"
        console.note(f"delivery {receipt.delivery_id}{already}")
        if receipt.new:
            for line in told(store.changes_of(places.state, receipt.delivery_id)):
                console.note(line)
    until: store.Until = options.cut.deliveries if options.cut else None
    from_store = options.deliveries is not None or options.as_of is not None or bool(until)
    if from_store:
        until = until or deliveries.parse_until(options.as_of)
        items, origins = deliveries.stored_files(places.state, until)
        entries = store.received_until(store.read_ledger(places.state), until)
    else:
        entries = []
        items, origins = deliveries.seed_files(places.project)
        if store.read_ledger(places.state):
            console.note(
                f"this build is of the synthetic seeds, although {places.state} holds deliveries; "
                "to build from them: dlm build --as-of latest"
            )
    sizes = {file["sha256"]: file["records"] or 0 for entry in entries for file in entry["files"]}
    records = sum(sizes[item.sha256] for item in items if item.sha256 in sizes)
    needed = engine.told_size(engine.room_of_a_build(places.work, records))
    room = f", {records:,} records; the build takes about {needed}" if records else ""
    console.step(f"Loading {len(items)} files{room}")
    connection = engine.connect(places.work, part=engine.MAIN_SHARE)
    try:
        loaded = deliveries.load_raw(connection, items, origins, console.detail, options.strict)
        write_history(connection, entries)
        basis = inputs.fill(
            connection,
            places.project,
            places.state,
            _known(options, until, entries),
            [(entry["delivery_id"], entry["received"]) for entry in entries],
            [f"{file.name} {file.sha256}" for file in loaded],
            _day_of_judgement(options),
        )
    except DeliveryRefused:
        # What was read before the file that is refused must not lie about.
        connection.close()
        places.work.unlink(missing_ok=True)
        raise
    finally:
        connection.close()
    for file in loaded:
        deliveries.tell(console, file.quarantined, "quarantined")
        deliveries.tell(console, file.warnings, "warning")
    return loaded, basis


def _known(options: Options, until: store.Until, entries: list[store.Entry]) -> Known:
    """How much of what people did counts."""
    if options.cut:
        day = date.fromisoformat(options.cut.known_until) if options.cut.known_until else None
        return Known(options.cut.scope, day, options.cut.log_entries)
    scope = "store" if entries else "seeds"
    if isinstance(until, str):
        return Known(scope, date.fromisoformat(entries[-1]["received"]))
    return Known(scope, until if isinstance(until, date) else None)


def _day_of_judgement(options: Options) -> date:
    """The day by which waivers expire where no --as-of names one: today, or the data cut's."""
    if options.cut and options.cut.judged_on:
        return date.fromisoformat(options.cut.judged_on)
    return today()


def _run_dbt(
    places: Places, options: Options, console: Console, pace: warehouse.Pace, again: bool = False
) -> list[warehouse.NodeOutcome]:
    """Run dbt on the work database; `again` runs only what follows from records left out.

    What the rules found stays as it was found: a record that is left out has not been mended.
    """
    console.step("Building models and running data tests (dbt)")
    variables: dict[str, Any] = {"loaded_by_dlm": True}
    if options.cutoff is not None:
        variables["cutoff"] = options.cutoff.isoformat()
    cache = _cache(places, options.target)
    if again:
        return warehouse.run_dbt(
            places.project,
            places.work,
            cache,
            variables,
            console.count,
            exclude=_FOUND_BEFORE,
            select=["load_s1_exclusions+"],
            pace=pace,
        )
    if options.target == "duckdb":
        return warehouse.run_dbt(
            places.project, places.work, cache, variables, console.count, pace=pace
        )
    return spark.run_on_spark(
        places.project, places.work, cache, variables, console.count, options.target
    )


def _cache(places: Places, target: str) -> Path:
    """Where dbt's parsed code is kept from build to build, for each target its own."""
    return places.out / (".dbt" if target == "duckdb" else f".dbt-{target}")


def _refuse_failures(outcomes: list[warehouse.NodeOutcome], work: Path) -> None:
    bad = [outcome for outcome in outcomes if outcome.is_bad]
    for outcome in bad:
        missing = engine.explained(outcome.message, work)
        if missing:
            raise DlmError(f"{outcome.name}: {missing}; what was published before is untouched")
    if bad:
        skipped = sum(outcome.status == "skipped" for outcome in outcomes)
        raise BlockedError(
            f"{len(bad)} dbt node(s) failed and {skipped} were skipped; nothing was published:\n"
            + "\n".join(line for outcome in bad for line in _told(outcome, work))
        )


def _told(outcome: warehouse.NodeOutcome, work: Path) -> list[str]:
    """What a node that failed is about, and what to do."""
    head = f"  {outcome.kind} {outcome.name}: "
    if outcome.test is None:
        return [f"{head}{outcome.message or outcome.status}"]
    rows, total = offending_rows(work, outcome.test)
    more = total - len(rows)
    what = (
        f"correct seeds/reference/{outcome.test.table}.csv of the project and build again"
        if outcome.test.table.startswith(_REFERENCE)
        else "have the records named corrected and delivered again; where they are right, a model "
        "is wrong: send this text to those who maintain it"
    )
    return [
        f"{head}{total or outcome.failures} row(s) break it",
        f"    what does not hold: {outcome.test.meaning} ({outcome.test.path})",
        *(f"    {row}" for row in rows),
        *([f"    and {more} more"] if more else []),
        f"    what to do: {what}",
    ]


def _stamp(
    places: Places, options: Options, loaded: list[LoadedFile], excluded: int = 0
) -> dict[str, Any]:
    connection = engine.connect(places.work, read_only=True)
    try:
        settings = dict(
            connection.execute("select setting, value from marts.build_settings").fetchall()
        )
    finally:
        connection.close()
    hashed = "\n".join(sorted(f"{file.name} {file.sha256}" for file in loaded))
    return {
        "synthetic": settings["data_origin"] != "collected",
        "cutoff": settings["cutoff"],
        "version": __version__,
        "derivation_version": settings["derivation_version"],
        "code_revision": code_revision(places.project),
        "input_digest": hashlib.sha256(hashed.encode()).hexdigest()[:16],
        "notes": [],
        "excluded_records": excluded,
    }


def _write_docs(places: Places, target: str, prepared: Path, note: str) -> None:
    from dlm.docs_page import write_docs_page

    cache = _cache(places, target)
    write_docs_page(places.project, cache / "target", prepared / "docs", places.work, note)


def _add_check_results(candidate: Path, results: list[dict[str, Any]]) -> None:
    """Write quality.gx_results into the warehouse to be published."""
    columns = (
        publish.Column("rule_id", "varchar", "Rule of the catalogue it was made from."),
        publish.Column("severity", "varchar", "Severity of the rule, S1 to S4."),
        publish.Column("suite", "varchar", "Suite: the layer of the table checked."),
        publish.Column("table_name", "varchar", "Table checked."),
        publish.Column("expectation", "varchar", "What is expected, in the checker's words."),
        publish.Column("column_name", "varchar", "Column or columns checked."),
        publish.Column("level", "varchar", "blocking stops publication, warning does not."),
        publish.Column("status", "varchar", "pass, warn, fail, or error when it could not run."),
        publish.Column("n_checked", "bigint", "Records checked."),
        publish.Column("n_violated", "bigint", "Records that violate the expectation."),
        publish.Column("failing_keys", "varchar", "Keys of violating records, at most fifty."),
        publish.Column("detail", "varchar", "What went wrong, for a check that could not run."),
        publish.Column("description", "varchar", "What is wrong where it is violated."),
    )
    publish.add_table(
        candidate,
        "quality.gx_results",
        "One row per expectation of Great Expectations, in this build.",
        columns,
        [[result.get(column.name) for column in columns] for result in results],
    )


def _add_statistics(candidate: Path, tables: list[dict[str, Any]]) -> list[str]:
    """Write schema stats into the warehouse to be published; a line per analysis that failed."""
    failed = []
    for table in tables:
        columns = [publish.Column(**column) for column in table["columns"]]
        name = f"stats.{table['name']}"
        publish.add_table(candidate, name, table["comment"], columns, table["rows"])
        place = {column.name: position for position, column in enumerate(columns)}
        failed += [
            f"{name}: {row[place['reason']]}"
            for row in table["rows"]
            if row[place["status"]] == "error"
        ]
    return failed


def _manifest(
    options: Options,
    loaded: list[LoadedFile],
    basis: Basis,
    stamp: dict[str, Any],
    tables: dict[str, dict[str, Any]],
    prepared: Path,
) -> dict[str, Any]:
    return {
        "stamp": stamp,
        "as_of": options.as_of,
        "basis": basis.in_manifest(),
        "inputs": [
            {
                "file": file.name,
                "sha256": file.sha256,
                "records_in": file.records_in,
                "loaded": file.loaded,
                "quarantined": len(file.quarantined),
                "exact_duplicates": file.exact_duplicates,
            }
            for file in loaded
        ],
        "libraries": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        "tables": tables,
        "outputs": publish.file_digests(prepared),
    }
