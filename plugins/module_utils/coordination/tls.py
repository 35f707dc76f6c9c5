"""TLS to a store, as its login says. Shipped to hosts: standard library only, Python 3.8."""

from __future__ import annotations

import ssl

from .model import StoreFault, StoreLogin

__all__ = ["tls_context"]


def tls_context(login: StoreLogin) -> ssl.SSLContext:
    """Return a context that verifies the server. Raises ``StoreFault`` for certificates that cannot be read."""
    try:
        context = ssl.create_default_context(cadata=login.ca or None)
    except (ssl.SSLError, ValueError) as error:
        raise StoreFault(f"rollout_store.ca: there is no certificate in it ({error}); give a PEM file") from error
    if login.certificate:
        try:
            context.load_cert_chain(login.certificate, login.key or None)
        except (OSError, ValueError) as error:
            fix = "give a PEM file, and its key in rollout_store.certificate_key"
            what = f"{login.certificate} cannot be used: {error}"
            raise StoreFault(f"rollout_store.certificate: {what}; {fix}") from error
    return context
