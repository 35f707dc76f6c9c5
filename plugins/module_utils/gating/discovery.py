"""Finds the gates: Sluice's own, a file each in ``gates/``, and the user's."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from .. import gates
from ..errors import SluiceError
from ..verdicts.runner import STAGES, Gate, in_order

__all__ = ["find_gates"]


def _gate(name: str, module: ModuleType, where: str) -> Gate:
    run, after = getattr(module, "run", None), getattr(module, "AFTER", None)
    if not callable(run) or not isinstance(after, tuple):
        raise SluiceError(
            f"{where} is no gate: it needs AFTER, a tuple of names, and run(subject), which returns a Verdict"
        )
    on = getattr(module, "ON", STAGES)
    if not isinstance(on, tuple) or not {*on} <= {*STAGES}:
        raise SluiceError(f"{where}: ON is {on!r}; it is a tuple of what the gate works on, of {', '.join(STAGES)}")
    prepare = getattr(module, "prepare", None)
    if prepare is not None and not (callable(prepare) and _takes(prepare, 1) and _takes(run, 2)):
        raise SluiceError(
            f"{where}: a gate that prepares has prepare(subject) and run(subject, prepared), and run gets "
            "what prepare returns"
        )
    return Gate(name, after, run, on, tuple(getattr(module, "BEHIND", ())), prepare)


def _takes(function: Callable[..., object], count: int) -> bool:
    """Return whether a function can be called with so many arguments."""
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    return True


def _own(path: Path) -> Gate:
    spec = importlib.util.spec_from_file_location(f"sluice_gate_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise SluiceError(f"{path} cannot be read as Python")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a user's file raises is told in its own words
        raise SluiceError(f"the gate {path} cannot be loaded: {type(error).__name__}: {error}") from error
    return _gate(path.stem, module, str(path))


def find_gates(own: Path | None = None) -> list[Gate]:
    """Find the gates of Sluice and those in the user's folder, in the order in which they run.

    Raises ``SluiceError`` for a file that is no gate, a name that is taken, or a circle.
    """
    found = [
        _gate(module.name, importlib.import_module(f"{gates.__name__}.{module.name}"), module.name)
        for module in pkgutil.iter_modules(gates.__path__)
    ]
    for path in sorted(own.glob("*.py")) if own else ():
        if path.stem in {gate.name for gate in found}:
            raise SluiceError(f"{path}: there is a gate {path.stem} already; give the file another name")
        found.append(_own(path))
    return in_order(found)
