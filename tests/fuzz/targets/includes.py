"""A tree of files that include each other, by name and by pattern. A line ``=== PATH`` begins a file."""

from __future__ import annotations

import re

from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.config.facts import facts
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.needs.reading import needs_of

from ..harness import scratch

_HEAD = re.compile(rb"^=== ([\w.*\[\]?/-]{1,40})$", re.M)


def run(data: bytes) -> None:
    """Lay the files out and read them from the main one."""
    parts = _HEAD.split(data)
    with scratch() as folder:
        for name, content in zip(parts[1::2], parts[2::2], strict=True):
            path = folder / name.decode().strip("/")
            if ".." in path.parts or path == folder:
                continue
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            except OSError:
                continue
        config = parse_tree(folder)
        facts(config)
        needs_of(config, ())


def inputs() -> st.SearchStrategy[bytes]:
    """Draw trees of a few files with patterns in all places."""
    names = st.sampled_from(
        ("nginx.conf", "a", "b", "conf.d/a.conf", "conf.d/b.conf", "conf.d/.hidden", "s/x/y.conf", "[a]")
    )
    targets = st.one_of(
        names,
        st.sampled_from(
            (
                "*",
                "conf.d/*",
                "*/*",
                "s/*/*.conf",
                "conf.d/[ab].conf",
                "[",
                "[!a]*",
                "\\*",
                "/etc/nginx/a",
                "/etc/nginx/*",
                "/etc/passwd",
                "../a",
                "conf.d",
                "?",
                "**",
                "$x",
                "",
                "'a b'",
                "a b",
                "/etc/nginx/../nginx/a",
                "conf.d/../a",
            )
        ),
    )
    lines = st.one_of(
        targets.map(lambda target: f"include {target};\n"),
        st.sampled_from(
            ("server { ", "}\n", "http {\n", "listen 80;\n", "map $a $b {\n", "location / {", "upstream u {", "x y;")
        ),
    )
    files = st.builds(lambda name, rows: f"=== {name}\n{''.join(rows)}", names, st.lists(lines, max_size=6))
    return st.one_of(st.lists(files, min_size=1, max_size=6).map("\n".join).map(str.encode), st.binary(max_size=100))
