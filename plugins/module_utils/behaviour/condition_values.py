"""What a configuration looks at in a request, and the requests that make it look: values of maps and conditions."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple, TypeVar

from ..config.derive import DerivedRequest
from ..config.parse import Config, Directive
from ..config.samples import matching
from .networks import address_in, fits

__all__ = ["Hint", "applied", "evenly", "hints", "used_variables"]

T = TypeVar("T")

_MOST_ALIKE = 200

_VARIABLE = re.compile(r"\$\{?(\w+)")
_MOST_KEYS = 2000
_SKIPPED = ("default", "include", "hostnames", "volatile", "ranges", "delete", "proxy")
_PATHS = ("uri", "request_uri", "document_uri")
_HOSTS = ("host", "http_host", "server_name")
_ARGUMENTS = ("args", "query_string")
_ADDRESSES = ("remote_addr", "binary_remote_addr", "realip_remote_addr", "proxy_protocol_addr")
_ADDRESS = re.compile(r"[0-9a-f.:]+(/\d+)?")


class Hint(NamedTuple):
    """``variable`` of the request is worth the value ``value``; ``line`` is the directive that says so."""

    variable: str
    value: str
    line: Directive


def used_variables(block: Directive) -> set[str]:
    """The variables that a block uses, itself and what is in it."""
    return {name for directive in block.walk() for word in directive.args for name in _VARIABLE.findall(word)}


def hints(config: Config, changed: Collection[int] = ()) -> dict[str, list[Hint]]:
    """List, for each variable that a request decides, the values that the configuration tells apart.

    Of very many, those of lines that ``changed`` (their identities) come first.

    Maps hand on: what decides over a map decides over the variable that the map makes, so both names have the hints.
    """
    found: dict[str, list[Hint]] = {}
    made: dict[str, set[str]] = {}
    for directive in config.walk():
        for variable, value, line in _told_apart(directive, changed):
            found.setdefault(variable, []).append(Hint(variable, value, line))
        if directive.name in ("map", "geo", "split_clients") and directive.block is not None and directive.args:
            sources = set(_VARIABLE.findall(" ".join(directive.args[:-1]))) or {"remote_addr"}
            made.setdefault(directive.args[-1].lstrip("$"), set()).update(sources)
        if directive.name == "set" and len(directive.args) == 2:
            made.setdefault(directive.args[0].lstrip("$"), set()).update(_VARIABLE.findall(directive.args[1]))
        for word in directive.args:
            for name in _VARIABLE.findall(word):
                if name.startswith(("http_", "arg_", "cookie_")) and name != "http_host":
                    found.setdefault(name, []).append(Hint(name, "sluice", directive))
    for _ in range(3):
        for target, sources in made.items():
            known = {(hint.variable, hint.value): hint for hint in found.get(target, [])}
            more = {(hint.variable, hint.value): hint for source in sources for hint in found.get(source, [])}
            found[target] = list({**more, **known}.values())
    return {
        name: sorted(
            {(hint.variable, hint.value): hint for hint in each}.values(), key=lambda hint: id(hint.line) not in changed
        )[:_MOST_KEYS]
        for name, each in found.items()
    }


def _told_apart(directive: Directive, changed: Collection[int]) -> Iterator[tuple[str, str, Directive]]:
    if directive.name == "map" and len(directive.args) == 2:
        variables = _VARIABLE.findall(directive.args[0])
        if len(variables) == 1 and directive.args[0].strip("${}") == variables[0]:
            for entry in _rows(directive, changed):
                for value in _values(entry.name):
                    yield variables[0], value, entry
    elif directive.name == "geo":
        variables = _VARIABLE.findall(directive.args[0]) if len(directive.args) == 2 else []
        variables = variables or ["remote_addr"]
        for entry in _rows(directive, changed):
            if _ADDRESS.fullmatch(entry.name):
                yield variables[0], address_in(entry.name), entry
    elif directive.name == "if" and directive.args:
        words = _condition(directive).split()
        variables = _VARIABLE.findall(words[0]) if words else []
        if len(words) == 3 and len(variables) == 1:
            operator, value = words[1:]
            yield from ((variables[0], text, directive) for text in _values(value.strip("\"'"), "~" in operator))


def _rows(block: Directive, changed: Collection[int]) -> Iterator[Directive]:
    """Yield the lines of a map that tell values apart: those that changed, and enough of the others."""
    rows = [each for each in block.block or [] if each.name not in _SKIPPED]
    alike = [each for each in rows if id(each) not in changed]
    yield from (each for each in rows if id(each) in changed)
    yield from evenly(alike)


def evenly(alike: list[T]) -> list[T]:
    """Return about 200 of lines that did not change, which are like each other, or of what they tell apart."""
    return alike[:: max(1, len(alike) // _MOST_ALIKE)]


def _condition(directive: Directive) -> str:
    """What an ``if`` asks, without the brackets around it; those of a regex are its own."""
    text = " ".join(directive.args)
    return text[1:-1] if text.startswith("(") and text.endswith(")") else text


def _values(key: str, regex: bool = False) -> Sequence[str]:
    if key.startswith("~"):
        return matching(key.lstrip("~*"), ignore_case=True)[:2]
    if regex:
        return matching(key, ignore_case=True)[:3]
    return [key.replace("*", "any").strip(".").lstrip("\\")]


def applied(hint: Hint, request: DerivedRequest) -> DerivedRequest | None:
    """The request changed so that the variable has the value; None where no request can do that."""
    name, value = hint.variable, hint.value
    if not value or not value.isprintable():
        return None
    if name.startswith("http_") and name != "http_host":
        header = "-".join(word.capitalize() for word in name[5:].split("_"))
        return _with(request, header, value)
    if name.startswith("cookie_"):
        return _with(request, "Cookie", f"{name[7:]}={value}")
    if name.startswith("arg_"):
        return request._replace(target=f"{request.path}?{name[4:]}={_safe(value)}")
    if name in _ARGUMENTS:
        return request._replace(target=f"{request.path}?{_safe(value)}")
    if name in _PATHS:
        return request._replace(target=_safe(value)) if value.startswith("/") else None
    if name in _HOSTS:
        return request._replace(host=value.lower()) if re.fullmatch(r"[\w.-]+", value) else None
    if name == "request_method":
        return request._replace(method=value.upper()) if value.isalpha() else None
    if name in _ADDRESSES:
        return request._replace(source=value) if fits(value, request) else None
    return None


def _with(request: DerivedRequest, header: str, value: str) -> DerivedRequest:
    kept = tuple(pair for pair in request.headers if pair[0] != header)
    return request._replace(headers=(*kept, (header, value)))


def _safe(text: str) -> str:
    return re.sub(
        r"[^\w/.~%&=?+,:;@!$'()*-]", lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), text
    )
