"""Python packages beside the standard library: each is imported when it is first used.

So every file loads without them, as ``ansible-test sanity`` asks, and a missing package is named to whoever needs it.
Take them from here: ``from ..packages import docker``.
"""

from __future__ import annotations

import functools
import importlib
import sys
from typing import TYPE_CHECKING, Any

from .errors import SluiceError

__all__ = [
    "analyzer",
    "crossplane",
    "docker",
    "ec",
    "exceptions",
    "gixy",
    "hashes",
    "jinja2",
    "msgspec",
    "ocsp",
    "requests",
    "rsa",
    "serialization",
    "x509",
    "yaml",
]

if TYPE_CHECKING:
    import crossplane.errors
    import crossplane.lexer
    import crossplane.parser
    import docker
    import gixy.core.config
    import gixy.core.exceptions
    import gixy.core.manager
    import gixy.core.plugins_manager
    import gixy.core.variable
    import gixy.directives.block
    import gixy.parser.nginx_parser
    import gixy.plugins.missing_resolver
    import jinja2.meta
    import msgspec
    import requests
    import yaml
    from crossplane import analyzer
    from cryptography import exceptions, x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.x509 import ocsp
else:

    @functools.cache
    def _load(name: str, parts: tuple[str, ...]) -> Any:
        try:
            for part in parts:
                importlib.import_module(f"{name}.{part}")
            return importlib.import_module(name)
        except ImportError as error:
            raise SluiceError(
                f"Ansible's Python cannot import {name}: {error}; expected the packages that requirements.txt of the "
                f"collection names; install them with: {sys.executable} -m pip install -r requirements.txt"
            ) from error

    class _Package:
        """Looks each name up in the package. ``parts`` are modules that it does not import by itself."""

        def __init__(self, name: str, *parts: str) -> None:
            self._name, self._parts = name, parts

        def __getattr__(self, attribute: str) -> Any:
            if attribute.startswith("__"):
                raise AttributeError(attribute)
            return getattr(_load(self._name, self._parts), attribute)

    analyzer = _Package("crossplane.analyzer")
    crossplane = _Package("crossplane", "errors", "lexer", "parser")
    docker = _Package("docker")
    ec = _Package("cryptography.hazmat.primitives.asymmetric.ec")
    exceptions = _Package("cryptography.exceptions")
    gixy = _Package(
        "gixy",
        *("core.config", "core.exceptions", "core.manager", "core.plugins_manager", "core.variable"),
        *("directives.block", "parser.nginx_parser", "plugins.missing_resolver"),
    )
    hashes = _Package("cryptography.hazmat.primitives.hashes")
    jinja2 = _Package("jinja2", "meta")
    msgspec = _Package("msgspec")
    ocsp = _Package("cryptography.x509.ocsp")
    requests = _Package("requests")
    rsa = _Package("cryptography.hazmat.primitives.asymmetric.rsa")
    serialization = _Package("cryptography.hazmat.primitives.serialization")
    x509 = _Package("cryptography.x509")
    yaml = _Package("yaml")
