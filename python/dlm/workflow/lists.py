"""Query lists for the sites: written in the site's language, read back with the replies."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from dlm import engine, store
from dlm.errors import DeliveryRefused, Problem, UsageError
from dlm.query import neutralise
from dlm.reading.privacy import private_text
from dlm.wording import wording
from dlm.workflow import log
from dlm.workflow.account import Account
from dlm.workflow.standing import Known, standing
from dlm.workflow.xlsx import write_workbook
from dlm.yaml_text import load_yaml

FORMATS = ("csv", "xlsx")
COLUMNS = {
    "query_id": 14,
    "site_id": 8,
    "severity": 9,
    "state": 12,
    "rule_id": 8,
    "patient_id": 12,
    "lesion_id": 16,
    "form": 14,
    "record_key": 28,
    "column_name": 18,
    "finding": 40,
    "evidence": 40,
    "file": 24,
    "line": 8,
    "first_seen": 12,
    "action": 40,
    "earlier_reply": 40,
    "evidence_code": 14,
    "reply": 50,
}
"""Columns of a list and their widths in a workbook; their headers are in wording.yml."""
FIXED = ("site_id", "rule_id", "patient_id", "lesion_id", "record_key", "column_name", "evidence")
"""Columns that must come back as they were; the last two only while the evidence is the same."""
_LATER = ("earlier_reply",)
"""Columns that lists have not had from the first; one that a site still has may lack them."""
LANGUAGES = ("en", "ja")
MAX_REPLY = 4000
_ENCODINGS = {"ja": "cp932", "en": "cp1252"}
"""What Excel writes where it is not told UTF-8, by the language of the list."""


def export(warehouse: Path, queries: Sequence[dict[str, Any]], out: Path, form: str) -> list[Path]:
    """Write one list per site that has queries, in the site's language.

    Args:
        warehouse: says in which country a site is.
        queries: to be listed.
        out: folder to write to; lists of the same name are replaced.
        form: one of FORMATS. CSV is UTF-8 with a byte order mark, so that Excel reads Japanese.

    Returns:
        The files written.
    """
    out.mkdir(parents=True, exist_ok=True)
    japanese = _japanese_sites(warehouse)
    by_site: dict[str, list[dict[str, Any]]] = {}
    for query in queries:
        by_site.setdefault(query["site_id"], []).append(query)
    written = []
    for site, of_site in sorted(by_site.items()):
        language = "ja" if site in japanese else "en"
        header = [_header(name, language) for name in COLUMNS]
        rows = [[_cell(query, name, language) for name in COLUMNS] for query in of_site]
        # A site code of no known site is text from a file: only plain characters name a file.
        safe = "".join(letter if letter.isalnum() else "_" for letter in site)
        path = out / f"queries_{safe}.{form}"
        if form == "csv":
            text = io.StringIO()
            csv.writer(text, lineterminator="\r\n").writerows([header, *rows])
            store.write_whole(path, [text.getvalue().encode("utf-8-sig")])
        else:
            partial = path.with_name(f"{path.name}.partial")
            open_column = list(COLUMNS).index("reply")
            write_workbook(partial, safe, header, rows, list(COLUMNS.values()), open_column)
            partial.replace(path)
        written.append(path)
    return written


def evidence_code(query: dict[str, Any]) -> str:
    """Short code of what was found; letters first, so that no spreadsheet makes it a number."""
    return f"E-{query['evidence_hash'][:10]}"


def _header(name: str, language: str) -> str:
    return str(getattr(wording("query_list", name), language))


def _cell(query: dict[str, Any], name: str, language: str) -> str:
    """What a list shows of a query, safe in a spreadsheet."""
    value: Any
    match name:
        case "finding":
            value = query[f"message_{language}"] or query["rule_id"]
        case "action":
            value = query[f"action_{language}"]
        case "state":
            value = _states()[query["state"]][LANGUAGES.index(language)]
        case "form":
            value = getattr(wording("form", query["form"]), language) if query["form"] else ""
        case "evidence_code":
            value = evidence_code(query)
        # Given back untouched, a reply to earlier values would become one to those of today.
        case "reply":
            value = query["reply"] if query["is_reply_current"] else None
        case "earlier_reply":
            value = None if query["is_reply_current"] else query["reply"]
        case _:
            value = query[name]
    return str(neutralise("" if value is None else str(value)))


@cache
def _states() -> dict[str, list[str]]:
    """The words of the states, as the stewards' page has them."""
    words = (resources.files("dlm") / "quality" / "words.yml").read_text(encoding="utf-8")
    states: dict[str, list[str]] = load_yaml(words)["state"]
    return states


def _japanese_sites(warehouse: Path) -> set[str]:
    with engine.reading(warehouse) as connection:
        return {
            str(site)
            for (site,) in connection.execute(
                "select site_id from reference.ref_sites where country = 'JP'"
            ).fetchall()
        }


def import_replies(
    state: Path,
    scope: str,
    queries: Sequence[dict[str, Any]],
    path: Path,
    account: Account | None = None,
) -> tuple[int, int]:
    """Take the replies of a list into the log; all of them, or none where one row is at fault.

    A reply is to what the list showed: when other values were found since, it is taken all the same
    and belongs to the earlier ones. A reply to the same values that the log has already is not
    logged again.

    Args:
        state: the store.
        scope: of the log: 'store' or 'seeds'.
        queries: every query of the last build or check.
        path: the list, CSV or XLSX, in either language.
        account: who imports; None for the account of this process.

    Returns:
        Replies taken, and replies known before.

    Raises:
        DeliveryRefused: the list is not one that was exported, or was altered; nothing was taken.
    """
    known = {query["query_id"]: query for query in queries}
    problems: list[Problem] = []
    replies: list[dict[str, str]] = []
    sites: dict[str, int] = {}
    replied: dict[str, str] = {}
    for line, row in _rows(path):
        found = _row_problems(path.name, line, row, known, sites)
        reply = row["reply"].strip()
        if reply and replied.setdefault(row["query_id"], reply) != reply:
            text = "is not the reply given to the same query further up; leave one of them"
            found.append(Problem(path.name, line, "reply", "two_replies", text))
        problems += found
        if not found and reply:
            replies.append(
                {
                    "query_id": row["query_id"],
                    "evidence_code": row["evidence_code"],
                    "evidence_hash": _evidence_hash(known[row["query_id"]], row),
                    "reply": reply,
                    "file": path.name,
                }
            )
    if problems:
        raise DeliveryRefused(problems, what="list")
    with store.locked(state):
        before = standing(Known(scope).of(log.read_log(state))).replies
        last = {_replied_to(reply): _plain(reply["reply"]) for reply in before}
        new = [reply for reply in replies if last.get(_replied_to(reply)) != _plain(reply["reply"])]
        if new:
            details = {"file": path.name, "sha256": store.hash_file(path), "replies": new}
            log.append(state, [log.Event("import", scope, "", details)], account)
    return len(new), len(replies) - len(new)


def _replied_to(reply: dict[str, Any]) -> tuple[str, str]:
    return reply["query_id"], reply["evidence_code"]


def _evidence_hash(query: dict[str, Any], row: dict[str, str]) -> str:
    """Hash of what was replied to; of earlier evidence only the code's digits are known."""
    is_current = row["evidence_code"] == evidence_code(query)
    return str(query["evidence_hash"]) if is_current else row["evidence_code"][2:]


def _row_problems(
    name: str,
    line: int,
    row: dict[str, str],
    known: dict[str, dict[str, Any]],
    sites: dict[str, int],
) -> list[Problem]:
    """What is wrong with a row; `sites` gathers the sites of the list, each with its first line."""

    def problem(column: str, code: str, text: str) -> Problem:
        return Problem(name, line, column, code, text)

    query = known.get(row["query_id"])
    if query is None:
        text = "is no query of the last build; rows may be left out but not added"
        return [problem("query_id", "unknown_query", text)]
    first = next(iter(sites), query["site_id"])
    sites.setdefault(query["site_id"], line)
    if row["site_id"] != query["site_id"] or query["site_id"] != first:
        text = f"the query is of site {query['site_id']}; a list holds one site's queries only"
        return [problem("site_id", "wrong_site", text)]
    same_evidence = row["evidence_code"] == evidence_code(query)
    compared = FIXED if same_evidence else FIXED[:-2]
    found = [
        problem(column, "altered", "is not as it was exported; only the reply is to be filled in")
        for column in compared
        if _plain(row[column]) != _plain(_cell(query, column, "en"))
    ]
    if not row["evidence_code"].startswith("E-") or len(row["evidence_code"]) != 12:
        found.append(problem("evidence_code", "altered", "is not as it was exported"))
    reply = row["reply"].strip()
    if len(reply) > MAX_REPLY:
        text = f"is longer than {MAX_REPLY} characters"
        found.append(problem("reply", "too_long", text))
    named = private_text(reply)
    if named:
        text = f"seems to hold what names a person ({named}); write it without"
        found.append(problem("reply", "private", text))
    return found


def _plain(text: str) -> str:
    """A cell as compared: width, spaces and the mark against formulas do not count."""
    folded = " ".join(unicodedata.normalize("NFKC", text).split())
    return folded.removeprefix("'")


def _rows(path: Path) -> Iterable[tuple[int, dict[str, str]]]:
    """Line and cells by column of each row of a list.

    Raises:
        DeliveryRefused: it is no list.
        UsageError: there is no such file.
    """
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    table = _read_workbook(path) if path.suffix.lower() == ".xlsx" else _read_csv(path)
    header = [_plain(cell) for cell in table[0][1]] if table else []
    while header and not header[-1]:
        header.pop()
    names = _column_names(path.name, header)
    rows = []
    for line, cells in table[1:]:
        if not any(cell.strip() for cell in cells):
            continue
        surplus = cells[len(names) :]
        if len(cells) < len(names) or any(cell.strip() for cell in surplus):
            text = f"has {len(cells)} fields where the header has {len(names)}"
            raise DeliveryRefused([Problem(path.name, line, None, "fields", text)], what="list")
        rows.append((line, dict(zip(names, (cell.strip() for cell in cells), strict=False))))
    return rows


def _column_names(file: str, header: Sequence[str]) -> list[str]:
    """Names of the columns of a list, from its header in either language.

    Raises:
        DeliveryRefused: columns that every list had are missing, or some are unknown or doubled.
    """
    known = {_plain(_header(name, each)): name for each in LANGUAGES for name in COLUMNS}
    problems = [
        Problem(file, 1, cell or None, "unknown_column", "is no column of a query list")
        for cell in header
        if cell not in known
    ]
    names = [known[cell] for cell in header if cell in known]
    if not names:
        text = "is no query list; send back one that dlm queries export wrote"
        raise DeliveryRefused([Problem(file, None, None, "no_list", text)], what="list")
    problems += [
        Problem(file, 1, name, "doubled_column", "is there twice")
        for name in COLUMNS
        if names.count(name) > 1
    ]
    problems += [
        Problem(file, 1, name, "missing_column", "is missing; send the list with all its columns")
        for name in COLUMNS
        if name not in (*names, *_LATER)
    ]
    if problems:
        raise DeliveryRefused(problems, what="list")
    return names


def _read_csv(path: Path) -> list[tuple[int, list[str]]]:
    """Line and cells of each row, however Excel saved it."""
    content = path.read_bytes()
    # A Japanese header is beyond ASCII; accents read as Shift_JIS would become other words.
    encoding = _ENCODINGS["en" if content.partition(b"\n")[0].isascii() else "ja"]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            problem = f"is neither UTF-8 nor {encoding}; save it as CSV UTF-8"
            found = [Problem(path.name, None, None, "encoding", problem)]
            raise DeliveryRefused(found, what="list") from None
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[tuple[int, list[str]]] = []
    begins = 1
    try:
        for cells in reader:
            rows.append((begins, cells))
            begins = reader.line_num + 1
    except csv.Error as error:
        raise DeliveryRefused(
            [Problem(path.name, begins, None, "quotes", f"cannot be read ({error})")], what="list"
        ) from None
    return rows


def _read_workbook(path: Path) -> list[tuple[int, list[str]]]:
    """Row number and cells of each row of the first sheet."""
    import python_calamine as calamine

    try:
        book = calamine.CalamineWorkbook.from_path(path)
        values = book.get_sheet_by_index(0).to_python(skip_empty_area=False)
    except (calamine.CalamineError, OSError, IndexError) as error:
        raise DeliveryRefused(
            [
                Problem(
                    path.name, None, None, "workbook", f"is no workbook that can be read: {error}"
                )
            ],
            what="list",
        ) from None
    return [(number, [_text(cell) for cell in row]) for number, row in enumerate(values, 1)]


def _text(value: Any) -> str:
    """A cell as text; Excel may have made a number or a day of it."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, date):
        return value.isoformat()[:10]
    return "" if value is None else str(value)
