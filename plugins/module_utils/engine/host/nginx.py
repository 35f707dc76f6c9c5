"""nginx on this host: which one runs, what it is, and what it says of a tree."""

from __future__ import annotations

import json
import os
import posixpath
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ...nginx_build import BuiltAs, read_build
from ...untrusted import printable, whole_number
from ..session import Fault, Problem, Session
from .binary import Binary, opened_binary, run_installed
from .messages import last_line, pid_of_files
from .processes import (
    Master,
    Stranger,
    contained_masters,
    cpus,
    find_orphans,
    is_alive,
    look_for_masters,
    standing_of,
    started_at,
    workers_of,
)
from .starter import RUNIT, SUPERVISOR, UNIT, USUAL, known_starter, restart_service, start_service, vouched
from .system import Bind, NoNamespace, Ran, Standing

if TYPE_CHECKING:
    from ..protocol import Json, ReleaseFacts, StagedPlatform

__all__ = [
    "Build",
    "Tried",
    "build",
    "build_problems",
    "described",
    "expected_workers",
    "find_master",
    "master_problems",
    "own_logs",
    "restart",
    "running_masters",
    "start",
    "try_tree",
]

# Directives that may stand more than once, so -g and the file may both have them.
_REPEATABLE = frozenset({"env", "error_log", "include", "load_module"})
_TEST_TIMEOUT = 120.0
_END_SECONDS = 5.0
# In which a service that was started has a master, and a supervisor starts one that has died.
_UP_SECONDS, _SUPERVISED_SECONDS = 5.0, 30.0
# What nginx -V said, and of which file.
_SAID = "nginx.json"


class Build(NamedTuple):
    """What ``nginx -V`` tells, and has ``said``; ``binary`` is the file that was asked, ``modules`` those that lie in
    its folder.
    """

    version: str
    config: str
    pid_file: str
    error_log: str
    modules: tuple[str, ...]
    group: str
    binary: str
    built: BuiltAs
    said: str = ""


class Tried(NamedTuple):
    """What ``nginx -t`` said; ``seconds`` is what every later bound is made of."""

    ok: bool
    output: str
    seconds: float

    @property
    def warnings(self) -> list[str]:
        """Return the lines at ``[warn]``."""
        return [line for line in self.output.splitlines() if "[warn]" in line]


def build(session: Session, master: Master | None = None, *, remember: bool = False) -> Build | None:
    """Ask the running nginx, else the installed one, what it is; nothing when there is none.

    What it says is the same as long as it is the same file, so ``remember`` writes it down beside the store, and it is
    not asked again.
    """
    with opened_binary(session, master) as binary:
        identity = binary.identity()
        said = _remembered(session, identity)
        known = bool(said)
        if not known:
            said = _run(session, binary, ["-V"], 20.0).output
    built = read_build(said)
    if built is None:
        return None
    if remember and identity and not known:
        data = json.dumps({"file": identity, "said": said}).encode()
        session.system.write(session.layout.root / _SAID, data, durable=False)
    try:
        modules = tuple(sorted(name for name in os.listdir(built.path("modules-path")) if name.endswith(".so")))
    except OSError:
        modules = ()
    return Build(
        built.version,
        built.path("conf-path"),
        built.path("pid-path"),
        built.path("error-log-path"),
        modules,
        built.group,
        binary.path,
        built,
        said,
    )


def _run(
    session: Session,
    binary: Binary,
    arguments: list[str],
    timeout: float,
    bind: Bind | None = None,
    standing: Standing | None = None,
) -> Ran:
    argv = [binary.path, *arguments]
    return session.system.run(argv, timeout, bind, program=binary.descriptor, standing=standing)


def _remembered(session: Session, identity: list[int]) -> str:
    try:
        found = json.loads((session.layout.root / _SAID).read_bytes())
        return str(found["said"]) if identity and found["file"] == identity else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def find_master(session: Session) -> Master:
    """Find the one master of this host. Where several run, the one of the pid file counts. Raises ``Fault``."""
    masters, strangers = _look(session)
    for stranger in strangers:
        session.warn(f"process {stranger.pid} calls itself nginx's master and is left out: {printable(stranger.why)}")
    if len(masters) == 1:
        return masters[0]
    if not masters:
        raise Fault(_no_master(session, strangers))
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


def running_masters(session: Session) -> list[Master]:
    """Return nginx's masters on this host: root's, and those of a unit that runs nginx as another user."""
    return _look(session)[0]


def _look(session: Session) -> tuple[list[Master], list[Stranger]]:
    return look_for_masters(session.system.proc, lambda pid: vouched(session, pid))


def _no_master(session: Session, strangers: list[Stranger]) -> Problem:
    contained = [] if strangers else contained_masters(session.system.proc)
    if contained:
        return Problem(
            "nginx runs in a container on this host, and Sluice switches the host's own",
            "a master process that this host itself runs",
            f"{'process' if len(contained) == 1 else 'processes'} {', '.join(map(str, contained[:10]))} of containers",
            "install nginx on the host, or make the container a host of the inventory (ansible_connection: docker or "
            "podman) with python3, an init that starts nginx, an /etc/nginx of its own and /var/lib/sluice on a volume",
        )
    installed = build(session)
    if installed is None and not strangers:
        return Problem(
            "nginx is not installed on this host",
            fix="install it from the distribution, as the staging platform has it",
        )
    fix = "; if one of these is nginx, let its binary and the folders above it be root's alone" if strangers else ""
    return Problem(
        "nginx is installed on this host and does not run",
        "a running master process",
        "; ".join(f"process {pid} says that it is one: {printable(why)}" for pid, why in strangers),
        f"start it, and see `{known_starter(session).status}`{fix}",
        nginx=last_line(installed.error_log) if installed else "",
    )


def _pid_of_file(session: Session) -> int:
    built = build(session)
    paths = [built.pid_file] if built else []
    try:
        text = (session.layout.conf / "nginx.conf").read_text(errors="replace")
        # Here, as most hosts run one nginx only.
        import re

        paths = re.findall(r"^\s*pid\s+([^\s;]+)\s*;", text, re.MULTILINE) + paths
    except OSError:
        pass
    return pid_of_files(paths)


def master_problems(session: Session, master: Master, built: Build | None, facts: ReleaseFacts) -> list[Problem]:
    """Return why a reload of this master would not read the release, or would refuse it."""
    conf = session.layout.conf
    problems = []
    own = built.config if built else str(conf / "nginx.conf")
    config = master.config or own
    if os.path.realpath(config) != os.path.realpath(conf / "nginx.conf"):
        problems.append(
            Problem(
                "the running nginx reads another configuration than the one that is deployed",
                str(conf / "nginx.conf"),
                config,
                _fix_configuration(conf, config, own),
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


def _fix_configuration(conf: Path, config: str, own: str) -> str:
    """``own`` is what it reads without ``-c``."""
    if os.path.realpath(own) == os.path.realpath(conf / "nginx.conf"):
        return "restart it without -c (a reload can never change that)"
    # Built to read another place, as OpenResty and Angie are.
    folder, name = os.path.split(config)
    named = "" if name == "nginx.conf" else f", rename {name} in it to nginx.conf, and leave a link of that name there"
    return (
        f"move {folder} to {conf} once, and leave a link from {folder} to {conf}{named}; "
        f"or let its service start it with -c {conf}/nginx.conf"
    )


def own_logs(facts: ReleaseFacts, built: Build | None) -> dict[str, list[str]]:
    """Return the logs of a release where only the binary knows the place of some, as ``logs_of`` finds them.

    A path that stands for one that the binary was built with stays where there is such a file.
    """
    own = facts.get("own_logs") or {}
    if built is None or not own:
        return {}
    named = {"error_logs": facts.get("error_logs") or [], "access_logs": facts.get("access_logs") or []}
    its = built.built
    by_itself = {"error_logs": its.path("error-log-path"), "access_logs": its.path("http-log-path")}
    found = {}
    for kind, paths in named.items():
        more = own.get(kind) or []
        kept = [path for path in paths if path not in more or os.path.exists(path)]
        places = [by_itself[kind] if path.startswith("/") else posixpath.join(its.prefix, path) for path in more]
        found[kind] = sorted({*kept, *places})
    return found


def expected_workers(master: Master, facts: ReleaseFacts) -> frozenset[int]:
    """Return how many workers a release may have; none means that any number does.

    What the master was started with counts more than the files: nginx refuses a directive that stands in both.
    """
    given = [words[1] for words in map(str.split, master.globals.split(";")) if words[:-1] == ["worker_processes"]]
    wanted = given[0] if given else facts.get("worker_processes")
    if wanted == "auto":
        return cpus(master.pid)
    number = whole_number(str(wanted))
    return frozenset() if number is None else frozenset({number})


def try_tree(session: Session, master: Master | None, tree: Path | None, timeout: float = _TEST_TIMEOUT) -> Tried:
    """Run ``nginx -t``: of ``tree`` as if it were ``/etc/nginx``, or of what is there.

    It reads what the master reads, and runs as that does: as its user, so that what it creates is not root's, and with
    the files that its service sees. Raises ``NoNamespace`` for a tree where the host lets nobody have a private mount
    namespace.
    """
    given = []
    if master is not None:
        given = [*(["-c", master.config] if master.config else []), *(["-g", master.globals] if master.globals else [])]
    bind = None if tree is None else Bind(tree, session.layout.conf.resolve())
    # Here, since it imports what says problems.
    from ..labelling import kept_labels

    pid, tested = master.pid if master is not None else None, tree or session.layout.conf.resolve()
    made = kept_labels(session, pid, tested, lambda: _built_in(session, master))
    standing = None if master is None else standing_of(session.system.proc, master.pid)
    with opened_binary(session, master) as binary, made:
        started = session.system.monotonic()
        try:
            done = _run(session, binary, ["-t", *given], timeout, bind, standing)
        except NoNamespace:
            if bind is not None or standing is None:
                raise
            # Its user can be had wherever the engine is root; its files only where the kernel lets that be.
            done = _run(session, binary, ["-t", *given], timeout, None, standing._replace(mounts=""))
    return Tried(done.rc == 0, done.output.strip(), session.system.monotonic() - started)


def _built_in(session: Session, master: Master | None) -> list[str]:
    """Return the files that nginx makes where no configuration names others."""
    built = build(session, master)
    return [built.pid_file, built.error_log] if built else []


def start(session: Session) -> str:
    """Start an nginx that has died, by what starts it on this host; returns what the attempt said.

    Workers that outlived their master are told to go, since they hold its listeners.
    """
    proc = session.system.proc
    for orphan in find_orphans(proc):
        # None that has taken its pid meanwhile.
        if started_at(proc, orphan.pid) == orphan.started:
            with suppress(ProcessLookupError):
                session.system.quit(orphan.pid)
    starter = known_starter(session)
    if starter.kind == SUPERVISOR:
        if _has_come(session, _SUPERVISED_SECONDS):
            return ""
        return f"{starter.name} runs nginx on this host, and has not started it again; start it there"
    done = start_service(session, starter)
    if done is not None:
        if done.rc == 0 and _has_come(session, _UP_SECONDS):
            return ""
        if starter.kind in (UNIT, RUNIT) and starter.name != USUAL:
            # One beside it would hold the ports that it needs at its next start.
            return done.output.strip() or f"{starter.name} was started, and nginx does not run"
    return run_installed(session)


def _has_come(session: Session, seconds: float) -> bool:
    """Wait for a master, at most so long."""
    system = session.system
    until = system.monotonic() + seconds
    while not running_masters(session):
        if system.monotonic() >= until:
            return False
        system.sleep(0.05)
    return True


def restart(session: Session) -> None:
    """End nginx and start it again. Raises ``Fault`` when it does not come back."""
    done = restart_service(session, known_starter(session))
    if done is not None and done.rc == 0 and _has_come(session, _UP_SECONDS):
        return
    for master in running_masters(session):
        _end(session, master)
    said = start(session)
    if not running_masters(session):
        raise Fault(Problem("nginx could not be started again", "a running master process", nginx=said))


def _end(session: Session, master: Master) -> None:
    """Let a master and its workers go, and end them when they do not within five seconds."""
    system = session.system
    pids = [master.pid, *(worker.pid for worker in workers_of(system.proc, master))]
    with suppress(ProcessLookupError):
        system.quit(master.pid)
    until = system.monotonic() + _END_SECONDS
    while is_alive(system.proc, master) and system.monotonic() < until:
        system.sleep(0.05)
    if is_alive(system.proc, master):
        for pid in pids:
            with suppress(ProcessLookupError):
                system.kill(pid)
        system.sleep(0.2)


def described(built: Build) -> Json:
    """Return what tells one nginx from another: whose it is, its file, and where it looks for what."""
    own = built.built
    return {
        "flavour": own.flavour,
        "binary": built.binary,
        "prefix": own.prefix,
        "configuration": built.config,
        "user": own.user,
        "compiled": list(own.modules),
    }


def _otherwise(built: Build, platform: StagedPlatform) -> list[tuple[str, str, str]]:
    """Return in what this nginx is not staging's: what, staging's and its own."""
    own = built.built
    rows = [
        ("another server", platform.get("flavour"), own.flavour),
        ("", platform.get("nginx_version"), built.version),
        ("another prefix, which relative paths begin with", platform.get("prefix"), own.prefix),
    ]
    return [(what, staged, seen) for what, staged, seen in rows if staged and staged != seen]


def build_problems(built: Build, facts: ReleaseFacts, platform: StagedPlatform) -> list[Problem]:
    """Return where this nginx is not the one that staging had."""
    problems = [
        Problem(
            "this host runs another nginx than staging",
            f"{staged} ({what})" if what else staged,
            seen,
            "give staging and the host the same version"
            if not what
            else "set staging_platform and staging_nginx to what the host runs",
        )
        for what, staged, seen in _otherwise(built, platform)
    ]
    # Without a list of those in use, every module of staging may be.
    staged = platform.get("modules")
    used = facts.get("modules")
    needed = set(staged or []) if used is None else set(used)
    missing = sorted(needed - set(built.modules))
    if missing:
        problems.append(
            Problem(
                f"nginx modules that staging has are missing on this host: {', '.join(missing)}",
                "the same modules",
                ", ".join(built.modules) or "none",
                "install the distribution's packages that hold them",
            )
        )
    untested = sorted((set(used or []) & set(built.modules)) - set(staged or [])) if staged is not None else []
    if untested:
        problems.append(
            Problem(
                f"the release loads modules that staging did not have: {', '.join(untested)}",
                "what is tested is what runs",
                fix="add their packages to staging_packages",
            )
        )
    return problems
