"""Every quality rule on a record that keeps it and on one that breaks it.

``rules/<table>.yml`` holds them: a rule's ``pass`` and ``fail``, each a record (or several) with
the columns that matter to it, and ``input`` where more than one form is held to the rule.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import rule_harness
import yaml

FOLDER = Path(__file__).parent / "rules"
CATALOGUE = rule_harness.PROJECT / "seeds" / "reference" / "ref_quality_rules.csv"


def load_fixtures() -> dict[str, dict[str, Any]]:
    fixtures: dict[str, dict[str, Any]] = {}
    for path in sorted(FOLDER.glob("*.yml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert not fixtures.keys() & content.keys(), path
        fixtures |= {rule: fixture | {"file": path.stem} for rule, fixture in content.items()}
    return fixtures


FIXTURES = load_fixtures()


def catalogue() -> dict[str, dict[str, str]]:
    with CATALOGUE.open(encoding="utf-8", newline="") as handle:
        return {row["rule_id"]: row for row in csv.DictReader(handle, strict=True)}


def predicates(rule_id: str) -> dict[str, dict[str, Any]]:
    """The rule by the input it looks at."""
    return {name: rule for name, rule in rule_harness.rules() if rule["id"] == rule_id}


def records(fixture: dict[str, Any], verdict: str) -> list[dict[str, Any]]:
    given = fixture[verdict]
    return given if isinstance(given, list) else [given]


def test_every_rule_of_the_catalogue_has_a_predicate_and_a_fixture() -> None:
    assert {rule["id"] for _, rule in rule_harness.rules()} == catalogue().keys()
    stand = {rule_id: fixture["file"] for rule_id, fixture in FIXTURES.items()}
    assert stand == {rule_id: row["table_name"] for rule_id, row in catalogue().items()}


def test_what_is_kept_of_a_judged_record_is_what_each_rule_says_of_it() -> None:
    (reads,) = [one for one in rule_harness.inputs() if one.get("judged")]
    is_of_reads = {rule["id"] for rule in reads["rules"]}
    given = [
        record
        for rule_id, fixture in FIXTURES.items()
        if rule_id in is_of_reads
        for verdict in ("pass", "fail")
        for record in records(fixture, verdict)
    ]
    assert len(given) > 60
    broken = set()
    for alone, kept in rule_harness.judge_together(reads, given):
        assert kept == alone
        broken |= {rule_id for rule_id, finding in kept.items() if any(finding)}
    # General rules have their fixtures in other forms, some about dates that reads lack.
    assert broken >= {rule_id for rule_id in is_of_reads if not rule_id.startswith("GN")}
    assert broken >= {"GN03", "GN05", "GN10"}


@pytest.mark.parametrize("rule_id", FIXTURES)
def test_a_rule_tells_its_records_apart(rule_id: str) -> None:
    fixture = FIXTURES[rule_id]
    found = predicates(rule_id)
    rule = found[fixture["input"]] if "input" in fixture else next(iter(found.values()))
    kept = rule_harness.judge(rule, records(fixture, "pass"))
    assert kept, "a rule needs a record that keeps it"
    assert all(judged == (True, False) for judged in kept), "applies and is kept"
    broken = rule_harness.judge(rule, records(fixture, "fail"))
    assert broken, "a rule needs a record that breaks it"
    assert all(judged == (True, True) for judged in broken), "applies and is broken"
