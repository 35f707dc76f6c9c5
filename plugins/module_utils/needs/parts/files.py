"""Files and directories that a configuration names by their paths."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping

from ..model import Need
from .scope import Scoped, Scopes, beside_configuration
from .variables import literal_start, possible

__all__ = ["file_needs"]

# What a directive's first argument names, and what the file holds.
_READ: Mapping[str, str] = {
    "auth_basic_user_file": "htpasswd",
    "ssl_dhparam": "dhparam",
    "ssl_client_certificate": "ca",
    "ssl_trusted_certificate": "ca",
    "proxy_ssl_trusted_certificate": "ca",
    "grpc_ssl_trusted_certificate": "ca",
    "uwsgi_ssl_trusted_certificate": "ca",
    "ssl_crl": "crl",
    "proxy_ssl_crl": "crl",
    "grpc_ssl_crl": "crl",
    "uwsgi_ssl_crl": "crl",
    "ssl_stapling_file": "ocsp",
    "ssl_session_ticket_key": "ticket",
    "ssl_password_file": "passwords",
    "proxy_ssl_password_file": "passwords",
    "grpc_ssl_password_file": "passwords",
    "uwsgi_ssl_password_file": "passwords",
    "geoip_country": "geoip_country",
    "geoip_city": "geoip_city",
    "geoip_org": "geoip_org",
    "geoip2": "mmdb",
    "xslt_stylesheet": "xslt",
    "xml_entities": "dtd",
    "js_include": "script",
    "perl_require": "perl",
    "modsecurity_rules_file": "include",
    "init_by_lua_file": "lua",
    "init_worker_by_lua_file": "lua",
    "ssl_certificate_by_lua_file": "lua",
    "set_by_lua_file": "lua",
    "rewrite_by_lua_file": "lua",
    "access_by_lua_file": "lua",
    "content_by_lua_file": "lua",
    "header_filter_by_lua_file": "lua",
    "body_filter_by_lua_file": "lua",
    "log_by_lua_file": "lua",
    "balancer_by_lua_file": "lua",
    "preread_by_lua_file": "lua",
}
_LUA = {name for name, purpose in _READ.items() if purpose == "lua"}
_CACHES = ("proxy_cache_path", "fastcgi_cache_path", "uwsgi_cache_path", "scgi_cache_path")
_TEMPORARY = (
    "client_body_temp_path",
    "proxy_temp_path",
    "fastcgi_temp_path",
    "uwsgi_temp_path",
    "scgi_temp_path",
)
_RECORDS = ("hls_path", "dash_path", "record_path")
_WORK = ("working_directory", "perl_modules")
_NO_FOLDER = ("", "/", "/dev")


def _words(scoped: Scoped, scopes: Scopes, index: int = 0) -> list[str]:
    args = scoped.directive.args
    return possible(args[index], scoped, scopes) if len(args) > index else []


def _reads(scopes: Scopes) -> Iterator[Need]:
    for name, purpose in _READ.items():
        place = scopes.below_prefix if name in _LUA else beside_configuration
        for scoped in scopes.named(name):
            # set_by_lua_file names its variable first.
            for word in _words(scoped, scopes, 1 if name == "set_by_lua_file" else 0):
                if word != "off" and "$" not in word:
                    yield scoped.need("file", place(word), purpose)
    for scoped in scopes.named("js_import"):
        args = scoped.directive.args
        if args:
            yield scoped.need("file", beside_configuration(args[-1]), "script")
    for scoped in scopes.named("js_path"):
        for word in _words(scoped, scopes):
            yield scoped.need("directory", beside_configuration(word), "scripts")


def _includes(scopes: Scopes) -> Iterator[Need]:
    """Literal includes that lead out of the tree; a pattern may match nothing."""
    outside = [Scoped(directive, ()) for directive in scopes.config.outside]
    for scoped in [*outside, *scopes.named("include")]:
        word = scoped.directive.args[0] if scoped.directive.args else ""
        path = posixpath.normpath(beside_configuration(word))
        if word and not set(word) & set("*?[") and "modules-available" not in path:
            yield scoped.need("file", path, "include")


def _folders(scopes: Scopes) -> Iterator[Need]:
    tables: list[tuple[tuple[str, ...], str, Callable[[str], str]]] = [
        (_CACHES, "cache", scopes.below_prefix),
        (_TEMPORARY, "temp", scopes.below_prefix),
    ]
    for names, purpose, place in tables:
        for scoped in scopes.named(*names):
            for word in _words(scoped, scopes):
                yield scoped.need("directory", place(word), purpose)
    for names, purpose in ((_WORK, "work"), (_RECORDS, "temp")):
        for scoped in scopes.named(*names):
            for word in _words(scoped, scopes):
                yield scoped.need("directory", scopes.below_prefix(literal_start(word)), purpose)


def _parents(scopes: Scopes) -> Iterator[Need]:
    """Directories of what nginx itself writes: logs, its pid, its lock, what it stores."""
    for names, purpose in ((("access_log", "error_log"), "log"), (("pid",), "pid"), (("lock_file",), "lock")):
        for scoped in scopes.named(*names):
            for word in _words(scoped, scopes):
                if word.startswith(("syslog:", "memory:", "|")) or word in ("off", "stderr", "stdout"):
                    continue
                folder = (
                    scopes.below_prefix(literal_start(word))
                    if "$" in word
                    else posixpath.dirname(scopes.below_prefix(word))
                )
                if folder not in _NO_FOLDER:
                    yield scoped.need("directory", folder, purpose)
    for scoped in scopes.named("proxy_store", "fastcgi_store", "uwsgi_store", "scgi_store"):
        for word in _words(scoped, scopes):
            if word not in ("on", "off") and literal_start(word).startswith("/"):
                yield scoped.need("directory", literal_start(word), "temp")
    for scoped in scopes.named("listen"):
        where = scoped.directive.args[0] if scoped.directive.args else ""
        if where.startswith("unix:/"):
            yield scoped.need("directory", posixpath.dirname(where[len("unix:") :]), "listen")


def file_needs(scopes: Scopes) -> Iterator[Need]:
    """List what is read and what is written at a fixed path, certificates and document roots apart."""
    yield from _reads(scopes)
    yield from _includes(scopes)
    yield from _folders(scopes)
    yield from _parents(scopes)
