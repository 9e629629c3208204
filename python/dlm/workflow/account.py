"""Who is at work: the account the operating system runs the command under."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Account:
    """An account of the operating system.

    Attributes:
        name: what the system calls it.
        uid: its number; None on Windows, where the name is unique.
    """

    name: str
    uid: int | None

    def is_same(self, entry: dict[str, Any]) -> bool:
        """Whether an account as the log holds it is this one; the number decides, not the name."""
        if self.uid is None or entry["uid"] is None:
            return bool(self.name == entry["name"])
        return bool(self.uid == entry["uid"])


def current_account() -> Account:
    """The account of this process; environment variables, which anyone can set, are not asked."""
    if sys.platform == "win32":
        return Account(os.getlogin(), None)
    import pwd

    uid = os.getuid()
    try:
        return Account(pwd.getpwuid(uid).pw_name, uid)
    except KeyError:
        return Account(f"uid {uid}", uid)
