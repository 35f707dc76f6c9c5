"""The forms of requests and answers, as JSON. One request gives one answer; ``main.py`` says which operation takes
which.

Times are ISO-8601 in UTC with milliseconds. Keys of a ``total=False`` form may be absent.
"""

from __future__ import annotations

from typing import Any, Dict, TypedDict

from ..untrusted import ReleaseId

__all__ = [
    "ActivateRequest",
    "BakeRequest",
    "ConfirmRequest",
    "Confirmed",
    "CountRequest",
    "Ended",
    "Json",
    "LeaveRequest",
    "NginxFilesRequest",
    "Pending",
    "PreflightRequest",
    "ProbeRequest",
    "PullRequest",
    "ReleaseFacts",
    "ReleaseForm",
    "ReleaseRecord",
    "Reply",
    "RequestOptions",
    "RollbackRequest",
    "Run",
    "ShowRequest",
    "StagedPlatform",
    "State",
    "TrafficForm",
    "TrafficRequest",
]

Json = Dict[str, Any]


# Who asks: the run's id, the person and the machine. Every request has it as `run`, and its operation as `op`.
Run = TypedDict("Run", {"id": str, "who": str, "from": str})


class StagedPlatform(TypedDict, total=False):
    """What staging was: ``nginx_version`` as ``1.22.1``, ``modules`` as file names, ``os`` as ``debian 12``; its nginx
    calls itself ``flavour`` and has the ``prefix``.
    """

    nginx_version: str
    flavour: str
    prefix: str
    modules: list[str]
    os: str


class ReleaseFacts(TypedDict, total=False):
    """What was read from a release's configuration.

    Logs are absolute paths; ``own_logs`` has by the same names those that are relative to nginx's prefix, and which
    path stands for the one that nginx was built with. ``modules`` are the ``.so`` names that it loads; ``outside`` are
    the certificates, password files and the like that it names by absolute paths; ``user`` are the arguments of the
    directive. ``pid`` is the path of the pid file, empty where the release leaves that to nginx, and ``foreground``
    says that it has ``daemon off``. ``quic`` is there where it listens for QUIC.
    """

    pid: str
    foreground: bool
    quic: bool

    user: list[str]
    outside: list[str]
    error_logs: list[str]
    access_logs: list[str]
    own_logs: dict[str, list[str]]
    worker_processes: int | str | None
    main_directives: list[str]
    modules: list[str]


class PreflightRequest(TypedDict, total=False):
    """``preflight``: may this host be switched to ``release``? ``needs_bytes`` is the size of the unpacked tree.

    ``drift`` as in ``activate``: a live tree that was changed is in the way only where it is refused. With ``recover``
    a pending phase whose watchdog is overdue is ended first. ``needs`` as in ``probe``: one that is not met here is in
    the way.

    With ``stored``, as ``release`` of ``show``, the release is one that the host has, and so are its facts. Answer:
    ``release`` (id), ``live``, ``live_confirmed``, ``has_release``, ``adopted``, ``changes_needed``, ``nginx``
    (``version``, ``pid``, ``workers``, and of ``nginx -V`` ``flavour``, ``binary``, ``prefix``, ``configuration``,
    ``user`` and ``compiled``), ``platform`` (``os``, ``service_manager``, ``service``, ``confined_by``), and where it
    was wanted ``tree`` (texts by path, without what is secret) and ``digests`` (SHA-256 of each file that is not shown,
    or not all of it).
    """

    release: ReleaseId
    stored: str
    recover: bool
    drift: str
    facts: ReleaseFacts
    platform: StagedPlatform
    needs: list[Json]
    needs_bytes: int
    want_tree: bool


class ProbeRequest(TypedDict, total=False):
    """``probe``: a need has ``kind`` and ``value``, and may have ``purpose``, ``path`` (where the value leads to by
    links of the release), ``beside`` (a certificate's key), ``connect`` (false: to no other machine), ``file`` and
    ``line``; see ``needs/model.py``. ``known`` are the releases that the controller has.

    Answer: ``live`` is the id of the tree that is at ``/etc/nginx`` now, or None, and ``confirmed`` says whether it was
    accepted; ``needs`` with ``key`` (kind and value), ``met``, ``actual`` and ``near``; ``facts`` (``nginx_version``,
    ``modules``, ``os``). Where ``live`` is not known also ``tree``, a tar.gz in base64, without what is secret
    (``withheld``). With ``packages`` also ``package``, that of nginx's binary: ``name``, ``version``, ``fixed`` (the
    CVEs that its changelog names), and of ``nginx -V`` ``flavour`` and ``core``, the version of nginx that it stands
    on.
    """

    needs: list[Json]
    known: list[str]
    packages: bool


class NginxFilesRequest(TypedDict, total=False):
    """``nginx_files``: ``want`` are the files that the controller lacks, as pairs of SHA-256 and the byte to begin at.

    Answer: ``said`` (by ``nginx -V``), ``os_release`` (its text), ``machine`` (as ``uname -m`` has it), ``files`` (each
    with ``kind``: binary, loader, library or module, ``name``, ``path``, ``size`` and ``sha256``), ``lacks`` (what
    could not be had, in words), and ``parts``, each with ``sha256``, ``offset`` and ``data`` (zlib in base64).
    """

    want: list[list[object]]


class ReleaseForm(TypedDict, total=False):
    """A release in ``activate``.

    ``manifest`` as of ``manifest.entries_to_json``; ``kept`` are paths in the tree; ``contract`` are checks.
    """

    id: ReleaseId
    manifest: list[list[object]]
    shared: list[str]
    facts: ReleaseFacts
    contract: list[Json]
    platform: StagedPlatform


class RequestOptions(TypedDict, total=False):
    """Seconds: ``check_timeout`` for a request of a check (10), ``test_timeout`` for ``nginx -t`` (120),
    ``confirm_timeout`` for which the watchdog waits after the last heartbeat of the run (120).
    """

    check_timeout: float
    test_timeout: float
    confirm_timeout: float


class ActivateRequest(TypedDict, total=False):
    """``activate``: the bundle, a tar.gz of the tree, is sent beside it, or nothing when the host has the release.

    With ``stored`` only ``release.id`` is read, the rest is what the host stored. ``drift`` is refuse, adopt,
    discard, or adopt-package, which adopts what packages of the host have changed and refuses anything else.

    ``receipt`` is that of the gates and ``signature`` what ``ssh-keygen -Y sign`` made of it, or empty; with ``stored``
    it is of the kind ``rollback``, where the host takes signed ones only. ``emergency`` is the reason for which a host
    that verifies no signature needs neither, or empty. ``approvals`` are what people signed about the release, each as
    ``{statement, signature}``, for a host whose policy asks for that.

    Answer: ``release``, ``before``, ``checks`` (outcomes), ``workers``, ``timings`` in ms (``test``,
    ``reload_to_worker``, ``reload_to_proof``; after a failure ``failed_to_worker``, ``failed_to_proof``), and after a
    failure ``rolled_back``, ``means`` (by which it went back), ``broken`` (every rollback failed), and ``traffic``,
    that of the pending phase and a little before (None where it is not known).

    ``decision`` is there in a roll-out of several slices: ``store`` (``url``, ``user``, ``password``, ``ca``), ``key``,
    and ``rollout``, which the decision must name. A host whose watchdog's time is up asks there before it rolls back.

    With ``seconds`` a release that serves is baked for so long in the same request, without the lock; ``bake`` is then
    the answer of ``bake``, with its ``problems``. Those are not the switch's: the release stays pending. With 0 the
    logs and workers are looked at at once, and the checks, which held a moment ago, are not made again.
    """

    release: ReleaseForm
    stored: bool
    receipt: Json
    signature: str
    approvals: list[Json]
    emergency: str
    drift: str
    seconds: float
    options: RequestOptions
    decision: Json


class BakeRequest(TypedDict, total=False):
    """``bake``: wait ``seconds``, then judge logs, workers and checks.

    Answer: ``requests``, ``share_5xx``, ``share_5xx_before``, ``checks``, and ``traffic`` (a ``TrafficForm``) where it
    is known which access logs there are.
    """

    release: ReleaseId
    seconds: float
    options: RequestOptions


class ConfirmRequest(TypedDict, total=False):
    """``confirm``: ``keep`` releases more than the needed ones stay (5). Answer: ``release``, ``pruned``."""

    release: ReleaseId
    keep: int


class RollbackRequest(TypedDict, total=False):
    """``rollback``: roll back what this run did.

    ``of`` names another run, one that died. Answer as of ``activate``, and ``note``.
    """

    of: str
    options: RequestOptions


class TrustRequest(TypedDict, total=False):
    """``trust``: ``statement`` has ``signers`` (the text of allowed_signers), ``inventory``, ``engine`` (the digest of
    the engine that is sent as the bundle) and ``forget`` (the number of the newest receipt).

    With ``looking`` nothing is written. Answer: ``paths`` (what changed), ``engine`` (``digest``, ``number``).
    """

    statement: Json
    signature: str
    looking: bool


class UpdateEngineRequest(TypedDict, total=False):
    """``update_engine``: ``statement`` has ``digest_of_engine``, that of the bundle. Answer: ``engine``."""

    statement: Json
    signature: str


class LeaveRequest(TypedDict, total=False):
    """``leave``: take Sluice off this host. ``drift`` is ``adopt`` where files that were changed on the host stay so.

    With ``looking`` nothing is written. Answer: ``release``, whose files ``/etc/nginx`` has then (None where it is no
    link), ``removed`` (paths), and ``left``: what others made for Sluice and have to remove themselves.
    """

    drift: str
    looking: bool


class PullRequest(TypedDict, total=False):
    """``pull``: look for releases by a timer, with ``settings`` as of ``pull/settings.py``; without any, no more.

    With ``looking`` nothing is written. Answer: ``paths`` (what changed), and ``cron``, the line that stands for the
    timer on a host without systemd.
    """

    settings: Json
    looking: bool


class TrafficRequest(TypedDict, total=False):
    """``traffic``: what access logs and journal tell of the time from ``start`` to ``end``, ISO-8601 in UTC.

    Answer: ``traffic`` (a ``TrafficForm``, or None where there is no access log), and ``journal``, the host's events of
    then.
    """

    start: str
    end: str


class CountRequest(TypedDict, total=False):
    """``count``: requests from ``start`` on (seconds since 1970 by the host's own clock), or of the last ``ago``
    seconds, in slots of ``width`` seconds, or in one.

    Answer: ``end``, until when it was counted, by which the next ``start`` is given; ``known``, whether it is known
    which access logs there are; ``slots``, each with ``requests``, ``errors`` (5xx), ``upstream`` (502 and 504),
    ``closed`` (499), and ``times``: the answers that took up to each of the bounds of ``slots.py``, and those above.
    """

    start: int
    ago: float
    width: int


class TrafficForm(TypedDict):
    """Requests out of access logs, without those of checks, from ``start`` on, which may be before what they are
    counted for ``began`` (both in UTC). For each ``step`` (seconds): ``requests``, ``errors`` (5xx), ``ms`` (their
    mean, None where the format has none). ``failing`` are the requests that got most of the 5xx, as ``request``
    (``GET /cart``) and ``count``; ``unread`` lines show no status or time.
    """

    start: str
    step: int
    began: str
    requests: list[int]
    errors: list[int]
    ms: list[float | None]
    failing: list[Json]
    unread: int


class ShowRequest(TypedDict, total=False):
    """``show``: ``release`` is an id, the beginning of one, ``live`` or ``previous``.

    Answer: ``release`` (id), ``stored`` (its meta without the signature; of checks their names and sources).
    """

    release: str


class Confirmed(TypedDict):
    """The release that is accepted, by which run, and the accepted one before it."""

    release: str
    run: str | None
    since: str
    before: str | None


class Pending(TypedDict, total=False):
    """A pending release. Phases in order: ``intent``, ``switched``, ``reloaded``, ``serving``; ``rolling_back`` from
    any of them.

    ``marks`` are the logs' ends before the switch, path to [inode, bytes]; ``workers`` as [pid, start], and
    ``old_pids``, the ones that they replaced; ``test_ms`` is what ``nginx -t`` took. The machine is ``from``.
    ``deadline`` is the watchdog's, in seconds; ``boot`` names the time since the machine started. ``broken`` says why
    every rollback failed.
    """

    release: str
    before: str
    run: str
    who: str
    since: str
    boot: str
    deadline: float
    broken: list[str]
    phase: str
    marks: dict[str, list[int]]
    workers: list[list[int]]
    old_pids: list[int]
    test_ms: int


class ReleaseRecord(TypedDict, total=False):
    """``origin`` is pushed or adopted; ``confirmed`` is kept so that a rollback restores who accepted it."""

    installed: str
    origin: str
    confirmed: Confirmed


class Ended(TypedDict):
    """How the last pending phase of a release ended: ``outcome`` is confirmed or rolled_back, ``by`` says who saw
    to it.
    """

    release: str
    run: str
    outcome: str
    by: str
    at: str


class State(TypedDict):
    """``state.json``. ``version`` counts its changes."""

    schema: int
    version: int
    live: str | None
    confirmed: Confirmed | None
    pending: Pending | None
    last: Ended | None
    releases: dict[str, ReleaseRecord]


class Reply(TypedDict, total=False):
    """What each answer has.

    A problem has ``what``, and ``expected``, ``actual``, ``fix``, ``nginx`` (its own words), ``diff`` where they apply.
    """

    ok: bool
    changed: bool
    problems: list[dict[str, str]]
    warnings: list[str]
    steps: list[Json]
