"""Asks what the contract asks, and judges the answers."""

from __future__ import annotations

from typing import Any

from ...contract import client, model
from .stub_log import StubLog

__all__ = ["checks"]


def checks(plan: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Run checks, and tell their outcomes."""
    outcomes = client.run_checks([model.from_json(row) for row in rows], witness=StubLog(plan))
    return {"outcomes": [outcome.to_json() for outcome in outcomes]}
