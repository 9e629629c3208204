"""The bytes of a delivered file: what it really is, how large, in which encoding.

Nothing here looks at fields. A file passes when its size, kind, encoding and characters can be
trusted to the last byte; every later step streams it again in blocks.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from dlm.errors import DeliveryRefused, Problem

SIZE_LIMIT = 16 * 1024**3
UNPACKED_LIMIT = 2 * 1024**3
RATIO_LIMIT = 100
BLOCK = 4 * 1024**2
HEAD = 256 * 1024
_MAGIC = (
    (b"\xd0\xcf\x11\xe0", "workbook", "an old or password-protected Excel workbook"),
    (b"\x1f\x8b", "compressed", "gzip data; name it .csv.gz or deliver it uncompressed"),
    (b"%PDF", "pdf", "a PDF"),
    (b"BZh", "compressed", "bzip2 data; deliver it uncompressed"),
    (b"7z\xbc\xaf", "compressed", "a 7z archive; deliver it uncompressed"),
    (b"\xfd7zXZ", "compressed", "xz data; deliver it uncompressed"),
    (b"PAR1", "parquet", "a Parquet file"),
    (b"{\\rtf", "rtf", "a word processor's document"),
)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


LOST_CHARACTER = (
    "replacement_character",
    "holds the character U+FFFD, which stands for one that was lost when the file was converted; "
    "export it anew from the source",
)
"""Code and text of the refusal of a file that holds one."""

# Bytes that no text in the encoding has, which Python's codecs decode all the same.
_UNASSIGNED = {
    "cp932": re.compile("[\x80\xa0\uf8f0-\uf8f3]"),
    "shift_jis": re.compile("[\x80\xa0]"),
    "latin-1": re.compile("[\x80-\x9f]"),
}


@dataclass(frozen=True)
class Content:
    """A file that passed, and what reading its records needs to know.

    Attributes:
        size: bytes on disk.
        gzipped: whether the bytes are compressed.
        sha256: hash of the file as delivered.
        encoding: Python's name of the encoding, without its byte order mark.
        skip: bytes of the byte order mark.
        quotes: whether a quotation mark stands anywhere.
        carriage_returns: whether a carriage return stands anywhere.
        newline: what ends a line: a line feed, or a carriage return where there is no line feed.
        separators: whether one of the control characters the record hash uses stands anywhere.
    """

    path: Path
    name: str
    size: int
    gzipped: bool
    sha256: str
    encoding: str
    skip: int
    quotes: bool
    carriage_returns: bool
    newline: str
    separators: bool


def refused(name: str, line: int | None, code: str, text: str) -> DeliveryRefused:
    """The refusal of a whole file for one reason."""
    return DeliveryRefused([Problem(name, line, None, code, text)])


def check_size(path: Path, name: str) -> int:
    """Bytes of a file that is neither empty nor too large."""
    size = path.stat().st_size
    if size == 0:
        raise refused(name, None, "empty_file", "is empty; send it again")
    if size > SIZE_LIMIT:
        raise refused(name, None, "too_large", f"is larger than {SIZE_LIMIT} bytes; split it")
    return size


def examine(
    path: Path,
    name: str,
    encodings: tuple[str, ...],
    knows_header: Callable[[str], bool],
) -> Content:
    """Examine a text file, gzipped when its name ends in .gz.

    Args:
        path: where its bytes are.
        name: how it is called in errors.
        encodings: encodings the contract declares, in the order they are tried.
        knows_header: whether a first line, decoded, looks like the contract's header; settles
            which of several encodings is meant, so that a damaged byte cannot change the choice.

    Raises:
        DeliveryRefused: it is not what its name says, too large, damaged, or not text.
    """
    size = check_size(path, name)
    gzipped = name.casefold().endswith(".gz")
    with path.open("rb") as handle:
        start = handle.read(4)
    if gzipped and not start.startswith(b"\x1f\x8b"):
        raise refused(name, None, "not_gzip", "is named .gz but is not gzip data; name it .csv")
    with _opened(path, name, gzipped) as stream:
        head = stream.read(HEAD)
    if not head:
        raise refused(name, None, "empty_file", "is empty once decompressed; send it again")
    _check_magic(head, name, "a CSV file")
    bom = next(((mark, encoding) for mark, encoding in _BOMS if head.startswith(mark)), None)
    candidates: tuple[str, ...]
    if bom is not None:
        candidates, skip = (bom[1],), len(bom[0])
    else:
        candidates, skip = _by_header(head, encodings, knows_header), 0
    fault: _Undecodable | None = None
    for encoding in candidates:
        try:
            return _scan(path, name, size, gzipped, encoding, skip)
        except _Undecodable as error:
            fault = fault if fault and fault.offset > error.offset else error
    assert fault is not None
    where = "of the decompressed file " if gzipped else ""
    raise refused(
        name,
        fault.line,
        "undecodable",
        f"byte {fault.offset} {where}is not valid {' or '.join(candidates)}; "
        "save the file in an encoding the contract declares",
    )


def blocks(content: Content, size: int = BLOCK) -> Iterator[bytes]:
    """The bytes after the byte order mark, decompressed, in blocks."""
    with _opened(content.path, content.name, content.gzipped) as stream:
        stream.read(content.skip)
        while block := stream.read(size):
            yield block


def texts(content: Content) -> Iterator[str]:
    """The decoded text in pieces; a piece may end anywhere."""
    decode = codecs.getincrementaldecoder(content.encoding)("strict").decode
    for block in blocks(content):
        yield decode(block)
    yield decode(b"", True)


class _Undecodable(Exception):
    def __init__(self, offset: int, line: int):
        self.offset = offset
        self.line = line
        super().__init__()


def check_magic(path: Path, name: str) -> None:
    """Refuse a file that should be a workbook for what its first bytes show it to be, if they do.

    Raises:
        DeliveryRefused: it is a web page, a PDF, an archive or the like.
    """
    with path.open("rb") as handle:
        _check_magic(handle.read(HEAD), name, "a workbook")


def _check_magic(head: bytes, name: str, wanted: str) -> None:
    if head.startswith(b"PK\x03\x04"):
        if b"xl/" in head or b"[Content_Types].xml" in head:
            what, code = "an Excel workbook; name it .xlsx or export it as CSV", "workbook"
        else:
            what, code = "a zip archive; deliver its files themselves", "zipped"
        raise refused(name, None, code, f"is not {wanted} but {what}")
    for magic, code, what in _MAGIC:
        if head.startswith(magic):
            raise refused(name, None, code, f"is not {wanted} but {what}; export it as CSV")
    for _, encoding in (*_BOMS, (b"", "latin-1")):
        text = head[:4096].decode(encoding, errors="ignore").lstrip("\ufeff \t\r\n").casefold()
        if text.startswith("<") and any(
            tag in text for tag in ("<html", "<!doctype html", "<head")
        ):
            raise refused(
                name, None, "web_page", f"is a web page, not {wanted}; was the download logged in?"
            )
        if text.startswith(("<?xml", "<table")):
            raise refused(name, None, "markup", f"is XML or HTML, not {wanted}; export it as CSV")


def _by_header(
    head: bytes, encodings: tuple[str, ...], knows_header: Callable[[str], bool]
) -> tuple[str, ...]:
    """The encodings in which the first line is the contract's header; all of them if none is."""
    line = head.split(b"\n", 1)[0].split(b"\r", 1)[0]
    known = []
    for encoding in encodings:
        try:
            if knows_header(line.decode(encoding)):
                known.append(encoding)
        except UnicodeDecodeError:
            continue
    return tuple(known) or encodings


def _scan(path: Path, name: str, size: int, gzipped: bool, encoding: str, skip: int) -> Content:
    """Decode the whole file once, without keeping it."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    unassigned = _UNASSIGNED.get(encoding)
    digest = hashlib.sha256()
    consumed, line = 0, 1
    quotes = carriage_returns = line_feeds = separators = False
    with _opened(path, name, gzipped) as stream:
        stream.read(skip)
        while True:
            block = stream.read(BLOCK)
            waiting = len(decoder.getstate()[0])
            try:
                text = decoder.decode(block, not block)
            except UnicodeDecodeError as error:
                # The decoder prepends the bytes it had kept back to the block.
                before = error.object[: error.start].decode(encoding, errors="ignore")
                raise _Undecodable(
                    skip + consumed - waiting + error.start, line + _line_ends(before)
                ) from None
            strange = unassigned.search(text) if unassigned else None
            if strange:
                before = text[: strange.start()]
                at = skip + consumed - waiting + len(before.encode(encoding))
                raise _Undecodable(at, line + _line_ends(before))
            if "\x00" in text:
                before = text[: text.index("\x00")]
                at = line + _line_ends(before)
                raise refused(name, at, "nul_byte", _NUL)
            if "\ufffd" in text:
                before = text[: text.index("\ufffd")]
                raise refused(name, line + _line_ends(before), *LOST_CHARACTER)
            quotes = quotes or '"' in text
            carriage_returns = carriage_returns or "\r" in text
            line_feeds = line_feeds or "\n" in text
            separators = separators or "\x1f" in text or "\x1e" in text
            if not block:
                break
            line += _line_ends(text)
            consumed += len(block)
            if not gzipped:
                continue
            if consumed > UNPACKED_LIMIT:
                raise refused(
                    name,
                    None,
                    "too_large",
                    f"is larger than {UNPACKED_LIMIT} bytes once decompressed; split it",
                )
            if consumed > size * RATIO_LIMIT:
                raise refused(
                    name,
                    None,
                    "compression_ratio",
                    f"expands more than {RATIO_LIMIT} times; deliver it uncompressed",
                )
    with path.open("rb") as handle:
        while block := handle.read(BLOCK):
            digest.update(block)
    newline = "\r" if carriage_returns and not line_feeds else "\n"
    return Content(
        path,
        name,
        size,
        gzipped,
        digest.hexdigest(),
        encoding,
        skip,
        quotes,
        carriage_returns,
        newline,
        separators,
    )


def _line_ends(text: str) -> int:
    """Lines that end in a piece of a file: line feeds, or carriage returns where there is none."""
    return text.count("\n") or text.count("\r")


_NUL = (
    "holds a NUL byte; the file is damaged, or UTF-16 without a byte order mark: "
    "save it as UTF-8 and send it again"
)


@contextmanager
def _opened(path: Path, name: str, gzipped: bool) -> Iterator[BinaryIO]:
    """The bytes, decompressed; damage to the compression refuses the file."""
    try:
        with path.open("rb") as raw:
            yield cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if gzipped else raw
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise refused(
            name,
            None,
            "damaged_gzip",
            "cannot be decompressed to its end (cut short, or its checksum differs); send it again",
        ) from error
