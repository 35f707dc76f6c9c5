"""A good change that the gates stop: the command that the run offers lets exactly that change pass."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.accepted.file import AcceptedFile
from ansible_collections.sluice.nginx.plugins.module_utils.record.model import read_record

pytestmark = pytest.mark.integration

# The new location takes the cart's requests. No gate can know that this is meant.
_SHOP = """
server {{
    listen 80;
    server_name shop.example;
    location / {{ return 200 "home"; }}
    location /cart {{ return 200 "cart"; }}
    {}
}}
"""
_CLOSED = "location ~ ^/ca { return 302 /; }"


def _tree(folder: Path, line: str = "", more: str = "") -> str:
    (folder / "conf.d").mkdir(parents=True)
    (folder / "conf.d/shop.conf").write_text(_SHOP.format(line) + more)
    return str(folder)


def test_a_change_passes_by_a_persons_word_and_another_one_does_not(tmp_path: Path, play: Callable[..., Any]) -> None:
    live, candidate = _tree(tmp_path / "live"), _tree(tmp_path / "candidate", _CLOSED)
    file = AcceptedFile(tmp_path / "accepted.yml", "accepted.yml")

    def gate(tree: str) -> Any:
        given = {"nginx_tree": tree, "nginx_live_tree": live, "gates_accepted_file": str(file.path)}
        more = {"gates_culprit": False}
        return play("playbooks/gate.yml", "-i", "inventories/bare", "-e", json.dumps({**given, **more}))

    stopped = gate(candidate)
    assert stopped.code == 2, stopped.output
    offered = re.search(r"^    (ansible-playbook sluice\.nginx\.accept .*)$", stopped.output, re.M)
    assert offered, stopped.output
    _, playbook, *arguments = shlex.split(offered[1].replace("SAY WHY", "the cart is closed this week"))
    assert arguments[:2] == ["-i", "inventories/bare"]
    told = play(playbook, *arguments)
    assert told.code == 0, told.output
    (entry,) = file.read()
    assert {each.gate for each in entry.findings} >= {"behaviour"}

    passed = gate(candidate)
    assert passed.code == 0, passed.output
    by = f"by {entry.who}: the cart is closed this week"
    assert f"bare: ACCEPTED {by} (" in passed.output
    assert re.search(rf"^ +behaviour +ACCEPTED .* accepted {re.escape(by)}", passed.output, re.M)
    record = read_record(Path(re.findall(r"^record: (.*)/run\.json$", passed.output, re.M)[-1]))
    assert re.fullmatch(r"every gate passed for 1 release, with \d accepted findings?", record["outcome"])
    found = [each for verdict in record["releases"][0]["verdicts"] for each in verdict["findings"] if each["accepted"]]
    assert {each["accepted"] for each in found} == {by}
    assert len(found) == len(entry.findings)

    other = gate(_tree(tmp_path / "other", _CLOSED, more="# one line more\n"))
    assert other.code == 2, other.output
    assert (
        f"the entry of run {entry.run} ({entry.who}) counts for the change from {entry.pairs[0][0][:12]}"
        in other.output
    )
