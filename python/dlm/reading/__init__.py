"""Read one delivered file exactly, or say why not.

The order: size, kind, encoding (content) · header by name (header) · privacy gate (privacy) ·
records (records, or fast where a file is proven simple; workbook for .xlsx; parquet). What cannot
be read is never guessed: a record goes to quarantine with its line, a file that cannot be trusted
as a whole is refused. Records flow in batches from the file into DuckDB, so memory does not grow
with the file. A good Parquet file of the store is not copied at all (in_place).
"""

from __future__ import annotations

from dlm.reading.in_place import InPlace, Piece, create_view
from dlm.reading.reader import SUFFIXES, LoadedFile, read_file, stem_of
from dlm.reading.store import PROVENANCE

__all__ = [
    "PROVENANCE",
    "SUFFIXES",
    "InPlace",
    "LoadedFile",
    "Piece",
    "create_view",
    "read_file",
    "stem_of",
]
