"""``accepted.yml``, which comes with a pull request: read, and what was read is written and taken out again."""

from __future__ import annotations

import yaml
from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.accepted.text import appended, read_text, without
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError

from ..mutation import json_values, texts

ALLOWED = (SluiceError,)
_FINDING = {"gate": "lint", "file": "a.conf", "lines": [3], "what": "x [wrong_unit]", "expected": "y", "actual": "z"}
_PAIR = {"live": "a" * 64, "candidate": "b" * 64}
_ENTRY = {"run": "20260102T030405-abcd", "changes": [_PAIR], "who": "ada", "when": "now"}


def run(data: bytes) -> None:
    """Read a file; one that is read loses nothing when it is written."""
    text = data.decode("utf-8", "replace")
    changes = [entry.change for entry in read_text(text, "accepted.yml")]
    again = [entry.change for entry in read_text(appended("", changes, "accepted.yml"), "accepted.yml")]
    assert [each.to_plain() for each in again] == [each.to_plain() for each in changes]
    gone = {candidate for each in changes[:1] for candidate in each.candidates}
    left = [entry.change.pairs for entry in read_text(without(text, gone, "accepted.yml"), "accepted.yml")]
    assert left == [each.pairs for each in changes if not each.candidates <= gone]


def inputs() -> st.SearchStrategy[bytes]:
    """Draw entries with odd values in them, and YAML of all kinds."""
    odd = st.one_of(json_values(), texts(), st.sampled_from(("none", "null", "~", "!!binary x", "*a", "&a [*a]", "<<")))
    findings = st.lists(st.dictionaries(st.sampled_from(tuple(_FINDING)), odd).map(lambda row: {**_FINDING, **row}))
    entry = st.builds(
        lambda row, found: {**_ENTRY, "reason": "it moved", "findings": found, **row},
        st.dictionaries(st.sampled_from((*_ENTRY, "reason", "findings", "odd")), odd, max_size=2),
        findings,
    )
    rows = st.lists(entry).map(lambda found: yaml.safe_dump(found, allow_unicode=True, sort_keys=False))
    return st.one_of(rows, texts(), json_values().map(yaml.safe_dump)).map(lambda text: text.encode("utf-8", "replace"))
