"""Faults that a steward should find, planted into a filed trial; ``fault_kinds`` says which.

Hardly any touches an endpoint: they sit in patients who were not operated on, in columns that no
derivation reads, or in records that belong to nobody. One that must says so in the truth file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd

from dlm.synthetic.common import FORM_KEYS, Bools, Tables, lesion_id, record_key, stream
from dlm.synthetic.truth import Derived

SOURCES = {"EU": "eortc", "JP": "jcog", "US": "us"}

Values = Mapping[str, str | float]
Change = Callable[[pd.Series], Values]
# Which of a patient's records of a form are meant, given the record that a fault was planted in.
Choice = Callable[[pd.DataFrame, pd.Series], "pd.Series | Bools"]


@dataclass(frozen=True)
class Scene:
    """A trial while faults are planted in it: its forms as they stand, and what was derived."""

    tables: Tables
    derived: Derived


@dataclass(frozen=True)
class Edit:
    """What a fault changes in other records of its patient, so that no other rule is broken.

    Attributes:
        form: the form of the records.
        which: the records.
        change: their new values, from each record and the record that the fault was planted in;
            ``None`` removes them.
    """

    form: str
    which: Choice
    change: Callable[[pd.Series, pd.Series], Values] | None


@dataclass(frozen=True)
class Named:
    """Records that a rule names because of a fault.

    Attributes:
        rule_id: the rule.
        form: the form of the records.
        column: the column it speaks of.
        which: the records, among those of the patient.
        derived: patient_id or lesion_id, where the rule names a row derived from the record by it.
    """

    rule_id: str
    form: str
    column: str
    which: Choice
    derived: Literal["", "patient_id", "lesion_id"] = ""


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Attributes:
        rule_id: the rule of the catalogue that finds it.
        form: the form it is planted in.
        column: the column at fault, empty when it is the record.
        detail: what is wrong, for the truth file.
        change: new values of a record, from the record; a name that begins with ``_raw_`` is
            written to the file as it stands, being no value of the column's type.
        act: whether the record is changed, one more is made from it, or it is taken away.
        who: in whom: patients never operated on, operated on without or with a DLM, or either.
        where: which of their records.
        site: first letters of the patients' ids.
        edits: what else changes.
        names: what the rule names, where that is not the record itself.
        follows: what other rules say of the same fault, and cannot but say.
        blocks: whether its rule, or one that follows, is of severity S1, so that no build
            publishes with it.
        touches: the endpoint that it must touch; empty for none.
    """

    rule_id: str
    form: str
    column: str
    detail: str
    change: Change = lambda record: {}
    act: Literal["change", "add", "remove"] = "change"
    who: Literal["not_operated", "without_dlm", "with_dlm", "operated"] = "not_operated"
    where: Callable[[pd.DataFrame, Scene], pd.Series] | None = None
    site: str = ""
    edits: tuple[Edit, ...] = ()
    names: tuple[Named, ...] = ()
    follows: tuple[Named, ...] = ()
    blocks: bool = False
    touches: str = ""


@dataclass(frozen=True)
class Finding:
    """One thing a check should say: rule, record and column, and in words why.

    ``planted`` is ``yes`` for the finding of a planted fault, ``follows`` for what another rule
    must say of it, ``no`` for what goes wrong in any trial.
    """

    kind: str
    planted: Literal["yes", "follows", "no"]
    rule_id: str
    form: str
    patient_id: str
    lesion_no: float
    record_key: str
    column_name: str
    detail: str
    touches: str = ""

    @property
    def source(self) -> str:
        """The source whose file holds the record."""
        return SOURCES[self.patient_id[:2]]


def plant_faults(
    tables: Tables, derived: Derived, seed: int, faults: Mapping[str, Fault]
) -> tuple[Tables, list[Finding]]:
    """Plant faults, each once, into a filed trial.

    Args:
        tables: filed forms; left as they are.
        derived: what is derived from them, which tells where a fault does no harm.
        seed: seed of the trial.
        faults: what to plant, by kind.

    Returns:
        The forms with the faults, and what was planted. A fault that no record is fit for is left
        out.
    """
    scene = Scene({form: frame.copy() for form, frame in tables.items()}, derived)
    hosts = _hosts(derived)
    findings: list[Finding] = []
    for kind, fault in faults.items():
        # Each kind draws from a stream of its own, so that a new kind moves none of the others
        # but where it takes the patient.
        row = _draw_record(scene, fault, hosts, stream(seed, f"fault {kind}"))
        if row is None:
            continue
        # No patient gets two faults, so that one does not hide the other.
        host = str(scene.tables[fault.form].at[row, "patient_id"])
        hosts = {who: free - {host} for who, free in hosts.items()}
        findings += _plant_one(scene.tables, kind, fault, row)
    changed = {
        form: frame.sort_values(
            [*FORM_KEYS[form]], kind="stable", ignore_index=True, na_position="first"
        )
        for form, frame in scene.tables.items()
    }
    return changed, findings


def _hosts(derived: Derived) -> dict[str, set[str]]:
    """Patients by what a fault in them may do."""
    patients = derived.patients
    operated = patients["is_operated"]
    with_dlm = operated & (patients["n_dlm"] > 0)
    groups = {
        "not_operated": ~operated,
        "without_dlm": operated & ~with_dlm,
        "with_dlm": with_dlm,
        "operated": operated,
    }
    return {who: set(patients.loc[rows, "patient_id"]) for who, rows in groups.items()}


def _draw_record(
    scene: Scene, fault: Fault, hosts: dict[str, set[str]], rng: np.random.Generator
) -> int | None:
    """Row of a record that is fit for a fault, drawn at random; ``None`` where there is none."""
    frame = scene.tables[fault.form]
    patient_id = frame["patient_id"]
    fit = patient_id.isin(hosts[fault.who]) & patient_id.str.startswith(fault.site)
    if fault.where is not None:
        fit &= fault.where(frame, scene)
    rows = np.flatnonzero(fit.to_numpy())
    return int(frame.index[rows[rng.integers(0, len(rows))]]) if len(rows) else None


def _plant_one(tables: Tables, kind: str, fault: Fault, row: int) -> list[Finding]:
    """Plant one fault in a record, in a copy of it, or by its absence."""
    frame = tables[fault.form]
    host = _record(frame, row)
    if fault.act == "add":
        more = frame.loc[[row]].set_axis([int(frame.index.max()) + 1])
        frame, row = pd.concat([frame, more]), int(more.index[0])
    if fault.act == "remove":
        tables[fault.form] = frame.drop(index=row)
        record = host
    else:
        tables[fault.form] = _written(frame, [row], fault.change)
        record = _record(tables[fault.form], row)
    for edit in fault.edits:
        own = tables[edit.form]
        rows = _chosen(own, host, edit.which)
        if edit.change is None:
            tables[edit.form] = own.drop(index=rows)
        else:
            tables[edit.form] = _written(own, rows, partial(_with_host, edit.change, host))

    itself = Named(fault.rule_id, fault.form, fault.column, lambda frame, about: frame.index == row)
    said: list[tuple[Literal["yes", "follows"], Named]] = [
        *(("yes", named) for named in fault.names or (itself,)),
        *(("follows", named) for named in fault.follows),
    ]
    findings: dict[tuple[str, str, str], Finding] = {}
    for planted, named in said:
        own = tables[named.form]
        for at in _chosen(own, record, named.which):
            one = _finding(kind, fault, planted, named, _record(own, at))
            findings.setdefault((one.rule_id, one.form, one.record_key), one)
    return list(findings.values())


def _finding(
    kind: str, fault: Fault, planted: Literal["yes", "follows"], named: Named, record: pd.Series
) -> Finding:
    patient_id = str(record["patient_id"])
    lesion_no = float(record["lesion_no"]) if "lesion_no" in record else float("nan")
    keys = {
        "": record_key(named.form, record),
        "patient_id": patient_id,
        "lesion_id": lesion_id(patient_id, lesion_no),
    }
    return Finding(
        kind,
        planted,
        named.rule_id,
        "" if named.derived else named.form,
        patient_id,
        lesion_no,
        keys[named.derived],
        named.column,
        fault.detail,
        fault.touches,
    )


def _with_host(
    change: Callable[[pd.Series, pd.Series], Values], host: pd.Series, record: pd.Series
) -> Values:
    return change(record, host)


def _chosen(frame: pd.DataFrame, record: pd.Series, which: Choice) -> list[int]:
    """Rows of the records of the record's patient that are meant."""
    own = frame[frame["patient_id"] == record["patient_id"]]
    return [int(at) for at in own.index[np.asarray(which(own, record), dtype=bool)]]


def _record(frame: pd.DataFrame, row: int) -> pd.Series:
    """A copy of the record under a label; labels stay while faults are planted."""
    record = frame.loc[row]
    assert isinstance(record, pd.Series)
    return record.copy()


def _written(frame: pd.DataFrame, rows: list[int], change: Change) -> pd.DataFrame:
    """The frame with the new values of some rows."""
    for row in rows:
        for column, value in change(_record(frame, row)).items():
            if column not in frame:
                frame[column] = "day" if column.endswith("_precision") else ""
            frame.loc[row, column] = value
    return frame
