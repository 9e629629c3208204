"""The command ``dlm``. Each command imports what it needs, so that short ones answer at once."""

from __future__ import annotations

import argparse
import io
import math
import os
import shutil
import sys
from pathlib import Path

from dlm import __version__
from dlm.console import Console
from dlm.engine import explained
from dlm.errors import DlmError, UsageError
from dlm.project import Places, find_places
from dlm.workflow.commands import add_commands

_AGAIN = "where later deliveries took its place, let it count as received anew"
_EXIT_CODES = """\
exit codes:
  0  done
  1  a blocking check failed; nothing was published
  2  the command was called in a way that cannot work
  3  a delivery or file was refused
  4  anything else that stopped the command
  130  stopped with Ctrl-C
"""

_SPARK_TARGETS = ("spark", "spark_thrift", "spark_cluster")
_INTERRUPTED = "Query interrupted"
"""What DuckDB says of a query that Ctrl-C ended."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A letter that the terminal's encoding lacks is printed as its code, not as an error.
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return 2
    try:
        code: int = options.run(options)
    except DlmError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        return 0
    except OSError as error:
        # No room, no right, a file that went away: the user's to mend, and nothing was replaced.
        print(
            f"error: {error.filename or 'input or output'}: {error.strerror or error}; what was "
            "published and stored before is untouched",
            file=sys.stderr,
        )
        return 4
    except UnicodeEncodeError as error:
        print(
            f"error: the encoding of this terminal, {error.encoding}, has not the letters of what "
            "was asked; set PYTHONUTF8=1",
            file=sys.stderr,
        )
        return 4
    except Exception as error:
        if str(error) == _INTERRUPTED:
            return _stopped()
        if os.environ.get("DLM_DEBUG"):
            raise
        if missing := explained(error):
            print(
                f"error: {missing}; what was published and stored before is untouched",
                file=sys.stderr,
            )
            return 4
        print(
            f"internal error: {type(error).__name__}: {error}\n"
            "what was published before is untouched; set DLM_DEBUG=1 to see where it happened",
            file=sys.stderr,
        )
        return 4
    except KeyboardInterrupt:
        return _stopped()
    return code


def _stopped() -> int:
    print("stopped; what was published before is untouched", file=sys.stderr)
    return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dlm",
        description="The DREAM lesion warehouse: from site CSVs to endpoint tables and report.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"dlm {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    def add(name: str, run: object, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text, epilog=_EXIT_CODES)
        command.formatter_class = argparse.RawDescriptionHelpFormatter
        command.set_defaults(run=run)
        return command

    build = add("build", _build, "load, build, check, draw, report and publish")
    build.add_argument("--deliveries", type=Path, metavar="DIR", help="load this delivery first")
    build.add_argument("--cutoff", metavar="DATE", help="clinical dates after DATE do not count")
    build.add_argument(
        "--as-of",
        metavar="DATE|ID|latest",
        help="build from the deliveries received by DATE, or up to the delivery ID",
    )
    build.add_argument("--received", metavar="DATE", help="day the delivery counts as received")
    build.add_argument("--again", action="store_true", help=_AGAIN)
    build.add_argument(
        "--exclude-open-s1",
        action="store_true",
        help="publish without the patients that have an open S1 query; stamped on every output",
    )
    build.add_argument("--for-comparison", action="store_true", help=argparse.SUPPRESS)
    build.add_argument("--strict", action="store_true", help="stop if any record is quarantined")
    build.add_argument(
        "--target",
        choices=["duckdb", *_SPARK_TARGETS],
        default="duckdb",
        help="engine the models run on (default: duckdb)",
    )
    build.add_argument("--out", metavar="DIR", help="where outputs go (default: build/)")
    build.add_argument("--quiet", action="store_true", help="no progress")

    load = add("load", _load, "take a delivery into the store, or refuse it")
    load.add_argument("folder", type=Path, metavar="DIR")
    load.add_argument("--received", metavar="DATE", help="day it counts as received")
    load.add_argument("--again", action="store_true", help=_AGAIN)
    load.add_argument("--strict", action="store_true", help="refuse if any record is quarantined")
    load.add_argument("--quiet", action="store_true", help="no progress")

    manifest = add("manifest", _manifest, "list the files of a delivery, before it is sent")
    manifest.add_argument("folder", type=Path, metavar="DIR")
    manifest.add_argument("--sender", required=True, metavar="NAME", help="who sends it")
    manifest.add_argument("--date", metavar="DATE", help="day it was written")
    manifest.add_argument(
        "--replace", action="store_true", help="write over the manifest that is there"
    )
    manifest.add_argument("--quiet", action="store_true", help="no progress")

    check = add("check", _check, "run every check on the current deliveries, without publishing")
    check.add_argument("--deliveries", type=Path, metavar="DIR", help="load this delivery first")
    check.add_argument("--received", metavar="DATE", help="day the delivery counts as received")
    check.add_argument("--cutoff", metavar="DATE", help="clinical dates after DATE do not count")
    check.add_argument("--as-of", metavar="DATE|ID|latest", help="as in dlm build")
    check.add_argument(
        "--thresholds",
        type=Path,
        metavar="FILE",
        help="check nothing; judge the published counts by the thresholds (rule_id, "
        "threshold_percent) of a CSV file and show which statuses change",
    )
    check.add_argument("--out", metavar="DIR", help="where outputs go (default: build/)")
    check.add_argument("--quiet", action="store_true", help="no progress")

    contract = add("contract", _contract, "check, show or print what the sources are to send")
    contract.add_argument("action", choices=["check", "show", "page"])
    contract.add_argument(
        "--to", type=Path, metavar="FILE", help="the page to write (page): every column and code"
    )

    sql = add("sql", _sql, "ask the published warehouse, read-only")
    sql.add_argument("query", metavar="QUERY", help="one select, or - for standard input")
    sql.add_argument(
        "--format",
        choices=["table", "csv", "json", "parquet"],
        help="default: what the name of --out ends in; a table without --out",
    )
    sql.add_argument("--out", type=Path, metavar="FILE", help="write there instead of printing")

    km = add("km", _km, "survival curves and their comparison, of any data")
    km.add_argument("source", metavar="SOURCE", help="a query, or a .csv or .parquet file")
    km.add_argument("--time", required=True, metavar="T", help="column of times, from 0")
    km.add_argument("--event", required=True, metavar="E", help="column of 1 (event) and 0")
    km.add_argument("--by", metavar="G", help="column of groups to compare")
    km.add_argument("--strata", metavar="S", help="column of strata for the comparison")
    km.add_argument(
        "--unit",
        choices=["days", "weeks", "months", "years"],
        default="days",
        help="unit the times are in, and come out in (default: days)",
    )
    km.add_argument(
        "--conf-type",
        choices=["log", "log-log"],
        default="log",
        help="scale of the intervals: log as in R (default), log-log as in SAS and lifelines",
    )
    km.add_argument(
        "--landmark",
        type=float,
        metavar="L",
        help="count from L on, in the unit of times: only those whose time goes beyond it",
    )
    km.add_argument(
        "--known-at",
        metavar="K",
        help="column of times when the group became known; later than L it is no group",
    )
    km.add_argument("--confidence", type=float, default=0.95, metavar="LEVEL")
    km.add_argument("--figure", type=Path, metavar="FILE", help="draw into an .svg, .png or .pdf")
    km.add_argument("--format", choices=["table", "csv", "json"], default="table")

    trace = add("trace", _trace, "an endpoint's lesions or patients, with file and line")
    trace.add_argument(
        "endpoint",
        nargs="+",
        metavar="ENDPOINT",
        help="npv ct_mri, km RFS all_resected, flow patients dlm, or a claim id like npv_ct_mri",
    )
    trace.add_argument("--format", choices=["table", "csv", "json"], default="table")

    difference = add("diff", _diff, "records that differ, and the endpoint numbers they moved")
    for side in ("before", "after"):
        difference.add_argument(
            side, metavar=side.upper(), help="delivery id, day received by, or folder of a build"
        )
    difference.add_argument(
        "--endpoints",
        action="store_true",
        help="also build deliveries and days in scratch folders, to compare their numbers",
    )
    difference.add_argument("--format", choices=["table", "csv", "json"], default="table")

    add_commands(add)

    backup = add("backup", _backup, "back the store up into one file, while it is in use")
    backup.add_argument("file", type=Path, metavar="FILE")

    restore = add("restore", _restore, "restore a backup into an empty store, every byte checked")
    restore.add_argument("file", type=Path, metavar="FILE")

    report = add("report", _report, "write figures and report anew from the published warehouse")
    report.add_argument("--to", type=Path, metavar="DIR", required=True)

    synth = add("synth", _synth, "write a synthetic trial")
    synth.add_argument("--seed", type=int, required=True)
    synth.add_argument("--scale", type=int, default=1, help="trials' worth of patients")
    synth.add_argument("--out", type=Path, required=True, metavar="DIR")
    synth.add_argument("--as", dest="layout", choices=["delivery", "seeds"], default="delivery")
    synth.add_argument(
        "--format", choices=["csv", "parquet"], default="csv", help="files of a delivery"
    )
    synth.add_argument(
        "--faults",
        default="few",
        help="none, few (none that blocks publication), all, or one kind of fault",
    )
    synth.add_argument("--quiet", action="store_true", help="no progress")

    bench = add("bench", _bench, "measure, with a peer in the same run")
    bench.add_argument(
        "what",
        nargs="?",
        default="all",
        choices=[
            "all",
            "overhead",
            "checks",
            "load",
            "parity",
            "coverage",
            "survival",
            "scale",
            "synth",
        ],
        help="all (default): those that time something, in one table",
    )
    bench.add_argument("--runs", type=int, default=5)
    bench.add_argument("--rows", type=int, default=5_000_000, help="records (load)")
    bench.add_argument("--seed", type=int, help="a synthetic trial, not the seeds (parity)")
    bench.add_argument(
        "--scale", type=int, help="trials' worth of patients (parity: 1, scale and synth: 200)"
    )
    bench.add_argument(
        "--target",
        choices=_SPARK_TARGETS,
        default=_SPARK_TARGETS[0],
        help="which Spark (parity): a session, or what a profile reaches",
    )
    bench.add_argument(
        "--gather",
        type=int,
        default=0,
        metavar="N",
        help="give one patient the lesions of N (parity with --seed)",
    )
    bench.add_argument("--with-spark", action="store_true", help="a Spark session too (all, scale)")
    bench.add_argument(
        "--simulations", type=int, default=1000, help="trials per setting (coverage)"
    )
    bench.add_argument(
        "--subjects", type=int, default=1_000_000, help="subjects in two groups (survival)"
    )
    bench.add_argument("--json", type=Path, metavar="FILE")
    return parser


def _build(options: argparse.Namespace) -> int:
    from dlm.build import Options, build
    from dlm.deliveries import parse_day, parse_until

    places = find_places(options.out)
    console = Console(options.quiet)
    parse_until(options.as_of)
    summary = build(
        places,
        Options(
            deliveries=options.deliveries,
            cutoff=parse_day(options.cutoff) if options.cutoff else None,
            as_of=options.as_of,
            received=parse_day(options.received) if options.received else None,
            again=options.again,
            strict=options.strict,
            exclude_open_s1=options.exclude_open_s1,
            for_comparison=options.for_comparison,
            target=options.target,
        ),
        console,
    )
    console.end()
    print(f"{summary.records} records read, {summary.quarantined} quarantined.")
    if summary.excluded:
        print(f"{summary.excluded} records are left out of every number for open S1 queries.")
    if summary.warnings:
        print(f"{len(summary.warnings)} check(s) have findings for the stewards; none blocks.")
    for what, name in (
        ("Warehouse", "warehouse.duckdb"),
        ("Report", "report.html"),
        ("Figures", "figures"),
        ("Quality pages", "quality/index.html"),
        ("Table documentation", "docs/index.html"),
    ):
        print(f"{what + ':':<21}{places.out / name}")
    print("Try next:")
    for query in (
        "\"from marts.modality_concordance where stratum = 'overall'\"",
        '"from marts.km_summary" --format csv',
        "\"from marts.published_results where status <> 'reproduced'\"",
    ):
        print(f"  {places.asking(f'{_own_name()} sql {query}')}")
    return 0


def _own_name() -> str:
    """How the user can call this command from where they are."""
    called = Path(sys.argv[0])
    if called.suffix == ".py":
        return "python -m dlm"
    return "dlm" if shutil.which("dlm") else os.path.relpath(called)


def _load(options: argparse.Namespace) -> int:
    from dlm.changes import counted, told
    from dlm.clock import day_of_receipt
    from dlm.deliveries import known_sites, parse_day, receive, tell
    from dlm.store import changes_of

    places = find_places()
    received = day_of_receipt(parse_day(options.received) if options.received else None)
    console = Console(options.quiet)
    console.step(f"Reading {options.folder}")
    try:
        receipt = receive(
            options.folder,
            places.state,
            received,
            options.strict,
            console.detail,
            known_sites(places.project),
            options.again,
        )
    finally:
        console.end()
    tell(console, receipt.quarantined, "quarantined")
    tell(console, receipt.warnings, "warning")
    print(receipt.table())
    if not receipt.new:
        print(f"delivery {receipt.delivery_id} is already in the store; nothing changed")
        return 0
    print(f"delivery {receipt.delivery_id} received {received}")
    changes = changes_of(places.state, receipt.delivery_id)
    if changes:
        print(f"against the files it takes the place of: {counted(changes)}")
        for line in told(changes):
            print(f"  {line}")
    return 0


def _manifest(options: argparse.Namespace) -> int:
    from dlm.deliveries import known_sites, parse_day, table_of, tell, write_delivery_manifest

    day = parse_day(options.date) if options.date else None
    sites = known_sites(find_places().project)
    console = Console(options.quiet)
    console.step(f"Reading {options.folder}")
    try:
        files, differing = write_delivery_manifest(
            options.folder, options.sender, day, sites, options.replace, console.detail
        )
    finally:
        console.end()
    tell(console, [problem for file in files for problem in file.quarantined], "quarantined")
    warnings = [problem for file in files for problem in file.warnings] + differing
    tell(console, warnings, "warning")
    print(table_of(files))
    print(f"{options.folder / 'manifest.csv'} is written; nothing was taken into a store")
    return 0


def _check(options: argparse.Namespace) -> int:
    from dlm.build import Options, check
    from dlm.deliveries import parse_day, parse_until
    from dlm.listing import print_rows
    from dlm.store import read_ledger
    from dlm.workflow.gate import told

    places = find_places(options.out)
    if options.thresholds is not None:
        return _rejudge(places, options.thresholds)
    parse_until(options.as_of)
    # Without being told, what is current is what was delivered; the seeds, where nothing was.
    as_of = options.as_of or ("latest" if read_ledger(places.state) else None)
    console = Console(options.quiet)
    found = check(
        places,
        Options(
            deliveries=options.deliveries,
            cutoff=parse_day(options.cutoff) if options.cutoff else None,
            as_of=as_of,
            received=parse_day(options.received) if options.received else None,
        ),
        console,
    )
    console.end()
    listing = places.asking("dlm queries list")
    of_what = "the deliveries" if as_of or options.deliveries else "the seeds"
    print(f"{found.records} records of {of_what} checked; nothing was published.")
    print_rows(found.counts, ("severity", "site_id", "open_queries", "rules"), "table")
    if found.blocking:
        print(f"{len(found.blocking)} S1 queries are open; dlm build would not publish:")
        print(told(found.blocking, listing))
        return 1
    print(f"No S1 query is open; see: {listing}")
    return 0


def _rejudge(places: Places, path: Path) -> int:
    from dlm import engine
    from dlm.listing import print_rows
    from dlm.quality.thresholds import read_thresholds, rejudge

    thresholds = read_thresholds(path)
    with engine.reading(places.warehouse) as connection:
        judged = rejudge(connection, places.project, thresholds)
    changed = [each for each in judged if each.status != each.status_before]
    columns = (
        "rule_id",
        "site_id",
        "n_violated",
        "n_checked",
        "threshold_before",
        "threshold",
        "status_before",
        "status",
    )
    print(f"{len(changed)} of {len(judged)} results of rule and site change; nothing was checked.")
    if changed:
        print_rows([vars(each) for each in changed], columns, "table")
    return 0


def _contract(options: argparse.Namespace) -> int:
    from dlm.contracts import load_contracts
    from dlm.contracts.check import check_contracts

    if options.action == "page":
        return _forms_page(options.to)
    if options.action == "check":
        check_contracts(find_places().project)
    for contract in load_contracts().values():
        for spec in contract.file_specs():
            print(f"{contract.source}/{spec.stem}.csv: {len(spec.headers)} columns")
            if options.action == "show":
                print("  " + contract.delimiter.join(spec.headers))
    return 0


def _forms_page(path: Path | None) -> int:
    from dlm.contracts.page import write_forms_page

    if path is None or path.suffix != ".html":
        raise UsageError("name the page to write: dlm contract page --to forms.html")
    project = find_places().project
    write_forms_page(path, project / "seeds" / "reference" / "ref_codelists.csv")
    print(f"written to {path}; it prints on paper")
    return 0


def _sql(options: argparse.Namespace) -> int:
    from dlm.query import run_query

    query = sys.stdin.read() if options.query == "-" else options.query
    places = find_places()
    run_query(places.warehouse, query, options.format, options.out)
    _tell_what_is_left_out(places.out)
    return 0


def _tell_what_is_left_out(out: Path) -> None:
    """Say beside an answer, not in it, that the build lacks records for open S1 queries."""
    import json

    try:
        stamp = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["stamp"]
        left_out = stamp["excluded_records"]
    except (OSError, ValueError, KeyError, TypeError):
        return  # the answer stands; what is wrong with the manifest is told by what needs it
    if left_out:
        print(
            f"note: {left_out} records are left out of this build for open S1 queries",
            file=sys.stderr,
        )


def _km(options: argparse.Namespace) -> int:
    from dlm.km import Request, run

    if options.strata and not options.by:
        raise UsageError("--strata needs --by: strata adjust the comparison of groups")
    if options.known_at and (options.landmark is None or not options.by):
        raise UsageError("--known-at needs --landmark and --by: groups known by the landmark")
    if options.landmark is not None and not 0 <= options.landmark < math.inf:
        raise UsageError("--landmark is a time from 0")
    if not 0 < options.confidence < 1:
        raise UsageError("--confidence is a share between 0 and 1")
    request = Request(
        source=sys.stdin.read() if options.source == "-" else options.source,
        time=options.time,
        event=options.event,
        by=options.by,
        strata=options.strata,
        unit=options.unit,
        conf_type=options.conf_type,
        confidence_level=options.confidence,
        landmark=options.landmark,
        known_at=options.known_at,
    )

    def warehouse() -> Path:
        places = find_places()
        _tell_what_is_left_out(places.out)
        return places.warehouse

    run(request, warehouse, options.format, options.figure, sys.stdout)
    return 0


def _trace(options: argparse.Namespace) -> int:
    from dlm.listing import print_rows
    from dlm.trace import COLUMNS, by_unit, trace

    places = find_places()
    rows = trace(places.warehouse, options.endpoint)
    if options.format == "table":
        units = by_unit(rows)
        print_rows(units, ("unit", "counted", "state", "detail", "records"), "table")
        print(f"{len(units)} units, {sum(unit['counted'] == 'yes' for unit in units)} counted")
    else:
        print_rows(rows, COLUMNS, options.format)
    _tell_what_is_left_out(places.out)
    return 0


def _diff(options: argparse.Namespace) -> int:
    import json

    from dlm.diff import ENDPOINT_COLUMNS, RECORD_COLUMNS, diff, resolve, sentences
    from dlm.listing import print_rows

    found = diff(find_places(), resolve(options.before), resolve(options.after), options.endpoints)
    if options.format == "json":
        content = {"records": found.records, "endpoints": found.endpoints}
        print(json.dumps(content, ensure_ascii=False, indent=1, default=str))
        return 0
    if options.format == "csv":
        columns = dict.fromkeys(("what", *RECORD_COLUMNS, *ENDPOINT_COLUMNS))
        records = [{"what": "record"} | row for row in found.records]
        numbers = [{"what": "endpoint"} | row for row in found.endpoints]
        print_rows([*records, *numbers], tuple(columns), "csv")
        return 0
    print_rows(found.records, RECORD_COLUMNS, "table")
    print(f"{len(found.records)} difference(s) in records")
    if found.compared_endpoints:
        for line in sentences(found.endpoints) or ["no endpoint number moved"]:
            print(line)
    return 0


def _backup(options: argparse.Namespace) -> int:
    from dlm.backup import back_up

    places = find_places()
    print(f"{back_up(places.state, options.file)} files of {places.state} are in {options.file}")
    return 0


def _restore(options: argparse.Namespace) -> int:
    from dlm.backup import restore

    places = find_places()
    deliveries = restore(options.file, places.state)
    print(f"{deliveries} deliveries of {options.file} are in {places.state}, every file checked")
    return 0


def _report(options: argparse.Namespace) -> int:
    from dlm import engine, figures, report
    from dlm.publish import read_manifest
    from dlm.stamp import Stamp

    places = find_places()
    stamp = Stamp.from_json(read_manifest(places.out)["stamp"])
    with engine.reading(places.warehouse) as connection:
        figures.draw_all(connection, options.to / "figures", stamp)
        page = report.write_report(
            connection, options.to / "figures", options.to / "report.html", stamp
        )
    print(page)
    return 0


def _synth(options: argparse.Namespace) -> int:
    from dlm.synthetic import FAULT_KINDS, STREAMED_FROM, registered, write_trial

    if options.faults not in ("none", "few", "all", *FAULT_KINDS):
        raise UsageError(
            f"--faults {options.faults} is not known; choose none, few, all or one of: "
            + ", ".join(sorted(FAULT_KINDS))
        )
    if options.scale < 1:
        raise UsageError("--scale is a whole number from 1")
    if options.seed < 0:
        raise UsageError("--seed is a whole number from 0")
    if options.layout == "seeds" and options.format != "csv":
        raise UsageError("seeds are CSV; --format parquet is for deliveries")
    console = Console(options.quiet)
    if options.layout == "delivery" and options.scale >= STREAMED_FROM:
        from dlm import engine
        from dlm.synthetic.streaming import BYTES_A_PATIENT, stream_trial

        patients = registered(options.seed, options.scale)
        size = engine.told_size(patients * BYTES_A_PATIENT[options.format])
        console.step(f"Writing {patients:,} patients (up to {size})")
        stream_trial(
            options.seed, patients, options.out, options.format, options.faults, console.count
        )
    else:
        write_trial(
            options.seed,
            options.scale,
            options.out,
            options.layout,
            options.faults,
            console.step,
            file_format=options.format,
        )
    console.end()
    print(f"synthetic trial written to {options.out}")
    return 0


def _bench(options: argparse.Namespace) -> int:
    for name in ("runs", "rows", "scale"):
        given = getattr(options, name)
        if given is not None and given < 1:
            raise UsageError(f"--{name} is a whole number from 1")
    if (options.seed or 0) < 0:
        raise UsageError("--seed is a whole number from 0")
    seed = 1 if options.seed is None else options.seed
    if options.what == "all":
        from dlm.bench_table import every

        return every(
            options.runs,
            options.rows,
            options.subjects,
            options.scale or 200,
            options.json,
            options.with_spark,
        )

    if options.what == "coverage":
        from dlm.coverage import coverage, published_size

        if options.simulations < 100:
            raise UsageError("--simulations is a whole number from 100")
        return coverage(published_size(find_places().project), options.simulations, options.json)

    if options.what == "survival":
        from dlm.survival_bench import survival

        if options.subjects < 100:
            raise UsageError("--subjects is a whole number from 100")
        return survival(options.subjects, options.runs, options.json)

    if options.what == "checks":
        from dlm.checks_bench import checks

        return checks(find_places(), options.runs, options.json)

    if options.what == "scale":
        from dlm.scale_bench import scale

        return scale(options.scale or 200, seed, options.json, with_spark=options.with_spark)

    if options.what == "synth":
        from dlm.synth_bench import synth

        return synth(options.scale or 200, seed, options.runs, options.json)

    from dlm.bench import load, overhead, parity

    if options.what == "load":
        return load(options.rows, options.runs, options.json)
    if options.what == "parity":
        if options.gather and (options.seed is None or options.gather < 2):
            raise UsageError("--gather is a whole number from 2, for a synthetic trial (--seed)")
        return parity(
            find_places().project,
            options.seed,
            options.scale or 1,
            options.json,
            options.target,
            options.gather,
        )
    return overhead(find_places().project, options.runs, options.json)


if __name__ == "__main__":
    sys.exit(main())
