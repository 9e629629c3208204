"""What checks should find in a trial: the planted faults, and what happens in any real trial.

One function per rule of the checks catalogue that can be judged on one delivery and on which an
ordinary draw may fail: exams that come late, partial dates, miscounts, readers who disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd

from dlm.synthetic import truth
from dlm.synthetic.common import LESION, Tables, lesion_id, record_key
from dlm.synthetic.faults import Finding
from dlm.synthetic.habits import FULL_WIDTH_ID_FORMS, FULL_WIDTH_IDS
from dlm.synthetic.truth import Derived

COLUMNS = (
    "kind",
    "planted",
    "rule_id",
    "source",
    "form",
    "patient_id",
    "lesion_id",
    "record_key",
    "column_name",
    "detail",
    "touches",
)
FOLLOWUP_DAYS = 365
# What the rules on visits take for the calendar (vars quality of dbt_project.yml).
VISIT_INTERVAL_DAYS = {"EU": 91, "JP": 122, "US": 91}
LATER_INTERVAL_DAYS, LATER_VISITS_FROM_DAY = 183, 745
LAST_CONTACT_DAYS = 274


def all_findings(
    tables: Tables,
    derived: Derived,
    planted: Iterable[Finding],
    wide_ids: Sequence[str] = FULL_WIDTH_IDS,
) -> pd.DataFrame:
    """Planted and natural findings, one row each, sorted.

    Args:
        tables: the filed trial before faults were planted.
        derived: what is derived from it.
        planted: what was planted since.
        wide_ids: sites that write patient ids with full-width digits.
    """
    found = list(planted)
    taken = {(finding.rule_id, finding.record_key) for finding in found}
    natural = _full_width_ids(tables, wide_ids)
    for rule in NATURAL:
        natural += rule(tables, derived)
    found += [one for one in natural if (one.rule_id, one.record_key) not in taken]
    return finding_rows(found)


def finding_rows(found: Iterable[Finding]) -> pd.DataFrame:
    """Findings as they are written, one row each, sorted."""
    rows = sorted(
        (
            finding.kind,
            finding.planted,
            finding.rule_id,
            finding.source,
            finding.form,
            finding.patient_id,
            lesion_id(finding.patient_id, finding.lesion_no),
            finding.record_key,
            finding.column_name,
            finding.detail,
            finding.touches,
        )
        for finding in found
    )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _say(
    kind: str, rule_id: str, form: str, rows: pd.DataFrame, column: str, detail: str
) -> list[Finding]:
    """One natural finding per row of a form."""
    return [
        Finding(
            kind,
            "no",
            rule_id,
            form,
            row["patient_id"],
            float(row["lesion_no"]) if "lesion_no" in rows else float("nan"),
            record_key(form, row),
            column,
            detail,
        )
        for _, row in rows.iterrows()
    ]


def _full_width_ids(tables: Tables, sites: Sequence[str]) -> list[Finding]:
    """GN05: an id written with full-width digits."""
    found = []
    for form in FULL_WIDTH_ID_FORMS:
        wide = tables[form]["patient_id"].str[:4].isin(sites)
        found += _say(
            "full_width_id", "GN05", form, tables[form][wide], "patient_id", "full-width digits"
        )
    return found


def _partial_dates(tables: Tables, derived: Derived) -> list[Finding]:
    """GN09: a partial date in a column that feeds a time-to-event endpoint."""
    found = []
    for form, column in (("followup", "recurrence_date"), ("outcome", "death_date")):
        frame = tables[form]
        partial = frame[column].notna() & (frame[f"{column}_precision"] != "day")
        found += _say("partial_date", "GN09", form, frame[partial], column, "day not known")
    return found


def _miscounts(tables: Tables, derived: Derived) -> list[Finding]:
    """PT10: the declared number of metastases is not the number of baseline lesions."""
    patients = derived.patients
    off = patients["n_lesions_declared"] != patients["n_baseline_lesions"]
    return _say(
        "declared_count",
        "PT10",
        "registration",
        patients[off],
        "n_lesions_declared",
        "declared and recorded numbers differ",
    )


def _no_lesion(tables: Tables, derived: Derived) -> list[Finding]:
    """PT06: a patient without a baseline lesion."""
    patients = derived.patients
    return _say(
        "no_baseline_lesion",
        "PT06",
        "registration",
        patients[patients["n_baseline_lesions"] == 0],
        "",
        "no baseline lesion",
    )


def _no_size(tables: Tables, derived: Derived) -> list[Finding]:
    """LE05: no baseline size, as of a lesion that nobody saw at baseline."""
    frame = tables["lesion"]
    return _say(
        "baseline_size_missing",
        "LE05",
        "lesion",
        frame[frame["baseline_size"].isna()],
        "baseline_size_mm",
        "no baseline size",
    )


def _site_marks(tables: Tables, derived: Derived) -> list[Finding]:
    """LE08, LE09: the site's mark against its own reader's preoperative CT."""
    reads = tables["read"]
    own = reads[(reads["modality"] == "CT") & (reads["timepoint"] == "preop")]
    own = own[(own["reader_role"] == "local") & own["reader_id"].str.endswith("-R1")]
    own = own.sort_values("read_date").drop_duplicates(LESION, keep="last")
    frame = tables["lesion"].merge(own[[*LESION, "verdict"]], on=LESION)
    gone = frame["verdict"] == "not_visible"
    says_gone = frame["site_disappeared"] == "yes"
    return _say(
        "mark_without_read",
        "LE08",
        "lesion",
        frame[says_gone & ~gone],
        "site_disappeared",
        "marked as disappeared, local CT says otherwise",
    ) + _say(
        "read_without_mark",
        "LE09",
        "lesion",
        frame[~says_gone & gone],
        "site_disappeared",
        "local CT says not visible, not marked so",
    )


def _no_measure(tables: Tables, derived: Derived) -> list[Finding]:
    """RD06: visible, but neither measured nor too small to be."""
    frame = tables["read"]
    bare = (frame["verdict"] == "visible") & frame["size"].isna()
    bare &= frame["size_status"] != "too_small"
    return _say(
        "read_size_missing", "RD06", "read", frame[bare], "size_mm", "visible without a size"
    )


def _late_exams(tables: Tables, derived: Derived) -> list[Finding]:
    """RD13, RD27: the last MRI or CT before surgery is older than the window; one per lesion."""
    lesions = derived.lesions
    found = []
    for modality, rule_id in (("mri", "RD13"), ("ct", "RD27")):
        days = lesions["first_surgery_date"] - lesions[f"{modality}_date"]
        late = lesions[lesions["is_baseline_lesion"] & (days > truth.PREOP_WINDOW_DAYS)]
        found += _say(
            f"late_{modality}",
            rule_id,
            "lesion",
            late,
            "read_date",
            f"{modality.upper()} older than 42 days",
        )
    return found


def _no_mri(tables: Tables, derived: Derived) -> list[Finding]:
    """RD16: a DLM without an MRI read."""
    lesions = derived.lesions
    without = lesions["is_dlm"] & lesions["mri_verdict"].isin(["missing", "not_done"])
    return _say("dlm_without_mri", "RD16", "lesion", lesions[without], "verdict", "DLM without MRI")


def _torn_readers(tables: Tables, derived: Derived) -> list[Finding]:
    """RD18: two local readers disagree and nobody above them has read; one finding per lesion."""
    found = []
    for modality in ("ct", "mri"):
        torn = derived.lesions[f"{modality}_is_torn"]
        found += _say(
            f"{modality}_readers_disagree",
            "RD18",
            "lesion",
            derived.lesions[torn],
            "verdict",
            f"two local {modality.upper()} readers disagree",
        )
    return found


def _no_contrast(tables: Tables, derived: Derived) -> list[Finding]:
    """RD20: disappearance claimed by an exam without contrast."""
    reads = tables["read"]
    dlm = derived.lesions[derived.lesions["is_dlm"]][[*LESION, "ct_date", "mri_date"]]
    frame = reads[(reads["timepoint"] == "preop") & (reads["contrast"] == "no")]
    frame = frame[frame["verdict"] == "not_visible"].merge(dlm, on=LESION)
    used = np.where(frame["modality"] == "CT", frame["ct_date"], frame["mri_date"])
    return _say(
        "no_contrast",
        "RD20",
        "read",
        frame[frame["read_date"] == used],
        "contrast",
        "not visible without contrast",
    )


def _blind_resections(tables: Tables, derived: Derived) -> list[Finding]:
    """SU10: resected without being seen by ultrasound, and no reason given."""
    frame = tables["disposition"]
    frame = frame[(frame["action"] == "resected") & (frame["action_reason"] == "")]
    seen = derived.lesions[[*LESION, "ious_verdict"]]
    frame = frame.merge(seen, on=LESION)
    return _say(
        "blind_resection",
        "SU10",
        "disposition",
        frame[frame["ious_verdict"] == "not_visible"],
        "action_reason",
        "not seen by ultrasound, resected without a reason",
    )


def _not_followed(tables: Tables, derived: Derived) -> list[Finding]:
    """FU05: a left DLM without imaging a year or more after surgery, in a patient alive."""
    lesions = derived.lesions
    left = lesions["is_dlm"] & (lesions["disposition"] == "left_in_place")
    imaged = (lesions["last_imaging_date"] - lesions["surgery_date"]) >= FOLLOWUP_DAYS
    unseen = lesions[left & ~imaged & lesions["death_date"].isna()]
    return _say(
        "left_without_imaging",
        "FU05",
        "lesion",
        unseen,
        "imaging_date",
        "left lesion not imaged for a year",
    )


def _missed_visits(tables: Tables, derived: Derived) -> list[Finding]:
    """FU09: more than one and a half intervals since the visit before."""
    first = derived.patients.set_index("patient_id")["first_surgery_date"]
    frame = tables["followup"]
    visits = frame.drop_duplicates(["patient_id", "visit_no"])
    visits = visits.sort_values(["patient_id", "visit_date", "visit_no"])
    gap = visits["visit_date"] - visits.groupby("patient_id")["visit_date"].shift(1)
    since = visits["visit_date"] - visits["patient_id"].map(first)
    early = visits["patient_id"].str[:2].map(VISIT_INTERVAL_DAYS)
    interval = early.where(since <= LATER_VISITS_FROM_DAY, LATER_INTERVAL_DAYS)
    missed = visits[(gap > 1.5 * interval) & since.notna()][["patient_id", "visit_no"]]
    rows = frame.merge(missed, on=["patient_id", "visit_no"])
    # The first record of a visit stands for it, in the order of keys, which are text.
    rows = rows.iloc[rows["lesion_no"].astype("string").fillna("").argsort(kind="stable")]
    rows = rows.drop_duplicates(["patient_id", "visit_no"])
    return _say("missed_visit", "FU09", "followup", rows, "visit_date", "visits too far apart")


def _lost(tables: Tables, derived: Derived) -> list[Finding]:
    """FU09: alive, not withdrawn, and not heard of for nine months before the last of all."""
    frame = tables["outcome"]
    withdrawn = derived.patients.set_index("patient_id")["withdrawal_date"]
    quiet = frame["last_contact_date"].max() - frame["last_contact_date"] > LAST_CONTACT_DAYS
    lost = quiet & frame["death_date"].isna() & frame["patient_id"].map(withdrawn).isna()
    return _say("lost", "FU09", "outcome", frame[lost], "last_contact_date", "not heard of")


def _large_specimens(tables: Tables, derived: Derived) -> list[Finding]:
    """PA08: more than twice the size last imaged, as of a left lesion that grew back."""
    reads = tables["read"]
    reads = reads[(reads["timepoint"] == "preop") & (reads["size"] > 0)]
    last = reads.groupby(LESION)["size"].max().rename("last_size").reset_index()
    frame = tables["pathology"].merge(last, on=LESION, how="left")
    large = frame[frame["path_size"] > 2 * frame["last_size"]]
    return _say(
        "specimen_large", "PA08", "pathology", large, "path_size_mm", "twice the size imaged"
    )


def _undecided(tables: Tables, derived: Derived) -> list[Finding]:
    """DV34, DV35, DV36: lesions whose MRI group or truth nobody can tell, by what was derived."""
    lesions = derived.lesions
    resected = lesions["disposition"] == "resected"
    lost = lesions["reference_reason"].isin(["specimen_not_found", "no_pathology"])
    left = lesions["disposition"] == "left_in_place"
    short = lesions["reference_reason"] == "followup_short"
    unknown = lesions["is_dlm"] & (lesions["mri_group"] == "mri_unknown")
    found = []
    for kind, rule_id, rows, column in (
        ("mri_unknown", "DV34", unknown, "mri_group"),
        ("specimen_lost", "DV35", resected & lost, "reference_reason"),
        ("followup_short", "DV36", left & short, "reference_reason"),
    ):
        for patient_id, lesion_no in lesions.loc[rows, LESION].itertuples(index=False):
            key = lesion_id(patient_id, lesion_no)
            detail = kind.replace("_", " ")
            found.append(
                Finding(kind, "no", rule_id, "", patient_id, lesion_no, key, column, detail)
            )
    return found


NATURAL: tuple[Callable[[Tables, Derived], list[Finding]], ...] = (
    _partial_dates,
    _miscounts,
    _no_lesion,
    _no_size,
    _site_marks,
    _no_measure,
    _late_exams,
    _no_mri,
    _torn_readers,
    _no_contrast,
    _blind_resections,
    _not_followed,
    _missed_visits,
    _lost,
    _large_specimens,
    _undecided,
)
