"""Waive a query, approve a waiver from another account, take one back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from dlm import store
from dlm.errors import UsageError
from dlm.workflow import log
from dlm.workflow.account import Account, current_account
from dlm.workflow.findings import by_id
from dlm.workflow.standing import Known, Waiver, standing

_REASON_LENGTH = 1000


def checked_reason(text: str, is_optional: bool = False) -> str:
    """A reason as it is logged, for good: one line of text that names no person.

    Args:
        text: as it was given.
        is_optional: whether it may be empty.

    Raises:
        UsageError: it is empty, too long, or seems to name a person.
    """
    reason = " ".join(text.split())
    if not reason and not is_optional:
        raise UsageError("say why: --reason TEXT may not be empty")
    if len(reason) > _REASON_LENGTH:
        raise UsageError(f"--reason is longer than {_REASON_LENGTH} characters")
    # Imported here: it brings in Arrow, and a list of queries has no reason to check.
    from dlm.reading.privacy import private_text

    named = private_text(reason)
    if named:
        raise UsageError(
            f"--reason seems to hold what names a person ({named}), and the log keeps it for good; "
            "write it without"
        )
    return reason


def waive(
    state: Path,
    scope: str,
    queries: Sequence[dict[str, Any]],
    query_ids: Sequence[str],
    reason: str,
    expires: date,
    today: date,
    account: Account | None = None,
) -> list[log.Entry]:
    """Propose waivers; none is in force before another account approves it.

    Args:
        state: the store.
        scope: of the log: 'store' or 'seeds'.
        queries: of the last build or check.
        query_ids: which of them.
        reason: why nothing is to be done.
        expires: last day of the waiver.
        today: day of the command.
        account: who proposes; None for the account of this process.

    Raises:
        UsageError: a query cannot be waived; nothing was logged.
    """
    why = checked_reason(reason)
    if expires < today:
        raise UsageError(f"--expires {expires} has passed; name a day from {today} on")
    with store.locked(state):
        pending = _pending(state, scope)
        events = []
        for query in _chosen(queries, query_ids):
            if query["state"] == "resolved":
                raise UsageError(f"{query['query_id']} is resolved; there is nothing to waive")
            for waiver in pending:
                if _is_about(waiver, query) and waiver.expires >= today.isoformat():
                    raise UsageError(
                        f"a waiver of {query['query_id']} until {waiver.expires} was proposed by "
                        f"{waiver.proposed['account']['name']} and waits for approval; approve or "
                        "revoke it first"
                    )
            details = {
                name: query[name]
                for name in ("query_id", "rule_id", "site_id", "record_key", "evidence_hash")
            }
            events.append(
                log.Event("waive", scope, why, details | {"expires": expires.isoformat()})
            )
        return log.append(state, events, account)


def approve(
    state: Path,
    scope: str,
    queries: Sequence[dict[str, Any]],
    query_ids: Sequence[str],
    reason: str,
    today: date,
    account: Account | None = None,
) -> list[log.Entry]:
    """Approve the proposed waivers of queries.

    Raises:
        UsageError: a query has none, it was proposed by the same account, has expired, or its
            evidence changed, or the reason, which may be empty, names a person; nothing was logged.
    """
    why = checked_reason(reason, is_optional=True)
    who = account or current_account()
    with store.locked(state):
        pending = _pending(state, scope)
        events = []
        for query in _chosen(queries, query_ids):
            name = query["query_id"]
            of_query = [waiver for waiver in pending if waiver.query_id == name]
            if not of_query:
                raise UsageError(
                    f"no waiver of {name} waits for approval; propose one with: dlm queries waive"
                )
            # Evidence may have changed and changed back since the first was proposed.
            waiver = next(
                (waiver for waiver in reversed(of_query) if _is_about(waiver, query)), of_query[-1]
            )
            if who.is_same(waiver.proposed["account"]):
                author = waiver.proposed["account"]["name"]
                raise UsageError(
                    f"the waiver of {name} was proposed by {author}, and the account that proposed "
                    "it cannot approve it; ask a colleague to run: "
                    f"dlm queries approve {name}"
                )
            if waiver.evidence_hash != query["evidence_hash"]:
                raise UsageError(
                    f"the waiver of {name} has lapsed: what was found is another now "
                    f"({query['evidence']}); propose a new one"
                )
            if waiver.expires < today.isoformat():
                raise UsageError(
                    f"the waiver of {name} expired on {waiver.expires}; propose a new one"
                )
            details = {"query_id": name, "waiver": waiver.number}
            events.append(log.Event("approve", scope, why, details))
        return log.append(state, events, account)


def revoke(
    state: Path,
    scope: str,
    query_ids: Sequence[str],
    reason: str,
    account: Account | None = None,
) -> list[log.Entry]:
    """Take back every waiver of queries, approved or not; any account may.

    Raises:
        UsageError: a query has no waiver, or several with one begin so; nothing was logged.
    """
    why = checked_reason(reason)
    with store.locked(state):
        waivers = read_waivers(state, scope)
        waived = list({waiver.query_id: waiver.proposed["details"] for waiver in waivers}.values())
        chosen = [query["query_id"] for query in _chosen(waived, query_ids, "waiver of")]
        events = [
            log.Event("revoke", scope, why, {"query_id": name, "waiver": waiver.number})
            for name in chosen
            for waiver in waivers
            if waiver.query_id == name
        ]
        return log.append(state, events, account)


def told(
    waivers: Sequence[Waiver],
    query: dict[str, Any],
    today: date,
    is_known: Callable[[log.Entry], bool] = lambda _: False,
) -> str:
    """What the log says of a query's waiver today, in a few words; empty where it says nothing.

    Args:
        waivers: those that were not revoked.
        query: of the last build or check.
        today: day by which a waiver has expired.
        is_known: whether that build knew an entry of the log. Where it knew a waiver's approval and
            the query is open all the same, the waiver has lapsed.
    """
    of_query = [waiver for waiver in waivers if waiver.query_id == query["query_id"]]
    if not of_query:
        return ""
    about = [waiver for waiver in of_query if _is_about(waiver, query)]
    is_open = query["state"] not in ("waived", "resolved")
    in_time = [waiver for waiver in about if waiver.expires >= today.isoformat()]
    if about and not in_time:
        return f"expired {about[-1].expires}"
    counting = [
        waiver
        for waiver in in_time
        if not (is_open and waiver.approved and is_known(waiver.approved))
    ]
    if not counting:
        return "lapsed: evidence changed"
    for waiver in reversed(counting):
        if waiver.approved:
            return f"until {waiver.expires}, approved by {waiver.approved['account']['name']}"
    last = counting[-1]
    return f"until {last.expires}, proposed by {last.proposed['account']['name']}, not approved"


def is_waived_still(waivers: Sequence[Waiver], query: dict[str, Any], today: date) -> bool:
    """Whether the waiver a query was published with stands: approved, in time and not revoked.

    Args:
        waivers: those that were not revoked.
        query: as it was published, waived.
        today: day by which a waiver has expired.
    """
    expires = str(query["waiver_expires"])
    return expires >= today.isoformat() and any(
        _is_about(waiver, query) and waiver.approved and waiver.expires == expires
        for waiver in waivers
    )


def read_waivers(state: Path, scope: str) -> list[Waiver]:
    """The waivers that were not revoked, oldest first."""
    now = standing(Known(scope).of(log.read_log(state)))
    return [waiver for waiver in now.waivers.values() if not waiver.is_revoked]


def _pending(state: Path, scope: str) -> list[Waiver]:
    return [waiver for waiver in read_waivers(state, scope) if waiver.approved is None]


def _is_about(waiver: Waiver, query: dict[str, Any]) -> bool:
    """Whether a waiver is about what is found now."""
    about = (waiver.query_id, waiver.evidence_hash)
    return about == (query["query_id"], query["evidence_hash"])


def _chosen(
    queries: Sequence[dict[str, Any]], query_ids: Sequence[str], what: str = "query"
) -> list[dict[str, Any]]:
    """Queries by their ids or the beginnings of these, each once; `what` as `by_id` takes it."""
    chosen = (by_id(queries, each, what) for each in query_ids)
    return list({query["query_id"]: query for query in chosen}.values())
