"""The kinds of faults: at least one for each rule that a record of one delivery can break.

A rule that only a defect of the models can break (derived tables), that needs several deliveries,
or that judges a whole site has no kind here; tests show those on fixtures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from dlm.synthetic.common import LESION, Tables, day_number
from dlm.synthetic.faults import (
    SOURCES,
    Change,
    Choice,
    Edit,
    Fault,
    Finding,
    Named,
    Scene,
    Values,
    plant_faults,
)
from dlm.synthetic.patients import DATA_LOCK
from dlm.synthetic.truth import Derived

# What stands in a file where a code of no list, or a day of no calendar, was written.
UNKNOWN_LABEL = {"eortc": "7", "jcog": "検査中", "us": "7"}
IMPOSSIBLE_DATE = {"eortc": "30/02/2019", "jcog": "2019/02/30", "us": "02/30/2019"}
PLACEHOLDER_DATE = {"eortc": "01/01/1900", "jcog": "1900/01/01", "us": "01/01/1900"}
NO_SUCH_LESION = 77.0
NEVER_ON_SITE = "XX99"
CHEMO = ("chemo_start_date", "chemo_end_date", "chemo_cycles")

Where = Callable[[pd.DataFrame, Scene], pd.Series]


# ---------- changes


def _set(**values: str | float) -> Callable[..., Values]:
    return lambda record, host=None: values


def _shift(column: str, by: float) -> Callable[..., Values]:
    return lambda record, host=None: {column: record[column] + by}


def _source(record: pd.Series) -> str:
    return SOURCES[str(record["patient_id"])[:2]]


def _nobody(**values: str | float) -> Change:
    """The record under a patient id that was never registered."""

    def change(record: pd.Series) -> Values:
        site, number = str(record["patient_id"]).split("-")
        return {"patient_id": f"{site}-9{'0' * (len(number) - 1)}", **values}

    return change


def _next_site(record: pd.Series) -> Values:
    """Another site of the same source."""
    site = str(record["site_id"])
    return {"site_id": f"{site[:2]}{'02' if site.endswith('01') else '01'}"}


def _opposite_cells(record: pd.Series) -> Values:
    """A second specimen of the lesion that says the opposite."""
    viable = record["viable_cells"] == "no"
    return {
        "specimen_id": f"{record['specimen_id']}B",
        "viable_cells": "yes" if viable else "no",
        "viable_pct": 40.0 if viable else 0.0,
        "necrosis_pct": 20.0,
        "fibrosis_pct": 40.0 if viable else 80.0,
        "mucin_pct": 0.0,
        "trg": 3.0 if viable else 1.0,
        "path_size": np.nan,
    }


# ---------- choices among the records of a patient


def _every(frame: pd.DataFrame, record: pd.Series) -> pd.Series:
    return pd.Series(True, index=frame.index)


def _same(*columns: str) -> Choice:
    """Records that agree with the record in some columns."""

    def which(frame: pd.DataFrame, record: pd.Series) -> pd.Series:
        same = pd.Series(True, index=frame.index)
        for column in columns:
            same &= frame[column] == record[column]
        return same

    return which


def _of_baseline(frame: pd.DataFrame, record: pd.Series) -> pd.Series:
    """Lesions seen at baseline."""
    return frame["baseline_size"].notna()


def _unknown_modality(frame: pd.DataFrame, record: pd.Series) -> pd.Series:
    return frame["modality"].isin(set(UNKNOWN_LABEL.values()))


def _both(first: Choice, second: Choice) -> Choice:
    return lambda frame, record: first(frame, record) & second(frame, record)


def _having(**values: str) -> Choice:
    """Records with these codes."""

    def which(frame: pd.DataFrame, record: pd.Series) -> pd.Series:
        same = pd.Series(True, index=frame.index)
        for column, value in values.items():
            same &= frame[column] == value
        return same

    return which


SAME_KEY: dict[str, Choice] = {
    "registration": _every,
    "outcome": _every,
    "lesion": _same("lesion_no"),
    "read": _same("lesion_no", "modality", "timepoint", "read_date", "reader_id"),
}


def _conflict(form: str) -> Named:
    """What a second record of one key must also be called."""
    return Named("GN03", form, "", SAME_KEY[form])


# ---------- records that are fit


def _all_of(*tests: Where) -> Where:
    def where(frame: pd.DataFrame, scene: Scene) -> pd.Series:
        fit = pd.Series(True, index=frame.index)
        for test in tests:
            fit &= test(frame, scene)
        return fit

    return where


def _is(**values: str | Sequence[str]) -> Where:
    """Records with these codes, one or one of several."""

    def where(frame: pd.DataFrame, scene: Scene) -> pd.Series:
        fit = pd.Series(True, index=frame.index)
        for column, value in values.items():
            fit &= frame[column].isin([value] if isinstance(value, str) else list(value))
        return fit

    return where


def _known(column: str) -> Where:
    return lambda frame, scene: frame[column].notna()


def _over(column: str, limit: float) -> Where:
    return lambda frame, scene: frame[column] > limit


def _at_most(column: str, limit: float) -> Where:
    return lambda frame, scene: frame[column] <= limit


def _alone(*columns: str) -> Where:
    """Records that no other of the form shares these columns with."""
    return lambda frame, scene: ~frame.duplicated(list(columns), keep=False)


def _of_patient(form: str, column: str) -> Callable[[pd.DataFrame, Scene], pd.Series]:
    """A column of the patient's only record of another form."""

    def value(frame: pd.DataFrame, scene: Scene) -> pd.Series:
        other = scene.tables[form].drop_duplicates("patient_id").set_index("patient_id")
        return frame["patient_id"].map(other[column])

    return value


def _patient_is(form: str, **values: str) -> Where:
    def where(frame: pd.DataFrame, scene: Scene) -> pd.Series:
        fit = pd.Series(True, index=frame.index)
        for column, value in values.items():
            fit &= _of_patient(form, column)(frame, scene) == value
        return fit

    return where


def _not_withdrawn(frame: pd.DataFrame, scene: Scene) -> pd.Series:
    return _of_patient("registration", "withdrawal_date")(frame, scene).isna()


def _has_records(form: str, **values: str) -> Where:
    """Patients with such a record in a form."""

    def where(frame: pd.DataFrame, scene: Scene) -> pd.Series:
        other = scene.tables[form]
        for column, value in values.items():
            other = other[other[column] == value]
        return frame["patient_id"].isin(set(other["patient_id"]))

    return where


def _n_lesions(low: int, high: int) -> Where:
    def where(frame: pd.DataFrame, scene: Scene) -> pd.Series:
        count = frame["patient_id"].map(scene.tables["lesion"].groupby("patient_id").size())
        return count.between(low, high)

    return where


def _lesion_is(**values: str | bool) -> Where:
    """Records of lesions of which this was derived."""

    def where(frame: pd.DataFrame, scene: Scene) -> pd.Series:
        lesions = scene.derived.lesions
        for column, value in values.items():
            lesions = lesions[lesions[column] == value]
        keys = pd.MultiIndex.from_frame(lesions[LESION])
        return pd.Series(
            pd.MultiIndex.from_frame(frame[LESION]).isin(keys), index=frame.index, dtype=bool
        )

    return where


def _all_baseline(frame: pd.DataFrame, scene: Scene) -> pd.Series:
    """Patients all of whose lesions were seen at baseline."""
    seen = scene.derived.lesions.groupby("patient_id")["is_baseline_lesion"].all()
    return frame["patient_id"].map(seen).fillna(False).astype(bool)


def _last_lesion(frame: pd.DataFrame, scene: Scene) -> pd.Series:
    return frame["lesion_no"] == frame.groupby("patient_id")["lesion_no"].transform("max")


def _has_double(frame: pd.DataFrame, scene: Scene) -> pd.Series:
    """Lesions of whose patient another was seen on the same day."""
    return frame["lesion_no"].eq(2) & frame["baseline_date"].notna()


def _read_on_site(frame: pd.DataFrame, scene: Scene) -> pd.Series:
    """Lesions with exactly one local preoperative CT read, of a plain verdict."""
    reads = scene.tables["read"]
    reads = reads[(reads["timepoint"] == "preop") & (reads["modality"] == "CT")]
    reads = reads[reads["reader_role"] == "local"].drop_duplicates(LESION, keep=False)
    reads = reads[reads["verdict"].isin(["visible", "not_visible"])]
    return pd.Series(
        pd.MultiIndex.from_frame(frame[LESION]).isin(pd.MultiIndex.from_frame(reads[LESION])),
        index=frame.index,
        dtype=bool,
    )


def _one_reader(modality: str) -> Where:
    """Accepted preoperative reads that are the only one of their lesion and modality."""

    def where(frame: pd.DataFrame, scene: Scene) -> pd.Series:
        own = (frame["timepoint"] == "preop") & (frame["modality"] == modality)
        return own & ~frame[own].duplicated(LESION, keep=False).reindex(
            frame.index, fill_value=True
        )

    return where


def _first_resected_at_once(frame: pd.DataFrame, scene: Scene) -> pd.Series:
    """Patients whose first lesion was resected at the first stage."""
    actions = scene.tables["disposition"]
    actions = actions[actions["lesion_no"] == 1].drop_duplicates("patient_id", keep=False)
    return frame["patient_id"].isin(set(actions[actions["action"] == "resected"]["patient_id"]))


def _only_left(frame: pd.DataFrame, scene: Scene) -> pd.Series:
    """Lesions of patients with one lesion left in place."""
    lesions = scene.derived.lesions
    left = lesions[lesions["disposition"] == "left_in_place"]
    return frame["patient_id"].map(left.groupby("patient_id").size()) == 1


def _two_agree(frame: pd.DataFrame, scene: Scene) -> pd.Series:
    """Second local MRI reads that agree with the first."""
    own = frame[(frame["timepoint"] == "preop") & (frame["modality"] == "MRI")]
    own = own[own["reader_role"] == "local"]
    exam = own.groupby(LESION)
    fit = exam["reader_id"].transform("size").eq(2)
    fit &= exam["verdict"].transform("nunique").eq(1) & own["reader_id"].str.endswith("-R2")
    fit &= own["verdict"].isin(["visible", "not_visible"])
    return fit.reindex(frame.index, fill_value=False)


def _alive_after(days: float) -> Where:
    """Patients alive at least so long before the data were extracted."""

    def where(frame: pd.DataFrame, scene: Scene) -> pd.Series:
        last = _of_patient("outcome", "last_contact_date")(frame, scene)
        alive = _of_patient("outcome", "vital_status")(frame, scene) == "alive"
        return alive & (last < DATA_LOCK - days)

    return where


def _middle_visit(frame: pd.DataFrame, scene: Scene) -> pd.Series:
    """Visits of the first two years, without any finding, between two others far enough apart."""
    visits = frame.groupby("patient_id")["visit_date"]
    before, after = visits.shift(1), visits.shift(-1)
    patients = scene.derived.patients.set_index("patient_id")
    since = after - frame["patient_id"].map(patients["first_surgery_date"])
    interval = frame["patient_id"].str.startswith("JP").map({True: 122, False: 91})
    plain = (frame["recurrence"] == "no") & (frame["later_treatment"] == "")
    plain &= ~frame.duplicated(["patient_id", "visit_no"], keep=False)
    return plain & (after - before > 1.6 * interval) & (since < 740)


def _single_stage(frame: pd.DataFrame, scene: Scene) -> pd.Series:
    alone = ~frame.duplicated("patient_id", keep=False)
    return alone & (frame["performed"] == "yes") & (frame["planned_stages"] == 1)


def _operated_twice(frame: pd.DataFrame, scene: Scene) -> pd.Series:
    """Patients whose second stage was performed."""
    stages = scene.tables["surgery"]
    second = stages[(stages["stage"] == 2) & (stages["performed"] == "yes")]
    return frame["patient_id"].isin(set(second["patient_id"]))


def _measured_at_baseline(frame: pd.DataFrame, scene: Scene) -> pd.Series:
    """Records of lesions that a baseline CT measured."""
    reads = scene.tables["read"]
    measured = reads[(reads["timepoint"] == "baseline") & (reads["modality"] == "CT")]
    measured = measured[(measured["size_status"] == "measured") & (measured["size"] >= 15)]
    keys = pd.MultiIndex.from_frame(measured[LESION])
    return pd.Series(
        pd.MultiIndex.from_frame(frame[LESION]).isin(keys), index=frame.index, dtype=bool
    )


def _measured_before(frame: pd.DataFrame, scene: Scene) -> pd.Series:
    """Records of lesions that were measured before the operation."""
    reads = scene.tables["read"]
    measured = reads[(reads["timepoint"] == "preop") & (reads["size_status"] == "measured")]
    keys = pd.MultiIndex.from_frame(measured[LESION])
    return pd.Series(
        pd.MultiIndex.from_frame(frame[LESION]).isin(keys), index=frame.index, dtype=bool
    )


def _synchronous(frame: pd.DataFrame, scene: Scene) -> pd.Series:
    return (frame["synchronous"] == "yes") & (frame["primary_dx_date_precision"] == "day")


REGISTRATION: dict[str, Fault] = {
    "site_unknown": Fault(
        "GN01",
        "registration",
        "site_id",
        "a site that takes no part",
        _set(site_id=NEVER_ON_SITE, _raw_site_id=NEVER_ON_SITE),
        follows=(
            Named("PT01", "registration", "patient_id", _every),
            Named("DV14", "registration", "region", _every, "patient_id"),
        ),
        blocks=True,
    ),
    "site_wrong": Fault(
        "PT01", "registration", "patient_id", "the id begins with another site", _next_site
    ),
    "registered_twice": Fault(
        "PT02",
        "registration",
        "site_id",
        "one patient registered at two sites",
        _next_site,
        act="add",
        # A REDCap export holds one data access group per record.
        where=lambda frame, scene: ~frame["patient_id"].str.startswith("US"),
        names=(Named("PT02", "registration", "site_id", _every),),
        follows=(
            _conflict("registration"),
            Named("PT01", "registration", "patient_id", _same("site_id")),
        ),
        blocks=True,
    ),
    "wide_id": Fault(
        "GN05",
        "registration",
        "patient_id",
        "full-width digits",
        lambda record: {
            "_raw_patient_id": str(record["patient_id"]).translate(
                str.maketrans("0123456789-", "０１２３４５６７８９－")
            )
        },
        site="JP",
    ),
    "age_out_of_range": Fault("PT03", "registration", "age", "age 132", _set(age=132.0)),
    "age_missing": Fault("PT03", "registration", "age", "no age", _set(age=np.nan)),
    "sex_missing": Fault("PT04", "registration", "sex", "no sex", _set(sex="")),
    "consent_missing": Fault(
        "PT05",
        "registration",
        "consent_date",
        "no date of consent",
        _set(consent_date=np.nan),
        blocks=True,
    ),
    "no_baseline_lesion": Fault(
        "PT06",
        "registration",
        "patient_id",
        "no lesion recorded",
        _set(n_lesions_declared=np.nan),
        where=_all_of(_is(eligible="yes"), _n_lesions(1, 4)),
        edits=(Edit("read", _every, None), Edit("lesion", _every, None)),
    ),
    "no_chemotherapy": Fault(
        "PT07",
        "registration",
        "chemo_cycles",
        "eligible, yet no chemotherapy",
        _set(**dict.fromkeys(CHEMO, np.nan)),
        where=_is(eligible="yes"),
    ),
    "diagnosis_order": Fault(
        "PT08",
        "registration",
        "liver_mets_dx_date",
        "primary diagnosed 40 days after the liver metastases",
        lambda record: {"primary_dx_date": record["liver_mets_dx_date"] + 40},
        where=_synchronous,
    ),
    "synchronous_conflict": Fault(
        "PT09",
        "registration",
        "synchronous",
        "synchronous, yet 400 days between the diagnoses",
        lambda record: {"primary_dx_date": record["liver_mets_dx_date"] - 400},
        where=_synchronous,
    ),
    "declared_count": Fault(
        "PT10",
        "registration",
        "n_lesions_declared",
        "declares four metastases more than are recorded",
        _shift("n_lesions_declared", 4),
    ),
    "chemotherapy_order": Fault(
        "PT11",
        "registration",
        "chemo_end_date",
        "chemotherapy ends before it begins",
        lambda record: {"chemo_end_date": record["chemo_start_date"] - 10},
    ),
    "cea_negative": Fault(
        "PT12", "registration", "cea", "CEA below zero", _set(cea=-5.0, cea_unit="ng_ml")
    ),
    "cea_without_unit": Fault(
        "PT12",
        "registration",
        "cea",
        "a CEA without its unit",
        _set(cea_unit=""),
        where=_known("cea"),
    ),
    "after_withdrawal": Fault(
        "PT15",
        "registration",
        "withdrawal_date",
        "examined after withdrawal",
        lambda record: {"withdrawal_date": record["chemo_start_date"] + 5},
        where=_all_of(_not_withdrawn, _has_records("read", timepoint="preop")),
    ),
    "cycles_implausible": Fault(
        "PT13", "registration", "chemo_cycles", "ninety cycles", _set(chemo_cycles=90.0)
    ),
    "registration_undated": Fault(
        "PT14",
        "registration",
        "registration_date",
        "no date of registration",
        _set(registration_date=np.nan),
        where=lambda frame, scene: frame["registration_date"].between(
            frame["registration_date"].min() + 60, frame["registration_date"].max() - 60
        ),
    ),
    "consent_month_only": Fault(
        "PT16",
        "registration",
        "consent_date",
        "day of consent not known",
        _set(consent_date_precision="month"),
    ),
    "impossible_date": Fault(
        "GN06",
        "registration",
        "primary_dx_date",
        "30 February 2019",
        lambda record: {"_raw_primary_dx_date": IMPOSSIBLE_DATE[_source(record)]},
    ),
    "future_date": Fault(
        "GN08",
        "registration",
        "chemo_end_date",
        "a day in 2035",
        _set(chemo_end_date=day_number(2035, 3, 1)),
    ),
    "unknown_code": Fault(
        "GN10",
        "registration",
        "ras_status",
        "label of no code list",
        lambda record: {"_raw_ras_status": UNKNOWN_LABEL[_source(record)]},
    ),
    "number_as_text": Fault(
        "GN12", "registration", "cea", "not a plain number", _set(_raw_cea="<5"), site="US"
    ),
}

LESIONS: dict[str, Fault] = {
    "orphan_lesion": Fault(
        "LE01",
        "lesion",
        "patient_id",
        "patient not registered",
        _nobody(lesion_no=1.0, baseline_size=19.5),
        act="add",
        blocks=True,
    ),
    "lesion_twice": Fault(
        "LE02",
        "lesion",
        "lesion_no",
        "one lesion number, two lesions",
        _shift("baseline_size", 7),
        act="add",
        where=_known("baseline_size"),
        names=(Named("LE02", "lesion", "lesion_no", SAME_KEY["lesion"]),),
        follows=(_conflict("lesion"),),
        blocks=True,
    ),
    "lesion_number_skipped": Fault(
        "LE03",
        "lesion",
        "lesion_no",
        "a number between the last two is missing",
        _shift("lesion_no", 1),
        where=_all_of(_last_lesion, _n_lesions(2, 30)),
        edits=(Edit("read", _same("lesion_no"), _shift("lesion_no", 1)),),
    ),
    "segment_unknown": Fault(
        "LE04", "lesion", "segment", "no such Couinaud segment", _set(segment="9")
    ),
    "baseline_size_missing": Fault(
        "LE05", "lesion", "baseline_size_mm", "no baseline size", _set(baseline_size=np.nan)
    ),
    "lesion_size_implausible": Fault(
        "LE06", "lesion", "baseline_size_mm", "350 mm", _set(baseline_size=350.0)
    ),
    "lesion_entered_twice": Fault(
        "LE07",
        "lesion",
        "segment",
        "segment, size and day of another lesion of the patient",
        _set(segment="6", baseline_size=33.0),
        where=_has_double,
        edits=(
            Edit(
                "lesion",
                lambda frame, record: frame["lesion_no"] == 1,
                _set(segment="6", baseline_size=33.0),
            ),
        ),
        names=(Named("LE07", "lesion", "segment", _same("segment", "baseline_size")),),
    ),
    "mark_without_read": Fault(
        "LE08",
        "lesion",
        "site_disappeared",
        "marked as disappeared, local CT says visible",
        _set(site_disappeared="yes"),
        where=_all_of(_read_on_site, _is(site_disappeared="no")),
    ),
    "read_without_mark": Fault(
        "LE09",
        "lesion",
        "site_disappeared",
        "local CT says not visible, not marked so",
        _set(site_disappeared="no"),
        where=_all_of(_read_on_site, _is(site_disappeared="yes")),
    ),
    "baseline_read_missing": Fault(
        "LE10",
        "lesion",
        "lesion_no",
        "no baseline read",
        where=_n_lesions(3, 30),
        edits=(
            Edit("read", _both(_same("lesion_no"), _having(timepoint="baseline")), None),
            Edit("registration", _every, _shift("n_lesions_declared", -1)),
        ),
    ),
    "baseline_after_chemotherapy": Fault(
        "LE11",
        "lesion",
        "baseline_date",
        "baseline scan after chemotherapy began",
        lambda record: {"baseline_date": record["baseline_date"] + 25},
        where=_known("baseline_date"),
    ),
    "thinner_than_its_slice": Fault(
        "LE13",
        "read",
        "size_mm",
        "measured at less than a slice",
        lambda record: {"slice_thickness_mm": record["size"] + 0.5},
        where=_all_of(
            _is(timepoint="baseline", modality="CT", size_status="measured"), _at_most("size", 9)
        ),
    ),
    "placeholder_date": Fault(
        "GN07",
        "lesion",
        "baseline_date",
        "1 January 1900",
        lambda record: {
            "baseline_date": day_number(1900, 1, 1),
            "_raw_baseline_date": PLACEHOLDER_DATE[_source(record)],
        },
        where=_known("baseline_date"),
    ),
}

READS: dict[str, Fault] = {
    "orphan_read": Fault(
        "RD01",
        "read",
        "lesion_no",
        "lesion not recorded",
        _set(lesion_no=NO_SUCH_LESION),
        act="add",
        where=_is(timepoint="preop", verdict="not_visible"),
        blocks=True,
    ),
    "new_lesion_unlisted": Fault(
        "RD26",
        "read",
        "lesion_no",
        "a new lesion is read that the lesion form does not have",
        _set(lesion_no=NO_SUCH_LESION),
        act="add",
        where=_is(timepoint="preop", verdict="visible"),
        follows=(Named("RD01", "read", "lesion_no", _same("lesion_no")),),
        blocks=True,
    ),
    "timepoint_missing": Fault(
        "GN02", "read", "timepoint", "no timepoint", _set(timepoint=""), act="add", blocks=True
    ),
    "conflicting_duplicate": Fault(
        "GN03",
        "read",
        "",
        "two records of one key, slice thickness differs",
        _set(slice_thickness_mm=4.5),
        act="add",
        where=_all_of(_is(timepoint="preop"), _known("read_date")),
        names=(_conflict("read"),),
    ),
    "read_twice": Fault(
        "RD02",
        "read",
        "size_mm",
        "one reader, one exam, two sizes",
        _shift("size", 6),
        act="add",
        where=_all_of(_is(timepoint="preop", size_status="measured"), _over("size", 9)),
        follows=(_conflict("read"),),
        names=(Named("RD02", "read", "verdict", SAME_KEY["read"]),),
    ),
    "modality_unknown": Fault(
        "RD03",
        "read",
        "modality",
        "a modality of no code list",
        # An unknown label stays in the key of the record.
        lambda record: {"modality": UNKNOWN_LABEL[_source(record)]},
        act="add",
        follows=(Named("GN10", "read", "modality", _unknown_modality),),
        where=_is(timepoint="baseline"),
    ),
    "verdict_missing": Fault(
        "RD04",
        "read",
        "verdict",
        "no verdict",
        _set(verdict="", size=np.nan, size_status=""),
        where=_is(timepoint="baseline", reader_role="central"),
    ),
    "size_of_gone": Fault(
        "RD05",
        "read",
        "size_mm",
        "not visible, yet 7 mm",
        _set(size=7.0, size_status=""),
        where=_is(timepoint="preop", verdict="not_visible"),
        blocks=True,
    ),
    "size_missing": Fault(
        "RD06",
        "read",
        "size_mm",
        "visible without a size",
        _set(size=np.nan, size_status="not_measured"),
        where=_is(verdict="visible"),
    ),
    "reason_missing": Fault(
        "RD07",
        "read",
        "not_evaluable_reason",
        "not evaluable without a reason",
        _set(not_evaluable_reason=""),
        where=_is(timepoint="preop", verdict="not_evaluable"),
    ),
    "size_implausible": Fault(
        "RD08",
        "read",
        "size_mm",
        "250 mm",
        _set(size=250.0, size_status="measured"),
        where=_all_of(_is(verdict="visible"), _alone(*LESION, "modality")),
    ),
    "unit_slip": Fault(
        "RD09",
        "read",
        "size_mm",
        "a tenth of the size before",
        lambda record: {"size": record["size"] / 10},
        where=_all_of(
            _is(timepoint="preop", modality="CT", reader_role="local", size_status="measured"),
            _measured_at_baseline,
            _alone(*LESION, "modality", "timepoint"),
            _over("size", 15),
        ),
    ),
    "restaging_before_baseline": Fault(
        "RD10",
        "read",
        "read_date",
        "restaging dated before the baseline scan",
        lambda record: {"read_date": record["read_date"] - 365},
        where=_all_of(
            _is(timepoint="preop", modality="MRI"),
            _alone(*LESION, "modality", "timepoint"),
            _n_lesions(2, 30),
        ),
    ),
    "read_after_surgery": Fault(
        "RD11",
        "read",
        "read_date",
        "preoperative exam after the first operation",
        _shift("read_date", 60),
        act="add",
        who="without_dlm",
        where=_all_of(
            _is(timepoint="preop", modality="CT", verdict="visible", reader_role="local"),
            _alone(*LESION, "modality", "timepoint", "reader_id"),
            _alive_after(0),
        ),
        blocks=True,
    ),
    "ultrasound_off_the_day": Fault(
        "RD12",
        "read",
        "read_date",
        "intraoperative ultrasound five days after the operation",
        _shift("read_date", 5),
        act="add",
        who="without_dlm",
        where=_all_of(_is(timepoint="intraop", modality="IOUS"), _alive_after(0)),
        blocks=True,
    ),
    "read_after_last_contact": Fault(
        "RD14",
        "read",
        "read_date",
        "read after the last contact",
        lambda record: {"read_date": DATA_LOCK - 2, "timepoint": "followup"},
        act="add",
        where=_all_of(
            _is(timepoint="preop", modality="CT", reader_role="local"),
            _alive_after(20),
            _not_withdrawn,
        ),
        blocks=True,
    ),
    "dlm_without_ultrasound": Fault(
        "RD15",
        "lesion",
        "verdict",
        "a DLM without intraoperative ultrasound",
        who="with_dlm",
        where=_lesion_is(is_dlm=True),
        edits=(Edit("read", _both(_same("lesion_no"), _having(modality="IOUS")), None),),
        blocks=True,
    ),
    "dlm_without_mri": Fault(
        "RD16",
        "lesion",
        "verdict",
        "a DLM without preoperative MRI",
        who="with_dlm",
        where=_lesion_is(is_dlm=True),
        edits=(
            Edit(
                "read",
                _both(_same("lesion_no"), _having(modality="MRI", timepoint="preop")),
                None,
            ),
        ),
        follows=(Named("DV34", "lesion", "mri_group", _same("lesion_no"), "lesion_id"),),
        touches="NPV: without MRI the DLM is in no MRI population",
    ),
    "late_mri": Fault(
        "RD13",
        "read",
        "read_date",
        "the last MRI before surgery is older than the window",
        _set(),  # moved with the others of its exam, below
        who="without_dlm",
        where=_all_of(
            _is(timepoint="preop", modality="MRI", reader_role="local"),
            _all_baseline,
            _n_lesions(1, 9),
        ),
        names=(Named("RD13", "lesion", "read_date", _of_baseline),),
        edits=(Edit("read", _having(timepoint="preop", modality="MRI"), _shift("read_date", -45)),),
    ),
    "late_ct": Fault(
        "RD27",
        "read",
        "read_date",
        "the last CT before surgery is older than the window",
        _set(),  # moved with the others of its exam, below
        who="without_dlm",
        where=_all_of(
            _is(timepoint="preop", modality="CT", reader_role="local"),
            _all_baseline,
            _n_lesions(1, 9),
        ),
        names=(Named("RD27", "lesion", "read_date", _of_baseline),),
        edits=(Edit("read", _having(timepoint="preop", modality="CT"), _shift("read_date", -45)),),
    ),
    "reader_missing": Fault(
        "RD17", "read", "reader_id", "no reader", _set(reader_id=""), where=_is(timepoint="preop")
    ),
    "readers_torn": Fault(
        "RD18",
        "read",
        "verdict",
        "two local MRI readers disagree and nobody else has read",
        lambda record: {
            "verdict": "not_visible" if record["verdict"] == "visible" else "visible",
            "size": 0.0 if record["verdict"] == "visible" else 8.0,
            "size_status": "gone" if record["verdict"] == "visible" else "measured",
        },
        where=_two_agree,
        names=(Named("RD18", "lesion", "verdict", _same("lesion_no")),),
        edits=(
            Edit(
                "read",
                lambda frame, record: (
                    _both(_same("lesion_no"), _having(modality="MRI", timepoint="preop"))(
                        frame, record
                    )
                    & (frame["reader_role"] != "local")
                ),
                None,
            ),
        ),
    ),
    "no_contrast": Fault(
        "RD20",
        "read",
        "contrast",
        "gone without contrast",
        _set(contrast="no"),
        who="with_dlm",
        where=_all_of(_one_reader("CT"), _is(verdict="not_visible"), _lesion_is(is_dlm=True)),
    ),
    "slice_too_thick": Fault(
        "RD21",
        "read",
        "slice_thickness_mm",
        "gone on slices of 8 mm",
        _set(slice_thickness_mm=8.0),
        who="with_dlm",
        where=_all_of(_one_reader("CT"), _is(verdict="not_visible"), _lesion_is(is_dlm=True)),
    ),
    "exam_on_two_days": Fault(
        "RD22",
        "read",
        "read_date",
        "one lesion of an exam read on another day",
        _shift("read_date", -1),
        where=_all_of(
            _is(timepoint="preop", modality="MRI"),
            _alone(*LESION, "modality", "timepoint"),
            _n_lesions(3, 30),
        ),
    ),
    "status_unlike_verdict": Fault(
        "RD28",
        "read",
        "size_status",
        "not visible, marked as too small to measure",
        _set(size=np.nan, size_status="too_small"),
        where=_is(timepoint="preop", verdict="not_visible"),
    ),
    "size_unlike_status": Fault(
        "RD29",
        "read",
        "size_mm",
        "too small to measure, yet 9 mm",
        _set(size=9.0, size_status="too_small"),
        where=_all_of(_is(timepoint="preop", size_status="measured"), _at_most("size", 30)),
    ),
    "conditions_unexplained": Fault(
        "RD30",
        "read",
        "conditions_reason",
        "conditions not met, nobody says why",
        _set(conditions_met="no", conditions_reason=""),
        where=_is(timepoint="preop"),
    ),
    "contrast_ultrasound_without": Fault(
        "RD31",
        "read",
        "contrast",
        "contrast-enhanced ultrasound without contrast",
        _set(contrast="no"),
        who="without_dlm",
        where=_is(modality="CEIOUS"),
    ),
    "read_undated": Fault(
        "RD32",
        "read",
        "read_date",
        "a verdict without a day",
        _set(read_date=np.nan),
        where=_is(timepoint="baseline", reader_role="central"),
    ),
    "slice_implausible": Fault(
        "RD33",
        "read",
        "slice_thickness_mm",
        "slices of 60 mm",
        _set(slice_thickness_mm=60.0),
        where=_is(timepoint="baseline", modality="MRI"),
    ),
    "modality_at_wrong_time": Fault(
        "RD34",
        "read",
        "timepoint",
        "intraoperative ultrasound filed as restaging",
        _set(modality="IOUS", timepoint="preop"),
        act="add",
        where=_is(timepoint="preop", modality="CT", reader_role="local"),
    ),
    "reader_not_blinded": Fault(
        "RD25",
        "read",
        "blinded",
        "reader not blinded",
        _set(blinded="no"),
        where=_is(timepoint="preop", verdict=("visible", "not_visible")),
    ),
}

READ_SINCE_SURGERY = Named(
    "RD14",
    "read",
    "read_date",
    lambda frame, record: frame["read_date"] >= record["surgery_date"],
)

SURGERY: dict[str, Fault] = {
    "orphan_surgery": Fault(
        "SU01",
        "surgery",
        "patient_id",
        "patient not registered",
        _nobody(),
        act="add",
        who="without_dlm",
        blocks=True,
    ),
    "operation_undated": Fault(
        "SU02",
        "surgery",
        "surgery_date",
        "operated on, no date",
        _set(performed="yes", r_status="R0"),
        where=_is(performed="no"),
        blocks=True,
    ),
    "operated_during_chemotherapy": Fault(
        "SU03",
        "surgery",
        "surgery_date",
        "operated on before chemotherapy ended",
        who="without_dlm",
        where=_all_of(_is(performed="yes"), _single_stage),
        edits=(
            Edit(
                "registration",
                _every,
                lambda record, host: {"chemo_end_date": host["surgery_date"] + 5},
            ),
        ),
        follows=(Named("PT11", "registration", "chemo_end_date", _every),),
        blocks=True,
    ),
    "death_before_surgery": Fault(
        "SU04",
        "surgery",
        "surgery_date",
        "died before the operation",
        who="without_dlm",
        where=_all_of(_single_stage, _patient_is("outcome", vital_status="dead")),
        edits=(
            Edit(
                "outcome",
                _every,
                lambda record, host: dict.fromkeys(
                    ("death_date", "last_contact_date"), host["surgery_date"] - 1
                ),
            ),
        ),
        blocks=True,
        follows=(
            READ_SINCE_SURGERY,
            Named("FU02", "followup", "visit_date", _every),
            Named("FU04", "followup", "visit_date", _every),
            Named("FU20", "outcome", "last_contact_date", _every),
        ),
        touches="OS and RFS: death precedes day 0",
    ),
    "lesion_without_action": Fault(
        "SU05",
        "disposition",
        "action",
        "nobody says what was done to the lesion",
        act="remove",
        who="without_dlm",
        where=_all_of(_is(action="ablated"), _alone(*LESION)),
        names=(Named("SU05", "lesion", "action", _same("lesion_no")),),
        blocks=True,
    ),
    "pathology_missing": Fault(
        "SU06",
        "pathology",
        "specimen_id",
        "no pathology of a resected lesion",
        act="remove",
        who="without_dlm",
        where=_all_of(_alone(*LESION), _lesion_is(disposition="resected")),
        names=(
            Named(
                "SU06",
                "disposition",
                "specimen_id",
                _both(_same("lesion_no"), _having(action="resected")),
            ),
        ),
        follows=(Named("DV35", "lesion", "reference_reason", _same("lesion_no"), "lesion_id"),),
        blocks=True,
    ),
    "left_with_pathology": Fault(
        "SU07",
        "disposition",
        "action",
        "left in place, yet a specimen was examined",
        _set(action="left_in_place", specimen_id=""),
        who="without_dlm",
        where=_all_of(_is(action="resected"), _alone(*LESION)),
        blocks=True,
    ),
    "segment_not_removed": Fault(
        "SU08",
        "surgery",
        "segments_removed",
        "a resected lesion's segment was not removed",
        lambda record: {"segments_removed": record["segments_removed"].split("+", 1)[1]},
        who="without_dlm",
        where=lambda frame, scene: frame["segments_removed"].str.contains("+", regex=False),
    ),
    "two_operations_one_day": Fault(
        "SU09",
        "surgery",
        "surgery_date",
        "two operations on one day",
        _set(stage=2.0, planned_stages=2.0),
        act="add",
        who="without_dlm",
        where=_single_stage,
        names=(Named("SU09", "surgery", "surgery_date", _every),),
    ),
    "blind_resection": Fault(
        "SU10",
        "disposition",
        "action_reason",
        "not seen by ultrasound, resected without a reason",
        _set(action_reason=""),
        who="operated",
        where=_all_of(_is(action="resected"), _lesion_is(ious_verdict="not_visible")),
    ),
    "duration_implausible": Fault(
        "SU11",
        "surgery",
        "duration_min",
        "an operation of 40 hours",
        _set(duration_min=2400.0),
        who="without_dlm",
        where=_is(performed="yes"),
    ),
    "blood_loss_implausible": Fault(
        "SU11",
        "surgery",
        "blood_loss_ml",
        "30 litres of blood",
        _set(blood_loss_ml=30000.0),
        who="without_dlm",
        where=_is(performed="yes"),
    ),
    "stage_unplanned": Fault(
        "SU12",
        "surgery",
        "stage",
        "a second stage that was not planned",
        lambda record: {"stage": 2.0, "surgery_date": record["surgery_date"] + 30},
        act="add",
        who="without_dlm",
        where=_all_of(_single_stage, _patient_is("outcome", vital_status="alive")),
        touches="RFS and OS: whether day 0 moves to an operation beyond the plan",
    ),
    "margin_missing": Fault(
        "SU13",
        "surgery",
        "r_status",
        "no R status of an operation",
        _set(r_status=""),
        who="without_dlm",
        where=_is(performed="yes"),
    ),
    "stage_impossible": Fault(
        "SU14", "surgery", "stage", "a ninth stage", _set(stage=9.0), where=_is(performed="no")
    ),
    "performed_missing": Fault(
        "SU15",
        "surgery",
        "performed",
        "nobody says whether it took place",
        _set(performed=""),
        where=_is(performed="no"),
    ),
    "orphan_disposition": Fault(
        "SU16",
        "disposition",
        "lesion_no",
        "lesion not recorded",
        _set(lesion_no=NO_SUCH_LESION),
        act="add",
        who="without_dlm",
        where=_is(action="resected"),
        blocks=True,
    ),
    "action_missing": Fault(
        "SU17",
        "disposition",
        "action",
        "no action",
        _set(action=""),
        follows=(Named("SU05", "lesion", "action", _same("lesion_no")),),
        blocks=True,
        who="without_dlm",
        where=_all_of(_is(action="ablated"), _alone(*LESION)),
    ),
    "specimen_unnamed": Fault(
        "SU18",
        "disposition",
        "specimen_id",
        "resected, no specimen",
        _set(specimen_id=""),
        who="without_dlm",
        where=_all_of(_is(action="resected"), _alone(*LESION)),
    ),
    "left_with_specimen": Fault(
        "SU19",
        "disposition",
        "specimen_id",
        "left in place, with a specimen",
        lambda record: {"specimen_id": f"{record['patient_id']}-S9"},
        who="without_dlm",
        where=_is(action="left_in_place"),
    ),
    "resected_then_left": Fault(
        "SU20",
        "disposition",
        "action",
        "resected at the first stage, left at the second",
        _set(stage=2.0, action="left_in_place", action_reason="", specimen_id=""),
        act="add",
        who="without_dlm",
        where=_all_of(
            _is(action="resected"), _at_most("stage", 1), _alone(*LESION), _operated_twice
        ),
        touches="the truth of the lesion: whether its resection stands",
    ),
    "formula_text": Fault(
        "GN13",
        "disposition",
        "action_reason",
        "text that a spreadsheet runs",
        _set(_raw_action_reason="=1+1"),
        who="without_dlm",
    ),
}

PATHOLOGY: dict[str, Fault] = {
    "orphan_pathology": Fault(
        "PA01",
        "pathology",
        "lesion_no",
        "lesion not recorded",
        _set(lesion_no=NO_SUCH_LESION),
        act="add",
        who="without_dlm",
        blocks=True,
    ),
    "pathology_undated": Fault(
        "PA10",
        "pathology",
        "pathology_date",
        "no date of the report",
        _set(pathology_date=np.nan),
        who="without_dlm",
    ),
    "share_impossible": Fault(
        "PA11",
        "pathology",
        "necrosis_pct",
        "minus ten percent necrosis",
        _set(viable_pct=80.0, necrosis_pct=-10.0, fibrosis_pct=30.0, mucin_pct=0.0),
        who="without_dlm",
        where=_is(viable_cells="yes"),
    ),
    "found_missing": Fault(
        "PA12",
        "pathology",
        "specimen_found",
        "nobody says whether the specimen was found",
        _set(specimen_found=""),
        who="without_dlm",
        where=_is(viable_cells=("yes", "no")),
    ),
    "exact_duplicate": Fault(
        "GN04",
        "pathology",
        "",
        "the same record twice",
        act="add",
        who="without_dlm",
    ),
    "pathology_early": Fault(
        "PA02",
        "surgery",
        "pathology_date",
        "report the day before the operation",
        who="without_dlm",
        where=_all_of(_single_stage, _has_records("pathology", viable_cells="yes")),
        edits=(
            Edit(
                "pathology",
                lambda frame, record: frame["lesion_no"] == frame["lesion_no"].min(),
                lambda record, host: {"pathology_date": host["surgery_date"] - 1},
            ),
        ),
        names=(
            Named(
                "PA02",
                "pathology",
                "pathology_date",
                lambda frame, record: frame["pathology_date"] < record["surgery_date"],
            ),
        ),
    ),
    "viable_cells_missing": Fault(
        "PA03",
        "pathology",
        "viable_cells",
        "nobody says whether cells are viable",
        _set(viable_cells=""),
        who="without_dlm",
        where=_is(viable_cells="not_evaluable", specimen_found="yes"),
        blocks=True,
    ),
    "viable_share_conflict": Fault(
        "PA04",
        "pathology",
        "viable_pct",
        "no viable cells, yet 20 % viable",
        lambda record: {"viable_pct": 20.0, "fibrosis_pct": record["fibrosis_pct"] - 20},
        who="without_dlm",
        where=_all_of(_is(viable_cells="no"), _over("fibrosis_pct", 20)),
        blocks=True,
    ),
    "grade_inconsistent": Fault(
        "PA05",
        "pathology",
        "trg",
        "grade 1 with viable cells",
        _set(trg=1.0),
        who="without_dlm",
        where=_is(viable_cells="yes"),
    ),
    "shares_not_100": Fault(
        "PA06",
        "pathology",
        "necrosis_pct",
        "shares add up to 130",
        lambda record: {"necrosis_pct": record["necrosis_pct"] + 30},
        who="without_dlm",
        where=_all_of(_is(viable_cells="yes"), _at_most("necrosis_pct", 60)),
    ),
    "specimens_opposed": Fault(
        "PA07",
        "pathology",
        "viable_cells",
        "two specimens of one lesion say the opposite",
        _opposite_cells,
        act="add",
        who="without_dlm",
        where=_all_of(_is(viable_cells=("yes", "no")), _alone(*LESION)),
        names=(Named("PA07", "pathology", "viable_cells", _same("lesion_no")),),
        blocks=True,
    ),
    "specimen_size_implausible": Fault(
        "PA08",
        "pathology",
        "path_size_mm",
        "five times the size imaged",
        lambda record: {"path_size": 5 * record["path_size"] + 30},
        who="without_dlm",
        where=_all_of(_known("path_size"), _measured_before, _lesion_is(disposition="resected")),
    ),
    "specimen_lost_yet_judged": Fault(
        "PA09",
        "pathology",
        "viable_cells",
        "specimen not found, yet judged",
        _set(specimen_found="no"),
        who="without_dlm",
        where=_all_of(
            _is(viable_cells=("yes", "no")), _alone(*LESION), _lesion_is(disposition="resected")
        ),
        follows=(Named("DV35", "lesion", "reference_reason", _same("lesion_no"), "lesion_id"),),
    ),
}

FOLLOWUP: dict[str, Fault] = {
    "orphan_followup": Fault(
        "FU01",
        "followup",
        "patient_id",
        "patient not registered",
        _nobody(),
        act="add",
        blocks=True,
    ),
    "dead_yet_alive": Fault(
        "FU02",
        "outcome",
        "vital_status",
        "alive, with a date of death",
        _set(vital_status="alive"),
        where=_is(vital_status="dead"),
        blocks=True,
    ),
    "two_deaths": Fault(
        "FU03",
        "outcome",
        "death_date",
        "two dates of death",
        lambda record: {
            "death_date": record["death_date"] + 3,
            "last_contact_date": record["last_contact_date"] + 3,
        },
        act="add",
        where=_all_of(_is(vital_status="dead"), _at_most("death_date", DATA_LOCK - 5)),
        names=(Named("FU03", "outcome", "death_date", _every),),
        follows=(_conflict("outcome"),),
        blocks=True,
    ),
    "visit_after_death": Fault(
        "FU04",
        "followup",
        "visit_date",
        "seen after death",
        lambda record: {"visit_no": record["visit_no"] + 20, "visit_date": DATA_LOCK - 3},
        act="add",
        where=_all_of(
            _patient_is("outcome", vital_status="dead"),
            lambda frame, scene: (
                _of_patient("outcome", "death_date")(frame, scene) < DATA_LOCK - 20
            ),
        ),
        follows=(Named("FU02", "followup", "visit_date", _same("visit_no")),),
        blocks=True,
    ),
    "left_not_imaged": Fault(
        "FU05",
        "lesion",
        "imaging_date",
        "a DLM left in place is not imaged for a year",
        who="with_dlm",
        where=_all_of(
            _lesion_is(is_dlm=True, disposition="left_in_place", reference_verdict="nonviable"),
            _only_left,
            _has_records("outcome", vital_status="alive"),
            lambda frame, scene: ~_has_records("followup", recurrence="yes")(frame, scene),
        ),
        edits=(
            Edit(
                "followup",
                lambda frame, record: frame["recurrence"] == "no",
                _set(imaging_date=np.nan),
            ),
        ),
        follows=(Named("DV36", "lesion", "reference_reason", _same("lesion_no"), "lesion_id"),),
        touches="NPV, RFS: without imaging the lesion is indeterminate and its patient censored",
    ),
    "regrowth_of_resected": Fault(
        "FU06",
        "followup",
        "lesion_no",
        "regrowth at the spot of a lesion that was resected",
        _set(recurrence_place="at_spot", lesion_no=1.0),
        who="without_dlm",
        where=_all_of(
            _is(recurrence="yes"),
            lambda frame, scene: frame["lesion_no"].isna(),
            _first_resected_at_once,
        ),
    ),
    "recurrence_after_imaging": Fault(
        "FU07",
        "followup",
        "recurrence_date",
        "recurrence after the last imaging",
        _shift("recurrence_date", 900),
        where=_all_of(
            _is(recurrence="yes"),
            _at_most("recurrence_date", DATA_LOCK - 1200),
            _patient_is("outcome", vital_status="alive"),
            _not_withdrawn,
        ),
        blocks=True,
    ),
    "two_places_at_once": Fault(
        "FU08",
        "followup",
        "recurrence_place",
        "at the spot and elsewhere in the liver at once",
        lambda record: {
            "visit_no": record["visit_no"] + 40,
            "recurrence_place": "liver_elsewhere",
            "later_treatment": "",
            "later_treatment_date": np.nan,
        },
        act="add",
        who="operated",
        where=_is(recurrence_place="at_spot"),
        names=(
            Named("FU08", "followup", "recurrence_place", _same("lesion_no", "recurrence_date")),
        ),
    ),
    "visit_skipped": Fault(
        "FU09",
        "followup",
        "visit_date",
        "no visit for twice the interval",
        act="remove",
        who="without_dlm",
        where=_middle_visit,
        names=(
            Named(
                "FU09",
                "followup",
                "visit_date",
                lambda frame, record: frame["visit_no"] == record["visit_no"] + 1,
            ),
        ),
    ),
    "visit_undated": Fault(
        "FU11", "followup", "visit_date", "a visit without a day", _set(visit_date=np.nan)
    ),
    "recurrence_undated": Fault(
        "FU12",
        "followup",
        "recurrence_date",
        "a recurrence without a day",
        _set(recurrence_date=np.nan),
        where=_is(recurrence="yes"),
    ),
    "recurrence_denied": Fault(
        "FU13",
        "followup",
        "recurrence_date",
        "no recurrence, yet its day",
        _set(recurrence="no", recurrence_place=""),
        where=_is(recurrence="yes"),
    ),
    "regrowth_of_nothing": Fault(
        "FU14",
        "followup",
        "lesion_no",
        "regrowth at the spot of no lesion",
        _set(recurrence_place="at_spot", lesion_no=np.nan),
        where=_is(recurrence="yes"),
    ),
    "later_treatment_undated": Fault(
        "FU15",
        "followup",
        "later_treatment_date",
        "treated later, no day",
        _set(later_treatment="ablated", later_treatment_date=np.nan),
    ),
    "imaged_after_visit": Fault(
        "FU16",
        "followup",
        "imaging_date",
        "imaged five days after the visit that reports it",
        lambda record: {"imaging_date": record["visit_date"] + 5},
        where=_all_of(_patient_is("outcome", vital_status="alive"), _not_withdrawn),
    ),
    "visit_status_missing": Fault(
        "FU17", "followup", "vital_status", "neither alive nor dead", _set(vital_status="")
    ),
    "last_contact_missing": Fault(
        "FU18",
        "outcome",
        "last_contact_date",
        "no day of the last contact",
        _set(last_contact_date=np.nan),
        where=_is(vital_status="alive"),
    ),
    "orphan_outcome": Fault(
        "FU19",
        "outcome",
        "patient_id",
        "patient not registered",
        _nobody(),
        act="add",
        where=_all_of(_is(vital_status="alive"), _over("last_contact_date", DATA_LOCK - 270)),
        blocks=True,
    ),
    "last_contact_before_surgery": Fault(
        "FU20",
        "surgery",
        "last_contact_date",
        "last contact before the operation",
        who="without_dlm",
        where=_all_of(_single_stage, _patient_is("outcome", vital_status="alive")),
        edits=(
            Edit(
                "outcome",
                _every,
                lambda record, host: {"last_contact_date": host["surgery_date"] - 1},
            ),
        ),
        names=(Named("FU20", "outcome", "last_contact_date", _every),),
        follows=(
            READ_SINCE_SURGERY,
            Named("FU09", "outcome", "last_contact_date", _every),
        ),
        blocks=True,
        touches="OS: censored before day 0",
    ),
    "contact_after_death": Fault(
        "FU04",
        "outcome",
        "last_contact_date",
        "in contact ten days after death",
        lambda record: {"last_contact_date": record["death_date"] + 10},
        where=_all_of(_is(vital_status="dead"), _at_most("death_date", DATA_LOCK - 20)),
        blocks=True,
    ),
    "death_month_only": Fault(
        "GN09",
        "outcome",
        "death_date",
        "day of death not known",
        _set(death_date_precision="month"),
        where=_is(vital_status="dead"),
    ),
}

FAULTS: dict[str, Fault] = REGISTRATION | LESIONS | READS | SURGERY | PATHOLOGY | FOLLOWUP
FAULT_KINDS = tuple(FAULTS)
# What a trial may hold and yet be published with its endpoints: faults of severity S2 to S4.
FEW = tuple(kind for kind, fault in FAULTS.items() if not (fault.blocks or fault.touches))


def plant(tables: Tables, derived: Derived, seed: int, faults: str) -> tuple[Tables, list[Finding]]:
    """Plant faults into a filed trial.

    Args:
        tables: filed forms; left as they are.
        derived: what is derived from them, which tells where a fault does no harm.
        seed: seed of the trial.
        faults: ``none``, ``few`` (each kind once that neither blocks publication nor touches an
            endpoint), ``all`` (each kind once) or one kind.

    Returns:
        The forms with the faults, and what was planted.

    Raises:
        ValueError: no such kind, or the trial has no record that it could be planted in.
    """
    several = {"none": (), "few": FEW, "all": FAULT_KINDS}
    if faults not in (*several, *FAULTS):
        raise ValueError(f"unknown fault {faults!r}; choose none, few, all or one of {FAULT_KINDS}")
    kinds = several.get(faults, (faults,))
    changed, findings = plant_faults(tables, derived, seed, {kind: FAULTS[kind] for kind in kinds})
    if faults in FAULTS and not findings:
        raise ValueError(f"this trial has no record in which to plant {faults}")
    return changed, findings
