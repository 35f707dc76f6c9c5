from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.gates import behaviour
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import GateOptions, Live, Subject

PLACES = "\n".join(f"location /p{number} {{ return 200 {number}; }}" for number in range(300))
TEXT = f"events {{}} http {{ server {{ listen 80; server_name a.example;\n{PLACES}\n}} }}"
CHANGED = "location /p7 { return 200 seven; }"


def _planned(folder: Path, texts: Mapping[str, tuple[str, str]], strict: bool = False) -> behaviour.Plan:
    """Plan for a tree whose files, by their names, are one text in the live release and another in the candidate."""
    trees = [folder / "before" / "tree", folder / "after" / "tree"]
    for name, both in texts.items():
        for tree, text in zip(trees, both, strict=True):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(text, encoding="utf-8")
    for tree in trees:
        if (tree / "sites-available").is_dir():
            (tree / "sites-enabled").mkdir()
            (tree / "sites-enabled/a.conf").symlink_to("../sites-available/a.conf")
    live = Live(Release("a" * 64, trees[0].parent), parse_tree(trees[0]), ())
    options = GateOptions(strict=strict, behaviour_requests=5000)
    release, config = Release("b" * 64, trees[1].parent), parse_tree(trees[1])
    return behaviour._planned(Subject(("web1",), options, release=release, config=config, live=live), live)


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
    plan = _planned(
        tmp_path, {"nginx.conf": (TEXT, TEXT.replace("location /p7 { return 200 7; }", inside))}, strict=strict
    )
    assert bool(plan.left_out) == samples
    assert plan.is_sample or strict
    assert any(request.target.startswith("/p7") for request in plan.within.requests)


SERVER = TEXT.partition("http { ")[2].removesuffix(" }")
SITE = "events {} http { js_import shop.js; include sites-enabled/*.conf; root /etc/nginx/html; }"


@pytest.mark.parametrize(
    ("name", "samples"),
    [
        ("sites-available/a.conf", True),
        ("html/50x.html", True),
        # No directive tells what a script does.
        ("shop.js", False),
        ("users", False),
    ],
)
def test_a_file_that_is_no_configuration_may_concern_every_request(tmp_path: Path, name: str, samples: bool) -> None:
    texts = {"nginx.conf": SITE, "sites-available/a.conf": SERVER, "html/50x.html": "x", "shop.js": "x", "users": "x"}
    edit = SERVER.replace("return 200 7;", "return 200 seven;") if name.endswith(".conf") else "y"
    plan = _planned(tmp_path, {each: (text, edit if each == name else text) for each, text in texts.items()})
    assert plan.is_sample == samples
