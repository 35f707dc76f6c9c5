"""What is tried of renewals on a stage, and what is made of what the stage tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config, parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.renewal.model import Renewal, folder_of
from ansible_collections.sluice.nginx.plugins.module_utils.renewal.trying import (
    client_in_staging,
    packages_for,
    try_renewals,
)

FOLDER = folder_of("/var/www/acme")
PEM = "/etc/letsencrypt/live/shop.example/fullchain.pem"
SHOP = Renewal(("shop.example", "www.shop.example"), folder=FOLDER, certificate=PEM, hook="systemctl reload nginx")
SITE = """\
events {} http {
    server { listen 203.0.113.7:80; listen [::]:80; server_name shop.example www.shop.example; }
    server { listen 443 ssl; server_name shop.example www.shop.example; }
}
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "nginx.conf").write_text(SITE, encoding="utf-8")
    return parse_tree(tmp_path)


class Stage:
    """A stage whose answers are given: what is ``wrong`` with names, whether a client ``issues``, the hook's end."""

    def __init__(
        self, wrong: Mapping[str, str] = {}, issues: bool = True, hook: str = "ended with 0\n", shown: bool = True
    ) -> None:
        self.wrong, self.issues, self.hook, self.shown = wrong, issues, hook, shown
        self.issued = 0
        self.asked: list[tuple[str, Sequence[Mapping[str, Any]]]] = []

    def start(self) -> dict[str, Any]:
        return {"code": 0, "workers": [1], "words": ""}

    def nginx(self, what: str, about: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
        self.asked.append((what, about))
        if what == "tokens":
            return {"problems": [""] * len(about)}
        self.issued += self.issues
        return {"code": 0, "words": "a\n\nlast words\n", "hook": self.hook if self.issues else "", "hook_words": ""}

    def judge(self, what: str, about: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
        self.asked.append((what, about))
        answers: dict[str, Callable[[], dict[str, Any]]] = {
            "authority": lambda: {"url": "https://localhost:1/dir"},
            "challenged": lambda: {"answers": [self._answer(row) for row in about[1:]]},
            "issued": lambda: {"count": self.issued, "words": "of the authority"},
            "served": lambda: {"shown": [self.shown] * len(about)},
        }
        return answers[what]()

    def _answer(self, row: Mapping[str, Any]) -> dict[str, Any]:
        chain = [f"http://{row['name']}{row['path']}"]
        return {"wrong": self.wrong.get(row["name"], ""), "chain": chain, "status": 200}

    def of(self, what: str) -> list[Sequence[Mapping[str, Any]]]:
        return [about for name, about in self.asked if name == what]


def test_each_name_is_asked_for_and_one_certificate_is_issued(config: Config) -> None:
    stage = Stage()
    tried = try_renewals(stage, config, [SHOP])
    assert (tried.faults, tried.answered) == ([], 2)
    assert (tried.issued, tried.reloaded) == (["certbot (webroot)"], ["systemctl reload nginx"])
    ((addresses,),) = stage.of("authority")
    # The listener that nginx really has; IPv6 is another one of the same server.
    assert addresses["addresses"]["shop.example"] == {"80": "203.0.113.7", "443": "127.0.0.1"}
    (served,) = stage.of("served")
    assert [row["address"] for row in served] == ["127.0.0.1", "127.0.0.1"]


def test_names_with_the_same_fault_are_one_finding_and_get_no_certificate(config: Config) -> None:
    stage = Stage({"shop.example": "status 404", "www.shop.example": "status 404"})
    (fault,) = try_renewals(stage, config, [SHOP]).faults
    assert (fault.step, fault.names, fault.why) == ("challenge", ("shop.example", "www.shop.example"), "status 404")
    assert fault.ways == ("http://shop.example/.well-known/acme-challenge/TOKEN",)
    assert stage.of("renew") == stage.of("authority") == []


def test_challenges_alone_take_neither_an_authority_nor_a_client(config: Config) -> None:
    stage = Stage({"www.shop.example": "status 404"})
    tried = try_renewals(stage, config, [SHOP], challenges_alone=True)
    assert ([fault.names for fault in tried.faults], tried.answered) == ([("www.shop.example",)], 1)
    assert stage.of("renew") == stage.of("authority") == []


def test_the_other_names_are_tried_all_the_same(config: Config) -> None:
    stage = Stage({"www.shop.example": "status 404"})
    tried = try_renewals(stage, config, [SHOP])
    assert [fault.names for fault in tried.faults] == [("www.shop.example",)]
    ((row,),) = stage.of("renew")
    assert row["names"] == ["shop.example"]


@pytest.mark.parametrize(
    ("stage", "step", "why"),
    [
        (Stage(issues=False), "issuance", "certbot got no certificate"),
        (Stage(hook="ended with 1\n"), "reload", "`systemctl reload nginx` ended with 1"),
        (Stage(hook=""), "reload", "`systemctl reload nginx` was not run"),
        (Stage(shown=False), "reload", "nginx goes on with the old certificate after `systemctl reload nginx`"),
    ],
)
def test_what_fails_after_the_challenge(config: Config, stage: Stage, step: str, why: str) -> None:
    (fault,) = try_renewals(stage, config, [SHOP]).faults
    assert (fault.step, fault.why) == (step, why)


def test_without_a_hook_nobody_knows_whether_nginx_reloads(config: Config) -> None:
    tried = try_renewals(Stage(hook=""), config, [Renewal(("shop.example",), folder=FOLDER)])
    assert (tried.faults, tried.unhooked) == ([], ["shop.example"])


def test_one_issuance_for_each_manner(config: Config) -> None:
    other = Renewal(("www.shop.example",), folder=FOLDER, hook="systemctl reload nginx")
    stage = Stage()
    try_renewals(stage, config, [SHOP, other, Renewal(("shop.example",), "lego", folder=FOLDER)])
    assert [row["client"] for (row,) in stage.of("renew")] == ["certbot", "lego"]


def test_nginx_that_does_not_start_can_renew_nothing(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    monkeypatch.setattr(stage, "start", lambda: {"code": 1, "workers": [], "words": "emerg"})
    with pytest.raises(SluiceError, match="nginx does not start beside the client: emerg"):
        try_renewals(stage, config, [SHOP])


@pytest.mark.parametrize(
    ("client", "method", "folder", "stands_in", "packages"),
    [
        ("certbot", "webroot", FOLDER, "certbot", ["certbot", "pebble"]),
        ("certbot", "nginx", "", "certbot", ["certbot", "pebble", "python3-certbot-nginx"]),
        ("acme.sh", "webroot", FOLDER, "certbot", ["certbot", "pebble"]),
        ("acme.sh", "webroot", "/srv/tokens", "dehydrated", ["dehydrated", "pebble"]),
        ("dehydrated", "webroot", "/srv/tokens", "dehydrated", ["dehydrated", "pebble"]),
        ("lego", "webroot", FOLDER, "lego", ["lego", "pebble"]),
    ],
)
def test_which_client_is_run(client: str, method: str, folder: str, stands_in: str, packages: list[str]) -> None:
    renewal = Renewal(("shop.example",), client, method, folder)
    assert client_in_staging(renewal) == stands_in
    assert packages_for([renewal]) == packages
