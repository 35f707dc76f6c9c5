"""Routes: what nginx calls a location."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import InputError
from ..reading import values
from ..reading.fields import Fields, listing
from .paths import Path, read_path
from .proxying import PROXY_KEYS, Proxy, read_proxy
from .redirects import Rewrite, rewrite_reader
from .scope import SCOPE_KEYS, Scope, read_scope

__all__ = ["ANSWER_KEYS", "ROUTE_KEYS", "Answer", "Route", "read_route"]

# nginx answers a "return" before it looks at these, so they would protect nothing.
_AFTER_RETURN = ("auth_basic", "allow", "deny", "limit_req", "limit_conn")
_FILE_KEYS = ("alias", "try_files", "spa", "autoindex")
ROUTE_KEYS = (
    "path",
    *_FILE_KEYS,
    *PROXY_KEYS,
    "php",
    "return",
    "expires",
    "cache_control",
    "internal",
    "rewrites",
    "lines",
    *SCOPE_KEYS,
)
ANSWER_KEYS = ("code", "body", "type")


@dataclass(frozen=True)
class Answer:
    """An answer without a file or an upstream."""

    code: int
    body: str | None = None
    type: str = "text/plain"


@dataclass(frozen=True)
class Route:
    """One location: it serves files, unless it has a proxy, a PHP script or an answer."""

    path: Path
    source: str
    scope: Scope
    alias: str | None = None
    try_files: tuple[str, ...] = ()
    spa: str | None = None
    autoindex: bool = False
    proxy: Proxy | None = None
    php: str | None = None
    answer: Answer | None = None
    expires: str | None = None
    cache_control: str | None = None
    internal: bool = False
    rewrites: tuple[Rewrite, ...] = ()
    lines: tuple[str, ...] = ()


def _answer(value: object, where: str) -> Answer:
    code = values.integer(200, 599)
    if isinstance(value, (int, str)):
        return _checked(Answer(code(value, where)), where)
    fields = Fields(value, where, ANSWER_KEYS)
    return _checked(
        Answer(
            code=fields.need("code", code),
            body=fields.get("body", values.text, None),
            type=fields.get("type", values.media_type, "text/plain"),
        ),
        where,
    )


def _checked(answer: Answer, where: str) -> Answer:
    if answer.code in (301, 302, 303, 307, 308):
        raise InputError(where, f"{answer.code} is a redirect; write it under redirects of the site")
    return answer


def _one_purpose(fields: Fields) -> None:
    """A route does one thing: two handlers in one location are a mistake, of which nginx would silently run one."""
    handlers = [key for key in ("proxy", "php", "return") if key in fields]
    if len(handlers) > 1:
        raise InputError(fields.where, f"{' and '.join(handlers)} exclude each other; a route does one of them")
    files = [key for key in _FILE_KEYS if key in fields]
    if handlers and files:
        raise InputError(fields.path(files[0]), f"serves files, and the route has {handlers[0]}; keep one of them")
    ignored = [key for key in _AFTER_RETURN if key in fields]
    if ignored and "return" in fields:
        raise InputError(
            fields.path(ignored[0]), "nginx answers a return before it looks at this; serve a file, or drop it"
        )
    for one, other in (("root", "alias"), ("try_files", "spa")):
        if one in fields and other in fields:
            raise InputError(fields.path(other), f"{one} and {other} exclude each other; keep one of them")


def read_route(value: object, where: str) -> Route:
    """Read one route. Raises ``InputError``."""
    fields = Fields(value, where, ROUTE_KEYS)
    _one_purpose(fields)
    route = Route(
        path=fields.need("path", read_path),
        source=where,
        scope=read_scope(fields),
        alias=fields.get("alias", values.absolute_path, None),
        try_files=fields.get("try_files", listing(values.text, empty=False), ()),
        spa=fields.get("spa", values.uri, None),
        autoindex=fields.get("autoindex", values.flag, False),
        proxy=read_proxy(fields),
        php=fields.get("php", values.uri, None),
        answer=fields.get("return", _answer, None),
        expires=fields.get("expires", values.expires, None),
        cache_control=fields.get("cache_control", values.text, None),
        internal=fields.get("internal", values.flag, False),
        rewrites=fields.get("rewrites", listing(rewrite_reader("break")), ()),
        lines=fields.get("lines", listing(values.lines), ()),
    )
    if len(route.try_files) == 1:
        raise InputError(fields.path("try_files"), f"'{route.try_files[0]}' alone is no choice; add the next, as =404")
    if route.proxy and route.proxy.proxy_path and route.rewrites:
        raise InputError(fields.path("proxy_path"), "nginx ignores it after a rewrite; write the path into rewrites")
    if route.proxy and route.proxy.proxy_path and (route.path.regex or route.path.named):
        raise InputError(
            fields.path("proxy_path"), f"nginx cannot replace the path of '{route.path}'; use rewrites in its place"
        )
    return route
