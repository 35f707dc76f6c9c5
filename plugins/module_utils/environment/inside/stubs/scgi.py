"""SCGI: a netstring of variables, the body behind it, and an answer as of CGI."""

from __future__ import annotations

from .connection import LIMIT, Link, Refused
from .http1 import answer_params

__all__ = ["serve"]


async def serve(link: Link) -> None:
    """Answer the one request of the connection."""
    length = int((await link.reader.readuntil(b":"))[:-1])
    if length > LIMIT:
        raise Refused
    netstring = await link.reader.readexactly(length + 1)
    words = netstring[:-1].decode(errors="replace").split("\0")[:-1]
    params = dict(zip(words[::2], words[1::2], strict=True))
    await answer_params(link, params, "Status:")
