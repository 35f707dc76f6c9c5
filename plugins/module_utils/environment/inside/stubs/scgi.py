"""SCGI: a netstring of variables, the body behind it, and an answer as of CGI."""

from __future__ import annotations

from .connection import LIMIT, Link, Refused, granted
from .http1 import content_type, head_of, read_body, reason
from .request_log import answer, from_params

__all__ = ["serve"]


async def serve(link: Link) -> None:
    """Answer the one request of the connection."""
    length = int((await link.reader.readuntil(b":"))[:-1])
    if length > LIMIT:
        raise Refused
    netstring = await link.reader.readexactly(length + 1)
    words = netstring[:-1].decode(errors="replace").split("\0")[:-1]
    params = dict(zip(words[::2], words[1::2], strict=True))
    body, size = await read_body(link, int(params.get("CONTENT_LENGTH") or 0))
    row = {**from_params(link.place, params, body), "size": size}
    link.record.add(row)
    override = await granted(row)
    text = answer(row, override.size)
    lines = [
        f"Status: {override.status} {reason(override.status)}",
        *head_of(override, len(text), content_type(row["path"])),
    ]
    sent = b"" if row["method"] == "HEAD" else text
    await link.send("\r\n".join([*lines, "", ""]).encode() + sent)
