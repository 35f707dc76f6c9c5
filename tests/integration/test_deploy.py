"""deploy.yml and its companions on a fleet of three real hosts: what changes, what does not, and what a person reads.

The tests run in the order of this file, on one fleet; each begins and ends with all hosts confirmed. Which release
serves is told by a page that answers with a word, and that word is all in which the releases differ.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.gating.receipts import sign
from ansible_collections.sluice.nginx.plugins.module_utils.receipt import GATES, canonical
from tests.commands import PUSH
from tests.integration.fleet import STATE, WEB, Fleet, record_of
from tests.integration.passed import passed

pytestmark = pytest.mark.integration


class Deployed(Fleet):
    """The fleet of these tests."""

    name = "test-deploy"


@pytest.fixture(scope="module")
def fleet(project: Path, play: Callable[..., Any], engine: docker.DockerClient) -> Iterator[Fleet]:
    with Deployed(project, play, engine).there() as made:
        yield made


def recap(output: str) -> str:
    """The one line of Ansible's own recap: what asks all hosts runs once, for the first of them."""
    (line,) = [line for line in output.splitlines() if re.match(r"\w+\s+: ok=", line)]
    return line


def test_a_rollback_without_anything_before_says_so(fleet: Fleet) -> None:
    done = fleet.play("playbooks/rollback.yml")
    assert done.code == 2
    assert "web1: preflight: this host has no release before the live one" in done.output
    assert "no other host was switched" in done.output


def test_the_first_deployment_serves_everywhere(fleet: Fleet) -> None:
    done = fleet.deploy("first")
    assert done.code == 0, done.output
    assert fleet.words() == ["first"] * 3
    assert len(set(fleet.live().values())) == 1
    assert "3 hosts switched and confirmed" in done.output
    assert done.output.count("receipts are not signed: gates_signing_key names no key") == 1
    assert "web1, web2, web3: activate: receipts are not verified on this host" in done.output


def test_the_record_holds_all_evidence(fleet: Fleet) -> None:
    runs = {fleet.state(host)["confirmed"]["run"] for host in WEB}
    record = json.loads((fleet.project / ".sluice/runs" / runs.pop() / "run.json").read_text())
    assert (record["schema"], record["result"], record["outcome"]) == (3, "confirmed", "3 hosts switched and confirmed")
    assert set(record["run"]) == {"id", "folder", "who", "host", "started", "ended"}
    assert set(record["hosts"]) == set(WEB)
    phases = {host: [event["phase"] for event in record["events"] if event["host"] == host] for host in WEB}
    # Hosts of earlier waves are watched on, before and after each later one is switched.
    assert phases == {
        host: ["preflight", "activate", *["bake"] * times, "finalize"]
        for host, times in zip(WEB, (3, 2, 1), strict=True)
    }
    assert record["emergency"] is None
    (release,) = record["releases"]
    verdicts = {verdict["gate"]: verdict for verdict in release["verdicts"]}
    assert list(verdicts) == list(GATES)
    assert {verdict["result"] for verdict in verdicts.values()} == {"pass"}
    assert "syntax is ok" in verdicts["syntax"]["evidence"]["output"]
    assert all(outcome["ok"] for outcome in verdicts["smoke"]["evidence"]["outcomes"])


def test_a_second_run_changes_nothing(fleet: Fleet) -> None:
    """Behind the gates; with them, Molecule's default scenario has a second run."""
    before = [fleet.written(host) for host in WEB]
    done = fleet.push("first")
    assert done.code == 0, done.output
    assert "changed=0" in recap(done.output)
    assert "nothing to do on 3 hosts" in done.output
    # No task of the waves, and the run is finalized all the same.
    assert "TASK [sluice.nginx.rollout : Activate release on wave" not in done.output
    assert "TASK [sluice.nginx.rollout : Check that every host is where it was to be]" in done.output
    assert [fleet.written(host) for host in WEB] == before


def test_check_mode_runs_the_gates_shows_the_difference_and_changes_no_host(fleet: Fleet) -> None:
    before = [fleet.written(host) for host in WEB]
    done = fleet.deploy("second", "--check", "--diff")
    assert done.code == 0, done.output
    assert re.search(r"^ +smoke +pass", done.output, re.MULTILINE)
    assert re.search(r"^-\s+return 200 'first';$", done.output, re.MULTILINE)
    assert re.search(r"^\+\s+return 200 'second';$", done.output, re.MULTILINE)
    assert "3 of 3 hosts would be switched" in done.output
    assert len(re.findall(r"would be switched to [0-9a-f]{12}$", done.output, re.MULTILINE)) == 3
    assert "3 hosts switched" not in done.output
    assert [fleet.written(host) for host in WEB] == before


def test_a_limit_switches_those_hosts_only(fleet: Fleet) -> None:
    before = fleet.live()
    untouched = [fleet.written(host) for host in ("web1", "web3")]
    done = fleet.push("second", "--limit", "web2")
    assert done.code == 0, done.output
    assert fleet.words() == ["first", "second", "first"]
    assert [fleet.written(host) for host in ("web1", "web3")] == untouched
    assert {host for host, release in fleet.live().items() if release != before[host]} == {"web2"}


def test_a_rollback_goes_to_the_release_of_before_and_to_a_named_one(fleet: Fleet) -> None:
    first, second = fleet.live()["web1"], fleet.live()["web2"]
    back = fleet.play("playbooks/rollback.yml", "--limit", "web2", "-e", '{"rollout_bake": 0.2}')
    assert back.code == 0, back.output
    assert (fleet.live()["web2"], fleet.word("web2")) == (first, "first")
    # web1 and web3 never had it, so nobody goes there.
    refused = fleet.play("playbooks/rollback.yml", "-e", f"release={second[:12]}")
    assert refused.code == 2
    assert f"web1: preflight: this host has no release '{second[:12]}'" in refused.output
    assert set(fleet.live().values()) == {first}
    named = fleet.play("playbooks/rollback.yml", "--limit", "web2", "-e", f"release={second[:12]}")
    assert named.code == 0, named.output
    assert fleet.live()["web2"] == second
    assert f"switched from {first[:12]}, confirmed" in named.output


def test_two_deployments_at_once_one_wins_and_the_other_says_who_holds_the_host(fleet: Fleet) -> None:
    # Two variants, so that each is gated and the hosts of each get their own. The winner holds web1 until it may go on.
    order = [{"size": 1, "pause": "person"}, "100%"]
    winner = fleet.begin("third-{{ inventory_hostname == 'web1' }}", rollout_waves=order, rollout_keep=0)
    run = fleet.wait_for_person(winner)
    loser = fleet.push("fourth")
    goes_on = fleet.play("playbooks/continue.yml", "-e", f"run={run}")
    assert goes_on.code == 0, goes_on.output
    won = winner.communicate(timeout=300)[0]
    assert loser.code == 2
    assert re.search(rf"web1: preflight: the host has a pending release [0-9a-f]{{12}} of run {run}", loser.output)
    assert re.search(r"actual \S+ from \S+ began at \S+, phase serving", loser.output)
    assert re.search(
        r"if it died, the watchdog rolls it back in \d+ s, and sluice.nginx.unlock rolls it back now", loser.output
    )
    assert "no other host was switched" in loser.output
    assert winner.returncode == 0, won
    assert re.search(r"^[0-9a-f]{12} for web1: all passed$", won, re.MULTILINE)
    assert re.search(r"^[0-9a-f]{12} for web2, web3: all passed$", won, re.MULTILINE)
    assert fleet.words() == ["third-True", "third-False", "third-False"]


def test_what_nobody_needs_is_pruned(fleet: Fleet) -> None:
    # The deployment before kept only what is needed: what serves, what was before it, and what was adopted first.
    for host in WEB:
        known = fleet.state(host)
        adopted = {release for release, each in known["releases"].items() if each["origin"] == "adopted"}
        needed = {known["live"], known["confirmed"]["before"], *adopted}
        assert set(known["releases"]) == needed
        assert set(fleet.run(host, "ls", f"{STATE}/releases").split()) == needed


def test_a_host_that_cannot_be_reached_stops_the_run_before_any_switch(fleet: Fleet) -> None:
    before = fleet.live()
    fleet.container("web3").stop(timeout=0)
    try:
        done = fleet.push("fifth")
        shown = fleet.play("playbooks/status.yml")
    finally:
        fleet.start("web3")
    assert done.code == 2
    assert "web3: preflight: the host cannot be reached" in done.output
    assert "web3 failed in preflight" in done.output
    assert "no other host was switched" in done.output
    assert shown.code == 2
    assert "could not be reached: web3" in shown.output
    assert re.search(rf"^web1  {before['web1'][:12]}  confirmed ", shown.output, re.MULTILINE)
    assert fleet.live() == before


def test_a_host_that_dies_before_its_wave_rolls_the_earlier_waves_back(fleet: Fleet) -> None:
    before = fleet.live()
    running = fleet.begin_push("sixth", rollout_bake=2)
    fleet.wait_for_activation("web1", running)
    fleet.container("web3").stop(timeout=0)
    try:
        output = running.communicate(timeout=300)[0]
    finally:
        fleet.start("web3")
    assert running.returncode == 2
    assert "web3: activate: the host cannot be reached" in output
    assert re.search(
        rf"^web1  {before['web1'][:12]}  rolled back; the release before serves again, proved$", output, re.MULTILINE
    )
    assert re.search(r"^web3  \?\s+could not be reached", output, re.MULTILINE)
    assert "web3 failed in activate" in output
    assert fleet.live() == before


def test_unlock_frees_what_a_killed_run_holds(fleet: Fleet) -> None:
    before = fleet.live()
    killed = fleet.begin_push("seventh", rollout_bake=60)
    fleet.wait_for_activation("web1", killed)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate(timeout=10)
    shown = fleet.play("playbooks/status.yml", "-e", "status_format=json")
    answers = json.loads(shown.output[shown.output.index("\n{") : shown.output.rindex("\n}") + 2])
    assert answers["web1"]["pending"]["before"] == before["web1"]
    assert answers["web2"]["pending"] is None
    freed = fleet.play("playbooks/unlock.yml")
    assert freed.code == 0, freed.output
    assert re.search(
        rf"^web1: release [0-9a-f]{{12}} of run \S+ \(\S+ from \S+\) is rolled back; "
        rf"{before['web1'][:12]} serves again",
        freed.output,
        re.MULTILINE,
    )
    assert "changed=1" in recap(freed.output)
    again = fleet.play("playbooks/unlock.yml")
    assert "changed=0" in recap(again.output)
    assert fleet.live() == before


@pytest.fixture(scope="module")
def gated(fleet: Fleet) -> Path:
    """A release that passed the gates and is on no host, in the controller's store."""
    return passed(fleet.project, fleet.platform, fleet.variables("ninth")).root


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("receipt.json", "there is no receipt of the gates for release"),
        ("bundle.tar.gz", "the bundle does not hold the release: nginx.conf is changed"),
    ],
)
def test_what_did_not_pass_the_gates_byte_by_byte_is_refused(
    fleet: Fleet, gated: Path, tmp_path: Path, what: str, words: str
) -> None:
    before = fleet.live()
    good = (gated / what).read_bytes()
    if what == "receipt.json":
        (gated / what).unlink()
    else:
        (gated / what).write_bytes(one_byte_changed(good))
    try:
        done = push(fleet, gated, tmp_path)
    finally:
        (gated / what).write_bytes(good)
    assert done.code == 2
    assert words in done.output
    assert "web1 failed in activate" in done.output
    assert "no other host was switched" in done.output
    assert fleet.live() == before


def push(fleet: Fleet, gated: Path, tmp_path: Path, **terms: Any) -> Any:
    """Bring the gated release to all hosts, without the gates."""
    playbook = tmp_path / "push.yml"
    playbook.write_text(PUSH)
    wanted = {"rollout_releases": dict.fromkeys(WEB, gated.name), "rollout_bake": 0.2, **terms}
    return fleet.play(playbook, "-e", json.dumps(wanted))


def test_a_host_that_knows_its_signers_takes_no_release_that_another_signed(
    fleet: Fleet, gated: Path, tmp_path: Path
) -> None:
    before = fleet.live()
    signature = gated / "receipt.json.sig"
    signed = canonical(json.loads((gated / "receipt.json").read_text()))
    for name in ("ada", "eve"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(tmp_path / name)]
        subprocess.run(command, check=True)
    allowed = tmp_path / "allowed_signers"
    allowed.write_text(f"ada@desk {(tmp_path / 'ada.pub').read_text()}")
    refused = fleet.play("playbooks/trust.yml", "-e", f"rollout_allowed_signers={tmp_path / 'ada'}")
    assert "allows nobody, or holds a private key" in refused.output
    trusting = fleet.play("playbooks/trust.yml", "-e", f"rollout_allowed_signers={allowed}")
    assert trusting.code == 0, trusting.output
    try:
        # What else a host refuses is sent to it in test_who_may_decide.py.
        signature.write_text(sign(signed, tmp_path / "eve"))
        done = push(fleet, gated, tmp_path)
        assert done.code == 2, done.output
        assert "web1: activate: the receipt is signed with a key that this host does not allow" in done.output
        assert fleet.live() == before
        signature.write_text(sign(signed, tmp_path / "ada"))
        done = push(fleet, gated, tmp_path)
        assert done.code == 0, done.output
        assert "not verified" not in done.output
        assert fleet.words() == ["ninth"] * 3
    finally:
        for host in WEB:
            fleet.run(host, "rm", "-r", "/etc/sluice")


BAD = {
    "nginx_http_lines": [
        *("server {", "listen 80;", "server_name word.example;"),
        *("location / { return 200 'tenth'; }", "location /x { alias /srv/; }", "}"),
    ]
}


def test_in_an_emergency_gates_are_overridden_and_everybody_hears_of_it(fleet: Fleet) -> None:
    blank = fleet.deploy("tenth", **BAD, rollout_emergency=" ")
    assert blank.code == 2
    assert "rollout_emergency: the reason is blank" in blank.output
    done = fleet.deploy("tenth", **BAD, rollout_emergency="the shop is down")
    assert done.code == 0, done.output
    failed = r"EMERGENCY: gates that failed do not stop this run \(release \w{12}: lint, coverage, behaviour\)"
    assert len(re.findall(f"{failed}, because: the shop is down", done.output)) >= 2
    emergency = record_of(done.output)["emergency"]
    assert (emergency["reason"], list(emergency["gates"].values())) == (
        "the shop is down",
        [["lint", "coverage", "behaviour"]],
    )
    shown = fleet.play("playbooks/status.yml")
    assert len(re.findall(r"EMERGENCY, because: the shop is down$", shown.output, re.MULTILINE)) == 3


def test_drift_is_shown_where_it_stops_a_run_and_in_the_status(fleet: Fleet) -> None:
    before = fleet.live()
    fleet.run("web2", "sh", "-c", "echo '# by hand' >> /etc/nginx/nginx.conf")
    try:
        done = fleet.push("eleventh")
        shown = fleet.play("playbooks/status.yml")
    finally:
        fleet.run("web2", "sed", "-i", "/# by hand/d", "/etc/nginx/nginx.conf")
    assert done.code == 2
    assert "web2: preflight: the live tree was changed on the host since it was deployed (drift)" in done.output
    assert re.search(r"^    \+# by hand$", done.output, re.MULTILINE)
    assert re.search(r"^web2 .* drift: nginx.conf$", shown.output, re.MULTILINE)
    assert re.search(r"^    \+# by hand$", shown.output, re.MULTILINE)
    assert fleet.live() == before


def test_a_host_of_an_earlier_wave_is_watched_while_a_later_one_is_switched(fleet: Fleet) -> None:
    before = fleet.live()
    running = fleet.begin_push("twelfth", rollout_bake=4)
    fleet.wait_for_activation("web2", running)
    fleet.run("web1", "systemctl", "restart", "nginx")
    output = running.communicate(timeout=300)[0]
    assert running.returncode == 2, output
    # The look may fall into the moment in which nginx does not run, and a slow machine may have come to web3.
    seen = "nginx's workers are no longer those of the switch|nginx is installed on this host and does not run"
    assert re.search(f"web1: bake: ({seen})", output), output
    assert re.search("the [23] switched before it were rolled back", output), output
    assert fleet.live() == before


def test_terms_that_cannot_be_are_refused_before_any_host_is_touched(fleet: Fleet, gated: Path, tmp_path: Path) -> None:
    """One of those in tests/unit/fleet."""
    before = fleet.live()
    done = push(fleet, gated, tmp_path, rollout_confirm_timeout=2)
    assert done.code == 2
    assert "rollout_confirm_timeout: 2 s is too short" in done.output
    assert fleet.live() == before


def one_byte_changed(bundle: bytes) -> bytes:
    """The same archive, in which one letter of nginx.conf is another."""
    content = gzip.decompress(bundle)
    assert content.count(b"return 200 'ninth'") == 1
    return gzip.compress(content.replace(b"return 200 'ninth'", b"return 200 'tenth'"))


def test_a_host_without_nginx_is_left_alone(fleet: Fleet) -> None:
    fleet.sh("web1", "systemctl stop nginx; mv /usr/sbin/nginx /usr/sbin/away")
    try:
        done = fleet.push("thirteenth")
    finally:
        fleet.sh("web1", "mv /usr/sbin/away /usr/sbin/nginx; systemctl start nginx")
    assert done.code == 2, done.output
    assert "web1: preflight: nginx is not installed on this host" in done.output
    assert "no other host was switched" in done.output
