"""Looks whether each thing that a release needs is on this host."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Iterable, NamedTuple, Sequence, Tuple

from ...closest_match import closest_match
from ...untrusted import printable, whole_number
from ..host.nginx import running_masters
from ..host.processes import find_orphans, workers_of
from ..host.system import SELINUX
from ..session import Problem, Session
from .document_roots import alternatives, group_of, is_misspelt
from .file_checks import Seen, look_at_paths
from .ports import holds, listening, owners

if TYPE_CHECKING:
    from ..protocol import Json

Key = Tuple[str, str]

__all__ = ["Looked", "look", "unmet"]

_LOOK_UP_SECONDS = 3.0
_PATHS = ("directory", "file", "socket")
_PAGES = ("index", "page")
_PLAIN = {"purpose": "", "file": "", "line": 0, "beside": ""}
_EXPECTED = {
    "address": "it is an address of this host",
    "endpoint": "it accepts a connection from this host",
    "name": "it resolves on this host",
    "port": "it is free, or nginx's own",
}


class Looked(NamedTuple):
    """A need, whether it is met here, what was seen instead, and the nearest thing that exists."""

    need: Json
    met: bool
    actual: str = ""
    near: str = ""

    def to_json(self) -> Json:
        """Return the answer as plain data."""
        key = [self.need["kind"], self.need["value"]]
        return {"key": key, "met": self.met, "actual": self.actual, "near": self.near}


def look(session: Session, needs: Iterable[Json], modules: Sequence[str]) -> list[Looked]:
    """Look at each need once, in their order; ``modules`` are the files of nginx's modules here.

    Names are looked up and connections tried as ``endpoints`` says, all at once.
    """
    by_key: dict[Key, Json] = {}
    for need in needs:
        by_key.setdefault(_key(need), {**_PLAIN, "path": need["value"], **need})
    rows = list(by_key.values())
    paths = [need for need in rows if need["kind"] in _PATHS]
    seen: dict[Key, Seen] = {_key(need): found for need, found in zip(paths, look_at_paths(session, paths))}
    far = [need for need in rows if need["kind"] in ("name", "endpoint")]
    if far:
        # Here, as most of what the network needs is never asked of most releases.
        from .endpoints import look_at_network

        seen.update(look_at_network(session, far))
    seen.update(_accounts([need for need in rows if need["kind"] in ("group", "user")]))
    seen.update(_ports(session, [need for need in rows if need["kind"] == "port"]))
    for need in rows:
        if need["kind"] == "address":
            seen[_key(need)] = _address(session, need["value"])
        elif need["kind"] == "module":
            there = need["value"] in modules
            words = "" if there else f"{need['value']} is not among nginx's modules here"
            seen[_key(need)] = (there, words, "" if there else closest_match(need["value"], modules))
    _confine(rows, seen)
    unknown: Seen = (False, "this host does not know how to look for it", "")
    return _excused([Looked(need, *seen.get(_key(need), unknown)) for need in rows])


def _confine(rows: Sequence[Json], seen: dict[Key, Seen]) -> None:
    """Take ports and endpoints that SELinux forbids to nginx for needs that are not met: this engine is not confined as
    nginx is, so a connection of its own proves nothing.
    """
    asked = [need for need in rows if need["kind"] in ("port", "endpoint") and seen[_key(need)][0]]
    if not asked or not os.path.exists(SELINUX):
        return
    # Here, as few hosts confine nginx.
    from .confinement import look_at_confinement

    seen.update(look_at_confinement(asked))


def _excused(looked: list[Looked]) -> list[Looked]:
    """Let an index file be missing where another one of its line is there, unless it is misspelt."""
    there = alternatives(each.need for each in looked if each.met)
    found = []
    for each in looked:
        group = [] if each.met else there.get(group_of(each.need), [])
        excused = group and not is_misspelt(each.need, each.near, group)
        found.append(each._replace(met=True, actual="another index file is there", near="") if excused else each)
    return found


def _key(need: Json) -> Key:
    return need["kind"], need["value"]


def unmet(session: Session, looked: Iterable[Looked]) -> list[Problem]:
    """Return what is missing here as problems. A page that is missing and not misspelt is only warned of: many sites
    have none, and nginx serves the others.
    """
    problems = []
    for each in looked:
        if each.met:
            continue
        if each.need["purpose"] in _PAGES and not is_misspelt(each.need, each.near):
            session.warn(_problem(each).what)
        else:
            problems.append(_problem(each))
    return problems


def _problem(looked: Looked) -> Problem:
    need = looked.need
    purpose = f" ({need['purpose']})" if need["purpose"] else ""
    place = f", for {need['file']}:{need['line']}" if need["file"] else ""
    meant = f"did you mean {looked.near}? " if looked.near else ""
    lack = "it is taken on this host" if need["kind"] == "port" else "this host lacks it"
    if looked.actual.startswith("SELinux"):
        lack = "SELinux forbids it to nginx on this host"
    return Problem(
        f"the release needs the {need['kind']} {need['value']}{purpose}{place}, and {lack}",
        _EXPECTED.get(need["kind"], "it is there"),
        looked.actual,
        f"{meant}fix the release or this host, or declare it: nginx_needs: [{_quoted(need)}]",
    )


def _quoted(need: Json) -> str:
    """Write a need as YAML: where Ansible could take it for a template, as data."""
    text = f"{need['kind']}:{need['value']}".replace("\\", "\\\\").replace('"', '\\"')
    return f'!unsafe "{text}"' if "{" in text or "}" in text else f'"{text}"'


def _accounts(needs: Sequence[Json]) -> dict[Key, Seen]:
    files = {"user": Path("/etc/passwd"), "group": Path("/etc/group")}
    # From the files alone: a directory service may have very many, and may not answer.
    there = {kind: _first_fields(files[kind]) for kind in {need["kind"] for need in needs}}
    elsewhere = [_key(need) for need in needs if need["value"] not in there[need["kind"]]]
    found = _asked_for(elsewhere) if elsewhere else {}
    seen: dict[Key, Seen] = {_key(need): (True, "", "") for need in needs}
    for kind, name in elsewhere:
        answer = found.get((kind, name))
        if answer is None or isinstance(answer, Exception):
            why = "there is none" if answer is not None else f"no answer within {_LOOK_UP_SECONDS:g} s"
            seen[kind, name] = (False, why, closest_match(name, there[kind]))
    return seen


def _asked_for(keys: Sequence[Key]) -> dict[Key, Any]:
    import functools
    import grp
    import pwd

    from .network import in_time

    work: dict[Key, Callable[[], Any]] = {
        (kind, name): functools.partial(pwd.getpwnam if kind == "user" else grp.getgrnam, name) for kind, name in keys
    }
    return in_time(work, _LOOK_UP_SECONDS)


def _first_fields(path: Path) -> list[str]:
    try:
        return [line.partition(":")[0] for line in path.read_text(errors="replace").splitlines()]
    except OSError:
        return []


def _ports(session: Session, needs: Sequence[Json]) -> dict[Key, Seen]:
    proc = session.system.proc
    held = listening(proc) if needs else {}
    masters = running_masters(session) if held else []
    ours = {inode for master in masters for inode in holds(proc, master.pid)}
    # Workers that outlived their master are nginx, too.
    nginx = {master.pid for master in masters}
    nginx |= {worker.pid for master in masters for worker in workers_of(proc, master)}
    nginx |= {orphan.pid for orphan in find_orphans(proc)} if held else set()
    seen: dict[Key, Seen] = {}
    for need in needs:
        number, _, protocol = str(need["value"]).partition("/")
        inodes = held.get((whole_number(number) or 0, protocol or "tcp"), set())
        if inodes <= ours:
            seen[_key(need)] = (True, "", "")
            continue
        pids = owners(proc, inodes)
        others = [pid for pid in pids if pid not in nginx]
        if pids and not others:
            seen[_key(need)] = (True, "", "")
        else:
            who = ", ".join(f"{_command(proc, pid)} (pid {pid})" for pid in others)
            seen[_key(need)] = (False, f"it is held by {who or 'a process that cannot be seen from here'}", "")
    return seen


def _command(proc: Path, pid: int) -> str:
    try:
        return printable((proc / str(pid) / "comm").read_text(errors="replace").strip())
    except OSError:
        return "a process"


def _address(session: Session, address: str) -> Seen:
    from .network import addresses, has_address

    bare = address[1:-1] if address.startswith("[") else address
    if has_address(bare):
        return True, "", ""
    if ":" in bare and not has_address("::"):
        return False, "this host has no IPv6: its kernel gives no socket of it", ""
    there = addresses(session.system.proc)
    return False, f"this host has {', '.join(there) or 'no address that can be read'}", closest_match(address, there)
