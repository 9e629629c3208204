"""Errors that a user can act on, with the exit code each ends the command with."""

from __future__ import annotations

from dataclasses import dataclass


class DlmError(Exception):
    """Something the user can mend; its text says what is wrong, where and what to do."""

    exit_code = 4


class UsageError(DlmError):
    """The command was called in a way that cannot work."""

    exit_code = 2


class BlockedError(DlmError):
    """A blocking check failed; nothing was published."""

    exit_code = 1


@dataclass(frozen=True)
class Problem:
    """What is wrong with a file, and where.

    Attributes:
        file: path inside the delivery.
        line: physical line of the file, counted from 1; None for the file as a whole.
        column: header of the column; None where no single column is at fault.
        code: short stable name of the kind of problem.
        text: what is wrong and what to do. Never holds a value of the file.
    """

    file: str
    line: int | None
    column: str | None
    code: str
    text: str

    def __str__(self) -> str:
        where = self.file
        if self.line is not None:
            where += f", line {self.line}"
        if self.column is not None:
            where += f", column {self.column}"
        return f"{where}: {self.text} [{self.code}]"


class DeliveryRefused(DlmError):
    """Files of a delivery that cannot be loaded; lists every problem found.

    Args:
        problems: what is wrong.
        summary: what became of each file, as a table to print before the problems.
        what: was refused.
        advice: how to go on, told last.
    """

    exit_code = 3
    _SHOWN = 50

    def __init__(
        self,
        problems: list[Problem],
        summary: str = "",
        what: str = "delivery",
        advice: str = "",
    ):
        self.problems = problems
        listed = [f"  {problem}" for problem in problems[: self._SHOWN]]
        if len(problems) > self._SHOWN:
            listed.append(f"  and {len(problems) - self._SHOWN} more")
        super().__init__(
            f"{len(problems)} problem(s) refuse this {what}:\n"
            + "\n".join([*filter(None, [summary]), *listed, *filter(None, [advice])])
        )
