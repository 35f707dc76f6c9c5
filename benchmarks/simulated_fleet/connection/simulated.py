"""The way to a simulated host, for the benchmark of simulated fleets alone: it is part of no artifact."""

from __future__ import annotations

DOCUMENTATION = """
name: simulated
short_description: ask a simulated host
description:
  - Hands what is sent to the engine of a host over to the server of the benchmark, and waits for its answer.
author: Sluice
options:
  name:
    description: The host.
    type: str
    default: inventory_hostname
    vars:
      - name: inventory_hostname
  socket:
    description: The socket of the server.
    type: path
    required: true
    env:
      - name: SLUICE_SIMULATED_FLEET
extends_documentation_fragment:
  - connection_pipelining
"""

import socket
from typing import NoReturn

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.connection import ConnectionBase

_NO_FILES = "a simulated host has no files: the engine is asked with pipelining"


class Connection(ConnectionBase):
    """One connection of a Unix socket for each command."""

    transport = "simulated"
    has_pipelining = True

    def _connect(self) -> Connection:
        self._connected = True
        return self

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """Return what the host prints in answer to ``in_data``. Any command is the engine's."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        name, said = str(self.get_option("name")), bytearray()
        data = in_data or b""
        try:
            with socket.socket(socket.AF_UNIX) as stream:
                stream.connect(str(self.get_option("socket")))
                stream.sendall(f"ask {name} {len(data)}\n".encode() + data)
                while part := stream.recv(1 << 16):
                    said += part
        except OSError as error:
            raise AnsibleConnectionFailure(f"the simulated host {name} cannot be reached: {error}") from error
        if not said:
            raise AnsibleConnectionFailure(f"the simulated host {name} closed the connection")
        return 0, bytes(said), b""

    def put_file(self, in_path: str, out_path: str) -> NoReturn:
        """Refuse."""
        raise AnsibleError(_NO_FILES)

    def fetch_file(self, in_path: str, out_path: str) -> NoReturn:
        """Refuse."""
        raise AnsibleError(_NO_FILES)

    def close(self) -> None:
        """Nothing is kept."""
        self._connected = False
