"""``rollout_publish`` and ``rollout_pull``: where releases are published, and how hosts look for them."""

from __future__ import annotations

from dataclasses import dataclass

from .. import values
from ..engine.pull.settings import PullSettings, read_settings, read_target
from ..errors import InputError, SluiceError
from ..schema import Given, Model, key, reader, table

__all__ = ["PublishRow", "PullRow", "read_publish", "read_pull"]

_PUBLISH, _PULL = "rollout_publish", "rollout_pull"


@reader("str")
def _target(value: object, where: str) -> str:
    try:
        return read_target(value)
    except SluiceError as error:
        raise InputError(where, str(error)) from error


@dataclass(frozen=True, kw_only=True)
class PublishRow(Model):
    """``rollout_publish`` where it is a mapping."""

    folder: str = key(
        values.text, "The folder, relative to the project. Whoever may read it reads the releases.", required=True
    )
    days: int = key(
        values.integer(1, 366),
        "For how many days hosts take what is published. A run after half of them publishes anew.",
        default=30,
    )
    targets: dict[str, str] = key(
        table(_target, values.text),
        "Further names, each with the host whose release it gets, as for hosts of a group that scales.",
        default={},
    )
    canary_percent: int = key(
        values.integer(1, 100), "Which share of the hosts takes a new release at once, drawn for each.", default=100
    )
    canary_minutes: int = key(values.integer(0, 44640), "After how many minutes the others take it.", default=0)


@dataclass(frozen=True, kw_only=True)
class PullRow(Model):
    """``rollout_pull``."""

    # ``source`` is what each model calls its own path.
    address: str = key(
        values.text, "C(https://HOST/FOLDER), C(file:///FOLDER), C(git+https://HOST/REPO#BRANCH) or C(git+ssh://…).",
        required=True, name="source",
    )  # fmt: skip
    interval: int = key(
        values.integer(10, 604800), "Seconds between two looks; as much again comes by chance.", default=300
    )
    header: str = key(
        values.text, "A line that is sent to the source, as C(Authorization: Bearer TOKEN); keep it in a vault.",
        absent="",
    )  # fmt: skip
    ca: str = key(values.text, "The path on the hosts of a PEM file of who has signed its certificate.", absent="")
    plain_http: bool = key(values.flag, "Whether C(source) may be C(http://), without TLS.", default=False)

    def check(self, given: Given) -> None:
        """Hold the source to what hosts will."""
        self.of("any")

    def of(self, name: str) -> PullSettings:
        """Return the settings of a host. Raises ``InputError``."""
        form = {each: getattr(self, each) for each in ("interval", "header", "ca", "plain_http")}
        try:
            return read_settings({**form, "source": self.address, "name": name})
        except SluiceError as error:
            raise InputError(_PULL, str(error)) from error


def read_publish(value: object) -> PublishRow | None:
    """Return ``rollout_publish``, a folder or a mapping; None where nothing is published. Raises ``InputError``."""
    if not value:
        return None
    return PublishRow.read({"folder": value} if isinstance(value, str) else value, _PUBLISH)


def read_pull(value: object) -> PullRow | None:
    """Return ``rollout_pull``, a source or a mapping; None where hosts do not pull. Raises ``InputError``."""
    if not value:
        return None
    return PullRow.read({"source": value} if isinstance(value, str) else value, _PULL)
