"""Completes the environment by what nginx itself says that it lacks, until it passes or says nothing new.

The basis is the tree that the environment is made from: the live release where there is one. A thing that belongs into
the release, as an include inside the tree, is never made: it is the release's fault.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

from . import create
from .common import HOME, read_file
from .limits import hits
from .modules import nginx, providers, spare, supply, withdraw, withdraw_all

__all__ = ["complete", "forget", "provides", "test"]

_CONF = "/etc/nginx"
_MOST_ROUNDS = 60
_TEST_SECONDS = 300
_SAID = HOME / "tested.json"
_WORDS = HOME / "tested.words"
_MOST_OUTPUT = 1024 * 1024
# The last network of the stubs' range is for names that nobody could read from the configuration.
_LEARNED = "198.19.255.{}"
_WHERE = re.compile(r"(?:(?P<scheme>\w+)://)?(?P<host>[^/:]+)(?::(?P<port>\d+))?")
# Where a name is asked for that stands alone.
_USUAL_PORTS = (80, 443)
_DNS_PORT = 53

_Plan = Mapping[str, Any]


def test(plan: _Plan, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what ``nginx -t`` says of the release; the first time from the last round of the loop, if that was of
    it.
    """
    if _SAID.exists():
        said: dict[str, Any] = json.loads(_SAID.read_text())
        _SAID.unlink()
        return said
    return _test()


def forget() -> None:
    """Forget what ``nginx -t`` said in the loop: the release is another one now."""
    with contextlib.suppress(FileNotFoundError):
        _SAID.unlink()


def _test() -> dict[str, Any]:
    """Run ``nginx -t`` on what ``/etc/nginx`` leads to, with the modules that staging supplies.

    A file takes what it prints, as a process that it leaves behind could hold a pipe open for ever.
    """
    with _WORDS.open("wb") as words:
        process = subprocess.Popen(
            nginx("-t"), stdin=subprocess.DEVNULL, stdout=words, stderr=words, start_new_session=True
        )
        try:
            code = _ended(process)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return {"code": code, "output": read_file(_WORDS)[:_MOST_OUTPUT]}


def _ended(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end of a test, and for none once the container has reached a bound. Raises ``RuntimeError``."""
    for _ in range(_TEST_SECONDS):
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(1)
        if hits():
            raise RuntimeError("nginx -t takes more than a stage has")
    raise RuntimeError(f"nginx -t does not end within {_TEST_SECONDS} s")


def complete(plan: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Add what nginx lacks to run the basis; tells in words what was ``learned``.

    Stubs have to be opened at ``ends``, rows as those of the plan, for the names that were learned. ``addresses``
    are what nginx cannot bind: who asks gives them to its network, and asks again with the texts that were ``tried``.
    ``refused`` is what nginx says of the basis in the end, where it does not take it. A row may name another ``basis``.
    """
    (wanted,) = rows
    learned: list[str] = []
    ends: list[dict[str, Any]] = []
    addresses: list[str] = []
    tried: set[str] = set(wanted["tried"])
    basis = wanted.get("basis", plan["basis"])
    refused = ""
    _lead(basis)
    try:
        for _ in range(_MOST_ROUNDS):
            answer = _test()
            about = {**plan, "ends": ends, "addresses": addresses}
            found = _learn(about, str(answer["output"]), tried) if answer["code"] else []
            learned += found
            if addresses:
                break
            if not found:
                # A thousand certificates take nginx seconds to read.
                if basis == plan["tree"]:
                    _SAID.write_text(json.dumps(answer))
                refused = str(answer["output"]) if answer["code"] else ""
                break
    finally:
        _lead(plan["tree"])
    if basis != plan["tree"] and not plan["lends_modules"] and not addresses:
        withdraw_all()
    return {"learned": learned, "ends": ends, "addresses": addresses, "tried": sorted(tried), "refused": refused}


def provides(plan: _Plan, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return which module of the distribution knows a ``directive`` that nginx does not; empty where none does.

    Each that may know it is loaded to see, and none stays so.
    """
    (wanted,) = rows
    unknown = f'unknown directive "{wanted["directive"]}"'
    for name in providers(wanted["directive"]):
        new = supply([name])
        knows = unknown not in _test()["output"]
        withdraw(*new)
        if knows:
            return {"module": name}
    return {"module": ""}


def _lead(tree: str) -> None:
    if os.readlink(_CONF) != tree:
        os.unlink(_CONF)
        os.symlink(tree, _CONF)


def _learn(plan: _Plan, output: str, tried: set[str]) -> list[str]:
    """Add what the words ask for, and has not been tried yet; what it was, in words."""
    found = []
    for pattern, add in _ASKED:
        for match in re.finditer(pattern, output):
            if match[0] not in tried:
                tried.add(match[0])
                words = add(plan, match)
                found += [words] if words else []
    return found


def _inside(path: str) -> bool:
    return path.startswith(f"{_CONF}/")


def _name(plan: _Plan, match: re.Match[str]) -> str:
    where = _WHERE.match(match["name"])
    if where is None:
        return ""
    host = where["host"]
    with open("/etc/hosts", "r+", encoding="utf-8") as hosts:
        known = hosts.read()
        if re.search(rf"\s{re.escape(host)}$", known, re.MULTILINE):
            return ""
        address = _LEARNED.format(known.count("198.19.255.") + 1)
        hosts.write(f"{address} {host}\n")
    dns = " resolver " in match[0]
    usual = (_DNS_PORT,) if dns else (443,) if where["scheme"] in ("https", "grpcs") else _USUAL_PORTS
    for port in (int(where["port"]),) if where["port"] else usual:
        # What speaks there is not known, and a stub for TCP finds out about TLS and HTTP.
        protocol = "dns" if dns else "tcp"
        plan["ends"].append({"host": host, "bind": address, "port": port, "protocol": protocol, "socket": ""})
    return f"the name {host} leads to a stub"


def _file(plan: _Plan, match: re.Match[str]) -> str:
    path = match["path"]
    # What has a place is an include of that line; the rest are logs and what modules read.
    if _inside(path) or not create.make_file(dict(plan), path, "# made by staging\n" if match["place"] else ""):
        return ""
    return f"the file {path}"


def _pem(plan: _Plan, match: re.Match[str]) -> str:
    """One file for whatever reads PEM: each reader takes the kind that it looks for."""
    path = match["path"]
    return f"the file {path} (PEM)" if create.make_file(dict(plan), path, "".join(plan["spare"])) else ""


def _directory(plan: _Plan, match: re.Match[str]) -> str:
    path = os.path.dirname(match["path"].rstrip("/"))
    return f"the directory {path}" if create.make_directory(dict(plan), path, "root") else ""


def _user(plan: _Plan, match: re.Match[str]) -> str:
    return f"the user {match['name']}" if create.add_user(match["name"]) else ""


def _group(plan: _Plan, match: re.Match[str]) -> str:
    return f"the group {match['name']}" if create.add_group(match["name"]) else ""


def _address(plan: _Plan, match: re.Match[str]) -> str:
    plan["addresses"].append(match["address"].strip("[]"))
    return ""


def _module(plan: _Plan, match: re.Match[str]) -> str:
    if not plan["lends_modules"] and os.readlink(_CONF) == plan["tree"]:
        return ""
    for name in providers(match["name"], _context(match["file"], int(match["line"]))):
        new = supply([name])
        if match[0] not in _test()["output"]:
            return f"the module {', '.join(new)}, for the directive {match['name']}" if new else ""
        withdraw(*new)
    return ""


def _context(path: str, line: int) -> str:
    """Guess whether a line is in ``stream``, ``mail`` or ``http``: the last such block that opens before it."""
    try:
        with open(path, encoding="utf-8", errors="replace") as lines:
            before = "".join(text for number, text in enumerate(lines, 1) if number <= line)
    except OSError:
        return "http"
    opened = re.findall(r"^\s*(http|stream|mail|rtmp)\s*\{", before, re.MULTILINE)
    return opened[-1] if opened else "http"


def _object(plan: _Plan, match: re.Match[str]) -> str:
    found = spare(match["path"])
    if found is None or os.path.lexists(match["path"]):
        return ""
    os.makedirs(os.path.dirname(match["path"]), exist_ok=True)
    os.symlink(found, match["path"])
    return f"the module {found.name}, which the listed packages have not"


def _twice(plan: _Plan, match: re.Match[str]) -> str:
    return f"the module {match['name']} is the release's own" if withdraw(f"{match['name']}.so") else ""


_ASKED: list[tuple[str, Callable[[_Plan, re.Match[str]], str]]] = [
    (r'host not found in (?:\w+ )*"(?P<name>[^"]+)"', _name),
    (r'open\(\) "(?P<path>/[^"]+)" failed \(2: [^)]*\)(?P<place> in /\S+)?', _file),
    (r'cannot load certificate(?: key)? "(?P<path>/[^"]+)": BIO_new_file', _pem),
    (r'SSL_CTX_load_verify_(?:locations|file)\("(?P<path>/[^"]+)"\) failed', _pem),
    (r'BIO_new_file\("(?P<path>/[^"]+)"\) failed', _pem),
    (r'(?:mkdir|chown|opendir|realpath)\(\) "(?P<path>/[^"]+)" failed \(2: ', _directory),
    (r"bind\(\) to unix:(?P<path>/\S+) failed \(2: ", _directory),
    (r'getpwnam\("(?P<name>[^"]+)"\) failed', _user),
    (r'getgrnam\("(?P<name>[^"]+)"\) failed', _group),
    (r"bind\(\) to (?P<address>\[[^\]]+\]|[\d.]+):\d+ failed \(99: ", _address),
    (r'dlopen\(\) "(?P<path>/[^"]+)" failed', _object),
    (r'unknown directive "(?P<name>[^"]+)" in (?P<file>/\S+?):(?P<line>\d+)', _module),
    (r'module "(?P<name>\w+)" is already loaded', _twice),
]
