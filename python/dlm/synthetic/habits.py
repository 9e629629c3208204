"""Each data centre's way of writing things down: canonical forms in, raw text out.

Headers and types come from the contracts, codes from the code lists that the warehouse reads; what
is decided here is only which of the allowed ways a site uses.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow.csv import WriteOptions, write_csv

from dlm.contracts import Column, Contract, Form, redcap_headers
from dlm.synthetic.common import Bools, Tables, Texts, day_date, where

CodeList = dict[tuple[str, str], dict[str, list[str]]]

FULL_WIDTH = str.maketrans("0123456789-/.", "０１２３４５６７８９－／．")
# Sites with ways of their own.
FULL_WIDTH_DATES = ("JP04", "JP11")
FULL_WIDTH_NUMBERS = ("JP04", "JP08")
FULL_WIDTH_IDS = ("JP09",)
FULL_WIDTH_ID_FORMS = ("registration", "outcome")
ERA_NAMES = ("JP02", "JP07")
ERA_LETTERS = ("JP12",)
SECOND_LABELS = ("JP03", "JP06", "JP10")
# What a site writes where others leave the cell blank, by form and column.
MISSING_BY_SITE = {
    ("registration", "cea"): {"EU02": "ND", "EU04": "NA", "JP05": "不明", "US02": "UNK"},
    ("surgery", "blood_loss_ml"): {"EU01": "ND", "JP01": "不明", "US01": "ND"},
    ("pathology", "trg"): {"EU03": "NE", "JP06": "未実施"},
    ("pathology", "viable_pct"): {"EU03": "NE"},
}
# Ways to write a date at Japanese sites.
STYLES = ("plain", "wide", "era_name", "era_letter")
REIWA_BEGINS = (2019, 5, 1)

JAPANESE_TEXT = {
    "not found at surgery": "術中に同定できず",
    "remnant liver too small": "残肝容量不足",
    "deep lesion": "深部病変",
    "resected with its segment": "区域切除に含む",
    "planned for second stage": "二期目に予定",
    "arterial phase missing": "動脈相なし",
    "motion in hepatobiliary phase": "肝細胞相の体動",
    "dome not covered": "ドーム下が撮像範囲外",
    "no contrast given": "造影なし",
}


def read_code_lists(path: Path) -> CodeList:
    """The source values of each code, by source and list, in the order of the file."""
    lists: CodeList = {}
    with path.open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle, strict=True):
            values = lists.setdefault((row["source"], row["list_name"]), {})
            values.setdefault(row["code"], []).append(row["source_value"])
    return lists


def raw_forms(
    tables: Tables, contract: Contract, codes: CodeList, wide_ids: Sequence[str] = FULL_WIDTH_IDS
) -> Tables:
    """The forms of one source as that source writes them, all text.

    ``wide_ids`` are the sites that write patient ids with full-width digits in some forms.

    Returns:
        One frame per form, with the headers of the contract. A REDCap source's checkbox column
        is left as ``4a+6`` for ``redcap_export`` to spread.
    """
    prefix = {"eortc": "EU", "jcog": "JP", "us": "US"}[contract.source]
    raw: Tables = {}
    for name, form in contract.forms.items():
        own = tables[name]
        rows = _each(own["patient_id"].to_numpy(dtype=object), lambda patient: patient[:2])
        own = own[rows == prefix].reset_index(drop=True)
        raw[name] = _raw_form(own, contract, form, codes, wide_ids)
    return raw


def _raw_form(
    frame: pd.DataFrame,
    contract: Contract,
    form: Form,
    codes: CodeList,
    wide_ids: Sequence[str],
) -> pd.DataFrame:
    site = _each(frame["patient_id"].to_numpy(dtype=object), lambda patient: patient[:4])
    columns = {}
    for column in form.columns:
        values = _raw_column(frame, column, contract, site, codes)
        if column.name == "patient_id" and form.name in FULL_WIDTH_ID_FORMS:
            values = _full_width_id(values, _is_one(site, wide_ids))
        if f"_raw_{column.name}" in frame:
            planted = frame[f"_raw_{column.name}"].to_numpy(dtype=object)
            values = where(planted != "", planted, values)
        for where_site, code in MISSING_BY_SITE.get((form.name, column.name), {}).items():
            values = where((values == "") & (site == where_site), code, values)
        columns[column.header] = values
    return pd.DataFrame(columns, dtype=object)


def _raw_column(
    frame: pd.DataFrame,
    column: Column,
    contract: Contract,
    site: Texts,
    codes: CodeList,
) -> Texts:
    values = frame[column.name]
    if column.type == "date":
        kind = f"{column.name}_precision"
        precision = frame[kind].to_numpy(dtype=object) if kind in frame else None
        return _dates(values.to_numpy(dtype=np.float64), precision, contract.source, site)
    if column.type in ("integer", "decimal", "size"):
        return _numbers(values.to_numpy(dtype=np.float64), column, contract, site)
    given = values.to_numpy(dtype=object)
    if column.type == "code":
        assert column.list is not None
        return _codes(given, codes[(contract.source, column.list)], site)
    if contract.source == "jcog" and column.type == "text":
        return _each(given, lambda value: JAPANESE_TEXT.get(value, value))
    if contract.source == "jcog" and column.type == "segments":
        return _full_width(given, _is_one(site, FULL_WIDTH_NUMBERS))
    if column.name == "site_id" and contract.layout == "redcap":
        # REDCap lower-cases the name of a data access group.
        return _each(given, str.lower)
    return given


def _each(values: Texts, change: Callable[[str], str]) -> Texts:
    """A change of text, applied once to each distinct value."""
    back, distinct = pd.factorize(values)
    return np.asarray([change(value) for value in distinct] or [""], dtype=object)[back]


def _is_one(values: Texts, wanted: Sequence[str]) -> Bools:
    """Which of the values are among those wanted."""
    back, distinct = pd.factorize(values)
    return np.asarray([value in wanted for value in distinct] or [False], dtype=np.bool_)[back]


def _full_width(values: Texts, rows: np.ndarray) -> Texts:
    return where(rows, _each(values, lambda value: value.translate(FULL_WIDTH)), values)


def _full_width_id(values: Texts, rows: np.ndarray) -> Texts:
    """``JP09-012`` with full-width hyphen and number."""

    def wide(value: str) -> str:
        return value[:4] + value[4:].translate(FULL_WIDTH)

    return where(rows, _each(values, wide), values)


def _codes(values: Texts, code_list: dict[str, list[str]], site: Texts) -> Texts:
    """Source values of codes; sites of ``SECOND_LABELS`` use the second label if there is one."""
    first = {code: labels[0] for code, labels in code_list.items()}
    second = {code: labels[min(1, len(labels) - 1)] for code, labels in code_list.items()}
    usual = _each(values, lambda value: first.get(value, value))
    other = _each(values, lambda value: second.get(value, value))
    return where(_is_one(site, SECOND_LABELS), other, usual)


def _numbers(values: np.ndarray, column: Column, contract: Contract, site: Texts) -> Texts:
    scale = 10.0 if column.type == "size" and contract.size_unit == "cm" else 1.0

    def plain(number: float) -> str:
        written = f"{number / scale:.2f}".rstrip("0").rstrip(".")
        return written.replace(".", contract.decimal_mark)

    # The last of the written values is for no number, which pandas counts as -1.
    back, distinct = pd.factorize(values)
    written = np.asarray([*(plain(float(number)) for number in distinct), ""], dtype=object)[back]
    if contract.source == "jcog" and column.name in ("age", "chemo_cycles", "baseline_size"):
        return _full_width(written, _is_one(site, FULL_WIDTH_NUMBERS))
    return written


def _dates(days: np.ndarray, precision: Texts | None, source: str, site: Texts) -> Texts:
    """Dates in the order of the source; unknown parts as ``--``; eras at some Japanese sites."""
    style = np.zeros(len(days), dtype=np.int64)
    if source == "jcog":
        for number, sites in enumerate((FULL_WIDTH_DATES, ERA_NAMES, ERA_LETTERS), start=1):
            style[_is_one(site, sites)] = number
    if precision is None:
        kind, kinds = np.zeros(len(days), dtype=np.int64), np.asarray(["day"], dtype=object)
    else:
        kind, kinds = pd.factorize(precision)
    # One number for what a cell shows; the last of the written values is for no date.
    shown = np.where(np.isnan(days), np.nan, (days * len(kinds) + kind) * len(STYLES) + style)
    back, distinct = pd.factorize(shown)
    written = []
    for number in distinct:
        rest, way = divmod(int(number), len(STYLES))
        day, part = divmod(rest, len(kinds))
        written.append(_date_text(day, kinds[part], STYLES[way], source))
    return np.asarray([*written, ""], dtype=object)[back]


@cache
def _date_text(day: float, precision: str, style: str, source: str) -> str:
    known = day_date(day)
    year = f"{known.year:04d}"
    month = "--" if precision == "year" else f"{known.month:02d}"
    date = f"{known.day:02d}" if precision == "day" else "--"
    if source == "eortc":
        return f"{date}/{month}/{year}"
    if source == "us":
        return f"{month}/{date}/{year}"
    if precision != "day" or style == "plain":
        return f"{year}/{month}/{date}"
    if style == "wide":
        return f"{year}/{month}/{date}".translate(FULL_WIDTH)
    reiwa = (known.year, known.month, known.day) >= REIWA_BEGINS
    era_year = known.year - (2018 if reiwa else 1988)
    if style == "era_letter":
        return f"{'R' if reiwa else 'H'}{era_year}.{known.month}.{known.day}"
    ordinal = "元" if era_year == 1 else str(era_year)
    return f"{'令和' if reiwa else '平成'}{ordinal}年{known.month}月{known.day}日"


def redcap_export(raw: Tables, contract: Contract) -> pd.DataFrame:
    """One REDCap export of all instruments, records in order, instruments in that of the contract.

    Repeating instruments are counted from 1 within a record; for lesions the instance is the
    lesion number.
    """
    headers = list(redcap_headers(contract.dictionary_path()))
    site_of = dict(
        zip(
            raw["registration"]["record_id"],
            raw["registration"]["redcap_data_access_group"],
            strict=True,
        )
    )
    parts = []
    for name, form in contract.forms.items():
        frame = raw[name].copy()
        record = frame["record_id"]
        frame["redcap_event_name"] = form.event
        frame["redcap_repeat_instrument"] = form.instrument if form.repeating else ""
        if not form.repeating:
            frame["redcap_repeat_instance"] = ""
        elif "redcap_repeat_instance" not in frame:
            frame["redcap_repeat_instance"] = (frame.groupby("record_id").cumcount() + 1).astype(
                str
            )
        prefix = record.str[:4].str.lower()
        frame["redcap_data_access_group"] = record.map(site_of).fillna(prefix)
        for column in form.columns:
            if column.checkbox:
                frame = _spread(frame, column.header, headers)
        parts.append(frame)
    export = pd.concat([part.reindex(columns=headers, fill_value="") for part in parts])
    rank = pd.factorize(export["record_id"].to_numpy(), sort=True)[0]
    # Parts stand in the order of the instruments, and their rows in that of the form.
    return export.take(np.argsort(rank, kind="stable")).reset_index(drop=True)


def _spread(frame: pd.DataFrame, field: str, headers: list[str]) -> pd.DataFrame:
    """A checkbox field as one 0/1 column per choice."""
    back, distinct = pd.factorize(frame[field].to_numpy())
    chosen = [value.split("+") for value in distinct]
    for header in headers:
        if header.startswith(f"{field}___"):
            code = header.removeprefix(f"{field}___")
            ticked = ["1" if code in codes else "0" for codes in chosen]
            frame[header] = np.asarray(ticked or [""], dtype=object)[back]
    return frame.drop(columns=field)


def csv_text(frame: pd.DataFrame, delimiter: str) -> str:
    """A raw form as CSV with LF line ends; quotation marks only where a value needs them.

    Headers are written as they are, for contracts have none that needs them.
    """
    return delimiter.join(frame.columns) + "\n" + csv_body(frame, delimiter).decode("utf-8")


def csv_body(frame: pd.DataFrame, delimiter: str) -> bytes:
    """The rows of a raw form as UTF-8 CSV, without the header."""
    try:
        return csv_rows(arrow_table(frame), delimiter)
    except pa.ArrowInvalid:
        text = frame.to_csv(sep=delimiter, index=False, header=False, lineterminator="\n")
        return text.encode("utf-8")


def arrow_table(frame: pd.DataFrame) -> pa.Table:
    """A raw form as Arrow text."""
    columns = {name: pa.array(frame[name].to_numpy(), pa.string()) for name in frame}
    return pa.table(columns)


def csv_rows(table: pa.Table, delimiter: str) -> bytes:
    """Rows as CSV without quotation marks.

    Raises:
        pa.ArrowInvalid: a value needs them.
    """
    options = WriteOptions(include_header=False, delimiter=delimiter, quoting_style="none")
    sink = pa.BufferOutputStream()
    write_csv(table, sink, options)
    return bytes(sink.getvalue().to_pybytes())
