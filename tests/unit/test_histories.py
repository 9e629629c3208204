"""Five deliveries with planted histories: each query has at each delivery the state it should have.

The loader, the log and the SQL that dbt compiled are the real ones; that SQL is run as it stands,
on a trial of a few dozen patients, so that five builds take seconds.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import builds
import duckdb
import mutation
import pytest
import rule_harness

from dlm import store
from dlm.synthetic import write_trial
from dlm.workflow import gate, locks, log, snapshots
from dlm.workflow.account import Account
from dlm.workflow.findings import Filters, read_queries
from dlm.workflow.tables import COLUMNS
from dlm.workflow.waivers import approve, waive

SEED, SCALE = 7, 0.15
ANN, BEN = Account("ann", 1001), Account("ben", 1002)
DAYS = [date(2025, month, 1) for month in range(1, 6)]
FOUND_BY = ("PT03", "PA04", "DL07")
"""Rules of the planted histories; the trial is otherwise without findings."""

# Ages out of range (PT03): what each delivery says of a patient, and the state of the query then.
AGES = {
    "JP01-001": ([132, 132, 132, 132, 132], "new open open open open"),
    "JP01-002": ([132, 132, 132, 132, 140], "new open open open changed"),
    "JP06-001": ([132, 0, 0, 0, 132], "new resolved resolved resolved reopened"),
    "JP06-002": ([132, 132, 0, 0, 0], "new open resolved resolved resolved"),
    "JP06-003": ([0, 0, 0, 0, 132], "- - - - new"),
    # Waived and approved after the second delivery.
    "JP06-004": ([0, 132, 132, 132, 132], "- new waived waived waived"),
    # The same; the values change.
    "JP07-001": ([0, 132, 132, 132, 140], "- new waived waived changed"),
    # The same; it expires on the day of the third delivery.
    "JP07-002": ([0, 132, 132, 132, 132], "- new waived open open"),
    # The same; the values change and change back, or are gone and come back.
    "JP09-002": ([0, 132, 140, 132, 132], "- new changed changed open"),
    "JP09-003": ([0, 132, 0, 132, 132], "- new resolved reopened open"),
    # Proposed by one account, and not approved.
    "JP09-001": ([0, 132, 132, 132, 132], "- new open open open"),
    # The site sends nothing from the third delivery on, or at the third only.
    "JP02-001": ([132, 132, 0, 0, 0], "new open not_evaluated not_evaluated not_evaluated"),
    "JP03-001": ([132, 132, 0, 132, 132], "new open not_evaluated open open"),
    # Its own file, which nothing took the place of.
    "EU01-001": ([132], "new open open open open"),
}  # fmt: skip
SILENT = {"JP02": (2, 3, 4), "JP03": (2,)}
# Its specimen contradicts itself (PA04), then all specimens of the site are gone.
SPECIMEN = ("JP08-001", "new not_evaluated not_evaluated not_evaluated not_evaluated")
# Lines of jcog/pathology.csv with a field too many (DL07), by the deliveries they are in.
BROKEN = {
    2: ((0, 1, 2, 3, 4), "new open open open open"),
    3: ((0, 1), "new open resolved resolved resolved"),
    4: ((4,), "- - - - new"),
}
# A specimen of a lesion that is counted: viable, and from the fourth delivery on not.
LESION = "JP06-004-L04"
CORRECTED = (
    "JP06-004,JP06-004-S1-8,4,2019/10/01,はい,有,19,18,63,0,0.4,2",
    "JP06-004,JP06-004-S1-8,4,2019/10/01,はい,無,0,37,63,0,,1",
)
WAIVED = {
    **dict.fromkeys(("JP06-004", "JP07-001", "JP09-002", "JP09-003"), date(2025, 12, 31)),
    "JP07-002": DAYS[2],
}


def delivered(number: int, first: Path, folder: Path) -> Path:
    """Write one of the deliveries; the first is the trial, later ones its Japanese files anew."""
    files = {}
    for path in sorted((first / "jcog").glob("*.csv")):
        header, *records = path.read_text(encoding="cp932").splitlines()
        records = [line for line in records if number not in SILENT.get(line[:4], ())]
        records = edited(path.stem, records, number)
        files[f"jcog/{path.name}"] = "\n".join([header, *records, ""]).encode("cp932")
    if number == 0:
        files |= {
            f"us/{path.name}": path.read_bytes() for path in sorted((first / "us").glob("*.csv"))
        }
        # Each European site sends files of its own, some with nothing but a header.
        for path in sorted((first / "eortc").glob("*.csv")):
            header, *records = path.read_text(encoding="utf-8").splitlines()
            for site in (f"EU{n:02d}" for n in range(1, 7)):
                own = [line for line in records if line.startswith(site)]
                if path.stem == "registration":
                    own = [with_age(line, number, ";") for line in own]
                files[f"eortc/{site}/{path.name}"] = "\n".join([header, *own, ""]).encode()
    folder.mkdir(parents=True)
    manifest = ["file,rows,sha256,date,sender"]
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        n, digest = content.count(b"\n") - 1, hashlib.sha256(content).hexdigest()
        manifest.append(f"{name},{n},{digest},{DAYS[number]},synthetic")
    (folder / "manifest.csv").write_text("\n".join([*manifest, ""]), encoding="utf-8")
    return folder


def edited(form: str, records: list[str], number: int) -> list[str]:
    """The records of a Japanese form as a delivery has them."""
    if form == "registration":
        return [with_age(line, number, ",") for line in records]
    if form != "pathology":
        return records
    patient, _ = SPECIMEN
    kept = [line for line in records if number == 0 or not line.startswith(patient)]
    if number == 0:
        at = next(n for n, line in enumerate(kept) if line.startswith(patient))
        fields = kept[at].split(",")
        fields[5:7] = ["無", "20"]
        kept[at] = ",".join(fields)
    if number >= 3:
        kept = [line.replace(*CORRECTED) for line in kept]
    for line, (deliveries, _) in BROKEN.items():
        if number in deliveries:
            kept[line - 2] += ",x"
    return kept


def with_age(record: str, number: int, delimiter: str) -> str:
    fields = record.split(delimiter)
    age = AGES.get(fields[0], ([0] * 5,))[0][number]
    if age:
        fields[3] = str(age)
    return delimiter.join(fields)


@pytest.fixture(scope="module")
def run_models(mutated: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A work database with the code lists in it, and what makes all models anew in it."""
    target = Path(mutated["folder"]) / "target"
    trial = builds.mutation_trials(1)[0][0]
    work = tmp_path_factory.mktemp("histories") / "work.duckdb"
    shutil.copy(Path(mutated["folder"]) / trial / "work.duckdb", work)
    nodes = json.loads((target / "manifest.json").read_text(encoding="utf-8"))["nodes"]
    ran = json.loads((target / "run_results.json").read_text(encoding="utf-8"))["results"]

    def run(model: str = "", written: str = "", instead: str = "") -> None:
        """Make every model; of one of them, some of its SQL is written otherwise."""
        connection = duckdb.connect(str(work))
        for result in ran:
            node = nodes[result["unique_id"]]
            kind, code = node["config"]["materialized"], result["compiled_code"]
            if node["name"] == model:
                assert written in code
                code = code.replace(written, instead)
            if kind != "seed":
                connection.execute(f"create or replace {kind} {node['relation_name']} as {code}")
        connection.close()

    return work, run


def lock(work: Path, state: Path, name: str) -> None:
    """Lock the values of the analysis as they are, whatever is open."""
    files = locks.files_of(state, name)
    files["values"].parent.mkdir(parents=True)
    columns = ", ".join(each for each in COLUMNS["load_locked_values"] if each != "lock_name")
    with duckdb.connect(str(work), read_only=True) as connection:
        connection.execute(
            f"copy (select '{name}' as lock_name, {columns} from quality.analysis_values) "
            f"to '{files['values']}' (format parquet)"
        )
    files["cut"].write_text("{}", encoding="utf-8")
    hashes = {what: store.hash_file(path) for what, path in files.items()}
    with store.locked(state):
        log.append(state, [log.Event("lock", "store", "", {"name": name, "files": hashes})], ANN)


def test_five_deliveries_give_the_states_that_were_planted(
    run_models: tuple[Path, Callable[..., None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, run = run_models
    state, first = tmp_path / "state", tmp_path / "first"
    write_trial(SEED, SCALE, first, "delivery", "none")
    told: dict[tuple[str, str], list[str]] = {}
    for number, day in enumerate(DAYS):
        delivery = delivered(number, first, tmp_path / str(number))
        basis = mutation.take(builds.PROJECT, delivery, state, work, day)
        run()
        queries = read_queries(work, Filters())
        now = {(query["rule_id"], query["record_key"]): query for query in queries}
        for key in now:
            told.setdefault(key, ["-"] * number)
        for key, states in told.items():
            states.append(now[key]["state"] if key in now else "gone")
        snapshots.prepare(work, tmp_path / str(number), state, basis.as_snapshot())
        snapshots.record(tmp_path / str(number))
        if number == 1:
            ids = {key: now["PT03", key]["query_id"] for key in (*WAIVED, "JP09-001")}
            for patient, expires in WAIVED.items():
                waive(state, "store", queries, [ids[patient]], "known", expires, day, ANN)
            approve(state, "store", queries, [ids[each] for each in WAIVED], "", day, BEN)
            waive(state, "store", queries, [ids["JP09-001"]], "known", DAYS[4], day, ANN)
            lock(work, state, "cut")

    expected = {("PT03", patient): states for patient, (_, states) in AGES.items()}
    expected |= {
        ("DL07", f"jcog/pathology.csv|line {line}"): states for line, (_, states) in BROKEN.items()
    }
    (specimen,) = (key for rule, key in told if rule == "PA04")
    assert specimen.startswith(SPECIMEN[0])
    expected["PA04", specimen] = SPECIMEN[1]
    found = {key: " ".join(states) for key, states in told.items() if key[0] in FOUND_BY}
    assert found == expected

    # What is lost is told until it is there again, be it all that a site had; empty forms are none.
    others = {key: " ".join(states) for key, states in told.items() if key[0] not in FOUND_BY}
    assert others["GN14", "JP02-001"] == "- - new open open"
    assert others["GN14", "JP03-001"] == "- - new resolved resolved"
    # A locked value that a correction changes.
    assert others["GN15", f"cut|npv|ct|{LESION}"] == "- - - new open"
    consequences = {"GN14", "GN15", "SU06", "DV35", "PA06", "DL12"}
    assert {rule for rule, _ in others} - rule_harness.ids_of("site") == consequences
    by_record = {query["record_key"]: query for query in queries if query["rule_id"] == "PT03"}
    seen = ("first_seen", "last_seen", "resolved_at", "n_reopened")
    assert [by_record["JP06-001"][name] for name in seen] == [DAYS[0], DAYS[4], None, 1]
    assert [by_record["JP06-002"][name] for name in seen] == [DAYS[0], DAYS[1], DAYS[2], 0]
    assert by_record["JP02-001"]["age_days"] == (DAYS[4] - DAYS[0]).days
    assert by_record["JP01-002"]["previous_evidence"] == "age=132"
    with duckdb.connect(str(work), read_only=True) as connection:
        blocking = {query.record_key for query in gate.open_queries(connection, ("S2",))}
    assert {"JP02-001", "JP09-001"} <= blocking
    assert not {"JP06-002", "JP06-004"} & blocking
    assert [entry["action"] for entry in log.read_log(state)].count("snapshot") == len(DAYS)

    # The same deliveries, built by other code that moves a quoted number.
    monkeypatch.setattr(snapshots, "code_version", lambda project: "other")
    mutation.take(builds.PROJECT, delivery, state, work, DAYS[4])
    run("headline_numbers", "npv as number_value", "npv / 2 as number_value")
    moved = [query for query in read_queries(work, Filters()) if query["rule_id"] == "DV06"]
    assert {"npv ct", "npv ct_mri"} <= {query["record_key"] for query in moved}
    assert {query["record_key"][:3] for query in moved} == {"npv"}
