"""Texts and names as they stand in SQL, and texts made plain as the models read them."""

from __future__ import annotations

from pathlib import Path

_WIDE = "".join(chr(0xFF01 + n) for n in range(94))
_WIDE += "\u3000\u00a0\u2002\u2003\u2007\u2009\u202f\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_PLAIN = "".join(chr(0x21 + n) for n in range(94)) + "       -------"
_MADE_PLAIN = str.maketrans(_WIDE, _PLAIN)


def escaped(text: str | Path) -> str:
    """A text or path as it stands between quotes in SQL."""
    return str(text).replace("'", "''")


def literal(text: str | Path) -> str:
    """A text or path in quotes."""
    return f"'{escaped(text)}'"


def quoted(name: str) -> str:
    """The name of a table or column in quotes."""
    return '"' + name.replace('"', '""') + '"'


def plain(text: str) -> str:
    """SQL of a text with full-width characters, spaces and hyphens made plain; blank is null."""
    return f"nullif(trim(translate({text}, {literal(_WIDE)}, {literal(_PLAIN)})), '')"


def plain_id(text: str) -> str:
    """SQL of an id from its plain text: in capitals, a long-vowel mark read as the hyphen meant."""
    return f"upper(replace({text}, 'ー', '-'))"


def id_made_plain(text: str) -> str:
    """What `plain_id` of `plain` makes of a text; empty where that is null."""
    return text.translate(_MADE_PLAIN).strip(" ").replace("ー", "-").upper()
