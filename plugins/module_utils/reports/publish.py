"""Writes what is made from a run's record beside it. Nothing that goes wrong here changes what a run came to."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..errors import SluiceError
from ..record.model import FAILED, read_record
from ..redactor.redactor import cleared
from ..storage import write_text
from .junit import junit
from .page.render import report
from .sarif import sarif

__all__ = ["publish"]

_Maker = Callable[[Mapping[str, Any]], str]


def publish(folder: Path, project: Path | None = None) -> list[str]:
    """Write the reports of the run whose record is in ``folder``; returns a sentence for each that could not be.

    Files of findings are named relative to ``project``.
    """
    try:
        record = cleared(read_record(folder))
    except SluiceError as error:
        return [f"no report was written: {error}"]
    # Beside the runs is where the controller keeps what can be made again; a record may have been moved elsewhere.
    cache = folder.parent.parent / "cache" if folder.parent.name == "runs" else None
    page = functools.partial(report, cache=cache)
    located = functools.partial(sarif, project=project)
    makers: dict[str, _Maker] = {"report.html": page, "junit.xml": junit, "findings.sarif": located}
    told = [_one(folder / name, make, record, write_text) for name, make in makers.items()]
    if record["result"] in FAILED:
        # Here, as most runs need none.
        from ..postmortem.draft import draft
        from ..postmortem.drafts import keep

        told.append(_one(folder / "postmortem.md", draft, record, keep))
    return [sentence for sentence in told if sentence]


def _one(path: Path, make: _Maker, record: Mapping[str, Any], write: Callable[[Path, str], object]) -> str:
    try:
        write(path, make(record))
    except OSError as error:
        return f"{path} could not be written: {error.strerror}; what the run came to is not changed by that"
    except Exception as error:  # a fault of ours must not end a deployment
        return f"{path} could not be made: {type(error).__name__}: {error}; run.json beside it has all that is known"
    return ""
