"""A trial of any size in bounded memory: drawn, written and appended part by part.

A part is some thousand patients with streams of their own, drawn by the same code as a small trial,
so the same correlation and rates hold. Helper processes draw parts and leave them in files; this
process appends these in order, so the same seed gives the same bytes whatever the number of
helpers.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dlm import engine
from dlm.contracts import Contract, load_contracts
from dlm.errors import DlmError
from dlm.project import find_places
from dlm.synthetic import habits, truth
from dlm.synthetic.common import Tables, stream
from dlm.synthetic.fault_kinds import plant
from dlm.synthetic.faults import Finding
from dlm.synthetic.files import (
    source_frames,
    synthetic_manifest,
    write_bytes,
    write_dictionary,
    write_table,
)
from dlm.synthetic.findings import finding_rows
from dlm.synthetic.patients import draw_sites
from dlm.synthetic.sample import file_trial, patient_ids, sample_trial

PART_PATIENTS = 8_000
_PARTS = ".parts-"
"""What the folder begins with that parts wait in."""
# Size of the files as measured, and a tenth for the parts in hand.
BYTES_A_PATIENT = {"csv": 5_800, "parquet": 400}
_HELPER_BYTES = 600_000_000
"""Memory that a helper takes, as measured."""
_PIECE = 1024**2
"""Bytes of a part in memory while it is appended."""
Format = Literal["csv", "parquet"]


@dataclass(frozen=True)
class Part:
    """What a helper needs to know of one part.

    Attributes:
        number: counted from 0.
        seed: of every draw of the part.
        patients: how many.
        before: patients of each site in the parts before.
        most: patients of the largest site of the whole trial.
        folder: where the part goes, one file per file of the delivery.
        faults: kinds to plant in it; ``none`` in all parts but the first.
        slips: share of what a steward asks about in any trial.
    """

    number: int
    seed: int
    patients: int
    before: Mapping[str, int]
    most: int
    folder: Path
    file_format: Format
    faults: str
    slips: float


@dataclass(frozen=True)
class Written:
    """What became of a part: rows of each file of the delivery, and the faults planted."""

    number: int
    rows: dict[str, int]
    planted: list[Finding]


def stream_trial(
    seed: int,
    patients: int,
    out: Path,
    file_format: Format,
    faults: str,
    progress: Callable[[int, int, str], None] = lambda done, total, what: None,
    helpers: int | None = None,
) -> int:
    """Write a delivery of a large trial; the same arguments write the same bytes.

    Args:
        seed: seed of every draw.
        patients: how many are registered.
        out: folder of the delivery (``<source>/<form>.csv`` or ``.parquet``, ``manifest.csv``).
        file_format: of the files; CSV is UTF-8 from every source.
        faults: as for ``write_trial``, planted among the first patients; or ``natural`` for what
            goes wrong in any trial and no more.
        progress: told the parts done, of how many, and what is being done.
        helpers: processes that draw; by default one per core, where the memory allowed holds so
            many. 0 draws in this one.

    Returns:
        Records written.

    Raises:
        DlmError: there is no room for the files.
        ValueError: ``faults`` is no kind.
    """
    out.mkdir(parents=True, exist_ok=True)
    # What a killed command left.
    for left in out.glob(f"{_PARTS}*"):
        shutil.rmtree(left, ignore_errors=True)
    engine.refuse_without_room(out, patients * BYTES_A_PATIENT[file_format], "--out")
    with tempfile.TemporaryDirectory(dir=out, prefix=_PARTS) as scratch:
        parts = plan_parts(seed, patients, Path(scratch), file_format, faults)
        contracts = load_contracts()
        files = _Files(out, file_format, contracts)
        planted: list[Finding] = []
        try:
            for written in _draw(parts, helpers):
                files.append(Path(scratch), written)
                planted += written.planted
                progress(written.number + 1, len(parts), f"{files.records:,} records")
        finally:
            files.close()
    write_bytes(out / "manifest.csv", synthetic_manifest(files.listed()).encode("utf-8"))
    write_table(out / "truth" / "planted.csv", finding_rows(planted))
    return files.records


def plan_parts(
    seed: int, patients: int, folder: Path, file_format: Format, faults: str
) -> list[Part]:
    """The parts of a trial; who comes before whom at a site follows from the first draw of each."""
    sites = _sites()
    names = sites["site_id"].to_list()
    number = max(1, round(patients / PART_PATIENTS))
    sizes = [len(group) for group in np.array_split(np.arange(patients), number)]
    seeds = [
        int(np.random.SeedSequence([seed, at]).generate_state(1, np.uint64)[0])
        for at in range(number)
    ]
    counts = [
        np.bincount(draw_sites(stream(own, "patients"), size, sites), minlength=len(sites))
        for own, size in zip(seeds, sizes, strict=True)
    ]
    most = int(np.sum(counts, axis=0).max())
    before = np.cumsum([np.zeros(len(sites), dtype=np.int64), *counts], axis=0)
    return [
        Part(
            at,
            seeds[at],
            sizes[at],
            dict(zip(names, before[at].tolist(), strict=True)),
            most,
            folder,
            file_format,
            "none" if at else faults,
            float(faults in ("few", "natural")),
        )
        for at in range(number)
    ]


def _sites() -> pd.DataFrame:
    reference = find_places().project / "seeds" / "reference"
    return pd.read_csv(reference / "ref_sites.csv", dtype=str, keep_default_na=False)


def draw_part(part: Part) -> Tables:
    """The forms of one part, filed under the ids its patients have in the whole trial."""
    drawn = sample_trial(part.seed, part.patients, _sites(), part.slips)
    return file_trial(drawn, patient_ids(drawn, part.before, part.most))


def _draw(parts: Sequence[Part], helpers: int | None) -> Iterator[Written]:
    """The parts in their order, drawn by helper processes."""
    number = min(helpers if helpers is not None else _most_helpers(), len(parts))
    if number == 0:
        yield from map(write_part, parts)
        return
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(number, spawning, _prepare_helper) as pool:
        try:
            drawn: deque[Future[Written]] = deque()
            for part in parts:
                drawn.append(pool.submit(write_part, part))
                # Two more than helpers, who go on while one is appended; all others wait undrawn.
                if len(drawn) == number + 2:
                    yield drawn.popleft().result()
            while drawn:
                yield drawn.popleft().result()
        except BrokenProcessPool as error:
            raise DlmError(
                "a helper process was ended from outside, most often for want of memory; close "
                "other programs and try again"
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _most_helpers() -> int:
    """One for each core, or as many as fit into the memory allowed."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    limit = engine.memory_limit()
    return min(cores or 1, max(1, limit // _HELPER_BYTES)) if limit else cores or 1


def _prepare_helper() -> None:
    """Keep a helper to its core, and pandas 2 from copying what nobody changes, as 3 does."""
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    if pd.__version__.startswith("2."):
        pd.options.mode.copy_on_write = True


def write_part(part: Part) -> Written:
    """Draw one part and write each of its files; run by a helper."""
    tables = draw_part(part)
    planted: list[Finding] = []
    if part.faults not in ("none", "natural"):
        tables, planted = plant(tables, truth.derive(tables), part.seed, part.faults)
    codes = habits.read_code_lists(
        find_places().project / "seeds" / "reference" / "ref_codelists.csv"
    )
    wide_ids = habits.FULL_WIDTH_IDS if part.slips else ()
    rows = {}
    for source, contract in load_contracts().items():
        frames = source_frames(habits.raw_forms(tables, contract, codes, wide_ids), contract)
        for stem, frame in frames.items():
            name = f"{source}/{stem}"
            rows[name] = len(frame)
            _write(_part_file(part.folder, part.number, name), frame, contract, part.file_format)
    return Written(part.number, rows, planted)


def _part_file(folder: Path, number: int, name: str) -> Path:
    return folder / f"{number}-{name.replace('/', '-')}"


def _write(path: Path, frame: pd.DataFrame, contract: Contract, file_format: Format) -> None:
    if file_format == "csv":
        path.write_bytes(habits.csv_body(frame, contract.delimiter))
        return
    table = habits.arrow_table(frame)
    # Dictionaries keep what goes to the appending process small.
    coded = pa.table({name: table[name].dictionary_encode() for name in table.column_names})
    with pa.ipc.new_file(str(path), coded.schema) as writer:
        writer.write_table(coded)


class _Files:
    """The files of a delivery while parts are appended to them."""

    def __init__(self, out: Path, file_format: Format, contracts: Mapping[str, Contract]):
        self.out = out
        self.file_format = file_format
        self.records = 0
        self.rows: dict[str, int] = {}
        self.texts: dict[str, IO[bytes]] = {}
        self.digests: dict[str, hashlib._Hash] = {}
        self.tables: dict[str, pq.ParquetWriter] = {}
        self.hashes: dict[str, str] = {}
        for source, contract in contracts.items():
            (out / source).mkdir(parents=True, exist_ok=True)
            for spec in contract.file_specs():
                self._begin(f"{source}/{spec.stem}", spec.headers, contract.delimiter)
            if contract.dictionary:
                name, rows, sha256 = write_dictionary(out, contract)
                self.rows[name], self.hashes[name] = rows, sha256

    def _begin(self, name: str, headers: Sequence[str], delimiter: str) -> None:
        path = self.out / f"{name}.{self.file_format}"
        self.rows[f"{name}.{self.file_format}"] = 0
        if self.file_format == "csv":
            self.texts[name], self.digests[name] = path.open("wb"), hashlib.sha256()
            self._add(name, (delimiter.join(headers) + "\n").encode("utf-8"))
        else:
            schema = pa.schema([(header, pa.string()) for header in headers])
            self.tables[name] = pq.ParquetWriter(
                path, schema, compression="zstd", store_schema=False
            )

    def _add(self, name: str, piece: bytes) -> None:
        self.texts[name].write(piece)
        self.digests[name].update(piece)

    def append(self, folder: Path, written: Written) -> None:
        """Append a part to every file, and remove it."""
        for name, rows in written.rows.items():
            part = _part_file(folder, written.number, name)
            if self.file_format == "csv":
                with part.open("rb") as source:
                    while piece := source.read(_PIECE):
                        self._add(name, piece)
            else:
                # Not mapped: Windows removes no file that memory is a view of.
                with pa.OSFile(str(part)) as source:
                    table = pa.ipc.open_file(source).read_all()
                    self.tables[name].write_table(table.cast(self.tables[name].schema))
            part.unlink()
            self.rows[f"{name}.{self.file_format}"] += rows
            self.records += rows

    def close(self) -> None:
        """Close every file."""
        for file in (*self.texts.values(), *self.tables.values()):
            file.close()
        self.hashes |= {f"{name}.csv": each.hexdigest() for name, each in self.digests.items()}

    def listed(self) -> list[tuple[str, int, str]]:
        """Name, rows and hash of each file of the delivery."""
        for name in self.rows:
            if name not in self.hashes:
                with (self.out / name).open("rb") as handle:
                    self.hashes[name] = hashlib.file_digest(handle, "sha256").hexdigest()
        return [(name, rows, self.hashes[name]) for name, rows in sorted(self.rows.items())]
