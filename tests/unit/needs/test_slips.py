"""What looks like a slip among the new needs, and what is another machine, version, port or place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import CONF_ROOT, parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.needs.reading import needs_of
from ansible_collections.sluice.nginx.plugins.module_utils.needs.slips import ReleaseNeeds, find_slips, without_slips

LIVE = """\
map $host $by_name { default reports.internal:7100; }
upstream orders { server orders-1.internal:8001; server orders-2.internal:8001; }
upstream mail { server 10.1.4.21:2500; }
server {
  listen 80;
  listen 8553 udp;
  server_name shop.example;
  root /srv/shop;
  index index.php;
  access_log /var/log/nginx/shop.log;
  ssl_certificate /etc/ssl/shop/chain.pem;
  ssl_certificate_key /etc/ssl/shop/privkey.pem;
  auth_basic_user_file passwords;
  location /orders/ { proxy_pass http://orders; }
  location /reports/ { proxy_pass http://$by_name; }
  location /mail/ { proxy_pass http://mail; }
  location /app/ { proxy_pass http://127.0.0.1:9100; }
  location ~ \\.php$ { fastcgi_pass unix:/run/php/php8.2-fpm.sock; }
  location /cgi/ { fastcgi_pass unix:/run/fcgiwrap.socket; }
}
"""


def _side(folder: Path, text: str, files: Mapping[str, str]) -> ReleaseNeeds:
    written = {"nginx.conf": "events {}\nhttp { include conf.d/*.conf; }\n", "conf.d/shop.conf": text, **files}
    for name, content in written.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    config = parse_tree(folder)
    assert not config.problems
    paths = frozenset(f"{CONF_ROOT}/{name}" for name in written)
    return ReleaseNeeds(needs_of(config, paths), config, paths)


def _sides(folder: Path, old: str, new: str, gone: str = "") -> tuple[ReleaseNeeds, ReleaseNeeds]:
    assert LIVE.count(old) == 1
    files = {"passwords": "ann:x\n", "files/site/well-known/a": "a\n"}
    after = {name: text for name, text in files.items() if name != gone}
    return _side(folder / "cand", LIVE.replace(old, new), after), _side(folder / "live", LIVE, files)


SLIPS: dict[str, tuple[str, str, str, str]] = {
    "a letter of a folder": ("/srv/shop;", "/srv/shpo;", "/srv/shop", "it is misspelt"),
    "the extension of an index": ("index.php;", "index.phpp;", "/srv/shop/index.php", "it is misspelt"),
    "an upstream": ("http://orders;", "http://order;", "orders", "it is misspelt"),
    "a host": ("orders-2.internal", "orders-2.intenral", "orders-2.internal:8001", "it is misspelt"),
    "a socket": ("php/php8.2", "phpp/php8.2", "/run/php/php8.2-fpm.sock", "it is misspelt"),
    "a directory of the package": (
        "/var/log/nginx/shop.log", "/var/log/ngnix/shop.log", "/var/log/nginx", "it is misspelt",
    ),
    "the end of a socket": ("fcgiwrap.socket", "fcgiwrap.sock", "/run/fcgiwrap.socket", "it is cut short"),
    "a nought too many": ("listen 80;", "listen 800;", "80/tcp", "a digit is wrong"),
    "a digit too many at an upstream": (
        "orders-2.internal:8001", "orders-2.internal:80011", "orders-2.internal:8001", "a digit of its port is wrong",
    ),
    "swapped digits of an address": ("10.1.4.21", "10.1.4.12", "10.1.4.21:2500", "two digits changed places"),
    "the port of a neighbour": (
        "reports.internal:7100", "reports.internal:8001", "reports.internal:7100",
        "its port is that of orders-1.internal:8001",
    ),
    "a word of the listener": ("listen 8553 udp;", "listen 8553;", "8553/udp", "the word udp is lost"),
    "another environment": (
        "orders-2.internal", "orders-2.staging.internal", "orders-2.internal:8001",
        "nothing else of this release is of staging",
    ),
    "another environment in a map": (
        "reports.internal", "reports.qa.internal", "reports.internal:7100", "nothing else of this release is of qa",
    ),
    "a file of the tree in another folder": (
        "auth_basic_user_file passwords", "auth_basic_user_file conf.d/passwords", "/etc/nginx/passwords",
        "the release brings it there",
    ),
    "an upstream that is gone": (
        "upstream mail {", "upstream letters {", "",
        "an upstream of that name is not there any more, so mail is asked of the resolver",
    ),
    "a port that an application has": (
        "listen 80;", "listen 80; listen 9100;", "",
        "another program listens there: 127.0.0.1:9100 is asked, as before (conf.d/shop.conf:17)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("story", SLIPS)
def test_slips(tmp_path: Path, story: str) -> None:
    old, new, near, why = SLIPS[story]
    candidate, live = _sides(tmp_path, old, new)
    found = find_slips(candidate, live)
    assert (near, why) in {tuple(slip) for slip in found.values()}


def test_a_file_that_the_change_takes_away_and_needs(tmp_path: Path) -> None:
    candidate, live = _sides(tmp_path, "listen 80;", "listen 80 default_server;", gone="passwords")
    (slip,) = find_slips(candidate, live).values()
    assert slip.why == "the live release brings it, and this one does not"


MEANT: dict[str, tuple[str, str]] = {
    "a version of PHP": ("php8.2-fpm.sock", "php8.3-fpm.sock"),
    "another machine": ("10.1.4.21", "10.1.4.22"),
    "one machine more": ("server 10.1.4.21:2500;", "server 10.1.4.21:2500; server 10.1.4.12:2500;"),
    "TLS to an upstream": ("http://$by_name", "https://$by_name"),
    "another port of a host": ("orders-2.internal:8001", "orders-2.internal:8002"),
    "a host at the port of another one as well": (
        "default reports.internal:7100;", "default reports.internal:7100; try.example reports.internal:8001;",
    ),
    "the usual second port": ("listen 80;", "listen 80; listen 8080;"),
    "TLS": ("listen 80;", "listen 80; listen 443 ssl;"),
    "QUIC beside it": ("listen 80;", "listen 80; listen 80 quic;"),
    "an application's port on another address": ("listen 80;", "listen 80; listen 203.0.113.5:9100;"),
    "a new folder": ("/srv/shop;", "/srv/blog;"),
    "a folder that the release brings": ("/srv/shop;", "/etc/nginx/files/site;"),
    "a directory of the package": ("index index.php;", "index index.php; client_body_temp_path /var/lib/nginx;"),
    "another environment beside this one": (
        "location /orders/", "location /try/ { proxy_pass http://orders-1.staging.internal:8001; } location /orders/",
    ),
    "a new name": ("http://orders;", "http://billing.internal:8001;"),
    "a resolver": ("index index.php;", "index index.php; resolver 127.0.0.53;"),
}  # fmt: skip


@pytest.mark.parametrize("story", MEANT)
def test_what_is_no_slip(tmp_path: Path, story: str) -> None:
    candidate, live = _sides(tmp_path, *MEANT[story])
    assert find_slips(candidate, live) == {}


def test_what_follows_from_a_slip_is_not_left_to_anybody(tmp_path: Path) -> None:
    candidate, live = _sides(tmp_path, "/srv/shop;", "/srv/shpo;")
    left = {need.value for need in without_slips(candidate.needs, find_slips(candidate, live))}
    assert not {"/srv/shpo", "/srv/shpo/index.php"} & left
    candidate, live = _sides(tmp_path / "two", "orders-2.internal", "orders-2.intenral")
    left = {need.value for need in without_slips(candidate.needs, find_slips(candidate, live))}
    assert "orders-1.internal" in left
    assert not {"orders-2.intenral", "orders-2.intenral:8001"} & left


def test_a_directory_of_the_tree_is_no_need(tmp_path: Path) -> None:
    candidate, _ = _sides(tmp_path, "/srv/shop;", "/etc/nginx/files/site/;")
    assert "directory" not in {need.kind for need in candidate.needs if need.value.startswith("/etc/nginx")}
