"""Two states of the deliveries compared record by record, by the natural key of each form.

Cells are compared as they are read, so that a date or number in another notation is no change, and
told as they are written. Dates are read by the macros that staging reads them by. The work is done
by DuckDB on two scratch databases, so that files of any size can be compared.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import duckdb

from dlm import engine
from dlm.contracts import Column, Contract, FileSpec, Form
from dlm.macros import render
from dlm.scratch import scratch_folder
from dlm.sql_text import literal, plain, plain_id, quoted

Fill = Callable[[duckdb.DuckDBPyConnection], object]
"""Loads one state of the deliveries into schema raw of an empty database."""
_WHOSE = ("patient_id", "lesion_no", "site_id")
"""Columns that say whose a record is; the rest is its payload. Of one lesion (or patient), what
stands outside the key is enough to know a record by whose visit or specimen got another number."""
_LIKELY_PAIRS = 400
"""Records of one content, lost times won: beyond so many, equal content says nothing of keys."""


@dataclass(frozen=True)
class RecordChange:
    """One record that differs between two states; of a changed one, one column of it.

    Attributes:
        change: added, changed or gone.
        column: name of the column that changed; None for a whole record.
        old: its text before.
        new: its text now.
        old_file: file and line before; None for an added record.
        new_file: file and line now; None for a record that is gone.
    """

    source: str
    form: str
    record_key: str
    patient_id: str
    lesion_id: str | None
    change: str
    column: str | None
    old: str | None
    new: str | None
    old_file: str | None
    old_line: int | None
    new_file: str | None
    new_line: int | None


@dataclass(frozen=True)
class Lost:
    """A record of the earlier state that the later one has not; its new key where it has one."""

    source: str
    form: str
    record_key: str
    file: str
    line: int
    new_record_key: str | None
    new_file: str | None
    new_line: int | None


@contextlib.contextmanager
def two_states(
    contracts: Collection[Contract], before: Fill, after: Fill
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that has the records of both states, as before.<source>__<form> and after's.

    Only of forms of which either state has a record.
    """
    with scratch_folder() as folder, ExitStack() as stack:
        sides = []
        for name, fill in (("before", before), ("after", after)):
            # A scratch database is never opened again after a crash, so it needs no log to replay.
            scratch = engine.connect(folder / f"{name}.duckdb")
            stack.callback(scratch.close)
            scratch.execute("set checkpoint_threshold = '1 GB'")
            fill(scratch)
            sides.append(scratch)
        filled = {table for scratch in sides for table in _filled(scratch)}
        for scratch in sides:
            scratch.begin()
            for contract in contracts:
                for form in contract.forms.values():
                    if _spec(contract, form).raw_table in filled:
                        scratch.execute(_records(contract, form))
            scratch.commit()
        stack.close()
        connection = engine.connect(folder / "compared.duckdb")
        try:
            for name in ("before", "after"):
                path = literal(folder / f"{name}.duckdb")
                connection.execute(f"attach {path} as {name} (read_only)")
            yield connection
        finally:
            connection.close()


def record_changes(
    connection: duckdb.DuckDBPyConnection, contracts: Collection[Contract]
) -> list[RecordChange]:
    """Records added, changed and gone, in the order of source, form and key."""
    found = []
    for contract, form, table in _tables(connection, contracts):
        names = [column.name for column in form.columns]
        told = ", ".join(f"b.{_text(name)} as old_{name}, a.{_text(name)} as new_{name}"
                         for name in names)  # fmt: skip
        cells_read = {
            f"{side}_{column.name}": column.type
            for column in form.columns
            for side in ("old", "new")
        }
        cells_of = ", ".join(
            f"old_{name}, new_{name}, read_old_{name} is distinct from read_new_{name}"
            for name in names
        )
        rows = connection.execute(
            "with changed as (select coalesce(b.record_key, a.record_key) as record_key, "
            "coalesce(b.patient, a.patient) as patient, coalesce(b.lesion, a.lesion) as lesion, "
            f"b.file as old_file, b.line as old_line, a.file as file, a.line as line, {told} "
            f"from before.{table} as b full join after.{table} as a "
            "on b.record_key = a.record_key where b.content is distinct from a.content), "
            f"{_reading('changed', cells_read, contract)} "
            "select record_key, patient, lesion, old_file, old_line, file, line, "
            f"{cells_of} from read order by record_key"
        ).fetchall()
        for key, patient, lesion, old_file, old_line, new_file, new_line, *cells in rows:
            places = (old_file, old_line, new_file, new_line)
            about = (contract.source, form.name, key, patient, lesion)
            if old_file is None or new_file is None:
                change = "added" if old_file is None else "gone"
                found.append(RecordChange(*about, change, None, None, None, *places))
                continue
            found += [
                RecordChange(*about, "changed", name, old, new, *places)
                for name, old, new, differs in zip(
                    names, cells[::3], cells[1::3], cells[2::3], strict=True
                )
                if differs
            ]
    return found


def lost_records(
    connection: duckdb.DuckDBPyConnection, contracts: Collection[Contract]
) -> list[Lost]:
    """Records whose key is gone (GN14), with the new key of those found under another (GN16)."""
    lost = []
    pairs = []
    for contract, form, table in _tables(connection, contracts):
        lost += [
            Lost(contract.source, form.name, key, file, line, None, None, None)
            for key, file, line in connection.execute(
                f"select record_key, file, line from before.{table} "
                f"anti join after.{table} using (record_key) order by record_key"
            ).fetchall()
        ]
        pairs += [
            _Pair(contract.source, form.name, *row)
            for row in connection.execute(
                f"with gone as (from before.{table} anti join after.{table} using (record_key)), "
                f"come as (from after.{table} anti join before.{table} using (record_key)), "
                "alike as (select g.record_key, c.record_key as new_key, g.payload "
                "from gone as g join come as c on g.payload = c.payload where g.payload <> '' "
                "union all select g.record_key, c.record_key, "
                "coalesce(g.lesion, g.patient) || '|' || g.outside_key "
                "from gone as g join come as c on g.patient = c.patient "
                "and g.lesion is not distinct from c.lesion and g.outside_key = c.outside_key "
                "where g.outside_key <> '' and g.payload <> c.payload), "
                "counted as (select *, count(*) over (partition by payload) as n_pairs from alike) "
                "select g.record_key, g.patient, g.lesion, c.record_key, c.patient, c.lesion, "
                "c.file, c.line from counted as p join gone as g using (record_key) "
                "join come as c on p.new_key = c.record_key "
                f"where n_pairs <= {_LIKELY_PAIRS} order by all"
            ).fetchall()
        ]
    renamed = _one_to_one(pairs)
    return [
        Lost(
            each.source,
            each.form,
            each.record_key,
            each.file,
            each.line,
            *((pair.new_key, pair.file, pair.line) if pair else (None, None, None)),
        )
        for each in lost
        for pair in [renamed.get((each.source, each.form, each.record_key))]
    ]


@dataclass(frozen=True)
class _Pair:
    """A lost record and a new one with the same content under another key."""

    source: str
    form: str
    key: str
    patient: str
    lesion: str | None
    new_key: str
    new_patient: str
    new_lesion: str | None
    file: str
    line: int


def _one_to_one(pairs: list[_Pair]) -> dict[tuple[str, str, str], _Pair]:
    """The pairs that leave no doubt which new record a lost one became.

    First those where each is the other's only match; then, of the rest, those that follow what the
    first say of whole lesions and patients (a renamed patient takes all records along).
    """
    sure: dict[tuple[str, str, str], _Pair] = {}
    for rule in ("alone", "lesion", "patient"):
        lesions = {(p.patient, p.lesion, p.new_patient, p.new_lesion) for p in sure.values()}
        patients = {(p.patient, p.new_patient) for p in sure.values()}
        taken = {(p.source, p.form, p.new_key) for p in sure.values()}
        open_pairs = [
            p
            for p in pairs
            if (p.source, p.form, p.key) not in sure
            and (p.source, p.form, p.new_key) not in taken
            and (
                rule == "alone"
                or (
                    rule == "lesion"
                    and (p.patient, p.lesion, p.new_patient, p.new_lesion) in lesions
                )
                or (
                    rule == "patient"
                    and p.lesion == p.new_lesion
                    and (p.patient, p.new_patient) in patients
                )
            )
        ]
        old = [(p.source, p.form, p.key) for p in open_pairs]
        new = [(p.source, p.form, p.new_key) for p in open_pairs]
        once_old = {key for key, count in Counter(old).items() if count == 1}
        once_new = {key for key, count in Counter(new).items() if count == 1}
        sure |= {
            key: p
            for key, other, p in zip(old, new, open_pairs, strict=True)
            if key in once_old and other in once_new
        }
    return sure


def _tables(
    connection: duckdb.DuckDBPyConnection, contracts: Collection[Contract]
) -> list[tuple[Contract, Form, str]]:
    """The forms that either state has records of, with their tables."""
    there = {
        name
        for (name,) in connection.execute(
            "select table_name from duckdb_tables() "
            "where database_name = 'before' and schema_name = 'main'"
        ).fetchall()
    }
    return [
        (contract, form, _table(contract, form))
        for contract in contracts
        for form in contract.forms.values()
        if f"{contract.source}__{form.name}" in there
    ]


def _filled(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The raw tables that hold a record."""
    tables = connection.execute(
        "select table_name, estimated_size > 0 from duckdb_tables() where schema_name = 'raw' "
        "union all select view_name, true from duckdb_views() where schema_name = 'raw'"
    ).fetchall()
    return [name for name, is_filled in tables if is_filled]


def _spec(contract: Contract, form: Form) -> FileSpec:
    """The file that holds a form."""
    return next(spec for spec in contract.file_specs() if spec.form in (form.name, None))


def _table(contract: Contract, form: Form) -> str:
    return f'"{contract.source}__{form.name}"'


def _records(contract: Contract, form: Form) -> str:
    """SQL that makes the table of a form's records, one per key, from schema raw."""
    spec = _spec(contract, form)
    texts = {column.name: _as_written(column, spec.headers) for column in form.columns}
    kinds = {column.name: column.type for column in form.columns}
    key = ", ".join(f"coalesce({_named(name, kinds[name], contract)}, '')" for name in form.key)
    content = _joined([_read(name) for name in texts])
    payload = [_read(name) for name in texts if name not in _WHOSE]
    outside_key = [_read(name) for name in texts if name not in (*_WHOSE, *form.key)]
    patient = _read("patient_id")
    lesion = _lesion(patient, _read("lesion_no")) if "lesion_no" in texts else "null"
    written = ", ".join(f"{text} as {_text(name)}" for name, text in texts.items())
    return (
        f"create table {_table(contract, form)} as "
        f"with written as not materialized (select _file as file, _line as line, {written} "
        f"from raw.{quoted(spec.raw_table)} where {_rows_of(contract, form)}), "
        f"{_reading('written', {_text(name): kinds[name] for name in kinds}, contract)} "
        f"select concat_ws('|', {key}) as record_key, {patient} as patient, "
        f"cast({lesion} as varchar) as lesion, {content} as content, "
        f"{_unless_blank(payload)} as payload, {_unless_blank(outside_key)} as outside_key, "
        f"file, line, {', '.join(_text(name) for name in texts)} from read "
        "qualify row_number() over (partition by record_key order by content desc, file, line) = 1"
    )


def _unless_blank(cells: list[str]) -> str:
    """The cells as one text, blank where all are."""
    if not cells:
        return "''"
    return f"coalesce(nullif({_joined(cells)}, repeat('|', {len(cells) - 1})), '')"


def _lesion(patient: str, number: str) -> str:
    """The lesion as people write it: at least two digits; null where a record names none."""
    zero = f"case when length({number}) = 1 then '0' else '' end"
    return f"case when {number} is not null then {patient} || '-L' || {zero} || {number} end"


def _rows_of(contract: Contract, form: Form) -> str:
    """Which rows of the raw table are records of the form; all, but in a REDCap export."""
    if contract.layout != "redcap":
        return "true"
    if form.repeating:
        return f"trim(redcap_repeat_instrument) = '{form.instrument}'"
    return (
        f"trim(redcap_event_name) = '{form.event}' "
        "and coalesce(trim(redcap_repeat_instrument), '') = ''"
    )


def _as_written(column: Column, headers: tuple[str, ...]) -> str:
    """A column's text; of a checkbox the codes that are ticked."""
    if not column.checkbox:
        return quoted(column.header)
    ticked = [header for header in headers if header.startswith(f"{column.header}___")]
    codes = ", ".join(
        f"case when trim({quoted(header)}) = '1' then '{header.split('___')[1]}' end"
        for header in ticked
    )
    return f"concat_ws('+', {codes})"


def _reading(relation: str, cells: dict[str, str], contract: Contract) -> str:
    """CTEs that add what its cells say to a relation; the last one is `read`.

    A cell text_<name> or <name> is read as read_<name>: blank is null, an id in capitals, a number
    without padding zeros, a date in ISO order up to the last part known; what cannot be read so
    stays plain text.

    Args:
        relation: a CTE before these.
        cells: its columns of text, with the types of what they hold.
        contract: the source's habits.
    """
    dates = [text for text, kind in cells.items() if kind == "date"]
    steps = [_stages(text, kind, contract) for text, kind in cells.items() if kind != "date"]
    if not dates:
        return f"read as ({_staged(relation, steps)})"
    read = "".join(f", {text}_date.read as {_read_as(text)}" for text in dates)
    joined = " ".join(
        f"left join dates as {text}_date on {relation}.{text} = {text}_date.text" for text in dates
    )
    return (
        f"dates as materialized ({_dates(relation, dates, contract)}), "
        f"dated as (select {relation}.*{read} from {relation} {joined}), "
        f"read as ({_staged('dated', steps)})"
    )


def _dates(relation: str, texts: list[str], contract: Contract) -> str:
    """SQL of every text of some columns once, with what it is read as.

    A form has many dates and few different ones.
    """
    habits = {
        "date_order": contract.date_order,
        "eras": contract.eras,
        "excel_serials": contract.excel_serials,
    }
    western, dated = "slashed", "iso"
    if contract.eras:
        western, dated = (
            render("western_date('slashed')"),
            render("date_within_era('slashed', 'iso')"),
        )
    sql = " union ".join(f"select distinct {text} as text from {relation}" for text in texts)
    for step, name in (
        (plain("text"), "plain"),
        (render(f"slashed_date('plain', {habits})"), "slashed"),
        (western, "western"),
        (render(f"iso_as_declared('western', {habits})"), "iso"),
    ):
        sql = f"select *, {step} as {name} from ({sql})"
    return f"select text, coalesce({dated}, plain) as read from ({sql})"


def _stages(text: str, kind: str, contract: Contract) -> list[tuple[str, str]]:
    """SQL, with aliases, that reads a cell that is no date step by step."""
    read, as_plain = _read_as(text), f"plain_{text}"
    first = (as_plain, plain(text))
    if kind == "id":
        return [first, (read, plain_id(as_plain))]
    if kind == "integer":
        number = f"case when regexp_matches({as_plain}, '^[-+]?[0-9]{{1,18}}$') "
        number += f"then cast(cast({as_plain} as bigint) as varchar) else {as_plain} end"
        return [first, (read, number)]
    if kind in ("decimal", "size"):
        mark = contract.decimal_mark
        number = f"cast(cast(replace({as_plain}, '{mark}', '.') as double) as varchar)"
        pattern = f"^[-+]?[0-9]{{1,15}}([{mark}][0-9]{{1,15}})?$"
        return [
            first,
            (
                read,
                f"case when regexp_matches({as_plain}, '{pattern}') then {number} "
                f"else {as_plain} end",
            ),
        ]
    return [(read, plain(text))]


def _staged(relation: str, steps: list[list[tuple[str, str]]]) -> str:
    """SQL that reads many cells, each step in a select of its own.

    Aliases used in the select that makes them would be written out wherever they stand.
    """
    sql = f"from {relation}"
    for number in range(max(map(len, steps))):
        made = [step[number] for step in steps if number < len(step)]
        inner = sql if number == 0 else f"from ({sql})"
        sql = "select *, " + ", ".join(f"{text} as {alias}" for alias, text in made) + f" {inner}"
    return sql


def _named(name: str, kind: str, contract: Contract) -> str:
    """SQL of a cell of a key: an id that is said to be missing is one that is not there."""
    if kind != "id" or not contract.missing_codes:
        return _read(name)
    missing = ", ".join(literal(code) for code in contract.missing_codes)
    return f"case when {_read(name)} not in ({missing}) then {_read(name)} end"


def _read(name: str) -> str:
    return f"read_{name}"


def _read_as(text: str) -> str:
    """What a cell is called once it is read."""
    return _read(text.removeprefix("text_"))


def _joined(parts: list[str]) -> str:
    return "concat_ws('|', " + ", ".join(f"coalesce({part}, '')" for part in parts) + ")"


def _text(name: str) -> str:
    return f"text_{name}"
