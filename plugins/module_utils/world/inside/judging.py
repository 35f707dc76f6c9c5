"""Asks what the contract asks, and judges the answers."""

from __future__ import annotations

import importlib
from typing import Any

from .witness import Witness

__all__ = ["checks"]


def checks(plan: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Run checks, and tell their outcomes."""
    # The very code that runs on hosts; it exists in the container only.
    client, model = (importlib.import_module(f"sluice.contract.{name}") for name in ("client", "model"))
    outcomes = client.run_checks([model.from_json(row) for row in rows], witness=Witness(plan))
    return {"outcomes": [outcome.to_json() for outcome in outcomes]}
