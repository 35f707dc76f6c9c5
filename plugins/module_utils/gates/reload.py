"""nginx, serving the live release, reloads into this one and back, and no request on a fresh connection is lost.

``nginx -t`` and a cold start say nothing of it: what a running nginx holds, as ports and zones, is in the way here
only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..config.facts import Listen, facts, listeners
from ..config.parse import Config, Directive
from ..paste import flow
from ..platforms.catalog import usual
from ..textfmt import count
from ..untrusted import whole_number
from ..verdicts.model import Finding, Live, Subject, Verdict

AFTER = ("start",)
ON = ("live_stage",)
# The candidate runs beside what the live release is asked in, and could write there. So that is asked before.
BEHIND = ("smoke", "behaviour")

# As many listeners get requests; more would keep the machine from what is measured.
_MOST_LISTENERS = 8
_BACK = "the rollback, a reload into the live release"
_FORTH = "a reload from the live release into this one"
_ANY = {"*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "::1"}

_BIND = re.compile(r"bind\(\) to (?P<where>\S+) failed \(98")
_ZONE = re.compile(r'(?:zone|cache|limit_req|limit_conn) "(?P<zone>[^"]+)"')
_BIND_FIX = (
    "nginx opens the new listener while the old one is still open: go by two releases, the first without the listener "
    "of before and the second with the new one; or restart nginx. If another program has the port, end it"
)
_ZONE_FIX = "give the zone a new name: a running nginx keeps what a zone is for until nobody uses its name"
_HEALED = (
    "nginx 1.31 and Angie give new connections to new workers; older ones with quic_bpf on, which takes a start and no "
    "reload; else restart nginx in place of reloading it, or set worker_shutdown_timeout, so that old workers end soon"
)
_FILES_FIX = (
    "raise worker_rlimit_nofile: while nginx reloads, workers hold more files than after a start, and where they get "
    "none connections are accepted and never answered"
)
_FIX = ((_BIND, _BIND_FIX), (_ZONE, _ZONE_FIX), (re.compile("Too many open files"), _FILES_FIX))


def run(subject: Subject) -> Verdict:
    """Reload there and back. A failed request counts when it fails in two rounds: one may be the machine's."""
    live = subject.live
    if live is None:
        return Verdict(
            "pass", "there is no live release to reload from: the next start is cold, and the gate start did that"
        )
    if fault := subject.live_fault:
        return Verdict(
            "pass",
            f"the live release does not start, so nginx cannot reload from it: {fault}; the next start is cold, and "
            "the gate start did that",
        )
    answer = _ask(subject, live, _cold(subject, live))
    if any(not _is_known_of_quic(each) for each in answer["failures"]) and not _hard(subject, live, answer):
        answer = _ask(subject, live)
    if answer["unstarted"]:
        return Verdict("inconclusive", f"the live release does not run in staging: {answer['unstarted']}")
    found = [*_hard(subject, live, answer), *_lost(answer), *_of_quic(answer), *_moved_pid(subject, live)]
    return Verdict.of(found, _good(answer), **answer)


def _cold(subject: Subject, live: Live) -> dict[str, Any]:
    """Return what the other stage shows of a cold start, which has this release since then.

    Nothing where a listener is silent there: that may be of the other gates, and is looked at by itself.
    """
    release, config = subject.examined
    stage = subject.staged
    if subject.live_stage is None:
        return {}
    listening = _listeners(config, live.config)
    cold = stage.ask("served", [{"tree": stage.tree(release.id)}])
    if not cold["sockets"] or stage.judge("answering", listening)["listeners"] != listening:
        return {}
    return {"sockets": cold["sockets"]}


def _ask(subject: Subject, live: Live, cold: Mapping[str, Any] | None = None) -> dict[str, Any]:
    release, config = subject.examined
    seconds = subject.staged.start()["seconds"]
    # The stage of the live release has both, and leaves the other one to the gates beside.
    stage = subject.live_stage or subject.staged
    own = {"words": _FORTH, "workers": facts(config)["worker_processes"], "tree": stage.tree(release.id)}
    was = {"words": _BACK, "workers": facts(live.config)["worker_processes"], "tree": stage.tree(live.release.id)}
    asked = {"own": {**own, **(cold or {})}, "live": was, "seconds": seconds}
    return stage.ask("reload", [{**asked, "listeners": _listeners(config, live.config)}])


def _good(answer: Mapping[str, Any]) -> str:
    first, *back = (f"{step['seconds']:.1f} s" for step in answer["steps"])
    way = f"reloaded in {first}" + (f" and back in {back[0]}" if back else "")
    asked = f"{count(answer['answered'], 'request')} on fresh connections answered" if answer["asked"] else "none asked"
    asked += f", {count(answer['quic'], 'connection')} over QUIC" if answer["quic"] else ""
    return f"{way}, {asked}, the old workers ended"


def _listeners(config: Config, live: Config) -> list[dict[str, Any]]:
    """Where both releases listen, so that no moment may be without an answer; spread evenly where there are many."""
    there = {each["words"] for each in _all_listeners(live)}
    both = list({each["words"]: each for each in _all_listeners(config) if each["words"] in there}.values())
    return both[:: -(-len(both) // _MOST_LISTENERS)] if both else []


def _all_listeners(config: Config) -> Iterator[dict[str, Any]]:
    for server in config.servers():
        names = [name for each in server.children("server_name") for name in each.args]
        name = next((name for name in names if re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", name)), "")
        for listen, directive in zip(listeners(server), server.children("listen"), strict=False):
            if "quic" in directive.args:
                yield {**_listener(listen.address, listen.port, name=name), "quic": True, "words": _quic_words(listen)}
            elif "udp" not in directive.args:
                proxied = "proxy_protocol" in directive.args
                yield _listener(listen.address, listen.port, http=True, tls=listen.tls, proxied=proxied, name=name)
    for block in config.directives:
        for server in block.children("server") if block.name in ("stream", "mail") else ():
            for listen, directive in zip(listeners(server), server.children("listen"), strict=False):
                if "udp" not in directive.args:
                    yield _listener(listen.address, listen.port)


def _quic_words(listen: Listen) -> str:
    return f"{listen.address}:{listen.port} (QUIC)"


def _listener(
    address: str, port: int, *, http: bool = False, tls: bool = False, proxied: bool = False, name: str = ""
) -> dict[str, Any]:
    words = address if address.startswith("unix:") else f"{address}:{port}"
    host = _ANY.get(address, address.strip("[]"))
    return {
        "address": host,
        "port": port,
        "http": http,
        "tls": tls,
        "proxied": proxied,
        "name": name,
        "words": words,
    }


def _hard(subject: Subject, live: Live, answer: Mapping[str, Any]) -> list[Finding]:
    """What is no matter of chance."""
    _, config = subject.examined
    found = [
        finding
        for step in answer["steps"]
        for finding in _of_step(config if step["to"] == _FORTH else live.config, step, config)
    ]
    if answer["unrestored"]:
        found.append(Finding("nginx could not be started again after the reloads", nginx=answer["unrestored"]))
    return found


def _of_step(to: Config, step: Mapping[str, Any], config: Config) -> Iterator[Finding]:
    lines = "\n".join(dict.fromkeys(step["lines"]))
    culprit = _culprit_of(config, lines)
    file, line = (culprit.file, culprit.line) if culprit else ("", 0)
    fix = next((fix for words, fix in _FIX if words.search(lines)), "")
    words = lines.splitlines()[0] if lines else ""
    if step["problem"]:
        what = f"{step['to']} fails: {step['problem']}"
        yield Finding(what, file, line, expected="workers of that release, and only they", nginx=words, fix=fix)
    elif lines:
        yield Finding(f"nginx logs a grave error during {step['to']}", file, line, nginx=words, fix=fix)
    if not step["drained"]:
        yield Finding(
            f"workers of before still run long after {step['to']}",
            expected="old workers end what they have, and then themselves",
            fix="set worker_shutdown_timeout, and see what keeps them: each reload would leave such workers behind",
        )
    cold, warm = step["sockets"]["cold"], step["sockets"]["reloaded"]
    if not step["problem"] and cold != warm:
        yield _other_sockets(to, step["to"], cold, warm)


def _other_sockets(to: Config, way: str, cold: Mapping[str, int], warm: Mapping[str, int]) -> Finding:
    differ = sorted(name for name in {*cold, *warm} if cold.get(name) != warm.get(name))
    ports = {name.removesuffix(" only").rpartition(":")[2] for name in differ}
    culprit = next(
        (each for each in to.named("listen") if each.args and each.args[0].rpartition(":")[2] in ports),
        None,
    )
    return Finding(
        f"nginx goes on with listeners of before after {way}: the change of {', '.join(differ)} is ignored",
        file=culprit.file if culprit else "",
        line=culprit.line if culprit else 0,
        expected=f"as after a cold start: {_sockets(cold, differ)}",
        actual=_sockets(warm, differ),
        fix="such a change takes a restart of nginx; or listen on another port",
    )


def _sockets(found: Mapping[str, int], names: list[str]) -> str:
    return ", ".join(count(found[name], "socket") + f" at {name}" for name in names if name in found) or "none"


def _culprit_of(config: Config, lines: str) -> Directive | None:
    """Find the line of the release that nginx's words are about; nginx names no line once it has read all."""
    bind, zone = _BIND.search(lines), _ZONE.search(lines)
    if bind:
        port = bind["where"].rpartition(":")[2]
        return next((each for each in config.named("listen") if each.args and _port(each.args[0]) == port), None)
    if zone:
        name = re.compile(rf"(?:zone=|keys_zone=|shared:)?{re.escape(zone['zone'])}(?::.*)?")
        makes = [each for each in config.walk() if each.name.endswith(("_zone", "_cache_path")) or each.name == "zone"]
        return next((each for each in makes if any(name.fullmatch(argument) for argument in each.args)), None)
    if "Too many open files" in lines:
        return next(iter(config.named("worker_rlimit_nofile")), None)
    return None


def _port(listen: str) -> str:
    port = listen.rpartition(":")[2]
    return "80" if whole_number(port) is None else port


def _lost(answer: Mapping[str, Any]) -> Iterator[Finding]:
    failures = [failure for failure in answer["failures"] if not failure.get("quic")]
    for way in dict.fromkeys(failure["step"] for failure in failures):
        lost = [failure for failure in failures if failure["step"] == way]
        yield Finding(
            f"{count(len(lost), 'request')} on fresh connections failed during {way}",
            expected="an answer to every request, whatever happens to the workers",
            actual="; ".join(dict.fromkeys(f"{each['listener']}: {each['problem']}" for each in lost)),
        )


def _is_known_of_quic(failure: Mapping[str, Any]) -> bool:
    """Return whether a connection over QUIC failed while an old worker had something to do: nginx is known for that."""
    return bool(failure.get("quic")) and not failure["after"]


def _of_quic(answer: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what there is to say of QUIC: what fails after a reload, what fails meanwhile, and what is not watched."""
    failures = [failure for failure in answer["failures"] if failure.get("quic")]
    lost = [failure for failure in failures if failure["after"]]
    if lost:
        yield Finding(
            f"{count(len(lost), 'new connection')} over QUIC got no answer after {lost[0]['step']}",
            expected="answers over HTTP/3 from the new workers, as after a cold start",
            actual=_each_once(lost),
            fix="say reuseport at one listen of each QUIC socket, before the reload and after it; " + _HEALED,
        )
    known = [failure for failure in failures if not failure["after"]]
    if known:
        yield Finding(
            f"{count(len(known), 'new connection')} over QUIC got no answer during {known[0]['step']}, while an old "
            "worker had a request to end",
            expected="new connections reach new workers",
            actual=_each_once(known),
            fix=_HEALED,
            warning=True,
        )
    for words, problem in answer["unwatched"].items():
        yield Finding(f"HTTP/3 at {words} is not watched: {problem}", warning=True)


def _each_once(failures: Sequence[Mapping[str, Any]]) -> str:
    return "; ".join(dict.fromkeys(f"{each['listener']}: {each['problem']}" for each in failures))


def _moved_pid(subject: Subject, live: Live) -> Iterator[Finding]:
    """A moved pid file does not harm a reload by signal, and whoever looks for the old one does not find nginx."""
    _, config = subject.examined
    (now, place), (before, _) = _pid(config), _pid(live.config)
    if now == before:
        return
    # Where packages have it is where everybody looks: that is no move away, but back.
    declared = now == usual().pid or bool({now, f"file:{now}"} & set(subject.options.declared))
    yield Finding(
        f"the pid file moves from {before} to {now} while nginx runs",
        file=place.file if place else "",
        line=place.line if place else 0,
        expected=f"pid {before}: `nginx -s`, the service's PIDFile= and log rotation look there",
        actual="the reload itself works by signal, and the next start by systemd may wait for the old file in vain",
        fix=f"leave it; or, where the service and log rotation know it, say nginx_needs: {flow([f'file:{now}'])}",
        warning=declared,
    )


def _pid(config: Config) -> tuple[str, Directive | None]:
    found = next((each for each in config.directives if each.name == "pid" and each.args), None)
    path = found.args[0] if found else usual().pid
    return (f"/run/{path.removeprefix('/var/run/')}" if path.startswith("/var/run/") else path), found
