"""Faults that a steward should find, planted into a filed trial.

None of them touches an endpoint: they sit in patients who were not operated on, in columns that no
derivation reads, or in records that belong to nobody. None makes a record unreadable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from dlm.synthetic.common import FORM_KEYS, Tables, record_key, stream
from dlm.synthetic.truth import Derived

SOURCES = {"EU": "eortc", "JP": "jcog", "US": "us"}
# What stands in a file where a code of no list, or a day of no calendar, was written.
UNKNOWN_LABEL = {"eortc": "7", "jcog": "検査中", "us": "7"}
IMPOSSIBLE_DATE = {"eortc": "30/02/2019", "jcog": "2019/02/30", "us": "02/30/2019"}
NO_SUCH_LESION = 77.0

Values = Mapping[str, str | float]


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Attributes:
        rule_id: the check of the catalogue that finds it.
        form: the form it is planted in.
        column: the column at fault, empty when it is the record.
        change: new values of a record, from the record.
        detail: what is wrong, for the truth file.
        who: in whom: patients never operated on, or operated on who have no DLM.
        where: which of their records.
        site: first letters of the patients' ids, to spread the faults over the sources.
        adds: whether the changed record is one more, beside the one it was made from.
        raw: whether the new value is written as it stands, being no value of the column's type.
        blocks: whether its rule is of severity S1, so that no build publishes with it.
    """

    rule_id: str
    form: str
    column: str
    change: Callable[[pd.Series], Values]
    detail: str
    who: Literal["not_operated", "without_dlm"] = "not_operated"
    where: Callable[[pd.DataFrame], pd.Series] | None = None
    site: str = ""
    adds: bool = False
    raw: bool = False
    blocks: bool = False


@dataclass(frozen=True)
class Finding:
    """One thing a check should say: rule, record and column, and in words why."""

    kind: str
    planted: bool
    rule_id: str
    form: str
    patient_id: str
    lesion_no: float
    record_key: str
    column_name: str
    detail: str

    @property
    def source(self) -> str:
        """The source whose file holds the record."""
        return SOURCES[self.patient_id[:2]]


def _set(**values: str | float) -> Callable[[pd.Series], Values]:
    return lambda record: values


def _nobody(record: pd.Series) -> Values:
    """The record under a patient id that was never registered."""
    site, number = str(record["patient_id"]).split("-")
    return {"patient_id": f"{site}-9{'0' * (len(number) - 1)}"}


def _preop(reads: pd.DataFrame) -> pd.Series:
    return (reads["timepoint"] == "preop") & reads["read_date"].notna()


def _preop_gone(reads: pd.DataFrame) -> pd.Series:
    return _preop(reads) & (reads["verdict"] == "not_visible")


def _preop_unclear(reads: pd.DataFrame) -> pd.Series:
    return _preop(reads) & (reads["verdict"] == "not_evaluable")


def _preop_large(reads: pd.DataFrame) -> pd.Series:
    return _preop(reads) & (reads["size"] >= 15) & (reads["reader_role"] == "local")


def _operated_visible(reads: pd.DataFrame) -> pd.Series:
    return _preop(reads) & (reads["verdict"] == "visible") & (reads["modality"] == "CT")


def _performed(surgery: pd.DataFrame) -> pd.Series:
    return surgery["performed"] == "yes"


def _several_segments(surgery: pd.DataFrame) -> pd.Series:
    return surgery["segments_removed"].str.contains("+", regex=False)


def _viable(slides: pd.DataFrame) -> pd.Series:
    return slides["viable_cells"] == "yes"


def _sterile(slides: pd.DataFrame) -> pd.Series:
    return (slides["viable_cells"] == "no") & (slides["fibrosis_pct"] > 20)


def _synchronous(patients: pd.DataFrame) -> pd.Series:
    return (patients["synchronous"] == "yes") & (patients["primary_dx_date_precision"] == "day")


FAULTS: dict[str, Fault] = {
    "age_out_of_range": Fault("PT03", "registration", "age", _set(age=132.0), "age 132", site="US"),
    "age_missing": Fault("PT03", "registration", "age", _set(age=np.nan), "no age", site="JP"),
    "sex_missing": Fault("PT04", "registration", "sex", _set(sex=""), "no sex", site="EU"),
    "diagnosis_order": Fault(
        "PT08",
        "registration",
        "primary_dx_date",
        lambda record: {"primary_dx_date": record["liver_mets_dx_date"] + 40},
        "primary diagnosed 40 days after the liver metastases",
        where=_synchronous,
        site="EU",
    ),
    "synchronous_conflict": Fault(
        "PT09",
        "registration",
        "synchronous",
        lambda record: {"primary_dx_date": record["liver_mets_dx_date"] - 400},
        "synchronous, yet 400 days between the diagnoses",
        where=_synchronous,
        site="JP",
    ),
    "declared_count": Fault(
        "PT10",
        "registration",
        "n_lesions_declared",
        lambda record: {"n_lesions_declared": record["n_lesions_declared"] + 4},
        "declares four metastases more than are recorded",
        site="EU",
    ),
    "cea_negative": Fault(
        "PT12",
        "registration",
        "cea",
        _set(cea=-5.0, cea_unit="ng_ml"),
        "CEA below zero",
        site="JP",
    ),
    "impossible_date": Fault(
        "GN06",
        "registration",
        "primary_dx_date",
        lambda record: {"primary_dx_date": IMPOSSIBLE_DATE[_source(record)]},
        "30 February 2019",
        site="EU",
        raw=True,
    ),
    "unknown_code": Fault(
        "GN10",
        "registration",
        "ras_status",
        lambda record: {"ras_status": UNKNOWN_LABEL[_source(record)]},
        "label of no code list",
        site="JP",
        raw=True,
    ),
    "number_as_text": Fault(
        "GN12", "registration", "cea", _set(cea="<5"), "not a plain number", site="US", raw=True
    ),
    "orphan_lesion": Fault(
        "LE01",
        "lesion",
        "patient_id",
        _nobody,
        "patient not registered",
        site="JP",
        adds=True,
        blocks=True,
    ),
    "segment_unknown": Fault(
        "LE04", "lesion", "segment", _set(segment="9"), "no such Couinaud segment", site="EU"
    ),
    "lesion_size_implausible": Fault(
        "LE06", "lesion", "baseline_size", _set(baseline_size=350.0), "350 mm", site="US"
    ),
    "orphan_read": Fault(
        "RD01",
        "read",
        "lesion_no",
        _set(lesion_no=NO_SUCH_LESION),
        "lesion not recorded",
        where=_preop,
        site="EU",
        adds=True,
        blocks=True,
    ),
    "conflicting_duplicate": Fault(
        "GN03",
        "read",
        "slice_thickness_mm",
        _set(slice_thickness_mm=4.5),
        "two records of one key, slice thickness differs",
        where=_preop,
        site="JP",
        adds=True,
    ),
    "exact_duplicate": Fault(
        "GN04",
        "pathology",
        "",
        _set(),
        "the same record twice",
        who="without_dlm",
        site="EU",
        adds=True,
    ),
    "size_of_gone": Fault(
        "RD05",
        "read",
        "size",
        _set(size=7.0, size_status="measured"),
        "not visible, yet 7 mm",
        where=_preop_gone,
        blocks=True,
    ),
    "reason_missing": Fault(
        "RD07",
        "read",
        "not_evaluable_reason",
        _set(not_evaluable_reason=""),
        "not evaluable without a reason",
        where=_preop_unclear,
    ),
    "unit_slip": Fault(
        "RD09",
        "read",
        "size",
        lambda record: {"size": record["size"] / 10},
        "a tenth of the size before",
        where=_preop_large,
        site="JP",
    ),
    "read_after_surgery": Fault(
        "RD11",
        "read",
        "read_date",
        lambda record: {"read_date": record["read_date"] + 60},
        "preoperative exam after the first operation",
        who="without_dlm",
        where=_operated_visible,
        site="JP",
        adds=True,
        blocks=True,
    ),
    "reader_missing": Fault(
        "RD17", "read", "reader_id", _set(reader_id=""), "no reader", where=_preop, site="EU"
    ),
    "reader_not_blinded": Fault(
        "RD25", "read", "blinded", _set(blinded="no"), "reader not blinded", where=_preop, site="US"
    ),
    "segment_not_removed": Fault(
        "SU08",
        "surgery",
        "segments_removed",
        lambda record: {"segments_removed": record["segments_removed"].split("+", 1)[1]},
        "a resected lesion's segment was not removed",
        who="without_dlm",
        where=_several_segments,
        site="JP",
    ),
    "duration_implausible": Fault(
        "SU11",
        "surgery",
        "duration_min",
        _set(duration_min=2400.0),
        "an operation of 40 hours",
        who="without_dlm",
        where=_performed,
        site="EU",
    ),
    "formula_text": Fault(
        "GN13",
        "disposition",
        "action_reason",
        _set(action_reason="=1+1"),
        "text that a spreadsheet runs",
        who="without_dlm",
        site="JP",
        raw=True,
    ),
    "pathology_early": Fault(
        "PA02",
        "pathology",
        "pathology_date",
        lambda record: {"pathology_date": record["pathology_date"] - 25},
        "report before the operation",
        who="without_dlm",
        where=_viable,
        site="JP",
    ),
    "viable_share_conflict": Fault(
        "PA04",
        "pathology",
        "viable_pct",
        lambda record: {"viable_pct": 20.0, "fibrosis_pct": record["fibrosis_pct"] - 20},
        "no viable cells, yet 20 % viable",
        who="without_dlm",
        where=_sterile,
        blocks=True,
    ),
    "grade_inconsistent": Fault(
        "PA05",
        "pathology",
        "trg",
        _set(trg=1.0),
        "grade 1 with viable cells",
        who="without_dlm",
        where=_viable,
        site="EU",
    ),
    "shares_not_100": Fault(
        "PA06",
        "pathology",
        "necrosis_pct",
        lambda record: {"necrosis_pct": record["necrosis_pct"] + 30},
        "shares add up to 130",
        who="without_dlm",
        where=_viable,
        site="JP",
    ),
    "orphan_followup": Fault(
        "FU01",
        "followup",
        "patient_id",
        _nobody,
        "patient not registered",
        site="EU",
        adds=True,
        blocks=True,
    ),
}
FAULT_KINDS = tuple(FAULTS)
# What a trial may hold and yet be published: faults of severity S2 to S4.
FEW = tuple(kind for kind, fault in FAULTS.items() if not fault.blocks)


def plant(tables: Tables, derived: Derived, seed: int, faults: str) -> tuple[Tables, list[Finding]]:
    """Plant faults into a filed trial.

    Args:
        tables: filed forms; left as they are.
        derived: what is derived from them, which tells where a fault does no harm.
        seed: seed of the trial.
        faults: ``none``, ``few`` (once each kind that does not block publication), ``all`` (each
            kind once) or one kind.

    Returns:
        The forms with the faults, and what was planted.

    Raises:
        ValueError: no such kind, or the trial has no record that it could be planted in.
    """
    if faults == "none":
        return tables, []
    several = {"few": FEW, "all": FAULT_KINDS}
    if faults not in (*several, *FAULTS):
        raise ValueError(f"unknown fault {faults!r}; choose none, few, all or one of {FAULT_KINDS}")
    changed = {form: frame.copy() for form, frame in tables.items()}
    kinds = several.get(faults, (faults,))
    rng = stream(seed, "faults")
    hosts = _hosts(derived)
    findings = []
    for kind in kinds:
        row = _draw_record(changed, FAULTS[kind], hosts, rng)
        if row is None:
            if faults in several:
                continue
            raise ValueError(f"this trial has no record in which to plant {kind}")
        # No patient gets two faults, so that one does not hide the other.
        host = str(changed[FAULTS[kind].form].at[row, "patient_id"])
        hosts = {who: free - {host} for who, free in hosts.items()}
        findings.append(_plant_one(changed, kind, row))
    for form, frame in changed.items():
        changed[form] = frame.sort_values(
            [*FORM_KEYS[form]], kind="stable", ignore_index=True, na_position="first"
        )
    return changed, findings


def _hosts(derived: Derived) -> dict[str, set[str]]:
    """Patients in whom a fault changes no endpoint."""
    patients = derived.patients
    operated = patients["is_operated"]
    without = operated & (patients["n_dlm"] == 0)
    return {
        "not_operated": set(patients.loc[~operated, "patient_id"]),
        "without_dlm": set(patients.loc[without, "patient_id"]),
    }


def _draw_record(
    tables: Tables, fault: Fault, hosts: dict[str, set[str]], rng: np.random.Generator
) -> int | None:
    """Row of a record that is fit for a fault, drawn at random; ``None`` where there is none."""
    frame = tables[fault.form]
    patient_id = frame["patient_id"]
    fit = patient_id.isin(hosts[fault.who]) & patient_id.str.startswith(fault.site)
    if fault.where is not None:
        fit &= fault.where(frame)
    rows = np.flatnonzero(fit.to_numpy())
    return int(rows[rng.integers(0, len(rows))]) if len(rows) else None


def _plant_one(tables: Tables, kind: str, row: int) -> Finding:
    """Plant one fault in a record, or in a copy of it."""
    fault = FAULTS[kind]
    frame = tables[fault.form]
    if fault.adds:
        frame = pd.concat([frame, frame.iloc[[row]]], ignore_index=True)
        row = len(frame) - 1
    for column, value in fault.change(frame.iloc[row]).items():
        name = f"_raw_{column}" if fault.raw else column
        if name not in frame:
            frame[name] = ""
        frame.loc[row, name] = value
    tables[fault.form] = frame
    record = frame.iloc[row]
    return Finding(
        kind,
        True,
        fault.rule_id,
        fault.form,
        str(record["patient_id"]),
        float(record["lesion_no"]) if "lesion_no" in frame else float("nan"),
        record_key(fault.form, record),
        fault.column,
        fault.detail,
    )


def _source(record: pd.Series) -> str:
    return SOURCES[str(record["patient_id"])[:2]]
