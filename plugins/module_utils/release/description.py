"""What a release's configuration says, as far as its description has it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from ..config.facts import facts
from ..config.parse import Texts, parse_tree
from ..needs.comparing import outside
from ..needs.reading import read_needs

__all__ = ["read"]


def read(tree: Path, paths: Collection[str], prefix: str = "", texts: Texts | None = None) -> dict[str, Any]:
    """Read its facts, and its needs. ``paths`` are the absolute paths of the files that it brings itself, ``prefix``
    that of the platform's nginx; ``texts`` are those of files that were read before.

    What cannot be read is a finding of the gate `parse`, which reads the tree again.
    """
    config = parse_tree(tree, prefix=prefix, texts=texts)
    return {
        "facts": facts(config),
        "needs": [need.to_json() for need in outside(read_needs(config, paths))],
    }
