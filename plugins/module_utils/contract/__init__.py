"""Checks: what a site promises, and the client that asks for it.

Nothing is imported here, so that a host which runs no check pays for no ``socket`` and no ``ssl``.
"""
