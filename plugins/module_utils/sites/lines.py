"""Which variable of the user a printed line came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .plan import TemplatedFile
from .printing.directives import quote

__all__ = ["Row", "variables_of"]

Row = tuple[int, int, str]
"""The first and the last line, from 1, and the variable. Rows may be inside others; the narrowest one tells."""

_OF_MAIN = {
    "user": "nginx_user",
    "worker_processes": "nginx_worker_processes",
    "worker_connections": "nginx_worker_connections",
}
_OF_SITE = {
    "server_name": "server_names",
    "listen": "listen",
    "root": "root",
    "index": "index",
    "gzip": "gzip",
    "http2": "http2",
    "error_page": "error_pages",
    "client_max_body_size": "client_max_body_size",
    "access_log": "access_log",
    "limit_req_zone": "limit_req_zones",
    "limit_conn_zone": "limit_conn_zones",
    "proxy_cache_path": "caches",
}
_INDENTED = "    "


def variables_of(file: TemplatedFile, text: str) -> list[Row]:
    """Return the variables behind the lines of a file, as ``nginx_sites[0].routes[2]``."""
    lines = text.split("\n")
    if "site" in file.variables:
        view: Mapping[str, Any] = dict(_mapping(file.variables["site"]))
        return list(_of_site(view, lines))
    if "stream" in file.variables:
        return [(1, len(lines), str(_mapping(file.variables["stream"])["source"]))]
    return list(_of_main(_mapping(file.variables["nginx"]), lines))


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"the variables of a file are {type(value).__name__}; expected a mapping")
    return value


def _of_main(view: Mapping[str, Any], lines: list[str]) -> Iterator[Row]:
    raw = {
        words: variable
        for name in ("main_lines", "events_lines", "http_lines")
        for words, variable in _raw(view[name], f"nginx_{name}")
    }
    for number, line in enumerate(lines, 1):
        name = line.strip().split(" ")[0].rstrip(";")
        variable = raw.get(line.strip()) or _OF_MAIN.get(name) or ("nginx_gzip" if name.startswith("gzip") else "")
        if variable:
            yield (number, number, variable)


def _raw(texts: Iterable[str], where: str) -> Iterator[tuple[str, str]]:
    """The lines that a user wrote as they are."""
    for index, text in enumerate(texts):
        yield from ((line.strip(), f"{where}[{index}]") for line in text.splitlines() if line.strip())


def _of_site(view: Mapping[str, Any], lines: list[str]) -> Iterator[Row]:
    source = view["source"]
    yield (1, len(lines), source)
    for upstream in view["upstreams"]:
        yield from _block(lines, f"upstream {quote(upstream['name'])} {{", "", upstream["source"])
    raw = dict(_raw(view["http_lines"], f"{source}.http_lines"))
    rewrites = 0
    for server in view["servers"]:
        raw |= dict(_raw(server["lines"], f"{source}.lines"))
        for location in server["locations"]:
            if location["source"]:
                yield from _block(lines, f"location {location['path']} {{", _INDENTED, location["source"])
    for number, line in enumerate(lines, 1):
        name, words = line.strip().split(" ")[0], line.strip()
        own = line.startswith(_INDENTED) and not line.startswith(_INDENTED * 2)
        if words in raw:
            yield (number, number, raw[words])
        elif own and name == "rewrite":
            yield (number, number, f"{source}.rewrites[{rewrites}]")
            rewrites += 1
        elif own and (name.startswith("ssl_") or (name == "listen" and " ssl" in words)):
            yield (number, number, f"{source}.tls")
        elif (own or not line.startswith(" ")) and name in _OF_SITE:
            yield (number, number, f"{source}.{_OF_SITE[name]}")


def _block(lines: list[str], head: str, indented: str, variable: str) -> Iterator[Row]:
    """The lines of a block, which ends where a brace is as far in as its beginning."""
    try:
        first = lines.index(f"{indented}{head}")
        yield (first + 1, lines.index(f"{indented}}}", first) + 1, variable)
    except ValueError:
        return
