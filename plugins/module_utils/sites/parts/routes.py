"""Routes: what nginx calls a location."""

from __future__ import annotations

from dataclasses import dataclass

from ... import values
from ...errors import InputError
from ...schema import Given, Model, inline, key, listing, mapping, reader
from .paths import Path, location_path
from .proxying import Proxy
from .redirects import RouteRewrite
from .scope import SiteScope

__all__ = ["FixedResponse", "Route"]

# nginx answers a "return" before it looks at these, so they would protect nothing.
_AFTER_RETURN = ("auth_basic", "allow", "deny", "limit_req", "limit_conn")


@dataclass(frozen=True, kw_only=True)
class FixedResponse(Model):
    """An answer without a file or an upstream."""

    code: int = key(values.integer(200, 599), "The status.", required=True)
    body: str | None = key(values.text, "The body.")
    type: str = key(values.media_type, "The type of the body.", default="text/plain")


@reader("raw", FixedResponse)
def _answer(value: object, where: str) -> FixedResponse:
    short = isinstance(value, (int, str))
    answer = FixedResponse.read({"code": values.integer(200, 599)(value, where)} if short else value, where)
    if answer.code in (301, 302, 303, 307, 308):
        raise InputError(where, f"{answer.code} is a redirect; write it under redirects of the site")
    return answer


@dataclass(frozen=True, kw_only=True)
class Route(Model):
    """One location: it serves files, unless it has a proxy, a PHP script or an answer."""

    path: Path = key(location_path, "C(/x), C(= /x), C(^~ /x), C(~ regex), C(~* regex) or C(@name).", required=True)
    alias: str | None = key(values.absolute_path, "The directory that stands for the path.")
    try_files: tuple[str, ...] = key(
        listing(values.text, empty=False),
        "The files that are tried, and what answers when there is none.",
        absent=(),
    )
    spa: str | None = key(values.uri, "The page that is served for what is no file.")
    autoindex: bool = key(values.flag, "Whether directories are listed.", default=False)
    proxying: Proxy = inline(Proxy)
    php: str | None = key(values.uri, "The script that runs for the whole route, as V(/track.php).")
    answer: FixedResponse | None = key(
        _answer, "A status, or a mapping that says more: the route answers at once.", name="return"
    )
    expires: str | None = key(values.expires, "How long clients may keep the answer, as V(30d).")
    cache_control: str | None = key(values.text, "The header C(Cache-Control) of good answers.")
    internal: bool = key(values.flag, "Whether only nginx itself gets there.", default=False)
    rewrites: tuple[RouteRewrite, ...] = key(
        listing(mapping(RouteRewrite)), "Changes of the path inside nginx.", default=[]
    )
    lines: tuple[str, ...] = key(listing(values.lines), "Raw lines.", default=[])
    scope: SiteScope = inline(SiteScope)

    @property
    def proxy(self) -> Proxy | None:
        """Where the route passes its requests, if it does."""
        return self.proxying if self.proxying.target.host else None

    def check(self, given: Given) -> None:
        """Hold the route to one purpose: of two handlers in one location nginx would silently run one."""
        handlers = [name for name in ("proxy", "php", "return") if name in given]
        if len(handlers) > 1:
            raise InputError(given.where, f"{' and '.join(handlers)} exclude each other; a route does one of them")
        files = [name for name in ("alias", "try_files", "spa", "autoindex") if name in given]
        if handlers and files:
            raise InputError(given.path(files[0]), f"serves files, and the route has {handlers[0]}; keep one of them")
        ignored = [name for name in _AFTER_RETURN if name in given]
        if ignored and "return" in given:
            raise InputError(
                given.path(ignored[0]), "nginx answers a return before it looks at this; serve a file, or drop it"
            )
        for one, other in (("root", "alias"), ("try_files", "spa")):
            if one in given and other in given:
                raise InputError(given.path(other), f"{one} and {other} exclude each other; keep one of them")
        if len(self.try_files) == 1:
            raise InputError(
                given.path("try_files"), f"'{self.try_files[0]}' alone is no choice; add the next, as =404"
            )
        if self.proxying.proxy_path and self.rewrites:
            raise InputError(given.path("proxy_path"), "nginx ignores it after a rewrite; write the path into rewrites")
        if self.proxying.proxy_path and (self.path.regex or self.path.named):
            raise InputError(
                given.path("proxy_path"), f"nginx cannot replace the path of '{self.path}'; use rewrites in its place"
            )
