"""One need of a configuration, as plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["Kind", "Need"]

Kind = Literal["file", "directory", "socket", "name", "endpoint", "address", "port", "user", "group", "module"]


@dataclass(frozen=True)
class Need:
    """What a line of a configuration requires of the machine around it.

    ``value`` is an absolute path (``file``, ``directory``, ``socket``), a host name (``name``), ``host:port`` of an
    upstream, where IPv6 is in brackets (``endpoint``), an IP address that a listener binds (``address``), ``80/tcp``
    or ``443/udp`` that it listens on (``port``), a name (``user``, ``group``), or the file name of a shared object
    (``module``).

    ``purpose`` says what for: the protocol of an ``endpoint`` or ``socket`` (``http``, ``https``, ``grpc``, ``grpcs``,
    ``fastcgi``, ``uwsgi``, ``uwsgis``, ``scgi``, ``memcached``, ``tcp``, ``tcps``, ``udp``, ``dns``, ``syslog``;
    empty where nothing leads there), and for files and directories what they hold (``certificate``, ``key``, ``ca``,
    ``dhparam``, ``htpasswd``, ``include``, ``page``, ``index``, ``root``, ``log``, ``cache``, ``temp``, …); for a
    ``module`` it is the path as it is written.
    ``names`` are the names that a certificate is for, an upstream's as well, and ``beside`` is the key of a
    certificate; ``only_rsa`` says that its server's ciphers are of no use with another kind of key. ``file`` (a path in
    the tree), ``line`` and ``directive`` say who asks.
    """

    kind: Kind
    value: str
    purpose: str = ""
    directive: str = ""
    file: str = ""
    line: int = 0
    names: tuple[str, ...] = ()
    beside: str = ""
    only_rsa: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What makes two needs the same one: who asks, and what for, do not matter."""
        return self.kind, self.value

    @property
    def words(self) -> str:
        """The need for a person, as ``the file /etc/ssl/shop.pem (certificate)``."""
        return f"the {self.kind} {self.value}" + (f" ({self.purpose})" if self.purpose else "")

    def to_json(self) -> dict[str, Any]:
        """The need as plain data, as hosts are asked about it."""
        return asdict(self)
