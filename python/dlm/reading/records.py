"""The strict path: text to records, one physical line after the other.

Python's ``csv`` accepts a quote inside an unquoted field and, after a bad record, goes on at a
place that may be inside another one. So records are cut here: a record that breaks the rules is
quarantined when it is certain where the next one begins, and the file is refused when it is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from dlm.errors import DeliveryRefused, Problem
from dlm.reading.content import refused

FIELD_LIMIT = 64 * 1024
"""Characters of a field."""
RECORD_LIMIT = 4 * FIELD_LIMIT
"""Characters of a record that spans lines; longer, its quotes are taken to be broken."""
LINE_LIMIT = 16 * 1024**2
FIELD_TOO_LONG = ("field_too_long", f"a field is longer than {FIELD_LIMIT} characters")
"""Code and text of the problem of a record that has one."""


FOOTER = (
    r"(?i)^\s*(?:(?:(?:grand |sub)?totals?|sum|count|records?|rows?|end of (?:file|report|data)"
    r"|exported|printed|generated|page|gesamt|summe|anzahl|seite|somme|nombre"
    r"|合計|総計|小計|計|件数|総件数|出力日|以上)(?:$|[ :=.,(（：].*)"
    r"|[0-9]+ ?(?:records?|rows?|patients?|lignes?|zeilen|件|例)(?:$|[ .,].*))"
)
"""What stands in the place of the patient where a line tells about the file (totals, a date)."""
_FOOTER = re.compile(FOOTER)


def is_footer(patient: str) -> bool:
    """Whether what stands for the patient says that the line is no record."""
    return _FOOTER.match(patient) is not None


class Fault(Enum):
    """Why a record could not be cut into fields."""

    OPEN = "open"
    INSIDE = "inside"
    AFTER = "after"


@dataclass(frozen=True)
class Record:
    """One record of a file.

    Attributes:
        line: physical line it starts on.
        fields: its fields; where there is a fault, what could be cut and the rest as one.
        fault: why it goes to quarantine; None for a good one.
        ended: whether a newline ends it.
        bare: whether it ends with a line feed alone.
        lines: physical lines it takes.
    """

    line: int
    fields: list[str]
    fault: Problem | None
    ended: bool
    bare: bool
    lines: int


def cut_fields(text: str, delimiter: str) -> tuple[list[str], Fault | None]:
    """The fields of one record without its newline, and what is wrong with its quotes.

    Where something is, the last field is all that could not be cut.
    """
    if '"' not in text:
        return text.split(delimiter), None
    fields: list[str] = []
    at, length = 0, len(text)
    while True:
        if text.startswith('"', at):
            close = _closing_quote(text, at + 1)
            if close < 0:
                return [*fields, text[at:]], Fault.OPEN
            after = close + 1
            if after < length and text[after] != delimiter:
                return [*fields, text[at:]], Fault.AFTER
            fields.append(text[at + 1 : close].replace('""', '"'))
        else:
            after = text.find(delimiter, at)
            after = length if after < 0 else after
            if '"' in text[at:after]:
                return [*fields, text[at:]], Fault.INSIDE
            fields.append(text[at:after])
        if after == length:
            return fields, None
        at = after + 1


def _closing_quote(text: str, start: int) -> int:
    """Where the first quote that is not doubled stands; -1 if nowhere."""
    close = text.find('"', start)
    while close >= 0 and text.startswith('"', close + 1):
        close = text.find('"', close + 2)
    return close


def physical_lines(texts: Iterable[str], name: str, newline: str) -> Iterator[tuple[str, bool]]:
    """Each line without its newline character, and whether it had one."""
    kept = ""
    for text in texts:
        *lines, kept = (kept + text).split(newline)
        for line in lines:
            yield line, True
        if len(kept) > LINE_LIMIT:
            raise refused(
                name, None, "line_too_long", f"has a line of more than {LINE_LIMIT} characters"
            )
    if kept:
        yield kept, False


def cut_records(
    lines: Iterator[tuple[str, bool]], name: str, delimiter: str, newline: str, quotes: bool
) -> Iterator[Record]:
    """Each record with the line it starts on; blank lines outside quotes hold none.

    Args:
        lines: the physical lines.
        name: how the file is called in errors.
        delimiter: one character.
        newline: what ends a line; a carriage return before a line feed belongs to the newline.
        quotes: whether the file has any quotation mark.

    Raises:
        DeliveryRefused: a quote is left open, so that later records cannot be told.
    """
    number = 0
    for line, ended in lines:
        number += 1
        start = number
        bare = not line.endswith("\r")
        text = line if bare else line[:-1]
        if not text:
            continue
        fields, fault = cut_fields(text, delimiter) if quotes else (text.split(delimiter), None)
        while fault is Fault.OPEN:
            line, number, ended = _to_closing_quote(line, lines, name, start, number, newline)
            bare = not line.endswith("\r")
            text = line if bare else line[:-1]
            fields, fault = cut_fields(text, delimiter)
            if fault is Fault.OPEN and len(text) > RECORD_LIMIT:
                raise _left_open(name, start)
        problem = None
        if fault is not None:
            problem = _quote_problem(text, fault, name, start, number)
        elif len(text) > FIELD_LIMIT and max(map(len, fields)) > FIELD_LIMIT:
            problem = Problem(name, start, None, *FIELD_TOO_LONG)
        elif _stray_newline(text, fields, newline):
            problem = Problem(
                name,
                start,
                None,
                "stray_newline",
                "a carriage return or line feed stands inside an unquoted field; "
                "quote the field or remove it",
            )
        yield Record(start, fields, problem, ended, bare, number - start + 1)


def _to_closing_quote(
    text: str, lines: Iterator[tuple[str, bool]], name: str, start: int, number: int, newline: str
) -> tuple[str, int, bool]:
    """The record so far with the lines up to the one that closes the quote."""
    pieces, length = [text], 0
    for line, ended in lines:
        number += 1
        pieces.append(line)
        if _closing_quote(line, 0) >= 0:
            return newline.join(pieces), number, ended
        length += len(line) + 1
        if length > FIELD_LIMIT:
            break
    raise _left_open(name, start)


def _left_open(name: str, start: int) -> DeliveryRefused:
    return refused(
        name,
        start,
        "open_quote",
        f"a quote that opens in the record starting here is not closed within {FIELD_LIMIT} "
        "characters or by the end of the file, so where later records begin cannot be known; "
        "close it and send the file again",
    )


def _quote_problem(text: str, fault: Fault, name: str, start: int, number: int) -> Problem:
    """Quarantine for a misplaced quote, or refusal where the record's end is uncertain."""
    if number > start or (fault is Fault.AFTER and text.count('"') % 2):
        raise refused(
            name,
            start,
            "open_quote",
            f"quotes in the record starting here do not pair up (by line {number}), so where "
            "later records begin cannot be known; mend it and send the file again",
        )
    if fault is Fault.INSIDE:
        what = "a quote stands inside a field; double it and quote the whole field"
    else:
        what = "text follows a closing quote; double quotes inside a quoted field"
    return Problem(name, start, None, "bad_quote", what)


def _stray_newline(text: str, fields: list[str], newline: str) -> bool:
    """Whether a newline character that ends no line stands outside quotes."""
    other = "\n" if newline == "\r" else "\r"
    if other not in text:
        return False
    if '"' not in text:
        return True
    # Inside quotes newlines are text; what is left of the record without its quoted parts.
    outside = text.split('"')[::2]
    return any(other in piece for piece in outside) and any(other in item for item in fields)
