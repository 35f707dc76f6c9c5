"""The misspelt extension is named with its line."""

from __future__ import annotations

import pytest
from story import Incident


@pytest.mark.parametrize(
    "words",
    [
        "lint       FAIL",
        "smoke      FAIL",
        "no file below /srv/cedi-mart/public ends in .phpp; did you mean .php?",
        "sites-enabled/cedi-mart.conf:40 (examples/incidents/cedi-mart-phpp/sites-enabled/cedi-mart.conf)",
        "an order is tracked: expected the body to contain 'Order 42', got <?php",
        "1 of 1 releases did not pass the gates; no host was touched",
    ],
)
def test_a_person_reads_what_is_wrong_and_where(words: str) -> None:
    assert words in Incident.read().output
