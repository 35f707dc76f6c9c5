"""What a host asks of a release beside its receipt, with the real ssh-keygen."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine.admission import demand
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.system import System
from ansible_collections.sluice.nginx.plugins.module_utils.engine.operations.trust import trust
from ansible_collections.sluice.nginx.plugins.module_utils.engine.policy import has_policy, moment_problems
from ansible_collections.sluice.nginx.plugins.module_utils.engine.session import Fault, Session
from ansible_collections.sluice.nginx.plugins.module_utils.engine.store import Layout
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.policy import read_policy
from ansible_collections.sluice.nginx.plugins.module_utils.receipt import (
    APPROVAL,
    GATES,
    canonical,
    contents,
    digest,
    issue,
    state,
)

RELEASE = "a" * 64
SENT: dict[str, Any] = {
    "contract": [{"name": "front"}],
    "facts": {},
    "shared": [],
    "manifest": [["nginx.conf", "file", 420, "0" * 64]],
    "platform": {"os": "debian 12"},
}
PEOPLE = ("ci", "ada", "bob", "call")
NEVER = {"days": ["mon"], "from": "00:00", "to": "00:00"}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for name in (*PEOPLE, "eve"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)], check=True
        )
    return folder


class Host:
    """A host that ci, ada, bob and call may sign for, and its policy."""

    def __init__(self, root: Path, keys: Path, policy: dict[str, Any] | None) -> None:
        self.keys, self.root = keys, root
        (root / "inventory").write_text("production\n")
        lines = [f"{name} {(keys / f'{name}.pub').read_text()}" for name in PEOPLE]
        # Bob has two names, and one key.
        lines.append(f"bobby {(keys / 'bob.pub').read_text()}")
        (root / "allowed_signers").write_text("".join(lines))
        if policy is not None:
            (root / "policy.json").write_text(json.dumps(read_policy(policy)))
        self.session = self.again()

    def again(self, *, own: bool = False) -> Session:
        root = self.root
        layout = Layout(root=root / "root", runtime=root / "runtime", allowed_signers=root / "allowed_signers")
        layout.root.mkdir(exist_ok=True)
        return Session(System(), layout, {"id": "run-1", "who": "ada", "from": "desk"}, own=own)

    def sign(self, name: str, statement: dict[str, Any], namespace: str) -> str:
        command = ["ssh-keygen", "-Y", "sign", "-n", namespace, "-f", str(self.keys / name)]
        return subprocess.run(command, input=canonical(statement), capture_output=True, check=True).stdout.decode()

    def approval(self, name: str, namespace: str = "sluice-approval", **more: Any) -> dict[str, Any]:
        facts = {"release": RELEASE, "contents": contents(SENT), "who": name, "inventory": "production", **more}
        inventory = str(facts.pop("inventory"))
        statement = state(str(facts.pop("kind", APPROVAL)), self.session.system.now(), 1, inventory, **facts)
        statement.update(facts.get("over", {}))
        return {"statement": statement, "signature": self.sign(name, statement, namespace)}

    def words(self, *approvals: Any, kind: str = "gates", **receipt: Any) -> list[str]:
        """What the host says to a release that ci's controller brings, with these approvals."""
        gates = dict.fromkeys(GATES, "pass")
        more: dict[str, Any] = {}
        if kind == "emergency":
            more, gates = {"reason": "it burns"}, {**gates, "smoke": "fail"}
        made = {
            **issue(RELEASE, "run-1", self.session.system.now(), 1, gates, inventory="production", described=SENT),
            **{"kind": kind, **more, **receipt},
        }
        made["digest"] = digest(made)
        request: Any = {"receipt": made, "signature": self.sign("ci", made, "sluice-receipt")}
        request["approvals"] = list(approvals)
        try:
            demand(self.session, {"releases": {}}, request, RELEASE, SENT)
        except Fault as fault:
            return [problem.what for problem in fault.problems]
        return []


FOUR_EYES = {"approvals": 2, "approvers": ["ada", "bob", "bobby"]}
LACKS = "this host takes a release with more approvals only"


def test_two_people_approve_what_one_controller_brings(tmp_path: Path, keys: Path) -> None:
    host = Host(tmp_path, keys, FOUR_EYES)
    ada, bob = host.approval("ada"), host.approval("bob")
    assert host.words(ada, bob) == []
    assert host.words() == [LACKS]
    assert host.words(ada) == [LACKS]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        # Ada again, ci and call, who are no approvers, and eve, whom nobody knows.
        ("ada", {}),
        ("ci", {}),
        ("call", {}),
        ("eve", {}),
        # Another release, content, fleet, kind, purpose of the key, or time.
        ("bob", {"release": "b" * 64}),
        ("bob", {"contents": contents({**SENT, "contract": []})}),
        ("bob", {"inventory": "staging"}),
        ("bob", {"kind": "gates"}),
        ("bob", {"namespace": "sluice-receipt"}),
        ("bob", {"emergency": "it burns"}),
        ("bob", {"over": {"expires": "2020-01-01T00:00:00.000Z"}}),
        ("bob", {"over": {"number": 99999999999999}}),
    ],
)
def test_what_is_no_second_approval(tmp_path: Path, keys: Path, name: str, changes: dict[str, Any]) -> None:
    host = Host(tmp_path, keys, FOUR_EYES)
    assert host.words(host.approval("ada"), host.approval(name, **changes)) == [LACKS]


def test_one_key_with_two_names_is_one_person_and_a_changed_approval_is_none(tmp_path: Path, keys: Path) -> None:
    host = Host(tmp_path, keys, {**FOUR_EYES, "approvers": ["bob", "bobby"]})
    assert host.words(host.approval("bob"), host.approval("bob", who="bobby")) == [LACKS]
    two = Host(tmp_path, keys, FOUR_EYES)
    forged = two.approval("bob", release="b" * 64)
    forged["statement"]["release"] = RELEASE
    assert two.words(two.approval("ada"), forged) == [LACKS]
    assert two.words(two.approval("ada"), None, [], {"statement": []}, {"signature": "x"}) == [LACKS]


def test_emergencies_have_their_own_signers_who_override_the_rest(tmp_path: Path, keys: Path) -> None:
    urgent = {"emergency": {"approvals": 1, "approvers": ["call"]}}
    freeze = {"from": "2020-01-01T00:00:00Z", "to": "2099-01-01T00:00:00Z", "reason": "the holidays"}
    host = Host(tmp_path, keys, {**FOUR_EYES, **urgent, "freezes": [freeze]})
    both = [host.approval("ada"), host.approval("bob")]
    assert host.words(*both) == ["there is a freeze until 2099-01-01T00:00:00.000Z (the holidays)"]
    assert host.words(host.approval("call", emergency="it burns")) == []
    # Who approves releases does not approve emergencies, nor does one who may, but means a release.
    lacks = ["this host takes an emergency with more approvals only"]
    assert host.words(*both, kind="emergency") == lacks
    assert host.words(host.approval("call"), kind="emergency") == lacks
    wrong = [host.approval(name, emergency="x") for name in ("ada", "bob")]
    assert host.words(*wrong, kind="emergency") == lacks
    assert host.words(host.approval("call", emergency="it burns"), kind="emergency") == []


def test_without_signers_of_their_own_emergencies_are_held_to_all_of_it(tmp_path: Path, keys: Path) -> None:
    host = Host(tmp_path, keys, {**FOUR_EYES, "freezes": [{"from": "2020-01-01", "to": "2099-01-01"}]})
    assert host.words(kind="emergency") == [LACKS, "there is a freeze until 2099-01-01T00:00:00.000Z"]


@pytest.mark.parametrize(
    ("lived", "good"),
    [
        ([{"inventory": "staging", "hours": 25, "hosts": 2, "rolled_back": False}], True),
        ([{"inventory": "staging", "hours": 23, "hosts": 2, "rolled_back": False}], False),
        ([{"inventory": "staging", "hours": 25, "hosts": 1, "rolled_back": False}], False),
        ([{"inventory": "staging", "hours": 25, "hosts": 2, "rolled_back": True}], False),
        ([{"inventory": "dev", "hours": 25, "hosts": 2, "rolled_back": False}], False),
        ([], False),
    ],
)
def test_a_policy_asks_where_a_release_has_lived(tmp_path: Path, keys: Path, lived: list[Any], good: bool) -> None:
    host = Host(tmp_path, keys, {"soaked": {"inventory": "staging", "hours": 24, "hosts": 2}})
    words = [] if good else ["the receipt does not say that the release has soaked"]
    assert host.words(lived=lived) == words


def test_a_receipt_carries_windows_and_a_host_without_policy_holds_to_them(tmp_path: Path, keys: Path) -> None:
    freezes = [{"from": "2020-01-01T00:00:00.000Z", "to": "2099-01-01T00:00:00.000Z"}]
    host = Host(tmp_path, keys, None)
    assert host.words() == []
    assert host.words(freezes=freezes) == ["there is a freeze until 2099-01-01T00:00:00.000Z"]
    assert host.words(freezes=freezes, kind="emergency") == []


@pytest.mark.parametrize("text", ["[", "[]", "1"])
def test_a_policy_that_cannot_be_read_lets_nothing_in(tmp_path: Path, keys: Path, text: str) -> None:
    host = Host(tmp_path, keys, FOUR_EYES)
    (tmp_path / "policy.json").write_text(text)
    (words,) = host.words(host.approval("ada"), host.approval("bob"))
    assert "cannot be read" in words


DAYS = {"days": ["mon", "fri"], "from": "09:00", "to": "16:00"}
NIGHT = {"days": ["fri"], "from": "22:00", "to": "04:00"}


@pytest.mark.parametrize(
    ("window", "at", "is_open"),
    [
        (DAYS, "2026-11-27T09:00:00.000Z", True),  # a Friday
        (DAYS, "2026-11-27T15:59:59.999Z", True),
        (DAYS, "2026-11-27T16:00:00.000Z", False),
        (DAYS, "2026-11-27T08:59:59.999Z", False),
        (DAYS, "2026-11-28T10:00:00.000Z", False),
        (DAYS, "2026-11-30T10:00:00.000Z", True),
        # Over midnight, into the next day.
        (NIGHT, "2026-11-27T23:00:00.000Z", True),
        (NIGHT, "2026-11-28T03:59:00.000Z", True),
        (NIGHT, "2026-11-28T04:00:00.000Z", False),
        (NIGHT, "2026-11-27T03:00:00.000Z", False),
    ],
)
def test_when_a_window_is_open(window: dict[str, Any], at: str, is_open: bool) -> None:
    found = [problem.what for problem in moment_problems({"windows": [window]}, at)]
    assert found == ([] if is_open else ["this is outside of the windows for changes"])
    # One of several is enough.
    assert moment_problems({"windows": [NEVER, window]}, at) == [] or not is_open


def test_one_signature_does_not_change_what_a_host_with_four_eyes_trusts(tmp_path: Path, keys: Path) -> None:
    host = Host(tmp_path, keys, FOUR_EYES)
    facts = {"signers": (tmp_path / "allowed_signers").read_text(), "engine": "", "forget": False}
    statement = state("trust", host.session.system.now(), 1, "production", **facts, policy={"approvals": 0})
    request: Any = {"statement": statement, "signature": host.sign("ci", statement, "sluice-trust")}
    with pytest.raises(Fault, match="one signature changes neither its engine nor what it trusts"):
        trust(host.again(own=True), request, b"")
    assert json.loads((tmp_path / "policy.json").read_text())["approvals"] == 2
    # An administrator, who is root, may.
    assert trust(host.again(), request, b"")["changed"]
    assert json.loads((tmp_path / "policy.json").read_text()) == {"approvals": 0}
    assert host.words() == []


@pytest.mark.parametrize(
    ("policy", "holds"),
    [({"approvals": 0}, False), ({"freezes": [{"from": "2020-01-01", "to": "2020-01-02"}]}, True), (FOUR_EYES, True)],
)
def test_what_asks_for_anything_is_a_policy(tmp_path: Path, keys: Path, policy: dict[str, Any], holds: bool) -> None:
    assert has_policy(Host(tmp_path, keys, policy).session) is holds
    assert not has_policy(Host(tmp_path, keys, None).session) or holds
