"""Trials side by side, each with a folder of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError

__all__ = ["tried"]

_Result = TypeVar("_Result")


def tried(trials: Sequence[tuple[str, Callable[[Path], _Result]]], jobs: int) -> Iterator[_Result]:
    """Yield the results of named trials as they come, ``jobs`` at a time; what cannot be tried is said so."""
    with TemporaryDirectory(prefix="sluice-trials-") as folder, ThreadPoolExecutor(jobs) as pool:
        futures = {pool.submit(trial, Path(folder, str(number))): name for number, (name, trial) in enumerate(trials)}
        try:
            for future in as_completed(futures):
                try:
                    yield future.result()
                except SluiceError as error:
                    print(f"{futures[future]} could not be tried: {error}", file=sys.stderr, flush=True)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
