"""A host takes a release only with its receipt, signed by one of those whom it allows; with the real ssh-keygen."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine.admission import admit, demand, refuse_drill
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.system import Ran, System
from ansible_collections.sluice.nginx.plugins.module_utils.engine.session import Fault, Session
from ansible_collections.sluice.nginx.plugins.module_utils.engine.store import Layout
from ansible_collections.sluice.nginx.plugins.module_utils.receipt import GATES, canonical, digest, issue
from tests.unit.engine.simulation.host import SimulatedHost
from tests.unit.engine.simulation.work import deploy, push, rollback

RELEASE = "a" * 64
PASSED = dict.fromkeys(GATES, "pass")
SENT: dict[str, Any] = {
    "contract": [{"name": "front"}],
    "facts": {"worker_processes": 2},
    "shared": ["ssl"],
    "manifest": [["nginx.conf", "file", 420, "0" * 64]],
    "needs": [],
    "platform": {"os": "debian 12"},
}


class Keys:
    """Two keys; the first belongs to ada, whom the host allows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("ada", "eve"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)]
            subprocess.run(command, check=True)

    def allowed(self, *names: str) -> str:
        """Lines of an allowed_signers file, with options in front of the key."""
        lines = []
        for line in names:
            name, _, restricted = line.partition(" ")
            lines.append(f"{name}@desk {restricted} {(self._folder / f'{name}.pub').read_text()}")
        return "".join(lines)

    def sign(self, name: str, data: bytes, namespace: str = "sluice-receipt") -> str:
        """A signature by the key."""
        command = ["ssh-keygen", "-Y", "sign", "-n", namespace, "-f", str(self._folder / name)]
        return subprocess.run(command, input=data, capture_output=True, check=True).stdout.decode()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def session(tmp_path: Path) -> Session:
    (tmp_path / "inventory").write_text("production\n")
    layout = Layout(root=tmp_path / "root", runtime=tmp_path / "runtime", allowed_signers=tmp_path / "allowed_signers")
    return Session(System(), layout, {"id": "run-1", "who": "ada", "from": "desk"})


def _receipt(session: Session, **changes: Any) -> dict[str, Any]:
    made = issue(RELEASE, "run-1", session.system.now(), 1, PASSED, inventory="production", described=SENT)
    receipt = {**made, **changes}
    return {**receipt, "digest": digest(receipt)}


@pytest.mark.parametrize(
    "allowed",
    [
        ("ada",),
        ("eve", "ada"),
        ('ada namespaces="sluice-receipt"',),
        # A line that allows the key for another purpose does not hide the one that allows it for this.
        ('ada namespaces="git"', "ada"),
    ],
)
def test_a_receipt_signed_by_one_who_is_allowed_is_taken(
    session: Session, keys: Keys, allowed: tuple[str, ...]
) -> None:
    session.layout.allowed_signers.write_text(keys.allowed(*allowed))
    receipt = _receipt(session)
    assert admit(session, RELEASE, receipt, keys.sign("ada", canonical(receipt))) == []
    assert session.warnings == []
    assert list(session.layout.runtime.iterdir()) == []


@pytest.mark.parametrize("name", ["ada@armory.example", "could-not-parse-signature", "*@desk"])
def test_whatever_who_may_sign_is_called_the_signature_holds(session: Session, keys: Keys, name: str) -> None:
    session.layout.allowed_signers.write_text(keys.allowed("ada").replace("ada@desk", name))
    receipt = _receipt(session)
    assert admit(session, RELEASE, receipt, keys.sign("ada", canonical(receipt))) == []


@pytest.mark.parametrize(
    ("case", "what"),
    [
        ("unsigned", "the receipt is not signed, and this host takes signed ones only"),
        ("by eve", "the receipt is signed with a key that this host does not allow"),
        ("of another receipt", "the receipt's signature is forged: it was not made over this receipt"),
        ("for another purpose", "the receipt's signature is forged: it was not made over this receipt"),
        ("garbage", "the receipt's signature is none: it cannot be read"),
        ("cut short", "the receipt's signature is none: it cannot be read"),
        ("no text", "the receipt's signature is none: it cannot be read"),
    ],
)
def test_a_host_that_names_its_signers_takes_no_other_signature(
    session: Session, keys: Keys, case: str, what: str
) -> None:
    session.layout.allowed_signers.write_text(keys.allowed("ada"))
    receipt = _receipt(session)
    good = keys.sign("ada", canonical(receipt))
    signature = {
        "unsigned": "",
        "by eve": keys.sign("eve", canonical(receipt)),
        "of another receipt": keys.sign("ada", canonical({**receipt, "run": "run-2"})),
        "for another purpose": keys.sign("ada", canonical(receipt), "file"),
        "garbage": "garbage",
        "cut short": good[: len(good) // 2],
        "no text": f"\udcff{good}",
    }[case]
    (problem,) = admit(session, RELEASE, receipt, signature)
    assert problem.what == what
    assert problem.expected == f"a signature of one of those in {session.layout.allowed_signers}"
    assert not session.layout.runtime.exists() or list(session.layout.runtime.iterdir()) == []


@pytest.mark.parametrize("text", ["", "ada@desk no-key\n"])
def test_a_file_that_allows_nobody_refuses_everybody(session: Session, keys: Keys, text: str) -> None:
    session.layout.allowed_signers.write_text(text)
    receipt = _receipt(session)
    (problem,) = admit(session, RELEASE, receipt, keys.sign("ada", canonical(receipt)))
    assert problem.what == "the receipt is signed with a key that this host does not allow"
    assert problem.fix == "sign with a key that is allowed, or allow this one with sluice.nginx.trust"


def test_a_receipt_that_is_none_for_the_release_is_refused_however_well_it_is_signed(
    session: Session, keys: Keys
) -> None:
    session.layout.allowed_signers.write_text(keys.allowed("ada"))
    receipt = _receipt(session, release="b" * 64, gates={**PASSED, "smoke": "fail"}, expires="2026-01-01T00:00:00.000Z")
    problems = admit(session, RELEASE, receipt, keys.sign("ada", canonical(receipt)))
    assert [problem.what.split(";")[0] for problem in problems] == [
        f"the receipt is for release {'b' * 12}, not for {'a' * 12}",
        "the receipt says that the gate smoke did not pass: fail",
        "the receipt expired at 2026-01-01T00:00:00.000Z",
    ]
    assert {problem.fix for problem in problems} == {"run sluice.nginx.deploy, whose gates write a receipt"}


def test_without_a_receipt_nothing_is_taken_on_any_host(session: Session) -> None:
    (problem,) = admit(session, RELEASE, None, "")
    assert problem.what == f"there is no receipt of the gates for release {'a' * 12}"
    assert session.warnings == []


def test_a_host_that_names_no_signers_says_so_each_time(session: Session) -> None:
    assert admit(session, RELEASE, _receipt(session), "") == []
    assert session.warnings == [
        f"receipts are not verified on this host: it has no {session.layout.allowed_signers} that says who may sign "
        "them (sluice.nginx.trust puts it there)"
    ]


def test_a_host_without_ssh_keygen_verifies_nothing_and_takes_nothing(session: Session, keys: Keys) -> None:
    class Bare(System):
        def run(self, *arguments: Any, **more: Any) -> Ran:
            return Ran(127, "ssh-keygen: No such file or directory")

    bare = Session(Bare(), session.layout, session.run)
    bare.layout.allowed_signers.write_text(keys.allowed("ada"))
    receipt = _receipt(bare)
    (problem,) = admit(bare, RELEASE, receipt, keys.sign("ada", canonical(receipt)))
    assert problem.what == "the receipt's signature cannot be verified here"
    assert problem.actual == "ssh-keygen: No such file or directory"
    assert problem.fix == "see to it that ssh-keygen (package openssh-client) works on the host"


class Scene:
    """A host that ada may sign for, and what it is asked."""

    def __init__(self, session: Session, keys: Keys, *, own: bool = False, signers: bool = True) -> None:
        self.session = Session(session.system, session.layout, session.run, own=own)
        self.keys = keys
        session.layout.root.mkdir(exist_ok=True)
        if signers:
            session.layout.allowed_signers.write_text(keys.allowed("ada"))

    def receipt(self, later: int = 0, inventory: str = "production", **more: Any) -> dict[str, Any]:
        """A receipt that is signed ``later`` milliseconds after now."""
        made = issue(RELEASE, "run-1", self.session.system.now(), 1, PASSED, inventory=inventory, described=SENT)
        receipt = {**made, "number": made["number"] + later, **more}
        return {**receipt, "digest": digest(receipt)}

    def words(self, receipt: dict[str, Any] | None, **more: Any) -> list[str]:
        """What the host says to a release; nothing where it takes it."""
        meta = {**SENT, **more.pop("meta", {})}
        state = {"releases": more.pop("releases", {}), **more.pop("state", {})}
        signed = more.pop("signed", receipt)
        signature = self.keys.sign("ada", canonical(signed)) if signed else ""
        request: Any = {"receipt": receipt, "signature": signature, **more}
        try:
            demand(self.session, state, request, RELEASE, meta)
        except Fault as fault:
            return [problem.what for problem in fault.problems]
        return []


@pytest.fixture
def scene(session: Session, keys: Keys) -> Scene:
    return Scene(session, keys)


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ("contract", []),
        ("facts", {"worker_processes": 2, "error_logs": ["/tmp/log"]}),
        ("shared", ["ssl", "conf.d"]),
        ("platform", {}),
        ("manifest", [["nginx.conf", "file", 420, "1" * 64]]),
    ],
)
def test_what_is_sent_must_be_what_the_receipt_was_signed_for(scene: Scene, part: str, other: Any) -> None:
    assert scene.words(scene.receipt(), meta={part: other}) == [
        f"the {part} of release {RELEASE[:12]} is not what the receipt was signed for"
    ]
    assert scene.words(scene.receipt()) == []


def test_a_receipt_that_binds_nothing_is_none(scene: Scene) -> None:
    assert len(scene.words(scene.receipt(contents={}))) == 5
    assert len(scene.words(scene.receipt(contents="all"))) == 5


@pytest.mark.parametrize("inventory", ["staging", "", "production\n", None])
def test_a_receipt_for_another_inventory_is_none(scene: Scene, inventory: Any) -> None:
    assert scene.words(scene.receipt(inventory=inventory)) == ["the receipt was signed for another inventory"]


def test_a_host_that_was_not_told_its_inventory_says_so_and_its_own_engine_refuses(
    session: Session, keys: Keys
) -> None:
    session.layout.allowed_signers.with_name("inventory").unlink()
    scene = Scene(session, keys)
    assert scene.words(scene.receipt()) == []
    assert "run sluice.nginx.trust once more" in scene.session.warnings[0]
    own = Scene(session, keys, own=True)
    assert own.words(own.receipt(5)) == ["this host does not know to which inventory it belongs"]


def test_an_older_receipt_is_no_downgrade(scene: Scene) -> None:
    older, newer = scene.receipt(1000), scene.receipt(2000)
    assert scene.words(newer) == []
    assert scene.words(newer) == []
    assert scene.words(older) == ["the receipt is older than one that this host has taken"]
    # The same number, of another release: a clock is no proof.
    other = scene.receipt(release="b" * 64, number=newer["number"])
    problems = admit(scene.session, "b" * 64, other, scene.keys.sign("ada", canonical(other)), SENT)
    assert [problem.what for problem in problems] == ["the receipt is older than one that this host has taken"]
    assert "rollout_forget_receipts=true" in problems[0].fix


@pytest.mark.parametrize("number", [None, "9", 1.5e300, 3_600_001 + 60_000])
def test_a_number_from_the_future_is_not_taken_for_it_would_keep_all_others_out(scene: Scene, number: Any) -> None:
    receipt = scene.receipt()
    ahead = receipt["number"] + number if isinstance(number, int) else number
    assert "the receipt comes from the future" in scene.words(scene.receipt(number=ahead))


def test_what_is_remembered_of_receipts_is_not_begun_anew_when_it_is_damaged(scene: Scene) -> None:
    assert scene.words(scene.receipt()) == []
    (scene.session.layout.root / "admitted.json").write_text("[")
    (words,) = scene.words(scene.receipt(10))
    assert words.startswith("what this host remembers of receipts cannot be read")


@pytest.mark.parametrize("receipt", ["none", "unsigned", "expired", "failed"])
def test_an_emergency_overrides_no_signature(scene: Scene, receipt: str) -> None:
    """With a reason alone, a host that verifies takes nothing that it would not take without."""
    given = {
        "none": None,
        "unsigned": scene.receipt(),
        "expired": scene.receipt(expires="2020-01-01T00:00:00.000Z"),
        "failed": scene.receipt(gates={**PASSED, "smoke": "fail"}),
    }[receipt]
    signed = None if receipt == "unsigned" else given
    words = scene.words(given, signed=signed, emergency="tidy up")
    assert words[-1] == "an emergency overrides gates that failed, never signatures"
    assert len(words) == 2


def _emergency(scene: Scene, **more: Any) -> dict[str, Any]:
    return scene.receipt(**{"kind": "emergency", "reason": "it burns", "gates": {**PASSED, "smoke": "fail"}, **more})


def test_a_signed_emergency_is_taken_and_is_loud(scene: Scene) -> None:
    assert scene.words(_emergency(scene), emergency="it burns") == []
    assert [each for each in scene.session.warnings if each.startswith("EMERGENCY")] == [
        "EMERGENCY: activated without what the gates demand (the receipt says that the gate smoke did not pass: fail), "
        "because: it burns"
    ]
    (event,) = scene.session.store.last_events(9)
    assert (event["event"], event["reason"]) == ("emergency", "it burns")


@pytest.mark.parametrize(
    ("changes", "signed"),
    [
        ({}, "nothing"),
        ({"reason": " "}, "it"),
        ({"inventory": "staging"}, "it"),
        ({"contents": {}}, "it"),
    ],
)
def test_an_emergency_is_signed_for_a_reason_an_inventory_and_a_content(
    scene: Scene, changes: dict[str, Any], signed: str
) -> None:
    receipt = _emergency(scene, **changes)
    assert scene.words(receipt, signed=receipt if signed == "it" else None, emergency="it burns") != []


@pytest.mark.parametrize("receipt", [None, "unsigned"])
def test_a_host_that_verifies_nothing_takes_an_emergency_with_a_warning_as_ever(
    session: Session, keys: Keys, receipt: str | None
) -> None:
    scene = Scene(session, keys, signers=False)
    given = _emergency(scene) if receipt else None
    assert scene.words(given, signed=None, emergency="it burns") == []
    assert scene.session.warnings[-1].startswith("EMERGENCY: activated without what the gates demand")
    assert scene.words(None) == [f"there is no receipt of the gates for release {RELEASE[:12]}"]


LIVE: Any = "c" * 64


def _drill(scene: Scene, manifest: list[list[Any]], *, confirmed: bool = True, **more: Any) -> list[str]:
    """What a host that serves nginx.conf says to the release of a drill with these files."""
    (scene.session.layout.root / "meta").mkdir(exist_ok=True)
    scene.session.store.save_meta(LIVE, {"id": LIVE, "manifest": SENT["manifest"]})
    described = {**SENT, "manifest": manifest}
    terms: dict[str, Any] = {"kind": "drill", "inventory": "production", "described": described}
    receipt = {**issue(RELEASE, "run-1", scene.session.system.now(), 1, {}, **terms), **more.pop("receipt", {})}
    receipt["digest"] = digest(receipt)
    state = {"live": LIVE, "confirmed": {"release": LIVE} if confirmed else None}
    return scene.words(receipt, meta=described, state=state, **more)


MARK = [".sluice-drill", "file", 420, "1" * 64]


def test_the_release_of_a_drill_is_what_the_host_serves_but_for_its_mark(scene: Scene) -> None:
    front = SENT["manifest"][0]
    assert _drill(scene, [MARK, front]) == []
    what = f"release {RELEASE[:12]} is not what this host serves, so it is none for a drill"
    for other in ([MARK, [*front[:3], "9" * 64]], [MARK, front, ["more.conf", "file", 420, "2" * 64]], [MARK]):
        assert _drill(scene, other) == [what]
    assert _drill(scene, [MARK, front], confirmed=False) == ["a drill needs a host that serves a confirmed release"]
    # Nor is it one without a signature, for a reason, or for another inventory.
    assert len(_drill(scene, [MARK, front], signed=None)) == 1
    assert what in _drill(scene, [MARK], emergency="it burns")
    assert _drill(scene, [MARK, front], receipt={"inventory": "staging"}) == [
        "the receipt was signed for another inventory"
    ]


def test_a_drill_keeps_out_nothing_that_was_signed_before_it(scene: Scene) -> None:
    before = scene.receipt(1)
    assert _drill(scene, [MARK, SENT["manifest"][0]], receipt={"number": before["number"] + 5000}) == []
    assert scene.words(before) == []


def test_no_host_accepts_a_release_that_came_for_a_drill(scene: Scene) -> None:
    release: Any = RELEASE
    (scene.session.layout.root / "meta").mkdir(exist_ok=True)
    scene.session.store.save_meta(release, {"id": RELEASE, "receipt": {"kind": "drill"}})
    with pytest.raises(Fault, match="a drill is rolled back in any case"):
        refuse_drill(scene.session, release)
    scene.session.store.save_meta(release, {"id": RELEASE, "receipt": {"kind": "gates"}})
    refuse_drill(scene.session, release)


CONFIRMED = {RELEASE: {"confirmed": {"release": RELEASE}}}


def test_a_rollback_to_a_stored_release_wants_a_signed_permission(scene: Scene) -> None:
    assert scene.words(None, stored=True, releases=CONFIRMED) == [
        "this host goes to another release that it has only with a signed permission"
    ]
    assert scene.words(scene.receipt(), stored=True, releases=CONFIRMED) == [
        "the receipt is of the kind gates, and one of the kind rollback is needed"
    ]
    permission = scene.receipt(1, kind="rollback")
    assert scene.words(permission, stored=True, releases=CONFIRMED, signed=None) == [
        "the receipt is not signed, and this host takes signed ones only"
    ]
    assert scene.words(permission, stored=True, releases=CONFIRMED) == []
    # And none for a release that is sent.
    assert "the receipt is of the kind rollback, and one of the kind gates is needed" in scene.words(permission)


def test_a_permission_does_not_make_a_release_good_that_never_was(scene: Scene) -> None:
    (words,) = scene.words(scene.receipt(kind="rollback"), stored=True)
    assert words == f"there is no receipt of the gates for release {RELEASE[:12]}"
    stored = {"receipt": scene.receipt()}
    assert scene.words(scene.receipt(1, kind="rollback"), stored=True, meta=stored) == []


def test_where_nothing_is_verified_a_stored_release_needs_no_permission(session: Session, keys: Keys) -> None:
    assert Scene(session, keys, signers=False).words(None, stored=True, releases=CONFIRMED) == []


def test_an_engine_of_the_hosts_own_takes_nothing_where_nobody_may_sign(session: Session, keys: Keys) -> None:
    own = Scene(session, keys, own=True, signers=False)
    assert own.words(own.receipt()) == ["the receipt is signed with a key that this host does not allow"]
    assert own.words(None, emergency="it burns") != []


@pytest.fixture
def signing(new_host: Callable[..., SimulatedHost]) -> SimulatedHost:
    """A host with two confirmed releases, that takes signed ones only from now on."""
    host = new_host()
    deploy(host, "one", "two")
    host.layout.allowed_signers.parent.mkdir(parents=True, exist_ok=True)
    host.layout.allowed_signers.write_text("")
    return host


def test_a_run_rolls_back_what_it_has_just_confirmed_for_another_host_could_not(signing: SimulatedHost) -> None:
    assert rollback(signing, "finalize", of="run two")["rolled_back"] is True


def test_whoever_may_log_in_walks_back_no_further(signing: SimulatedHost) -> None:
    signing.clock.pass_(3601.0)
    answer = rollback(signing, "eve", of="run two")
    assert "and this host takes no rollback of it any more" in answer["problems"][0]["what"]
    assert "sluice.nginx.rollback" in answer["problems"][0]["fix"]
    signing.layout.allowed_signers.unlink()
    assert rollback(signing, "eve", of="run two")["rolled_back"] is True


def test_a_trial_is_rolled_back_by_anybody_at_any_time(signing: SimulatedHost) -> None:
    signing.layout.allowed_signers.unlink()
    assert push(signing, "run three", "three")["ok"]
    signing.layout.allowed_signers.write_text("")
    assert rollback(signing, "unlock", of="run three")["rolled_back"] is True


def test_the_watchdog_needs_no_signature(signing: SimulatedHost) -> None:
    signing.layout.allowed_signers.unlink()
    assert push(signing, "run three", "three")["ok"]
    signing.layout.allowed_signers.write_text("")
    signing.wait(600.0)
    status = signing.ask_engine("status", "look")
    assert (status["pending"], status["last"]["by"]) == (None, "watchdog")
