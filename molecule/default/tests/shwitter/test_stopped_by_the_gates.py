"""The rewrite that meets itself is named with its line and nginx's words."""

from __future__ import annotations

import pytest
from story import Incident


@pytest.mark.parametrize(
    "words",
    [
        "smoke      FAIL",
        "a profile is shown: expected status 200, got 500",
        "who follows the old address of the list arrives: expected status 200, got 500",
        "sites-enabled/shwitter.conf:43 (examples/incidents/shwitter-redirect/sites-enabled/shwitter.conf)",
        "rewrite or internal redirection cycle while processing",
        "1 of 1 releases did not pass the gates; no host was touched",
    ],
)
def test_a_person_reads_what_is_wrong_and_where(words: str) -> None:
    assert words in Incident.read().output
