"""What a host tells of the clients that renew its certificates, and that nothing else of their files leaves it."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine.renewals import renewals

CERTBOT = """\
# renew_before_expiry = 30 days
version = 2.1.0
archive_dir = /etc/letsencrypt/archive/shop.example
fullchain = /etc/letsencrypt/live/shop.example/fullchain.pem

[renewalparams]
account = dde403f878783c4255650eceda87f929
authenticator = {how}
{more}
webroot_path = /var/www/acme,
[[webroot_map]]
shop.example = /var/www/acme
www.shop.example = /var/www/acme/
"""


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def certbot(root: Path, how: str = "webroot", more: str = "") -> None:
    write(root, **{"etc/letsencrypt/renewal/shop.example.conf": CERTBOT.format(how=how, more=more)})


def test_a_host_without_a_client_tells_nothing(tmp_path: Path) -> None:
    assert renewals(tmp_path) == []


def test_certbot_by_webroot(tmp_path: Path) -> None:
    certbot(tmp_path, more="renew_hook = logger token=s3cret; systemctl --no-block reload nginx")
    (row,) = renewals(tmp_path)
    folder = "/var/www/acme/.well-known/acme-challenge"
    assert row == {
        "client": "certbot",
        "name": "shop.example",
        "certificate": "/etc/letsencrypt/live/shop.example/fullchain.pem",
        "method": "webroot",
        "folders": {"shop.example": folder, "www.shop.example": folder},
        "hook": "systemctl --no-block reload nginx",
    }


@pytest.mark.parametrize(
    ("how", "method"), [("nginx", "nginx"), ("dns-cloudflare", "dns"), ("standalone", "other"), ("manual", "other")]
)
def test_other_ways_of_certbot(tmp_path: Path, how: str, method: str) -> None:
    certbot(tmp_path, how)
    assert renewals(tmp_path)[0]["method"] == method


@pytest.mark.parametrize(
    ("text", "hook"),
    [
        ("#!/bin/sh\n# systemctl reload nginx\ntrue\n", ""),
        ("#!/bin/sh\nset -e\nnginx -t && /usr/sbin/nginx -s reload\n", "/usr/sbin/nginx -s reload"),
        ("#!/bin/sh\nkill -HUP $(cat /run/nginx.pid)\n", "kill -HUP $(cat /run/nginx.pid)"),
        ("#!/bin/sh\nservice nginx reload >/dev/null\n", "service nginx reload"),
        ("#!/bin/sh\nsystemctl reload postfix\n", ""),
    ],
)
def test_a_hook_in_certbots_folder(tmp_path: Path, text: str, hook: str) -> None:
    certbot(tmp_path)
    write(tmp_path, **{"etc/letsencrypt/renewal-hooks/deploy/nginx": text})
    assert renewals(tmp_path)[0]["hook"] == hook


def test_the_plugin_reloads_by_itself(tmp_path: Path) -> None:
    certbot(tmp_path, "nginx", "installer = nginx")
    assert renewals(tmp_path)[0]["hook"] == "nginx -s reload"


def test_dehydrated(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{
            "etc/dehydrated/config": 'BASEDIR=/var/lib/dehydrated\nWELLKNOWN="${BASEDIR}/acme-challenges"\n',
            "etc/dehydrated/conf.d/hook.sh": "HOOK=/etc/dehydrated/hook\n",
            "etc/dehydrated/hook": "#!/bin/sh\n[ $1 = deploy_cert ] && systemctl reload nginx\n",
            "var/lib/dehydrated/certs/shop.example/fullchain.pem": "",
        },
    )
    (row,) = renewals(tmp_path)
    assert row["folders"] == {"shop.example": "/var/lib/dehydrated/acme-challenges"}
    assert (row["client"], row["method"], row["hook"]) == ("dehydrated", "webroot", "systemctl reload nginx")


def test_acme_sh(tmp_path: Path) -> None:
    told = base64.b64encode(b"systemctl reload nginx").decode()
    write(
        tmp_path,
        **{
            "root/.acme.sh/shop.example_ecc/shop.example.conf": "Le_Domain='shop.example'\nLe_Alt='www.shop.example'\n"
            "Le_Webroot='/var/www/acme'\nLe_RealFullChainPath='/etc/ssl/shop.pem'\n"
            f"Le_ReloadCmd='__ACME_BASE64__START_{told}__ACME_BASE64__END_'\n"
        },
    )
    (row,) = renewals(tmp_path)
    assert (row["certificate"], row["hook"]) == ("/etc/ssl/shop.pem", "systemctl reload nginx")
    assert set(row["folders"]) == {"shop.example", "www.shop.example"}


def test_what_is_broken_tells_nothing_and_stops_nobody(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{
            "etc/letsencrypt/renewal/x.conf": "[[[\n=\n= =\n",
            "root/.acme.sh/a.example/a.example.conf": "Le_ReloadCmd='__ACME_BASE64__START_x__ACME_BASE64__END_'",
        },
    )
    assert [row["name"] for row in renewals(tmp_path)] in (["x"], ["x", "a.example"])
