"""Servers with an edit each, drawn at random from what decides over requests: locations, rewrites, maps, fallbacks."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

__all__ = ["Drawn", "draw", "targets"]

ECHO = "server { listen 127.0.0.1:19999; location / { return 200 '$request_uri $http_x_t $request_method'; } }"
"""The upstream that drawn servers pass requests on to; it answers with what it was told."""

_PREFIXES = ("/", "/a", "/a/", "/ab", "/a/b", "/b", "/b/a", "/old/", "/new")
_PATTERNS = (
    *(r"^/a", r"b$", r"^/a(/|$)", r"\.php$", r"^/(a|b)/(.*)$", r"a.*b", r"^/(\w+)/(\w+)"),
    *(r"^/old/(?<tail>.*)$", r"^/(?!a)", r"(?i)B", r"^/(.*)/$"),
)
_REWRITES = (
    "rewrite ^/a$ /b last;",
    "rewrite ^/a/(.*)$ /b/$1 last;",
    "rewrite ^/old/(.*)$ /new/$1 permanent;",
    "rewrite ^/old/(.*)$ /new/$1? redirect;",
    "rewrite ^(.*)$ http://$server_name$1 permanent;",
    r"rewrite ^/b/(\w+)/?$ /a?x=$1 last;",
    r"rewrite ^/(\w+)/(\w+)$ /$2/$1 break;",
    r"rewrite \.php$ /new last;",
    "rewrite ^/new(.*)$ /a$1 break;",
)
_CONDITIONS = (
    *("$arg_a", "$args", "$http_x", "$m1", "$arg_a = 1", "$uri = /a", "$v = s1", "$m2 = y", "$request_method = POST"),
    *("$uri ~ ^/a(.*)$", "$uri ~* B$", r'$args ~ "x=(\d+)"', '$request_uri ~ "^/old"', "$uri !~ a", "$http_x ~ z"),
)
_ROWS = (
    "/a y;",
    "/b/a z;",
    "~^/old(.*)$ w$1;",
    "~*B y;",
    '"" e;',
    "1 y;",
    "y k;",
    '/ab "";',
    "default d1;",
    "~php /p;",
)
_READ = ("$uri", "$args", "$request_uri", "$arg_a", "$http_x", "$m1")
_PLACE = re.compile(r'location (?:\^~)? *("[^"]*"|@\w+|[=~*]+ "[^"]*")')
_EDITED = re.compile(r"(?<=[tursXn])[12]\b|(?<=X )[1-4]|\b40[34]\b|/new\b|/b/|\ba\b")


class Drawn(NamedTuple):
    """The maps and the inside of a server, before and after an edit."""

    before: str
    after: str


class _Draw:
    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def _returned(self, captures: bool) -> str:
        number, group = self._chance.randint(1, 2), "$1" if captures else ""
        return self._chance.choice(
            [
                f"return 200 t{number}{group};",
                f"return 301 /r{number}$uri;",
                f"return 302 http://$server_name{group}/r{number};",
                f"return 301 $scheme://n{number}.example$request_uri;",
                f"return 307 /r{number}{group}$is_args$args;",
                f"return {self._chance.choice((403, 404, 410))};",
                f'return 200 "$m{number}";',
                f"return 302 /m$m{number};",
            ]
        )

    def _condition(self) -> str:
        condition = self._chance.choice(_CONDITIONS)
        captures = " ~" in condition and "(" in condition
        number = self._chance.randint(1, 2)
        rewrite = self._chance.choice(_REWRITES)
        inside = self._chance.choice([self._returned(captures), f"set $v s{number};", "break;", rewrite])
        return f"if ({condition}) {{ {inside} }}"

    def _steps(self) -> str:
        ways: list[Callable[[], str]] = [
            self._condition,
            lambda: self._chance.choice(_REWRITES),
            lambda: f"set $v s{self._chance.randint(1, 2)};",
        ]
        return " ".join(self._chance.choice(ways)() for _ in range(self._chance.choice((0, 0, 1, 1, 2))))

    def _content(self, is_regex: bool, captures: bool) -> str:
        number = self._chance.randint(1, 2)
        return self._chance.choice(
            [
                self._returned(captures),
                self._returned(captures),
                "",
                'return 200 "v$v";',
                f"try_files $uri @n{number};",
                "try_files $uri /b;",
                "proxy_pass http://127.0.0.1:19999;",
                f"proxy_pass http://127.0.0.1:19999{'' if is_regex else f'/u{number}/'};",
                "proxy_pass http://127.0.0.1:19999/q$uri?$v;",
                f"proxy_set_header X-T t{number}; proxy_pass http://127.0.0.1:19999;",
                f"error_page 404 403 = @n{number}; return {self._chance.choice((403, 404))};",
                "error_page 404 /b; return 404;",
                f"error_page 404 =30{number} /new;",
                "internal;",
                "deny all;",
                "limit_except GET { deny all; }",
            ]
        )

    def _locations(self) -> Iterator[str]:
        seen = set()
        for _ in range(self._chance.randint(0, 4)):
            kind = self._chance.choice(("", "=", "^~", "~", "~*"))
            is_regex = kind.startswith("~")
            pattern = self._chance.choice(_PATTERNS if is_regex else _PREFIXES)
            key = (kind if kind in ("=", "~", "~*") else "", pattern)
            if key in seen:
                continue
            seen.add(key)
            captures = is_regex and "(" in pattern and "(?" not in pattern
            inner = f'location ~ "{self._chance.choice(_PATTERNS[:6])}" {{ {self._returned(False)} }}'
            within = inner if kind in ("", "^~") and self._chance.random() < 0.2 else ""
            header = f"add_header X {self._chance.randint(1, 4)} always;"
            content = self._content(is_regex, captures)
            yield f'location {kind} "{pattern}" {{ {self._steps()} {header} {within} {content} }}'

    def _server(self) -> str:
        number = self._chance.randint(1, 2)
        around = self._chance.choice(
            ("", "", "", "error_page 404 = @n1;", f"add_header X s{number};", f"proxy_set_header X-T s{number};")
        )
        named = "location @n1 { return 200 n1; } location @n2 { return 200 n2$uri; }"
        return f'set $v ""; root /srv; {around} {self._steps()} {" ".join(self._locations())} {named}'

    def _maps(self) -> list[str]:
        rows = [" ".join(self._chance.sample(_ROWS, self._chance.randint(1, 5))) for _ in range(2)]
        read = self._chance.choice(_READ[:-1]), self._chance.choice(_READ)
        return [
            f"map {source} $m{number} {{ {row} }}"
            for number, (source, row) in enumerate(zip(read, rows, strict=True), 1)
        ]

    def _edit(self, text: str) -> str:
        places = list(_EDITED.finditer(text))
        if not places:
            return text
        place = self._chance.choice(places)
        others = {"1": "2", "2": "1", "3": "4", "4": "3", "403": "410", "404": "410", "/new": "/old", "/b/": "/a/"}
        edited = text[: place.start()] + others.get(place[0], "b") + text[place.end() :]
        named = _PLACE.findall(edited)
        # nginx takes no location twice.
        return edited if len(named) == len(set(named)) else text

    def pair(self, name: str) -> Drawn:
        """Return a server with a name of its own, before and after."""
        maps, inside = self._maps(), self._server()
        edited = self._server() if self._chance.random() < 0.25 else self._edit(inside)
        others = [self._edit(each) if self._chance.random() < 0.2 else each for each in maps]
        return Drawn(_written(name, maps, inside), _written(name, others, edited))


def _written(name: str, maps: list[str], inside: str) -> str:
    text = " ".join([*maps, f"server {{ listen 80; server_name {name}.example; {inside} }}"])
    # Maps belong to all servers of a configuration. A line each, for who reads what failed.
    return re.sub(r"\$m([12])", rf"$m\1_{name}", text).replace("; ", ";\n").replace("} ", "}\n")


def draw(seed: int, number: int) -> list[Drawn]:
    """Draw so many servers; the same ones for the same seed."""
    chance = random.Random(seed)
    return [_Draw(chance).pair(f"s{each}") for each in range(number)]


def targets(chance: random.Random) -> Iterator[str]:
    """Yield targets that such servers tell apart, without end."""
    words = ("a", "b", "ab", "x.php", "old", "new", "B", "z", "c", "")
    while True:
        path = "/" + "/".join(chance.choice(words) for _ in range(chance.randint(0, 3)))
        yield re.sub("//+", "/", path) + chance.choice(("", "", "", "?a=1", "?x=5", "?a=2&x=7", "?b", "?"))
