"""nginx on this host: which one runs, what it is, and what it says of a tree."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..session import Fault, Problem, Session
from .processes import Master, cpus, find_masters
from .system import Bind

if TYPE_CHECKING:
    from ..forms import Facts

__all__ = ["Build", "Tried", "build", "expected_workers", "find_master", "master_problems", "start", "try_tree"]

# Directives that may stand more than once, so -g and the file may both have them.
_REPEATABLE = frozenset({"env", "error_log", "include", "load_module"})
_TEST_TIMEOUT = 120.0


class Build(NamedTuple):
    """What ``nginx -V`` tells."""

    version: str
    config: str
    pid_file: str
    error_log: str
    modules: tuple[str, ...]


class Tried(NamedTuple):
    """What ``nginx -t`` said; ``seconds`` is what every later bound is made of."""

    ok: bool
    output: str
    seconds: float

    @property
    def warnings(self) -> list[str]:
        """Return the lines at ``[warn]``."""
        return [line for line in self.output.splitlines() if "[warn]" in line]


def _binary(master: Master | None) -> str:
    if master is not None and os.path.exists(master.exe):
        return master.exe
    return shutil.which("nginx") or "/usr/sbin/nginx"


def build(session: Session, master: Master | None = None) -> Build | None:
    """Ask the running nginx, else the installed one, what it is; nothing when there is none."""
    done = session.system.run([_binary(master), "-V"], 20.0)
    version = re.search(r"nginx version: \S+?/([\d.]+)", done.output)
    if version is None:
        return None

    def option(name: str, default: str) -> str:
        found = re.search(rf"--{name}=(\S+)", done.output)
        return found[1] if found else default

    prefix = option("prefix", "/usr/local/nginx")
    folder = os.path.join(prefix, option("modules-path", "modules"))
    try:
        modules = tuple(sorted(name for name in os.listdir(folder) if name.endswith(".so")))
    except OSError:
        modules = ()
    return Build(
        version[1],
        os.path.join(prefix, option("conf-path", "conf/nginx.conf")),
        os.path.join(prefix, option("pid-path", "logs/nginx.pid")),
        os.path.join(prefix, option("error-log-path", "logs/error.log")),
        modules,
    )


def find_master(session: Session) -> Master:
    """Find the one master of this host. Where several run, the one of the pid file counts. Raises ``Fault``."""
    masters = find_masters(session.system.proc)
    if len(masters) == 1:
        return masters[0]
    if not masters:
        installed = build(session)
        if installed is None:
            raise Fault(
                Problem(
                    "nginx is not installed on this host",
                    do="install it from the distribution, as the staging platform has it",
                )
            )
        raise Fault(
            Problem(
                "nginx is installed on this host and does not run",
                "a running master process",
                do="start it, and see `systemctl status nginx`",
                nginx=_last_line(installed.error_log),
            )
        )
    by_pid = {master.pid: master for master in masters}
    pid = _pid_of_file(session)
    if pid in by_pid:
        return by_pid[pid]
    seen = ", ".join(str(master.pid) for master in masters)
    raise Fault(
        Problem(
            "several nginx masters run on this host, and no pid file names one",
            "one",
            f"pids {seen}",
            "stop those that are left over",
        )
    )


def _pid_of_file(session: Session) -> int:
    built = build(session)
    paths = [built.pid_file] if built else []
    try:
        text = (session.layout.conf / "nginx.conf").read_text(errors="replace")
        paths = re.findall(r"^\s*pid\s+([^\s;]+)\s*;", text, re.MULTILINE) + paths
    except OSError:
        pass
    for path in paths:
        try:
            return int(Path(path).read_text().strip())
        except (OSError, ValueError):
            continue
    return 0


def _last_line(path: str) -> str:
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.path.getsize(path) - 4096))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return lines[-1] if lines else ""


def master_problems(session: Session, master: Master, built: Build | None, facts: Facts) -> list[Problem]:
    """Say why a reload of this master would not read the release, or would refuse it."""
    conf = session.layout.conf
    problems = []
    config = master.config or (built.config if built else str(conf / "nginx.conf"))
    if os.path.realpath(config) != os.path.realpath(conf / "nginx.conf"):
        problems.append(
            Problem(
                "the running nginx reads another configuration than the one that is deployed",
                str(conf / "nginx.conf"),
                config,
                "restart it without -c (a reload can never change that)",
            )
        )
    given = {words[0] for words in (part.split() for part in master.globals.split(";")) if words}
    repeated = sorted((given & set(facts.get("main_directives") or [])) - _REPEATABLE)
    if repeated:
        names = ", ".join(repeated)
        problems.append(
            Problem(
                f"nginx was started with -g and {names}, which the release sets too: every reload would fail",
                "each of them in one place",
                f"-g {master.globals}",
                f"take {names} out of the release's nginx.conf, or out of the service's command and restart it",
            )
        )
    return problems


def expected_workers(master: Master, facts: Facts, before: int) -> frozenset[int]:
    """Return how many workers a release may have; none means that any number does."""
    wanted = facts.get("worker_processes")
    if wanted == "auto":
        return cpus(master.pid)
    if wanted is not None and str(wanted).isdigit():
        return frozenset({int(wanted)})
    return frozenset({before}) if before else frozenset()


def try_tree(session: Session, master: Master | None, tree: Path | None, timeout: float = _TEST_TIMEOUT) -> Tried:
    """Run ``nginx -t``: of ``tree`` as if it were ``/etc/nginx``, or of what is there.

    Raises ``NoNamespace`` for a tree where the host lets nobody have a private mount namespace.
    """
    argv = [_binary(master), "-t"]
    if master is not None and master.globals:
        argv += ["-g", master.globals]
    bind = None if tree is None else Bind(tree, session.layout.conf.resolve())
    started = session.system.monotonic()
    done = session.system.run(argv, timeout, bind)
    return Tried(done.rc == 0, done.output.strip(), session.system.monotonic() - started)


def start(session: Session) -> str:
    """Start an nginx that has died; returns what the attempt said."""
    if os.path.isdir("/run/systemd/system"):
        done = session.system.run(["systemctl", "start", "nginx"], 60.0)
        if done.rc == 0:
            return ""
    return session.system.run([_binary(None)], 60.0).output.strip()
