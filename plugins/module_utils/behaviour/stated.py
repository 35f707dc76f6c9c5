"""Whether an edit says in so many words what its request then gets: a refusal that is written, a block that is gone."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from ..config.derive import DerivedRequest
from ..config.match import Trace, choose_location
from ..config.parse import Config, Directive
from .change_kinds import FieldDifference, is_weaker
from .changes import DirectiveChange

__all__ = [
    "added",
    "empties",
    "hands_on",
    "is_of_gone_server",
    "is_read_otherwise",
    "keeps_over_tls",
    "let_go",
    "line_of",
    "opens",
    "puts_files",
    "refuses",
    "refuses_all",
    "removed",
    "sets",
    "shares_certificate",
]

# By which directives a status is said. What is not here is said by nothing but `return` and `try_files … =CODE`.
_SAID = {
    "400": ("ssl_verify_client", "large_client_header_buffers", "client_header_buffer_size", "ssl_client_certificate"),
    "401": ("auth_basic", "auth_request", "auth_jwt"),
    "403": (
        "deny",
        "allow",
        "auth_request",
        "satisfy",
        "limit_except",
        "secure_link",
        "valid_referers",
        "autoindex",
        "root",
        "alias",
    ),
    "404": ("internal", "root", "alias", "try_files"),
    "405": ("root", "alias", "try_files", "return", "limit_except"),
    "413": ("client_max_body_size",),
    "414": ("large_client_header_buffers",),
    "416": ("max_ranges",),
    "429": ("limit_req", "limit_conn"),
    "503": ("limit_req", "limit_conn"),
}
_SETS = {"found": ("error_page",), "download": ("default_type", "types")}
# What nginx says of a file that is not there, and of a folder without a page.
_OF_FILES = ("403", "404")
_PLACES = ("location", "root", "alias", "try_files", "rewrite")
_ESSENTIAL = ("host", "upgrade", "connection", "strict-transport-security", "set-cookie", "cache-control")
_ABSENT = ("404", "410")
_SERVES = ("return", "rewrite", "try_files", "root", "alias")
_CLOSED = "444"
# So many letters of a path say what a place is for.
_NAMED = 4
_WORDS_OF_PATH = re.compile(r"(?<!\\)[A-Za-z]{3,}")
_HSTS = "strict-transport-security"
# What is "https" where a visitor speaks TLS, to nginx or to what is in front of it.
_TELLS_TLS = re.compile(r"\$\{?(?:scheme|https|http_\w*(?:proto|ssl|https|scheme))\}?")
# By which headers a program is told of TLS, as ``HTTPS`` tells it.
_OF_SCHEME = re.compile(r"x-forwarded-(?:proto(?:col)?|ssl|scheme)|x-scheme|x-url-scheme|front-end-https")
_OFF = ("off", "any", "all", "optional", "optional_no_ca")
_OPENS = ("auth_basic", "auth_request", "satisfy", "ssl_verify_client", "allow")
_LIMITS = {
    "413": "client_max_body_size",
    "414": "large_client_header_buffers",
    "431": "large_client_header_buffers",
    "400": "large_client_header_buffers",
    "416": "max_ranges",
}


def added(changes: Iterable[DirectiveChange]) -> list[Directive]:
    """Return the lines that changes brought, with what is in blocks that are new or have another condition."""
    found: list[Directive] = []
    for each in changes:
        if each.new is not None:
            found += [each.new] if each.old is not None and each.new.name != "if" else each.new.walk()
    return found


def removed(changes: Iterable[DirectiveChange]) -> list[Directive]:
    """Return the lines that changes took away without another in their place, with what was in their blocks."""
    return [line for each in changes if each.old and not each.new for line in each.old.walk()]


def refuses(
    request: DerivedRequest,
    difference: FieldDifference,
    changes: Sequence[DirectiveChange],
    ways: tuple[Trace, Trace],
    *,
    files_known: bool = False,
) -> bool:
    """Return whether the changes say that a request is refused as it is now: by a line that is written, or a block
    removed.

    ``files_known`` says that staging has the files of the hosts; else a place that serves files may have them.
    """
    status = difference.after.split(" ")[0]
    new, gone = added(changes), removed(changes)
    if request.speaks == "handshake":
        return any(_drops(line, request.tls) for line in new)
    if not files_known and puts_files(difference, changes, ways[1].met, request.host):
        return True
    new += _switched(changes, ways[1])
    # Requests that a place takes since its path is another one get what is written in it.
    retitled = [each.new for each in changes if each.old and each.new and each.new.name == "location"]
    reached = {id(line) for line in ways[1].met}
    new += [line for place in retitled if id(place) in reached for line in place.walk()]
    if not status.isdigit():
        return any(_closes(line) for line in new)
    if any(_says(line, status) for line in new) or _shows(status, difference, changes):
        return True
    if status[0] == "5":
        return False
    # The limit of a place that has another path now was for what it takes there.
    if status == "413" and any(_was(each, ways) for each in changes):
        return True
    # A redirect may be narrowed as well as removed.
    gone += [each.old for each in changes if each.old and each.old.name == "rewrite"]
    if difference.before[:1] == "3" and any(each.old and _is_of_map(each) for each in changes):
        return True
    met = {id(line) for line in ways[0].met}
    return any(id(line) in met or line.name.endswith("_pass") for line in gone)


def _was(change: DirectiveChange, ways: tuple[Trace, Trace]) -> bool:
    """Return whether a location took a request before, and has another path now."""
    old, new = change.old, change.new
    if old is None or new is None or new.name != "location" or old.args == new.args:
        return False
    before, after = ({id(met) for met in way.met} for way in ways)
    return id(old) in before and id(new) not in after


def puts_files(
    difference: FieldDifference, changes: Sequence[DirectiveChange], after: Sequence[Directive], host: str = ""
) -> bool:
    """Return whether an edit lets files answer, and one is not there: which of them there are, only the hosts know.

    A server that gets a ``host``'s name, which no server had, answers with the files that it has.
    """
    puts = any(line.name in _PLACES for line in added(changes)) or _names(changes, host)
    if difference.after.split(" ")[0] not in _OF_FILES or not puts:
        return False
    place = next((met for met in reversed(after) if met.name in ("location", "server")), None)
    paths = [line.args[1] for line in added(changes) if line.name == "rewrite" and line.args[2:] in ([], ["last"])]
    fixed = [path for path in paths if path.startswith("/") and "$" not in path]
    if fixed and after and after[0].name == "server":
        place = choose_location(after[0], fixed[0]) or after[0]
    inside = [] if place is None else [line.name for line in place.block or []]
    return place is not None and not any(name.endswith("_pass") or name == "return" for name in inside)


def _names(changes: Iterable[DirectiveChange], host: str) -> bool:
    """Return whether edited lines have a name that none had before."""
    before, after = set[str](), set[str]()
    for each in changes:
        if each.name == "server_name":
            before.update(each.old.args if each.old else ())
            after.update(each.new.args if each.new else ())
    return host in after - before


def _switched(changes: Iterable[DirectiveChange], after: Trace) -> list[Directive]:
    """What stands in conditions on a variable whose map was edited: a key more says what the condition says."""
    maps = [each.blocks[1] for each in changes if each.blocks[1] is not None and each.blocks[1].name in ("map", "geo")]
    variables = {block.args[-1] for block in maps if block.args}
    conditions = [inner for met in after.met for inner in met.children("if")] if variables else []
    chosen = [each for each in conditions if any(word.strip("()") in variables for word in each.args)]
    return [line for each in chosen for line in each.walk()]


def _is_of_map(change: DirectiveChange) -> bool:
    return change.blocks[0] is not None and change.blocks[0].name == "map"


def _says(line: Directive, status: str) -> bool:
    if line.name == "return":
        return line.args[:1] == [status] or (status == "405" and bool(line.args))
    if line.name in ("try_files", "error_page") and f"={status}" in line.args:
        return True
    return line.name in _SAID.get(status, ()) and line.args[:1] != ["off"]


def _shows(status: str, difference: FieldDifference, changes: Sequence[DirectiveChange]) -> bool:
    """Return whether nothing but pages for errors is edited, which made 200 of a status and leave it as it is now."""
    shown = any(line.name == "error_page" and status in line.args and "=" not in line.args for line in added(changes))
    return shown and difference.before == "200" and all(each.name in ("error_page", "map") for each in changes)


def _setter(line: Directive) -> bool:
    return line.name in ("add_header", "proxy_set_header", "grpc_set_header") and bool(line.args)


def _remembers(line: Directive) -> bool:
    return line.name.endswith("_cache") and line.args[:1] != ["off"]


def _drops(line: Directive, version: str) -> bool:
    """Return whether a line leaves a version of TLS out for newer ones."""
    return line.name == "ssl_protocols" and version not in line.args and any(each > version for each in line.args)


def _closes(line: Directive) -> bool:
    return (line.name == "return" and line.args[:1] == [_CLOSED]) or line.name == "ssl_reject_handshake"


def opens(
    difference: FieldDifference, changes: Sequence[DirectiveChange], ways: tuple[Trace, Trace] | None = None
) -> bool:
    """Return whether the changes say that what was refused is let in: by a line that is written, never by one that
    is gone.

    Where all that no place is for is refused, a place that is added or takes more says whom it is for.
    """
    if ways is not None and difference.before == "403" and _is_listed(changes, ways):
        return True
    limit = _LIMITS.get(difference.before, "")
    new = added(changes)
    # What did not exist was not kept from anybody: an edit may put something there.
    if difference.before in _ABSENT and any(line.name.endswith("_pass") or line.name in _SERVES for line in new):
        return True
    return any(line.name == limit or _lets_in(line) for line in new) or any(map(_lets_go, changes)) or _answers(changes)


def _is_listed(changes: Sequence[DirectiveChange], ways: tuple[Trace, Trace]) -> bool:
    """Return whether a request was refused with all others by the last place, and one that was written answers it."""
    before, after = (next((met for met in reversed(way.met) if met.name == "location"), None) for way in ways)
    if before is None or after is None or before.args != ["/"] or not refuses_all(before):
        return False
    hands_it_on = any(line.name.endswith("_pass") or line.name in _SERVES for line in after.block or [])
    named = sum(map(len, _WORDS_OF_PATH.findall(after.args[-1]))) if after.args else 0
    return hands_it_on and named >= _NAMED and any(each.new is after for each in changes)


def _lets_go(change: DirectiveChange) -> bool:
    """Return whether a place that hands requests on takes fewer paths: the others were never what it refused for."""
    if not (change.old and change.new) or change.name != "location" or change.old.args == change.new.args:
        return False
    exact = change.new.args[0] == "=" and change.old.args[-1] == change.new.args[-1]
    return exact and any(line.name.endswith("_pass") for line in change.old.block or [])


def _answers(changes: Sequence[DirectiveChange]) -> bool:
    """Return whether a refusal is gone and what answers instead was written in the same block."""
    refused = {id(each.blocks[1]) for each in changes if each.old and not each.new and _denies(each.old)}
    return any(
        each.new is not None and each.old is None and each.new.name.endswith("_pass") and id(each.blocks[1]) in refused
        for each in changes
    )


def _denies(line: Directive) -> bool:
    return line.name == "return" and line.args[:1] in (["403"], ["404"], ["405"], ["410"])


def refuses_all(block: Directive) -> bool:
    """Return whether a block refuses everybody."""
    denies = any(line.args == ["all"] for line in block.children("deny")) and not block.children("allow")
    return denies or any(map(_denies, block.children("return")))


def _lets_in(line: Directive) -> bool:
    if line.name == "allow":
        return True
    return line.name in _OPENS and bool(set(_OFF) & set(line.args))


def hands_on(difference: FieldDifference, changes: Iterable[DirectiveChange]) -> bool:
    """Return whether a line that kept a header back is gone or another; a cache may keep it back by chance."""
    name = difference.field.rpartition(" ")[2].lower()
    gone = [line for each in changes if each.old for line in each.old.walk()]
    return any(line.name.endswith("_set_header") and line.args[:1] and line.args[0].lower() == name for line in gone)


def let_go(changes: Iterable[DirectiveChange], ways: tuple[Trace, Trace]) -> bool:
    """Return whether a pattern takes fewer paths than before, and a place that was there all along answers for the
    others.
    """
    before, after = ({id(met) for met in way.met if met.name == "location"} for way in ways)
    new = {id(line) for line in added(changes)}
    narrower = any(
        each.old.args[-1] != each.new.args[-1] and id(each.old) in before and id(each.new) not in after
        for each in changes
        if each.old and each.new and each.name == "location" and each.new.args[0].startswith("~")
    )
    return narrower and not after & new


def line_of(directive: Directive) -> object:
    """Return what makes two lines the same one."""
    return directive.name, *directive.args


def sets(
    difference: FieldDifference,
    changes: Sequence[DirectiveChange],
    moved: Collection[object] = (),
    candidate: Config | None = None,
) -> bool:
    """Return whether a line that was written, or taken out, says the very thing.

    A header that no line of the ``candidate`` tells an upstream was given up, whatever list a block has now. Lines that
    are ``moved``, by ``line_of``, were not taken out for good: what had them may need them as well.
    """
    name = difference.field.rpartition(" ")[2].lower()
    new = added(changes)
    # What is remembered is neither asked of the upstream again nor told to it, and is nobody's own.
    own = difference.kind == "withheld" or name == "set-cookie"
    if own and any(_remembers(line) for line in new):
        return True
    # Whoever takes the very line out says so; without some of them nothing works.
    gone = [line for line in removed(changes) if _setter(line) and line_of(line) not in moved]
    named = any(line.args[0].lower() == name for line in gone)
    if named and name not in _ESSENTIAL and difference.kind == "withheld" and _is_nowhere(name, candidate):
        return True
    if named and name not in _ESSENTIAL and difference.kind in ("withheld", "lost"):
        # A line more in the very list may have taken its place; one for the other side has nothing to do with it.
        return not any(_setter(line) and (line.name == "add_header") == (difference.kind == "lost") for line in new)
    for line in new:
        words = [word.lower() for word in line.args]
        if difference.kind == "withheld" and line.name.endswith("_pass_request_headers") and line.args == ["off"]:
            return True
        if difference.kind == "withheld" and line.name.endswith("_set_header"):
            if words[:1] == [name] and words[1:] == [""]:
                return True
        elif line.name in _SETS.get(difference.kind, ()):
            return True
    return False


def _is_nowhere(name: str, candidate: Config | None) -> bool:
    """Return whether no line of a configuration sets a header for upstreams any more."""
    if candidate is None:
        return False
    lines = candidate.named("proxy_set_header", "grpc_set_header")
    return not any(each.args and each.args[0].lower() == name for each in lines)


def is_read_otherwise(difference: FieldDifference, changes: Sequence[DirectiveChange]) -> bool:
    """Return whether a parameter is gone that no program reads as a header, or ``HTTPS`` tells of TLS in its place.

    A header of CGI has no hyphens in its name, and ``HTTPS`` is what programs look for first.
    """
    name = _header_of(difference.field.rpartition(" ")[2])
    lines = [each.old for each in changes if each.old and each.old.name.endswith("_param") and each.old.args]
    named = [line.args[0] for line in lines if _header_of(line.args[0]) == name]
    if named and all("-" in each for each in named):
        return True
    says = any(line.name.endswith("_param") and line.args[:1] == ["HTTPS"] and line.args[1:] for line in added(changes))
    return bool(named) and says and _OF_SCHEME.fullmatch(name) is not None


def _header_of(parameter: str) -> str:
    """Return the header that a parameter is for, in lower case with hyphens."""
    return parameter.lower().removeprefix("http_").replace("_", "-")


def is_of_gone_server(way: Trace, changes: Iterable[DirectiveChange]) -> bool:
    """Return whether the server that a request met is gone as a whole."""
    gone = {id(each.old) for each in changes if each.old and not each.new and each.name == "server"}
    return any(id(met) in gone for met in way.met)


def _maps_of(header: str, config: Config) -> Iterator[Directive]:
    """Yield the maps whose variable is a whole value of a header for clients."""
    lines = [each for each in config.named("add_header") if len(each.args) > 1 and each.args[0].lower() == header]
    variables = {each.args[1].strip("${}") for each in lines if each.args[1].startswith("$")}
    return (each for each in config.named("map") if len(each.args) > 1 and each.args[1].strip("${}") in variables)


def empties(difference: FieldDifference, changes: Iterable[DirectiveChange], candidate: Config) -> bool:
    """Return whether a header is gone because a key was given nothing in the map that the header is taken from."""
    name = difference.field.rpartition(" ")[2].lower()
    if difference.after or name in (_HSTS, "set-cookie"):
        return False
    maps = set(map(id, _maps_of(name, candidate)))
    return any(
        each.new is not None and each.new.args == [""] and each.new.name != "default" and id(each.blocks[1]) in maps
        for each in changes
        if each.blocks[1] is not None
    )


def keeps_over_tls(
    request: DerivedRequest, difference: FieldDifference, changes: Iterable[DirectiveChange], candidate: Config
) -> bool:
    """Return whether an edited line sends ``Strict-Transport-Security`` over TLS only, as before: in the clear it means
    nothing.
    """
    name = difference.field.rpartition(" ")[2].lower()
    if name != _HSTS or difference.after or request.scheme != "http":
        return False
    new = {each.args[1].strip("${}") for each in added(changes) if _setter(each) and each.args[0].lower() == name}
    return any(
        each.args[1].strip("${}") in new
        and _TELLS_TLS.fullmatch(each.args[0]) is not None
        and any(row.args and row.args[0] and not is_weaker(difference.before, row.args[0]) for row in each.block or [])
        for each in _maps_of(name, candidate)
    )


def shares_certificate(difference: FieldDifference, host: str, changes: Iterable[DirectiveChange]) -> bool:
    """Return whether a server was given a certificate that several sites of its domain have: it is made for several
    names, and staging, which made it up, cannot know that this one is not among them.
    """
    path, *names = difference.after.split(", ")
    given = [each for each in added(changes) if each.name == "ssl_certificate" and each.args]
    if "/" not in path or not any(each.args[0].endswith(path) for each in given):
        return False
    # A certificate is seldom made for a site and its www alone and then for a third.
    sites = {name.removeprefix("*.").removeprefix("www.") for name in names}
    _, _, domain = host.partition(".")
    return sum(site == domain or site.endswith(f".{domain}") for site in sites) > 1
