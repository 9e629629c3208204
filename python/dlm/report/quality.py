"""The report's tables of data quality and methods: counts only, never a record or its text."""

from __future__ import annotations

import duckdb

from dlm.disclosure import Mark, is_small, show
from dlm.marts import has_table, rows
from dlm.report.tables import Line, Table, cells
from dlm.wording import Text, plain, wording

# Table, what it lists, and the columns that say where; one query for each that exists.
_FINDINGS = (
    (
        "quarantine",
        Text("Quarantined records", "隔離された記録"),
        "coalesce(column_name, '')",
        "reason_code",
        "count(*)",
    ),
    (
        "unreadable_values",
        Text("Unreadable values", "読めない値"),
        "column_name",
        "reason",
        "count(*)",
    ),
    (
        "unmapped_values",
        Text("Codes not in the code list", "コード表にない値"),
        "column_name",
        "list_name",
        "sum(n_records)",
    ),
    (
        "conflicting_duplicates",
        Text("Records with one key and different content", "同じキーで内容の異なる記録"),
        "''",
        "'conflicting_duplicate'",
        "count(distinct record_key)",
    ),
    (
        "orphan_records",
        Text("Records without their parent record", "親記録のない記録"),
        "''",
        "missing_parent",
        "count(*)",
    ),
)


def accounting(connection: duckdb.DuckDBPyConnection) -> Table:
    """Records in and where they went, from `quality.row_accounting`."""
    found = rows(
        connection,
        """
        select
            source,
            coalesce(form, '') as form,
            cast(sum(records_in) as bigint) as records_in,
            cast(sum(loaded) as bigint) as loaded,
            cast(sum(quarantined) as bigint) as quarantined,
            cast(sum(exact_duplicates) as bigint) as exact_duplicates,
        from quality.row_accounting
        group by source, coalesce(form, '')
        order by source, form
        """,
    )
    lines: list[Line] = []
    for source in dict.fromkeys(row["source"] for row in found):
        lines.append(Line(wording("source", source)))
        for row in found:
            if row["source"] == source:
                names = ("records_in", "loaded", "quarantined", "exact_duplicates")
                form = (
                    wording("form", row["form"])
                    if row["form"]
                    else Text("All forms in one file", "全様式（1ファイル）")
                )
                lines.append(Line(form, cells([show(row[name]) for name in names]), indent=1))
    return Table(
        "table-accounting",
        Text(
            "Records received: loaded, quarantined and exact duplicates",
            "受領した記録：取込・隔離・完全重複",
        ),
        (
            Text("Data centre and form", "データセンターと様式"),
            Text("Records in", "受領"),
            Text("Loaded", "取込"),
            Text("Quarantined", "隔離"),
            Text("Exact duplicates", "完全重複"),
        ),
        tuple(lines),
        note=Text(
            "Records in = loaded + quarantined + exact duplicates; nothing is dropped.",
            "受領＝取込＋隔離＋完全重複。捨てた記録はない。",
        ),
    )


def findings(connection: duckdb.DuckDBPyConnection) -> Table:
    """What stewards should look at, counted, from the tables of schema quality."""
    lines: list[Line] = []
    for table, title, column, reason, count in _FINDINGS:
        if not has_table(connection, "quality", table):
            continue
        found = rows(
            connection,
            f"select source, form, {column} as place, {reason} as reason,"
            f" cast({count} as bigint) as n from quality.{table} group by all order by all",
        )
        lines.append(Line(title, cells((" ", " ", " ", "0"))) if not found else Line(title))
        for row in found:
            lines.append(
                Line(
                    wording("source", row["source"]),
                    cells(
                        (
                            wording("form", row["form"]),
                            row["place"] or " ",
                            wording("finding", row["reason"]),
                            show(row["n"]),
                        )
                    ),
                    indent=1,
                )
            )
    lines += _endpoint_exclusions(connection)
    return Table(
        "table-findings",
        Text("Findings for the data stewards", "データ管理者が確認すべき事項"),
        (
            Text("Finding and data centre", "事項とデータセンター"),
            Text("Form", "様式"),
            Text("Column", "列"),
            Text("What", "内容"),
            Text("Records", "件数"),
        ),
        tuple(lines),
        texts=frozenset({1, 2, 3}),
        note=Text(
            "The records are listed in the quality pages and in schema quality of the warehouse.",
            "個々の記録は品質ページおよびウェアハウスのqualityスキーマにある。",
        ),
    )


def checks(connection: duckdb.DuckDBPyConnection) -> Table | None:
    """Expectations by table and level, from `quality.gx_results`; None when they were not run."""
    if not has_table(connection, "quality", "gx_results"):
        return None
    found = rows(
        connection,
        """
        select
            table_name,
            level,
            count(*) as n,
            count(*) filter (where status = 'pass') as n_pass,
            count(*) filter (where status = 'warn') as n_warn,
            count(*) filter (where status = 'fail') as n_fail,
            count(*) filter (where status = 'error') as n_error,
        from quality.gx_results
        group by table_name, level
        order by table_name, level
        """,
    )
    return Table(
        "table-checks",
        Text("Checks by Great Expectations", "Great Expectationsによる検査"),
        (
            Text("Table", "テーブル"),
            Text("Level", "水準"),
            Text("Checks", "検査数"),
            Text("Passed", "合格"),
            Text("Warned", "警告"),
            Text("Failed", "不合格"),
            Text("Could not run", "実行不能"),
        ),
        tuple(
            Line(
                plain(row["table_name"]),
                cells(
                    (
                        wording("level_of_check", row["level"]),
                        *(show(row[name]) for name in ("n", "n_pass", "n_warn", "n_fail")),
                        show(row["n_error"]),
                    )
                ),
            )
            for row in found
        ),
        texts=frozenset({1}),
    )


def settings_table(connection: duckdb.DuckDBPyConnection) -> Table:
    """What the derivation rules were set to, from `marts.build_settings`."""
    found = rows(connection, "select setting, value from marts.build_settings")
    none = Text("none", "なし")
    values = {
        "synthetic": Text("synthetic", "合成データ"),
        "collected": Text("collected", "収集データ"),
    }
    return Table(
        "table-settings",
        Text("Settings of this build", "本ビルドの設定"),
        (Text("Setting", "設定"), Text("Value", "値")),
        tuple(
            Line(
                wording("setting", row["setting"]),
                (
                    none
                    if row["value"] is None
                    else values.get(str(row["value"]), plain(str(row["value"]))),
                ),
            )
            for row in found
        ),
    )


def _endpoint_exclusions(connection: duckdb.DuckDBPyConnection) -> list[Line]:
    if not has_table(connection, "quality", "endpoint_exclusions"):
        return []
    found = rows(
        connection,
        "select paramcd, reason, count(distinct patient_id) as n"
        " from quality.endpoint_exclusions group by paramcd, reason order by paramcd, reason",
    )
    title = Text("Patients without an endpoint time", "評価項目の時間がない患者")
    if not found:
        return [Line(title, cells((" ", " ", " ", "0")))]
    return [
        Line(title),
        *(
            Line(
                wording("endpoint", row["paramcd"]),
                cells(
                    (
                        " ",
                        " ",
                        wording("finding", row["reason"]),
                        show(row["n"], Mark.SMALL if is_small(row["n"]) else Mark.SHOWN),
                    )
                ),
                indent=1,
            )
            for row in found
        ),
    ]
