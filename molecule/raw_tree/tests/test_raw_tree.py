"""The edited tree serves in both its variants, both passed the gates, and the hosts' password file is still there."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import client
import pytest
from story import live, name_of, ports, state
from testinfra.host import Host

REGIONS = {"web1": "north", "web2": "south", "web3": "south"}


def record_of(host: Host) -> dict[str, Any]:
    run = state(host)["confirmed"]["run"]
    return dict(json.loads(Path(os.environ["MOLECULE_PROJECT_DIRECTORY"], ".sluice/runs", run, "run.json").read_text()))


def test_the_edit_serves_with_the_words_of_the_host(host: Host) -> None:
    status, answer = client.ask(client.Question("raw.example", "http", "/", ""), ports(host))
    assert (status, answer.partition("\r\n\r\n")[2]) == (200, f"region {REGIONS[name_of(host)]}, second edition\n")


def test_each_variant_passed_every_gate(host: Host) -> None:
    releases = record_of(host)["releases"]
    hosts = {tuple(release["hosts"]): release["release"] for release in releases}
    assert set(hosts) == {("web1",), ("web2", "web3")}
    results = {verdict["result"] for release in releases for verdict in release["verdicts"]}
    assert results == {"pass"}
    mine = next(release for names, release in hosts.items() if name_of(host) in names)
    assert mine == live(host) == state(host)["confirmed"]["release"]


@pytest.mark.parametrize(("password", "status"), [("", "401"), ("first", "401"), ("second", "200")])
def test_the_password_of_the_host_counts(host: Host, password: str, status: str) -> None:
    ask = "import sys, urllib.request as r\nq = r.Request('http://127.0.0.1/staff/', headers={'Host': 'raw.example'})\n"
    ask += f"import base64\nq.add_header('Authorization', 'Basic ' + base64.b64encode(b'ada:{password}').decode())\n"
    ask += "try: print(r.urlopen(q).status)\nexcept r.HTTPError as e: print(e.code)"
    assert host.check_output("python3 -c %s", ask) == status


def test_the_password_file_is_linked_and_keeps_its_owner_and_mode(host: Host) -> None:
    link = host.file("/etc/nginx/auth/staff.htpasswd")
    kept = host.file("/var/lib/sluice/shared/auth/staff.htpasswd")
    assert link.linked_to == kept.path
    assert (kept.user, kept.group, kept.mode) == ("root", "www-data", 0o640)
