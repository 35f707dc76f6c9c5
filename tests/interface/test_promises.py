"""Each promise of docs/reliability.md and docs/security.md names what proves it, and that is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


DOCUMENTS = ("reliability.md", "security.md")


def promises(name: str) -> list[tuple[str, list[str]]]:
    """The rows of a document's tables of promises: the promise, and the tests that it names."""
    lines = (PROJECT / "docs" / name).read_text(encoding="utf-8").splitlines()
    found, within = [], False
    for line in lines:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[-1:] == ["proved by"]:
            within = True
        elif not line.startswith("|"):
            within = False
        elif within and not set(line) <= set("|- "):
            found.append((cells[0], re.findall(r"`((?:tests|benchmarks)/[^`]+)`", line)))
    return found


@pytest.mark.parametrize(("promise", "proofs"), [row for name in DOCUMENTS for row in promises(name)])
def test_a_promise_names_its_proof(promise: str, proofs: list[str]) -> None:
    assert proofs, promise
    for proof in proofs:
        path, _, name = proof.partition("::")
        assert (PROJECT / path).is_file(), proof
        assert not name or re.search(rf"^def {name}\(", (PROJECT / path).read_text(encoding="utf-8"), re.MULTILINE), (
            proof
        )


@pytest.mark.parametrize("name", DOCUMENTS)
def test_there_are_promises(name: str) -> None:
    assert len(promises(name)) >= 10
