"""A regular expression of a configuration and a text: on the first line the one, after it the other."""

from __future__ import annotations

import time

from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.config.regexes import compiled
from ansible_collections.sluice.nginx.plugins.module_utils.config.samples import matching

_LONGEST = 0.5


def run(data: bytes) -> None:
    """Ask the expression about the text and about the text many times over."""
    pattern, _, text = data.decode("utf-8", "replace").partition("\n")
    for ignore_case in (False, True):
        matching(pattern, path=True, ignore_case=ignore_case)
        found = compiled(pattern, ignore_case)
        if found is None:
            continue
        for asked in (
            text,
            (text * 500)[:2000],
            ((text * 500)[: found.longest])[:2000] + "!",
            (text * 9999)[: found.longest - 1][:9999] + "!",
        ):
            began = time.process_time()
            found.search(asked)
            took = time.process_time() - began
            assert took < _LONGEST, f"{pattern!r} took {took:.1f} s for {len(asked)} letters"


def inputs() -> st.SearchStrategy[bytes]:
    """Draw expressions with loops in loops."""
    atom = st.sampled_from(
        (
            "a",
            "b",
            ".",
            "[ab]",
            "[^a]",
            "\\d",
            "\\w",
            "\\s",
            "\\W",
            "/",
            "\\.",
            "(?:)",
            "^",
            "$",
            "é",
            "[a-z0-9]",
            "\\b",
            "(?=a)",
            "(?!b)",
            "(?<=a)",
            "(?<x>a)",
            "\\1",
            "(?i)",
            "(?>a+)",
            "[[:alpha:]]",
            "\\h",
            "|",
        )
    )
    repeat = st.sampled_from(("*", "+", "?", "*?", "++", "{2}", "{0,3}", "{1,50}", "{3,}", "{1000}", ""))
    expression = st.recursive(
        atom,
        lambda inner: st.one_of(
            st.builds(
                lambda parts, times: "(" + "".join(parts) + ")" + times, st.lists(inner, min_size=1, max_size=4), repeat
            ),
            st.builds(
                lambda parts, times: "(?:" + "|".join(parts) + ")" + times,
                st.lists(inner, min_size=1, max_size=4),
                repeat,
            ),
            st.builds(lambda part, times: part + times, inner, repeat),
            st.lists(inner, min_size=1, max_size=4).map("".join),
        ),
        max_leaves=12,
    )
    text = st.text("ab/.0 _é", max_size=12)
    return st.one_of(st.builds(lambda one, other: f"{one}\n{other}".encode(), expression, text), st.binary(max_size=60))
