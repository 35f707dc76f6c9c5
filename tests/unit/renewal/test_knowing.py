"""What is known of renewals: as declared, as hosts tell, as the live configuration tells, in that order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config, parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError
from ansible_collections.sluice.nginx.plugins.module_utils.renewal.knowing import known_renewals
from ansible_collections.sluice.nginx.plugins.module_utils.renewal.model import Renewal, read_renewal

LIVE = "/etc/letsencrypt/live/shop.example/fullchain.pem"
FOLDER = "/var/www/acme/.well-known/acme-challenge"
TLS = f"server {{ listen 443 ssl; server_name shop.example *.x.example; ssl_certificate {LIVE}; }}"


def config(tmp_path: Path, *servers: str) -> Config:
    folder = tmp_path / str(len(list(tmp_path.iterdir())))
    folder.mkdir()
    (folder / "nginx.conf").write_text("events {{}} http {{ {} }}".format(" ".join(servers)), encoding="utf-8")
    return parse_tree(folder)


def row(**more: Any) -> dict[str, Any]:
    told = {"client": "certbot", "name": "shop.example", "certificate": LIVE, "method": "webroot"}
    return {**told, "folders": {"shop.example": FOLDER}, "hook": "systemctl reload nginx", **more}


@pytest.mark.parametrize(
    ("plain", "folder"),
    [
        ("location ^~ /.well-known/acme-challenge/ { root /var/www/acme; }", FOLDER),
        ("location /.well-known/ { root /var/www/acme/; }", FOLDER),
        ("root /var/www/acme; location /.well-known/acme-challenge { allow all; }", FOLDER),
        ("location ^~ /.well-known/acme-challenge/ { alias /srv/tokens/; }", "/srv/tokens"),
        ("location ^~ /.well-known/ { alias /srv/known/; }", "/srv/known/acme-challenge"),
        (r"location /.well-known/ { root /var/www/acme; } location ~ /\. { deny all; }", FOLDER),
        (r"location ~ ^/\.well-known/acme-challenge/ { root /var/www/acme; }", FOLDER),
    ],
)
def test_a_location_for_challenges_tells_the_webroot(tmp_path: Path, plain: str, folder: str) -> None:
    found = config(tmp_path, f"server {{ listen 80; server_name shop.example; {plain} }}", TLS)
    known = known_renewals(found, None, [], None)
    assert [(each.names, each.folder, each.client) for each in known.renewals] == [
        (("shop.example",), folder, "certbot")
    ]
    assert known.left == ()


@pytest.mark.parametrize(
    "plain",
    ["root /var/www/html;", "return 301 https://$host$request_uri;", "location /.well-known/ { proxy_pass http://a; }"],
)
def test_what_could_be_any_document_root_tells_nothing(tmp_path: Path, plain: str) -> None:
    found = config(tmp_path, f"server {{ listen 80; server_name shop.example; {plain} }}", TLS)
    known = known_renewals(found, None, [], None)
    assert known.renewals == ()
    assert "shop.example: no location is there for its challenges; gates_renewal can say" in known.left[0]


def test_hosts_know_better_than_the_configuration(tmp_path: Path) -> None:
    found = config(tmp_path, "server { listen 80; location /.well-known/ { root /srv/old; } }", TLS)
    said: dict[str, dict[str, Any]] = {
        "web1": {"renewals": [row()]},
        "web2": {"renewals": [row()]},
        "web3": {"ok": False},
    }
    (renewal,) = known_renewals(found, None, [], said).renewals
    assert (renewal.folder, renewal.hook, renewal.source) == (FOLDER, "systemctl reload nginx", "the host web1")


def test_who_declares_a_name_is_believed_first(tmp_path: Path) -> None:
    found = config(tmp_path, "server { listen 80; location /.well-known/ { root /srv/old; } }", TLS)
    declared = read_renewal([{"names": ["shop.example"], "webroot": "/srv/mine", "hook": "service nginx reload"}])
    (renewal,) = known_renewals(found, None, declared, None).renewals
    assert renewal == Renewal(
        ("shop.example",),
        folder="/srv/mine/.well-known/acme-challenge",
        certificate=LIVE,
        hook="service nginx reload",
        source="gates_renewal[0]",
    )


def test_names_of_dns_are_left_out_and_said(tmp_path: Path) -> None:
    said = {"web1": {"renewals": [row(method="dns", folders={})]}}
    known = known_renewals(config(tmp_path, TLS), None, [], said)
    assert (known.renewals, known.left) == ((), ("shop.example: renewed by certbot with dns",))


def test_a_certificate_of_no_client_is_nobodys_affair(tmp_path: Path) -> None:
    found = config(tmp_path, TLS.replace("/etc/letsencrypt/live/", "/etc/ssl/"))
    assert known_renewals(found, None, [], None).left == ()


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"names": ["a.example"]}, "gates_renewal[0]: a client by webroot has one place for its tokens"),
        ({"names": [], "webroot": "/x"}, "gates_renewal[0].names"),
        ({"names": ["a.example"], "webroot": "/x", "client": "certbott"}, "certbot"),
    ],
)
def test_what_is_declared_wrongly_is_told(given: dict[str, Any], fault: str) -> None:
    with pytest.raises(InputError) as error:
        read_renewal([given])
    assert fault in str(error.value)
