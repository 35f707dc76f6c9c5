"""The journal and the state of a host: damaged by a crash, a full disk, or whoever was root."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.engine import state as states
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.system import System
from ansible_collections.sluice.nginx.plugins.module_utils.engine.journal import Journal
from ansible_collections.sluice.nginx.plugins.module_utils.engine.rebuild import rebuilt
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import read_release_id

from ..harness import scratch
from ..mutation import json_values, texts

_IDS = (read_release_id("a" * 64), read_release_id("b" * 64))
_AT = "2026-11-21T13:30:00.000Z"


def run(data: bytes) -> None:
    """Read events, and tell the state from them; then ask of the state what operations ask."""
    with scratch() as folder:
        path = folder / "journal.jsonl"
        path.write_bytes(data)
        journal = Journal(System(), Path(str(path)))
        events = journal.events()
        journal.last(5)
        journal.repair("x")
    for link in (None, _IDS[0], read_release_id("c" * 64)):
        state = rebuilt(link, {_IDS[0]: "pushed", _IDS[1]: "adopted"}, events, _AT)
        json.dumps(state)
        states.prunable(state, 1)
        states.rollback(state, "run")
        states.ending(state, "run")


def inputs() -> st.SearchStrategy[bytes]:
    """Draw events with odd values."""
    value = st.one_of(json_values(), st.sampled_from(_IDS), texts())
    event = st.builds(
        lambda row, more: {**row, **more},
        st.fixed_dictionaries(
            {
                "event": st.sampled_from(
                    ("adopted", "trial", "confirm", "rolled_back", "not switched", "installed", "pruned")
                ),
                "mark": st.sampled_from(("begin", "done", "failed", None)),
                "release": st.one_of(st.sampled_from(_IDS), value),
            }
        ),
        st.dictionaries(
            st.sampled_from(("before", "at", "run", "who", "from", "deadline", "by", "release", "event")),
            value,
            max_size=4,
        ),
    )
    line = st.one_of(event.map(json.dumps), event.map(json.dumps), json_values().map(json.dumps), texts())
    return st.one_of(
        st.lists(line, max_size=6).map("\n".join).map(lambda text: (text + "\n").encode("utf-8", "replace")),
        st.binary(max_size=200),
    )
