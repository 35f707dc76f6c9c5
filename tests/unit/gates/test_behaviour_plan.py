from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.gates import behaviour
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import GateOptions, Live, Subject

PLACES = "\n".join(f"location /p{number} {{ return 200 {number}; }}" for number in range(300))
TEXT = f"events {{}} http {{ server {{ listen 80; server_name a.example;\n{PLACES}\n}} }}"
CHANGED = "location /p7 { return 200 seven; }"


@pytest.mark.parametrize(
    ("strict", "samples", "inside"),
    [
        (False, True, CHANGED),
        (True, False, CHANGED),
        # Of what no automaton reads it is not known what it reaches.
        (False, False, r"location ~ ^/p7/(a)\1 { return 200 seven; }"),
    ],
)
def test_what_a_change_does_not_reach_is_asked_by_sample(
    tmp_path: Path, strict: bool, samples: bool, inside: str
) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    texts = {before: TEXT, after: TEXT.replace("location /p7 { return 200 7; }", inside)}
    for folder, text in texts.items():
        (folder / "tree").mkdir(parents=True)
        (folder / "tree/nginx.conf").write_text(text, encoding="utf-8")
    live = Live(Release("a" * 64, before), parse_tree(before / "tree"), ())
    options = GateOptions(strict=strict, behaviour_requests=5000)
    release, config = Release("b" * 64, after), parse_tree(after / "tree")
    subject = Subject(("web1",), options, release=release, config=config, live=live)
    plan = behaviour._planned(subject, live)
    assert bool(plan.left_out) == samples
    assert plan.is_sample or strict
    assert any(request.target.startswith("/p7") for request in plan.within.requests)
