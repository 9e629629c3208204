"""Staging reads exactly what the contracts say, and its macros read text and dates aright."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import pytest

from dlm.contracts import Contract, Form, load_contracts
from dlm.contracts.page import write_forms_page

PROJECT = Path(__file__).resolve().parents[2]
CONTRACTS = load_contracts()
FORMS = [(contract, form) for contract in CONTRACTS.values() for form in contract.forms.values()]
# What Unicode does not map so: spaces, hyphens and the minus sign.
SPACES_AND_DASHES = {"\u3000": " ", "\u00a0": " ", "\u2010": "-", "\u2212": "-"}


class _Returned(Exception):
    def __init__(self, value: Any) -> None:
        self.value = value


def call(macro: str, *arguments: Any) -> Any:
    """What a macro of forms.sql returns."""

    def give_back(value: Any) -> None:
        raise _Returned(value)

    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, extensions=["jinja2.ext.do"])
    source = (PROJECT / "macros" / "forms.sql").read_text(encoding="utf-8")
    call_text = f"{{{{ {macro}({', '.join(map(repr, arguments))}) }}}}"
    template = environment.from_string(source + call_text)
    with pytest.raises(_Returned) as returned:
        template.render({"return": give_back})
    return returned.value.value


def render(expression: str) -> str:
    """SQL that an expression of the text and date macros renders to, as DuckDB's adapter would."""
    macros = [PROJECT / "macros" / name for name in ("text.sql", "dates.sql")]
    source = "".join(path.read_text(encoding="utf-8") for path in macros)
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, extensions=["jinja2.ext.do"])

    @jinja2.pass_context
    def dispatch(context: Any, name: str) -> Any:
        return context.resolve(f"default__{name}")

    adapter = type("Adapter", (), {"dispatch": staticmethod(dispatch)})
    template = environment.from_string(source + "{{ " + expression + " }}")
    context: dict[str, Any] = {"adapter": adapter, "return": lambda value: value}
    return template.render(context).strip()


@pytest.mark.parametrize(
    ("contract", "form"), FORMS, ids=[f"{c.source}-{f.name}" for c, f in FORMS]
)
def test_form_columns_are_those_of_the_contract(contract: Contract, form: Form) -> None:
    typed = {(c["name"], c["type"], c["list"]) for c in call("form_columns", form.name)}
    assert typed == {(c.name, c.type, c.list) for c in form.columns}
    assert tuple(call("form_key", form.name)) == form.key


@pytest.mark.parametrize("source", CONTRACTS)
def test_habits_are_those_of_the_contract(source: str) -> None:
    habits, contract = call("source_habits", source), CONTRACTS[source]
    assert habits["date_order"] == contract.date_order
    assert habits["decimal_mark"] == contract.decimal_mark
    assert habits["eras"] == contract.eras
    assert habits["excel_serials"] == contract.excel_serials
    assert habits["mm_per_size_unit"] == {"mm": 1, "cm": 10}[contract.size_unit]
    assert tuple(habits["missing_codes"]) == contract.missing_codes


@pytest.mark.parametrize(
    ("contract", "form"), FORMS, ids=[f"{c.source}-{f.name}" for c, f in FORMS]
)
def test_staging_renames_every_header(contract: Contract, form: Form) -> None:
    folder = PROJECT / "models" / "staging" / contract.source
    base = folder / "base" / f"base_{contract.source}__{form.name}.sql"
    model = base if base.exists() else folder / f"stg_{contract.source}__{form.name}.sql"
    text = model.read_text(encoding="utf-8")
    renamed = re.findall(r"(?:adapter\.quote\('(.+?)'\) }}|^ {8}(\w+)) as (\w+)_text", text, re.M)
    found = {(quoted or bare, column) for quoted, bare, column in renamed}
    boxes = re.findall(r"ticked\(\s*'(\w+)'.*?as (\w+)_text", text, re.S)
    assert found | set(boxes) == {(c.header, c.name) for c in form.columns}


def test_full_width_text_is_read_as_plain() -> None:
    """Every full-width ASCII character means what Unicode's compatibility mapping says."""
    wide = {chr(code): unicodedata.normalize("NFKC", chr(code)) for code in range(0xFF01, 0xFF5F)}
    meant = {**wide, **SPACES_AND_DASHES}
    clean = "clean_text('said')"
    text = duckdb.connect().execute(
        f"select {render(clean)} from (select unnest(?::varchar[]) as said)",
        [[f"x{character}x" for character in meant]],
    )
    plain = [row[0] for row in text.fetchall()]
    assert plain == [f"x{character}x" for character in meant.values()]


@pytest.mark.parametrize(
    ("order", "pattern"), [("dmy", "%d/%m/%Y"), ("mdy", "%m/%d/%Y"), ("ymd", "%Y/%m/%d")]
)
def test_dates_are_read_in_the_declared_order_alone(order: str, pattern: str) -> None:
    """Every day of two years, a leap year among them, reads as itself."""
    days = [dt.date(2019, 1, 1) + dt.timedelta(days=n) for n in range(731)]
    iso = render(f"iso_date('said', '{order}')")
    used = render("used_day_of('iso')")
    read = duckdb.connect().execute(
        f"select {used} from (select {iso} as iso from "
        "(select unnest(?::varchar[]) as said) as texts) as dates",
        [[day.strftime(pattern) for day in days]],
    )
    assert [row[0] for row in read.fetchall()] == days


def test_days_as_excel_counts_them() -> None:
    """A serial is the day Excel shows for it; what is none stays unread."""
    serials = {
        "61": "1900-03-01",
        "36526": "2000-01-01",
        "43565": "2019-04-10",
        "60": None,
        "4,5": None,
    }
    iso = render("iso_of_serial('said')")
    read = duckdb.connect().execute(
        f"select {iso} from (select unnest(?::varchar[]) as said)", [list(serials)]
    )
    assert [row[0] for row in read.fetchall()] == list(serials.values())


def test_sites_are_told_which_words_for_missing_mean_not_done(tmp_path: Path) -> None:
    write_forms_page(tmp_path / "forms.html", PROJECT / "seeds" / "reference" / "ref_codelists.csv")
    page = (tmp_path / "forms.html").read_text(encoding="utf-8")
    words = {
        word for source in CONTRACTS for word in call("source_habits", source)["not_done_codes"]
    }
    assert words == {"ND", "未実施"}, "the page says so of these"
    assert "ND, and 未実施 of JCOG, in the verdict mean that the examination was not done" in page
