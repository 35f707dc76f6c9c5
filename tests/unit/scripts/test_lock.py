"""requirements.lock: every package has its hashes, nothing has an address, and what is wanted is in it."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
LOCK = (PROJECT / "requirements.lock").read_text()
PINNED = re.findall(r"^([A-Za-z0-9._-]+)==\S+.*\\\n((?: +--hash=\S+(?: \\)?\n)+)", LOCK, re.MULTILINE)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_package_has_hashes() -> None:
    assert len(PINNED) == len(re.findall(r"^[^ #]+==", LOCK, re.MULTILINE))
    assert len(PINNED) > 50


def test_nothing_has_an_address() -> None:
    assert "://" not in LOCK
    assert "--index" not in LOCK


def test_the_header_says_how_it_is_made() -> None:
    assert "make lock" in LOCK.splitlines()[1]


def test_all_that_is_wanted_is_in_it() -> None:
    lines = [
        line for name in ("requirements.in", "requirements.txt") for line in (PROJECT / name).read_text().splitlines()
    ]
    wanted = {_plain(re.split("[<>=]", line)[0]) for line in lines if not line.startswith(("#", "-r "))}
    assert wanted <= {_plain(name) for name, _ in PINNED}
