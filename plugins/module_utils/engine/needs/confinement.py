"""Whether SELinux lets nginx listen at a port of this host, or connect to one of another: asked before anything is
switched, of the policy that the kernel has, booleans and ports of the host's own included.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Dict, NamedTuple, Sequence, Tuple

from ...untrusted import whole_number
from ..host.denials import FREE_PORTS
from ..host.labels import is_enforcing
from ..host.processes import find_masters

if TYPE_CHECKING:
    from ..protocol import Json
    from .file_checks import Seen

_Found = Dict[Tuple[str, str], "Seen"]

__all__ = ["Confinement", "confinement_of", "look_at_confinement"]

_MOUNT = "/sys/fs/selinux"
_LIBRARY = "libsepol.so.2"
# Whoever answers these is sent datagrams, to which nobody connects.
_WITHOUT_CONNECTION = ("dns", "syslog", "udp")
_PROTOCOLS = {0: "udp", 1: "tcp"}
# Rows of the policy's table of ports: the first and last number, the protocol and the type.
_Row = Tuple[int, int, str, str]


class Confinement(NamedTuple):
    """The context that nginx runs in, and which port is of which type, the first row that fits."""

    context: str
    ports: tuple[_Row, ...]

    def refuses_port(self, number: int, protocol: str) -> str:
        """Return the type of a port at which nginx may not listen; nothing where it may, or nobody knows."""
        return self._refused(number, protocol, "name_bind")

    def refuses_connection(self, number: int) -> str:
        """Return the type of a port that nginx may not connect to; nothing where it may, or nobody knows."""
        return self._refused(number, "tcp", "name_connect")

    def _refused(self, number: int, protocol: str, act: str) -> str:
        kind = next((row[3] for row in self.ports if row[0] <= number <= row[1] and row[2] == protocol), "")
        if not kind:
            return ""
        allowed = _is_allowed(self.context, f"system_u:object_r:{kind}:s0", f"{protocol}_socket", act)
        return kind if allowed is False else ""


def confinement_of(pid: int) -> Confinement | None:
    """Return what confines a process; nothing where SELinux does not enforce, or its policy cannot be read."""
    if not is_enforcing():
        return None
    try:
        with open(f"/proc/{pid}/attr/current") as file:
            context = file.read().rstrip("\0\n")
        ports = _ports()
    except (OSError, AttributeError):
        return None
    return Confinement(context, ports) if context and ports else None


def look_at_confinement(needs: Sequence[Json]) -> _Found:
    """Return those of the needs, ports and endpoints, that SELinux forbids to the nginx that runs here."""
    masters = find_masters(Path("/proc"))
    confinement = confinement_of(masters[0].pid) if masters else None
    found: _Found = {}
    if confinement is None:
        return found
    for need in needs:
        why = _why_refused(confinement, need)
        if why:
            found[need["kind"], need["value"]] = (False, why, "")
    return found


def _why_refused(confinement: Confinement, need: Json) -> str:
    domain = confinement.context.split(":")[2]
    if need["kind"] == "port":
        number, _, protocol = str(need["value"]).partition("/")
        protocol = protocol or "tcp"
        kind = confinement.refuses_port(whole_number(number) or 0, protocol)
        fix = f"semanage port -a -t http_port_t -p {protocol} {number}"
        if kind and kind not in FREE_PORTS:
            # A port that has a type of its own cannot get a second one, but another one.
            fix = fix.replace(" -a ", " -m ")
        return f"SELinux: {domain} may not listen at a port of the type {kind}. Did you know: `{fix}`" if kind else ""
    if need.get("purpose") in _WITHOUT_CONNECTION:
        return ""
    number = str(need["value"]).rpartition(":")[2]
    kind = confinement.refuses_connection(whole_number(number) or 0)
    fix = "setsebool -P httpd_can_network_connect on"
    return f"SELinux: {domain} may not connect to a port of the type {kind}. Did you know: `{fix}`" if kind else ""


def _is_allowed(subject: str, target: str, kind: str, act: str) -> bool | None:
    """Ask the kernel whether its policy allows an act; None where it cannot be asked."""
    try:
        with open(f"{_MOUNT}/class/{kind}/index") as file:
            number = file.read().strip()
        with open(f"{_MOUNT}/class/{kind}/perms/{act}") as file:
            bit = 1 << (int(file.read()) - 1)
        descriptor = os.open(f"{_MOUNT}/access", os.O_RDWR | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    try:
        os.write(descriptor, f"{subject} {target} {number}".encode())
        words = os.read(descriptor, 4096).split()
    except OSError:
        return None
    finally:
        os.close(descriptor)
    is_permissive = len(words) > 5 and int(words[5], 16) & 1
    return bool(is_permissive or int(words[0], 16) & bit)


def _ports() -> tuple[_Row, ...]:
    """Read the policy's table of ports by libsepol, which libselinux brings. Raises ``OSError``, ``AttributeError``."""
    sepol = ctypes.CDLL(_LIBRARY)
    with open(f"{_MOUNT}/policy", "rb") as file:
        policy = file.read()
    memory = ctypes.create_string_buffer(policy, len(policy))
    handle, database, source = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
    sepol.sepol_handle_create.restype = ctypes.c_void_p
    handle = ctypes.c_void_p(sepol.sepol_handle_create())
    rows: list[_Row] = []
    pointer = ctypes.c_void_p
    sepol.sepol_port_get_con.restype = pointer
    sepol.sepol_context_get_type.restype = ctypes.c_char_p
    for name in ("low", "high", "proto"):
        getattr(sepol, f"sepol_port_get_{name}").restype = ctypes.c_int

    def note(record: int, _: int) -> int:
        port = pointer(record)
        kind = sepol.sepol_context_get_type(pointer(sepol.sepol_port_get_con(port))) or b""
        protocol = _PROTOCOLS.get(sepol.sepol_port_get_proto(port), "")
        rows.append((sepol.sepol_port_get_low(port), sepol.sepol_port_get_high(port), protocol, kind.decode()))
        return 0

    noted = ctypes.CFUNCTYPE(ctypes.c_int, pointer, pointer)(note)
    try:
        sepol.sepol_msg_set_callback(handle, None, None)
        if sepol.sepol_policydb_create(ctypes.byref(database)) or sepol.sepol_policy_file_create(ctypes.byref(source)):
            return ()
        sepol.sepol_policy_file_set_mem(source, memory, ctypes.c_size_t(len(policy)))
        if sepol.sepol_policydb_read(database, source) == 0:
            sepol.sepol_port_iterate(handle, database, noted, None)
    finally:
        with suppress(AttributeError):
            for free, what in (("policy_file", source), ("policydb", database), ("handle", handle)):
                if what:
                    getattr(sepol, f"sepol_{free}_{'destroy' if free == 'handle' else 'free'}")(what)
    return tuple(rows)
