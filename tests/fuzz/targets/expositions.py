"""What Prometheus is told: labels hold names of hosts, paths and sentences that others wrote."""

from __future__ import annotations

import json
import re

from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.monitor.host.exposition import Metrics

from ..mutation import texts

_LINE = re.compile(r'[a-z_]+(\{[a-z]+="(?:[^"\\\n]|\\\\|\\"|\\n)*"\})? \S+')


def run(data: bytes) -> None:
    """Tell values with labels; each line stays one line of the format."""
    try:
        rows = json.loads(data)
    except (ValueError, RecursionError):
        rows = [[data.decode("utf-8", "replace"), 1]]
    metrics = Metrics()
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, list) and len(row) == 2 and isinstance(row[1], int | float) and abs(row[1]) < 1e300:
            metrics.gauge("sluice_x", "Help.", row[1], label=row[0])
    for line in metrics.text().rstrip("\n").split("\n"):
        assert not line or line.startswith("# ") or _LINE.fullmatch(line), line


def inputs() -> st.SearchStrategy[bytes]:
    """Draw labels that could end a line or a value."""
    label = st.one_of(texts(), st.sampled_from(('a"b', "a\\", 'x"} 1\ny{a="', "\r", "\x85", "\u2028")))
    return (
        st.lists(st.tuples(label, st.one_of(st.integers(-(2**40), 2**40), st.floats())), max_size=4)
        .map(json.dumps)
        .map(str.encode)
    )
