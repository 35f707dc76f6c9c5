"""What was measured at several sizes: how each part grows, as tables for people and for documents."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import table

__all__ = ["Sizes", "exponents", "faster", "in_markdown", "in_words"]

Sizes = Mapping[int, Mapping[str, Any]]
"""For each size ``seconds`` by part, and ``peak_bytes``."""

# Below it the clock and the memory's caches say more than the part.
_LEAST_SECONDS = 0.5
# What the noise of a machine with other work adds to an exponent.
_NOISE = 0.2


def exponents(sizes: Sizes, part: str) -> list[float | None]:
    """Tell between each two sizes the power of the size by which a part grows; None where it is too short to tell."""
    found: list[float | None] = []
    for small, large in pairwise(sorted(sizes)):
        before, after = (sizes[size]["seconds"].get(part) for size in (small, large))
        if before is None or after is None or after < _LEAST_SECONDS:
            found.append(None)
        else:
            found.append(math.log(max(after, 1e-6) / max(before, 1e-3)) / math.log(large / small))
    return found


def faster(sizes: Sizes) -> list[str]:
    """Return the parts that grow faster than n log n, as far as the noise lets one tell."""
    found = []
    for part in _parts(sizes):
        for (small, large), power in zip(pairwise(sorted(sizes)), exponents(sizes, part), strict=True):
            allowed = 1 + math.log(math.log(large) / math.log(small)) / math.log(large / small)
            if power is not None and power > allowed + _NOISE:
                found.append(f"{part} (n^{power:.1f} from {small:,} to {large:,})")
    return found


def _parts(sizes: Sizes) -> list[str]:
    return list(dict.fromkeys(part for size in sorted(sizes) for part in sizes[size]["seconds"]))


def _rows(sizes: Sizes) -> list[list[str]]:
    rows = []
    for part in _parts(sizes):
        seconds = [sizes[size]["seconds"].get(part) for size in sorted(sizes)]
        power = next((each for each in reversed(exponents(sizes, part)) if each is not None), None)
        shown = ["-" if each is None else f"{each:.2f} s" for each in seconds]
        rows.append([part, *shown, "-" if power is None else f"{power:.1f}"])
    totals = [sum(sizes[size]["seconds"].values()) for size in sorted(sizes)]
    rows.append(["all of them", *(f"{each:.1f} s" for each in totals), "-"])
    rows.append(
        ["peak of the memory", *(f"{sizes[size]['peak_bytes'] / 2**20:.0f} MiB" for size in sorted(sizes)), "-"]
    )
    return rows


def _heads(sizes: Sizes) -> list[str]:
    return ["part", *(f"{size:,}" for size in sorted(sizes)), "power"]


def in_words(form: str, sizes: Sizes) -> str:
    """Write the table of a form, and what grows too fast."""
    said = faster(sizes)
    end = f"faster than n log n: {', '.join(said)}" if said else "nothing grows faster than n log n"
    return f"{form}\n{table(_heads(sizes), _rows(sizes))}\n{end}"


def in_markdown(sizes: Sizes) -> str:
    """Write the same table for a document."""
    rows: Sequence[Sequence[str]] = [_heads(sizes), ["---"] * len(_heads(sizes)), *_rows(sizes)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
