"""What blocks do with a request that has come to them, as decisions: return, redirect, pass on, serve files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..config.match import choose_location
from ..config.parse import Directive
from .cases import graft
from .decisions import Decision, Decisions, Settings, canonical
from .machines import Machines
from .sides import PASSES, Side

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

    ``lines`` has the directives behind each decision.
    """

    def __init__(
        self,
        machines: Machines,
        decisions: Decisions,
        side: Side,
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
        self.lines: dict[Decision, tuple[Directive, ...]] = {}
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
        place = tuple(self._side.marked(each.text) for each in met)
        settings, pages = self._settings(blocks)
        decision = self._decisions.make(kind, what, settings, place, doubts, (*behind, *pages))
        self.lines.setdefault(decision, tuple(met))
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

        def decided(text: object) -> object:
            if status in _REDIRECTS:
                return self._decide("redirect", f"{status} to {text}", blocks, met)
            return self._decide("status", f"status {status} with a text: {text}", blocks, met)

        return self._machines.applied(self._machines.function(decided), target)

    def redirected(
        self, line: Directive, flag: str, target: int, blocks: Sequence[Directive], met: Sequence[Directive]
    ) -> int:
        """Return the decision of a ``rewrite`` that redirects."""
        status = "301" if flag == "permanent" else "302"

        def decided(text: object) -> object:
            target = str(text)
            target = target[:-1] if target.endswith("?") else f"{target}$is_args$args"
            return self._decide("redirect", f"{status} to {target}", blocks, met)

        return self._machines.applied(self._machines.function(decided), target)

    def adds_slash(self, location: Directive) -> bool:
        """Whether nginx redirects to a location that ends with a slash by itself."""
        return any(location.children(name) for name in PASSES)

    def slash_added(self, pattern: str) -> int:
        """Return the decision of nginx's own redirect to a location."""
        return self._machines.constant(self._decide("redirect", f"301 to {pattern}", [self._server], []))

    def is_internal(self, location: Directive) -> bool:
        """Whether a location answers no client."""
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

    def after_rewrites(self, met: Sequence[Directive]) -> Callable[[object], object]:
        """Return a function that adds rewrites to the decision to which they lead."""
        rewrites = [each for each in met if each.name == "rewrite"]

        def added(value: object) -> object:
            if not isinstance(value, Decision) or value.kind in ("redirect", "status"):
                return value
            words = " and ".join(" ".join(each.args[:2]) for each in rewrites)
            what = f"{value.what}, after the rewrite {words}"
            place = (*(each.text for each in met), *value.place)
            found = self._decisions.make(value.kind, what, value.settings, place, value.doubts, value.behind)
            self.lines.setdefault(found, (*met, *self.lines.get(value, ())))
            return found

        return lambda value: graft(value, added)

    def content(
        self, chain: Sequence[Directive], rewrites: Sequence[Directive], internal: bool, text: Callable[[str], int]
    ) -> int:
        """Return the decision of the innermost of blocks; ``text`` fills in what variables are known."""
        machines = self._machines
        met = [*chain[1:], *rewrites]
        after = f", after the rewrite {' and '.join(' '.join(each.args[:2]) for each in rewrites)}" if rewrites else ""
        line = self._passing(chain)
        if line is None:
            words, kind, behind = self._served(chain)
            return machines.constant(self._decide(kind, words + after, chain, met, behind=behind))
        target = text(line.args[0]) if line.args else machines.constant("")
        kind = line.name.partition("_")[0]
        tries, behind = self._tries(chain)

        def decided(value: object) -> object:
            words = self._passed(line, str(value), chain) + tries + after
            return self._decide(kind, words, chain, [*met, line], behind=behind)

        return machines.applied(machines.function(decided), target)

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
        if (
            line.name == "proxy_pass"
            and (slash or path)
            and "$" not in target
            and mark
            and not target.startswith("http://unix:")
        ):
            location = next((each for each in reversed(chain) if each.name == "location"), None)
            words += f" in place of {location.args[-1]}" if location is not None else ""
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
        for block in reversed(chain):
            for each in block.children("try_files"):
                return f", {self._side.marked(each.text)}", self._behind(each.args[-1:])
            if block.name != "if":
                break
        return "", ()
