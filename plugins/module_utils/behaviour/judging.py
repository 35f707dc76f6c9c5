"""What a difference is: a regression, an effect elsewhere than where was edited, a slip, or what was set out to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from ..config.derive import DerivedRequest
from ..config.facts import listen_at, listeners
from ..config.match import Trace, choose_server, is_named, normalised
from ..config.parse import Config, Directive
from .change_kinds import KINDS, FieldDifference
from .changes import DirectiveChange
from .comments import Comments
from .judgement import Judgement
from .shadowing import shadowed, took_already
from .slips import Slips
from .stated import (
    added,
    empties,
    hands_on,
    is_of_gone_server,
    is_read_otherwise,
    keeps_over_tls,
    let_go,
    line_of,
    opens,
    refuses,
    refuses_all,
    removed,
    sets,
    shares_certificate,
)
from .static_changes import judge_static_change

__all__ = ["Judge"]

_LOG = "access log"
_OF_THE_WEB = (80, 443)
_REFUSED = "the connection was refused"
_LOOPBACK = ("127.0.0.1", "[::1]", "localhost")
# What lines set that do not name it.
_SET_BY = {
    "charset": ("content-type",),
    "default_type": ("content-type",),
    "etag": ("etag",),
    "expires": ("expires", "cache-control"),
    "gzip_vary": ("vary",),
    "max_ranges": ("accept-ranges",),
}
# Files that pages are made of.
_OF_PAGES = re.compile(
    r"\.(?:avi|css|eot|flv|gif|ico|jpe?g|js|m4[av]|mov|mp[34]|og[gv]|otf|png|svg|ttf|web[mp]|wmv|woff2?)$"
)
# A hidden name that ends as pictures, sounds and papers do.
_MADE_UP = re.compile(
    r"/\.\w+\.(?:avi|bmp|docx?|eot|flv|gif|ico|jpe?g|m4[av]|mov|mp[34]|og[gv]|otf|pdf|png|pptx?|swf|ttf|wav|web[mp]|woff2?|"
    r"xlsx?)$"
)
# What sets a header for the upstream, and for the client.
_LISTS = (("proxy_set_header", "grpc_set_header"), ("add_header",))


def _slashes(difference: FieldDifference) -> str:
    """Return words where a URL has two slashes in a row that had one, or a path for the upstream none at all."""
    if difference.field.endswith(" path") and difference.before[:1] == "/" and difference.after[:1] not in ("", "/"):
        return f"{difference.after} does not begin with a slash"
    before, after = (text.partition("://")[2] or text for text in (difference.before, difference.after))
    is_url = difference.field == "header location" or difference.field.endswith(" path") or " to " in after
    return f"{after} has two slashes in a row" if is_url and "//" in after and "//" not in before else ""


def _is_left_to(way: Trace, causes: Iterable[DirectiveChange]) -> bool:
    """Return whether the edits only have a location take fewer or other paths, and one that was left alone answers: it
    does with the path what it did with all others before.
    """
    place = next((met for met in reversed(way.met) if met.name == "location"), None)
    return place is not None and all(
        each.name == "location" and each.new is not place and each.blocks[1] is not place for each in causes
    )


def _upgrades(way: Trace) -> bool:
    """Return whether the upstream is asked to upgrade: without ``Connection`` it is only told to what."""
    for block in reversed(way.met):
        setters = [each for each in block.children("proxy_set_header") if each.args]
        if setters:
            values = [each.args[-1].lower() for each in setters if each.args[0].lower() == "connection"]
            return any("upgrade" in value or "$" in value for value in values)
    return True


def _is_moved(request: DerivedRequest, causes: Sequence[DirectiveChange]) -> bool:
    """Return whether the edited line is the listener that was asked, at another port now, which no visitor reaches."""
    edits = [(each.old, each.new) for each in causes if each.name == "listen" and each.old and each.new]
    moves = [(listen_at(old), listen_at(new)) for old, new in edits if old.args and new.args]
    return any(
        was.port == request.port != is_now.port and was.address == is_now.address and was.address in _LOOPBACK
        for was, is_now in moves
    )


def _came(line: Directive, causes: Sequence[DirectiveChange]) -> bool:
    """Return whether a line was added, and not edited or put elsewhere: then its pattern says what it is for."""
    return any(each.new is line and each.old is None for each in causes)


def _redirected(difference: FieldDifference, before: Directive) -> bool:
    """Return whether a request was only redirected before, or told that the page is gone, and is not failing now.

    That is what is said where there is no page. That a file is not there is said by staging, which has none.
    """
    if difference.field == "header location":
        return True
    status = difference.after.split(" ")[0]
    gone = difference.before in ("404", "410") and bool(before.children("return"))
    return (difference.before[:1] == "3" or gone) and (status[:1] in "23" or status in ("404", "410"))


def _is_kept_to_itself(line: Directive, causes: Sequence[DirectiveChange]) -> bool:
    """Return whether a place that refuses was told to come before expressions, by ``^~`` or ``=``: so it refuses what
    they took from it.
    """
    if line.name != "location" or line.args[0] not in ("^~", "=") or not refuses_all(line):
        return False
    return any(each.new is line and each.old and each.old.args[-1:] == line.args[-1:] for each in causes)


def _is_hidden_picture(request: DerivedRequest, difference: FieldDifference, line: Directive) -> bool:
    """Return whether a hidden file that was refused is a picture or the like, and is not there as far as is known."""
    name = request.path.rpartition("/")[2]
    asked = line.name == "location" and not any(each.name.endswith("_pass") for each in line.block or [])
    hidden = name.startswith(".") and _OF_PAGES.search(name) is not None
    return asked and hidden and difference.before in ("403", "404") and difference.after in ("403", "404")


def _is_no_name(request: DerivedRequest, difference: FieldDifference) -> bool:
    """Return whether the path was made from a pattern for hidden files and one for media, as ``.ht.ppt``, and one of
    them refuses it.
    """
    statuses = {difference.before.split(" ")[0], difference.after.split(" ")[0]}
    return "403" in statuses and _MADE_UP.search(request.path) is not None


def _is_inherited(difference: FieldDifference, causes: Sequence[DirectiveChange]) -> bool:
    """Return whether a header is gone that no edited line names, and another line of its kind came: lists are not
    merged.
    """
    part, _, name = difference.field.rpartition(" ")
    if difference.after or not part.endswith("header"):
        return False
    lines = [*added(causes), *removed(causes), *(each.old for each in causes if each.old)]
    setters = [line for line in lines if line.name in _LISTS[part == "header"] and line.args]
    named = {line.args[0].lower() for line in setters}
    named.update(header for line in lines for header in _SET_BY.get(line.name, ()))
    return bool(setters) and name.lower() not in named and any(line in setters for line in added(causes))


class Judge:
    """Tells what differences are by the lines that were edited.

    A regression fails whoever explains it, unless the edit says exactly that. What no edit explains fails, and so does
    an edit that takes requests from a line that was left alone, or that looks like a slip. The rest is what the edit
    set out to do. ``files`` are the URLs of files that a release brings, each with whether it is
    another one now, ``comments`` what was written beside an edit.
    """

    def __init__(
        self,
        live: Config,
        candidate: Config,
        changed: Sequence[DirectiveChange],
        *,
        files_known: bool = False,
        files: Mapping[str, bool] | None = None,
        comments: Comments | None = None,
    ) -> None:
        self._live, self._candidate = live, candidate
        self._changed = changed
        self._listens = any(each.name == "listen" for each in changed)
        self._files_known = files_known
        self._files = files or {}
        # A block that is new or gone as a whole moves nothing.
        simple = [each for each in changed if each.either.block is None]
        self._moved = set(map(line_of, added(simple))) & set(map(line_of, removed(simple)))
        self._slips = Slips(live, candidate, changed, comments)

    def judge(
        self,
        request: DerivedRequest,
        difference: FieldDifference,
        causes: Sequence[DirectiveChange],
        ways: tuple[Trace, Trace],
    ) -> Judgement:
        """Judge one difference; ``causes`` are the edits on the request's ways in live and candidate."""
        kind = KINDS[difference.kind]
        if difference.kind in ("broken", "access") and _is_no_name(request, difference):
            return Judgement("shown", f"{kind.why}: no file has such a name, which two patterns make up")
        if difference.kind == "uncovered" and not self._is_served(request):
            return Judgement("shown", "the default's certificate: nobody serves this name any more")
        if kind.grade == "regression" and not self._is_stated(request, difference, causes, ways):
            return Judgement("regression", kind.why)
        shadow = shadowed(*ways, causes, normalised(request.path))
        if shadow is not None and (kind.matters or difference.kind == "refused"):
            old, new = shadow
            if _came(new, causes) and _redirected(difference, old):
                return Judgement("intended", f"{kind.why}: {' '.join([new.name, *new.args])} was written for it")
            if _is_kept_to_itself(new, causes) or _is_hidden_picture(request, difference, new):
                return Judgement("shown", f"{kind.why}: nobody is let in by it")
            words = f"{' '.join([new.name, *new.args])} takes it from {' '.join([old.name, *old.args])}"
            return Judgement("collateral", f"{words} ({old.file}:{old.line}), which nobody edited")
        if not kind.matters:
            return Judgement("shown", kind.why)
        if not causes and self._files.get(request.url) and kind.grade != "regression":
            return Judgement("intended", f"{kind.why}: the release brings the file, which was edited")
        if not causes:
            return Judgement("collateral", f"{kind.why}, and no edited line is about this request")
        if _is_inherited(difference, causes):
            return Judgement("collateral", f"{kind.why}, and no edited line names it: a block has its own list now")
        slip = ("" if _is_left_to(ways[1], causes) else _slashes(difference)) or next(
            filter(None, map(self._slips.slip, causes)), ""
        )
        if slip:
            return Judgement("slip", f"{kind.why}, and it looks like a slip: {slip}")
        return Judgement("intended", kind.why)

    def _listens_elsewhere(self, request: DerivedRequest) -> bool:
        """Return whether an edit has its port at other addresses only: whoever asks there is served."""
        return self._listens and choose_server(self._candidate, request.host, request.port) is not None

    def _is_given_up(
        self, request: DerivedRequest, difference: FieldDifference, causes: Sequence[DirectiveChange], before: Trace
    ) -> bool:
        """Return whether a file, a listener, a service or a site is not where it was, and the edit says so."""
        if self._files.get(request.url) and difference.after[:1] == "4":
            return True
        if difference.after.startswith(_REFUSED):
            moved = _is_moved(request, causes) or self._is_moved_with_its_users(request, causes)
            return moved or self._listens_elsewhere(request) or self._is_taken_out(request, causes, before)
        # Whatever the default says to those who ask for a site that is gone, on every port, nothing of it failed.
        is_gone = difference.after[:1] == "5" and is_of_gone_server(before, causes)
        return is_gone and self._is_of_nobody(request, (self._candidate,))

    def _is_moved_with_its_users(self, request: DerivedRequest, causes: Sequence[DirectiveChange]) -> bool:
        """Return whether a service within listens at another port, and each line that led to the old one to the new."""
        edits = [(each.old, each.new) for each in causes if each.name == "listen" and each.old and each.new]
        ports = {listen_at(new).port for old, new in edits if listen_at(old).port == request.port}
        if request.port in _OF_THE_WEB or len(ports) != 1 or self._is_led_to(request.port):
            return False
        return any(
            self._is_led_to(port, [each.new]) and self._is_led_to(request.port, [each.old])
            for port in ports
            for each in self._changed
            if each.old and each.new and each.name != "listen"
        )

    def _is_led_to(self, port: int, lines: Iterable[Directive] | None = None) -> bool:
        """Return whether lines, those of the candidate or others, name a port of some host."""
        named = re.compile(rf":{port}(?!\d)")
        every = self._candidate.walk() if lines is None else lines
        return any(named.search(word) for line in every for word in line.args)

    def _is_taken_out(self, request: DerivedRequest, causes: Sequence[DirectiveChange], before: Trace) -> bool:
        """Return whether the server that answered is gone as a whole, and its port with it, which no line names.

        A port of the web is of all sites, and its last one is seldom given up on purpose.
        """
        is_gone = request.port not in _OF_THE_WEB and is_of_gone_server(before, causes)
        return is_gone and not self._is_led_to(request.port)

    def _is_served(self, request: DerivedRequest) -> bool:
        return is_named(self._candidate, request.host, request.port, request.connect)

    def _is_of_nobody(self, request: DerivedRequest, configs: Sequence[Config]) -> bool:
        """Return whether no server has a name for a host, on any port."""
        return not any(
            is_named(config, request.host, port)
            for config in configs
            for port in {each.port for server in config.named("server") for each in listeners(server)}
        )

    def judge_text(self, change: DirectiveChange) -> Judgement:
        """Judge a change that no request shows, by its words."""
        slip = self._slips.slip(change, shown=False)
        moved = change.old is not None and change.new is None and line_of(change.old) in self._moved
        if moved and not slip:
            return Judgement("shown", "the line was moved")
        return Judgement("slip", f"it looks like a slip: {slip}") if slip else judge_static_change(change)

    def _is_stated(
        self,
        request: DerivedRequest,
        difference: FieldDifference,
        causes: Sequence[DirectiveChange],
        ways: tuple[Trace, Trace],
    ) -> bool:
        """Return whether the edits say the very thing, and no visitor of yesterday is turned away by it."""
        if difference.kind == "broken" and self._is_given_up(request, difference, causes, ways[0]):
            return True
        if difference.kind == "broken":
            return request.place != _LOG and refuses(
                request, difference, causes, ways, files_known=self._files_known or request.url in self._files
            )
        if difference.kind == "insecure":
            refused = difference.after[:1] == "4" and refuses(request, difference, causes, ways)
            return refused and self._is_of_nobody(request, (self._live, self._candidate))
        if difference.kind == "uncovered":
            return shares_certificate(difference, request.host, causes)
        if difference.kind == "lost" and (
            empties(difference, causes, self._candidate) or keeps_over_tls(request, difference, causes, self._candidate)
        ):
            return True
        if difference.field.endswith(" header upgrade") and not _upgrades(ways[0]):
            return True
        if difference.kind == "access":
            return opens(difference, causes, ways) or took_already(*ways, causes, normalised(request.path))
        if difference.kind == "leaked":
            return not hands_on(difference, causes)
        if difference.kind in ("lost", "withheld") and let_go(causes, ways):
            return True
        if difference.kind == "withheld" and is_read_otherwise(difference, causes):
            return True
        return sets(difference, causes, self._moved, self._candidate)
