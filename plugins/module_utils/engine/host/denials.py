"""What SELinux or AppArmor forbade nginx, as the kernel has recorded it."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import Iterator, NamedTuple

__all__ = ["FREE_PORTS", "Denial", "denials_since", "read_denial"]

FREE_PORTS = ("unreserved_port_t", "reserved_port_t", "hi_reserved_port_t", "ephemeral_port_t", "port_t")
"""Types of the ports that belong to nobody."""

_AUDIT_LOG = "/var/log/audit/audit.log"
_KERNEL_LOG = "/dev/kmsg"
# Bytes of the end of the audit log that are read, and records of the kernel's log.
_MOST = 4 << 20
_MOST_RECORDS = 20_000
_MOST_SHOWN = 200
_STAMP = re.compile(r"audit\((\d+(?:\.\d+)?):\d+\): ")
_FIELD = re.compile(r'(\w+)=("[^"]*"|\S+)')
_FORBIDDEN = re.compile(r"avc:\s+denied\s+\{ ([^}]*) \}")
_HEX = re.compile(r"(?:[0-9A-F]{2})+")


class Denial(NamedTuple):
    """One act that was forbidden: by whom it was tried, what, and on what. ``at`` is in seconds since 1970."""

    at: float
    process: str
    act: str
    target: str
    system: str
    subject: str
    object: str
    kind: str
    port: int = 0

    def words(self) -> str:
        """Return it in one line."""
        labels = (
            f" ({self.subject} on {self.object}, {self.kind})" if self.system == "SELinux" else f" ({self.subject})"
        )
        return f"{self.system} denied {self.process} {self.act} of {self.target}{labels}"

    def fix(self) -> str:
        """Return what to run, or where to look."""
        if self.system == "AppArmor":
            return (
                f"allow it in the profile {self.subject}, in a file below /etc/apparmor.d/local, and load the profile "
                "again with apparmor_parser -r"
            )
        if self.act == "name_bind":
            # A port that has a type of its own gets no second one, but another one.
            change = "-a" if self.object in FREE_PORTS else "-m"
            return f"semanage port {change} -t http_port_t -p {self.kind[:3]} {self.port}"
        if self.act == "name_connect":
            return "setsebool -P httpd_can_network_connect on"
        if self.kind in ("file", "dir", "lnk_file"):
            return f"restorecon -Rv {self.target}; or `semanage fcontext` for its path, with a label that nginx may use"
        return "see `ausearch -m AVC -c nginx` on the host"


def denials_since(at: float, process: str = "nginx") -> list[Denial]:
    """Return what was forbidden to a program since a time of the clock, each kind once, in its order."""
    found: dict[tuple[str, ...], Denial] = {}
    for line in _lines():
        denial = read_denial(line)
        if denial is not None and denial.at >= at and denial.process == process:
            found.setdefault((denial.act, denial.target, denial.object), denial)
    return list(found.values())


def read_denial(line: str) -> Denial | None:
    """Read one line of the audit log or of the kernel's; nothing for what is no denial that was enforced."""
    stamp = _STAMP.search(line)
    if stamp is None:
        return None
    text = line[stamp.end() :]
    fields = {key: _value(value) for key, value in _FIELD.findall(text)}
    at, process = float(stamp.group(1)), fields.get("comm", "")
    if fields.get("apparmor") == "DENIED":
        act = fields.get("operation", "use")
        socket = [fields[key] for key in ("family", "sock_type") if key in fields]
        target = (
            fields.get("name") or fields.get("capname") or " ".join([*socket, "socket"] if socket else ["something"])
        )
        return Denial(at, process, act, target, "AppArmor", fields.get("profile", ""), "", fields.get("class", "file"))
    forbidden = _FORBIDDEN.search(text)
    if forbidden is None or fields.get("permissive") == "1":
        return None
    port = next((fields[key] for key in ("src", "dest") if fields.get(key, "").isdigit()), "")
    target = fields.get("path") or (f"port {port}" if port else "") or fields.get("name") or "something"
    subject, object_ = (_type(fields.get(key, "")) for key in ("scontext", "tcontext"))
    kind = fields.get("tclass", "")
    return Denial(at, process, forbidden.group(1), target, "SELinux", subject, object_, kind, int(port or 0))


def _type(context: str) -> str:
    return [*context.split(":"), "", "", ""][2]


def _value(word: str) -> str:
    """Return a value as it was: names that hold odd bytes are written as digits of base 16."""
    if word.startswith('"'):
        return word[1:-1][:_MOST_SHOWN]
    if len(word) > 7 and _HEX.fullmatch(word):
        with suppress(ValueError):
            text = bytes.fromhex(word).decode("utf-8", "replace")
            return "".join(each if each.isprintable() else "?" for each in text)[:_MOST_SHOWN]
    return word[:_MOST_SHOWN]


def _lines() -> Iterator[str]:
    """Yield the lines of the audit log where auditd writes one, else of the kernel's log."""
    try:
        with open(_AUDIT_LOG, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _MOST))
            yield from file.read(_MOST).decode("utf-8", "replace").splitlines()
    except OSError:
        pass
    try:
        descriptor = os.open(_KERNEL_LOG, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    try:
        for _ in range(_MOST_RECORDS):
            try:
                record = os.read(descriptor, 8192)
            except BrokenPipeError:
                # The record was overwritten meanwhile; the next one is there.
                continue
            except OSError:
                return
            yield record.decode("utf-8", "replace").partition("\n")[0]
    finally:
        os.close(descriptor)
