"""What all fuzzers share: a target judges bytes, a fault of it becomes a file among the seeds, and is told in words."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import pkgutil
import re
import signal
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, ModuleType

from hypothesis import strategies as st

from . import targets

__all__ = ["SECONDS", "Fault", "Target", "find_targets", "judge", "keep", "scratch", "seeds", "told"]

SEEDS = Path(__file__).parent / "seeds"
SECONDS = 20
"""What takes longer for one input, as time of the processor, is a fault, too."""

_OURS = "/sluice/nginx/plugins/"


@dataclass(frozen=True)
class Target:
    """A reader under test: ``run`` takes bytes from outside and raises nothing but ``allowed``."""

    name: str
    run: Callable[[bytes], None]
    inputs: st.SearchStrategy[bytes]
    seeds: Path
    allowed: tuple[type[Exception], ...]


@dataclass(frozen=True)
class Fault:
    """What an input did. ``words`` are the error, ``where`` is the line of ours that it was raised at."""

    target: str
    words: str
    where: str
    trace: str


class TooSlow(Exception):
    """An input took longer than it may."""


def find_targets() -> dict[str, Target]:
    """Map the name of each file below ``targets`` to the target in it."""
    found = {}
    for module in pkgutil.iter_modules(targets.__path__):
        loaded = importlib.import_module(f"{targets.__name__}.{module.name}")
        found[module.name] = _target(module.name, loaded)
    return found


def _target(name: str, module: ModuleType) -> Target:
    folder = SEEDS / getattr(module, "SEEDS", name)
    return Target(name, module.run, module.inputs(), folder, getattr(module, "ALLOWED", ()))


def seeds(target: Target) -> Iterator[tuple[str, bytes]]:
    """Yield the inputs that are kept for a target, each with its name."""
    for path in sorted(target.seeds.glob("*")):
        yield path.name, path.read_bytes()


def judge(target: Target, data: bytes) -> Fault | None:
    """Give one input to a target; None where it did what it should."""
    try:
        with _limited():
            target.run(data)
    except target.allowed:
        return None
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if _OURS in frame.filename] or frames
        # A name of a seed says nothing of the machine that found it.
        _, own, below = ours[-1].filename.rpartition("/module_utils/")
        where = f"{below if own else Path(below).name}:{ours[-1].lineno}"
        words = f"{type(error).__name__}: {str(error)[:200]}"
        return Fault(target.name, words, where, "".join(traceback.format_exception(error))[-6000:])
    return None


def keep(target: Target, fault: Fault, data: bytes) -> Path:
    """Write an input that found a fault beside the seeds, under a name that says which, and return the path."""
    kind = re.sub(r"(?<!^)(?=[A-Z])", "_", fault.words.partition(":")[0]).lower()
    place = re.sub(r"\W+", "_", fault.where.replace(".py", ""))
    target.seeds.mkdir(parents=True, exist_ok=True)
    path = target.seeds / f"{kind}_in_{place}-{hashlib.sha256(data).hexdigest()[:8]}"
    path.write_bytes(data)
    return path


def told(fault: Fault, path: Path) -> str:
    """Return what was found and how to run it again."""
    again = f"run it again: .venv/bin/python -m tests.fuzz.run {fault.target} --again {path}"
    return f"{fault.target}: {fault.words}, at {fault.where}\n{fault.trace}\n{again}"


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Give a folder that is empty and gone afterwards; in memory, where the machine has that."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="sluice-fuzz-", dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    def late(number: int, frame: FrameType | None) -> None:
        raise TooSlow(f"more than {SECONDS} s of the processor")

    # Time of the processor: a machine that is busy otherwise is no fault of a reader's.
    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
