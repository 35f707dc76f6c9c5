"""Trials side by side, each with a folder of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol, TypeVar

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError

__all__ = ["tried"]

_Result = TypeVar("_Result")


class _Named(Protocol):
    @property
    def name(self) -> str:
        """What is printed of a trial."""
        ...


_Trial = TypeVar("_Trial", bound=_Named)


def tried(trials: Sequence[_Trial], examine: Callable[[_Trial, int, Path], _Result], jobs: int) -> Iterator[_Result]:
    """Yield the results of trials as they come, ``jobs`` at a time; what cannot be tried is said so.

    ``examine`` is given a trial, its number, and a folder of its own.
    """
    with TemporaryDirectory(prefix="sluice-trials-") as folder, ThreadPoolExecutor(jobs) as pool:
        futures = {
            pool.submit(examine, trial, number, Path(folder, str(number))): trial.name
            for number, trial in enumerate(trials)
        }
        try:
            for future in as_completed(futures):
                try:
                    yield future.result()
                except SluiceError as error:
                    print(f"{futures[future]} could not be tried: {error}", file=sys.stderr, flush=True)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
