"""Configurations of any size, as typed sites and as a raw tree: what a fleet's sites have, over and over.

Each site has one server, an upstream of its own, a file that is included, a redirect and a few locations. Every tenth
of the raw ones has TLS, with a certificate of its own.
"""

from __future__ import annotations

from typing import Any

__all__ = ["CHANGED", "plain", "raw", "typed"]

# The site that is another one in a release with a change.
CHANGED = 0
_TLS_EVERY = 10

_MAIN = """user www-data;
worker_processes auto;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 1024; }
http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    server_names_hash_bucket_size 128;
    server_names_hash_max_size 65536;
    map_hash_bucket_size 128;
    map_hash_max_size 65536;
    access_log /var/log/nginx/access.log combined;
    server_tokens off;
    include /etc/nginx/conf.d/*.conf;
    include /etc/nginx/sites-enabled/*;
}
"""
_PROXY = """proxy_set_header Host $host;
proxy_set_header X-Real-IP $remote_addr;
proxy_connect_timeout 2s;
"""
_SERVER = """upstream {name} {{
    server {name}.internal:8080;
    server {name}-b.internal:8080;
    keepalive 4;
}}

server {{
{listen}
    server_name {name}.example www.{name}.example;
    root /srv/{name}/public;
    index index.html;
    add_header X-Tenant $tenant always;
    error_page 502 504 /sorry.html;

    location = /old {{
        return 301 /new;
    }}
    location /api/ {{
        include /etc/nginx/snippets/proxy.conf;
        proxy_pass http://{name}{path};
    }}
    location ^~ /assets/ {{
        expires 30d;
    }}
    location ~ \\.(?:jpg|png|svg)$ {{
        expires 1d;
    }}
    location ~ /\\. {{
        return 404;
    }}
}}
"""
_TLS = """    listen 443 ssl;
    ssl_certificate /etc/ssl/{name}/cert.pem;
    ssl_certificate_key /etc/ssl/{name}/key.pem;"""


def _name(number: int) -> str:
    return f"shop-{number:05}"


def typed(servers: int, *, changed: bool = False) -> list[dict[str, Any]]:
    """Make ``nginx_sites`` with so many servers; with ``changed`` one location passes on to another path."""
    return [_site(number, changed=changed and number == CHANGED) for number in range(servers)]


def _site(number: int, *, changed: bool) -> dict[str, Any]:
    name = _name(number)
    return {
        "name": name,
        "server_names": [f"{name}.example", f"www.{name}.example"],
        "root": f"/srv/{name}/public",
        "upstreams": [{"name": "app", "servers": [f"{name}.internal:8080", f"{name}-b.internal:8080"], "keepalive": 4}],
        "redirects": [{"from": "/old", "to": "/new"}],
        "routes": [
            {"path": "/api/", "proxy": "app", **({"proxy_path": "/v2/"} if changed else {})},
            {"path": "/assets/", "expires": "30d"},
            {"path": r"~ \.(?:jpg|png|svg)$", "expires": "1d"},
            {"path": r"~ /\.", "return": 404},
        ],
        "checks": [
            {"name": "the front page", "get": f"http://{name}.example/"},
            {"name": "the old address", "get": f"http://{name}.example/old", "expect": {"status": 301}},
        ],
    }


def raw(servers: int, *, changed: bool = False) -> dict[str, str]:
    """Make the files of a tree with so many servers, one in each file; with ``changed`` as ``typed`` has it."""
    tenants = "".join(f"    {_name(number)}.example {number};\n" for number in range(servers))
    files = {
        "nginx.conf": _MAIN,
        "snippets/proxy.conf": _PROXY,
        "conf.d/tenants.conf": f"map $host $tenant {{\n    default none;\n{tenants}}}\n",
    }
    for number in range(servers):
        name = _name(number)
        listen = "    listen 80;" if number % _TLS_EVERY else _TLS.format(name=name)
        path = "/v2/" if changed and number == CHANGED else ""
        files[f"sites-enabled/{name}.conf"] = _SERVER.format(name=name, listen=listen, path=path)
    return files


def plain(lines: int, *, changed: bool = False) -> dict[str, str]:
    """Make a tree whose main file has so many lines, nearly all of them rows of one ``map``; one of them may change."""
    new = {CHANGED: "newer"} if changed else {}
    rows = "".join(f"    /old/{number} /{new.get(number, 'new')}/{number};\n" for number in range(lines))
    server = "server { listen 80; server_name shop.example; location / { return 301 $target; } }"
    return {
        "nginx.conf": f"events {{}}\nhttp {{\nmap_hash_max_size 4194304;\nmap $uri $target {{\n{rows}}}\n{server}\n}}\n"
    }
