"""Runs the engine from the one file into which it was compiled: ordinary imports would look at fifty files, and a host
pays for that in each phase.

Executed before the package ``sluice`` can be imported, so it imports nothing of it here.
"""

from __future__ import annotations

import gc
import marshal
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Dict, Tuple, Union

# Module name to the path of its source, and its code as of ``marshal``, or its text.
Codes = Dict[str, Tuple[str, Union[bytes, str]]]

__all__ = ["Modules", "run", "run_own", "run_pull"]


class Modules:
    """Finds and loads the modules of the engine, each when it is imported."""

    def __init__(self, codes: Codes) -> None:
        self._codes = codes

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Return how to import ``name``; nothing for a module that is not the engine's."""
        if name not in self._codes:
            return None
        # importlib asks for two methods, and not for the base class that the type names.
        loader: Any = self
        return ModuleSpec(name, loader, is_package=self._codes[name][0].endswith("/__init__.py"))

    def create_module(self, spec: ModuleSpec) -> None:
        """Let Python make the module."""

    def exec_module(self, module: ModuleType) -> None:
        """Fill the module."""
        path, code = self._codes[module.__name__]
        module.__file__ = path
        exec(compile(code, path, "exec") if isinstance(code, str) else marshal.loads(code), module.__dict__)


def run(codes: Codes, request: bytes, bundle: bytes) -> None:
    """Let the engine answer a request, and stay where the run will ask for more."""
    answer = _imported(codes, "sluice.engine.main").main
    path, _ = codes["sluice.engine.main"]
    # One that runs from memory has no folder to listen in.
    if answer(request, bundle) and path.startswith("/"):
        import_module("sluice.engine.resident").stay(answer)


def run_own(codes: Codes, request: bytes, bundle: bytes, digest: str, asked: str) -> None:
    """Let the host's own engine, ``digest``, answer a request that was made for the engine ``asked``."""
    _imported(codes, "sluice.engine.own").main(request, bundle, digest, asked)


def run_pull(codes: Codes, arguments: list[str]) -> int:
    """Let the host's own engine look for a release; returns the code to exit with."""
    return int(_imported(codes, "sluice.engine.pull.command").main(arguments))


def _imported(codes: Codes, name: str) -> Any:
    """Return a module of the engine, from whose modules all others are imported from now on.

    What starts the engine has switched Python's garbage collector off, which would go over all that is imported, time
    and again. From here on it goes over what comes new: a bake takes hours.
    """
    sys.meta_path.insert(0, Modules(codes))
    module = import_module(name)
    gc.freeze()
    gc.enable()
    return module
