"""dbt's documentation of every table as one page that needs no network: ``docs/index.html``.

The same page that ``dbt docs generate --static`` makes, from the manifest of the build that just
ran and one query of DuckDB's catalog. Making it here saves a second run of dbt, and leaves out what
would load from the network (dbt's tracking script) or differ from build to build (times, ids of the
invocation, local paths).
"""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

from dlm import engine
from dlm.errors import DlmError

_TRACKING = re.compile(r"turn_on_tracking:function\(\)\{.*?\},fuzzUrls:", re.DOTALL)
_DEAD_LINKS = re.compile(r'<link rel="(?:canonical|shortcut icon)"[^>]*>')
_VARYING = {
    "build_path",
    "compiled_path",
    "created_at",
    "generated_at",
    "invocation_id",
    "invocation_started_at",
    "root_path",
    "run_started_at",
    "unrendered_config",
    "user_id",
}
"""Fields of the manifest that tell of one run or one machine, or that the page does not show."""


def write_docs_page(project: Path, target: Path, out: Path, database: Path, note: str = "") -> Path:
    """Write the documentation page.

    Args:
        project: folder of dbt_project.yml.
        target: dbt's target path of the build, with its manifest.json.
        out: folder for the page.
        database: the work database that was built.
        note: of the build, said of every model.

    Returns:
        The page, ``index.html`` in out.

    Raises:
        DlmError: the manifest is missing, or dbt's page is not as this version knows it.
    """
    source = target / "manifest.json"
    if not source.is_file():
        raise DlmError(f"{source} is missing; build {project} first")
    manifest = _slim(json.loads(source.read_text(encoding="utf-8")))
    for node in manifest["nodes"].values():
        if note and node["resource_type"] == "model":
            node["description"] = f"{node['description']}\n\n**{note}**"
    page = (resources.files("dbt.task.docs") / "index.html").read_text(encoding="utf-8")
    page, found = _TRACKING.subn("turn_on_tracking:function(){},fuzzUrls:", page)
    if found != 1:
        raise DlmError("dbt's documentation page has changed: its tracking script was not found")
    page = _DEAD_LINKS.sub("", page)
    for name, content in (("MANIFEST", manifest), ("CATALOG", _catalog(manifest, database))):
        placeholder = f'"{name}.JSON INLINE DATA"'
        if placeholder not in page:
            raise DlmError(
                f"dbt's documentation page has changed: no place for {name.lower()}.json"
            )
        # An end tag in a description or in SQL would end the script that holds the data.
        data = json.dumps(content, ensure_ascii=False, sort_keys=True).replace("</", "<\\/")
        page = page.replace(placeholder, data)
    out.mkdir(parents=True, exist_ok=True)
    path = out / "index.html"
    path.write_text(page, encoding="utf-8")
    return path


def _slim(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest without what varies from run to run, and with the project's own macros only."""
    own = manifest["metadata"]["project_name"]
    manifest["macros"] = {
        key: macro for key, macro in manifest["macros"].items() if macro["package_name"] == own
    }
    manifest["docs"] = {
        key: block for key, block in manifest["docs"].items() if block["package_name"] == own
    }
    slim: dict[str, Any] = _without_varying(manifest)
    return slim


def _without_varying(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_varying(part) for key, part in value.items() if key not in _VARYING}
    if isinstance(value, list):
        return [_without_varying(part) for part in value]
    return value


def _catalog(manifest: dict[str, Any], database: Path) -> dict[str, Any]:
    """What dbt's catalog.json holds: type and comment of every column of every table built."""
    connection = engine.connect(database, read_only=True)
    try:
        found = connection.execute(
            "select schema_name, table_name, column_index, column_name, data_type, comment "
            "from duckdb_columns() where database_name = current_database() order by all"
        ).fetchall()
    finally:
        connection.close()
    columns: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for schema, table, index, name, kind, comment in found:
        columns.setdefault((schema, table), {})[name] = {
            "name": name,
            "index": index,
            "type": kind,
            "comment": comment,
        }
    return {
        "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/catalog/v1.json"},
        "nodes": _entries(manifest["nodes"], "alias", columns),
        "sources": _entries(manifest["sources"], "identifier", columns),
        "errors": None,
    }


def _entries(
    nodes: dict[str, Any],
    table_field: str,
    columns: dict[tuple[str, str], dict[str, dict[str, Any]]],
) -> dict[str, Any]:
    entries = {}
    for unique_id, node in nodes.items():
        known = columns.get((node["schema"], node.get(table_field)))
        if node["resource_type"] in ("model", "seed", "snapshot", "source") and known:
            entries[unique_id] = {
                "unique_id": unique_id,
                "metadata": {
                    "type": "BASE TABLE",
                    "database": node["database"],
                    "schema": node["schema"],
                    "name": node[table_field],
                    "comment": node["description"] or None,
                    "owner": None,
                },
                "columns": known,
                "stats": {
                    "has_stats": {
                        "id": "has_stats",
                        "label": "Has Stats?",
                        "value": False,
                        "include": False,
                        "description": "Whether the catalog holds statistics",
                    }
                },
            }
    return entries
