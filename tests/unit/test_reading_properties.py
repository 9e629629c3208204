"""Random tables in random legal habits read back exactly; damage is never silent."""

from __future__ import annotations

import codecs
import gzip
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loading import Outcome, read_bytes

from dlm.contracts import Contract, FileSpec, load_contracts
from dlm.errors import DeliveryRefused
from dlm.reading import fast
from dlm.reading.records import cut_fields

SETTINGS = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "cp932", "cp1252")
WIDTH = 4
HEADERS = tuple(f"COL{number}" for number in range(WIDTH))
SPEC = FileSpec("eortc", "t", "t", "eortc__t", HEADERS, dict.fromkeys(HEADERS, "code"))
# No digits and no capitals: the privacy gate has its own tests.
LETTERS = "abcxyzéß -+=@'.,;|\t\"#"
JAPANESE = "消失残存切除ア、　，"


@dataclass(frozen=True)
class Habits:
    """One legal way to write a table."""

    encoding: str
    delimiter: str
    newline: str
    quote_all: bool
    last_newline: bool
    gzipped: bool

    def contract(self) -> Contract:
        plain = self.encoding.removesuffix("-sig")
        encodings = (plain,) if not plain.startswith("utf-16") else ("utf-8",)
        return replace(load_contracts()["eortc"], encodings=encodings, delimiter=self.delimiter)

    def write(self, rows: list[list[str]]) -> bytes:
        text = self.newline.join(
            self.delimiter.join(self._field(field) for field in row) for row in rows
        )
        text += self.newline if self.last_newline else ""
        marks = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
        data = marks.get(self.encoding, b"") + text.encode(self.encoding)
        return gzip.compress(data, mtime=0) if self.gzipped else data

    def _field(self, field: str) -> str:
        if self.quote_all or any(sign in field for sign in (self.delimiter, '"', "\n", "\r")):
            return '"' + field.replace('"', '""') + '"'
        return field

    def read(self, data: bytes, allow_fast: bool = True) -> Outcome:
        with tempfile.TemporaryDirectory() as folder:
            return read_bytes(
                Path(folder),
                data,
                suffix=".csv.gz" if self.gzipped else ".csv",
                contract=self.contract(),
                spec=SPEC,
                allow_fast=allow_fast,
            )


habits = st.builds(
    Habits,
    encoding=st.sampled_from(ENCODINGS),
    delimiter=st.sampled_from(",;\t|"),
    newline=st.sampled_from(["\n", "\r\n"]),
    quote_all=st.booleans(),
    last_newline=st.booleans(),
    gzipped=st.booleans(),
)
plain_habits = st.builds(
    Habits,
    encoding=st.sampled_from(["utf-8", "utf-8-sig"]),
    delimiter=st.sampled_from(",;\t|"),
    newline=st.sampled_from(["\n", "\r\n"]),
    quote_all=st.booleans(),
    last_newline=st.booleans(),
    gzipped=st.booleans(),
)


def tables(encoding: str, signs: str) -> st.SearchStrategy[list[list[str]]]:
    def can_say(character: str) -> bool:
        try:
            return character.encode(encoding).decode(encoding) == character
        except UnicodeError:
            return False

    field = st.text([c for c in signs if can_say(c)], max_size=8)
    return st.lists(st.lists(field, min_size=WIDTH, max_size=WIDTH), max_size=12)


def kept(rows: list[list[str]]) -> list[list[str]]:
    """What a table comes to: blank records are quarantined, the first of equal ones stays."""
    found: list[list[str]] = []
    for row in rows:
        if any(row) and row not in found:
            found.append(row)
    return found


@given(st.data(), habits)
@SETTINGS
def test_a_table_in_legal_habits_reads_back_exactly(data: st.DataObject, habit: Habits) -> None:
    plain = habit.encoding.removesuffix("-sig")
    rows = data.draw(tables(plain, LETTERS + JAPANESE + "\r\n\x1f\x1e\u2028\x85"))
    order = data.draw(st.permutations(range(WIDTH)))
    written = [[row[at] for at in order] for row in [list(HEADERS), *rows]]
    outcome = habit.read(habit.write(written))
    assert outcome.records == kept(rows)
    assert {problem.code for problem in outcome.quarantined} <= {"blank_record"}
    assert outcome.records_in == len(rows)


@given(st.data(), plain_habits)
@SETTINGS
def test_the_fast_path_equals_the_strict_one(data: st.DataObject, habit: Habits) -> None:
    rows = data.draw(tables("utf-8", LETTERS + JAPANESE + "\n\x1f\x1e\u2028\x85"))
    written = habit.write([list(HEADERS), *rows])
    # Small blocks, so that records and characters stand across their ends.
    size, fast.BLOCK = fast.BLOCK, data.draw(st.sampled_from([64, 100, 1 << 20]))
    try:
        quick = habit.read(written)
    finally:
        fast.BLOCK = size
    slow = habit.read(written, allow_fast=False)
    assert not slow.account.fast
    assert (quick.records, quick.lines, quick.hashes) == (slow.records, slow.lines, slow.hashes)
    assert quick.quarantined == slow.quarantined
    assert quick.exact_duplicates == slow.exact_duplicates
    # Whatever needs a judgement is left to the strict path.
    simple = all(any(row) for row in rows) and (rows or habit.last_newline)
    if simple and not any("\n" in field for row in rows for field in row):
        assert quick.account.fast


@given(st.data(), habits, st.sampled_from(["drop", "insert", "change", "cut", "swap"]))
@SETTINGS
def test_damage_gives_no_traceback_and_loses_nothing_unseen(
    data: st.DataObject, habit: Habits, damage: str
) -> None:
    habit = replace(habit, encoding="utf-8", gzipped=False)
    rows = data.draw(tables("utf-8", LETTERS + JAPANESE + "\n"))
    rows = [[f"r{chr(97 + n)}", *row[1:]] for n, row in enumerate(rows)]
    good = habit.write([list(HEADERS), *rows])
    at = data.draw(st.integers(0, len(good) - 1))
    byte = bytes([data.draw(st.sampled_from(list(b'",;\t|\r\n\x00\xffax')))])
    bad = {
        "drop": good[:at] + good[at + 1 :],
        "insert": good[:at] + byte + good[at:],
        "change": good[:at] + byte + good[at + 1 :],
        "cut": good[:at],
        "swap": good[:at] + good[at : at + 2][::-1] + good[at + 2 :],
    }[damage]
    try:
        outcome = habit.read(bad)
    except DeliveryRefused as refusal:
        assert refusal.problems
        return
    # One damaged byte touches at most two records; what else was loaded is as it was written.
    strange = [record for record in outcome.records if record not in rows]
    assert len(strange) <= 2
    gone = [row for row in rows if row not in outcome.records]
    if damage != "cut":
        assert len(gone) <= 2 or outcome.quarantined
    for line in outcome.lines:
        assert line <= bad.count(b"\n") + bad.count(b"\r") + 1
    strict = habit.read(bad, allow_fast=False)
    assert (strict.records, strict.lines, strict.quarantined, strict.warnings) == (
        outcome.records,
        outcome.lines,
        outcome.quarantined,
        outcome.warnings,
    )


@given(st.binary(max_size=400), st.sampled_from([".csv", ".csv.gz", ".xlsx"]))
@SETTINGS
def test_any_bytes_are_read_or_refused(data: bytes, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for start in (b"", ";".join(HEADERS).encode() + b"\n"):
            try:
                read_bytes(Path(folder), start + data, suffix=suffix, spec=SPEC)
            except DeliveryRefused as refusal:
                assert refusal.problems


@given(st.lists(st.text(LETTERS + "\n", max_size=6), min_size=1, max_size=5), st.booleans())
@SETTINGS
def test_fields_are_cut_where_they_were_joined(fields: list[str], quote_all: bool) -> None:
    habit = Habits("utf-8", ";", "\n", quote_all, True, False)
    assert cut_fields(";".join(habit._field(field) for field in fields), ";") == (fields, None)


@pytest.mark.parametrize(
    "line",
    ['"a"b;c;d;e', 'a"b;c;d;e', '"a;"b";c;d', '"a;b;c;d', '"a""b;c";d;e', '"";"";"";""',
     '"a" ;b;c;d', '"a;b";"c;d";"e', 'a;b;c;"d\ne";f;g', '"a"";b;c;d\n"e"";b;c;d'],
)  # fmt: skip
@pytest.mark.parametrize("around", ["x;y;z;w", '"x";"y";z;"w"', '"x ""y""";y;z;w'])
def test_quotes_out_of_place_are_left_to_the_strict_path(line: str, around: str) -> None:
    habit = Habits("utf-8", ";", "\n", False, True, False)
    data = "\n".join([";".join(HEADERS), around, line, around + "2", ""]).encode()
    read = []
    for allowed in (True, False):
        try:
            outcome = habit.read(data, allow_fast=allowed)
        except DeliveryRefused as refusal:
            read.append(str(refusal))
            continue
        assert not outcome.account.fast
        read.append(str((outcome.records, outcome.lines, outcome.quarantined)))
    assert read[0] == read[1]


@pytest.mark.parametrize("size", [3, 50_001])
def test_duplicates_keep_their_first_line_in_both_paths(size: int) -> None:
    habit = Habits("utf-8", ";", "\n", False, True, False)
    rows = [["a", "b", "", chr(97 + n % 26) * (n % 500 + 1)] for n in range(size)]
    data = habit.write([list(HEADERS), *rows, *rows[:2]])
    outcomes = [habit.read(data, allow_fast=allowed) for allowed in (True, False)]
    assert [outcome.account.fast for outcome in outcomes] == [True, False]
    assert outcomes[0].records == outcomes[1].records
    assert outcomes[0].lines == outcomes[1].lines
    assert outcomes[0].exact_duplicates == outcomes[1].exact_duplicates >= 2
    assert outcomes[0].lines[:3] == [2, 3, 4]
