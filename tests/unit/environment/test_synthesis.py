"""The environment that meets needs: names, addresses, stubs, files with the right content, and words for it all."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ansible_collections.sluice.nginx.plugins.module_utils.environment.model import Endpoint, Environment, File, Service
from ansible_collections.sluice.nginx.plugins.module_utils.environment.synthesis import STUB_NETWORK, synthesise
from ansible_collections.sluice.nginx.plugins.module_utils.needs.model import Kind, Need

APP = Service("app", ("app",), endpoint=Endpoint("app", 8001))
PHP = Service("php", ("php-fpm",), socket="/run/php.sock")


def need(kind: Kind, value: str, purpose: str = "", **more: Any) -> Need:
    return Need(kind, value, purpose, file="nginx.conf", line=7, **more)


def environment(*needs: Need, services: tuple[Service, ...] = (), **docroots: str) -> Environment:
    return synthesise(needs, {f"/{path}": folder for path, folder in docroots.items()}, services)


def file_at(made: Environment, path: str) -> File:
    (found,) = (file for file in made.files if file.path == path)
    return found


def test_names_get_addresses_of_their_own_and_literal_addresses_lead_to_the_stubs() -> None:
    made = environment(
        need("endpoint", "b:1", "http"),
        need("name", "b"),
        need("name", "a"),
        need("endpoint", "10.0.0.1:80", "grpc"),
        need("endpoint", "[fd00::1]:80", "http"),
    )
    assert made.names == {"a": "198.19.0.1", "b": "198.19.0.2"}
    assert made.routed == ("10.0.0.1", "fd00::1")
    assert [(end.host, end.port, end.protocol) for end in made.stubs] == [
        ("b", 1, "http"),
        ("10.0.0.1", 80, "grpc"),
        ("fd00::1", 80, "http"),
    ]
    assert STUB_NETWORK.num_addresses > 60_000


def test_every_name_that_a_request_may_bring_has_one_address() -> None:
    made = environment(need("endpoint", "*:80", "http"))
    assert made.names == {"*": "198.19.0.1"}
    assert made.stubs == (Endpoint("*", 80),)
    assert made.synthesized == ("a stub answers at any name:80 (http), for nginx.conf:7",)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.0.0.11"])
def test_what_is_on_this_machine_stands_in_beside_nginx(host: str) -> None:
    made = environment(need("endpoint", f"{host}:81", "fastcgi"))
    assert [(end.host, end.port, end.protocol) for end in made.local_stubs] == [(host.strip("[]"), 81, "fastcgi")]
    assert (made.names, made.routed, made.stubs) == ({}, (), ())


def test_an_address_that_the_release_listens_on_is_here_too() -> None:
    made = environment(need("address", "10.0.0.1"), need("endpoint", "10.0.0.1:81", "http"))
    assert (made.local, made.routed) == (("10.0.0.1",), ())
    assert made.local_stubs == (Endpoint("10.0.0.1", 81),)


def test_where_the_release_itself_listens_nginx_proxies_to_itself() -> None:
    made = environment(
        need("port", "81/tcp"), need("endpoint", "127.0.0.1:81", "http"), need("endpoint", "127.0.0.1:82")
    )
    assert made.local_stubs == (Endpoint("127.0.0.1", 82),)


def test_a_port_of_the_other_transport_is_another_one() -> None:
    made = environment(need("port", "53/tcp"), need("endpoint", "127.0.0.1:53", "dns"))
    assert made.local_stubs == (Endpoint("127.0.0.1", 53, "dns"),)


def test_a_name_that_nginx_listens_on_is_its_own() -> None:
    made = environment(need("name", "lb", "listen"))
    assert (made.names, made.local) == ({"lb": "198.19.0.1"}, ("198.19.0.1",))
    assert made.synthesized == ("the name lb leads to nginx, for nginx.conf:7",)


def test_real_services_take_the_place_of_stubs() -> None:
    made = environment(
        need("endpoint", "app:8001", "http"),
        need("endpoint", "app:8002", "http"),
        need("socket", "/run/php.sock", "fastcgi"),
        need("socket", "/run/other.sock", "uwsgi"),
        services=(APP, PHP),
    )
    assert made.stubs == (Endpoint("app", 8002),)
    assert made.local_stubs == (Endpoint("", 0, "uwsgi", "/run/other.sock"),)
    assert made.services == (APP, PHP)


def test_a_service_that_the_release_does_not_name_has_an_address_all_the_same() -> None:
    literal = Service("db", ("db",), endpoint=Endpoint("10.0.0.2", 5432))
    made = environment(services=(APP, literal))
    assert (made.names, made.routed, made.stubs) == ({"app": "198.19.0.1"}, ("10.0.0.2",), ())


def test_a_certificate_is_for_its_names_fits_its_key_and_ends_in_the_authority() -> None:
    made = environment(
        need("file", "/c.pem", "certificate", names=("a.example", "*.b.example"), beside="/k.pem"),
        need("file", "/k.pem", "key", beside="/c.pem"),
    )
    leaf, root = x509.load_pem_x509_certificates(file_at(made, "/c.pem").content.encode())
    key = serialization.load_pem_private_key(file_at(made, "/k.pem").content.encode(), None)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["a.example", "*.b.example"]
    assert leaf.public_key() == key.public_key()
    leaf.verify_directly_issued_by(root)
    assert root == x509.load_pem_x509_certificate(made.ca[0].encode())
    assert file_at(made, "/k.pem").mode == 0o600


def test_a_certificate_and_key_in_one_file() -> None:
    made = environment(need("file", "/both.pem", "certificate", beside="/both.pem"))
    content = file_at(made, "/both.pem").content
    assert content.index("BEGIN CERTIFICATE") < content.index("BEGIN PRIVATE KEY")


@pytest.mark.parametrize(
    ("path", "only_rsa", "size"),
    [("/etc/ssl/shop.rsa.pem", False, 2048), ("/etc/ssl/shop.pem", False, 256), ("/etc/ssl/shop.pem", True, 2048)],
)
def test_a_key_is_of_the_kind_that_its_name_or_the_ciphers_say(path: str, only_rsa: bool, size: int) -> None:
    made = environment(need("file", path, "certificate", beside="/k", only_rsa=only_rsa), need("file", "/k", "key"))
    key: Any = serialization.load_pem_private_key(file_at(made, "/k").content.encode(), None)
    assert key.key_size == size


def test_the_certificate_says_which_file_it_is() -> None:
    made = environment(need("file", "/etc/ssl/shop.pem", "certificate", beside="/k"))
    leaf = x509.load_pem_x509_certificates(file_at(made, "/etc/ssl/shop.pem").content.encode())[0]
    assert "O=/etc/ssl/shop.pem" in leaf.subject.rfc4514_string()


def test_the_spare_certificate_is_for_every_upstream_and_every_name_that_it_is_asked_for() -> None:
    made = environment(
        need("endpoint", "app:443", "https", names=("group",)), need("endpoint", "10.0.0.1:443", "https")
    )
    leaf = x509.load_pem_x509_certificates(made.spare[0].encode())[0]
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["app", "group", "localhost", "*.staging.invalid"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.1"]


def test_directories_have_their_owners() -> None:
    made = environment(
        need("user", "www"),
        need("directory", "/var/cache/a", "cache"),
        need("directory", "/var/log/a", "log"),
        need("directory", "/srv/a", "root"),
    )
    assert made.directories == {"/var/cache/a": "www", "/var/log/a": "root", "/srv/a": "root"}


def test_a_document_root_has_the_page_that_nginx_looks_for() -> None:
    made = environment(
        need("directory", "/srv/a", "root", directive="root"),
        need("directory", "/srv/b", "root", directive="root"),
        need("file", "/srv/b/index.php", "index"),
        need("directory", "/srv/c", "root", directive="alias"),
    )
    assert {file.path: file.content.count(file.path) > 0 for file in made.files} == {
        "/srv/a/index.html": True,
        "/srv/b/index.php": True,
    }


def test_nothing_is_synthesized_below_a_document_root_of_the_user() -> None:
    made = environment(
        need("directory", "/mapped/public", "root", directive="root"),
        need("file", "/mapped/index.html", "index"),
        mapped="here",
    )
    assert (made.files, made.directories) == ((), {})


def test_what_was_synthesized_is_told_in_words_with_the_line_that_asks() -> None:
    made = environment(
        need("name", "other"),
        need("endpoint", "other:80", "http"),
        need("endpoint", "app:8001", "http"),
        need("address", "10.0.0.9"),
        need("file", "/run/htpasswd", "htpasswd"),
        services=(APP,),
    )
    assert made.synthesized == (
        "the name other leads to a stub, for nginx.conf:7",
        "a stub answers at other:80 (http), for nginx.conf:7",
        "the address 10.0.0.9 is staging's, for nginx.conf:7",
    )
    assert file_at(made, "/run/htpasswd").words == "the file /run/htpasswd (htpasswd), for nginx.conf:7"


def test_one_key_may_be_beside_two_certificates() -> None:
    made = environment(
        need("file", "/live/cert.pem", "certificate", names=("a.example",), beside="/live/privkey.pem"),
        need("file", "/live/fullchain.pem", "certificate", names=("a.example",), beside="/live/privkey.pem"),
        need("file", "/live/privkey.pem", "key"),
    )
    key = serialization.load_pem_private_key(file_at(made, "/live/privkey.pem").content.encode(), None).public_key()
    for path in ("/live/cert.pem", "/live/fullchain.pem"):
        leaf = x509.load_pem_x509_certificates(file_at(made, path).content.encode())[0]
        assert leaf.public_key() == key
