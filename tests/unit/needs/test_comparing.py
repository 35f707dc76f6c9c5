from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.needs.comparing import (
    KnownValues,
    answers,
    new_needs,
    outside,
    permitted,
    standing,
    to_check,
)
from ansible_collections.sluice.nginx.plugins.module_utils.needs.declared import declared
from ansible_collections.sluice.nginx.plugins.module_utils.needs.model import Need

ROOT = Need("directory", "/srv/shop", "root", "root", "shop.conf", 3)
APP = Need("endpoint", "app:8001", "http", "proxy_pass", "shop.conf", 9)
NAME = Need("name", "app", "http", "proxy_pass", "shop.conf", 9)
CERTIFICATE = Need("file", "/etc/ssl/shop.pem", "certificate", names=("shop.example",))


def _said(**met: bool | None) -> dict[str, Mapping[str, Any]]:
    """What hosts said of the endpoint; None for one that could not be asked."""
    return {
        host: {"ok": False, "problems": [{"what": "it is off"}]}
        if answer is None
        else {"needs": [{"key": list(APP.key), "met": answer, "actual": f"{host} saw", "near": f"near {host}"}]}
        for host, answer in met.items()
    }


def test_what_is_needed_is_told_once_and_without_what_the_release_has_itself() -> None:
    own = [
        Need("port", "8081/tcp"),
        *(Need("endpoint", f"{host}:8081") for host in ("127.0.0.1", "[::1]", "localhost")),
    ]
    others = [Need("endpoint", "127.0.0.1:8082"), Need("endpoint", "10.0.0.1:8081"), Need("endpoint", "*:8081")]
    found = outside([ROOT, *own, *others, Need("directory", "/srv/shop", line=20)])
    assert [need.value for need in found] == ["/srv/shop", "8081/tcp", "127.0.0.1:8082", "10.0.0.1:8081"]
    assert found[0].line == 3


def test_what_is_new() -> None:
    assert new_needs([ROOT, APP, NAME], [Need("directory", "/srv/shop", "alias", line=70)]) == (APP, NAME)
    assert new_needs([ROOT, APP], None) == (ROOT, APP)
    assert new_needs([ROOT], [ROOT, APP]) == ()
    # The same words for another kind of thing.
    assert new_needs([Need("file", "/srv/shop")], [ROOT]) == (Need("file", "/srv/shop"),)


def test_what_each_host_is_held_to() -> None:
    assert to_check([ROOT, APP, NAME], None, ()) == (ROOT, APP, NAME)
    assert to_check([ROOT, APP, NAME], [ROOT], declared(["endpoint:app:8001"])) == ()


@pytest.mark.parametrize(
    ("texts", "said", "hosts", "asked", "lacking", "silent", "near"),
    [
        ([], None, (), False, {}, (), ""),
        (["app:8001"], None, (), False, {}, (), ""),
        ([], _said(web1=True, web2=True), ("web1", "web2"), True, {}, (), ""),
        ([], _said(web1=True, web2=False), ("web1", "web2"), True, {"web2": "web2 saw"}, (), "near web2"),
        ([], _said(web1=True, web2=None), ("web1", "web2"), True, {}, ("web2",), ""),
        ([], _said(web1=True), ("web1", "web2"), True, {}, ("web2",), ""),
        ([], _said(web1=None), ("web1",), False, {}, ("web1",), ""),
        ([], {}, (), False, {}, (), ""),
    ],
)
def test_how_it_stands(
    texts: list[str],
    said: dict[str, Mapping[str, Any]] | None,
    hosts: tuple[str, ...],
    asked: bool,
    lacking: dict[str, str],
    silent: tuple[str, ...],
    near: str,
) -> None:
    how = standing(APP, declared(texts), answers(said), hosts)
    assert (how.declared, how.asked, how.lacking) == (bool(texts), asked, lacking)
    assert (how.silent, how.near) == (silent, near)


@pytest.mark.parametrize(
    ("texts", "said", "is_in"),
    [
        ([], None, False),
        (["endpoint:app:8001"], None, True),
        ([], _said(web1=True, web2=None), True),
        ([], _said(web1=True, web2=False), False),
        ([], _said(web1=None), False),
    ],
)
def test_the_environment_has_only_what_is_known_to_be_there(
    texts: list[str], said: dict[str, Mapping[str, Any]] | None, is_in: bool
) -> None:
    environment = permitted([ROOT, APP], [ROOT], declared(texts), said)
    assert (APP in environment) is is_in
    assert ROOT in environment


def test_without_a_live_release_the_environment_has_all() -> None:
    assert permitted([ROOT, APP], None, (), None) == (ROOT, APP)


def test_the_environment_keeps_what_only_the_live_release_needs_and_makes_certificates_for_both() -> None:
    more = Need("file", "/etc/ssl/shop.pem", "certificate", names=("shop.example", "blog.example"))
    anywhere = Need("endpoint", "*:9000", "http")
    environment = permitted([more, anywhere], [CERTIFICATE, APP], (), None)
    assert [need.key for need in environment] == [CERTIFICATE.key, APP.key, anywhere.key]
    assert environment[0].names == ("shop.example", "blog.example")


def test_an_upstream_that_nothing_led_to_speaks_what_the_candidate_speaks() -> None:
    spare = Need("socket", "/run/app.sock")
    environment = permitted([Need("socket", "/run/app.sock", "uwsgi")], [spare, APP], (), None)
    assert [need.purpose for need in environment] == ["uwsgi", APP.purpose]


@pytest.mark.parametrize(
    ("need", "near"),
    [
        (Need("endpoint", "ap:8001"), "app:8001"),
        (Need("endpoint", "zebra:8001"), ""),
        (Need("name", "app:8001"), ""),
        (Need("directory", "/srv/shpo"), "/srv/shop"),
    ],
)
def test_the_nearest_of_what_is_known(need: Need, near: str) -> None:
    known = KnownValues([ROOT, APP, CERTIFICATE])
    assert known.nearest(need) == near
    assert known.nearest(need, beside=True) == near


def test_the_nearest_beside_it() -> None:
    known = KnownValues([Need("file", "/srv/shop/index.php"), Need("file", "/srv/shop2/index.phpp")])
    assert known.nearest(Need("file", "/srv/shop/index.phpp"), beside=True) == "/srv/shop/index.php"


def test_a_certificate_is_not_for_names_that_have_another_one() -> None:
    acme = replace(CERTIFICATE, names=("acme.example",))
    globex = replace(CERTIFICATE, value="/etc/ssl/globex.pem", names=("globex.example",))
    wanted = replace(acme, names=("acme.example", "globex.example", "new.example"))
    first, second = permitted([wanted], [acme, globex], (), None)
    assert first.names == ("acme.example", "new.example")
    assert second.names == ("globex.example",)
