"""The rollback to a release, by any means: each is tried in turn, and each fault is said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, NamedTuple

from ..errors import SluiceError
from ..untrusted import ReleaseId
from . import state as states
from .checks import contract_of
from .host.nginx import find_master, restart, running_masters, start, try_tree
from .host.processes import workers_of
from .serving import Served, check_problems, mark_logs, prove_serving, run_contract, watched_logs
from .session import Fault, Problem, Session, problems_of, shown
from .trees.external_files import changed_since
from .trees.installed import repair
from .trees.live import point
from .trees.release_inventory import has_release

if TYPE_CHECKING:
    from .protocol import Json

__all__ = ["Back", "restore_link", "roll_back"]

# Seconds after which a check that does not hold is asked once more: the same fault may have hit what it needs.
_ASK_AGAIN = 0.5
# EADDRINUSE in nginx's words. A reload that meets it leaves nginx as it was, a start fails, and `nginx -t` is content.
_IN_USE = "failed (98: "
# Likewise, where a name of the configuration does not resolve.
_NO_NAME = "host not found in "


class Back(NamedTuple):
    """Where the rollback ended: the state, the release that serves, by which means, how it was proved, and what of its
    contract does not hold.
    """

    state: Json
    release: ReleaseId
    means: str
    served: Served | None
    broken_checks: list[Problem]


class _Means(NamedTuple):
    name: str
    release: ReleaseId
    act: Callable[[], Served]


def roll_back(
    session: Session, state: Json, to: ReleaseId, *, by: str, reload: bool, check_timeout: float = 10.0
) -> Back:
    """Let nginx serve ``to`` again, prove it, and ask it its own contract.

    Without ``reload`` nginx cannot have read anything else, and only the link is led back; unless nginx has died, or
    the tree of ``to`` was changed on the host and may have been read so. Raises ``Fault`` with every fault when no
    means is left; then the state still says ``rolling_back``, and it can be tried again.
    """
    if reload or not running_masters(session) or not has_release(session, to):
        test_ms = (state["pending"] or {}).get("test_ms")
        state = _begin_rollback(session, state, to)
        release, means, served = _by_any_means(session, state, to, test_ms, check_timeout)
    else:
        state = restore_link(session, state, to)
        release, means, served = to, "link", None
    broken = _broken_checks(session, release, served, check_timeout)
    state = states.rolled_back(state, release, by, session.system.now())
    session.save(state)
    session.journal("rolled_back", release=release, by=by, means=means)
    return Back(state, release, means, served, broken)


def restore_link(session: Session, state: Json, to: ReleaseId) -> Json:
    """Let the link lead back to ``to``, and no more; returns the state, which still says ``rolling_back``."""
    state = _begin_rollback(session, state, to)
    _swap(session, to)
    return state


def _begin_rollback(session: Session, state: Json, to: ReleaseId) -> Json:
    session.rolling_back = True
    state = states.rolling_back(state, to, session.run, session.system.now(), session.system.boot())
    session.save(state)
    return state


def _by_any_means(
    session: Session, state: Json, to: ReleaseId, test_ms: int | None, check_timeout: float
) -> tuple[ReleaseId, str, Served]:
    """Try one means after the other. A restart comes late: it refuses connections, and a reload does not."""

    def serve(release: ReleaseId) -> Served:
        _swap(session, release)
        _have_master(session)
        return _prove(session, release, test_ms, check_timeout, reload=True)

    def serve_restarted() -> Served:
        if any(_IN_USE in fault.nginx for fault in faults):
            raise Fault(Problem("another process has a port of this release, so a restart would end what serves"))
        _swap(session, to)
        _restart(session)
        return _prove(session, to, test_ms, check_timeout, reload=False)

    faults: list[Problem] = []
    means = [
        _Means("reload", to, lambda: serve(to)),
        _Means("reload again", to, lambda: serve(to)),
        _Means("restart", to, serve_restarted),
    ]
    older = states.older(state, to)
    if older is not None and has_release(session, older):
        means.append(_Means("older release", older, lambda: serve(older)))
    for each in means:
        if _waits_for_names(session, faults) and each.release == to and each.name == "restart":
            # Neither a start nor an older release is better than workers that serve: what is missing comes back.
            break
        try:
            served = each.act()
        except Exception as error:
            session.journal("rollback failed", release=each.release, means=each.name, why=str(error)[:500])
            faults += [problem._replace(what=f"{each.name}: {problem.what}") for problem in problems_of(error)]
            continue
        for fault in faults:
            session.warn(f"during the rollback: {fault.what}{f' ({shown(fault.nginx)})' if fault.nginx else ''}")
        if each.release != to:
            session.warn(f"release {to[:12]} could not be served again; {each.release[:12]}, the one before it, is")
        return each.release, each.name, served
    _swap(session, to)
    if _waits_for_names(session, faults):
        faults.insert(0, _unresolved(to, faults))
    said = [fault.what for fault in faults]
    session.save(states.moved(state, "rolling_back", broken=said))
    raise Fault(*faults)


def _waits_for_names(session: Session, faults: list[Problem]) -> bool:
    """Return whether nginx reads no configuration because a name in it does not resolve now, and its workers go on."""
    if not any(_NO_NAME in fault.nginx for fault in faults):
        return False
    masters = running_masters(session)
    return any(not each.draining for master in masters for each in workers_of(session.system.proc, master))


def _unresolved(to: ReleaseId, faults: list[Problem]) -> Problem:
    return Problem(
        f"release {to[:12]} names a host that does not resolve on this host now, so nginx cannot read it; the workers "
        "that run go on, and nothing was restarted",
        "the names of the configuration resolve",
        fix="fix the resolver of this host (or /etc/hosts); the watchdog tries again by itself, sluice.nginx.unlock "
        "tries at once",
        nginx=next(fault.nginx for fault in faults if _NO_NAME in fault.nginx),
    )


def _swap(session: Session, release: ReleaseId) -> None:
    with session.step("swap back", release=release):
        _make_whole(session, release)
        point(session, release)


def _make_whole(session: Session, release: ReleaseId) -> None:
    """Repair a tree that was changed meanwhile; the one that cannot be is still better than the one that fails."""
    if has_release(session, release):
        return
    try:
        repair(session, release)
    except (OSError, SluiceError) as error:
        session.warn(f"release {release[:12]} was changed on this host and could not be repaired: {error}")


def _have_master(session: Session) -> None:
    if running_masters(session):
        return
    with session.step("start nginx"):
        said = start(session)
        session.warn(f"nginx had died and was started{f': {shown(said)}' if said else ''}")


def _restart(session: Session) -> None:
    # What does not pass would end an nginx that may still serve, and start none.
    tested = try_tree(session, None, None)
    if not tested.ok:
        raise Fault(Problem("nginx refuses this release now, so it was not restarted", nginx=tested.output))
    with session.step("restart nginx"):
        restart(session)


def _prove(session: Session, release: ReleaseId, test_ms: int | None, check_timeout: float, *, reload: bool) -> Served:
    meta = session.store.meta(release)
    # Lines at emerg are no verdict here: nginx goes on for seconds to report why it could not take the other release.
    return prove_serving(
        session,
        meta,
        _marks(session, meta),
        test_seconds=None if test_ms is None else test_ms / 1000,
        reload=reload,
        levels=frozenset(),
        check_timeout=check_timeout,
    )


def _marks(session: Session, meta: Json) -> dict[str, list[int]]:
    """Mark the logs, for what nginx says where the proof fails; one that cannot be read is no fault of nginx."""
    try:
        return mark_logs(session, watched_logs(session, find_master(session), meta))
    except Fault:
        raise
    except Exception as error:
        session.warn(f"nginx's logs could not be read during the rollback: {type(error).__name__}: {error}")
        return {}


def _broken_checks(session: Session, release: ReleaseId, served: Served | None, check_timeout: float) -> list[Problem]:
    """Return what of the contract does not hold now that the release serves again, and what Sluice cannot roll back.

    nginx serves it, proved, so nothing that goes wrong here may begin another rollback.
    """
    try:
        return _find_broken(session, release, served, check_timeout)
    except Exception as error:
        what = f"release {release[:12]} serves again, and could not be held to its contract"
        return [problem._replace(what=f"{what}: {problem.what}") for problem in problems_of(error)]


def _find_broken(session: Session, release: ReleaseId, served: Served | None, check_timeout: float) -> list[Problem]:
    meta = session.store.meta(release)
    for path in changed_since(meta):
        session.warn(
            f"{path}, which release {release[:12]} refers to, has changed since it was confirmed; files outside of "
            "releases are not rolled back"
        )
    if served is None:
        return []
    contract = meta.get("contract")
    if contract is None:
        why = "was adopted and has no contract" if meta.get("origin") == "adopted" else "has lost its contract"
        session.warn(f"release {release[:12]} {why}, so no check was made during the rollback")
        return []
    if all(outcome["ok"] for outcome in served.checks):
        return []
    session.system.sleep(_ASK_AGAIN)
    return check_problems(run_contract(session, contract_of(session, meta), check_timeout))
