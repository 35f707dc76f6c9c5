"""The environment around a release, as plain data: made on the controller, applied inside the containers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..untrusted import whole_number

__all__ = ["ANY_NAME", "Endpoint", "Environment", "File", "Service", "endpoint"]

# In ``Environment.names``: the address that every name leads to which is known to nobody before a request comes.
ANY_NAME = "*"


@dataclass(frozen=True)
class Endpoint:
    """Where an upstream answers: a name or address and a port, or else the path of a unix ``socket``.

    ``protocol`` is the one of the directive that goes there, as in ``needs.model.Need.purpose``. Two endpoints at one
    place are equal, whatever they speak.
    """

    host: str
    port: int
    protocol: str = field(default="http", compare=False)
    socket: str = ""


@dataclass(frozen=True)
class File:
    """A file for which nginx asks. ``content`` has one byte in each character (Latin-1), ``words`` say what it is."""

    path: str
    content: str
    words: str
    mode: int = 0o644


@dataclass(frozen=True)
class Service:
    """A real program in staging. With ``socket`` it runs beside nginx; with ``endpoint`` it answers as an upstream."""

    name: str
    command: tuple[str, ...]
    user: str = "root"
    socket: str = ""
    endpoint: Endpoint | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Environment:
    """Everything around a release.

    ``names`` gives each upstream's host name an address, ``routed`` are literal addresses that lead to the stubs
    too, ``local`` are addresses that nginx itself listens on, ``directories`` gives each path its owner. ``stubs``
    are the endpoints that no real service answers, in the container beside; ``local_stubs`` are those in nginx's
    own container: unix sockets, and what is on the loopback device or on an address of ``local``. ``ca`` is staging's
    authority, certificate and key; ``spare`` is a certificate with its key for what is found wanting later.
    With ``as_unit`` nginx is started with the arguments of the package's unit. ``lends_modules`` says whether modules
    that the live release has by something that staging lacks are there for the release as well.
    ``synthesized`` says in words what production may have otherwise; what is made of ``files`` and ``directories`` is
    told by staging, which knows what was there.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    routed: tuple[str, ...] = ()
    local: tuple[str, ...] = ()
    directories: Mapping[str, str] = field(default_factory=dict)
    files: tuple[File, ...] = ()
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    services: tuple[Service, ...] = ()
    stubs: tuple[Endpoint, ...] = ()
    local_stubs: tuple[Endpoint, ...] = ()
    ca: tuple[str, str] = ("", "")
    spare: tuple[str, str] = ("", "")
    synthesized: tuple[str, ...] = ()
    as_unit: bool = False
    lends_modules: bool = True


def endpoint(text: str, usual_port: int = 80) -> Endpoint:
    """Read ``host``, ``host:port`` or ``[v6]:port``."""
    host, _, port = text.rpartition(":")
    number = whole_number(port)
    if not host or number is None:
        return Endpoint(text.strip("[]"), usual_port)
    return Endpoint(host.strip("[]"), number)
