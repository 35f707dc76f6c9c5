"""The receipt that a controller sends along, as the host judges it."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.receipt import GATES, digest, faults

from ..mutation import json_values, texts

_RELEASE = "a" * 64
_AT = "2026-11-21T13:30:00.000Z"


def run(data: bytes) -> None:
    """Judge it; whatever is there, the answer is sentences."""
    try:
        receipt = json.loads(data)
    except (ValueError, RecursionError):
        return
    for found in (receipt, {**receipt, "digest": digest(receipt)} if isinstance(receipt, dict) else receipt):
        assert all(isinstance(sentence, str) for sentence in faults(found, _RELEASE, _AT))


def inputs() -> st.SearchStrategy[bytes]:
    """Draw receipts with odd values."""
    good = {
        "schema": 1,
        "release": _RELEASE,
        "run": "r",
        "at": _AT,
        "expires": "2027-01-01T00:00:00.000Z",
        "gates": dict.fromkeys(GATES, "pass"),
    }
    more = st.dictionaries(st.sampled_from([*good, "digest", "x"]), st.one_of(json_values(), texts()), max_size=3)
    return st.one_of(more.map(lambda odd: {**good, **odd}), json_values()).map(json.dumps).map(str.encode)
