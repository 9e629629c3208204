"""The list of files that comes with a delivery: file, rows, sha256, date, sender."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable
from datetime import date
from pathlib import Path

from dlm.errors import DeliveryRefused, Problem
from dlm.reading.privacy import private_texts

MANIFEST_COLUMNS = ("file", "rows", "sha256", "date", "sender")


def read_manifest(folder: Path, sources: Collection[str]) -> dict[str, dict[str, str]]:
    """The rows of a delivery's manifest by file, the date as ISO text or blank.

    Args:
        folder: the delivery.
        sources: the first folder that a file may stand in.

    Raises:
        DeliveryRefused: there is none, or it or some of its rows cannot be read; lists them.
    """
    path = folder / "manifest.csv"
    if not path.is_file():
        text = (
            f"is missing; it lists every file ({','.join(MANIFEST_COLUMNS)}), so that one cut "
            "short on the way is seen; who sends them writes it: dlm manifest DIR --sender NAME"
        )
        raise DeliveryRefused([Problem("manifest.csv", None, None, "missing_file", text)])
    try:
        rows, problems = _rows(path, sources)
    except (UnicodeDecodeError, csv.Error):
        text = "is not a UTF-8 CSV file; write it again"
        raise DeliveryRefused([Problem("manifest.csv", None, None, "bad_manifest", text)]) from None
    if problems:
        raise DeliveryRefused(problems)
    return rows


def manifest_text(rows: Iterable[tuple[str, int, str, str, str]]) -> str:
    """The text of a manifest.

    Args:
        rows: of each file its path in the delivery, records, hash, ISO date or blank, and sender.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(MANIFEST_COLUMNS)
    writer.writerows(rows)
    return text.getvalue()


def tellable(name: str) -> str:
    """A delivered file's path as it may be told: without a name that may be a person's."""
    name = name if name.isprintable() else ascii(name)[1:-1]
    first, _, rest = name.partition("/")
    if _may_name_a_person(first):
        return "(a name that may be a person's)"
    if _may_name_a_person(rest):
        return f"{first}/(a name that may be a person's)"
    return name


def _may_name_a_person(path: str) -> bool:
    """Whether a part of a path does, as it is written or with what joins its words taken out."""
    parts = [part for part in re.split(r"[/\\]+", path) if part]
    ends = [re.sub(r"(\.(csv|gz|xlsx|parquet))+$", "", part, flags=re.IGNORECASE) for part in parts]
    words = [re.sub(r"[_.\-+]+", " ", end) for end in ends]
    pieces = [piece for end in ends for piece in re.split(r"[_.]+", end)]
    texts = {text.strip() for text in (*parts, *ends, *words, *pieces)} - {""}
    return bool(texts) and private_texts(sorted(texts)) is not None


def _rows(path: Path, sources: Collection[str]) -> tuple[dict[str, dict[str, str]], list[Problem]]:
    rows: dict[str, dict[str, str]] = {}
    with path.open(encoding="utf-8-sig", newline="") as handle:
        reader = csv.DictReader(handle, strict=True)
        missing = [name for name in MANIFEST_COLUMNS if name not in (reader.fieldnames or [])]
        if missing:
            return {}, [
                Problem("manifest.csv", 1, name, "missing_column", "is missing") for name in missing
            ]
        problems = []
        for row in reader:
            name = (row["file"] or "").strip().replace("\\", "/")
            parts = Path(name).parts
            sound = parts[:1] and parts[0] in sources and ".." not in parts
            if not sound or name in rows or None in row or None in row.values():
                problems.append(
                    Problem(
                        "manifest.csv",
                        reader.line_num,
                        "file",
                        "bad_manifest_row",
                        "is not a complete row for a file <source>/<form>.csv named once, with a "
                        f"source of {', '.join(sources)}",
                    )
                )
                continue
            dated = _iso_day(row["date"].strip())
            if dated is None:
                what = "is no day; write it as YYYY-MM-DD"
                problems.append(
                    Problem("manifest.csv", reader.line_num, "date", "bad_manifest_date", what)
                )
            rows[name] = row | {"date": dated or ""}
    return rows, problems


def _iso_day(text: str) -> str | None:
    """An ISO day, perhaps with a time, as the day; blank where none is told, None where wrong."""
    if not text:
        return ""
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}(?:[T ][0-9:.]+(?:Z|[+-][0-9:]+)?)?", text):
        try:
            return date.fromisoformat(text[:10]).isoformat()
        except ValueError:
            pass
    return None
