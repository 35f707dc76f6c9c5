"""Each promise of docs/reliability.md names what proves it, and that is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


def promises() -> list[tuple[str, list[str]]]:
    """The rows of the table of promises: the promise, and the tests that it names."""
    text = (PROJECT / "docs/reliability.md").read_text(encoding="utf-8")
    table = text.partition("## What is promised")[2].partition("## ")[0]
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| ")][2:]
    return [(promise.strip(), re.findall(r"`((?:tests|benchmarks)/[^`]+)`", proofs)) for promise, proofs in rows]


@pytest.mark.parametrize(("promise", "proofs"), promises())
def test_a_promise_names_its_proof(promise: str, proofs: list[str]) -> None:
    assert proofs, promise
    for proof in proofs:
        path, _, name = proof.partition("::")
        assert (PROJECT / path).is_file(), proof
        assert not name or re.search(rf"^def {name}\(", (PROJECT / path).read_text(encoding="utf-8"), re.MULTILINE), (
            proof
        )


def test_there_are_promises() -> None:
    assert len(promises()) >= 10
