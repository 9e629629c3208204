"""The commands that README.md and docs/ print: each can be called so, and those that only ask run.

Commands run in the order in which a page prints them, in a folder that holds what a fresh clone
holds after ``dlm build``. What builds for minutes is not run again here; other tests do.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import builds
import pytest

from dlm.cli import _EXIT_CODES, _parser, main

PAGES = ["README.md", *sorted(f"docs/{page.name}" for page in builds.PROJECT.glob("docs/*.md"))]
NOT_RUN = re.compile(
    r"(build|bench|synth|check$|load|lock (create|verify|rebuild|unlock|approve)"
    # From another account; on specimens that contradict each other, of which the seeds have none.
    r"|queries approve|adjudicate reference"
    r"|diff ID)"
)
"""Commands that build, or that the seeds give no occasion for."""


def commands(page: str) -> Iterator[str]:
    """The commands of dlm in the code blocks of a page, each in one line."""
    text = (builds.PROJECT / page).read_text(encoding="utf-8")
    for block in re.findall(r"^```\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        command = ""
        for line in block.replace("\\\n", " ").splitlines():
            command += line
            if command.count('"') % 2:
                command += " "
                continue
            if re.match(r"(\w+=\S+ )*dlm ", command):
                yield command
            command = ""


def words_of(command: str) -> tuple[dict[str, str], list[str], dict[str, str]]:
    """Environment, words of dlm, and redirections of a command."""
    words = shlex.split(command, comments=True)
    start = words.index("dlm")
    environment = dict(word.split("=", 1) for word in words[:start])
    asked = words[start + 1 :]
    redirected = {}
    while len(asked) > 2 and asked[-2] in ("<", ">"):
        redirected[asked[-2]] = asked[-1]
        asked = asked[:-2]
    return environment, asked, redirected


@pytest.fixture
def clone(
    published: dict[str, Any], delivered: dict[str, Any], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:  # fmt: skip
    """A clone after ``dlm build``, with an earlier build beside it and a delivery in its store."""
    for name in ("dbt_project.yml", "analyses", "seeds", "macros", "models"):
        source = builds.PROJECT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    for folder in ("build", "build/earlier", "demo-build", "demo-earlier"):
        (tmp_path / folder).mkdir()
        for name in ("warehouse.duckdb", "manifest.json"):
            shutil.copy(Path(published["out"]) / name, tmp_path / folder)
    shutil.copytree(delivered["DLM_STATE"], tmp_path / "state")
    for name in ("DLM_PROJECT", "DLM_OUT", "DLM_STATE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
def test_documented_commands_can_be_called(page: str) -> None:
    for command in commands(page):
        _, asked, _ = words_of(command)
        try:
            _parser().parse_args(asked)
        except SystemExit:
            pytest.fail(command)


@pytest.mark.parametrize("page", [page for page in PAGES if any(commands(page))])
def test_documented_commands_run(page: str, clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    adjudication = "A-12"
    for command in commands(page):
        environment, asked, redirected = words_of(command)
        if NOT_RUN.match(" ".join(asked)):
            continue
        asked = [adjudication if word == "A-12" else word for word in asked]
        said, complained = io.StringIO(), io.StringIO()
        with (
            monkeypatch.context() as patch,
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(complained),
        ):
            for name, value in environment.items():
                patch.setenv(name, value)
            if "<" in redirected:
                patch.setattr("sys.stdin", (clone / redirected["<"]).open(encoding="utf-8"))
            code = main(asked)
        assert code == 0, f"{command}\n{complained.getvalue()}"
        found = re.match(r"(A-\d+):", said.getvalue())
        adjudication = found[1] if found else adjudication


def test_there_are_commands_to_try() -> None:
    tried = [command for page in PAGES for command in commands(page)]
    assert len(tried) > 50
    assert sum(not NOT_RUN.match(" ".join(words_of(command)[1])) for command in tried) > 25


def test_settings_and_exit_codes_are_those_of_the_code() -> None:
    page = (builds.PROJECT / "docs" / "settings.md").read_text(encoding="utf-8")
    named = re.compile(r"\bDLM_[A-Z_]*[A-Z]\b")
    code = [*builds.PROJECT.glob("python/dlm/**/*.py"), builds.PROJECT / "profiles/profiles.yml"]
    code.append(builds.PROJECT / "dbt_project.yml")
    read = {name for path in code for name in named.findall(path.read_text(encoding="utf-8"))}
    assert set(named.findall(page)) == read
    codes = re.findall(r"^  (\d+)  ", _EXIT_CODES, re.MULTILINE)
    assert re.findall(r"^\| (\d+) \|", page, re.MULTILINE) == codes
