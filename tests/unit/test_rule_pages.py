"""The page of each rule: it says what the catalogue says in both languages, without network."""

from __future__ import annotations

import html
import re
from pathlib import Path

import duckdb
import pytest
import rule_harness

from dlm.quality.rule_pages import write_rule_pages

CATALOGUE = rule_harness.PROJECT / "seeds" / "reference" / "ref_quality_rules.csv"


@pytest.fixture(scope="module")
def rules() -> list[dict[str, str]]:
    with duckdb.connect() as connection:
        frame = connection.read_csv(str(CATALOGUE), all_varchar=True).fetchdf()
    return frame.fillna("").to_dict("records")  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("quality")
    with duckdb.connect() as connection:
        connection.execute("create schema quality")
        connection.execute(
            f"create table quality.rules as select * replace "
            f"(cast(threshold_percent as double) as threshold_percent) "
            f"from read_csv('{CATALOGUE}', all_varchar = true)"
        )
        connection.execute(
            "create table quality.rule_predicates "
            "(predicate_no int, rule_id text, looks_at text, applies text, violated text)"
        )
        call = rule_harness.macros()
        for number, (name, rule) in enumerate(rule_harness.rules()):
            predicates = [call[f"rule_{what}"](rule) for what in ("applies", "violated")]
            connection.execute(
                "insert into quality.rule_predicates values (?, ?, ?, ?, ?)",
                [number, rule["id"], name, *predicates],
            )
        assert write_rule_pages(connection, out)
    return out / "rules"


def text(page: Path) -> str:
    return html.unescape(page.read_text(encoding="utf-8"))


def test_every_rule_has_a_page_with_all_its_words(rules: list[dict[str, str]], pages: Path) -> None:
    shown = ("title", "description", "message", "action")
    for rule in rules:
        page = text(pages / f"{rule['rule_id']}.html")
        for name in (*(f"{what}_{tongue}" for what in shown for tongue in ("en", "ja")),):
            assert rule[name] in page, (rule["rule_id"], name)
        assert rule["citation"] in page
        assert rule["threshold_reason"] in page and rule["threshold_reason_ja"] in page
        assert '<span lang="ja" class="ja">分母</span>' in page


def test_a_page_shows_the_predicate_that_runs(pages: Path) -> None:
    call = rule_harness.macros()
    for _, rule in rule_harness.rules():
        assert call["rule_violated"](rule) in text(pages / f"{rule['id']}.html")


def test_the_index_leads_to_every_page_and_back(rules: list[dict[str, str]], pages: Path) -> None:
    links = re.findall(r'href="([^"#]+)"', text(pages / "index.html"))
    assert sorted(links) == sorted(["../index.html", *(f"{r['rule_id']}.html" for r in rules)])
    page = text(pages / "PT03.html")
    assert 'href="index.html"' in page
    assert 'href="../index.html#rules"' in page


def test_pages_ask_for_nothing_from_elsewhere(pages: Path) -> None:
    for page in pages.iterdir():
        content = page.read_text(encoding="utf-8")
        assert not re.search(r"https?://|<script|<link|<img|@import|url\(", content), page.name


def test_a_database_without_rules_gets_no_page(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        assert write_rule_pages(connection, tmp_path) == []
    assert not (tmp_path / "rules").exists()
