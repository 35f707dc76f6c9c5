"""``rollout_store`` and its like: where slices meet, and how a job of AWX is known for one of several."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from .. import values
from ..coordination.locate import open_store
from ..coordination.model import CoordinationStore, StoreLogin
from ..errors import InputError, SluiceError
from ..fleet.run_record import Run
from ..schema import Given, Model, key
from ..storage import path_of

__all__ = ["KEPT", "SliceOptions", "StoreRow", "read_kept", "read_slices", "refuse_sliced_job"]

KEPT = "slices.json"
"""The file in the record of a run that has what steps know of its place in a roll-out."""

_MOST_SLICES = 1000


@dataclass(frozen=True, kw_only=True)
class StoreRow(Model):
    """``rollout_store`` where it is a mapping."""

    url: str = key(
        values.text,
        "C(nats://HOST:4222/BUCKET), C(etcd://HOST:2379/PREFIX), with C(+tls) for TLS; hosts with commas.",
        required=True,
    )
    user: str = key(values.text, "Who the runs are to the store; they write.", absent="")
    password: str = key(values.text, "The password of C(user), or of NATS a token; keep it in a vault.", absent="")
    ca: str = key(values.text, "A PEM file of who has signed the certificate of the store.", absent="")
    certificate: str = key(values.text, "A PEM file of the certificate that runs show to the store.", absent="")
    certificate_key: str = key(values.text, "A PEM file of the key of C(certificate).", absent="")
    host_url: str = key(
        values.text, "The C(url) by which hosts ask for the decision; by default the same. C(none) where they cannot.",
        absent="",
    )  # fmt: skip
    host_user: str = key(
        values.text, "Who hosts are to the store. They read, and may decide for a rollback.", absent=""
    )
    host_password: str = key(values.text, "The password of C(host_user). Root reads it on hosts pending.", absent="")

    def check(self, given: Given) -> None:
        """Hold what belongs together to that. No store is opened."""
        if self.certificate_key and not self.certificate:
            raise InputError(given.where, "certificate_key has no certificate; name both")


class SliceOptions(NamedTuple):
    """What a run needs to be one of several: ``number`` is 0 where it takes the first that is free, ``wait`` is for how
    many seconds it waits for the others.
    """

    row: StoreRow
    slices: int
    number: int
    name: str
    wait: float
    project: Path
    state: Path

    def to_json(self) -> dict[str, Any]:
        """Return what later steps of the run are not given again."""
        return {"slices": self.slices, "number": self.number, "name": self.name, "wait": self.wait}

    def open(self, timeout: float = 5.0) -> CoordinationStore:
        """Return the store as the runs reach it. Raises ``InputError`` for what cannot be read."""
        row = self.row
        login = StoreLogin(
            row.url,
            row.user,
            row.password,
            self._ca(),
            self._path(row.certificate),
            self._path(row.certificate_key),
            timeout,
        )
        return open_store(login, self.state / "rollouts")

    def for_hosts(self) -> dict[str, str] | None:
        """Return how hosts reach the store; None where they do not.

        Hosts never get what runs write with: a store that wants a name gets the hosts' own, or hosts do not ask.
        """
        row = self.row
        url = row.host_url or row.url
        if url == "none" or url.startswith("file"):
            return None
        if (row.user or row.password or row.certificate) and not (row.host_user or row.host_password):
            return None
        found = {"url": url, "user": row.host_user, "password": row.host_password, "ca": self._ca()}
        # What is wrong with it is said here, and not by a watchdog that nobody hears.
        open_store(StoreLogin(url, row.host_user, row.host_password, found["ca"]))
        return found

    def _ca(self) -> str:
        if not self.row.ca:
            return ""
        path = path_of(self.project, self.row.ca)
        try:
            return path.read_text(encoding="ascii")
        except (OSError, ValueError) as error:
            raise InputError("rollout_store.ca", f"{path} cannot be read: {error}; give a PEM file") from error

    def _path(self, written: str) -> str:
        return str(path_of(self.project, written)) if written else ""


def read_slices(
    options: Mapping[str, Any], variables: Mapping[str, Any], run: Run, project: Path, state: Path
) -> SliceOptions | None:
    """Read what makes a run a slice of a roll-out; None for a run by itself, without a store.

    ``options`` are those of the module, ``variables`` those of AWX among a host's. Only the preflight is given all of
    them; what it was given is kept in the record of the run. Raises ``InputError``.
    """
    store = options["store"]
    kept = read_kept(run).get("options")
    if not kept:
        count, number = int(options["slices"] or 0), int(options["slice"] or 0)
        _hold_to_each_other(store, count, number, variables)
        if not store:
            return None
        count = count or 1
        kept = {"slices": count, "number": number, "wait": float(options["slice_timeout"])}
        kept["name"] = _name(options, variables, run.id, count)
    elif not store:
        raise InputError(
            "rollout_store", "it is empty in this step, and was not in the preflight; set it for all plays"
        )
    row = StoreRow.read(store if isinstance(store, Mapping) else {"url": store}, "rollout_store")
    return SliceOptions(row, kept["slices"], kept["number"], kept["name"], kept["wait"], project, state)


def read_kept(run: Run) -> dict[str, Any]:
    """Return what steps before have kept of the roll-out; empty where there is nothing."""
    try:
        found = json.loads(Path(run.folder, KEPT).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _hold_to_each_other(store: object, count: int, number: int, variables: Mapping[str, Any]) -> None:
    refuse_sliced_job(variables, has_store=bool(store), count=count)
    if not store and (count > 1 or number):
        words = "slices of a roll-out could end differently without a store that they share; set rollout_store"
        raise InputError("rollout_slices", f"{words} (docs/how-to/fleets.md), or run one play over all hosts")
    if number and not count:
        raise InputError("rollout_slice", "it says which slice this is, and not of how many; set rollout_slices too")
    if not 0 <= count <= _MOST_SLICES or not 0 <= number <= max(count, 0):
        words = (
            f"slice {number} of {count} cannot be; expected a number from 1 to rollout_slices, {_MOST_SLICES} at most"
        )
        raise InputError("rollout_slice", words)


def _name(options: Mapping[str, Any], variables: Mapping[str, Any], run: str, count: int) -> str:
    written = str(options["name"] or "").strip()
    job = variables.get("awx_workflow_job_id")
    if written or (job and count > 1):
        return written or f"awx-{job}"
    if count == 1:
        return run
    words = "slices find each other by the name of their roll-out; give each the same, and each roll-out another"
    raise InputError("rollout_name", f"it is empty, and this is no job of AWX's workflows; {words}")


def refuse_sliced_job(variables: Mapping[str, Any], *, has_store: bool, count: int = 0) -> None:
    """Raise ``SluiceError`` for a job slice of AWX that knows nothing of the others: they could end differently.

    AWX tells a job neither its slice nor their number. It makes a workflow of a sliced job template, which has the
    template's name.
    """
    template, workflow = variables.get("awx_job_template_name"), variables.get("awx_workflow_job_name")
    is_sliced = bool(template) and template == workflow and variables.get("awx_job_launch_type") == "workflow"
    if is_sliced and not (has_store and count > 1) and count != 1:
        raise SluiceError(
            f"this job is a slice of the job template '{template}', and slices of a roll-out could end differently; "
            "set rollout_store and rollout_slices (docs/how-to/fleets.md), or the job slicing of the template to 1. "
            "If the workflow only has the name of the template, rename it, or set rollout_slices to 1"
        )
