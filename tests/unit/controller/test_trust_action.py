"""What hosts are told of who may sign, and what is refused before any host is asked."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.action import trust
from ansible_collections.sluice.nginx.plugins.module_utils import remote
from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError
from ansible_collections.sluice.nginx.plugins.plugin_utils.fleet import HostRequest

LINE = "ann@desk ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample\n"
Answer = dict[str, Any]


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Answer, list[Any]]]:
    """Tell two hosts, of which the second refuses."""
    monkeypatch.setattr(trust, "project", lambda: tmp_path)

    def run(
        text: str | None = LINE, says: str = "the trust is not signed", warns: str = "", shown: Any = (), **more: Any
    ) -> tuple[Answer, list[Any]]:
        if text is not None:
            (tmp_path / "signers").write_text(text)
        action: Any = trust.ActionModule.__new__(trust.ActionModule)
        questions: list[Any] = []

        def play(askings: Mapping[str, HostRequest]) -> Iterator[tuple[str, Answer]]:
            for host, each in askings.items():
                questions.append(each.question)
                problems = [{"what": says}] if host == "web2" else []
                paths, warnings = [] if problems else ["/etc/x"], [warns] if warns else []
                yield host, {"ok": not problems, "problems": problems, "paths": paths, "warnings": warnings}

        action._display = SimpleNamespace(display=lambda line: shown.append(line))
        action._answers, action._task = play, SimpleNamespace(check_mode=False)
        options = {"allowed_signers": "signers", "inventory": "production", "forget": False, "signing_key": ""}
        options.update({"policy": {}, **more})
        return dict(action.work_on(["web1", "web2"], options)), questions

    return run


def test_hosts_are_told_signers_inventory_and_engine(
    told: Callable[..., tuple[Answer, list[Any]]], tmp_path: Path
) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    answer, (question, _) = told(signing_key="key")
    statement = question.request["statement"]
    assert (statement["signers"], statement["inventory"], statement["kind"]) == (LINE, "production", "trust")
    assert statement["engine"] == remote.pack().digest
    assert question.bundle == remote.pack().data
    assert question.request["signature"].startswith("-----BEGIN SSH SIGNATURE-----")
    assert answer["hosts"] == {"web1": ["/etc/x"], "web2": []}
    assert (answer["failed"], answer["msg"]) == (True, "web2: the trust is not signed")


def test_what_hosts_say_cannot_write_over_the_terminal(told: Callable[..., tuple[Answer, list[Any]]]) -> None:
    shown: list[str] = []
    answer, _ = told(says="not signed\x1b[2K", warns="a warning\x1b[2K", shown=shown)
    assert answer["msg"] == "web2: not signed\\x1b[2K"
    assert shown == ["web1: a warning\\x1b[2K", "web2: a warning\\x1b[2K"]


@pytest.mark.parametrize(
    ("text", "more", "words"),
    [
        ("", {}, "allows nobody, or holds a private key"),
        ("# ann@desk ssh-ed25519 AAAA\n", {}, "allows nobody, or holds a private key"),
        ("ann@desk no-key\n", {}, "allows nobody, or holds a private key"),
        (f"{LINE}-----BEGIN OPENSSH PRIVATE KEY-----\n", {}, "allows nobody, or holds a private key"),
        (LINE, {"allowed_signers": ""}, "rollout_allowed_signers: it is not set; name a file"),
        (LINE, {"allowed_signers": "nowhere"}, "cannot be read"),
        (LINE, {"inventory": ""}, "gates_inventory: the inventory has no name"),
        (LINE, {"inventory": "a\nb"}, "gates_inventory: 'a\\\\nb' is no name"),
        (LINE, {"inventory": "x" * 101}, "is no name; use up to 100 letters"),
    ],
)
def test_what_cannot_be_is_refused_before_any_host_is_asked(
    told: Callable[..., tuple[Answer, list[Any]]], text: str, more: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        told(text, **more)
