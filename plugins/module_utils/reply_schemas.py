"""The schemas of what hosts answer, one for each operation. What the keys mean is said in ``engine/protocol.py``.

The bounds are far above what any engine says; they are there for what is none.
"""

# No lazy annotations here: msgspec reads them, and would have to guess where names come from.
from typing import Annotated, Any, Required, TypedDict, TypeVar

try:
    from msgspec import Meta
except ImportError:  # which answers.py says, before it reads any of these forms

    def Meta(**bounds: object) -> None: ...  # type: ignore[no-redef]


__all__ = ["FORMS", "NEEDED", "RELEASE_ID", "BaseReply", "Meta", "TrafficFormReply"]

T = TypeVar("T")

_MANY = 100_000
RELEASE_ID = r"\A[0-9a-f]{64}\Z"

Id = Annotated[str, Meta(pattern=RELEASE_ID)]
Word = Annotated[str, Meta(max_length=16 << 10)]
Text = Annotated[str, Meta(max_length=1 << 20)]
Number = Annotated[int, Meta(ge=-(2**53), le=2**53)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Seconds = Annotated[float, Meta(ge=-1e12, le=1e12)]
Many = Annotated[list[T], Meta(max_length=_MANY)]
Few = Annotated[list[T], Meta(max_length=1000)]
# A process: its pid, and when it started.
Worker = Annotated[list[Count], Meta(min_length=2, max_length=2)]


class ProblemReply(TypedDict, total=False):
    what: Required[Text]
    expected: Text
    actual: Text
    fix: Text
    nginx: Text
    diff: Text


class Step(TypedDict):
    name: Word
    ms: Count


class Failing(TypedDict):
    request: Word
    count: Count


class EngineReply(TypedDict, total=False):
    digest: Word
    number: Count


class BaseReply(TypedDict, total=False):
    """What each answer has; ``engine`` only where the host has one of its own, which is another one or was asked of."""

    ok: Required[bool]
    changed: bool
    problems: Few[ProblemReply]
    warnings: Many[Text]
    steps: Many[Step]
    engine: EngineReply


class Trust(BaseReply, total=False):
    paths: Many[Word]


class Leave(BaseReply, total=False):
    release: Id | None
    removed: Many[Word]
    left: Many[Text]


class PullReply(BaseReply, total=False):
    paths: Many[Word]
    cron: Word


class PullsReply(TypedDict, total=False):
    source: Required[Word]
    name: Required[Word]
    interval: Count
    number: Count
    release: Id
    outcome: Word
    why: Text
    at: Word
    attempts: Count
    trials: Count
    trouble: Text
    looked: Word


class OutcomeReply(TypedDict, total=False):
    name: Required[Word]
    ok: Required[bool]
    source: Word
    request: Text
    problems: Few[Text]
    status: Count | None
    ms: Seconds
    chain: Few[Text]
    body_excerpt: Word
    untested: Text


class TrafficFormReply(TypedDict):
    start: Annotated[str, Meta(pattern=r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")]
    step: Annotated[int, Meta(ge=1, le=10**9)]
    began: Word
    requests: Few[Count]
    errors: Few[Count]
    ms: Few[Seconds | None]
    failing: Few[Failing]
    unread: Count


class Nginx(TypedDict, total=False):
    running: bool
    version: Word | None
    pid: Count
    workers: Count
    flavour: Word
    binary: Word
    prefix: Word
    configuration: Word
    user: Word
    compiled: Few[Word]


class PlatformReply(TypedDict, total=False):
    os: Word
    service_manager: Word
    service: Word
    confined_by: Word


class Preflight(BaseReply, total=False):
    release: Id
    live: Id | None
    live_confirmed: bool
    has_release: bool
    adopted: bool
    changes_needed: bool
    nginx: Nginx
    platform: PlatformReply
    tree: Annotated[dict[Word, Text], Meta(max_length=_MANY)]
    digests: Annotated[dict[Word, Word], Meta(max_length=_MANY)]


class NeedReply(TypedDict):
    key: Annotated[list[Word], Meta(min_length=2, max_length=2)]
    met: bool
    actual: Text
    near: Text


class FactsReply(TypedDict):
    nginx_version: Word | None
    modules: Many[Word]
    os: Word


class RenewalReply(TypedDict):
    client: Word
    name: Word
    certificate: Word
    method: Word
    folders: Annotated[dict[Word, Word], Meta(max_length=1000)]
    hook: Word


class PackageReply(TypedDict):
    name: Word
    version: Word
    flavour: Word
    core: Word
    fixed: Few[Annotated[str, Meta(max_length=20)]]


class Probe(BaseReply, total=False):
    live: Id | None
    confirmed: bool
    needs: Many[NeedReply]
    renewals: Few[RenewalReply]
    facts: FactsReply
    package: PackageReply
    tree: Annotated[str, Meta(max_length=32 << 20)]
    withheld: Many[Word]


class NginxFileReply(TypedDict):
    kind: Annotated[str, Meta(pattern=r"\A(binary|loader|library|module)\Z")]
    name: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._+-]{0,127}\Z")]
    path: Annotated[str, Meta(max_length=4096)]
    size: Count
    sha256: Id


class PartReply(TypedDict):
    sha256: Id
    offset: Count
    data: Annotated[str, Meta(max_length=32 << 20)]


class NginxFiles(BaseReply, total=False):
    said: Annotated[str, Meta(max_length=64 << 10)]
    os_release: Annotated[str, Meta(max_length=64 << 10)]
    machine: Word
    files: Few[NginxFileReply]
    lacks: Few[Text]
    parts: Few[PartReply]


class Baked(TypedDict, total=False):
    changed: bool
    problems: Few[ProblemReply]
    note: Text
    checks: Many[OutcomeReply]
    requests: Count
    share_5xx: Seconds
    share_5xx_before: Seconds
    traffic: TrafficFormReply | None


class Activate(BaseReply, total=False):
    release: Id
    before: Id | None
    checks: Many[OutcomeReply]
    workers: Many[Worker]
    timings: Annotated[dict[Word, Number], Meta(max_length=100)]
    rolled_back: bool | None
    means: Word
    broken: bool
    note: Text
    traffic: TrafficFormReply | None
    bake: Baked


class Bake(Baked, total=False):
    ok: Required[bool]
    warnings: Many[Text]
    steps: Many[Step]


class Confirm(BaseReply, total=False):
    release: Id
    pruned: Many[Id]


class Rollback(BaseReply, total=False):
    release: Id | None
    rolled_back: bool | None
    # Who had rolled back before this was asked.
    rolled_back_by: Word
    broken: bool
    note: Text
    means: Word
    checks: Many[OutcomeReply]
    workers: Many[Worker]
    timings: Annotated[dict[Word, Number], Meta(max_length=100)]
    traffic: TrafficFormReply | None


class ConfirmedReply(TypedDict):
    release: Id
    run: Word | None
    since: Word | None
    before: Id | None


# Where logs ended, with inodes of any size, is for the host alone.
Pending = TypedDict(
    "Pending",
    {
        "release": Required[Id],
        "before": Required[Id | None],
        "run": Required[Word],
        "who": Word,
        "from": Word,
        "since": Word,
        "boot": Word,
        "deadline": Seconds,
        "broken": Few[Text],
        "phase": Word,
        "workers": Many[Worker],
        "old_pids": Many[Count],
        "test_ms": Number,
    },
    total=False,
)


class EndedReply(TypedDict):
    release: Id
    run: Word
    outcome: Word
    by: Word
    at: Word


class RecordReply(TypedDict, total=False):
    installed: Word
    origin: Word
    confirmed: ConfirmedReply | None


class Watchdog(TypedDict):
    due_in: Seconds | None


# An event of a host's journal, with the facts that the engine notes.
Event = TypedDict(
    "Event",
    {
        "at": Word,
        "run": Word,
        "event": Required[Word],
        "mark": Word,
        "release": Id | None,
        "before": Id | None,
        "who": Word,
        "from": Word,
        "deadline": Seconds,
        "why": Text,
        "of": Word,
        "by": Word,
        "means": Word,
        "ms": Number,
        "paths": Count,
        "master": Count,
        "checks": Count,
        "reason": Text,
        "problems": Few[Text],
        "pruned": Many[Id],
    },
    total=False,
)


class Status(BaseReply, total=False):
    live: Id | None
    confirmed: ConfirmedReply | None
    pending: Pending | None
    last: EndedReply | None
    releases: Annotated[dict[Id, RecordReply], Meta(max_length=_MANY)]
    watchdog: Watchdog
    drift: Many[Word]
    package_drift: Annotated[dict[Word, Word], Meta(max_length=_MANY)]
    drift_diff: Text
    nginx: Nginx
    pull: PullsReply
    journal: Few[Event]


class Show(BaseReply, total=False):
    release: Id
    stored: dict[str, Any]


class TrafficReply(BaseReply, total=False):
    traffic: TrafficFormReply | None
    journal: Few[Event]


class Slot(TypedDict):
    requests: Count
    errors: Count
    upstream: Count
    closed: Count
    times: Annotated[list[Count], Meta(min_length=12, max_length=12)]


class CountReply(BaseReply, total=False):
    end: Count
    known: bool
    slots: Few[Slot]


FORMS: dict[str, Any] = {
    "preflight": Preflight,
    "probe": Probe,
    "nginx_files": NginxFiles,
    "activate": Activate,
    "bake": Bake,
    "confirm": Confirm,
    "rollback": Rollback,
    "status": Status,
    "show": Show,
    "traffic": TrafficReply,
    "count": CountReply,
    "trust": Trust,
    "update_engine": BaseReply,
    "leave": Leave,
    "pull": PullReply,
}

NEEDED: dict[str, tuple[str, ...]] = {
    "preflight": ("release", "live", "has_release", "changes_needed"),
    "probe": ("live", "confirmed", "needs", "facts"),
    "nginx_files": ("said", "os_release", "machine", "files", "lacks", "parts"),
    "activate": ("release", "before"),
    "bake": (),
    "confirm": ("release",),
    "rollback": ("release", "rolled_back"),
    "status": ("live", "confirmed", "pending", "last", "releases", "drift"),
    "show": ("release", "stored"),
    "traffic": ("traffic", "journal"),
    "count": ("end", "known", "slots"),
    "trust": ("paths", "engine"),
    "update_engine": ("engine",),
    "leave": ("release", "removed", "left"),
    "pull": ("paths", "cron"),
}
"""What an answer that is ``ok`` has beside that which every answer has."""
