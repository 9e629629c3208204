"""Adjudicate discordant reads and references: a record beside them, never over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlm import engine, store
from dlm.errors import UsageError
from dlm.workflow import log
from dlm.workflow.account import Account
from dlm.workflow.standing import Known, standing
from dlm.workflow.waivers import checked_reason

VERDICTS = {
    "read": ("visible", "not_visible", "not_evaluable"),
    "reference": ("viable", "nonviable", "indeterminate"),
}
NOT_EVALUABLE_REASONS = ("motion", "artefact", "steatosis", "no_contrast", "other")
_SUBJECT = ("kind", "lesion_id", "modality", "timepoint", "exam_date")


@dataclass(frozen=True)
class Decision:
    """What was decided.

    Attributes:
        verdict: one of VERDICTS of its kind.
        verdict_reason: of NOT_EVALUABLE_REASONS, for a read that is not evaluable; else None.
        reason: why it was decided so.
    """

    verdict: str
    verdict_reason: str | None
    reason: str


def awaited(warehouse: Path) -> list[dict[str, Any]]:
    """What waits for adjudication in the last build or check.

    Raises:
        DlmError: the warehouse cannot be read, or is an earlier version's.
    """
    with engine.reading(warehouse) as connection:
        answer = connection.execute(
            "select kind, site_id, patient_id, lesion_id, modality, timepoint, "
            "exam_date::varchar as exam_date, evidence from quality.adjudications_awaited "
            "order by all"
        )
        columns = [each[0] for each in answer.description or []]
        return [dict(zip(columns, row, strict=True)) for row in answer.fetchall()]


def adjudicate(
    state: Path,
    scope: str,
    waiting: Sequence[dict[str, Any]],
    subject: dict[str, str | None],
    decision: Decision,
    account: Account | None = None,
) -> log.Entry:
    """Log a decision on something that waits for one.

    Args:
        state: the store.
        scope: of the log: 'store' or 'seeds'.
        waiting: what awaited() returned.
        subject: kind and lesion_id, and modality and timepoint of a read.
        decision: what was decided.
        account: who decided; None for the account of this process.

    Raises:
        UsageError: nothing of the kind waits, or it was decided already on the same evidence.
    """
    why = checked_reason(decision.reason)
    is_reasoned = decision.verdict_reason is not None
    if is_reasoned != (decision.verdict == "not_evaluable"):
        raise UsageError(
            "a read that is not_evaluable needs --because, and no other verdict has one; choose "
            f"of {', '.join(NOT_EVALUABLE_REASONS)}"
        )
    found = [
        each for each in waiting if all(each[name] == value for name, value in subject.items())
    ]
    named = " ".join(value for value in subject.values() if value)
    if len(found) != 1:
        raise UsageError(f"no discordant {named} waits for adjudication; see: dlm adjudicate list")
    with store.locked(state):
        entries = log.read_log(state)
        for entry in standing(Known(scope).of(entries)).adjudications.values():
            if all(entry["details"][name] == found[0][name] for name in (*_SUBJECT, "evidence")):
                raise UsageError(
                    f"{named} was adjudicated by {entry['account']['name']} "
                    f"({entry['details']['adjudication_id']}); withdraw that first"
                )
        details = {name: found[0][name] for name in (*_SUBJECT, "patient_id", "evidence")}
        details |= {
            "adjudication_id": f"A-{len(entries) + 1}",
            "verdict": decision.verdict,
            "verdict_reason": decision.verdict_reason,
        }
        return log.append(state, [log.Event("adjudicate", scope, why, details)], account)[0]


def withdraw(
    state: Path, scope: str, adjudication_id: str, reason: str, account: Account | None = None
) -> None:
    """Take an adjudication back; it stays in the log.

    Raises:
        UsageError: there is none of this id.
    """
    why = checked_reason(reason)
    with store.locked(state):
        if adjudication_id not in standing(Known(scope).of(log.read_log(state))).adjudications:
            raise UsageError(f"there is no adjudication {adjudication_id}; see: dlm log show")
        details = {"adjudication_id": adjudication_id}
        log.append(state, [log.Event("withdraw", scope, why, details)], account)
