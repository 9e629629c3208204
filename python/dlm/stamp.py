"""What every figure and page says about the build it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Stamp:
    """Origin of one build's outputs; the same input gives the same stamp, so no clock is read.

    `synthetic` marks data made by `dlm synth`. `cutoff` is the last clinical date that counts (ISO;
    None: no limit). `version` is the package's, `derivation_version` that of the rules,
    `code_revision` the commit (empty when unknown), `input_digest` the sha256 of the input,
    `excluded_records` how many records were kept out for open S1 queries.
    """

    synthetic: bool
    cutoff: str | None
    version: str
    derivation_version: str
    code_revision: str
    input_digest: str
    notes: tuple[str, ...] = ()
    excluded_records: int = 0

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Stamp:
        """The stamp as a run manifest holds it."""
        return cls(**(content | {"notes": tuple(content["notes"])}))
