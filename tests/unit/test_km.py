"""`dlm km`: published results and R's on real data, and words for data that cannot be used."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from lifelines.statistics import logrank_test

from dlm.cli import main
from dlm.errors import UsageError
from dlm.km import UNITS, Request, estimate
from dlm.project import import_path

ROOT = Path(__file__).resolve().parents[2]
ORACLE = ROOT / "tests" / "oracle" / "survival"
Blocks = dict[str, list[dict[str, str]]]


def no_warehouse() -> Path:
    raise AssertionError("a file needs no warehouse")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("km")
    subjects = pd.read_csv(ORACLE / "subjects.csv", dtype={"grp": str, "stratum": str})
    for dataset, own in subjects.groupby("dataset"):
        own.to_csv(folder / f"{dataset}.csv", index=False)
    return folder


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["km", *words])
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return code, out, err


def blocks_of(text: str) -> Blocks:
    """The blocks of --format csv by their heading."""
    parts = [part.split("\n", 1) for part in text.split("# ")[1:]]
    return {name.strip(): list(csv.DictReader(io.StringIO(body))) for name, body in parts}


def words(name: str, value: str = "time", event: str = "event") -> list[str]:
    return ["--time", value, "--event", event, "--by", name, "--format", "csv"]


# ------------------------------------------------------------------------------------ real data


@pytest.mark.parametrize(
    ("dataset", "unit", "medians", "chi2"),
    [
        ("freireich", "weeks", {"6-MP": 23, "placebo": 8}, 16.79),
        ("lung", "days", {"1": 270, "2": 426}, 10.33),
        ("aml", "weeks", {"Maintained": 31, "Nonmaintained": 23}, 3.4),
        ("veteran", "days", {"1": 103, "2": 52.5}, 0.01),
        ("colon", "days", {"Obs": 2083, "Lev": 2152, "Lev+5FU": None}, 11.68),
    ],
)
def test_published_numbers_appear(
    files: Path,
    capsys: pytest.CaptureFixture[str],
    dataset: str,
    unit: str,
    medians: dict[str, float | None],
    chi2: float,
) -> None:
    code, out, _ = run(capsys, str(files / f"{dataset}.csv"), *words("grp"), "--unit", unit)
    assert code == 0
    found = blocks_of(out)
    by_group = {row["group"]: row["median"] for row in found["summary"]}
    assert {group: float(told) if told else None for group, told in by_group.items()} == medians
    assert round(float(found["comparison"][0]["logrank_chi2"]), 2) == pytest.approx(chi2)
    assert [*found["summary"][0]][:6] == ["group", "n", "events", "median", "ci_lower", "ci_upper"]
    assert [*found["comparison"][0]][:4] == ["logrank_chi2", "df", "p", "hazard_ratio"]


@pytest.mark.parametrize("conf_type", ["log", "log-log"])
@pytest.mark.parametrize("dataset", ["veteran", "colon", "random2"])
def test_estimates_are_those_of_r(files: Path, dataset: str, conf_type: str) -> None:
    request = Request(
        str(files / f"{dataset}.csv"), "time", "event", "grp", "stratum", "days", conf_type
    )
    found = estimate(request, no_warehouse)

    def by_r(name: str) -> pd.DataFrame:
        table = pd.read_csv(ORACLE / f"{name}.csv", dtype={"grp": str})
        return table[table["dataset"] == dataset]

    curve = by_r("curve")
    curve = curve[curve["conf_type"] == conf_type].sort_values(["grp", "time"])
    computed = pd.DataFrame(found.curve)
    for column in ("time", "n_risk", "n_event", "n_censor"):
        np.testing.assert_array_equal(computed[column], curve[column])
    for column in ("survival", "std_err", "ci_lower", "ci_upper"):
        values = computed[column].astype(float)
        np.testing.assert_allclose(values, curve[column], rtol=0, atol=1e-12)
    summary = by_r("summary").query("conf_type == @conf_type").sort_values("grp")
    told = pd.DataFrame(found.summary)
    for column, other in (
        *(("n", "n"), ("events", "events"), ("median", "median"), ("ci_lower", "median_lower")),
        *(("ci_upper", "median_upper"), ("followup_median", "followup_median")),
        *(("rmst", "rmst"), ("rmst_std_err", "rmst_std_err"), ("rmst_horizon", "horizon")),
    ):
        values = told[column].astype(float)
        np.testing.assert_allclose(values, summary[other], rtol=1e-11, err_msg=column)
    for prefix, name in (("", "comparison"), ("stratified_", "stratified")):
        expected, compared = by_r(name).iloc[0], found.comparison[0]
        assert compared[prefix + "df"] == expected["df"]
        for column, other in (("logrank_chi2", "chi2"), ("p", "p_value")):
            assert compared[prefix + column] == pytest.approx(expected[other], rel=1e-9)
        if expected["df"] == 1:
            ratio = np.exp(expected["log_hazard_ratio"])
            assert compared[prefix + "hazard_ratio"] == pytest.approx(ratio, rel=1e-9)
        else:
            assert compared[prefix + "reason"] == "no hazard ratio for more than two groups"


# ------------------------------------------------------------------------------- forms of source


def test_a_query_a_csv_and_a_parquet_file_say_the_same(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lung = files / "lung.csv"
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute(
            "create schema marts; create table marts.lung as"
            f" select time, event = '1' as died, grp::integer as sex from read_csv('{lung}')"
        )
        connection.execute(f"copy marts.lung to '{tmp_path / 'lung.parquet'}' (format parquet)")
    monkeypatch.setenv("DLM_PROJECT", str(ROOT))
    monkeypatch.setenv("DLM_OUT", str(tmp_path))
    by_csv = run(capsys, str(lung), *words("grp"))
    options = words("sex", event="died")
    assert run(capsys, "select * from marts.lung -- all", *options) == by_csv
    assert run(capsys, "from marts.lung;", *options) == by_csv
    assert run(capsys, "-- all\n/* of them */ FROM marts.lung", *options) == by_csv
    assert run(capsys, str(tmp_path / "lung.parquet"), *options) == by_csv
    code, _, err = run(capsys, f"from '{lung}'", *options)
    assert (code, "Permission" in err) == (2, True)
    code, _, err = run(capsys, "select nothing from marts.lung", *options)
    assert (code, "nothing" in err) == (2, True)
    code, _, err = run(capsys, "select *, 1 as TIME from marts.lung", *options)
    assert (code, "more than one column time" in err) == (2, True)


def test_no_library_but_duckdb_and_jinja_is_imported(files: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from dlm.cli import main; main(sys.argv[1:]);"
            " assert not {'dbt', 'pandas', 'matplotlib', 'numpy'} & set(sys.modules)",
            *("km", str(files / "aml.csv"), "--time", "time", "--event", "event"),
        ],
        env=os.environ | {"PYTHONPATH": import_path()},
        cwd=files,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_package_holds_every_module_and_the_macros() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {path.parent for path in (ROOT / "python" / "dlm").rglob("__init__.py")}
    names = {".".join(folder.relative_to(ROOT / "python").parts) for folder in folders}
    assert set(told["packages"]) == names | {"dlm._macros"}
    assert told["package-dir"]["dlm._macros"] == "macros"


def test_json_and_table_tell_the_same(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = str(files / "aml.csv")
    _, out, _ = run(capsys, source, *words("grp")[:-1], "json")
    content = json.loads(out)
    assert content["summary"][0]["median"] == 31
    assert content["summary"][0]["ci_upper"] is None
    _, out, _ = run(capsys, source, *words("grp")[:-1], "table")
    assert "median" in out and "31" in out and "# curve" not in out


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
def test_a_figure_is_drawn_the_same_twice(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    drawn = []
    for name in ("one", "two"):
        path = tmp_path / f"{name}.{suffix}"
        code, _, err = run(capsys, str(files / "aml.csv"), *words("grp"), "--figure", str(path))
        assert (code, err.strip()) == (0, str(path))
        drawn.append(path.read_bytes())
    assert drawn[0] == drawn[1] and len(drawn[0]) > 5000


def test_files_as_r_and_pandas_write_them_are_read(tmp_path: Path) -> None:
    """Row names in a first column without a name, Booleans as words."""
    by_r, by_pandas = tmp_path / "r.csv", tmp_path / "pandas.csv"
    by_r.write_text('"","t","e"\n"1",1,TRUE\n"2",2,FALSE\n"3",3,TRUE\n')
    pd.DataFrame({"t": [1, 2, 3], "e": [True, False, True]}).to_csv(by_pandas)
    for path in (by_r, by_pandas):
        curve = estimate(Request(str(path), "t", "e"), no_warehouse).curve
        assert [row["n_event"] for row in curve] == [1, 0, 1]


def test_na_is_a_name_where_what_is_missing_is_null(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    rows = "(values (1, 1, 'NA', 'nan'::double), (2, 0, 'EU', 1)) as t (t, e, region, dose)"
    duckdb.sql(f"copy (select * from {rows}) to '{path}'")
    found = estimate(Request(str(path), "t", "e", "region"), no_warehouse)
    assert found.comparison[0]["hr_contrast"] == "NA vs EU"
    with pytest.raises(UsageError, match="no group in 1 of 2 rows: 1"):
        estimate(Request(str(path), "t", "e", "dose"), no_warehouse)


def test_a_missing_stratum_is_told_and_who_has_no_known_at_is_never_grouped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("t,e,g,s,k\n5,1,a,x,1\n6,1,b,NA,2\n7,1,NA,x,NA\n8,0,b,x,1\n")
    landmark = ["--landmark", "3", "--known-at", "k"]
    _, out, _ = run(capsys, str(path), *words("g", "t", "e"), *landmark)
    assert blocks_of(out)["comparison"][0]["n_ungrouped_at_landmark"] == "1"
    code, _, err = run(capsys, str(path), *words("g", "t", "e"), *landmark, "--strata", "s")
    assert code == 2 and "no stratum in 1 of 4 rows: 2" in err


def test_times_that_differ_by_rounding_are_one_time(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("t,e\n0.3,1\n0.30000000000000004,0\n0.5,1\n")
    curve = estimate(Request(str(path), "t", "e"), no_warehouse).curve
    assert [(row["time"], row["n_event"], row["n_censor"]) for row in curve] == [
        (0.3, 1, 1),
        (0.5, 1, 0),
    ]


def test_groups_known_later_are_compared_from_a_landmark_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who lived to be operated seems to have gained by it; from the landmark on nobody does."""
    random = np.random.default_rng(3)
    times, operated = random.exponential(30, 600).round(1), random.exponential(20, 600).round(1)
    subjects = pd.DataFrame({"t": times, "e": 1, "k": np.where(operated < times, operated, np.nan)})
    subjects["g"] = np.where(subjects["k"].notna(), "operated", "not")
    subjects.to_csv(tmp_path / "late.csv", index=False)

    _, naive, _ = run(capsys, str(tmp_path / "late.csv"), *words("g", "t", "e"))
    # groups by the landmark: whoever was operated later counts as what was known then
    subjects.loc[~(subjects["k"] <= 12), "g"] = "not"
    subjects["k"] = subjects["k"].where(subjects["k"] <= 12, 0)
    subjects.to_csv(tmp_path / "by12.csv", index=False)
    asked = [*words("g", "t", "e"), "--landmark", "12", "--known-at", "k"]
    code, fair, _ = run(capsys, str(tmp_path / "by12.csv"), *asked)

    left = subjects[subjects["t"] > 12]
    by_lifelines = logrank_test(
        *(left["t"][left["g"] == group] - 12 for group in ("not", "operated"))
    )
    [compared] = blocks_of(fair)["comparison"]
    assert code == 0
    assert float(compared["logrank_chi2"]) == pytest.approx(by_lifelines.test_statistic, rel=1e-9)
    assert float(blocks_of(naive)["comparison"][0]["p"]) < 1e-6 < 0.05 < float(compared["p"])
    assert (compared["landmark"], compared["n_ended_by_landmark"]) == ("12", str(600 - len(left)))
    assert sum(int(row["n"]) for row in blocks_of(fair)["summary"]) == len(left)


def test_who_has_no_group_at_the_landmark_takes_no_part(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("t,e,g,k\n9,1,,\n10,0,a,1\n11,1,a,10\n12,0,b,3\n20,1,b,10.5\n30,1,a,\n")
    asked = [str(path), *words("g", "t", "e"), "--landmark", "10"]
    _, out, _ = run(capsys, *asked, "--known-at", "k")
    found = blocks_of(out)
    assert [(row["group"], row["time"]) for row in found["curve"]] == [("a", "1"), ("b", "2")]
    [told] = found["comparison"]
    assert (told["n_ended_by_landmark"], told["n_ungrouped_at_landmark"]) == ("2", "2")
    figure = tmp_path / "t.svg"
    assert run(capsys, *asked, "--known-at", "k", "--figure", str(figure))[0] == 0
    for wrong, words_told in (
        (["--known-at", "e"], "nobody is at risk, in a group, after the landmark"),
        (["--known-at", "g"], "g is not a number in 5 of 6 rows"),
        (["--known-at", "x"], "there is no column x"),
    ):
        landmark = ["--landmark", "40"] if "nobody" in words_told else []
        code, _, err = run(capsys, *asked, *landmark, *wrong)
        assert (code, words_told in err) == (2, True), err


def test_names_of_groups_are_drawn_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dlm.figures import curves

    path = tmp_path / "t.csv"
    figure = tmp_path / "t.svg"

    def draw(group: str) -> None:
        path.write_text(f"t,e,g\n1,1,b\n2,1,{group}\n", encoding="utf-8")
        request = Request(str(path), "t", "e", "g")
        curves.draw_curves(estimate(request, no_warehouse), request, figure)

    draw("_a$b$")
    # letters are outlines, beside a comment that says them
    assert "<!-- _a$b$ -->" in figure.read_text(encoding="utf-8")
    monkeypatch.setattr(curves, "_OTHER_FONTS", ())
    with pytest.raises(UsageError, match="no font of this machine draws 存残"):
        draw("残存")


def test_landmarks_follow_the_unit(tmp_path: Path) -> None:
    for unit, days in UNITS.items():
        path = tmp_path / "t.csv"
        times = [number * 400 / days for number in (1, 2, 3, 4)]
        path.write_text("t,e\n" + "".join(f"{time!r},1\n" for time in times))
        [row] = estimate(Request(str(path), "t", "e", unit=unit), no_warehouse).summary
        told = [row[f"survival_{month}m"] for month in (6, 12, 24, 36)]
        assert told == pytest.approx([1, 1, 0.75, 0.5])
        assert (row["unit"], row["median"]) == (unit, pytest.approx(1000 / days))


# ------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("1,1,a\n-2,0,b\n-3,1,b", "t is negative in 2 of 3 rows: 2, 3"),
        (",1,a\n2,0,b", "t is missing or not a number in 1 of 2 rows: 1"),
        ("x,1,a\n2,0,b", "t is missing or not a number in 1 of 2 rows: 1"),
        ("nan,1,a\ninf,0,b", "t is missing or not a number in 2 of 2 rows: 1, 2"),
        ("1_000,1,a\n0x10,0,b", "t is missing or not a number in 2 of 2 rows: 1, 2"),
        ("2020-01-31,1,a\n2,0,b", "t is missing or not a number in 1 of 2 rows: 1"),
        ("1e300,1,a\n2,0,b", "t is above 1e+12 in 1 of 2 rows: 1"),
        ("1,2,a\n2,0,b", "e is not 0 or 1 in 1 of 2 rows: 1"),
        ("1,,a\n2,yes,b", "e is not 0 or 1 in 2 of 2 rows: 1, 2"),
        ("1,1,\n2,0,b\n3,0, ", "also NA or NaN): no group in 2 of 3 rows: 1, 3"),
        (
            "1,1,NA\n2,0,b",
            "g is missing (empty; in a .csv file also NA or NaN): no group in 1 of 2",
        ),
        ("1,1,a\n2,0,b\n3,1, NaN\n4,1,nan", "no group in 2 of 4 rows: 3, 4"),
        ("-1,1,a\n" * 9, "in 9 of 9 rows: 1, 2, 3, 4, 5 and 4 more"),
        ("", "the source has no rows"),
        ("".join(f"1,1,g{number}\n" for number in range(101)), "g has 101 different values"),
        ("1,1,a\n2,1,b,c", "CSV Error on Line: 3 Expected Number of Columns: 3 Found: 4"),
    ],
)
def test_rows_that_cannot_be_used_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: str, told: str
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("t,e,g\n" + rows)
    code, out, err = run(capsys, str(path), *words("g", "t", "e"))
    assert (code, out) == (2, "")
    assert told in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["none.csv", "--time", "t", "--event", "e"], "there is no file none.csv"),
        (["drop table x", "--time", "t", "--event", "e"], "is neither a query nor"),
        (["ok.csv", "--time", "T2", "--event", "e"], "there is no column T2; there are: t, e, g"),
        (["ok.csv", "--time", "t", "--event", "e", "--strata", "g"], "--strata needs --by"),
        (["ok.csv", "--time", "t", "--event", "e", "--known-at", "t"], "needs --landmark and --by"),
        (["ok.csv", "--time", "t", "--event", "e", "--landmark", "-1"], "is a time from 0"),
        (["ok.csv", "--time", "t", "--event", "e", "--landmark", "nan"], "is a time from 0"),
        (["ok.csv", "--time", "t", "--event", "e", "--confidence", "95"], "a share between"),
        (["ok.csv", "--time", "t", "--event", "e", "--figure", "x.gif"], "an .svg, .png or .pdf"),
        (["twice.csv", "--time", "t", "--event", "e"], "does not name each column once"),
        (["capitals.csv", "--time", "t", "--event", "e"], "does not name each column once"),
        (["empty.csv", "--time", "t", "--event", "e"], "empty.csv has no header in its first"),
        (["unnamed.csv", "--time", "t", "--event", "e"], "there are: column_1, t, column_3"),
        (["typed.parquet", "--time", "t", "--event", "e"], "t is DATE, not a number"),
        (["typed.parquet", "--time", "e", "--event", "e"], "e is BOOLEAN, not a number"),
        (["typed.parquet", "--time", "n", "--event", "t"], "t is DATE, neither 0 and 1 nor"),
        (["typed.parquet", "--time", "n", "--event", "e"], "n is missing or not a number in 2 of"),
        (["binary.csv", "--time", "t", "--event", "e"], "is not UTF-8 text"),
        (["binary.parquet", "--time", "t", "--event", "e"], "cannot read the source"),
    ],
)
def test_what_cannot_be_asked_is_told(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ok.csv").write_text("t,e,g\n1,1,a\n")
    Path("twice.csv").write_text("t,e,e\n1,1,1\n")
    Path("capitals.csv").write_text("t,T,e\n1,1,1\n")
    Path("empty.csv").write_text("")
    Path("unnamed.csv").write_text(",t, \n1,1,1\n")
    duckdb.sql(
        "copy (select date '2020-01-31' as t, true as e, unnest([1, 'nan', '-inf'::double]) as n)"
        " to 'typed.parquet'"
    )
    Path("binary.csv").write_bytes(b"\xff\xfe\x00t")
    Path("binary.parquet").write_bytes(b"\xff\xfe\x00t")
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert told in err


@pytest.mark.parametrize(
    ("rows", "reason", "medians"),
    [
        ("1,1,a\n2,0,a", "not estimable: fewer than two groups", ["1.5"]),
        ("1,0,a\n2,0,b", "not estimable: no event while two groups are at risk", ["", ""]),
        ("1,0,a\n2,1,b", "not estimable: no event while two groups are at risk", ["", "2"]),
        ("0,0,a\n0,0,b", "not estimable: no event while two groups are at risk", ["", ""]),
        ("0,1,a\n0,1,b", "", ["0", "0"]),
        ("1,1,a\n2,1,a\n3,0,b", "hazard ratio not estimable: not finite", ["1.5", ""]),
        ("1,1,a\n2,1,b\n3,1,c", "no hazard ratio for more than two groups", ["1", "2", "3"]),
    ],
)
@pytest.mark.parametrize("conf_type", ["log", "log-log"])
def test_what_cannot_be_estimated_says_why(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    rows: str,
    reason: str,
    medians: list[str],
    conf_type: str,
) -> None:
    path = tmp_path / "few.csv"
    path.write_text("t,e,g\n" + rows)
    code, out, _ = run(capsys, str(path), *words("g", "t", "e"), "--conf-type", conf_type)
    assert code == 0
    assert not {"nan", "inf", "-inf"} & set(out.lower().replace("\n", ",").split(","))
    found = blocks_of(out)
    assert found["comparison"][0]["reason"].startswith(reason)
    assert (found["comparison"][0]["hazard_ratio"] == "") == bool(reason)
    assert [row["median"] for row in found["summary"]] == medians
    for row in found["summary"]:
        assert (row["median"] == "") == (row["median_not_estimable_reason"] != "")
        assert (row["rmst_std_err"] == "") == (row["rmst_not_estimable_reason"] != "")


def test_groups_are_in_the_order_of_their_numbers_and_safe_in_a_spreadsheet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "order.csv"
    path.write_text("t;e;g;f\n1;1;10;=1\n2;1;9;=1\n3;1;10;a\n4;1;9;a\n")
    _, out, _ = run(capsys, str(path), *words("g", "t", "e"))
    found = blocks_of(out)
    assert [row["group"] for row in found["summary"]] == ["9", "10"]
    assert found["comparison"][0]["hr_contrast"] == "10 vs 9"
    _, out, _ = run(capsys, str(path), *words("f", "t", "e"))
    assert {row["group"] for row in blocks_of(out)["curve"]} == {"'=1", "a"}
