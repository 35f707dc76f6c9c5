"""What blocks do with a request that has come to them, as decisions: return, redirect, pass on, serve files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..config.match import choose_location
from ..config.parse import Directive
from .cases import graft
from .decisions import Decision, Decisions, Settings, canonical
from .machines import Machines
from .sides import PASSES, ConfigSide

__all__ = ["Actions"]

_Value = tuple[tuple[str, ...], ...]
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

    ``lines`` has the directives behind the places of decisions.
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
        self._queried = machines.function("queried", _with_query)
        self._known: dict[tuple[int, ...], tuple[Settings, tuple[object, ...]]] = {}

    def _settings(self, blocks: Sequence[Directive]) -> tuple[Settings, tuple[object, ...]]:
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
        decision = self._decisions.make(kind, what, settings, place, doubts, (*behind, *pages))
        self.lines.setdefault(place, tuple(met))
        return decision

    def _behind(self, targets: Sequence[str]) -> tuple[object, ...]:
        """Return what is done by locations that a request is handed on to."""
        found: list[object] = []
        for target in targets:
            name = target.partition("?")[0]
            if target.startswith("@"):
                found += [canonical(each) for each in self._server.children("location") if each.args == [target]][:1]
            elif name.startswith("/") and "$" not in name:
                chosen = choose_location(self._server, name)
                found += [canonical(chosen)] if chosen is not None else []
        return tuple(found)

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

    def redirected(
        self, line: Directive, flag: str, target: int, blocks: Sequence[Directive], met: Sequence[Directive]
    ) -> int:
        """Return the decision of a ``rewrite`` that redirects."""
        words = f"{'301' if flag == 'permanent' else '302'} to "
        return self._filled("redirect", words, self._machines.applied(self._queried, target), blocks, met)

    def adds_slash(self, location: Directive) -> bool:
        """Return whether nginx redirects to a location that ends with a slash by itself."""
        return any(location.children(name) for name in PASSES)

    def slash_added(self, pattern: str) -> int:
        """Return the decision of nginx's own redirect to a location."""
        return self._machines.constant(self._decide("redirect", f"301 to {pattern}", [self._server], []))

    def is_internal(self, location: Directive) -> bool:
        """Return whether a location answers no client."""
        return bool(location.children("internal"))

    def internal(self, location: Directive) -> int:
        """Return the decision of an internal location."""
        return self._machines.constant(
            self._decide("status", "status 404, as it is internal", [self._server], [location])
        )

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


def _with_query(target: object) -> object:
    """Return the target of a rewrite with the query, which nginx adds where it does not end with a question mark."""
    text = str(target)
    return text[:-1] if text.endswith("?") else f"{text}$is_args$args"
