"""Messages about real runs of Ansible: what arrives, what is kept, what is said, and what is nowhere to be read."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml

from tests.integration.fleet import Fleet
from tests.unit.notify import stories
from tests.unit.notify.conftest import NEW
from tests.unit.notify.servers import SECRET, Receiver, hanging, receiver, refusing, until

pytestmark = pytest.mark.integration

Notices = dict[str, dict[str, Any]]

# The steps of a run whose gates have refused a release, as the roles take them.
STEPS = """
- hosts: localhost
  gather_facts: false
  tasks:
    - sluice.nginx.run_start:
      register: sluice_run
    - ansible.builtin.import_role: {name: sluice.nginx.notify, rolespec_validate: false}
      vars: {notify_step: begin, notify_run: "{{ sluice_run }}"}
    - block:
        - ansible.builtin.copy:
            src: journal
            dest: "{{ sluice_run.folder }}/journal.jsonl"
            mode: "0600"
        - ansible.builtin.fail: {msg: the gates refuse it}
          run_once: true
      always:
        - ansible.builtin.import_role: {name: sluice.nginx.notify, rolespec_validate: false}
          vars: {notify_step: gates, notify_run: "{{ sluice_run }}"}
"""


class Office:
    """A project of its own: the roles and the collection are those of this one, what it keeps is not."""

    def __init__(self, root: Path, project: Path, play: Callable[..., Any]) -> None:
        self.root, self._project, self._play = root, project, play
        (root / "ansible.cfg").write_text(f"[defaults]\ninterpreter_python = {sys.executable}\n")
        (root / "steps.yml").write_text(STEPS)
        host, phase, _, answer = stories.REFUSED
        event = {"at": "2026-11-21T14:00:05.000Z", "phase": phase, "host": host, "good": False, "answer": answer}
        (root / "journal").write_text(json.dumps(event) + "\n")
        (root / "password").write_text("of the vault")

    def play(self, playbook: str | Path, *arguments: str, **variables: Any) -> Any:
        """Play it with variables in a file that is encrypted."""
        (self.root / "vars.yml").write_text(yaml.safe_dump(variables))
        self._vault("encrypt", str(self.root / "vars.yml"))
        return self._play(
            playbook,
            "-i",
            "localhost,",
            "--connection",
            "local",
            "-e",
            f"@{self.root}/vars.yml",
            f"--vault-password-file={self.root}/password",
            *arguments,
            ANSIBLE_CONFIG=str(self.root / "ansible.cfg"),
            ANSIBLE_LOG_PATH=str(self.root / "ansible.log"),
        )

    def run(self, *arguments: str, **variables: Any) -> Any:
        return self.play(self.root / "steps.yml", *arguments, **variables)

    def notices(self) -> Notices:
        """What is kept, by name."""
        paths = self.root.glob(".sluice/runs/*/notices/*.json")
        return {path.stem: json.loads(path.read_text()) for path in paths}

    def states(self) -> dict[str, str]:
        """The state of the one message on each channel."""
        (notice,) = self.notices().values()
        return {row["channel"]: row["state"] for row in notice["deliveries"]}

    def finalized(self) -> dict[str, str]:
        """The same, once the sender has told of all channels."""
        until(lambda: self.notices() and "waiting" not in self.states().values(), "the sender tells of all channels")
        return self.states()

    def _vault(self, *arguments: str) -> None:
        command = [str(Path(sys.executable).with_name("ansible-vault")), *arguments]
        password = f"--vault-password-file={self.root}/password"
        subprocess.run([*command, password], cwd=self.root, check=True, capture_output=True)


@pytest.fixture
def office(tmp_path: Path, project: Path, play: Callable[..., Any]) -> Office:
    return Office(tmp_path, project, play)


@pytest.fixture(scope="module")
def came() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def test_no_output_and_no_file_has_a_secret_at_any_verbosity(office: Office, came: Receiver) -> None:
    nobody = refusing()
    done = office.run(
        "-vvvv",
        "--diff",
        notify_team=[
            came.post_url(),
            f"mailto://ada:{SECRET}@127.0.0.1:{nobody}/?to=ops@shop.example&from=a@shop.example",
            f"json://user:{SECRET}@127.0.0.1:{nobody}/?+X-Token={SECRET}",
            f"slack://{SECRET}",
            f"smoke://{SECRET}",
        ],
        notify_wait=300,
    )
    assert done.code == 2, done.output
    assert office.finalized() == {
        "json #1": "sent",
        "mailto #2": "failed",
        "json #3": "failed",
        "slack #4": "failed",
        "smoke #5": "failed",
    }
    words = "".join(done.output.split("\n"))
    assert "team: json #3: the message stopped could not be sent: no connection to it" in words
    assert "team: slack #4: Apprise does not take this URL" in words
    assert SECRET not in done.output
    assert [path for path in office.root.rglob("*") if path.is_file() and SECRET in path.read_text()] == []
    assert "the gates refuse it" in done.output


def test_a_server_that_hangs_holds_nobody_up(office: Office, came: Receiver) -> None:
    with hanging() as port:
        url = f"json://user:{SECRET}@127.0.0.1:{port}/?rto=600"
        # Who reads Ansible's output until its end would wait for a sender that has kept it open.
        done = office.run(notify_team=[url, came.post_url()], notify_timeout=600)
        assert done.code == 2, done.output
        until(lambda: office.states()["json #2"] == "sent", "the other channel is served meanwhile")
        assert office.states() == {"json #1": "waiting", "json #2": "sent"}
        lines = Path("/proc").glob("[0-9]*/cmdline")
        assert [path for path in lines if SECRET.encode() in _bytes(path)] == []
    assert office.finalized() == {"json #1": "failed", "json #2": "sent"}


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        # The process has ended.
        return b""


def test_what_was_kept_is_said_and_sent_when_its_channel_is_well_again(
    office: Office, came: Receiver, project: Path
) -> None:
    office.run(notify_team=[f"json://127.0.0.1:{refusing()}/team"], notify_wait=300)
    assert office.finalized() == {"json #1": "failed"}
    again = office.play(project / "playbooks/notify.yml", notify_team=[f"json://127.0.0.1:{refusing()}/team"])
    assert again.code == 2
    assert "the message stopped could not be sent: no connection to it; it stays kept in" in again.output
    before = len(came.messages())
    would = office.play(project / "playbooks/notify.yml", "--check", notify_team=[came.post_url()])
    sent = office.play(project / "playbooks/notify.yml", "-vvv", notify_team=[came.post_url()])
    assert (would.code, sent.code) == (0, 0), sent.output
    assert SECRET not in sent.output
    (message,) = came.messages()[before:]
    assert message["subject"] == f"Release {NEW[:12]} was stopped by the gate smoke; no host was touched"
    assert office.states() == {"json #1": "sent"}
    nothing = office.play(project / "playbooks/notify.yml")
    assert (nothing.code, "changed=0" in nothing.output) == (0, True)


def test_the_next_run_says_what_is_kept(office: Office) -> None:
    channel = [f"json://127.0.0.1:{refusing()}/team"]
    office.run(notify_team=channel, notify_wait=300)
    done = office.run(notify_team=channel, notify_events=[])
    assert "1 message of earlier runs could not be sent (team: json #1); sluice.nginx.notify" in done.output


def test_a_setting_that_cannot_be_is_refused_before_the_run_begins(office: Office) -> None:
    """One of those in tests/unit/notify, with a secret in it."""
    done = office.run("-vvv", notify_customers=[f"hooks/{SECRET}"])
    assert done.code == 2, done.output
    assert "notify_customers[0]: is no URL: it does not begin with a scheme" in done.output
    assert SECRET not in done.output
    assert "the gates refuse it" not in done.output


def test_without_a_channel_nothing_is_done(office: Office) -> None:
    done = office.run()
    assert done.code == 2, done.output
    assert done.output.count("skipping: [localhost]") == 2
    assert list(office.root.glob(".sluice/runs/*/notices")) == []


def test_nobody_is_told_of_what_is_only_looked_at(office: Office, came: Receiver) -> None:
    done = office.run("--check", notify_team=[came.post_url()])
    assert done.code == 2, done.output
    assert office.notices() == {}


class Told(Fleet):
    """Two hosts and a receiver; the messages begin after the gates."""

    name = "test-notify"
    web = ("web1", "web3")
    beside = ("mon1",)
    arguments = ("--limit", ",".join(web))

    def __init__(self, project: Path, state: Path, play: Callable[..., Any], engine: docker.DockerClient) -> None:
        super().__init__(project, play, engine)
        # A run sends again what runs of the same state could not send.
        self.kept = state

    def told(self, word: str, *, server: Sequence[str] = (), check: dict[str, Any] | None = None) -> Any:
        """Push a release with a word, and perhaps another server and its check."""
        usual = self.variables(word)
        lines, checks = [*usual["nginx_http_lines"], *server], [*usual["nginx_checks"], *([check] if check else [])]
        return self.push(word, nginx_http_lines=lines, nginx_checks=checks, notify_wait=120)

    def received(self) -> list[dict[str, str]]:
        """What the receiver has."""
        with urllib.request.urlopen(self._receiver, timeout=60) as answer:
            return list(json.load(answer))

    def forget(self) -> None:
        """Let the receiver forget what it has."""
        urllib.request.urlopen(urllib.request.Request(self._receiver, method="DELETE"), timeout=60).close()

    @property
    def _receiver(self) -> str:
        return f"http://127.0.0.1:{self.known('mon1')['ports']['receiver']}/messages"


@pytest.fixture(scope="module")
def fleet(
    project: Path, tmp_path_factory: pytest.TempPathFactory, play: Callable[..., Any], engine: docker.DockerClient
) -> Iterator[Told]:
    with Told(project, tmp_path_factory.mktemp("state"), play, engine).there() as made:
        yield made


def _heads(messages: list[dict[str, str]]) -> list[tuple[str, str]]:
    """To whom and about what, without the ids."""
    rows = [(each.get("path") or each["to"], each["subject"]) for each in messages]
    return sorted((to, " ".join(word for word in subject.split() if len(word) != 12)) for to, subject in rows)


def test_a_fleet_that_is_deployed_to_and_rolled_back_is_told_of_by_post_and_mail(fleet: Told) -> None:
    # The same drift is told once a day, so no release of another day's or hour's tests may be this one.
    word = secrets.token_hex(8)
    done = fleet.told(word)
    assert done.code == 0, done.output
    assert _heads(fleet.received()) == [
        ("/team", "Release is being rolled out to 2 hosts"),
        ("/team", "Release is confirmed on 2 hosts"),
        ("team@sandbox.example", "Release is being rolled out to 2 hosts"),
        ("team@sandbox.example", "Release is confirmed on 2 hosts"),
    ]

    fleet.forget()
    # The host web3 has an older build, which no gate can know.
    server = ("server {", "listen 80;", "server_name build.cedi-mart.example;", "root /srv/cedi-mart/build;", "}")
    build = {"get": "http://build.cedi-mart.example/number", "expect": {"body": "build 42"}}
    failed = fleet.told(word, server=server, check=build)
    assert failed.code == 2, failed.output
    received = fleet.received()
    back = "Release was rolled back on web1 and web3: web3 failed in activate"
    over = "The shops: a short disruption is over"
    assert _heads(received) == [
        ("/customers", over),
        ("/team", "Release is being rolled out to 2 hosts"),
        ("/team", back),
        ("customers@sandbox.example", over),
        ("team@sandbox.example", "Release is being rolled out to 2 hosts"),
        ("team@sandbox.example", back),
    ]
    (mail,) = [each["body"] for each in received if each["kind"] == "mail" and "rolled back" in each["subject"]]
    assert "expected the body to contain 'build 42', got build 41" in mail
    assert "sites: build.cedi-mart.example" in mail
    assert "web3: rolled back by itself; the release before serves again, proved" in mail
    assert "Record: " in mail


def test_drift_is_told_by_a_look_and_by_the_run_that_it_stops(fleet: Told) -> None:
    fleet.forget()
    fleet.sh("web1", "echo '# by hand' >> /etc/nginx/nginx.conf")
    drift = "web1 no longer serves what was deployed (drift)"
    told = [("/team", drift), ("team@sandbox.example", drift)]
    assert fleet.play("playbooks/status.yml").code == 0
    until(lambda: _heads(fleet.received()) == told, "a look tells of drift")
    fleet.forget()
    stopped = fleet.told("third")
    assert stopped.code == 2, stopped.output
    assert _heads(fleet.received()) == told
