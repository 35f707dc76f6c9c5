"""HTTP/2 as gRPC speaks it, by the library h2: an answer of one message, and the status in the trailers."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .connection import Link, granted
from .request_log import EXCERPT, answer

if TYPE_CHECKING:
    from h2.connection import H2Connection

__all__ = ["PREFACE_HEAD", "serve"]

PREFACE_HEAD = b"PRI * HTTP/2.0\r\n\r\n"
"""How a connection begins; to a parser of HTTP/1 it looks like a head."""

_READ = 65536
# What is asked for the health of a service is answered in its own form: it is well.
_HEALTH_CHECK, _SERVING = "/grpc.health.v1.Health/Check", b"\x08\x01"


@dataclass
class _Request:
    headers: list[tuple[str, str]]
    body: bytes = b""
    size: int = 0


async def serve(link: Link) -> None:
    """Answer the streams of a connection whose first line has been read, until it ends."""
    # Importing it takes a tenth of a second, which only those pay who are asked for it.
    from h2 import events
    from h2.config import H2Configuration
    from h2.connection import H2Connection

    connection = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
    connection.initiate_connection()
    requests: dict[int, _Request] = {}
    answers: dict[int, bytes] = {}
    data = PREFACE_HEAD
    while data:
        for event in connection.receive_data(data):
            if isinstance(event, events.RequestReceived):
                requests[event.stream_id] = _Request([(str(name), str(value)) for name, value in event.headers])
            elif isinstance(event, events.DataReceived):
                request = requests[event.stream_id]
                request.body = (request.body + event.data)[:EXCERPT]
                request.size += len(event.data)
                connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, events.StreamEnded):
                number = event.stream_id
                answers[number] = await _begin(link, connection, number, requests.pop(number))
            elif isinstance(event, events.StreamReset):
                requests.pop(event.stream_id, None)
                answers.pop(event.stream_id, None)
        _go_on(connection, answers)
        await link.send(connection.data_to_send())
        data = await link.reader.read(_READ)


async def _begin(link: Link, connection: H2Connection, number: int, request: _Request) -> bytes:
    """Send the headers of an answer, and return its body."""
    special = {name: value for name, value in request.headers if name.startswith(":")}
    headers = [pair for pair in request.headers if not pair[0].startswith(":")]
    headers += [("host", special[":authority"])] if ":authority" in special else []
    row = link.note(
        special.get(":method", ""),
        special.get(":path", ""),
        headers=headers,
        body=request.body,
        size=request.size,
        version="2",
    )
    override = await granted(row)
    kind = row["headers"].get("content-type", "")
    body = answer(row, override.size)
    if row["path"] == _HEALTH_CHECK and not override.size:
        body = _SERVING
    if kind.startswith("application/grpc"):
        body = struct.pack(">BI", 0, len(body)) + body  # a message: not compressed, its length
    else:
        kind = "application/json"
    usual = {"content-type": kind, **{name.lower(): value for name, value in override.headers.items()}}
    connection.send_headers(number, [(":status", str(override.status)), *usual.items()])
    return body


def _go_on(connection: H2Connection, answers: dict[int, bytes]) -> None:
    """Send of each answer as much as the other side has room for; what is whole gets its trailers."""
    for number, body in list(answers.items()):
        left = body
        while left and (room := min(connection.local_flow_control_window(number), connection.max_outbound_frame_size)):
            connection.send_data(number, left[:room])
            left = left[room:]
        answers[number] = left
        if not left:
            connection.send_headers(number, [("grpc-status", "0")], end_stream=True)
            del answers[number]
