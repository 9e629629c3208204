"""The day of a command, by one clock: two commands of one morning never count as of two days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from dlm.errors import UsageError


def today() -> date:
    """The day of the command (UTC), as ledger and log tell days."""
    return datetime.now(UTC).date()


def day_of_receipt(named: date | None) -> date:
    """The day on which a delivery counts as received: the one named, or else today.

    Raises:
        UsageError: it lies ahead, where it would go before every delivery to come. Tomorrow passes,
            for it has begun east of Greenwich.
    """
    if named is not None and named > today() + timedelta(days=1):
        raise UsageError(f"--received {named} lies ahead; name the day the delivery came")
    return named or today()
