"""The synthetic trial: what it holds, that it is always the same, that its truth is true."""

from __future__ import annotations

import copy
import csv
import filecmp
import hashlib
import io
import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dlm.contracts import Contract, Form, load_contracts
from dlm.deliveries import receive
from dlm.synthetic import FAULT_KINDS, draw_trial, files, truth, write_trial
from dlm.synthetic.common import FORM_KEYS, FORMS, LESION, Tables, day_number, lesion_id
from dlm.synthetic.course import build_outcome
from dlm.synthetic.fault_kinds import FAULTS, FEW, plant
from dlm.synthetic.findings import all_findings

PROJECT = Path(__file__).parents[2]
SEEDS = PROJECT / "seeds"
SEEDS_TRUTH = PROJECT / "tests" / "oracle" / "seeds_truth"


@pytest.fixture(autouse=True, scope="module")
def _in_project() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DLM_PROJECT", str(PROJECT))
        yield


@pytest.fixture(scope="module")
def sites() -> pd.DataFrame:
    return pd.read_csv(SEEDS / "reference" / "ref_sites.csv", dtype=str, keep_default_na=False)


@pytest.fixture(scope="module")
def seeds_read_back() -> Tables:
    return read_back(
        {
            contract.source: {
                spec.stem: (SEEDS / contract.source / f"{spec.raw_table}.csv").read_bytes()
                for spec in contract.file_specs()
            }
            for contract in load_contracts().values()
        }
    )


@pytest.fixture(scope="module")
def other_trial(sites: pd.DataFrame) -> Tables:
    return draw_trial(3, 2, sites, lambda message: None)


@pytest.fixture(scope="module")
def derived(other_trial: Tables) -> truth.Derived:
    return truth.derive(other_trial)


@pytest.fixture(scope="module")
def endpoints(derived: truth.Derived) -> dict[str, str]:
    return figures(truth.endpoints(derived))


# ---------- reading raw files back, independently of how they were written


def read_back(contents: dict[str, dict[str, bytes]]) -> Tables:
    """Canonical forms from the bytes of raw files in UTF-8."""
    parts: dict[str, list[pd.DataFrame]] = {form: [] for form in FORMS}
    codes = _codes()
    for source, contract in load_contracts().items():
        for form in contract.forms.values():
            stem = contract.file if contract.layout == "redcap" else form.name
            assert stem is not None
            text = contents[source][stem].decode("utf-8")
            rows = list(csv.DictReader(io.StringIO(text), delimiter=contract.delimiter))
            parts[form.name].append(_canonical(rows, contract, form, codes))
    return {form: pd.concat(frames, ignore_index=True) for form, frames in parts.items()}


def _codes() -> dict[tuple[str, str, str], str]:
    with (SEEDS / "reference" / "ref_codelists.csv").open(encoding="utf-8", newline="") as handle:
        return {
            (row["source"], row["list_name"], row["source_value"]): row["code"]
            for row in csv.DictReader(handle)
        }


def _canonical(
    rows: list[dict[str, str]],
    contract: Contract,
    form: Form,
    codes: dict[tuple[str, str, str], str],
) -> pd.DataFrame:
    if contract.layout == "redcap":
        instrument = form.instrument if form.repeating else ""
        rows = [
            row
            for row in rows
            if row["redcap_repeat_instrument"] == instrument
            and row["redcap_event_name"] == form.event
        ]
    frame: dict[str, list[object]] = {}
    for column in form.columns:
        if column.checkbox:
            prefix = f"{column.header}___"
            frame[column.name] = [
                "+".join(
                    k.removeprefix(prefix) for k in row if k.startswith(prefix) and row[k] == "1"
                )
                for row in rows
            ]
            continue
        cells = [unicodedata.normalize("NFKC", row[column.header]) for row in rows]
        cells = ["" if cell in contract.missing_codes else cell for cell in cells]
        if column.type == "code":
            assert column.list is not None
            # A label of no list stays as it is.
            frame[column.name] = [
                codes.get((contract.source, column.list, cell), cell) for cell in cells
            ]
        elif column.type == "date":
            dates = [_date(cell, contract.source) for cell in cells]
            frame[column.name] = [day for day, _ in dates]
            frame[f"{column.name}_precision"] = [precision for _, precision in dates]
        elif column.type in ("integer", "decimal", "size"):
            unit = 10.0 if column.type == "size" and contract.size_unit == "cm" else 1.0
            frame[column.name] = [_number(cell) * unit for cell in cells]
        else:
            frame[column.name] = list(cells)
    return pd.DataFrame(frame)


def _number(cell: str) -> float:
    try:
        return round(float(cell.replace(",", ".")), 3)
    except ValueError:
        return float("nan")


def _date(cell: str, source: str) -> tuple[float, str]:
    """Day and precision; an impossible day is none."""
    era = re.fullmatch(r"(令和|平成|R|H)(元|\d+)[年.](\d+)[月.](\d+)日?", cell)
    if era:
        name, year, month, day = era.groups()
        first = 2018 if name in ("令和", "R") else 1988
        return day_number(first + (1 if year == "元" else int(year)), int(month), int(day)), "day"
    if not cell:
        return float("nan"), "day"
    order = {"eortc": (2, 1, 0), "jcog": (0, 1, 2), "us": (2, 0, 1)}[source]
    pieces = cell.split("/")
    year, month, day = (pieces[place] for place in order)
    try:
        if month == "--":
            return day_number(int(year), 7, 1), "year"
        if day == "--":
            return day_number(int(year), int(month), 15), "month"
        return day_number(int(year), int(month), int(day)), "day"
    except ValueError:
        return float("nan"), "day"


def figures(frame: pd.DataFrame) -> dict[str, str]:
    return dict(zip(frame["name"], frame["value"], strict=True))


# ---------- the seeds


def test_seeds_are_what_the_generator_writes(written: dict[str, str]) -> None:
    for name, committed in (("seeds", SEEDS), ("truth", SEEDS_TRUTH)):
        folder = Path(written[name])
        names = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
        _, differ, absent = filecmp.cmpfiles(folder, committed, names, shallow=False)
        assert not differ, "run: dlm synth --seed 1527 --as seeds --out seeds --faults few"
        assert not absent


def test_truth_of_the_seeds_is_what_their_files_say(seeds_read_back: Tables) -> None:
    committed = pd.read_csv(SEEDS_TRUTH / "endpoints.csv", dtype=str, keep_default_na=False)
    assert figures(truth.endpoints(truth.derive(registered(seeds_read_back)))) == figures(committed)


def registered(tables: Tables) -> Tables:
    """The forms without records of patients never registered, and one record of each key."""
    known = set(tables["registration"]["patient_id"])
    return {
        form: frame[frame["patient_id"].isin(known)]
        .drop_duplicates([*FORM_KEYS[form]], ignore_index=True)
        .reset_index(drop=True)
        for form, frame in tables.items()
    }


def test_seeds_give_the_published_numbers() -> None:
    got = figures(pd.read_csv(SEEDS_TRUTH / "endpoints.csv", dtype=str, keep_default_na=False))
    published = {
        "registration.first_month": "2016-11",
        "registration.last_month": "2021-03",
        "flow.registered.patients": "233",
        "flow.sites": "21",
        "flow.operated.patients": "112",
        "flow.complete_preop_imaging.patients": "109",
        "flow.dlm.patients": "57",
        "flow.confirmed_dlm.patients": "45",
        "flow.dlm_not_confirmed.patients": "12",
        "flow.evaluable_confirmed_dlm.patients": "45",
        "flow.mri_unknown.lesions": "0",
        "concordance.ct.n_lesions": "296",
        "concordance.ct.n_evaluable": "227",
        "concordance.ct.n_nonviable": "120",
        "concordance.ct_mri.n_lesions": "203",
        "concordance.ct_mri.n_evaluable": "152",
        "concordance.ct_mri.n_nonviable": "95",
        "concordance.ct_gone_mri_visible.n_lesions": "93",
        "concordance.ct_gone_mri_visible.n_evaluable": "75",
        "concordance.ct_gone_mri_visible.n_nonviable": "25",
        "concordance.ct_mri_ceious.n_evaluable": "19",
        "concordance.ct_mri_ceious.n_nonviable": "14",
        "operated.age.q1": "53",
        "operated.age.median": "60.5",
        "operated.age.q3": "67",
        "operated.n_baseline_lesions.q1": "4",
        "operated.n_baseline_lesions.median": "7",
        "operated.n_baseline_lesions.q3": "10",
        "os.all_resected.median_days": "",
        "os.some_left.median_days": "",
    }
    assert {name: got[name] for name in published} == published
    months = {
        group: round(float(got[f"rfs.{group}.median_days"]) / 30.4375, 1)
        for group in ("all_resected", "some_left")
    }
    assert months == {"all_resected": 11.4, "some_left": 7.6}
    assert float(got["rfs.logrank_p"]) > 0.05
    assert float(got["os.logrank_p"]) > 0.05


def test_seeds_hold_what_real_trials_hold(seeds_read_back: Tables) -> None:
    tables = registered(seeds_read_back)
    derived = truth.derive(tables)
    patients, lesions, reads = derived.patients, derived.lesions, tables["read"]
    both = (patients["n_confirmed"] > 0) & (patients["n_visible"] > 0)
    assert both.sum() >= 5
    stages = tables["surgery"]
    assert ((stages["stage"] == 2) & (stages["performed"] == "yes")).sum() >= 3
    assert ((stages["stage"] == 2) & (stages["performed"] == "no")).sum() >= 3
    assert patients["recurrence_before_day_zero"].sum() >= 1
    confirmed = lesions[lesions["is_confirmed_dlm"]]
    assert {
        "ablated_no_specimen",
        "specimen_not_found",
        "followup_short",
        "died_before_limit",
        "regrowth_at_spot",
        "no_regrowth_by_limit",
        "resected_later_no_pathology",
    } <= set(confirmed["reference_reason"])
    assert "later_pathology" in set(confirmed["reference_standard"])
    # IOUS on every DLM, CEIOUS on part of them.
    ious = lesions.loc[lesions["is_dlm"], "ious_verdict"]
    assert not ious.isin(["missing", "not_done"]).any()
    ceious = lesions.loc[lesions["is_dlm"], "ceious_verdict"]
    assert 0 < (ceious != "missing").sum() < len(ceious)
    # Two local readers who disagree, under a central reader and without one.
    assert lesions["ct_is_torn"].any()
    exams = reads.groupby([*LESION, "modality", "timepoint", "read_date"])
    local = reads[reads["reader_role"] == "local"].groupby(
        [*LESION, "modality", "timepoint", "read_date"]
    )
    torn = local["verdict"].nunique().gt(1)
    central = exams["reader_role"].agg(lambda roles: "central" in set(roles)).reindex(torn.index)
    assert (torn & central).any()
    assert (torn & ~central).any()
    assert {"gone", "too_small", "measured", "not_measured", ""} <= set(reads["size_status"])
    assert (reads.loc[reads["size_status"] == "gone", "size"] == 0).all()
    assert {"visible", "not_visible", "not_evaluable", "not_done"} <= set(reads["verdict"])
    assert (tables["followup"]["recurrence_date_precision"] == "month").any()
    assert (tables["registration"]["eligible"] == "no").any()
    assert tables["registration"]["withdrawal_date"].notna().any()
    assert (stages["performed"] == "no").any()
    assert derived.lesions["is_baseline_lesion"].eq(False).any()


def test_seeds_are_small_and_hold_every_habit() -> None:
    for path in sorted(SEEDS.glob("*/*.csv")):
        assert path.stat().st_size < 2_000_000, path
        assert b"\r" not in path.read_bytes() or path.name == "us__redcap_dictionary.csv"
    japan = (SEEDS / "jcog" / "jcog__registration.csv").read_text(encoding="utf-8")
    assert re.search("令和元年|令和[0-9]+年", japan)
    assert re.search("平成[0-9]+年", japan)
    assert re.search(r"\b[RH][0-9]+\.[0-9]+\.[0-9]+", japan)
    assert re.search("２０[０-９]{2}／", japan)
    assert "男性" in japan
    assert re.search("[^性]男,", japan) or re.search(",男,", japan)
    europe = (SEEDS / "eortc" / "eortc__registration.csv").read_text(encoding="utf-8")
    assert re.search(r"--/\d\d/\d{4}", europe)
    assert re.search(r";\d+,\d;", europe)
    america = (SEEDS / "us" / "us__redcap.csv").read_text(encoding="utf-8")
    assert "surg_segments_removed___4a" in america.splitlines()[0]
    assert ",us01," in america


@pytest.mark.parametrize("source", ["eortc", "jcog", "us"])
def test_column_types_of_the_seeds_follow_the_contracts(source: str) -> None:
    committed = (SEEDS / source / f"_{source}__seeds.yml").read_text(encoding="utf-8")
    assert committed == files.seed_properties(load_contracts()[source])


# ---------- deliveries


@pytest.fixture(scope="module")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ordinary trial."""
    folder = tmp_path_factory.mktemp("ordinary") / "delivery"
    write_trial(7, 1, folder, "delivery", "few")
    return folder


def test_same_arguments_write_the_same_bytes(delivery: Path, tmp_path: Path) -> None:
    write_trial(7, 1, tmp_path, "delivery", "few")
    digests = [
        {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*.csv"))
        }
        for folder in (delivery, tmp_path)
    ]
    assert digests[0] == digests[1]
    assert len(digests[0]) == 16 + 2 + 1 + 2


def test_a_delivery_is_taken_by_the_strict_loader(delivery: Path, tmp_path: Path) -> None:
    is_new = receive(delivery, tmp_path / "state", date(2025, 1, 1)).new
    assert is_new
    with (delivery / "manifest.csv").open(encoding="utf-8", newline="") as handle:
        listed = list(csv.DictReader(handle))
    assert all("synthetic" in row["sender"] for row in listed)
    raw = (delivery / "jcog" / "registration.csv").read_bytes()
    assert raw.decode("cp932").startswith("症例番号")


def test_what_a_delivery_says_is_its_truth(tmp_path: Path) -> None:
    """Other seeds and scales give other valid trials by the same path."""
    out = tmp_path / "delivery"
    write_trial(11, 2, out, "delivery", "none")
    contents = {
        contract.source: {
            spec.stem: (out / contract.source / f"{spec.stem}.csv")
            .read_bytes()
            .decode(contract.encodings[-1])
            .encode("utf-8")
            for spec in contract.file_specs()
        }
        for contract in load_contracts().values()
    }
    got = figures(truth.endpoints(truth.derive(read_back(contents))))
    told = pd.read_csv(out / "truth" / "endpoints.csv", dtype=str, keep_default_na=False)
    assert got == figures(told)
    assert 400 < int(got["flow.registered.patients"]) < 530
    assert got["flow.sites"] == "21"
    findings = pd.read_csv(out / "truth" / "findings.csv", dtype=str, keep_default_na=False)
    assert findings.empty


# ---------- faults


@pytest.mark.parametrize("faults, kinds", [("few", FEW), ("all", FAULT_KINDS)])
def test_several_plant_each_kind_once_and_leave_the_clean_trial_as_it_is(
    other_trial: Tables, derived: truth.Derived, faults: str, kinds: tuple[str, ...]
) -> None:
    before = copy.deepcopy((other_trial, derived))
    _, found = plant(other_trial, derived, 3, faults)
    for now, was in zip(all_tables(other_trial, derived), all_tables(*before), strict=True):
        pd.testing.assert_frame_equal(now, was)
    assert {finding.kind for finding in found} == set(kinds)
    main = [finding for finding in found if finding.planted == "yes"]
    assert {finding.source for finding in main} == {"eortc", "jcog", "us"}
    # One patient, one fault.
    hosts = {(finding.kind, finding.patient_id) for finding in found}
    assert len(hosts) == len({patient_id for _, patient_id in hosts}) == len(kinds)


def all_tables(tables: Tables, derived: truth.Derived) -> list[pd.DataFrame]:
    return [*tables.values(), derived.patients, derived.lesions]


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_a_fault_touches_no_endpoint(
    other_trial: Tables, derived: truth.Derived, endpoints: dict[str, str], kind: str
) -> None:
    faulty, found = plant(other_trial, derived, 5, kind)
    assert {finding.kind for finding in found} == {kind}
    assert {finding.planted for finding in found} <= {"yes", "follows"}
    assert all(re.fullmatch(r"[A-Z]{2}\d\d", finding.rule_id) for finding in found)
    fault = FAULTS[kind]
    changed = {form for form in FORMS if not other_trial[form].equals(faulty[form])}
    assert changed
    assert changed <= {fault.form, *(edit.form for edit in fault.edits)}
    if fault.touches:
        assert kind not in FEW
        return
    kept = figures(truth.endpoints(truth.derive(registered(faulty))))
    # A patient of a site that takes no part counts as registered, at no site.
    assert kept | {"flow.sites": "21"} == endpoints


def test_unknown_fault_is_refused(other_trial: Tables, derived: truth.Derived) -> None:
    with pytest.raises(ValueError, match="unknown fault"):
        plant(other_trial, derived, 3, "gremlins")


# ---------- an ordinary draw


def test_an_ordinary_draw_gives_stewards_something_to_ask(
    other_trial: Tables, derived: truth.Derived
) -> None:
    found = all_findings(other_trial, derived, [])
    assert set(found["planted"]) == {"no"}
    assert {"RD13", "GN09", "PT10", "GN05", "RD18", "LE08", "FU05"} <= set(found["rule_id"])


def test_lesions_of_one_patient_are_alike(sites: pd.DataFrame) -> None:
    """ANOVA intraclass correlation of the truth of evaluable confirmed DLMs is above 0."""
    lesions = truth.derive(draw_trial(21, 8, sites, lambda message: None)).lesions
    own = lesions[lesions["is_confirmed_dlm"] & lesions["is_evaluable"]]
    dead = (own["reference_verdict"] == "nonviable").astype(float)
    groups = dead.groupby(own["patient_id"])
    m, mean = groups.size(), groups.mean()
    n, k = m.sum(), len(m)
    between = (m * (mean - dead.mean()) ** 2).sum() / (k - 1)
    within = (m * mean * (1 - mean)).sum() / (n - k)
    size = (n - (m**2).sum() / n) / (k - 1)
    assert 0.05 < (between - within) / (between + (size - 1) * within) < 0.6


def test_dates_of_a_trial_are_in_order(other_trial: Tables, derived: truth.Derived) -> None:
    tables, patients = other_trial, derived.patients
    assert (patients["consent_date"] <= patients["registration_date"]).all()
    assert (patients["chemo_end_date"] >= patients["chemo_start_date"]).all()
    operated = patients[patients["is_operated"]]
    assert (operated["first_surgery_date"] > operated["chemo_end_date"]).all()
    assert (operated["rfs_days"].dropna() >= 0).all()
    assert (operated["os_days"] >= 0).all()
    outcome = tables["outcome"].set_index("patient_id")
    last = outcome[["last_contact_date", "death_date"]].max(axis=1)
    for form, column in (
        ("read", "read_date"),
        ("surgery", "surgery_date"),
        ("pathology", "pathology_date"),
        ("followup", "visit_date"),
        ("followup", "recurrence_date"),
        ("followup", "later_treatment_date"),
    ):
        frame = tables[form]
        late = frame[column] > frame["patient_id"].map(last)
        assert not late.any(), (form, column, frame[late].head())


def test_a_death_known_by_month_leaves_the_last_operation_the_last_contact() -> None:
    visit, operation, death = (
        day_number(2019, 8, 5),
        day_number(2019, 9, 30),
        day_number(2019, 10, 20),
    )
    n = 20
    patients = pd.DataFrame({"chemo_end_date": np.full(n, visit - 90.0), "withdrawal_date": np.nan})
    fates = pd.DataFrame(
        {
            "p": np.arange(n),
            "_end": float(death),
            "_death": float(death),
            "_origin": float(operation),
            "_operated": True,
            "_relapse": np.nan,
            "_treatment_death": False,
        }
    )
    visits = pd.DataFrame({"p": np.arange(n), "visit_date": float(visit)})
    outcome = build_outcome(np.random.default_rng(1), patients, fates, visits, slips=20)
    by_month = outcome["death_date_precision"] == "month"
    assert by_month.all()
    assert (outcome["last_contact_date"] == operation).all()


def test_an_ordinary_draw_breaks_no_rule_of_plausibility(other_trial: Tables) -> None:
    reads, slides = other_trial["read"], other_trial["pathology"]
    assert not ((reads["verdict"] == "not_visible") & (reads["size"] > 0)).any()
    unclear = reads["verdict"] == "not_evaluable"
    assert (reads.loc[unclear, "not_evaluable_reason"] != "").all()
    first = reads[reads["timepoint"] == "baseline"].groupby("patient_id")["read_date"].min()
    later = reads[reads["timepoint"] != "baseline"]
    assert not (later["read_date"] <= later["patient_id"].map(first)).any()
    measured = reads[reads["size"] > 0]
    spread = measured.groupby([*LESION, "modality"])["size"].agg(["min", "max"])
    assert (spread["max"] / spread["min"] < 8).mean() > 0.999
    shares = slides[["viable_pct", "necrosis_pct", "fibrosis_pct", "mucin_pct"]].sum(axis=1)
    assert (shares[slides["viable_pct"].notna()] == 100).all()
    grade_one = slides["trg"] == 1
    assert (slides.loc[grade_one, "viable_cells"] == "no").all()
    keys = reads[[*LESION, "modality", "timepoint", "read_date", "reader_id"]]
    assert not keys.duplicated().any()
    lesions = other_trial["lesion"]
    assert (
        not lesions.duplicated(["patient_id", "segment", "baseline_size"])
        .loc[lesions["baseline_size"].notna()]
        .any()
    )


def test_ids_are_pseudonyms_in_order_of_registration(other_trial: Tables) -> None:
    frame = other_trial["registration"]
    assert frame["patient_id"].str.fullmatch(r"(EU|JP|US)\d\d-\d{3,}").all()
    assert (frame["patient_id"].str[:4] == frame["site_id"]).all()
    for _, own in frame.groupby("site_id"):
        assert own["registration_date"].is_monotonic_increasing
    assert lesion_id("JP07-012", 3.0) == "JP07-012-L03"
    assert lesion_id("JP07-012", np.nan) == ""
