"""What is published: for each host its own release, signed, with a number that grows; and what hosts make of it."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils import receipt as receipts
from ansible_collections.sluice.nginx.plugins.module_utils import remote
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host import kernel
from ansible_collections.sluice.nginx.plugins.module_utils.engine.main import handle
from ansible_collections.sluice.nginx.plugins.module_utils.engine.pull import trial
from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError, SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.signing import Signer
from ansible_collections.sluice.nginx.plugins.module_utils.publishing.folder import PublishedFolder, Terms
from ansible_collections.sluice.nginx.plugins.module_utils.publishing.model import read_publish, read_pull
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import now
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import ReleaseId
from tests.unit.engine.pulling import PullingHost, make_key
from tests.unit.engine.simulation.crash import fsync, sync_filesystem
from tests.unit.engine.simulation.releases import release
from tests.unit.engine.simulation.truths import state_of


class Controller:
    """Releases that passed the gates, and what publishes them."""

    def __init__(self, root: Path, key: Path, signs: Path | None = None) -> None:
        self.root, self.key, self.signs = root, key, signs or key
        self.folder = root / "published"
        self.store = ReleaseStore(root / "releases")
        self.signers = f"ann@desk {key.with_suffix('.pub').read_text()}"

    def gated(self, name: str, *, at: str = "", inventory: str = "production", **more: Any) -> ReleaseId:
        """Put a release of the simulation into the store, with its receipt, which may have expired since."""
        made = release(name)
        folder = self.store.root / made.id
        (folder / "tree").mkdir(parents=True, exist_ok=True)
        (folder / "bundle.tar.gz").write_bytes(made.bundle)
        described = {**made.form, "platform": {}, "needs": []}
        (folder / "release.json").write_text(json.dumps(described))
        gates = dict.fromkeys(receipts.GATES, "pass")
        receipt = receipts.issue(made.id, "r1", at or now(), 1, gates, inventory=inventory, described=described, **more)
        (folder / "receipt.json").write_text(json.dumps(receipt))
        return made.id

    def without_receipt(self, name: str) -> ReleaseId:
        identity = self.gated(name)
        (self.store.root / identity / "receipt.json").unlink()
        return identity

    def publisher(self, **more: Any) -> PublishedFolder:
        row = read_publish({"folder": str(self.folder), **{k: v for k, v in more.items() if k in ("days", "targets")}})
        assert row is not None
        inventory = more.get("inventory", "production")
        given: dict[str, Any] = {"bake": 0.2, "confirm_timeout": 30.0, "keep": 5, "drift": "adopt-package", "needs": {}}
        given.update({name: more[name] for name in given if name in more})
        terms = Terms(Signer(self.signs, inventory), more.get("signers", self.signers), {}, **given)
        return PublishedFolder(self.folder, row, self.store, terms)

    def publish(self, wanted: dict[str, ReleaseId], **more: Any) -> list[str]:
        return self.publisher(**more).publish(wanted).new

    def statement(self, name: str) -> dict[str, Any]:
        return dict(json.loads((self.folder / "targets" / f"{name}.json").read_text())["statement"])

    def contents(self) -> set[str]:
        return set(os.listdir(self.folder / "content"))


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("keys") / "ann")


@pytest.fixture
def controller(tmp_path: Path, key: Path) -> Controller:
    return Controller(tmp_path, key)


@pytest.fixture
def pulling(controller: Controller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], PullingHost]:
    """Makes hosts that trust the controller's key. The simulated machine lives now."""
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(kernel, "sync_filesystem", sync_filesystem)

    def make(name: str) -> PullingHost:
        host = PullingHost(tmp_path / name)
        host.trusts(controller.key)
        monkeypatch.setattr(host, "now", now)
        return host

    return make


def test_each_host_takes_its_own_release_out_of_one_folder(
    controller: Controller, pulling: Callable[[str], PullingHost], tmp_path: Path
) -> None:
    a, b = controller.gated("a"), controller.gated("b", at="2026-01-01T00:00:00.000Z")
    assert controller.publish({"edge1": a, "edge2": b}) == ["edge1", "edge2"]
    for name, wanted in {"edge1": a, "edge2": b}.items():
        host = pulling(name)
        # It has the engine that is published.
        (host.layout.own / "current").write_text(f"{remote.pack().digest} 1\n")
        looked = host.look(f"file://{controller.folder}", name)
        assert looked.good, looked.words
        assert state_of(host)["confirmed"]["release"] == wanted
        # What is another host's does not pass for its own, although the fleet's key has signed it.
        other = {"edge1": "edge2", "edge2": "edge1"}[name]
        document = controller.folder / "targets" / f"{other}.json"
        (tmp_path / "mirror" / "targets").mkdir(parents=True, exist_ok=True)
        (tmp_path / "mirror" / "targets" / f"{name}.json").write_bytes(document.read_bytes())
        looked = host.look(f"file://{tmp_path / 'mirror'}", name)
        assert "was signed for another host" in looked.words


def test_who_may_sign_and_the_engine_come_by_the_same_way(
    controller: Controller, pulling: Callable[[str], PullingHost], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    host = pulling("edge1")
    monkeypatch.setattr(
        "ansible_collections.sluice.nginx.plugins.module_utils.engine.own.interpreter", lambda: "/usr/bin/python3"
    )
    more = f"{controller.signers}bob@desk {make_key(tmp_path / 'bob').with_suffix('.pub').read_text()}"
    controller.publish({"edge1": controller.gated("a")}, signers=more)
    looked = host.look(f"file://{controller.folder}")
    assert (looked.good, looked.restart) == (True, True), looked.words
    assert (host.layout.own / "current").read_text().split()[0] == remote.pack().digest
    assert host.layout.allowed_signers.read_text() == more
    assert state_of(host)["live"] is None
    # The new engine is what tries the release.
    looked = host.look(f"file://{controller.folder}")
    assert (looked.good, looked.restart) == (True, False), looked.words
    assert state_of(host)["live"] == release("a").id


def test_who_may_sign_is_taken_later_where_something_was_in_the_way(
    controller: Controller, pulling: Callable[[str], PullingHost], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    host = pulling("edge1")
    (host.layout.own / "current").write_text(f"{remote.pack().digest} 1\n")
    more = f"{controller.signers}bob@desk {make_key(tmp_path / 'bob').with_suffix('.pub').read_text()}"
    controller.publish({"edge1": controller.gated("a")}, signers=more)

    def busy(request: dict[str, Any], *others: Any, **named: Any) -> dict[str, Any]:
        if request["op"] == "trust":
            return {"ok": False, "problems": [{"what": "another operation holds this host"}], "warnings": []}
        return handle(request, *others, **named)

    with monkeypatch.context() as held:
        held.setattr(trial, "handle", busy)
        looked = host.look(f"file://{controller.folder}")
    assert looked.good
    assert "who may sign stays as it is: another operation holds this host" in looked.warnings
    assert host.layout.allowed_signers.read_text() == controller.signers
    assert host.look(f"file://{controller.folder}").good
    assert host.layout.allowed_signers.read_text() == more


def test_what_says_the_same_is_not_published_anew(controller: Controller) -> None:
    a, b = controller.gated("a"), controller.gated("b")
    controller.publish({"edge1": a})
    first, files = controller.statement("edge1"), controller.contents()
    assert controller.publish({"edge1": a}) == []
    assert (controller.statement("edge1"), controller.contents()) == (first, files)
    assert controller.publish({"edge1": a}, bake=7.0) == ["edge1"]
    assert controller.statement("edge1")["number"] > first["number"]
    # After half of its time, it is published anew, so that hosts that join later take it.
    assert controller.publish({"edge1": a}, bake=7.0, days=90) == ["edge1"]
    assert controller.publisher().before("edge1") is None
    controller.publish({"edge1": b})
    assert controller.publisher().before("edge1") == a
    controller.publish({"edge1": b}, bake=9.0)
    assert controller.publisher().before("edge1") == a


def test_the_number_grows_although_a_clock_went_back(controller: Controller, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = controller.gated("a"), controller.gated("b")
    controller.publish({"edge1": a})
    first = controller.statement("edge1")["number"]
    past = "2026-01-01T00:00:00.000Z"
    monkeypatch.setattr("ansible_collections.sluice.nginx.plugins.module_utils.publishing.folder.now", lambda: past)
    controller.publish({"edge1": b})
    assert controller.statement("edge1")["number"] == first + 1


def _change(controller: Controller, name: str = "edge1", **changes: Any) -> None:
    """Write to the folder without a key."""
    path = controller.folder / "targets" / f"{name}.json"
    document = json.loads(path.read_text())
    document["statement"].update(changes)
    path.write_text(json.dumps(document))


def _put(controller: Controller, name: str, make: Callable[[Path], object]) -> None:
    """Put something else in the place of a file."""
    path = controller.folder / name
    path.unlink(missing_ok=True)
    make(path)


def _beside(controller: Controller, name: str, make: Callable[[Path], object]) -> None:
    """The same, with a statement that has to be written anew."""
    _put(controller, name, make)
    _change(controller, number="abc")


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


def _old_folder(path: Path) -> None:
    path.mkdir()
    os.utime(path, (0, 0))


HARMS: dict[str, Callable[[Controller], Any]] = {
    "a pipe": lambda made: _put(made, "targets/edge1.json", os.mkfifo),
    "a device without an end": lambda made: _put(made, "targets/edge1.json", lambda path: path.symlink_to("/dev/zero")),
    "a tebibyte": lambda made: _put(made, "targets/edge1.json", _sparse),
    "a folder": lambda made: _put(made, "targets/edge1.json", lambda path: (path / "a").mkdir(parents=True)),
    "a pipe of another host's": lambda made: _beside(made, "targets/edge3.json", os.mkfifo),
    "an old folder among the content": lambda made: _beside(made, f"content/{'a' * 64}.json", _old_folder),
    "a pipe for the program": lambda made: _beside(made, "join.py", os.mkfifo),
    "a tebibyte for the fleet": lambda made: _beside(made, "fleet.json", _sparse),
    "no statement": lambda made: (made.folder / "targets/edge1.json").write_text('{"statement": [1]}'),
    "no JSON": lambda made: (made.folder / "targets/edge1.json").write_text(""),
    "a number that is none": lambda made: _change(made, number="abc"),
    "a number without end": lambda made: _change(made, number=float("inf")),
    "a number that no other is above": lambda made: _change(made, number=10**25, bake=9),
    "a fleet that is none": lambda made: _change(made, fleet="x"),
    "a description elsewhere": lambda made: _change(made, description={"sha256": "../x", "bytes": 1}),
    "a release before that is none": lambda made: _change(made, before="../x"),
    "another host's": lambda made: os.replace(made.folder / "targets/edge2.json", made.folder / "targets/edge1.json"),
}


@pytest.mark.parametrize("harm", HARMS)
def test_whoever_writes_to_the_folder_keeps_nothing_from_being_published(controller: Controller, harm: str) -> None:
    a = controller.gated("a")
    controller.publish({"edge1": a, "edge2": a})
    first = controller.statement("edge1")
    HARMS[harm](controller)
    assert controller.publish({"edge1": a}) == ["edge1"]
    assert first["number"] < controller.statement("edge1")["number"] < first["number"] + 1e6
    (controller.folder / "targets/edge2.json").write_text('{"statement": [1]}')
    (controller.folder / "fleet.json").write_text('{"engine": [1], "trust": [1]}')
    assert controller.publish({"edge1": controller.gated("b")}) == ["edge1"]


def test_content_that_is_damaged_is_written_anew(controller: Controller) -> None:
    a = controller.gated("a")
    controller.publish({"edge1": a})
    files = {path: path.read_bytes() for path in (controller.folder / "content").iterdir()}
    named = str(controller.statement("edge1")["description"]["sha256"])
    for path, data in files.items():
        path.write_bytes(data.replace(b'"needs":[]', b'"needs":{}') if named in path.name else b"x" * len(data))
    join = (controller.folder / "join.py").read_bytes()
    (controller.folder / "join.py").write_text("import evil")
    controller.publish({"edge1": a})
    assert (controller.folder / "join.py").read_bytes() == join
    assert all(path.read_bytes() == data for path, data in files.items() if named not in path.name)
    assert controller.statement("edge1")["description"]["sha256"] != named


def test_a_stranger_does_not_say_what_a_rollback_leads_to(controller: Controller) -> None:
    a, b, c = controller.gated("a"), controller.gated("b"), controller.gated("c")
    controller.publish({"edge1": a})
    controller.publish({"edge1": b})
    assert controller.publisher().before("edge1") == a
    _change(controller, before=c)
    with pytest.raises(SluiceError, match="was not signed by one of rollout_allowed_signers"):
        controller.publisher().before("edge1")


def test_what_nobody_needs_any_more_goes_after_a_day(controller: Controller) -> None:
    a, b = controller.gated("a"), controller.gated("b")
    controller.publish({"edge1": a})
    bundle = f"{controller.statement('edge1')['bundle']['sha256']}.tar.gz"
    controller.publish({"edge1": b})
    # A slow host may still be reading it.
    assert bundle in controller.contents()
    # So has a run that was killed.
    (controller.folder / "content" / f".{bundle}.x7").write_bytes(b"half")
    for left in (bundle, f".{bundle}.x7"):
        os.utime(controller.folder / "content" / left, (0, 0))
    (controller.folder / "content" / "notes.txt").write_text("somebody's")
    controller.publish({"edge1": b}, bake=3.0)
    assert not [name for name in controller.contents() if bundle in name]
    assert "notes.txt" in controller.contents()


@pytest.mark.parametrize(("folder", "file"), [(0o755, 0o644), (0o750, 0o640), (0o700, 0o600), (0o2755, 0o644)])
def test_files_are_as_open_as_their_folder(controller: Controller, folder: int, file: int) -> None:
    controller.folder.mkdir()
    controller.folder.chmod(folder)
    controller.publish({"edge1": controller.gated("a")})
    modes = {stat.S_IMODE(path.stat().st_mode) for path in controller.folder.rglob("*") if path.is_file()}
    assert modes == {file}
    assert stat.S_IMODE((controller.folder / "content").stat().st_mode) == folder


REFUSALS: dict[str, tuple[Callable[[Controller], Any], str]] = {
    "a release that is not here": (lambda made: made.publish({"edge1": ReleaseId("f" * 64)}), "is not in"),
    "a release without a receipt": (
        lambda made: made.publish({"edge1": made.without_receipt("a")}),
        "there is no receipt of the gates",
    ),
    "a release of another inventory": (
        lambda made: made.publish({"edge1": made.gated("a", inventory="staging")}),
        "is for the inventory 'staging'",
    ),
    "a name that is a path": (
        lambda made: made.publish({"../edge1": made.gated("a")}),
        "is no name for what is published",
    ),
    "a key that is not there": (
        lambda made: Controller(made.root, made.key, made.root / "none").publish({"edge1": made.gated("a")}),
        "there is no file",
    ),
}


@pytest.mark.parametrize("why", REFUSALS)
def test_what_cannot_be_published_is_refused_in_words(controller: Controller, why: str) -> None:
    act, words = REFUSALS[why]
    with pytest.raises(SluiceError, match=words):
        act(controller)
    assert not list(controller.folder.glob("targets/*"))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"days": 3}, "'folder' is missing"),
        ({"folder": "x", "days": 0}, "is not a whole number from 1 to 366"),
        ({"folder": "x", "targets": {"a/b": "web1"}}, "is no name for what is published"),
        ({"folder": "x", "fodler": "y"}, "unknown key 'fodler'"),
    ],
)
def test_where_it_is_published_is_read_strictly(value: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_publish(value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("http://releases.example/web", "has no TLS"),
        ("ftp://releases.example/web", "is no source"),
        ("https://ann:secret@releases.example/", "it has a user and a password"),
        ("https:///web", "names no host"),
        ("https://releases.example/web?x=1", "has more than a path"),
        ("file://host/web", "names no folder of this host"),
        ("git+https://releases.example/web#--upload-pack=x", "is no name of a branch"),
        ({"source": "https://releases.example", "header": "no header"}, "it is no line of a header"),
        ({"source": "https://releases.example", "ca": "ca.pem"}, "is no absolute path"),
        ({"source": "https://releases.example", "interval": 1}, "is not a whole number from 10"),
    ],
)
def test_where_hosts_look_is_read_strictly(value: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_pull(value)


@pytest.mark.parametrize(
    "value",
    [
        *(
            "https://releases.example/web",
            "https://[::1]:8443/web",
            "file:///srv/web",
            "git+ssh://git@host/web.git#main",
        ),
        {"source": "http://10.0.0.1/", "plain_http": True},
    ],
)
def test_sources_that_are_good(value: object) -> None:
    row = read_pull(value)
    assert row is not None
    assert row.of("edge1").name == "edge1"
