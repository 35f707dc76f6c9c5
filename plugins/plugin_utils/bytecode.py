"""Python's cache of compiled modules, for this collection.

Ansible's loader of collections compiles each module anew, in each process.
"""

from __future__ import annotations

import functools
from importlib.machinery import SourceFileLoader
from typing import Any

__all__ = ["use_bytecode"]

_OURS = "ansible_collections.sluice.nginx."


def use_bytecode(loader: Any) -> None:
    """Let ``loader``, Ansible's class that loads modules of collections, take compiled modules from ``__pycache__``, as
    Python's own does, and keep them there. A class that works otherwise is left as it is, and so are other collections.
    """
    compiled = getattr(loader, "get_code", None)
    if compiled is None or hasattr(compiled, "__wrapped__"):
        return

    @functools.wraps(compiled)
    def get_code(self: Any, fullname: str) -> Any:
        path = str(getattr(self, "_source_code_path", None))
        if not fullname.startswith(_OURS) or not path.endswith(".py"):
            return compiled(self, fullname)
        try:
            return SourceFileLoader(fullname, path).get_code(fullname)
        except OSError:
            # A package need not have the file.
            return compiled(self, fullname)

    loader.get_code = get_code
