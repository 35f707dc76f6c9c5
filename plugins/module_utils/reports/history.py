"""``index.html`` of all runs."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path

from ..record.figures import figures
from ..record.index import rows
from ..record.model import RESULTS
from .page.render import environment

__all__ = ["history"]


def history(runs: Path, now: datetime | None = None) -> str:
    """Return the page over all runs below ``runs``, the newest first, with the figures of the weeks before ``now``."""
    found = rows(runs)
    counted = Counter(row.result for row in found)
    counts = [(result, counted[result]) for result in (*RESULTS, "unknown") if counted[result]]
    return (
        environment()
        .get_template("history.html.j2")
        .render(rows=found, counts=counts, results=RESULTS, told=figures(runs, now))
    )
