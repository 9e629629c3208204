"""Where things are: the project, its outputs and its state."""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from dlm.errors import UsageError


@dataclass(frozen=True)
class Places:
    """The folders of one run.

    Attributes:
        project: folder that holds dbt_project.yml.
        out: outputs that a build makes and may remake.
        state: what outlives builds (deliveries received).
    """

    project: Path
    out: Path
    state: Path

    @property
    def warehouse(self) -> Path:
        """The published warehouse."""
        return self.out / "warehouse.duckdb"

    @property
    def work(self) -> Path:
        """The file dbt works in; never read by users."""
        return self.out / "work.duckdb"

    def asking(self, command: str) -> str:
        """A command as it must be called to ask these outputs, wherever --out put them."""
        if self.out == _usual_out(self.project):
            return command
        return f"DLM_OUT={shlex.quote(str(self.out))} {command}"


def import_path() -> str:
    """PYTHONPATH for a process of its own that imports this very package, and what else ours does.

    A version of a library that is tried from a folder is so tried in every process.
    """
    others = os.environ.get("PYTHONPATH")
    return os.pathsep.join([str(Path(__file__).parents[1]), *([others] if others else [])])


def find_places(out: str | None = None) -> Places:
    """Find the project from the current folder upward, or in DLM_PROJECT.

    Raises:
        UsageError: no dbt_project.yml is found.
    """
    named = os.environ.get("DLM_PROJECT")
    start = Path(named).resolve() if named else Path.cwd()
    for folder in [start] if named else [start, *start.parents]:
        if (folder / "dbt_project.yml").is_file():
            break
    else:
        raise UsageError(
            f"no dbt_project.yml in {start}{'' if named else ' or above it'}; "
            "go to the project's folder or set DLM_PROJECT to it"
        )
    return Places(
        project=folder,
        out=Path(out).resolve() if out else _usual_out(folder),
        state=Path(os.environ.get("DLM_STATE") or folder / "state").resolve(),
    )


def _usual_out(project: Path) -> Path:
    """The outputs that commands ask which have no --out."""
    return Path(os.environ.get("DLM_OUT") or project / "build").resolve()


def code_revision(project: Path) -> str:
    """The git revision the project is at, marked where files differ from it; else 'unversioned'."""
    try:
        revision = _git(project, "rev-parse", "--short=12", "HEAD")
        changed = _git(project, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return "unversioned"
    return f"{revision}+changed" if changed else revision


def _git(project: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(project), *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
