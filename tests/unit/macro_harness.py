"""Renders the project's statistics and survival macros outside dbt, as `dlm km` does."""

from __future__ import annotations

from dlm.macros import render

__all__ = ["render"]
