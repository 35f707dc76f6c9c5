"""What of a line is shown."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.redaction import (
    REDACTED,
    masked_path,
    redact_line,
    redactions,
    secret_includes,
)

SECRET = "S3cr3t-of-the-vault"
TOKEN = "9f8a7b6c5d4e3f2a1b0c"

SHOWN = [
    (f'proxy_set_header Authorization "Bearer {SECRET}";', f'proxy_set_header Authorization "Bearer {REDACTED}";'),
    (f"proxy_set_header X-Api-Key {SECRET};", f"proxy_set_header X-Api-Key {REDACTED};"),
    (f"+    fastcgi_param DB_PASSWORD {SECRET};  # why", f"+    fastcgi_param DB_PASSWORD {REDACTED};  # why"),
    (f"-set $backend_token {SECRET};", f"-set $backend_token {REDACTED};"),
    (f" location / {{ set $backend_token {SECRET}; return 204; }}",
     f" location / {{ set $backend_token {REDACTED}; return 204; }}"),
    (f'secure_link_md5 "$secure_link_expires$uri {SECRET}";',
     f'secure_link_md5 "$secure_link_expires$uri {REDACTED}";'),
    (f"secure_link_secret {SECRET};", f"secure_link_secret {REDACTED};"),
    (f"secure_link_hmac_secret '{SECRET}';", f"secure_link_hmac_secret '{REDACTED}';"),
    (f'if ($http_x_token != "{SECRET}") {{', f'if ($http_x_token != "{REDACTED}") {{'),
    (f"if ($arg_api_key = {SECRET}) {{", f"if ($arg_api_key = {REDACTED}) {{"),
    (f"if ($http_authorization !~ ^Bearer.{SECRET}$) {{", f"if ($http_authorization !~ ^{REDACTED}$) {{"),
    (f"return 301 https://cdn.example/a?sig={SECRET}&x=1;", f"return 301 https://cdn.example/a?sig={REDACTED}&x=1;"),
    (f"proxy_pass http://app/?access_token={SECRET};", f"proxy_pass http://app/?access_token={REDACTED};"),
    (f"proxy_pass https://shop:{SECRET}@app.example/;", f"proxy_pass https://{REDACTED}@app.example/;"),
    (f'    "K0-{TOKEN}" acme;', f'    "{REDACTED}" acme;'),
    ("    k-3f9a1c77 web;", f"    {REDACTED} web;"),
    ('    "550e8400-e29b-41d4-a716-446655440000" acme;', f'    "{REDACTED}" acme;'),
    (f"add_header Set-Cookie sid={TOKEN};", f"add_header Set-Cookie {REDACTED};"),
    (f"env API_KEY={SECRET};", f"env API_KEY={REDACTED};"),
    (f"# proxy_set_header X-Token {SECRET};", f"# proxy_set_header X-Token {REDACTED};"),
    (f"auth_http_header X-Auth-Key-Token {SECRET};", f"auth_http_header X-Auth-Key-Token {REDACTED};"),
    (f"encrypted_session_key {SECRET};", f"encrypted_session_key {REDACTED};"),
    ("proxy_set_header X-Auth hunter;", f"proxy_set_header X-Auth {REDACTED};"),
    ("proxy_set_header X-Origin-Verify hunter;", f"proxy_set_header X-Origin-Verify {REDACTED};"),
    ('if ($http_x_auth != "hunter") {', f'if ($http_x_auth != "{REDACTED}") {{'),
    ("if ($arg_key = hunter) {", f"if ($arg_key = {REDACTED}) {{"),
    ('more_set_headers "Authorization: Bearer hunter";', f'more_set_headers "Authorization: Bearer {REDACTED}";'),
    ('set_header("Authorization", "Bearer hunter")', f'set_header("Authorization", "Bearer {REDACTED}")'),
    ("r.headersOut['X-Token'] = 'hunter'", f"r.headersOut['X-Token'] = '{REDACTED}'"),
    (f"password: {SECRET}", f"password: {REDACTED}"),
    (f'"client_secret" : "{SECRET}",', f'"client_secret" : "{REDACTED}",'),
    (f"local token = '{SECRET}'", f"local token = '{REDACTED}'"),
    ("ann:$apr1$abc$defghijklmnop", f"ann:{REDACTED}"),
    ("return 200 ghp_abcdefghijklmnopqrstuvwx0123456789;", f"return 200 {REDACTED};"),
    ("set $a AKIAIOSFODNN7EXAMPLE;", f"set $a {REDACTED};"),
    ("+MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj", f"+{REDACTED}"),
    ("proxy_set_header Authorization 'Basic b3BzOmtldHRsZQ==';", f"proxy_set_header Authorization 'Basic {REDACTED}';"),
    ("access_log syslog:server=logs:514,tag=a; set $u https://hooks.slack.com/services/T0/B0/xYz1;",
     f"access_log syslog:server=logs:514,tag=a; set $u https://hooks.slack.com/services/{REDACTED};"),
    (f"set_hmac_sha1 $digest '{SECRET}' $uri;", f"set_hmac_sha1 $digest '{REDACTED}' $uri;"),
    (f'set_md5 $digest "{SECRET}$uri";', f'set_md5 $digest "{REDACTED}$uri";'),
    (r'return 200 "{\"token\":\"hunter\"}";', rf'return 200 "{{\"token\":\"{REDACTED}\"}}";'),
    ("geo $allowed_token { default 0; 10.0.0.0/8 hunter; }",
     f"geo $allowed_token {{ default 0; 10.0.0.0/8 {REDACTED}; }}"),
    ("fastcgi_param HTTP_PROXY_PWD hunter;", f"fastcgi_param HTTP_PROXY_PWD {REDACTED};"),
    ("fastcgi_param DB_PASS hunter;", f"fastcgi_param DB_PASS {REDACTED};"),
    ("env DB_PASS=hunter;", f"env DB_PASS={REDACTED};"),
    ("more_set_headers -s '404' 'X-Auth: hunter';", f"more_set_headers -s '404' 'X-Auth: {REDACTED}';"),
    ('red:auth("hunter")', f'red:auth("{REDACTED}")'),
    ('if ngx.var.http_x_api_key == "hunter" then', f'if ngx.var.http_x_api_key == "{REDACTED}" then'),
    ('ssl_certificate_key "engine:pkcs11:object=x;pin-value=123456";',
     f'ssl_certificate_key "engine:pkcs11:object=x;pin-value={REDACTED}";'),
    (f'nginx: [emerg] unknown directive "api_key={SECRET}" in /etc/nginx/nginx.conf:3',
     f'nginx: [emerg] unknown directive "api_key={REDACTED}" in /etc/nginx/nginx.conf:3'),
]  # fmt: skip


@pytest.mark.parametrize(("line", "shown"), SHOWN)
def test_what_is_secret_is_not_shown_and_the_rest_is(line: str, shown: str) -> None:
    assert redact_line(line).replace(f"{REDACTED}==", REDACTED) == shown
    # Whoever redacts once more changes nothing.
    assert redact_line(redact_line(line)) == redact_line(line)


@pytest.mark.parametrize(
    "line",
    [
        "proxy_set_header Authorization $http_authorization;",
        'proxy_set_header Authorization "Basic $credentials";',
        'proxy_set_header Cookie "";',
        'if ($http_cookie ~* "wordpress_logged_in") { set $skip 1; }',
        'map $http_authorization $has { default 1; "" 0; "~^Bearer" 2; }',
        "ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384;",
        "ssl_session_tickets off; server_tokens off; ssl_session_cache shared:SSL:10m;",
        "rewrite ^/a$ /assets/main.d41d8cd98f00b204e9800998ecf8427e.js permanent;",
        "add_header Content-Security-Policy \"script-src 'sha256-B2yPHKaXnvFWtRChIbabYmUBFZdVfKKXHbWtWidDVF8='\";",
        "server token-service:8080;",
        "proxy_pass http://token-service:8080/;",
        "auth_jwt realm token=$cookie_auth;",
        "proxy_hide_header Authorization;",
        'proxy_cache_key "$scheme$request_method$host$request_uri";',
        "ssl_certificate_key /etc/nginx/ssl/shop.key;",
        "auth_basic_user_file /etc/nginx/users;",
        "log_format main '$remote_addr token=$arg_token \"$http_cookie\"';",
        "add_header Access-Control-Allow-Credentials true always;",
        "server ec2-12-34-56-78.eu-west-1.compute.amazonaws.com:443;",
        "listen [2001:db8:85a3::8a2e:370:7334]:443 ssl;",
        "location ~ ^/[0-9a-f]{32}/x$ { return 404; }",
        "set $colour #ff8800aa;",
        "add_header WWW-Authenticate 'Basic realm=staff' always;",
        "fastcgi_param SSL_CLIENT_VERIFY $ssl_client_verify;",
        "if ($ssl_client_verify != SUCCESS) { return 403; }",
        "if ($arg_keyword = tea) { return 301 /tea; }",
        "set $skip_auth 1;",
        "--- live/conf.d/tokens.conf",
        "@@ -1,12 +1,12 @@",
        'auth_basic "Basic Authentication";',
    ],
)
def test_what_is_harmless_is_shown(line: str) -> None:
    assert redact_line(line) == line


def test_a_value_on_another_line_than_its_directive_is_not_shown() -> None:
    text = f'server {{\n  proxy_set_header Authorization\n    "{SECRET}";\n  secure_link_md5\n    "$uri short";\n}}\n'
    assert set(redactions(text).values()) == {f'    "{REDACTED}";', f'    "$uri {REDACTED}";'}


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/reset/4f9a8b7c6d5e4f3a2b1c0d9e8f", f"/reset/{'x' * 26}"),
        ("/invite/kJ8s7Hd72hsKs92hsmKw81/x", f"/invite/{'x' * 22}/x"),
        ("/login/eyJhbGciOi.abc.def", f"/login/{'x' * 18}"),
        ("/u/ann@shop.example", f"/u/{'x' * 16}"),
        *(
            (path, path)
            for path in (
                "/assets/app.4f9a8b7c6d5e4f3a2b1c0d9e8f.js",
                "/2026-11-28-some-article-of-today-v2",
                "/api/v2/orders/12345678",
                "/products/iphone15promax256gb",
                "/",
            )
        ),
    ],
)
def test_of_a_path_what_is_one_visitors_is_masked(path: str, shown: str) -> None:
    assert masked_path(path) == shown


@pytest.mark.parametrize(
    ("block", "found"),
    [
        ("map $http_x_api_key $client { include %s; }", True),
        ("map\t$host $api_key { default 0;\n include '%s'; }", True),
        ("geo $token { include %s; }", True),
        ("map $host $pool { include %s; }", False),
        ("server { include %s; }", False),
    ],
)
def test_rows_that_are_included_are_secret_as_those_of_their_map(block: str, found: bool) -> None:
    assert secret_includes(f"http {{ {block % 'keys.map'} }}") == (["keys.map"] if found else [])


def test_the_rows_of_a_map_are_secret_by_its_variables() -> None:
    keys = "map $http_x_api_key $client {\n  default '';\n  short acme;\n  \"other\" beta;\n}\n"
    values = "map $host $upstream_password {\n  a.example tea;\n}\nmap $host $b {\n  a.example tea;\n}\n"
    assert redactions(keys) == {"  short acme;": f"  {REDACTED} acme;", '  "other" beta;': f'  "{REDACTED}" beta;'}
    assert redactions(values) == {"  a.example tea;": f"  a.example {REDACTED};"}


@pytest.mark.parametrize(
    "unit",
    ["\n", "-", "a", "token", '"', "eyJ", "?a=", "a;", "{", "A1b2", "=", "$a", "# ", "a:", "/bot1", "${", "token="],
)
def test_no_line_takes_long(unit: str) -> None:
    began = time.process_time()
    redactions(unit * 3_000)
    redact_line(unit.replace("\n", " ") * 3_000)
    assert time.process_time() - began < 5


def test_of_ordinary_configurations_hardly_anything_is_hidden(project: Path) -> None:
    lines, hidden = 0, []
    for path in sorted((project / "benchmarks" / "corpus").glob("*/tree/**/*")):
        if path.is_file() and not path.is_symlink() and path.suffix in (".conf", ""):
            text = path.read_text(errors="replace")
            lines += text.count("\n")
            hidden += [line.strip() for line in redactions(text)]
    assert lines > 1500
    # Keys of clients, a word of the secure links, and rows of passwords.
    assert len(hidden) < lines / 100, hidden
