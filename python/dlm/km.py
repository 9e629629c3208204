"""`dlm km`: Kaplan-Meier curves and comparisons of any data, by the macros that make the marts.

Times stay in the unit they come in. Nothing is dropped: a record that cannot be used stops the
command, which says how many there are, and where. What cannot be estimated is empty, with a reason.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import duckdb

from dlm import engine
from dlm.errors import DlmError, UsageError
from dlm.listing import aligned
from dlm.macros import CONFIDENCE_LEVEL, render
from dlm.marts import Row, rows
from dlm.query import neutralise
from dlm.scratch import scratch_folder
from dlm.sql_text import literal, quoted

DAYS_PER_MONTH = 30.4375
UNITS = {"days": 1.0, "weeks": 7.0, "months": DAYS_PER_MONTH, "years": 12 * DAYS_PER_MONTH}
"""Days in each unit that times can come in."""
CONF_TYPES = ("log", "log-log")
FORMATS = ("table", "csv", "json")
LANDMARKS = (6, 12, 24, 36)
"""Months at which survival is told."""
ALL = "all"
"""Name of the one group where none is asked for."""
MOST_GROUPS = 100
LONGEST = 1e12
_SHOWN_ROWS = 5
_QUERY = re.compile(
    r"(\s|\(|--[^\n]*\n|/\*.*?\*/)*(select|from|with|values)\b", re.IGNORECASE | re.DOTALL
)
"""What a query begins with, remarks before it or not."""
_KEY = ["everything", "grp"]


@dataclass(frozen=True)
class Request:
    """What to estimate from what.

    Attributes:
        source: a query on the published warehouse, or a CSV or Parquet file.
        time: column of times, numbers from 0.
        event: column of 1 (event) and 0 (censored), or a Boolean one.
        by: column of groups; None for one group of all.
        strata: column of strata for the comparison; needs `by`.
        unit: key of `UNITS`; the unit that the times are in.
        conf_type: scale of pointwise intervals, one of `CONF_TYPES`.
        confidence_level: of every interval, two-sided.
        landmark: time to count from, None for the origin; whose time ends by it takes no part.
        known_at: column of times when a subject's group became known, empty for never; who has
            no group by the landmark takes no part. None where groups are known from the origin.
    """

    source: str
    time: str
    event: str
    by: str | None = None
    strata: str | None = None
    unit: str = "days"
    conf_type: str = "log"
    confidence_level: float = CONFIDENCE_LEVEL
    landmark: float | None = None
    known_at: str | None = None


@dataclass(frozen=True)
class Estimates:
    """Rows of the three blocks, groups in their order."""

    summary: list[Row]
    comparison: list[Row]
    curve: list[Row]


def estimate(request: Request, warehouse: Callable[[], Path]) -> Estimates:
    """Estimate curves, what is read off them, and the comparison of groups.

    Args:
        request: what to estimate.
        warehouse: gives the published warehouse; only called where the source is a query.

    Raises:
        UsageError: the source, a column or a record cannot be used.
        DlmError: nothing is published.
    """
    with (
        scratch_folder() as folder,
        engine.connect(part=engine.MAIN_SHARE, beside=folder / "subjects") as connection,
    ):
        # Whole times of a few groups fit a table that is addressed and not hashed.
        connection.execute("set perfect_ht_threshold = 20")
        read_subjects(connection, request, warehouse)
        return _estimates(connection, request)


def read_subjects(
    connection: duckdb.DuckDBPyConnection, request: Request, warehouse: Callable[[], Path]
) -> None:
    """Make temp.subjects (everything, grp, stratum, time_value, had_event) and temp.labels.

    Groups and strata are numbers there, in the order of their names; `labels` has the names.
    """
    _read_source(connection, request.source, warehouse)
    types = {name: str(kind) for name, kind, *_ in connection.execute("describe given").fetchall()}
    del types["row_"]
    wanted = [request.time, request.event, request.by, request.strata, request.known_at]
    for column in (name for name in wanted if name is not None):
        if column not in types:
            raise UsageError(f"there is no column {column}; there are: {', '.join(types)}")
    connection.execute(
        f"""
        create temp table typed as
        select
            row_,
            {_time(request.time, types[request.time])} as time_value,
            {_event(request.event, types[request.event])} as had_event,
            {_label(request.by, request, types)} as grp,
            {_label(request.strata, request, types)} as stratum,
            {_part(request, types)} as part,
            {_unreadable(request, types)} as has_unreadable_known_at
        from given
        """
    )
    _refuse_bad_records(connection, request)
    _start_at_landmark(connection, request)
    whole = connection.execute(
        "select bool_and(time_value = floor(time_value)) and max(time_value) < 2e9 from typed"
    ).fetchall()[0][0]
    if not whole:
        connection.execute(_SAME_TIMES)
    connection.execute(
        f"""
        create temp table labels as
        with names as (
            select distinct 'grp' as part, grp as label from typed
            union all
            select distinct 'stratum' as part, stratum as label from typed
        ),

        numeric as (
            select part, bool_and(try_cast(label as double) is not null) as is_numeric
            from names
            group by part
        )

        select
            part,
            label,
            cast(row_number() over (
                partition by part
                order by case when is_numeric then try_cast(label as double) end, label
            ) as integer) as number
        from names
        inner join numeric using (part);

        create temp table subjects as
        select
            cast(1 as integer) as everything,
            groups.number as grp,
            strata.number as stratum,
            cast({"time_value as integer" if whole else "same_time as double"}) as time_value,
            cast(had_event as integer) as had_event
        from typed
        {"" if whole else "inner join same_times using (time_value)"}
        inner join labels as groups on typed.grp = groups.label and groups.part = 'grp'
        inner join labels as strata on typed.stratum = strata.label and strata.part = 'stratum';
        """
    )


def write(estimates: Estimates, form: str, handle: TextIO) -> None:
    """Write the blocks as text: `table` leaves the curve out, which is long."""
    blocks = {
        "summary": estimates.summary,
        "comparison": estimates.comparison,
        "curve": estimates.curve,
    }
    if form == "json":
        json.dump(blocks, handle, ensure_ascii=False, indent=1)
        handle.write("\n")
        return
    for name, found in blocks.items():
        if form == "table" and name == "curve":
            continue
        handle.write(f"# {name}\n")
        if form == "table":
            handle.write(_table(name, found))
            continue
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(found[0])
        for row in found:
            writer.writerow([neutralise(_plain(value)) for value in row.values()])


def run(
    request: Request, warehouse: Callable[[], Path], form: str, figure: Path | None, handle: TextIO
) -> None:
    """Estimate, write, and draw where a figure is asked for.

    Raises:
        UsageError: as `estimate`, or the figure's name has another suffix than .svg, .png or .pdf.
    """
    if figure is not None and figure.suffix.lower() not in (".svg", ".png", ".pdf"):
        raise UsageError(f"{figure}: a figure is an .svg, .png or .pdf file")
    found = estimate(request, warehouse)
    # The figure first: a reader who takes only the head of what is printed ends the command.
    if figure is not None:
        from dlm.figures.curves import draw_curves

        draw_curves(found, request, figure)
        print(figure, file=sys.stderr)
    write(found, form, handle)


# -------------------------------------------------------------------------------------- reading


def _read_source(
    connection: duckdb.DuckDBPyConnection, source: str, warehouse: Callable[[], Path]
) -> None:
    """Make the table `given`: the source with row_, its records counted from 1."""
    path = Path(source)
    suffix = path.suffix.lower()
    query = ""
    if suffix in (".csv", ".parquet"):
        if not path.is_file():
            raise UsageError(f"there is no file {source}")
        is_parquet = suffix == ".parquet"
        relation = f"read_parquet({literal(path)})" if is_parquet else _csv_reader(path)
    elif _QUERY.match(source):
        published = warehouse()
        if not published.is_file():
            raise DlmError(f"there is no warehouse at {published}; make one with: dlm build")
        try:
            connection.execute(f"attach {literal(published)} as published (read_only)")
        except duckdb.Error as error:
            wrong = engine.unreadable(error, published)
            raise DlmError(wrong or f"{published} cannot be read: {error}") from None
        connection.execute("use published")
        connection.execute("set enable_external_access = false")
        query = source.strip().rstrip(";")
        relation = f"(\n{query}\n)"
    else:
        raise UsageError(f"{source!r} is neither a query nor a .csv or .parquet file")
    try:
        if query:
            described = connection.execute(f"describe {query}").fetchall()
            names = [str(row[0]).lower() for row in described]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise UsageError(f"the query names more than one column {', '.join(twice)}")
        connection.execute(
            f"create temp table given as select row_number() over () as row_, * from {relation}"
        )
    except duckdb.Error as error:
        wrong = engine.unreadable(error, warehouse()) if query else None
        if wrong:
            raise DlmError(wrong) from None
        raise UsageError(f"cannot read the source: {_told(error)}") from None


def _told(error: duckdb.Error) -> str:
    """What DuckDB says of an error, without the records that it shows and its advice."""
    lines = str(error).splitlines()
    wrong = next((line for line in lines if line.startswith("Expected Number of Columns")), "")
    return " ".join(filter(None, (lines[0], wrong)))


def _csv_reader(path: Path) -> str:
    """A reader of text columns that guesses nothing: the first line is the header."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            line = handle.readline(100_000)
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text") from None
    if not line.strip():
        raise UsageError(f"{path} has no header in its first line")
    delimiter = max(",;\t", key=line.count)
    header = next(csv.reader([line], delimiter=delimiter), [])
    # R and pandas leave the name of their column of row names empty.
    names = [name.strip() or f"column_{place}" for place, name in enumerate(header, start=1)]
    if len({name.lower() for name in names}) < len(names):
        raise UsageError(
            f"{path}: the first line does not name each column once (capitals do not tell names "
            "apart)"
        )
    columns = ", ".join(f"{literal(name)}: 'varchar'" for name in names)
    return (
        f"read_csv({literal(path)}, auto_detect = false, header = true,"
        f" delim = {literal(delimiter)},"
        f" quote = '\"', escape = '\"', columns = {{{columns}}})"
    )


def _time(column: str, kind: str) -> str:
    """The column as a number, null where it is none."""
    if kind == "BOOLEAN" or not _has_numbers(kind):
        raise UsageError(
            f"{column} is {kind}, not a number; times are numbers from 0, such as the days between "
            "two dates"
        )
    return _number(column, kind)


def _part(request: Request, types: dict[str, str]) -> str:
    """Whether a subject is in the estimates: at_risk, or ended or ungrouped by the landmark."""
    if request.landmark is None:
        return "'at_risk'"
    ungrouped = "false"
    if request.known_at is not None:
        known_at = _time(request.known_at, types[request.known_at])
        ungrouped = f"({known_at} <= {request.landmark!r}) is not true"
    return (
        f"case when time_value <= {request.landmark!r} then 'ended' when {ungrouped} "
        "then 'ungrouped' else 'at_risk' end"
    )


def _unreadable(request: Request, types: dict[str, str]) -> str:
    """Whether the column `known_at` holds something that is no number."""
    column = request.known_at
    if column is None:
        return "false"
    held = _label(column, request, types)
    return f"{held} is not null and {_time(column, types[column])} is null"


def _start_at_landmark(connection: duckdb.DuckDBPyConnection, request: Request) -> None:
    """Keep those at risk after the landmark, with their times from it; the rest are counted.

    Makes temp.left_out (ended, ungrouped): subjects whose time ended by the landmark, and of the
    others those whose group was not known by then.
    """
    connection.execute(
        "create temp table left_out as select count(*) filter (part = 'ended') as ended,"
        " count(*) filter (part = 'ungrouped') as ungrouped from typed"
    )
    if request.landmark is None:
        return
    connection.execute("delete from typed where part <> 'at_risk'")
    connection.execute("update typed set time_value = time_value - ?", [request.landmark])
    if not connection.execute("select count(*) from typed").fetchall()[0][0]:
        raise UsageError(f"nobody is at risk, in a group, after the landmark {request.landmark:g}")


def _event(column: str, kind: str) -> str:
    """The column as 0 or 1, null where it is neither a number nor Boolean.

    A file of text has its Booleans as R and pandas write them: TRUE and FALSE, True and False.
    """
    name = quoted(column)
    if kind == "BOOLEAN":
        return f"cast({name} as double)"
    if not _has_numbers(kind):
        raise UsageError(f"{column} is {kind}, neither 0 and 1 nor Boolean")
    if not kind.startswith(("VARCHAR", "ENUM")):
        return _number(column, kind)
    word = f"lower(trim(cast({name} as varchar)))"
    number = _number(column, kind)
    return f"case {word} when 'true' then 1.0 when 'false' then 0.0 else {number} end"


def _has_numbers(kind: str) -> bool:
    return kind in _NUMERIC or kind.startswith(("DECIMAL", "VARCHAR", "ENUM"))


def _number(column: str, kind: str) -> str:
    name = quoted(column)
    if not kind.startswith(("VARCHAR", "ENUM")):
        return f"cast({name} as double)"
    text = f"trim(cast({name} as varchar))"
    return f"case when regexp_full_match({text}, '{_DECIMAL}') then try_cast({text} as double) end"


_DECIMAL = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
"""A number as text; DuckDB's own cast would take 1_000 and words for infinity too."""
_NUMERIC = {
    *(sign + size + "INT" for sign in ("", "U") for size in ("TINY", "SMALL", "BIG", "HUGE")),
    "INTEGER",
    "UINTEGER",
    "FLOAT",
    "DOUBLE",
}


_SAME_TIMES = """
    create temp table same_times as
    with times as (
        select distinct time_value from typed
    ),

    gaps as (
        select
            time_value,
            time_value - lag(time_value) over (order by time_value) as gap,
            avg(time_value) over () as usual
        from times
    )

    select
        time_value,
        max(case when least(gap, gap / nullif(usual, 0)) <= 1.4901161193847656e-8 then null
            else time_value end) over (
            order by time_value
            rows between unbounded preceding and current row
        ) as same_time
    from gaps
"""
"""Times that differ by rounding alone are one time, by the rule of R's survfit (timefix)."""


def _label(column: str | None, request: Request, types: dict[str, str]) -> str:
    """The column as text, null where it is missing.

    R and pandas write NA and NaN into files of text, which are no numbers either. A query or a
    Parquet file has nulls of its own: there NA may be a name, and NaN of numbers alone is missing.
    """
    if column is None:
        return f"'{ALL}'"
    missing = "''"
    if Path(request.source).suffix.lower() == ".csv":
        missing = "'', 'na', 'nan'"
    elif types[column] in ("FLOAT", "DOUBLE"):
        missing = "'nan'"
    text = f"trim(cast({quoted(column)} as varchar))"
    return f"case when lower({text}) not in ({missing}) then {text} end"


_MISSING = "missing (empty; in a .csv file also NA or NaN)"


def _refuse_bad_records(connection: duckdb.DuckDBPyConnection, request: Request) -> None:
    """Raise one error that tells every kind of record that cannot be used."""
    total = connection.execute("select count(*) from typed").fetchall()[0][0]
    if not total:
        raise UsageError("the source has no rows")
    known_time = "time_value is not null and isfinite(time_value)"
    kinds = [
        (f"({known_time}) is not true", f"{request.time} is missing or not a number"),
        (f"{known_time} and time_value < 0", f"{request.time} is negative"),
        (f"{known_time} and time_value > {LONGEST}", f"{request.time} is above {LONGEST:g}"),
        ("(had_event in (0, 1)) is not true", f"{request.event} is not 0 or 1"),
        ("has_unreadable_known_at", f"{request.known_at} is not a number"),
        ("part = 'at_risk' and grp is null", f"{request.by} is {_MISSING}: no group"),
        ("part = 'at_risk' and stratum is null", f"{request.strata} is {_MISSING}: no stratum"),
    ]
    counts = connection.execute(
        "select "
        + ", ".join(f"count(*) filter (where {test})" for test, _ in kinds)
        + " from typed"
    ).fetchall()[0]
    problems = []
    for (test, text), count in zip(kinds, counts, strict=True):
        if count:
            first = connection.execute(
                f"select row_ from typed where {test} order by row_ limit {_SHOWN_ROWS}"
            ).fetchall()
            places = ", ".join(str(row) for (row,) in first)
            more = f" and {count - len(first)} more" if count > len(first) else ""
            problems.append(f"{text} in {count} of {total} rows: {places}{more}")
    if problems:
        raise UsageError(
            "rows that cannot be used (counted from 1, without the header):\n"
            + "\n".join(f"  {problem}" for problem in problems)
            + "\ncorrect them, or leave them out with a query that says so"
        )
    for part, column in (("grp", request.by), ("stratum", request.strata)):
        many = connection.execute(f"select count(distinct {part}) from typed").fetchall()[0][0]
        if many > MOST_GROUPS:
            raise UsageError(f"{column} has {many} different values; at most {MOST_GROUPS}")


# ----------------------------------------------------------------------------------- estimating


def curve_statements(conf_type: str, confidence_level: float = CONFIDENCE_LEVEL) -> dict[str, str]:
    """Queries that make curves of `subjects`, by the name of the table each is to fill."""
    return {
        "counts": render(f"survival_counts('subjects', {_KEY})"),
        "steps": render(f"kaplan_meier('counts', {_KEY})"),
        "curve": render(
            f"kaplan_meier_intervals('steps', {_KEY}, ['{conf_type}'])", confidence_level
        ),
    }


def _estimates(connection: duckdb.DuckDBPyConnection, request: Request) -> Estimates:
    level = request.confidence_level

    def make(table: str, sql: str) -> None:
        connection.execute(f"create temp table {table} as {sql}")

    for table, sql in curve_statements(request.conf_type, level).items():
        make(table, sql)
    bounded = [*_KEY, "conf_type"]
    make("reverse", render(f"kaplan_meier('counts', {_KEY}, event='n_censor', censor='n_event')"))
    reverse_curve = f"kaplan_meier_intervals('reverse', {_KEY}, ['{request.conf_type}'])"
    make("followup_curve", render(reverse_curve, level))
    make("medians", render(f"survival_quantiles('curve', {bounded})"))
    make("followup", render(f"survival_quantiles('followup_curve', {bounded})"))
    landmarks = [(month, month * DAYS_PER_MONTH / UNITS[request.unit]) for month in LANDMARKS]
    make("landmarks", render(f"survival_at('curve', {bounded}, {landmarks})"))
    make("means", render(f"restricted_mean('steps', {_KEY}, ['everything'])"))
    labels = {
        (part, number): label
        for part, label, number in connection.execute("from labels").fetchall()
    }
    names = [label for (part, _), label in sorted(labels.items()) if part == "grp"]
    return Estimates(
        summary=[_summary(row, names, request) for row in _summary_rows(connection, request)],
        comparison=[_comparison(connection, request, names)],
        curve=[
            {"group": names[row.pop("grp") - 1]} | row
            for row in rows(
                connection,
                "select grp, time_value as time, n_risk, n_event, n_censor, survival, std_err,"
                f" ci_lower, ci_upper from curve where conf_type = '{request.conf_type}'"
                " order by grp, time_value",
            )
        ],
    )


def _summary_rows(connection: duckdb.DuckDBPyConnection, request: Request) -> list[Row]:
    across = ", ".join(
        f"max({value}) filter (landmark = {month}) as survival_{month}m{suffix}"
        for month in LANDMARKS
        for value, suffix in (("survival", ""), ("ci_lower", "_lower"), ("ci_upper", "_upper"))
    )
    return rows(
        connection,
        f"""
        with sizes as (
            select grp, sum(n_event + n_censor)::bigint as n, sum(n_event)::bigint as events
            from counts
            group by grp
        ),

        held as (
            select grp, {across} from landmarks where conf_type = '{request.conf_type}' group by grp
        )

        select
            sizes.*,
            medians.quantile as median,
            medians.quantile_lower as ci_lower,
            medians.quantile_upper as ci_upper,
            held.* exclude (grp),
            means.restricted_mean as rmst,
            means.std_err as rmst_std_err,
            means.horizon as rmst_horizon,
            means.not_estimable_reason as rmst_not_estimable_reason,
            followup.quantile as followup_median
        from sizes
        inner join medians on sizes.grp = medians.grp
            and medians.conf_type = '{request.conf_type}'
        inner join followup on sizes.grp = followup.grp
            and followup.conf_type = '{request.conf_type}'
        inner join held on sizes.grp = held.grp
        inner join means on sizes.grp = means.grp
        order by sizes.grp
        """,
    )


def _summary(row: Row, names: Sequence[str], request: Request) -> Row:
    reason = None
    if row["median"] is None:
        reason = "no event" if not row["events"] else "survival stays above one half"
    group = names[row.pop("grp") - 1]
    return (
        {"group": group}
        | row
        | {"unit": request.unit, "conf_type": request.conf_type}
        | {"median_not_estimable_reason": reason}
    )


def _comparison(
    connection: duckdb.DuckDBPyConnection, request: Request, names: Sequence[str]
) -> Row:
    found = _compared(connection, "counts", [], request, names)
    if request.strata is not None:
        counts = render(f"survival_counts('subjects', {[*_KEY, 'stratum']})")
        connection.execute(f"create temp table stratum_counts as {counts}")
        stratified = _compared(connection, "stratum_counts", ["stratum"], request, names)
        found["strata"] = request.strata
        found |= {f"stratified_{name}": value for name, value in stratified.items()}
    if request.landmark is not None:
        ended, ungrouped = connection.execute("from left_out").fetchall()[0]
        found |= {
            "landmark": request.landmark,
            "n_ended_by_landmark": ended,
            "n_ungrouped_at_landmark": ungrouped,
        }
    return found


def _compared(
    connection: duckdb.DuckDBPyConnection,
    counts: str,
    strata: list[str],
    request: Request,
    names: Sequence[str],
) -> Row:
    """Log-rank test and hazard ratio, or why there is none."""
    arguments = f"'{counts}', ['everything'], 'grp', {strata}"
    test = rows(connection, render(f"log_rank({arguments})"))[0]
    ratios = rows(connection, render(f"cox_two_groups({arguments})", request.confidence_level))
    ratio = ratios[0] if ratios else dict.fromkeys(_RATIO)
    reason = None
    if len(names) < 2:
        reason = "not estimable: fewer than two groups"
    elif test["logrank_chi2"] is None:
        reason = "not estimable: no event while two groups are at risk"
    elif len(names) > 2:
        reason = "no hazard ratio for more than two groups"
    elif ratio["hazard_ratio"] is None:
        reason = (
            "hazard ratio not estimable: not finite, for a group has no event while the other is "
            "at risk"
        )
    return {
        "logrank_chi2": test["logrank_chi2"],
        "df": test["df"],
        "p": test["p_value"],
        **{name: ratio[name] for name in _RATIO},
        "n_groups": len(names),
        "hr_contrast": f"{names[1]} vs {names[0]}" if len(names) == 2 else None,
        "reason": reason,
    }


_RATIO = ("hazard_ratio", "hr_lower", "hr_upper", "log_hazard_ratio", "std_err")


# -------------------------------------------------------------------------------------- writing


def _plain(value: Any) -> Any:
    """A whole number without a decimal point; all else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _table(name: str, found: list[Row]) -> str:
    """For reading: numbers with few digits, and each row told downwards."""
    columns = [str(row.get("group", name)) for row in found]
    lines = [
        {"": key} | {column: _short(row[key]) for column, row in zip(columns, found, strict=True)}
        for key in found[0]
        if key != "group"
    ]
    return aligned(lines, ["", *columns])


def _short(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
