"""What a host answers to an operation, between banners, and what is told of it."""

from __future__ import annotations

import contextlib
import json

from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.status import status_text
from ansible_collections.sluice.nginx.plugins.module_utils.remote import answer
from ansible_collections.sluice.nginx.plugins.module_utils.reply_schemas import FORMS

from ..mutation import json_values, texts

ALLOWED = (SluiceError,)


def run(data: bytes) -> None:
    """Read an answer, and show it as the status of a host."""
    text = data.decode("utf-8", "replace")
    for operation in FORMS:
        with contextlib.suppress(SluiceError):
            answer(text, "", 0, operation)
    found = answer(text, "", 0, "status")
    assert status_text({"web1": found})


def inputs() -> st.SearchStrategy[bytes]:
    """Draw answers of the status operation with odd values."""
    from ansible_collections.sluice.nginx.plugins.module_utils.engine import MARKER

    keys = st.sampled_from(
        (
            "live",
            "pending",
            "confirmed",
            "problems",
            "warnings",
            "journal",
            "serving",
            "drift",
            "ok",
            "schema",
            "releases",
            "nginx",
        )
    )
    row = st.dictionaries(keys, st.one_of(json_values(), st.dictionaries(keys, texts(), max_size=2)), max_size=5)
    line = st.builds(lambda noise, said: noise + MARKER + json.dumps(said), texts(), st.one_of(row, row, json_values()))
    return st.one_of(
        st.lists(st.one_of(line, texts()), max_size=3).map("\n".join).map(lambda text: text.encode("utf-8", "replace")),
        st.binary(max_size=80),
    )
