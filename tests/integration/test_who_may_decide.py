"""Who may decide what two hosts serve: SSH keys that reach the hosts' own engine alone, by a forced command of sshd on
web1 and by a line of sudoers on web2, and the key that signs.

The tests run in the order of this file, on one fleet. Whoever attacks has an SSH key of the fleet, and all that was
ever sent to it; the signing key only where a test says so.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from ansible_collections.sluice.nginx.plugins.module_utils import receipt as receipts
from ansible_collections.sluice.nginx.plugins.module_utils import remote
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.requests import RolloutOptions, build
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Run
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.signing import sign_engine
from ansible_collections.sluice.nginx.plugins.module_utils.gating.receipts import sign
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import now
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import read_release_id
from tests.integration.fleet import Fleet, record_of
from tests.integration.passed import passed

pytestmark = pytest.mark.integration

COMMANDS = {"web1": "/usr/local/sbin/sluice-engine", "web2": "sudo -n /usr/local/sbin/sluice-engine"}
USERS = {"web1": "root", "web2": "deploy"}
RUN = Run("attack", "/nowhere", "eve", "attic", "2026-01-01T00:00:00.000Z")
BAD = {
    "nginx_http_lines": [
        *("server {", "listen 80;", "server_name word.example;"),
        *("location / { return 200 'bad'; }", "location /x { alias /srv/; }", "}"),
    ]
}


class Restricted(Fleet):
    """Two hosts, each reached by its own engine alone."""

    name = "test-decide"
    web = tuple(COMMANDS)
    arguments = ("--limit", ",".join(web))

    def __init__(self, project: Path, play: Callable[..., Any], engine: docker.DockerClient, folder: Path) -> None:
        super().__init__(project, play, engine)
        self.folder = folder
        for name in ("ada", "eve"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
        self.allowed = folder / "allowed_signers"
        self.allowed.write_text(f"ada@desk {(folder / 'ada.pub').read_text()}")
        self.key = folder / "ada"

    def restricted(self, playbook: str, *arguments: str, signing: bool = True, **more: Any) -> Any:
        """Run a playbook by the SSH keys that reach the engines alone, with the signing key or without."""
        settings = {
            "rollout_engine_command": f"{{{{ {COMMANDS}[inventory_hostname] }}}}",
            "ansible_user": f"{{{{ {USERS}[inventory_hostname] }}}}",
            "ansible_become": False,
            "gates_signing_key": str(self.key) if signing else "",
        }
        return self.play(playbook, "-e", json.dumps({**settings, **more}), *arguments)

    def deploy(
        self, word: str, *arguments: str, playbook: str = "deploy.yml", signing: bool = True, **more: Any
    ) -> Any:
        return self.restricted(playbook, *arguments, signing=signing, **self.variables(word, **more))

    def bring(self, release: str, *, signing: bool = True) -> Any:
        """Push a release that has passed the gates."""
        wanted = dict.fromkeys(self.web, release)
        return self.restricted(self.pushes, signing=signing, rollout_releases=wanted, rollout_bake=0.2)

    def passed(self, word: str, *, signing: bool = True) -> Release:
        """A release with its receipt, signed or not; no gate is asked."""
        key = {"gates_signing_key": str(self.key)} if signing else {}
        return passed(self.project, self.platform, {**self.variables(word), **key})

    def root(self, host: str, script: str) -> str:
        """Do what an administrator does, who has another way to the host."""
        return self.sh(host, script)

    def ssh(self, host: str, command: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run a command by the restricted key."""
        config = self.project / ".sluice/fleets" / self.name / "ssh_config"
        argv = ["ssh", "-F", str(config), "-o", "BatchMode=yes", f"{USERS[host]}@{host}", command]
        return subprocess.run(argv, input=data, capture_output=True, timeout=60, check=False)

    def send(self, host: str, request: dict[str, Any], bundle: bytes = b"") -> dict[str, Any]:
        """Send a request to a host's engine."""
        return self.sent(host, remote.payload(request, bundle, engine=False), str(request["op"]))

    def sent(self, host: str, data: bytes, operation: str) -> dict[str, Any]:
        done = self.ssh(host, COMMANDS[host], data)
        return remote.answer(done.stdout.decode(), done.stderr.decode(), done.returncode, operation)


@pytest.fixture(scope="module")
def fleet(
    project: Path, play: Callable[..., Any], engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Restricted]:
    with Restricted(project, play, engine, tmp_path_factory.mktemp("keys")).there() as made:
        done = made.play("playbooks/trust.yml", "-e", f"rollout_allowed_signers={made.allowed}")
        assert done.code == 0, done.output
        _restrict(made)
        yield made


def _restrict(fleet: Restricted) -> None:
    """As docs/security.md says it."""
    keys = "/root/.ssh/authorized_keys"
    fleet.root("web1", f"sed -i 's|^|command=\"{COMMANDS['web1']}\",restrict |' {keys}")
    fleet.root(
        "web2",
        f"""useradd --create-home deploy
        install -d -o deploy -m 0700 /home/deploy/.ssh
        install -o deploy -m 0600 {keys} /home/deploy/.ssh/authorized_keys
        rm {keys}
        echo 'deploy ALL=(root) NOPASSWD: /usr/local/sbin/sluice-engine ""' > /etc/sudoers.d/sluice
        chmod 0440 /etc/sudoers.d/sluice; visudo -c""",
    )


def problems(answer: dict[str, Any]) -> list[str]:
    return [problem["what"] for problem in answer["problems"]]


def test_a_change_cannot_turn_its_own_gates_green(
    project: Path, play: Callable[..., Any], engine: docker.DockerClient, tmp_path: Path
) -> None:
    inventory, tree = tmp_path / "change", tmp_path / "tree/conf.d"
    shutil.copytree(project / "inventories/bare", inventory)
    tree.mkdir(parents=True)
    (tree / "site.conf").write_text("server { listen 8080; location / { return 500; } location /x { alias /srv/; } }\n")
    arguments = ("-i", str(inventory), "-e", f"nginx_tree={tree.parent}", "-e", "gates_culprit=false")
    variables = inventory / "group_vars/web.yml"
    before = variables.read_text()
    variables.write_text(f"{before}\nrollout_emergency: tidy up\n")
    refused = play("playbooks/gate.yml", *arguments)
    assert refused.code == 2, refused.output
    said = " ".join(refused.output.split())
    assert f"rollout_emergency: it is set in {variables}" in said
    assert "counts from the command line alone" in said
    # Where nothing is deployed there is no emergency, whoever says so.
    variables.write_text(before)
    ignored = play("playbooks/gate.yml", *arguments, "-e", "rollout_emergency=tidy up")
    assert ignored.code == 2, ignored.output
    assert "rollout_emergency is ignored: this run only examines, and deploys nothing" in " ".join(
        ignored.output.split()
    )
    assert "1 of 1 releases did not pass the gates" in ignored.output


def test_a_key_that_may_start_the_engine_alone_deploys_a_signed_release(fleet: Restricted) -> None:
    done = fleet.deploy("first")
    assert done.code == 0, done.output
    assert "2 hosts switched and confirmed" in done.output
    assert fleet.words() == ["first", "first"]
    shown = fleet.restricted("playbooks/status.yml", signing=False)
    assert shown.code == 0, shown.output


@pytest.mark.parametrize(
    ("host", "command"),
    [
        ("web1", "id"),
        ("web1", "sh -c id"),
        ("web1", "/usr/local/sbin/sluice-engine; id"),
        ("web1", "internal-sftp"),
        ("web2", "sudo -n id"),
        ("web2", "sudo -n /usr/local/sbin/sluice-engine id"),
        ("web2", "sudo -n PYTHONPATH=/tmp PYTHONSTARTUP=/tmp/x /usr/local/sbin/sluice-engine"),
        ("web2", "sudo -n -u root sh -c id"),
    ],
)
def test_it_runs_nothing_else_as_root(fleet: Restricted, host: str, command: str) -> None:
    done = fleet.ssh(host, command)
    assert b"uid=0" not in done.stdout + done.stderr
    assert done.returncode != 0
    assert b"it answers requests of Sluice only" in done.stderr or b"sudo: " in done.stderr


@pytest.fixture(scope="module")
def examined(fleet: Restricted) -> Release:
    """A release that passed the gates, and is on no host."""
    first = fleet.state("web1")["live"]
    older = ReleaseStore(fleet.project / ".sluice/releases").get(read_release_id(first))
    (fleet.folder / "older.json").write_bytes((older.root / "receipt.json").read_bytes())
    (fleet.folder / "older.json.sig").write_bytes((older.root / "receipt.json.sig").read_bytes())
    return fleet.passed("second")


def _asked(release: Release) -> dict[str, Any]:
    """What the controller would send."""
    return dict(json.loads(json.dumps(build("activate", RUN, release.id, release, RolloutOptions()).request)))


def _signed(fleet: Restricted, receipt: dict[str, Any], key: str = "ada") -> dict[str, Any]:
    return {"receipt": receipt, "signature": sign(receipts.canonical(receipt), fleet.folder / key)}


def _whole(receipt: dict[str, Any], **changes: Any) -> dict[str, Any]:
    changed = {**receipt, **changes}
    return {**changed, "digest": receipts.digest(changed)}


TAMPERED: dict[str, tuple[Callable[[Restricted, dict[str, Any]], dict[str, Any]], str]] = {
    "unsigned": (lambda fleet, asked: {"signature": ""}, "the receipt is not signed"),
    "signed by another": (lambda fleet, asked: _signed(fleet, asked["receipt"], "eve"), "is signed with a key that"),
    "no receipt": (lambda fleet, asked: {"receipt": None}, "there is no receipt of the gates"),
    "no receipt, in an emergency": (
        lambda fleet, asked: {"receipt": None, "emergency": "tidy up"},
        "an emergency overrides gates that failed, never signatures",
    ),
    "an emergency of one's own": (
        lambda fleet, asked: {"receipt": _whole(asked["receipt"], kind="emergency", reason="x"), "emergency": "x"},
        "the receipt's signature is forged",
    ),
    "an emergency that nobody signed": (
        lambda fleet, asked: {
            "receipt": _whole(asked["receipt"], kind="emergency", reason="x"),
            "signature": "",
            "emergency": "x",
        },
        "the receipt is not signed, and this host takes signed ones only",
    ),
    "for another fleet": (
        lambda fleet, asked: _signed(fleet, _whole(asked["receipt"], inventory="staging")),
        "the receipt was signed for another inventory",
    ),
    "longer": (
        lambda fleet, asked: {"receipt": _whole(asked["receipt"], expires="2099-01-01T00:00:00.000Z")},
        "the receipt's signature is forged",
    ),
    **{
        f"another {part}": (
            lambda fleet, asked, part=part, other=other: {"release": {**asked["release"], part: other}},  # type: ignore[misc]
            f"the {part} of release",
        )
        for part, other in {"contract": [], "facts": {}, "shared": ["conf.d"], "platform": {}, "manifest": []}.items()
    },
}


@pytest.mark.parametrize("host", COMMANDS)
@pytest.mark.parametrize("harm", TAMPERED)
def test_no_release_is_activated_that_was_not_signed_as_it_is(
    fleet: Restricted, examined: Release, host: str, harm: str
) -> None:
    before = fleet.state(host)["live"]
    change, words = TAMPERED[harm]
    asked = _asked(examined)
    answer = fleet.send(host, {**asked, **change(fleet, asked)}, examined.bundle)
    assert not answer["ok"]
    assert any(words in problem for problem in problems(answer)), answer
    assert fleet.state(host)["live"] == before


def _evil(digest: str | None = None) -> tuple[str, bytes]:
    """An engine that takes everything, under its own digest or under another one."""
    sources = remote.sources()
    path = "sluice/engine/admission.py"
    changed = sources[path].replace(
        "    at = session.system.now()\n    problems = [", "    return []\n    problems = [", 1
    )
    assert changed != sources[path]
    content = json.dumps({**sources, path: changed}, sort_keys=True).encode()
    return digest or hashlib.sha256(content).hexdigest(), zlib.compress(content)


@pytest.mark.parametrize("host", COMMANDS)
def test_an_engine_that_comes_along_is_not_run(fleet: Restricted, examined: Release, host: str) -> None:
    request = json.dumps({**_asked(examined), "receipt": None}).encode()
    for digest, words in ((None, "the host's engine is another one"), (remote.pack().digest, "there is no receipt")):
        named, evil = _evil(digest)
        header = f"{named} keep {len(evil)} {len(request)} {len(examined.bundle)}\n".encode()
        answer = fleet.sent(host, header + evil + request + examined.bundle, "activate")
        assert any(words in problem for problem in problems(answer)), answer
    assert fleet.state(host)["live"] != examined.id


@pytest.mark.parametrize("host", COMMANDS)
def test_no_engine_takes_its_place_unsigned_or_from_before(fleet: Restricted, host: str) -> None:
    before = fleet.root(host, "cat /usr/local/lib/sluice/current /usr/local/sbin/sluice-engine")
    digest, evil = _evil()
    statement = receipts.state("engine", now(), 1, "", digest_of_engine=digest)
    older = _whole({**statement, "number": int(before.split()[1]) - 1})
    request = {"op": "update_engine", "run": RUN.asking()}
    for wanted, signature, words in (
        (statement, "", "the engine is not signed"),
        (statement, sign(receipts.canonical(statement), fleet.folder / "eve", "sluice-engine"), "does not allow"),
        (statement, sign(receipts.canonical(statement), fleet.key), "the engine's signature is forged"),
        (older, sign(receipts.canonical(older), fleet.key, "sluice-engine"), "was signed before the one"),
        (sign_engine(fleet.key)._replace(content=statement).content, sign_engine(fleet.key).signature, "is forged"),
    ):
        answer = fleet.send(host, {**request, "statement": wanted, "signature": signature}, evil)
        assert any(words in problem for problem in problems(answer)), (words, answer)
    # A signed statement with other content beside it.
    good = sign_engine(fleet.key)
    other = receipts.state("engine", now(), 1, "", digest_of_engine="0" * 64)
    signature = sign(receipts.canonical(other), fleet.key, "sluice-engine")
    answer = fleet.send(host, {**request, "statement": other, "signature": signature}, evil)
    assert "is not the one that was announced" in problems(answer)[0]
    assert good.content["digest_of_engine"] == remote.pack().digest
    assert fleet.root(host, "cat /usr/local/lib/sluice/current /usr/local/sbin/sluice-engine") == before


def test_new_signers_are_signed_by_one_who_may_sign(fleet: Restricted) -> None:
    both = fleet.folder / "both"
    both.write_text(fleet.allowed.read_text() + f"eve@attic {(fleet.folder / 'eve.pub').read_text()}")
    refused = fleet.restricted("playbooks/trust.yml", signing=False, rollout_allowed_signers=str(both))
    assert refused.code == 2
    assert "web1: the trust is not signed, and this host takes signed ones only" in refused.output
    moved = fleet.restricted("playbooks/trust.yml", rollout_allowed_signers=str(both), gates_inventory="staging")
    assert "the trust was signed for another inventory" in moved.output
    assert fleet.root("web1", "cat /etc/sluice/allowed_signers") == fleet.allowed.read_text()
    done = fleet.restricted("playbooks/trust.yml", rollout_allowed_signers=str(both))
    assert done.code == 0, done.output
    assert fleet.root("web2", "cat /etc/sluice/allowed_signers") == both.read_text()
    done = fleet.restricted("playbooks/trust.yml", rollout_allowed_signers=str(fleet.allowed))
    assert done.code == 0, done.output
    assert "changed=1" in done.output
    again = fleet.restricted("playbooks/trust.yml", rollout_allowed_signers=str(fleet.allowed))
    assert "changed=0" in again.output


def test_what_is_newer_goes_out_and_what_is_older_not_any_more(fleet: Restricted, examined: Release) -> None:
    first = ReleaseStore(fleet.project / ".sluice/releases").get(read_release_id(fleet.state("web1")["live"]))
    done = fleet.bring(examined.id)
    assert done.code == 0, done.output
    assert fleet.words() == ["second", "second"]
    older = json.loads((fleet.folder / "older.json").read_text())
    signature = (fleet.folder / "older.json.sig").read_text()
    asked = {**_asked(examined), "receipt": older, "signature": signature}
    described = first.described
    asked["release"] = {name: described[name] for name in asked["release"]}
    for host in COMMANDS:
        answer = fleet.send(host, asked, first.bundle)
        assert problems(answer) == ["the receipt is older than one that this host has taken"]
        stored = {"op": "activate", "run": RUN.asking(), "release": {"id": first.id}, "stored": True}
        assert "only with a signed permission" in problems(fleet.send(host, stored))[0]
        both = {**stored, "receipt": older, "signature": signature}
        assert "one of the kind rollback is needed" in problems(fleet.send(host, both))[0]
    assert fleet.words() == ["second", "second"]


def test_without_an_engine_of_its_own_a_host_says_what_to_do(fleet: Restricted) -> None:
    command = {"rollout_engine_command": "/nowhere/sluice-engine"}
    done = fleet.play(
        "playbooks/status.yml", "--limit", "web2", "-e", json.dumps({"ansible_user": "deploy", **command})
    )
    assert "the host has no engine of its own at '/nowhere/sluice-engine'; run sluice.nginx.trust" in done.output


def test_a_rollback_is_signed(fleet: Restricted) -> None:
    refused = fleet.restricted("playbooks/rollback.yml", signing=False, rollout_bake=0.2)
    assert refused.code == 2
    assert "only with a signed permission" in refused.output
    assert fleet.words() == ["second", "second"]
    done = fleet.restricted("playbooks/rollback.yml", rollout_bake=0.2)
    assert done.code == 0, done.output
    assert fleet.words() == ["first", "first"]


def test_an_emergency_is_signed_as_well(fleet: Restricted) -> None:
    """One that is not is among those that were tampered with."""
    lines: dict[str, Any] = BAD
    done = fleet.deploy("bad", rollout_emergency="it burns", **lines)
    assert done.code == 0, done.output
    assert "EMERGENCY: gates that failed do not stop this run" in done.output
    assert fleet.words() == ["bad", "bad"]


def test_a_controller_of_another_version_updates_the_engine_where_it_can_sign(fleet: Restricted) -> None:
    for host in COMMANDS:
        fleet.root(
            host,
            f"""cd /usr/local/lib/sluice
            cp -a engine/{remote.pack().digest} engine/{"0" * 64}; echo {"0" * 64} 1 > current""",
        )
    refused = fleet.bring(fleet.passed("third", signing=False).id, signing=False)
    assert refused.code == 2
    assert "the host's engine is another one; gates_signing_key updates it" in refused.output
    pushed = fleet.restricted("playbooks/rollback.yml", signing=False)
    assert "set gates_signing_key to a key that the host allows, which signs the controller's engine" in pushed.output
    shown = fleet.restricted("playbooks/status.yml", signing=False)
    assert shown.code == 0, shown.output
    done = fleet.bring(fleet.passed("third").id)
    assert done.code == 0, done.output
    assert fleet.words() == ["third", "third"]
    for host in COMMANDS:
        assert fleet.root(host, "cat /usr/local/lib/sluice/current").split()[0] == remote.pack().digest


def _key(fleet: Restricted, name: str) -> str:
    path = fleet.folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return f"{name}@desk {path.with_suffix('.pub').read_text()}"


def _release(gated: str) -> str:
    """The release of a run of the gates."""
    (found,) = record_of(gated)["releases"]
    return str(found["release"])


def _approved(fleet: Restricted, gated: str, name: str, **more: str) -> None:
    run = re.findall(r"^record: .*/([^/]+)/run.json$", gated, re.MULTILINE)[-1]
    settings = {"run": run, "approve_key": str(fleet.folder / name), **more}
    done = fleet.play("playbooks/approve.yml", "-e", json.dumps(settings))
    assert done.code == 0, done.output
    assert "is approved for sandbox, with" in done.output


def test_a_second_person_approves_where_the_hosts_policy_says_so(fleet: Restricted) -> None:
    people = fleet.folder / "people"
    people.write_text(fleet.allowed.read_text() + _key(fleet, "bob") + _key(fleet, "call"))
    policy = {
        **{"approvals": 1, "approvers": ["bob@desk"]},
        "emergency": {"approvals": 1, "approvers": ["call@desk"]},
    }
    told = fleet.restricted("playbooks/trust.yml", rollout_allowed_signers=str(people), rollout_policy=policy)
    assert told.code == 0, told.output
    gated = fleet.deploy("fourth", playbook="playbooks/gate.yml")
    assert gated.code == 0, gated.output
    # Who has the controller, and the key that signs, is one person.
    alone = fleet.bring(_release(gated.output))
    assert alone.code == 2
    said = " ".join(alone.output.split())
    assert "this host takes a release with more approvals only; expected 1 of bob@desk; actual none" in said
    assert fleet.words() == ["third", "third"]
    for more in ({"rollout_policy": {"approvals": 0}}, {"rollout_forget_receipts": True}):
        changed = fleet.restricted("playbooks/trust.yml", rollout_allowed_signers=str(fleet.allowed), **more)
        assert "one signature changes neither its engine nor what it trusts" in " ".join(changed.output.split())
    _approved(fleet, gated.output, "bob")
    done = fleet.deploy("fourth")
    assert done.code == 0, done.output
    assert fleet.words() == ["fourth", "fourth"]


def test_a_freeze_is_the_hosts_own_and_emergencies_have_their_own_signers(fleet: Restricted) -> None:
    freeze = {"from": "2020-01-01T00:00:00.000Z", "to": "2099-01-01T00:00:00.000Z", "reason": "the holidays"}
    for host in COMMANDS:
        policy = {**json.loads(fleet.root(host, "cat /etc/sluice/policy.json")), "freezes": [freeze]}
        fleet.root(host, f"cat > /etc/sluice/policy.json <<'X'\n{json.dumps(policy)}\nX")
    gated = fleet.deploy("fifth", playbook="playbooks/gate.yml")
    assert gated.code == 0, gated.output
    _approved(fleet, gated.output, "bob")
    frozen = fleet.bring(_release(gated.output))
    assert frozen.code == 2
    assert "there is a freeze until 2099-01-01T00:00:00.000Z (the holidays)" in frozen.output
    assert fleet.words() == ["fourth", "fourth"]
    _approved(fleet, gated.output, "call", approve_emergency="it burns")
    done = fleet.bring(_release(gated.output))
    assert done.code == 0, done.output
    assert fleet.words() == ["fifth", "fifth"]
    # A rollback waits for nobody.
    back = fleet.restricted("playbooks/rollback.yml", rollout_bake=0.2)
    assert back.code == 0, back.output
    assert fleet.words() == ["fourth", "fourth"]
