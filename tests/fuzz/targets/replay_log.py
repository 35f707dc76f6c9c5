"""An access log of production whose requests are asked again in staging."""

from __future__ import annotations

import functools
import gzip

from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.replay import read_log
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config, parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError

from ..harness import scratch
from . import host_logs
from .nginx import _LIVE

ALLOWED = (SluiceError,)


@functools.cache
def _config() -> Config:
    with scratch() as folder:
        (folder / "nginx.conf").write_bytes(_LIVE)
        return parse_tree(folder)


def run(data: bytes) -> None:
    """Read it plain and as .gz: as what it is, and compressed."""
    with scratch() as folder:
        for name, content in (("log", data), ("raw.gz", data), ("log.gz", gzip.compress(data))):
            (folder / name).write_bytes(content)
            try:
                found = read_log(str(folder / name), 20, _config())
            except SluiceError:
                assert name == "raw.gz"
                continue
            assert len(found.requests) <= 20
            for request in found.requests:
                assert request.method in ("GET", "HEAD")
                assert request.words


def inputs() -> st.SearchStrategy[bytes]:
    """Draw logs, combined and in JSON."""
    rows = st.sampled_from(
        (
            '{"request_uri": "/a", "method": "GET", "host": "shop.example", "server_port": "²"}',
            '{"request": ["GET /x"]}',
            '{"request": "GET /x?token=abc HTTP/1.1", "port": 99999999999999999999}',
            '{"method": "GET", "uri": "/\\ud800"}',
            "[" * 100000,
            'shop.example:²² 1.2.3.4 - - [x] "GET /a HTTP/1.1" 200 5',
            '1.2.3.4 - - [x] "GET //[ HTTP/1.1" 200 5 "http://[" "\x1b"',
            "{" * 50,
        )
    )
    return st.one_of(
        st.lists(rows, max_size=5).map("\n".join).map(lambda text: text.encode("utf-8", "replace")), host_logs.inputs()
    )
