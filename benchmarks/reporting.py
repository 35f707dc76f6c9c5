"""How benchmarks end: what was to be reached, what is written into a page, and what their exit code says."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError

__all__ = ["Target", "attempt", "end_politely", "fill", "judge"]


class Target(NamedTuple):
    """What was to be reached, in words with its figures."""

    met: bool
    text: str


def judge(targets: Sequence[Target]) -> int:
    """Print which targets are met; returns the exit code: 1 where one is missed."""
    for target in targets:
        print(f"{'met' if target.met else 'MISSED'}: {target.text}")
    return 0 if all(target.met for target in targets) else 1


def fill(page: Path, mark: str, text: str) -> None:
    """Write a text between the marks of a page: ``<!-- mark -->`` and ``<!-- end of mark -->``.

    Raises ``SluiceError`` where the page has none.
    """
    marks = re.compile(rf"(<!-- {mark} -->\n).*(<!-- end of {mark} -->)", re.DOTALL)
    before = page.read_text(encoding="utf-8")
    if not marks.search(before):
        raise SluiceError(f"{page.name} has no place for what was measured; expected <!-- {mark} -->, and its end")
    page.write_text(marks.sub(lambda found: f"{found[1]}{text}{found[2]}", before), encoding="utf-8")


def end_politely() -> None:
    """Let whoever ends this process find what it made removed, also where it was started in the background."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, _end)


def _end(number: int, frame: object) -> NoReturn:
    # Removing what was made is not to be ended as well.
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def attempt(name: str, work: Callable[[], int], removed: str = "its hosts are removed") -> int:
    """Run a benchmark, and return its exit code; 2 where it could not be run, and 130 where somebody ended it."""
    end_politely()
    try:
        return work()
    except (SluiceError, subprocess.SubprocessError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{name}: ended before its end; {removed}", file=sys.stderr)
        return 130
