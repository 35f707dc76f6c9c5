"""Makes HTML: one page that needs no network and no script, with every text escaped."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...packages import jinja2
from ...redactor.redactor import cleared
from ...storage import make_folder
from .view import view

__all__ = ["environment", "report"]


@functools.cache
def environment(cache: Path | None = None) -> jinja2.Environment:
    """The templates of the record. To compile them takes longer than all else, and each run has two new processes that
    need them, so they are kept compiled below ``cache``.
    """
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent.parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=_compiled(cache) if cache else None,
    )


def _compiled(cache: Path) -> jinja2.BytecodeCache | None:
    folder = cache / "templates"
    with contextlib.suppress(OSError):
        make_folder(folder)
        return jinja2.FileSystemBytecodeCache(str(folder))
    return None


def report(record: Mapping[str, Any], cache: Path | None = None) -> str:
    """The page of a run."""
    return environment(cache).get_template("report.html.j2").render(view=view(cleared(record)))
