"""What blocks do with a request that has come to them, as decisions: return, redirect, pass on, serve files."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from ..config.match import chain_to, choose_location
from ..config.parse import Directive
from ..config.regexes import compiled
from .cases import graft
from .decisions import INHERITED, Decision, Decisions, HandedOn, Settings, canonical
from .machines import Machines
from .sides import PASSES, ConfigSide, variables

__all__ = ["STEPS", "Actions"]

STEPS = ("return", "break", "set", "rewrite", "if")
"""The directives of the rewrite module that decide over a request."""

_Value = tuple[tuple[str, ...], ...]
_STATUS = re.compile(r"(?:status )?([0-9]{3})\b")
# A page for errors that is handed on once more.
_DEEPEST = 2
_REDIRECTS = ("301", "302", "303", "307", "308")
_HANDLERS = (
    "stub_status",
    "empty_gif",
    "flv",
    "mp4",
    "perl",
    "js_content",
    "content_by_lua_block",
    "return_by_lua_block",
)


class Actions:
    """Makes the decisions of one server of one side. ``differing`` are the settings that differ around all of it.

    ``lines`` has the directives behind the places of decisions, and ``taken_over`` names of settings in ``differing``.
    """

    def __init__(
        self,
        machines: Machines,
        decisions: Decisions,
        side: ConfigSide,
        server: Directive,
        base: Mapping[str, _Value],
        differing: Mapping[str, tuple[_Value, _Value]],
    ) -> None:
        self._machines = machines
        self._decisions = decisions
        self._side = side
        self._server = server
        self._base = base
        self._differing = differing
        self.lines: dict[tuple[str, ...], tuple[Directive, ...]] = {}
        self.taken_over: set[str] = set()
        self._queried = machines.function("queried", _with_query)
        self._known: dict[tuple[int, ...], tuple[Settings, tuple[HandedOn, ...]]] = {}
        self._spoken: dict[tuple[int, ...], frozenset[str]] = {}
        self._handed: dict[tuple[int, int], HandedOn] = {}

    def _settings(self, blocks: Sequence[Directive]) -> tuple[Settings, tuple[HandedOn, ...]]:
        """Return the settings in blocks, and what is done for pages of errors."""
        # Only what goes into blocks has settings of its own.
        inner = [each for each in blocks if each.block is not None]
        key = tuple(map(id, inner))
        if key not in self._known:
            settings = self._side.relative(self._side.settings(self._base, inner), self._differing)
            pages = [args[-1] for name, value in settings if name == "error_page" for args in value if args]
            self._known[key] = settings, tuple(self._behind(pages))
        return self._known[key]

    def _decide(
        self,
        kind: str,
        what: str,
        blocks: Sequence[Directive],
        met: Sequence[Directive],
        doubts: Sequence[str] = (),
        behind: Sequence[object] = (),
    ) -> Decision:
        place = tuple(each.text for each in met)
        settings, pages = self._settings(blocks)
        if kind in ("redirect", "status") and not self._has_page(settings, what):
            settings, pages = frozenset(row for row in settings if row[0] != "error_page"), ()
        decision = self._decisions.make(kind, what, settings, place, doubts, (*behind, *pages))
        self.lines.setdefault(place, tuple(met))
        self.taken_over.update(name for name in self._differing if decision.inherits(name))
        return decision

    def _has_page(self, settings: Settings, what: str) -> bool:
        """Return whether there is a page for the status that a decision in words begins with."""
        code = _STATUS.match(what)
        pages = dict(settings).get("error_page", ())
        rows = itertools.chain(*self._differing["error_page"]) if pages == INHERITED else pages
        return code is not None and any(code[1] in args[:-1] for args in rows)

    def with_variables(self, number: int, blocks: Sequence[Directive], own: Mapping[str, int]) -> int:
        """Return decisions with the values of those variables in ``own`` of which what is in force in blocks speaks."""
        names = sorted(self._spoken_of(blocks) & own.keys())
        if not names:
            return number

        def told(value: object, *texts: object) -> object:
            if not isinstance(value, Decision):
                return value
            rows = {(f"${name}", ((str(text),),)) for name, text in zip(names, texts, strict=True)}
            return self._decisions.make(
                value.kind, value.what, value.settings | rows, value.place, value.doubts, value.behind
            )

        function = self._machines.function(("variables", *names), told)
        return self._machines.applied(function, number, *[own[name] for name in names])

    def _spoken_of(self, blocks: Sequence[Directive]) -> frozenset[str]:
        """Return the variables in settings in blocks, also where a request is handed on to from there."""
        inner = [each for each in blocks if each.block is not None]
        key = tuple(map(id, inner))
        if key not in self._spoken:
            settings = self._side.settings(self._base, inner)
            tries = [each.args for block in inner[-1:] for each in block.children("try_files")]
            words = [word for rows in (*settings.values(), tries) for args in rows for word in args]
            _, pages = self._settings(blocks)
            behind = [*pages, *(each for args in tries for each in self._behind(args[-1:]))]
            self._spoken[key] = _read(words).union(*(each.reads for each in behind))
        return self._spoken[key]

    def _behind(self, targets: Sequence[str], depth: int = _DEEPEST) -> tuple[HandedOn, ...]:
        """Return what is done by locations that a request is handed on to, so many times at most."""
        found: list[HandedOn] = []
        for target in targets:
            name = target.partition("?")[0]
            if target.startswith("@"):
                named = next((each for each in self._server.children("location") if each.args == [target]), None)
                found += [self._handed_on(named, depth)] if named is not None else []
            elif name.startswith("/") and "$" not in name:
                at = self._handed_on(choose_location(self._server, name), depth)
                # Such a request comes to the server's rewrites once more; one for a named location does not.
                again = [canonical(each) for each in self._server.block or [] if _concerns(each, name)]
                found.append(at._replace(says=(*at.says, *again)))
        return tuple(found)

    def _handed_on(self, location: Directive | None, depth: int) -> HandedOn:
        """Return what a location does; what the server does by itself where there is none."""
        key = (id(location), depth)
        if key not in self._handed:
            chain = [self._server, *(chain_to(self._server, location) if location is not None else ())]
            settings = self._side.relative(self._side.settings(self._base, chain), self._differing)
            within = list(location.walk()) if location is not None else []
            words = [word for each in within for word in (each.name, *each.args)]
            words += [word for _, rows in settings for args in rows for word in args]
            further = [args[-1] for name, rows in settings if name == "error_page" for args in rows if args]
            further += [each.args[-1] for each in chain[-1].children("try_files") if each.args]
            says: tuple[object, ...] = self._behind(sorted(further), depth - 1) if depth else ()
            if location is not None:
                says = (canonical(location), *self._side.uses(location), *says)
            reads = [each.reads for each in says if isinstance(each, HandedOn)]
            self._handed[key] = HandedOn(says, settings, _read(words).union(*reads))
        return self._handed[key]

    def returned(self, line: Directive, target: int, blocks: Sequence[Directive], met: Sequence[Directive]) -> int:
        """Return the decision of a ``return``; ``target`` is its text or URL, -1 where it has none."""
        status = line.args[0] if line.args[0].isdigit() else "302"
        if target < 0:
            words = "the connection is closed" if status == "444" else f"status {status}"
            return self._machines.constant(self._decide("status", words, blocks, met))

        is_redirect = status in _REDIRECTS
        words = f"{status} to " if is_redirect else f"status {status} with a text: "
        return self._filled("redirect" if is_redirect else "status", words, target, blocks, met)

    def _filled(self, kind: str, words: str, target: int, blocks: Sequence[Directive], met: Sequence[Directive]) -> int:
        """Return a decision whose words end with a text."""
        plain = self._decide(kind, words, blocks, met)

        def decided(text: object) -> object:
            return self._decisions.worded(plain, f"{words}{text}")

        return self._machines.applied(self._machines.function(plain, decided), target)

    def redirected(self, flag: str, target: int, blocks: Sequence[Directive], met: Sequence[Directive]) -> int:
        """Return the decision of a ``rewrite`` that redirects."""
        words = f"{'301' if flag == 'permanent' else '302'} to "
        return self._filled("redirect", words, self._machines.applied(self._queried, target), blocks, met)

    def adds_slash(self, location: Directive) -> bool:
        """Return whether nginx redirects to a location that ends with a slash by itself."""
        return any(location.children(name) for name in PASSES)

    def slash_added(self, chain: Sequence[Directive]) -> int:
        """Return the decision of nginx's own redirect to a location, which is the last of a chain."""
        words = f"301 to {chain[-1].args[-1]}"
        return self._machines.constant(self._decide("redirect", words, [self._server, *chain], []))

    def is_internal(self, location: Directive) -> bool:
        """Return whether a location answers no client."""
        return bool(location.children("internal"))

    def internal(self, chain: Sequence[Directive]) -> int:
        """Return the decision of an internal location, which is the last of a chain."""
        blocks = [self._server, *chain]
        return self._machines.constant(self._decide("status", "status 404, as it is internal", blocks, chain[-1:]))

    def lost(self, server: Directive, met: Sequence[Directive], why: str) -> int:
        """Return a decision of which no more is known than that it is the same where the whole server is."""
        what = f"rewritten by {met[-1].text}" if met else "rewritten"
        behind = (canonical(server), *self._side.uses(server))
        return self._machines.constant(self._decide("other", what, [server], met, [why], behind))

    def after_rewrites(self, met: Sequence[Directive]) -> int:
        """Return a function that adds rewrites to the decision to which they lead."""
        rewrites = " and ".join(" ".join(each.args[:2]) for each in met if each.name == "rewrite")
        place = tuple(each.text for each in met)
        self.lines.setdefault(place, tuple(met))

        def added(value: object) -> object:
            if not isinstance(value, Decision) or value.kind in ("redirect", "status"):
                return value
            what = f"{value.what}, after the rewrite {rewrites}"
            return self._decisions.make(
                value.kind, what, value.settings, (*place, *value.place), value.doubts, value.behind
            )

        return self._machines.function(("after", place), lambda value: graft(value, added))

    def content(self, blocks: Sequence[Directive], way: Sequence[Directive], text: Callable[[str], int]) -> int:
        """Return the decision of the innermost of blocks; ``text`` fills in what variables are known.

        Of all conditions on the way that hold, the settings of the last one are in force.
        """
        machines = self._machines
        conditions = [each for each in way if each.name == "if"]
        rewrites = [each for each in way if each.name == "rewrite"]
        chain = [*blocks, *conditions[-1:]]
        met = [*blocks[1:], *conditions, *rewrites]
        after = f", after the rewrite {' and '.join(' '.join(each.args[:2]) for each in rewrites)}" if rewrites else ""
        line = self._passing(chain)
        if line is None:
            words, kind, behind = self._served(chain)
            return machines.constant(self._decide(kind, words + after, chain, met, behind=behind))
        target = text(line.args[0]) if line.args else machines.constant("")
        kind = line.name.partition("_")[0]
        tries, behind = self._tries(chain)

        plain = self._decide(kind, f"{tries}{after}", chain, [*met, line], behind=behind)

        def decided(value: object) -> object:
            return self._decisions.worded(plain, self._passed(line, str(value), chain) + plain.what)

        # The same words are another upstream where that is defined otherwise.
        side = self._side.name if self._side.others & self._side.upstreams.keys() else ""
        return machines.applied(machines.function((plain, line.args[0] if line.args else "", side), decided), target)

    def _passing(self, chain: Sequence[Directive]) -> Directive | None:
        # A condition within a location takes its handler over; a location within another one does not.
        for block in reversed(chain):
            for each in block.block or []:
                if each.name in PASSES:
                    return each
            if block.name != "if":
                break
        return None

    def _passed(self, line: Directive, target: str, chain: Sequence[Directive]) -> str:
        scheme, mark, rest = target.partition("://")
        host, slash, path = (rest if mark else target).partition("/")
        upstream = self._side.upstreams.get(host.partition(":")[0]) or self._side.upstreams.get(host)
        words = f"{line.name} {scheme + mark if mark else ''}{host}{slash}{path}"
        if upstream is not None:
            servers = [each.text for each in upstream.block or []]
            words += f" ({'; '.join(sorted(servers))})"
        if line.name == "proxy_pass" and (slash or path) and mark and not target.startswith("http://unix:"):
            location = next((each for each in reversed(chain) if each.name == "location"), None)
            # With a variable nginx puts nothing in the place of anything.
            if "$" in line.args[0]:
                words += " whatever the path"
            elif location is not None:
                words += f" in place of {location.args[-1]}"
        return words

    def _served(self, chain: Sequence[Directive]) -> tuple[str, str, Sequence[object]]:
        for block in reversed(chain):
            handlers = [each for each in block.block or [] if each.name in _HANDLERS]
            if handlers:
                return handlers[0].text, "other", [canonical(handlers[0])]
            if block.name != "if":
                break
        tries, behind = self._tries(chain)
        for block in reversed(chain):
            for each in block.block or []:
                if each.name in ("root", "alias") and each.args:
                    place = f" in place of {block.args[-1]}" if each.name == "alias" and block.args else ""
                    return f"files of {self._side.marked(each.args[0])}{place}{tries}", "files", behind
        root = dict(self._base).get("root", (("html",),))[-1][0]
        return f"files of {self._side.marked(root)}{tries}", "files", behind

    def _tries(self, chain: Sequence[Directive]) -> tuple[str, Sequence[object]]:
        # A condition does not take them over from its location.
        for each in chain[-1].children("try_files"):
            return f", {self._side.marked(each.text)}", self._behind(each.args[-1:])
        return "", ()


def _concerns(step: Directive, path: str) -> bool:
    """Return whether a directive of the rewrite module may lead a request for a path elsewhere."""
    if not any(each.name in ("return", "rewrite") for each in step.walk()):
        return False
    pattern = ""
    if step.name == "rewrite" and step.args:
        pattern = step.args[0]
    elif step.name == "if" and step.args[:2] in (["$uri", "~"], ["$document_uri", "~"]):
        pattern = step.args[-1]
    regex = compiled(pattern) if pattern else None
    return step.name in STEPS and (regex is None or regex.search(path) is not None)


def _read(words: Iterable[str]) -> frozenset[str]:
    return frozenset(name for word in words if "$" in word for name in variables(word))


def _with_query(target: object) -> object:
    """Return the target of a rewrite with the query, which nginx adds where it does not end with a question mark."""
    text = str(target)
    return text[:-1] if text.endswith("?") else f"{text}$is_args$args"
