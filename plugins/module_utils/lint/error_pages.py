"""The ``error_page`` directives of servers, and what visitors get by them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..config.match import choose_location
from ..config.parse import Config, Directive
from ..untrusted import whole_number
from .scopes import BlockScope, blocks

__all__ = ["WrittenErrorPage", "error_pages", "passes_on"]

_PASS = re.compile(r"_pass$")


@dataclass(frozen=True)
class WrittenErrorPage:
    """An ``error_page`` in a server. ``codes`` are those that it is for, as they are written.

    ``answer`` is the code that it says: 0 for that of the page, ``=``, and None where the code of the error is kept.
    ``place`` is the block that it is written in, and ``location`` the one that answers, None where there is none.
    """

    directive: Directive
    server: Directive
    place: Directive
    codes: tuple[str, ...]
    answer: int | None
    target: str
    location: Directive | None

    @property
    def status(self) -> int:
        """The code that visitors get, as far as the configuration says it; 0 where it does not, or it is kept."""
        says = self._says
        # A text goes out with the code of the error, but a code alone is an error of its own.
        if says and ((len(says.args) == 1 and self.written >= 400) or self.answer == 0):
            return self.written
        return self.answer or 0

    @property
    def written(self) -> int:
        """The code that the location returns, whether visitors get it or the one of the error; 0 where it has none."""
        return (whole_number(self._says.args[0]) if self._says else 0) or 0

    @property
    def _says(self) -> Directive | None:
        lines = self.location.children("return") if self.location else []
        return next((each for each in lines[:1] if each.args), None)


def passes_on(block: Directive) -> bool:
    """Return whether a block, or one within it, asks an upstream."""
    return any(_PASS.search(each.name) for each in block.walk())


def error_pages(config: Config) -> Iterator[WrittenErrorPage]:
    """Yield the error pages of each server, those of ``http`` where they are in force."""
    seen: set[int] = set()
    for scope, server in blocks(config, "server"):
        if scope.outer is None or scope.outer.kind != "http":
            continue
        for place, directive in _written(scope, server):
            page = _read(directive, server, place)
            if page is not None and id(directive) not in seen:
                seen.add(id(directive))
                yield page


def _written(scope: BlockScope, server: Directive) -> Iterator[tuple[Directive, Directive]]:
    if "error_page" not in scope.own:
        yield from ((server, each) for each in scope.effective("error_page"))
    for block in server.walk():
        yield from ((block, each) for each in block.children("error_page"))


def _read(directive: Directive, server: Directive, place: Directive) -> WrittenErrorPage | None:
    *codes, target = directive.args or [""]
    answer = None
    if codes and codes[-1].startswith("="):
        answer = whole_number(codes.pop().removeprefix("=") or "0")
    if "$" in target or not target.startswith(("/", "@")):
        return None
    return WrittenErrorPage(directive, server, place, tuple(codes), answer, target, _location(server, target))


def _location(server: Directive, target: str) -> Directive | None:
    if target.startswith("@"):
        return next((each for each in server.children("location") if each.args == [target]), None)
    return choose_location(server, target.partition("?")[0])
