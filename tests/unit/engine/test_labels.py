"""Labels of SELinux, with a policy and attributes that are made up: tests/machines has real ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine import labelling
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host import labels
from ansible_collections.sluice.nginx.plugins.module_utils.engine.needs import confinement
from ansible_collections.sluice.nginx.plugins.module_utils.engine.needs.confinement import Confinement


class Attributes:
    """Extended attributes as a file system has them, by the inode; ``refuses`` says which error it answers with."""

    def __init__(self) -> None:
        self.labels: dict[int, bytes] = {}
        self.refuses = 0

    def get(self, path: str | Path, name: str, *, follow_symlinks: bool = True) -> bytes:
        inode = os.stat(path, follow_symlinks=follow_symlinks).st_ino
        if inode not in self.labels:
            raise OSError(61, "No data available")
        return self.labels[inode]

    def set(self, path: str | Path, name: str, value: bytes, *, follow_symlinks: bool = True) -> None:
        if self.refuses:
            raise OSError(self.refuses, "refused")
        self.labels[os.stat(path, follow_symlinks=follow_symlinks).st_ino] = value

    def of(self, path: Path) -> bytes:
        return self.labels[path.lstat().st_ino]


@pytest.fixture
def attributes(monkeypatch: pytest.MonkeyPatch) -> Attributes:
    found = Attributes()

    @contextmanager
    def lookup() -> Iterator[labels.Lookup]:
        yield lambda path, mode: f"system_u:object_r:{path.strip('/').replace('/', '_')}:s0\0".encode()

    monkeypatch.setattr(os, "getxattr", found.get)
    monkeypatch.setattr(os, "setxattr", found.set)
    monkeypatch.setattr(labels, "lookup", lookup)
    return found


def test_a_tree_gets_the_labels_of_the_path_that_it_stands_for(attributes: Attributes, tmp_path: Path) -> None:
    (tmp_path / "ssl").mkdir()
    (tmp_path / "ssl/shop.pem").write_text("")
    (tmp_path / "key").symlink_to("/nowhere")
    labels.label_tree(tmp_path, Path("/etc/nginx"))
    wanted = {"": "etc_nginx", "ssl": "etc_nginx_ssl", "ssl/shop.pem": "etc_nginx_ssl_shop.pem", "key": "etc_nginx_key"}
    for name, kind in wanted.items():
        assert attributes.of(tmp_path / name) == f"system_u:object_r:{kind}:s0\0".encode()


def test_a_right_label_of_another_user_stays(attributes: Attributes, tmp_path: Path) -> None:
    attributes.set(tmp_path, "", b"unconfined_u:object_r:etc_nginx:s0\0")
    attributes.refuses = 1
    labels.label_tree(tmp_path, Path("/etc/nginx"))
    assert labels.is_labelled(tmp_path, Path("/etc/nginx"))
    assert not labels.is_labelled(tmp_path, Path("/var/lib"))


def test_a_file_system_without_labels_is_left_and_a_refusal_is_raised(attributes: Attributes, tmp_path: Path) -> None:
    attributes.refuses = 95
    labels.label_tree(tmp_path, Path("/etc/nginx"))
    attributes.refuses = 13
    with pytest.raises(OSError, match="refused"):
        labels.label_tree(tmp_path, Path("/etc/nginx"))


def test_what_nginx_makes_is_found_in_its_configuration(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text(
        "user www-data;\npid /run/shop.pid; error_log /var/log/shop.log warn;\n"
        "http { proxy_cache_path /var/cache/shop levels=1 keys_zone=a:1m; access_log off;\n# pid /no;\n"
        "  client_body_temp_path relative; }\n"
    )
    assert labelling._named(tmp_path) == {"/run/shop.pid", "/var/log/shop.log", "/var/cache/shop"}


def test_the_first_row_of_the_policy_that_fits_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def allowed(*words: str) -> bool | None:
        asked.append(words)
        return "http_port_t" in words[1]

    monkeypatch.setattr(confinement, "_is_allowed", allowed)
    rows = (
        (8443, 8443, "tcp", "http_port_t"),
        (1024, 32767, "tcp", "free_t"),
        (53, 53, "udp", "dns_port_t"),
    )
    found = Confinement("system_u:system_r:httpd_t:s0", rows)
    assert found.refuses_port(8443, "tcp") == ""
    assert found.refuses_port(9000, "tcp") == "free_t"
    assert found.refuses_connection(9000) == "free_t"
    assert found.refuses_port(53, "udp") == "dns_port_t"
    # What the policy does not list nobody knows.
    assert found.refuses_port(40000, "tcp") == ""
    assert asked[1] == (
        "system_u:system_r:httpd_t:s0",
        "system_u:object_r:free_t:s0",
        "tcp_socket",
        "name_bind",
    )
