"""Makes the containers of a stage and lets their agents begin, as much of it side by side as can be."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..environment.images import Image
from ..errors import SluiceError
from ..packages import docker
from .agent import Agent, code, command
from .bounds import Bounds, DiskWatch
from .containers import await_image, pack

if TYPE_CHECKING:
    from docker.models.containers import Container

__all__ = ["Made", "Maker"]

PARTS = ("nginx", "stub", "judge")
# A container without a network has no IPv6 otherwise, and production has.
_SYSCTLS = {"net.ipv6.conf.all.disable_ipv6": "0"}


class Made:
    """A container, and the agent in it."""

    def __init__(self, container: Container, agent: Agent) -> None:
        self.container = container
        self.agent = agent


class Maker:
    """Makes containers called ``name-…``, and keeps all that it made.

    ``image`` is what nginx's container is of, ``around`` what the stubs' and the judge's are, where that is another
    one: whatever is in nginx's must have no say in what is asked and judged. ``judge_image`` is what the judge is of.
    """

    def __init__(
        self,
        client: docker.DockerClient,
        name: str,
        image: str,
        labels: Mapping[str, str],
        bounds: Bounds,
        around: str = "",
    ) -> None:
        self.containers: list[Container] = []
        self.watch = DiskWatch(client, bounds)
        self.name = name
        self._client = client
        self._image = image
        self._around = around or image
        self.judge_image = self._around
        self._labels = dict(labels)
        self._bounds = bounds
        self._parts: dict[str, Made] = {}

    @property
    def parts(self) -> list[Made]:
        """What was started: nginx's container, the stubs' and the judge's."""
        return [self._parts[part] for part in PARTS]

    def start(self) -> None:
        """Start nginx's container, the stubs' and the judge's, and their agents. Docker's errors are raised as they
        are.
        """
        with ThreadPoolExecutor(3) as beside:
            made = beside.submit(self._of_its_own, "stub", self._around)
            nginx = self._of_its_own("nginx")
            started = [beside.submit(_begin, nginx)]
            others = made.result()
            started.append(beside.submit(_begin, others))
            judge = self._judge(nginx.container, others.container)
            for each in started:
                each.result()
            _begin(judge)

    def adopt(self, name: str, ids: Sequence[str], streams: Sequence[socket.socket]) -> None:
        """Go on with the containers that another process started. Docker's errors are raised as they are."""
        self.name = name
        for part, identity, stream in zip(PARTS, ids, streams, strict=True):
            self._keep(part, self._client.containers.get(identity), stream)

    def give(self, docroots: Mapping[str, Path], trees: Mapping[str, Path]) -> None:
        """Give the agents what they need of the user and of the releases. Raises ``SluiceError``."""
        user, release = pack({}, docroots), pack({}, trees)
        archives = {"nginx": [user, release], "stub": [user], "judge": []}
        with ThreadPoolExecutor(len(PARTS)) as beside:
            for each in [beside.submit(self._parts[part].agent.give, archives[part]) for part in PARTS]:
                each.result()
        for part, made in self._parts.items():
            self.watch.add(made.container, sum(map(len, archives[part])) + len(code()))
        self.watch.start()

    def _of_its_own(self, part: str, image: str = "") -> Made:
        """Make a container that shares nothing with another one, and has no network."""
        return self._created(part, image, hostname=part, network_mode="none", sysctls=_SYSCTLS)

    def _judge(self, nginx: Container, others: Container) -> Made:
        """Make the judge, who is in nginx's network, and in no other way near it.

        It has the processes of the stubs, by which it names their network for the link. Its files nobody writes.
        """
        return self._created(
            "judge",
            self.judge_image,
            network_mode=f"container:{nginx.id}",
            pid_mode=f"container:{others.id}",
            read_only=True,
            tmpfs={"/sluice": "mode=0700,size=64m", "/tmp": "size=64m"},
        )

    def _created(self, part: str, image: str = "", **more: Any) -> Made:
        made = self._client.containers.create(
            image or self._image,
            command(part),
            name=f"{self.name}-{part}",
            labels=self._labels,
            init=True,
            stdin_open=True,
            **self._bounds.of(self._client, part),
            **more,
        )
        return self._keep(part, made)

    def _keep(self, part: str, container: Container, stream: socket.socket | None = None) -> Made:
        self.containers.append(container)
        reached = self._bounds.reached if part == "nginx" else _nothing
        self._parts[part] = Made(container, Agent(container, lambda: self._why(container), reached, stream))
        return self._parts[part]

    def _why(self, container: Container) -> str:
        """Return why a container has ended, where the engine knows."""
        if self.watch.words:
            return self.watch.words
        try:
            container.reload()
        except docker.errors.DockerException:
            return ""
        return self._bounds.reached({"memory": 1}) if container.attrs["State"].get("OOMKilled") else ""

    def image(self, number: int, image: Image, identity: str, network: Container, docroots: Mapping[str, Path]) -> None:
        """Add a container of the user's image, and wait until it answers. Raises ``SluiceError``."""
        made = self._client.containers.create(
            identity,
            list(image.command) or None,
            name=f"{self.name}-image-{number}",
            labels=self._labels,
            environment=dict(image.environment),
            network_mode=f"container:{network.id}",
            init=True,
            **self._bounds.of(self._client, "image"),
        )
        self.containers.append(made)
        packed = pack({}, docroots) if docroots else b""
        if packed:
            made.put_archive("/", packed)
        self.watch.add(made, len(packed))
        try:
            made.start()
        except docker.errors.APIError as error:
            raise SluiceError(f"the image {image.image} does not start: {error.explanation or error}") from error
        await_image(made, image, network)


def _begin(made: Made) -> None:
    made.container.start()
    made.agent.give([code()], last=False)


def _nothing(_: Mapping[str, Any]) -> str:
    return ""
