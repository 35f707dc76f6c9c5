"""At random: where the lines that decide differ, the request is in one of the sets."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.changes import changes
from ansible_collections.sluice.nginx.plugins.module_utils.config.derive import DerivedRequest
from ansible_collections.sluice.nginx.plugins.module_utils.config.match import trace
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config, parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.effects.effects import effects

_WORDS = st.sampled_from(["/", "/a", "/a/", "/ab", "/a/b", "/b", "/b/a", "/a/a"])
_PATTERNS = st.sampled_from(
    [r"^/a", r"b$", r"^/a(/|$)", r"\.x$", r"^/(a|b)/", r"a.*b", r"^/a/?$", r"^/(?!a)", r"(?i)B"]
)
_ENDS = st.text("/ab.xB", max_size=5).filter(lambda text: "//" not in f"/{text}" and "/." not in f"/{text}")


@st.composite
def locations(draw: st.DrawFn, depth: int = 1) -> str:
    """Write some locations, each with an answer of its own."""
    parts = []
    seen: set[tuple[str, str]] = set()
    for _ in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(["", "=", "^~", "~", "~*"]))
        pattern = draw(_PATTERNS if kind.startswith("~") else _WORDS)
        key = (kind if kind in ("=", "~", "~*") else "", pattern)
        if key in seen:
            continue
        seen.add(key)
        inner = draw(locations(depth - 1)) if depth and not kind.startswith(("=", "~")) else ""
        rewrite = draw(st.sampled_from(["", "", "rewrite ^/a$ /b last;", "rewrite ^/a/(.*)$ /b/$1 last;"]))
        if kind == "=" or inner:
            rewrite = ""
        parts.append(f'location {kind} "{pattern}" {{ {rewrite} {inner} add_header X {draw(st.integers(1, 6))}; }}')
    return " ".join(parts)


def _config(inside: str) -> Config:
    with tempfile.TemporaryDirectory() as folder:
        text = f"events {{}} http {{ server {{ listen 80; server_name a; {inside} }} }}"
        (Path(folder) / "nginx.conf").write_text(text, encoding="utf-8")
        return parse_tree(Path(folder))


def _headers(config: Config, path: str) -> list[list[str]] | None:
    """Return what the last location met adds; None where a rewrite leads on from there, and no trace says where to."""
    met = trace(config, "a", 80, path).met
    blocks = [each for each in met if each.name == "location"]
    if met[-1].name == "rewrite":
        return None
    return [each.args for block in blocks[-1:] for each in block.children("add_header")]


@settings(max_examples=60, deadline=None)
@given(
    locations(),
    locations(),
    st.lists(_ENDS, max_size=40),
)
def test_nothing_differs_outside_of_the_sets(live: str, candidate: str, ends: list[str]) -> None:
    before, after = _config(live), _config(candidate)
    found = effects(before, after, changes(before, after), seconds=5)
    for path in (f"/{end}" for end in ends):
        covered = found.covers(DerivedRequest("GET", "http", "a", 80, path))
        live_headers, headers = _headers(before, path), _headers(after, path)
        if live_headers is None or headers is None:
            continue
        differs = live_headers != headers
        assert covered or not differs, path
        # The other way round, as each location says all that there is to it.
        if found.is_exact and "rewrite" not in live + candidate:
            assert covered == differs, path
