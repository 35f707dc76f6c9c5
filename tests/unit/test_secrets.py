"""Which files are secret: by content, by the directive that names them, by their name, by who may read them."""

from __future__ import annotations

import base64
import time

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.secrets import (
    closed_paths,
    is_secret_content,
    named_by,
    named_secret,
    secret_paths,
)


def _pem(kind: str) -> bytes:
    return f"-----BEGIN {kind}-----\nMIIEvQ==\n-----END {kind}-----\n".encode()


# The beginnings of what openssl, ssh-keygen and keytool write.
PKCS8_DER = bytes.fromhex("302e020100300506032b657004220420") + bytes(32)
RSA_DER = bytes.fromhex("308204a40201000282010100") + bytes(900)
PKCS12 = bytes.fromhex("3082097f02010330820945") + bytes(900)
PKCS12_BER = bytes.fromhex("30800201033080") + bytes(900)
ENCRYPTED_DER = bytes.fromhex("308202dd305706092a864886f70d01050d304a") + bytes(700)
CERTIFICATE_DER = bytes.fromhex("30820303308201eba00302010202") + bytes(700)
REVOKED_DER = bytes.fromhex("30820190307a020101300d06") + bytes(300)


@pytest.mark.parametrize(
    "data",
    [
        *(
            _pem(kind)
            for kind in (
                "PRIVATE KEY",
                "ENCRYPTED PRIVATE KEY",
                "RSA PRIVATE KEY",
                "EC PRIVATE KEY",
                "DSA PRIVATE KEY",
                "OPENSSH PRIVATE KEY",
                "PGP PRIVATE KEY BLOCK",
            )
        ),
        _pem("CERTIFICATE") + _pem("PRIVATE KEY"),
        _pem("EC PARAMETERS") + _pem("EC PRIVATE KEY"),
        _pem("PRIVATE KEY").replace(b"\n", b"\r\n"),
        b"\xff\xfe" + _pem("PRIVATE KEY").decode().encode("utf-16-le"),
        b'{"type": "service_account", "private_key": "-----BEGIN PRIVATE KEY-----\\nMII"}',
        b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n",
        b"PuTTY-User-Key-File-3: ssh-ed25519\n",
        b"# created: today\nAGE-SECRET-KEY-1QQQ\n",
        b"$ANSIBLE_VAULT;1.1;AES256\n6162\n",
        PKCS8_DER,
        RSA_DER,
        PKCS12,
        PKCS12_BER,
        ENCRYPTED_DER,
        b"\xfe\xed\xfe\xed\x00\x00\x00\x02",
        bytes(range(128, 176)),
        b"ann:$apr1$abc$defghijklmnop\n",
        b"# staff\n\nann:$2y$05$abcdefghijklmno\n",
        b"ann lee:$6$salt$hash\n",
        b"ann:$y$j9T$salt$hash\n",
        b"ann:$argon2id$v=19$m=65536$c2FsdA$aGFzaA\n",
        b"ann:$scrypt$ln=16$aM$7Y\n",
        b"ann:rqXexS6ZhobKA:a comment\n",
        b"ann:_J9..CCCCXBrJUJV154M\n",
        b"ann:{SSHA}ZGVmZ2hpamtsbW5v\n",
        b"ann:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\r\n",
        b"ann:{PLAIN}hunter2\n",
        b"ann:staff:939e7578ed9e3c518a452acee763bce9\n",
        b"db.example:5432:shop:shop:hunter2\n",
        b"*:*:*:shop:hunter2\n",
        b"machine api.example login ann password hunter2\n",
        b'{"keys": [{"kty": "oct", "k": "GawgguFyGrWKav7AX4VKUg"}]}',
        b'{"kty":"EC","crv":"P-256","x":"f","y":"x","d":"jpsQnn"}',
        b'{"d": "jpsQnn", "kty": "EC"}',
        b"[Interface]\nPrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n",
        b"[default]\naws_secret_access_key = wJalr\n",
    ],
)
def test_keys_and_passwords_are_known_by_what_they_are(data: bytes) -> None:
    assert is_secret_content(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n" * 48,
        _pem("CERTIFICATE"),
        _pem("PUBLIC KEY"),
        _pem("DH PARAMETERS"),
        CERTIFICATE_DER,
        REVOKED_DER,
        b"map $a $b {\n  default 1;\n}\nproxy_pass http://app:8001;\n",
        b"upstream a { server 10.0.0.1:8080; server [::1]:80; }\n",
        b"# ssl_certificate_key is on the hosts\nserver { listen 443 ssl; }\n",
        b'{"keys": [{"kty": "RSA", "n": "0vx7", "e": "AQAB"}]}',
        b"types {\n    text/html  html htm shtml;\n}\n",
        b"koi8-r\tutf-8;\n",
        b"log_format main '$remote_addr: $status';\n",
    ],
)
def test_what_everybody_may_know_is_no_secret(data: bytes) -> None:
    assert not is_secret_content(data)


@pytest.mark.parametrize("unit", [b"\n", b"a", b"a:", b'"kty":', b"-", b"BEGIN ", b"\x30", b" \t", b'"d":"'])
def test_no_content_takes_long(unit: bytes) -> None:
    began = time.process_time()
    is_secret_content(unit * 10_000)
    assert time.process_time() - began < 5


CONF = "/etc/nginx"


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("ssl_certificate_key ssl/a.key;", {}),
        ("ssl_certificate_key /etc/nginx/ssl/a.key;", {}),
        ("proxy_ssl_certificate_key 'ssl/a.key';", {}),
        ('grpc_ssl_certificate_key "ssl/../ssl/a.key";', {}),
        ("ssl_certificate_key\n    # the shop's\n    ssl/a.key;", {}),
        (r"ssl_certificate_key ssl/\a.key;", {}),
        ("ssl_certificate_key ssl/$ssl_server_name.key;", {}),
        ("ssl_certificate_key ${folder}/a.key;", {}),
        ("ssl_certificate_key ssl/current.key;", {"ssl/current.key": "a.key"}),
        ("ssl_certificate_key tls/a.key;", {"tls": "ssl"}),
        ("ssl_certificate_key tls/a.key;", {"tls": "/etc/nginx/ssl"}),
        ("ssl_session_ticket_key ssl/a.key;", {}),
        ("ssl_password_file ssl/a.key;", {}),
        ("auth_basic_user_file ssl/a.key;", {}),
        ("auth_jwt_key_file ssl/a.key;", {}),
        ("server { listen 443 ssl; ssl_certificate_key ssl/a.key; }", {}),
    ],
)
def test_what_a_directive_names_is_secret(text: str, links: dict[str, str]) -> None:
    contents = {"conf.d/shop.conf": text.encode(), "ssl/a.key": b"?", "ssl/readme": b"?"}
    assert named_secret(contents, CONF, links) == {"ssl/a.key"}


@pytest.mark.parametrize("value", ["$key", "${key}", "/etc/nginx/$key", "$folder/$key"])
def test_a_name_that_is_any_is_that_of_no_configuration(value: str) -> None:
    main = f"include conf.d/*.conf; server {{ ssl_certificate_key {value}; include snippets/tls; }}"
    contents = {"nginx.conf": main.encode(), "conf.d/a.conf": b"", "snippets/tls": b"", "ssl/a": b"?", "a": b"?"}
    assert named_secret(contents, CONF) <= {"ssl/a", "a"}
    assert "ssl/a" in named_secret(contents, CONF)
    # A file that is called as keys are stays one, whatever includes it.
    assert "a.key" in secret_paths({"nginx.conf": b"include a.key;", "a.key": b""}, CONF)


def test_a_loop_of_links_ends() -> None:
    contents = {"nginx.conf": b"ssl_certificate_key a/x;", "x": b""}
    assert named_secret(contents, CONF, {"a": "b", "b": "a"}) == set()


def test_patterns_of_includes_are_resolved() -> None:
    contents = {"nginx.conf": b"include conf.d/*.conf; include keys.map;", "conf.d/a.conf": b"", "keys.map": b""}
    assert named_by(("include",), contents, CONF) == {"conf.d/a.conf", "keys.map"}


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("ssl/shop.key", True),
        (".htpasswd", True),
        ("users.htpasswd", True),
        ("a.p12", True),
        ("id_ed25519", True),
        ("keys.conf", False),
        ("monkey", False),
        ("conf.d/key.conf", False),
    ],
)
def test_a_file_may_be_secret_by_its_name(name: str, secret: bool) -> None:
    assert secret_paths({name: b"?"}, CONF) == ({name} if secret else set())


@pytest.mark.parametrize(
    ("modes", "like", "closed"),
    [
        ({"nginx.conf": 0o644, "keys.map": 0o600}, "nginx.conf", {"keys.map"}),
        ({"nginx.conf": 0o644, "keys.map": 0o640}, "nginx.conf", {"keys.map"}),
        ({"nginx.conf": 0o644, "p/": 0o700, "p/q/": 0o755, "p/q/keys": 0o644}, "nginx.conf", {"p/q/keys"}),
        # All of /etc/nginx is closed on a hardened host, and then only what is more closed is told apart.
        ({"nginx.conf": 0o640, "a.conf": 0o640, "keys.map": 0o600}, "nginx.conf", {"keys.map"}),
        ({"nginx.conf": 0o600, "a.conf": 0o600}, "nginx.conf", set()),
        ({"a": 0o644, "b": 0o644, "c": 0o600}, None, {"c"}),
        ({"a": 0o600, "b": 0o600, "c": 0o600}, None, set()),
        ({"p/": 0o700, "p/a": 0o600, "b": 0o600}, None, set()),
        ({"a": 0o640, "b": 0o640, "c": 0o600}, None, {"c"}),
        ({}, None, set()),
    ],
)
def test_a_mode_counts_as_an_exception(modes: dict[str, int], like: str | None, closed: set[str]) -> None:
    assert closed_paths(modes, like) == closed


def test_base64_of_a_certificate_is_no_row_of_passwords() -> None:
    text = base64.encodebytes(bytes(range(256)) * 4)
    assert not is_secret_content(b"-----BEGIN CERTIFICATE-----\n" + text + b"-----END CERTIFICATE-----\n")


@pytest.mark.parametrize("star", ["*", "${x}", "[a-z]", "?"])
def test_a_name_of_many_stars_takes_no_time(star: str) -> None:
    """Each star multiplied the time by the length of a file's name."""
    contents = {"nginx.conf": f"ssl_certificate_key {f'a{star}' * 30}b;\n".encode(), "a" * 200: b"x"}
    began = time.process_time()
    assert secret_paths(contents, "/etc/nginx") == set()
    assert time.process_time() - began < 2


@pytest.mark.parametrize("pattern", ["*", "*/*", "/etc/nginx/*", "[a-z]*", "$x"])
def test_an_include_that_stands_for_any_file_is_resolved(pattern: str) -> None:
    """It was looked for within itself, without an end."""
    contents = {"nginx.conf": f"include {pattern};\nssl_certificate_key $a;\n".encode(), "a/b": b"x", "c": b"y"}
    assert named_by(("include",), contents, "/etc/nginx") >= ({"a/b"} if "/*" in pattern else {"c"})
    assert "nginx.conf" not in secret_paths(contents, "/etc/nginx")


def test_brackets_without_an_end_take_no_time() -> None:
    began = time.process_time()
    secret_paths({"nginx.conf": b"ssl_certificate_key " + b"[" * 100_000 + b";"}, "/etc/nginx")
    assert time.process_time() - began < 4
