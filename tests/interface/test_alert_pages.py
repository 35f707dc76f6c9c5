"""Each alert has a page, and the pages agree with the rules and their tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.alert_pages import PARTS, pages

PAGES = pages()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_agrees_with_rule_and_test(path: Path) -> None:
    assert path.exists(), f"{path} is missing; run `python scripts/alert_pages.py`, and write its parts"
    found = path.read_text(encoding="utf-8")
    assert found == PAGES[path], "the page is out of date; run `python scripts/alert_pages.py`"


@pytest.mark.parametrize("path", [path for path in PAGES if path.stem != "README"], ids=lambda path: path.stem)
def test_a_page_says_what_to_do(path: Path) -> None:
    written = path.read_text(encoding="utf-8").partition("\n<!--")[0]
    parts = {name: text.strip() for name, _, text in (part.partition("\n") for part in written.split("\n## ")[1:])}
    assert list(parts) == list(PARTS)
    assert [name for name, text in parts.items() if len(text) < 20] == []
    assert parts["Diagnosis"].startswith("```console\n")


def test_no_page_is_of_an_alert_that_does_not_exist() -> None:
    folder = next(iter(PAGES)).parent
    assert sorted(folder.iterdir()) == sorted(PAGES)
