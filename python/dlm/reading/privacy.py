"""The privacy gate: a file that names people is refused before any value of it is kept.

Headers and values are compared with the words and patterns in privacy.yml. What is found is told
by column, kind and line; the value itself never leaves this module.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dlm.contracts import COLUMN_TYPES, FREE_TEXT, FileSpec
from dlm.errors import DeliveryRefused, Problem
from dlm.yaml_text import load_yaml

SHARE = 0.05
PATIENT = "patient"
"""What the gate calls the type of the column that identifies the patient."""
_SHORTEST = 6
"""Bytes of the shortest value that a pattern can match (an e-mail address, two kanji)."""
_REMEMBERED = 20_000
"""Values of a column that are remembered as harmless, about."""
_SHORT = 40
"""Bytes of the longest value that is remembered: what comes again is a date, a code or a reader."""
_HARMLESS = (
    r"^(?:[A-Za-z]{2}[0-9]{2}-[A-Za-z0-9]{1,7}(?:-[A-Za-z0-9]{1,4}){0,3}"
    r"|[0-9-]{1,2}[/.-][0-9-]{1,2}[/.-][0-9]{4}|[0-9]{4}[/.-][0-9-]{1,2}[/.-][0-9-]{1,2})$"
)
"""Trial identifiers, and (in columns that are not free text) dates."""
_MEASURE = r"^ *-?(?:[0０]|[1-9１-９][0-9０-９]{0,6})(?:[.,．，][0-9０-９]+)? *$"
"""A number whose digits before the decimal mark are too few to tell of anyone."""
_MEASURES = ("decimal", "size")
"""Types of columns that hold such."""

_NO_WORDS = frozenset(("unknown", "none", "null", "test", "total", "missing"))
"""Words that stand where an identifier should and are no names."""


@dataclass(frozen=True)
class _Rule:
    kind: str
    pattern: str
    certain: frozenset[str]
    share: frozenset[str]
    check: str | None


@dataclass(frozen=True)
class _Words:
    headers: tuple[tuple[str, frozenset[str], tuple[str, ...]], ...]
    rules: tuple[_Rule, ...]
    given: frozenset[str]
    ambiguous: frozenset[str]
    surnames: frozenset[str]
    not_names: frozenset[str]
    surnames_ja: tuple[str, ...]
    full_name_ja: re.Pattern[str]


@dataclass
class PrivacyGate:
    """Looks at every value of a file, batch by batch; holds counts, and values that are harmless.

    Attributes:
        name: how the file is called in errors.
        spec: which file of the source it is.
    """

    name: str
    spec: FileSpec
    _problems: list[Problem] = field(default_factory=list)
    _filled: dict[int, int] = field(default_factory=dict)
    _hits: dict[tuple[int, str], tuple[int, int]] = field(default_factory=dict)
    _harmless: dict[int, pa.Array] = field(default_factory=dict)

    def look(self, batch: pa.RecordBatch, lines: np.ndarray[Any, Any]) -> None:
        """Look at a batch, whose columns are those of the contract in order.

        Raises:
            DeliveryRefused: a value names a person for certain.
        """
        for position, header in enumerate(self.spec.headers):
            column = batch.column(position)
            values, lengths = _distinct(column)
            filled = int(np.count_nonzero(lengths))
            if not filled:
                continue
            self._filled[position] = self._filled.get(position, 0) + filled
            if int(lengths.max()) < _SHORTEST:
                continue
            kind = self.spec.types.get(header, "text")
            if header == self.spec.patient:
                kind = PATIENT
            elif kind in FREE_TEXT:
                kind = "text"
            fresh = self._unseen(position, values())
            suspects = _suspects(fresh, kind)
            self._remember(position, fresh, suspects)
            for rule, value in suspects:
                rows = np.flatnonzero(pc.equal(column, value).to_numpy(zero_copy_only=False))
                if not len(rows):
                    continue
                line = int(lines[rows[0]])
                if kind in rule.certain:
                    self._add(header, line, f"holds {rule.kind}")
                else:
                    hits, first = self._hits.get((position, rule.kind), (0, line))
                    self._hits[position, rule.kind] = (hits + len(rows), min(first, line))
        self._refuse_if_any()

    def _unseen(self, position: int, values: pa.Array) -> pa.Array:
        """Those of some distinct values that were not found harmless in this column before."""
        known = self._harmless.get(position)
        if known is None:
            return values
        return values.filter(pc.invert(pc.is_in(values, value_set=known)))

    def _remember(self, position: int, values: pa.Array, suspects: list[tuple[_Rule, Any]]) -> None:
        """Know the values that no rule suspects when they come again, as dates and codes do."""
        known = self._harmless.get(position)
        if not len(values) or (known is not None and len(known) > _REMEMBERED):
            return
        values = values.filter(pc.less_equal(pc.binary_length(values), _SHORT))
        if suspects:
            told = pa.array([value.as_py() for _, value in suspects], values.type)
            values = values.filter(pc.invert(pc.is_in(values, value_set=told)))
        parts = [values] if known is None else [known, values]
        self._harmless[position] = pa.concat_arrays(parts)

    def look_at_damaged(self, line: int, fields: list[str]) -> None:
        """Look at what could be cut of a record that goes to quarantine."""
        for value in fields:
            if len(value.encode()) >= _SHORTEST and not re.match(_MEASURE, value):
                kind = private_text(value)
                if kind:
                    self._add(None, line, f"holds {kind}")
        self._refuse_if_any()

    def end(self) -> None:
        """Judge what only the whole file shows.

        Raises:
            DeliveryRefused: too many values of a column look like people's data.
        """
        for (position, kind), (hits, line) in sorted(self._hits.items()):
            if hits > SHARE * self._filled[position]:
                self._add(
                    self.spec.headers[position],
                    line,
                    f"holds {kind} in more than {SHARE:.0%} of its values, first here",
                )
        self._refuse_if_any()

    def _add(self, column: str | None, line: int, what: str) -> None:
        self._problems.append(
            Problem(
                self.name,
                line,
                column,
                "private_data",
                f"{what}; the whole file is refused and nothing of it was kept: "
                "remove what names people and send the file again",
            )
        )

    def _refuse_if_any(self) -> None:
        if self._problems:
            told = {(problem.column, problem.text): problem for problem in self._problems[::-1]}
            raise DeliveryRefused(sorted(told.values(), key=lambda problem: problem.line or 0))


def private_header(header: str) -> str | None:
    """The kind of personal data that a header announces."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", header)
    folded = unicodedata.normalize("NFKC", spaced).casefold()
    words = set(re.split(r"[\W_]+", folded))
    joined = re.sub(r"[\W_]+", "", folded)
    for kind, whole, parts in _words().headers:
        if words & whole or joined in whole or any(part in joined for part in parts):
            return kind
    return None


def private_text(text: str) -> str | None:
    """The kind of personal data that a piece of free text holds for certain."""
    return private_texts([text])


def private_texts(texts: Collection[str]) -> str | None:
    """The kind of personal data that the first of some texts to hold any holds for certain."""
    for rule, _ in _suspects(pa.array(list(texts), pa.string()), "text"):
        if "text" in rule.certain:
            return rule.kind
    return None


def value_lengths(column: pa.Array) -> np.ndarray[Any, Any]:
    """Bytes of each value of a text column."""
    if not len(column):
        return np.zeros(0, dtype=np.int32)
    offsets = np.frombuffer(
        column.buffers()[1], dtype=np.int32, count=len(column) + 1, offset=4 * column.offset
    )
    return np.diff(offsets)


def _distinct(column: pa.Array) -> tuple[Callable[[], pa.Array], np.ndarray[Any, Any]]:
    """How to get the distinct values of a column, text or a dictionary of it, and the bytes of
    each value. A dictionary may hold values that no row has."""
    if pa.types.is_dictionary(column.type):
        lengths = value_lengths(column.dictionary)
        return lambda: column.dictionary, lengths[column.indices.to_numpy()]
    return lambda: pc.unique(column), value_lengths(column)


def _suspects(values: pa.Array, kind: str) -> list[tuple[_Rule, Any]]:
    """Each of some distinct values that a rule for columns of this type matches."""
    if kind != "text":
        harmless = f"{_HARMLESS}|{_MEASURE}" if kind in _MEASURES else _HARMLESS
        values = values.filter(pc.invert(pc.match_substring_regex(values, harmless)))
    if not len(values):
        return []
    folded = pc.utf8_normalize(values, form="NFKC")
    found = []
    for rule in _words().rules:
        if kind not in rule.certain and kind not in rule.share:
            continue
        hits = pc.match_substring_regex(folded, rule.pattern)
        for position in pc.indices_nonzero(hits).to_pylist():
            text = folded[position].as_py()
            if rule.check is None or _CHECKS[rule.check](text):
                found.append((rule, values[position]))
    return found


def _is_long_number(text: str) -> bool:
    """Whether a run of digits is more than a day written as YYYYMMDD since 2000."""
    runs = re.findall(r"[0-9]{7,}", text)
    return any(
        not re.fullmatch(r"20\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])", run) for run in runs
    )


def _is_person_name(text: str) -> bool:
    """Whether a whole value is a name of two to four words, one of them a frequent one."""
    words = _words()
    text = text.strip()
    if words.full_name_ja.fullmatch(text.removesuffix("様")):
        return True
    for surname in words.surnames_ja:
        if text.startswith(surname):
            rest = text.removeprefix(surname).removesuffix("様").strip(" ")
            longest = 3 if _is_han(surname[0]) else 5
            return text[len(surname)] == " " and 1 <= len(rest) <= longest if rest else False
    parts = _name_words(text)
    folded = {part.casefold() for part in parts}
    if len(parts) == 2 and folded & words.given and folded & words.surnames:
        return True
    return (
        2 <= len(parts) <= 4
        and all(_is_capitalised(part) for part in parts)
        and any(part.casefold() in words.given | words.surnames for part in parts)
        and not any(part.casefold() in words.not_names for part in parts)
    )


def _is_name_for_identifier(text: str) -> bool:
    """Whether what should identify a patient has words instead of a number, as a name has."""
    if re.fullmatch(r"[\u3005-\u30ff\u4e00-\u9fff ]{2,10}", text.strip()):
        return True
    parts = _name_words(text)
    return (
        2 <= len(parts) <= 4
        and all(len(part) > 1 and _is_capitalised(part) for part in parts)
        and not any(part.casefold() in _words().not_names for part in parts)
    )


def _is_word_for_identifier(text: str) -> bool:
    """Whether what should identify a patient is a single word such as a surname."""
    text = text.strip()
    shaped = text[:1].isupper() and (text[1:].islower() or text.isupper())
    return len(text) > 3 and text.isalpha() and shaped and text.casefold() not in _NO_WORDS


def _is_name_in_text(text: str) -> bool:
    """Whether a frequent given name stands in a text with a surname beside it."""
    words = _words()
    for found in words.full_name_ja.finditer(text):
        after = text[found.end() : found.end() + 1]
        if not after or after in "様氏殿さくが" or not _is_han(after):
            return True
    parts = re.split(r"[ ,]+", text)
    for at, part in enumerate(parts[:-1]):
        first, second = part.casefold(), parts[at + 1].strip(".;:!?").casefold()
        if not (_is_capitalised(part) and _is_capitalised(parts[at + 1].strip(".;:!?"))):
            continue
        around = {word.strip(".;:!?").casefold() for word in parts[max(at - 1, 0) : at + 3]}
        if around & words.not_names or len(second) < 2:
            continue
        known = first in words.given and (first not in words.ambiguous or second in words.surnames)
        shouted = len(first) > 3 and part.isupper()
        turned = second in words.given and (first in words.surnames or shouted)
        if known or turned:
            return True
    return False


def _name_words(text: str) -> list[str]:
    return [part.strip(".") for part in re.split(r"[ ,]+", text) if part.strip(".")]


def _is_capitalised(word: str) -> bool:
    return word[:1].isupper() and word.replace("-", "").replace("'", "").isalpha()


def _is_han(character: str) -> bool:
    return "\u4e00" <= character <= "\u9fff"


_CHECKS: Mapping[str, Callable[[str], bool]] = {
    "long_number": _is_long_number,
    "person_name": _is_person_name,
    "name_for_identifier": _is_name_for_identifier,
    "word_for_identifier": _is_word_for_identifier,
    "name_in_text": _is_name_in_text,
}


@cache
def _words() -> _Words:
    data = load_yaml(Path(__file__).with_name("privacy.yml").read_text(encoding="utf-8"))

    def types(value: str | list[str] | None) -> frozenset[str]:
        named = frozenset(COLUMN_TYPES if value == "all" else value or ())
        return named | {PATIENT} if "id" in named else named

    surnames, given = ("|".join(data[name]) for name in ("surnames_ja", "given_names_ja"))
    return _Words(
        headers=tuple(
            (entry["kind"], frozenset(entry["words"]), tuple(entry["parts"]))
            for entry in data["headers"]
        ),
        rules=tuple(
            _Rule(
                entry["kind"],
                entry["pattern"],
                types(entry.get("certain")),
                types(entry.get("share")),
                entry.get("check"),
            )
            for entry in data["values"]
        ),
        given=frozenset(data["given_names"]),
        ambiguous=frozenset(data["ambiguous_names"]),
        surnames=frozenset(data["surnames"]),
        not_names=frozenset(data["not_names"]),
        surnames_ja=tuple(data["surnames_ja"]),
        full_name_ja=re.compile(f"(?:{surnames}) ?(?:{given})"),
    )
