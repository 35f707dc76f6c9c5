"""Lines of error and access logs as hosts read them: any visitor writes into both."""

from __future__ import annotations

from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.engine.logs import severe, share
from ansible_collections.sluice.nginx.plugins.module_utils.engine.records import Pids, Records
from ansible_collections.sluice.nginx.plugins.module_utils.engine.traffic import TrafficCounts
from ansible_collections.sluice.nginx.plugins.module_utils.monitor.host.exposition import Metrics
from ansible_collections.sluice.nginx.plugins.module_utils.monitor.host.logs import Logs

from ..harness import scratch

_PIDS = Pids(frozenset({1}), frozenset({7, 12}), frozenset({8}))
_LEVELS = frozenset({"emerg", "alert", "crit"})


def run(data: bytes) -> None:
    """Judge lines as the proof, the bake and the monitor do."""
    lines = data.decode("utf-8", "replace").split("\n")
    for line in severe(lines, frozenset({7, 8}), _LEVELS):
        assert line in lines
    counted = share(lines, "sluice-", TrafficCounts(0, 600))
    assert counted.requests + counted.unread <= len(lines)
    with scratch() as folder:
        path = folder / "log"
        path.write_bytes(b"")
        logs = Logs()
        logs.read([str(path)], _PIDS)
        path.write_bytes(data)
        logs.read([str(path)], _PIDS)
        found = Records({str(path): [path.stat().st_ino, 0]}).read(_PIDS)
        assert len(found.proven) <= len(lines)
        metrics = Metrics()
        logs.tell(metrics)
        assert metrics.text()


def inputs() -> st.SearchStrategy[bytes]:
    """Draw lines of both logs with odd numbers in them."""
    number = st.sampled_from(("7", "12", "²", "٣", "9" * 5000, "-1", "", "7a", "0x7"))
    error = st.builds(
        lambda level, pid, words: f"2026/11/21 13:30:00 [{level}] {pid}#{pid}: {words}",
        st.sampled_from(("emerg", "alert", "crit", "error", "emerg]", "")),
        number,
        st.one_of(
            number.map(lambda pid: f"worker process {pid} exited on signal 9"),
            st.text(max_size=30),
            st.just("*1 x while reading, client: 1.2.3.4"),
        ),
    )
    access = st.builds(
        lambda request, status, took: (
            f'1.2.3.4 - - [21/Nov/2026:13:30:00 +0000] "{request}" {status} 5 "-" "x" rt={took}'
        ),
        st.one_of(st.sampled_from(("GET / HTTP/1.1", '\\"', "", "\\x16\\x03", "GET")), st.text(max_size=20)),
        st.one_of(st.sampled_from(("200", "503", "²00", "5٣3", "5xx", "")), number),
        st.one_of(number.map(lambda whole: f"{whole}.{whole}"), st.sampled_from(("0.001", "1.²²²", ".5", "1."))),
    )
    row = st.sampled_from(
        ('{"status": 503, "request": "GET /"}', '{"status":"²00"}', '{"status":', '{"request_time": 1.²²²}', "{" * 50)
    )
    lines = st.lists(st.one_of(error, access, row, st.text(max_size=40)), max_size=6)
    return st.one_of(lines.map("\n".join).map(lambda text: text.encode("utf-8", "replace")), st.binary(max_size=300))
