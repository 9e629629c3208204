"""Great Expectations' Data Docs, made to work without a network and equal from run to run.

Great Expectations' own renderers make the pages. What they would load from content delivery
networks is replaced by the files in ``dlm/assets``; clock times and random element ids, which would
make two builds of one input differ, are left out. Only the worker imports this module, since it
needs the slow library.
"""

from __future__ import annotations

import html
import itertools
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from great_expectations.render.renderer import (
    ExpectationSuitePageRenderer,
    SiteIndexPageRenderer,
    ValidationResultsPageRenderer,
)
from great_expectations.render.renderer.content_block import (
    ValidationResultsTableContentBlockRenderer,
)
from great_expectations.render.view import DefaultJinjaPageView
from jinja2 import ChoiceLoader, DictLoader
from markupsafe import Markup

ASSETS = Path(__file__).resolve().parents[1] / "assets"
STATIC = "static"
_STYLES = (
    "bootstrap.min.css",
    "bootstrap-table.min.css",
    "bootstrap-table-filter-control.min.css",
    "data_docs.css",
)
_SCRIPTS = (
    "jquery.min.js",
    "bootstrap.bundle.min.js",
    "bootstrap-table.min.js",
    "bootstrap-table-filter-control.min.js",
    "data_docs.js",
)
_LICENCES = (
    "NOTICE.md",
    "LICENSE-jquery.txt",
    "LICENSE-bootstrap.txt",
    "LICENSE-bootstrap-table.txt",
)
_NO_CLOCK_COLUMNS = ("run_time", "run_name", "batch_identifier")

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ page_title or "Data Docs" }}</title>
{% for name in styles %}<link rel="stylesheet" href="{{ root }}static/{{ name }}">
{% endfor -%}
{% for name in scripts %}<script src="{{ root }}static/{{ name }}"></script>
{% endfor -%}
</head>
<body>
<input class="language" type="radio" name="language" id="language-en" checked>
<label lang="en" for="language-en">English</label>
<input class="language" type="radio" name="language" id="language-ja">
<label lang="ja" for="language-ja">日本語</label>
<div class="page">
<header class="dlm-bar">
<h1>Data Docs{% if page_title %}: {{ page_title | e }}{% endif %}</h1>
<nav aria-label="Pages / ページ">
<a href="{{ root }}index.html">{{ two("All tables", "すべての表") }}</a> ·
<a href="{{ root }}../index.html">{{ two("Quality page", "データ品質のページ") }}</a></nav>
{% if synthetic %}
<span class="dlm-synthetic">{{ two("Synthetic data", "合成データ") }}</span>
{% endif %}
{% if excluded %}
<strong>{{ two(excluded ~ " records were left out for open S1 queries.",
"重大度S1の未解決クエリにより記録" ~ excluded ~ "件を除外して公開した。") }}</strong>
{% endif %}
</header>
<main class="container-fluid pt-4 pb-4 pl-5 pr-5">
<div class="row">
{% include 'sidebar.j2' %}
<div class="col-md-10 col-lg-10 col-xs-12 pl-md-4 pr-md-3">
{% for section in sections %}
{% set section_loop = loop -%}
{% include 'section.j2' %}
{% endfor %}
</div>
</div>
</main>
</div>
</body>
</html>
"""

# In place of Great Expectations' own, which fades rows out that come back when a table is sorted.
_FILTER = """
<div class="card mb-3">
<fieldset class="card-body p-3">
<legend class="h6">{{ two("Show", "表示") }}</legend>
<label class="d-block"><input type="radio" name="shown" id="show-all" checked>
{{ two("all expectations", "すべての検査") }}</label>
<label class="d-block mb-0"><input type="radio" name="shown" id="failed-only">
{{ two("failed only", "不合格のみ") }}</label>
<p class="mb-0 mt-2 small" id="shown-count" role="status"></p>
</fieldset>
</div>
"""

_INFORMATION = """
<p class="mb-4">
{% if renderer_type == "ValidationResultsPageRenderer" %}
{{ two("What was checked on this table in this build, and what came of it.",
       "この処理でこの表に対して行った検査とその結果。") }}
{% elif renderer_type == "ExpectationSuitePageRenderer" %}
{{ two("What is expected of this table.", "この表に求められること。") }}
{% else %}
{{ two("Made with Great Expectations.", "Great Expectationsによる。") }}
{% endif %}
</p>
"""

# What Great Expectations says in its pages, apart from the sentences of the expectations:
# these stand in English beside the catalogue's words in both languages.
_WORDS = {
    "Table of Contents": "目次",
    "Overview": "概要",
    "Statistics": "集計",
    "Expectation Suite:": "検査一式：",
    "Status:": "判定：",
    "Evaluated Expectations": "実行した検査",
    "Successful Expectations": "合格",
    "Unsuccessful Expectations": "不合格",
    "Success Percent": "合格率",
    "Table-Level Expectations": "表全体の検査",
    "Status": "判定",
    "Expectation": "検査",
    "Observed Value": "観測値",
    "Level": "区分",
    "Reason": "理由",
    "blocking": "公開停止",
    "warning": "警告",
    "Show more info...": "詳細を表示",
    "Validation Results": "検査結果",
    "Expectation Suites": "検査一式",
    "Clear Filters": "絞り込みを解除",
    "Expectation Suite Name": "検査一式の名前",
    "Great Expectations Version": "Great Expectationsの版",
}
_PHRASE = re.compile(
    r">(\s*)(" + "|".join(re.escape(word) for word in sorted(_WORDS, reverse=True)) + r")(\s*)<"
)
_SIGNS = {
    "fa-check-circle": ("passed", "合格"),
    "fa-times": ("failed", "不合格"),
    "fa-exclamation-triangle": ("error", "実行エラー"),
}
_SIGN = re.compile(r'<i class="fas (' + "|".join(_SIGNS) + r")[^>]*></i>( Failed| Succeeded)?")


# A note hangs on a sign without words, and the notes of one list have one id, so that every sign
# opens the first: the notes are shown instead, without a heading each.
_NOTE_SIGN = re.compile(
    r'<a data-toggle="collapse" href="#([^"]*)"[^>]*>\s*<span >\s*'
    r'<i class="fas fa-comment[^>]*></i>\s*</span>\s*</a>'
)
_NOTE_HEADING = re.compile(r"<h6 id=[^>]*>\s*Notes:\s*</h6>")


def _two(en: str, ja: str) -> Markup:
    """A text in both languages, of which the chosen one shows."""
    return Markup(
        '<span class="in-en" lang="en">{}</span><span class="in-ja" lang="ja">{}</span>'
    ).format(en, ja)


def _in_both_languages(page: str) -> str:
    """Great Expectations' page with its fixed words in both languages and its signs in words.

    Its headings begin at the fourth level; here they follow the page's own.
    """
    page = _PHRASE.sub(
        lambda found: f">{found[1]}{_two(found[2], _WORDS[found[2]])}{found[3]}<", page
    )
    page = _SIGN.sub(_sign_in_words, page)
    for ident in {found[1] for found in _NOTE_SIGN.finditer(page)}:
        page = page.replace(f'id={ident} class="card card-body p-1 collapse m-2"', 'class="m-2"')
    page = _NOTE_HEADING.sub("", _NOTE_SIGN.sub("", page))
    page = page.replace('<li class="nav-item">', '<li class="nav-item" role="presentation">')
    page = page.replace(" Data asset:", f" {_two('Table:', '対象の表：')}")
    for old, new in (("h5", "h2"), ("h6", "h3")):
        page = re.sub(rf"<{old} class=\"", f'<{new} class="{old} ', page)
        page = page.replace(f"</{old}>", f"</{new}>")
    return page


_COLUMNS = {
    "validation_success": "Status / 判定",
    "asset_name": "Table / 表",
    "expectation_suite_name": "Expectations / 検査一式",
}


def _sign_in_words(found: re.Match[str]) -> str:
    """A sign with its meaning, which shows where Great Expectations says it beside the sign."""
    meaning = _two(*_SIGNS[found[1]])
    if found[2]:
        return f"{found[0].removesuffix(found[2])} {meaning}"
    return f'{found[0]}<span class="sr-only">{meaning}</span>'


class _OfflineView(DefaultJinjaPageView):  # type: ignore[misc]
    """Great Expectations' page view with our page around it and counted element ids."""

    def __init__(self) -> None:
        super().__init__()
        ours = {"page.j2": _PAGE, "page_action_card.j2": _FILTER, "ge_info.j2": _INFORMATION}
        self.env.loader = ChoiceLoader([DictLoader(ours), self.env.loader])
        self.env.globals["two"] = _two
        counter = itertools.count(1)
        self.env.filters["generate_html_element_uuid"] = lambda prefix="": (
            f"{prefix}{next(counter)}"
        )


class ResultsTable(ValidationResultsTableContentBlockRenderer):  # type: ignore[misc]
    """The table of one column's results, with level and reason.

    Great Expectations finds the class by the name that _ResultsRenderer gives.
    """

    # A search box over each column's two or three rows would be in the way.
    _rendered_component_default_init_kwargs: ClassVar[dict[str, Any]] = {}

    @classmethod
    def _process_content_block(
        cls, content_block: Any, has_failed_evr: bool, render_object: Any = None
    ) -> None:
        super()._process_content_block(content_block, has_failed_evr, render_object)
        content_block.header_row += ["Level", "Reason"]

    @classmethod
    def _get_content_block_fn(
        cls, expectation_type: str, expectation_config: Any = None
    ) -> Callable[..., list[list[Any]]]:
        make_row = super()._get_content_block_fn(expectation_type, expectation_config)

        def row_with_reason(result: Any = None, **given: Any) -> list[list[Any]]:
            (row,) = make_row(result=result, **given)
            meta = result.expectation_config.meta
            reason = _two(meta["reason"], meta.get("reason_ja") or meta["reason"])
            return [[*row, meta["level"], f"{_rule_link(meta)}{reason}"]]

        return row_with_reason


def _rule_link(meta: Mapping[str, Any]) -> Markup:
    """Where the stewards' page shows the rule that an expectation was made from."""
    rule_id = meta.get("rule_id")
    if rule_id is None:
        return Markup("")
    return Markup('<a href="../../index.html#rule={0}">{0}</a> ').format(rule_id)


class _ResultsRenderer(ValidationResultsPageRenderer):  # type: ignore[misc]
    """A validation page that shows level and reason, and no clock time."""

    def __init__(self) -> None:
        super().__init__(
            {
                "class_name": "ValidationResultsColumnSectionRenderer",
                "table_renderer": {"module_name": __name__, "class_name": "ResultsTable"},
            }
        )

    @classmethod
    def _render_validation_header(cls, validation_results: Any) -> Any:
        table = validation_results.suite_name
        validation_results.meta["batch_spec"] = {"data_asset_name": table}
        block = super()._render_validation_header(validation_results)
        named = block.subheader.string_template["styling"]["params"]["expectation_suite_name"]
        named["attributes"]["href"] = f"../expectations/{table}.html"
        return block

    def _determine_page_title(
        self, run_name: str, run_time: str, data_asset_name: str, expectation_suite_name: str
    ) -> str:
        return str(expectation_suite_name)

    def _generate_collapse_content_block(self, blocks: list[Any], results: Any) -> Any:
        # Facts of the run and the batch: load time, object ids, and names that never vary.
        for name in ("batch_markers", "batch_spec", "batch_parameters", "batch_request"):
            results.meta.pop(name, None)
        blocks[0].table = blocks[0].table[:1]  # the version; run name and run time follow it
        return super()._generate_collapse_content_block(blocks, results)


class _IndexRenderer(SiteIndexPageRenderer):  # type: ignore[misc]
    """The list of pages, without the columns of a run's clock time and object ids."""

    @classmethod
    def _generate_validation_results_link_table(cls, index_links_dict: dict[str, Any]) -> Any:
        table = super()._generate_validation_results_link_table(index_links_dict)
        table.table_columns = [
            column for column in table.table_columns if column["field"] not in _NO_CLOCK_COLUMNS
        ]
        table.table_data = [
            {
                name: value
                for name, value in row.items()
                if name.strip("_").removesuffix("_sort") not in _NO_CLOCK_COLUMNS
            }
            for row in table.table_data
        ]
        for column in table.table_columns:
            column["title"] = _COLUMNS.get(column["field"], column["title"])
            if column["field"] == "asset_name":
                column |= {
                    "sortName": "_expectation_suite_name_sort",
                    "filterDataCollector": "expectationSuiteNameFilterDataCollector",
                }
        # A row leads to its page on a click only: a link does by keyboard too.
        for row in table.table_data:
            row["asset_name"] = cls._render_expectation_suite_cell(
                row["asset_name"], row["_table_row_link_path"]
            )
        table.table_options |= {
            "sortName": "asset_name",
            "sortOrder": "asc",
            "pageSize": 100,
            "showSearchButton": "false",
            "showSearchClearButton": "false",
        }
        return table


def write_data_docs(
    validated: Sequence[tuple[Any, Any]], out: Path, synthetic: bool = False, excluded: int = 0
) -> Path:
    """Write the site: an index, a page of results per table, and a page per suite.

    Args:
        validated: suites of Great Expectations, each with its validation result.
        out: folder of the site; created.
        synthetic: say on every page that the data are synthetic.
        excluded: records left out of the build for open S1 queries, said on every page.

    Returns:
        The index page.
    """
    for folder in ("validations", "expectations", STATIC):
        (out / folder).mkdir(parents=True, exist_ok=True)
    for name in (*_STYLES, *_SCRIPTS, *_LICENCES):
        source = ASSETS / name if (ASSETS / name).exists() else ASSETS / "vendor" / name
        shutil.copyfile(source, out / STATIC / name)

    view = _OfflineView()

    def write(document: Any, path: Path, root: str) -> None:
        page = view.render(
            document,
            root=root,
            styles=_STYLES,
            scripts=_SCRIPTS,
            synthetic=synthetic,
            excluded=excluded,
            show_how_to_buttons=False,
        )
        lines = (line.rstrip() for line in _in_both_languages(page).splitlines())
        path.write_text("\n".join(line for line in lines if line) + "\n", encoding="utf-8")

    results_renderer = _ResultsRenderer()
    suite_renderer = ExpectationSuitePageRenderer()
    for suite, outcome in validated:
        for evr in outcome.results:
            # Great Expectations puts values from the files into its pages as they are.
            evr.result = _escaped(evr.result)
            evr.exception_info = _escaped(evr.exception_info)
        file = f"{suite.name}.html"
        document = results_renderer.render(outcome)
        write(document, out / "validations" / file, "../")
        write(suite_renderer.render(suite), out / "expectations" / file, "../")
    links = {
        "site_name": "staging and core",
        "validations_links": [
            {
                "expectation_suite_name": suite.name,
                "asset_name": suite.name,
                "filepath": f"validations/{suite.name}.html",
                "expectation_suite_filepath": f"expectations/{suite.name}.html",
                "run_id": suite.name,
                "validation_success": outcome.success,
            }
            for suite, outcome in validated
        ],
        "expectations_links": [
            {
                "expectation_suite_name": suite.name,
                "filepath": f"expectations/{suite.name}.html",
            }
            for suite, _ in validated
        ],
    }
    index = out / "index.html"
    write(_IndexRenderer.render(links), index, "")
    return index


def _escaped(value: Any) -> Any:
    """The value with every text in it safe to stand in HTML."""
    if isinstance(value, str):
        return html.escape(value)
    if isinstance(value, dict):
        return {name: _escaped(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_escaped(part) for part in value)
    return value
