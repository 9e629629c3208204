"""dbt's documentation as one page that works without a network and does not vary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import offline
import pytest

from dlm.docs_page import write_docs_page
from dlm.errors import DlmError


def node(**changes: Any) -> dict[str, Any]:
    return {
        "unique_id": "model.dlm.fct_lesion",
        "resource_type": "model",
        "package_name": "dlm",
        "database": "work",
        "schema": "core",
        "name": "fct_lesion",
        "alias": "fct_lesion",
        "description": "One row per lesion. </script><script>alert(1)</script>",
        "columns": {},
        "compiled_path": "/somewhere/target/compiled/fct_lesion.sql",
        "created_at": 1795375177.87,
    } | changes


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A dbt target path and a work database."""
    macros = {
        name: {"name": name, "package_name": package, "macro_sql": f"-- body of {name}"}
        for name, package in (("wilson", "dlm"), ("internal", "dbt"))
    }
    manifest = {
        "metadata": {
            "project_name": "dlm",
            "generated_at": "2026-11-22T19:19:36Z",
            "invocation_id": "96e21bc1",
            "send_anonymous_usage_stats": True,
        },
        "nodes": {"model.dlm.fct_lesion": node()},
        "sources": {},
        "macros": macros,
        "docs": {},
        "parent_map": {"model.dlm.fct_lesion": []},
        "child_map": {"model.dlm.fct_lesion": []},
    }
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    connection = duckdb.connect(str(tmp_path / "work.duckdb"))
    connection.execute("create schema core")
    connection.execute("create table core.fct_lesion (lesion_id varchar, is_dlm boolean)")
    connection.execute("comment on column core.fct_lesion.is_dlm is 'Gone on CT.'")
    connection.close()
    return tmp_path


def write(built: Path, out: str = "docs") -> Path:
    return write_docs_page(built, built / "target", built / out, built / "work.duckdb")


def test_the_page_loads_nothing_and_tracks_nobody(built: Path) -> None:
    page = write(built)
    assert page == built / "docs" / "index.html"
    assert offline.problems(page.parent) == []
    text = page.read_text(encoding="utf-8")
    assert "cloudfront" not in text
    assert "turn_on_tracking:function(){}," in text


def test_the_page_holds_descriptions_types_and_own_macros(built: Path) -> None:
    text = write(built).read_text(encoding="utf-8")
    assert "INLINE DATA" not in text
    assert '"type": "BOOLEAN"' in text
    assert "Gone on CT." in text
    assert "body of wilson" in text
    assert "body of internal" not in text


def test_what_is_to_be_known_of_the_build_stands_by_every_model(built: Path) -> None:
    target, database = built / "target", built / "work.duckdb"
    note = "2 records are left out of this build for open S1 queries."
    page = write_docs_page(built, target, built / "docs", database, note)
    assert f"**{note}**" in page.read_text(encoding="utf-8")


def test_an_end_tag_in_a_description_does_not_end_the_script(built: Path) -> None:
    text = write(built).read_text(encoding="utf-8")
    assert "</script><script>alert" not in text
    assert "<\\/script><script>alert" in text


def test_two_builds_give_the_same_page(built: Path) -> None:
    first = write(built, "first").read_bytes()
    path = built / "target" / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["metadata"] |= {"generated_at": "2027-01-01T00:00:00Z", "invocation_id": "other"}
    changed = {"created_at": 1.0, "compiled_path": "/elsewhere/fct_lesion.sql"}
    manifest["nodes"]["model.dlm.fct_lesion"] |= changed
    path.write_text(json.dumps(manifest), encoding="utf-8")
    assert write(built, "second").read_bytes() == first


def test_without_a_manifest_it_says_what_to_do(built: Path) -> None:
    (built / "target" / "manifest.json").unlink()
    with pytest.raises(DlmError, match="is missing; build"):
        write(built)
