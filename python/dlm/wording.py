"""The words shown for the codes of the warehouse, in English and Japanese.

The texts are in `assets/wording.yml`: section, code, and the pair of texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

from dlm.yaml_text import load_yaml


@dataclass(frozen=True)
class Text:
    """One text in both languages of the report."""

    en: str
    ja: str


def plain(text: str) -> Text:
    """A text that is the same in both languages: a number, a code, a name."""
    return Text(text, text)


def wording(section: str, code: object) -> Text:
    """The text of a code; a code without one is shown itself, so that none is ever lost."""
    key = str(code)
    found = _sections().get(section, {}).get(key)
    if found is None:
        return plain(key.replace("_", " "))
    return Text(*found)


def position(section: str, code: object) -> int:
    """Where a code stands in its section, to list codes in that order; unknown ones come last."""
    codes = list(_sections().get(section, {}))
    return codes.index(str(code)) if str(code) in codes else len(codes)


@cache
def _sections() -> dict[str, dict[str, list[str]]]:
    text = (resources.files("dlm") / "assets" / "wording.yml").read_text(encoding="utf-8")
    loaded: dict[str, dict[str, list[str]]] = load_yaml(text)
    return loaded
