"""A stage: three containers around a release. nginx runs in the first, stubs for its upstreams in the second, and
the third, the judge, asks nginx and judges the answers.

None has a network. A pair of virtual interfaces, made from inside, is all that joins the first two, so nothing real can
be reached from either, the controller included, and no address can clash. (An internal network of Docker's would drop
what goes to addresses outside its range, and those are the point: a literal upstream address has to lead to a
stub.) The judge is in nginx's network, and has files and processes that nothing beside nginx can reach: whatever a
release runs there can answer requests, and cannot say what is to be thought of the answers.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..environment.images import Image
from ..environment.model import Environment
from ..environment.synthesis import STUB_NETWORK
from ..errors import InputError, SluiceError
from ..packages import docker
from .bounds import Bounds
from .containers import Completed, execute, pulled, remove
from .create import Made, Maker
from .extended import extended_image
from .handover import StageQuestion, ask, take
from .judging import TOGETHER, made
from .orphans import owner_label, remove_orphans

__all__ = ["Completed", "Stage", "StageSettings", "owner_label", "remove_orphans"]

_TREE = "/var/lib/sluice/releases"
# The ends of the link. The ranges are for tests of network devices (RFC 2544, RFC 5180), so no production has them.
_NGINX, _STUB = "198.18.0.1", "198.18.0.2"
_NGINX6, _STUB6 = "2001:2::1", "2001:2::2"
_MOST_ROUNDS = 20


@dataclass(frozen=True)
class StageSettings:
    """What all stages of a run share.

    ``labels`` mark everything that is made, ``docroots`` are the user's files, ``owners`` the directories that are
    wanted beside those of the configuration, ``images`` answer as upstreams, ``bounds`` hold for each container, and
    ``nginx_version`` is that of the image, as ``1.26.3``. ``ahead`` is where stages are taken that were started ahead.
    ``around`` is the image of stubs and judge, where ``image`` has a host's own nginx.
    """

    image: str
    labels: Mapping[str, str]
    docroots: Mapping[str, Path]
    owners: Mapping[str, str]
    images: tuple[Image, ...] = ()
    bounds: Bounds = field(default_factory=Bounds)
    nginx_version: str = ""
    ahead: str = ""
    around: str = ""


class Stage:
    """Runs the release ``serves``. Use it as a context, so that the containers end with it.

    ``trees`` are the releases that the containers hold, by id; ``basis`` is the one that the environment is completed
    by. ``asked`` counts the requests that were made, ``doing`` is what is done before the stage is open, in words.
    ``judge_packages`` are packages of the distribution that the judge has beside those of the image; ``lacks`` says why
    it has them not, where they cannot be installed.
    """

    def __init__(
        self,
        client: docker.DockerClient,
        name: str,
        trees: Mapping[str, Path],
        serves: str,
        environment: Environment,
        settings: StageSettings,
        basis: str = "",
        judge_packages: Sequence[str] = (),
    ) -> None:
        self.client = client
        self.name = name
        self.environment = environment
        self.asked = 0
        self.doing = ""
        self.lacks = ""
        self.judge_packages = tuple(judge_packages)
        self._trees = trees
        self._serves = serves
        self._basis = basis or serves
        self._settings = settings
        self._started: dict[str, Any] | None = None
        self._prepared: dict[str, Any] = {}
        self._error_logs: Sequence[str] = ()
        self._key = secrets.token_hex(32)
        self._maker = Maker(client, name, settings.image, settings.labels, settings.bounds, settings.around)
        self._parts: tuple[Made, ...] = ()
        self._adopted = False
        self._opener = ThreadPoolExecutor(1)
        self._beginning: Future[None] | None = None
        self._opening: Future[None] | None = None
        for path, folder in settings.docroots.items():
            if not folder.exists():
                raise InputError("staging_docroots", f"{folder}, which is mapped to {path}, does not exist")

    def beside(self, part: str, image: str, around: str = "") -> Stage:
        """Return another stage of the same release in the same environment, of another ``image``, with ``around`` for
        its stubs and its judge where that is a third one; it is open.

        Use it as a context. What happens on it does not touch this one.
        """
        settings = replace(self._settings, image=image, ahead="", around=around)
        made = Stage(
            self.client,
            f"{self.name}-{part}",
            self._trees,
            self._serves,
            self.environment,
            settings,
            self._basis,
            self.judge_packages,
        )
        made.open(self._error_logs)
        return made

    def begin(self, after: Stage | None = None) -> None:
        """Begin to start the containers, which takes a second and asks nothing of the environment yet.

        It waits until those of ``after`` have started: so that one is there while this one still starts.
        """
        self._beginning = self._opener.submit(self._begin, after._beginning if after else None)

    def open(self, error_logs: Sequence[str], environment: Environment | None = None) -> None:
        """Begin to make the environment, or ``environment`` instead of the one that was given, and the containers
        before it.

        ``run`` and ``ask`` wait for it, and raise what went wrong.
        """
        self._error_logs = error_logs
        if environment is not None:
            self.environment = environment
        if self._beginning is None:
            self.begin()
        self._opening = self._opener.submit(self._open, error_logs)

    def _begin(self, before: Future[None] | None = None) -> None:
        if before is not None:
            wait([before])
        self._give_judge_packages()
        self.doing = "starting containers"
        self._settings.bounds.check(list(self._trees.values()))
        trees = {f"{_TREE}/{identity}": tree for identity, tree in self._trees.items()}
        try:
            self._start()
            self._maker.give(self._settings.docroots, trees)
            self._parts = tuple(self._maker.parts)
        except docker.errors.APIError as error:
            raise self._refused(error) from error

    def _start(self) -> None:
        """Start the containers, unless there are some that were started ahead and are as this stage needs them."""
        settings = self._settings
        usual = self._maker.judge_image == self.around
        taken = take(settings.ahead) if settings.ahead and usual else None
        if taken:
            self._maker.adopt(*taken)
            self._adopted, self.name = True, self._maker.name
        else:
            self._maker.start()

    def _give_judge_packages(self) -> None:
        """Have the judge made of an image with its packages. Without them it says what it cannot ask."""
        if not self.judge_packages:
            return
        self.doing = f"installing {', '.join(self.judge_packages)}"
        try:
            self._maker.judge_image = extended_image(self.client, self.around, self.judge_packages)
        except SluiceError as error:
            self.lacks = str(error)

    def _refused(self, error: docker.errors.APIError) -> SluiceError:
        return SluiceError(f"Docker cannot run the stage {self.name}: {error.explanation or error}")

    def _open(self, error_logs: Sequence[str]) -> None:
        if self._beginning is None:
            raise RuntimeError("the stage has not begun; open() begins it")
        self._beginning.result()
        (nginx, others, _), plan = self._parts, self._plan(error_logs)
        try:
            images = []
            for image in self._images():
                self.doing = f"fetching the image {image.image}"
                images.append((image, pulled(self.client, image)))
            # They may take long, and come before the link, for which the stubs wait not so long.
            for number, (image, identity) in enumerate(images):
                network = nginx.container if image.beside else others.container
                self.doing = f"waiting for the image {image.image}"
                self._maker.image(number, image, identity, network, self._settings.docroots)
            self.doing = "making the environment"
            self._prepared = self._prepare(plan)
        except docker.errors.APIError as error:
            raise self._refused(error) from error
        finally:
            self.doing = ""

    def _prepare(self, plan: dict[str, Any]) -> dict[str, Any]:
        nginx, others, judge = self._parts
        # What is in nginx's container is no secret from the release.
        secret = {**plan, "key": self._key}
        try:
            others.agent.tell("stub", secret)
            judge.agent.ask("join", secret)
            made = nginx.agent.ask("prepare", plan)["made"]
            learned, ends, refused = self._complete(nginx, judge)
            if refused and self._basis != self._serves:
                # What refuses the basis tells nothing of the release, which then stands for itself.
                more, others_ends, _ = self._complete(nginx, judge, {"basis": self.tree(self._serves)})
                learned, ends = [*learned, *more], [*ends, *others_ends]
            shut = judge.agent.ask("await_stubs", ends)["shut"]
        except SluiceError as error:
            # Nobody reads what the stubs print, until they are missed.
            words = execute(others.container, "sh", "-c", "cat /sluice/*.log 2>&1").output.strip()
            raise SluiceError(f"{error}; the stubs' own words: {words[-400:]}" if words else str(error)) from error
        return {"made": made, "learned": learned, "shut": shut, "refused": refused}

    @staticmethod
    def _complete(
        nginx: Made, judge: Made, by: Mapping[str, str] | None = None
    ) -> tuple[list[str], list[dict[str, Any]], str]:
        """Complete the environment by what nginx says it lacks; what was learned in words, the stubs that it takes, and
        what nginx still refuses in the end.

        Only the judge can give nginx's network an address.
        """
        learned: list[str] = []
        ends: list[dict[str, Any]] = []
        tried: list[str] = []
        for _ in range(_MOST_ROUNDS):
            found = nginx.agent.ask("complete", [{"tried": tried, **(by or {})}])
            learned += found["learned"]
            ends += found["ends"]
            tried = found["tried"]
            if not found["addresses"]:
                break
            added = judge.agent.ask("address", [{"address": each} for each in found["addresses"]])["added"]
            learned += [f"the address {each} is staging's" for each in added]
        return learned, ends, str(found["refused"])

    def _images(self) -> list[Image]:
        """The images that something in this environment can ask."""
        ends = {*self.environment.stubs, *self.environment.local_stubs}
        return [image for image in self._settings.images if image.endpoint in ends]

    def _plan(self, error_logs: Sequence[str]) -> dict[str, Any]:
        environment = asdict(self.environment)
        real = {image.endpoint for image in self._images()}

        def bound(end: Mapping[str, Any]) -> dict[str, Any]:
            host = {"localhost": "127.0.0.1"}.get(end["host"], end["host"])
            return {**end, "bind": self.environment.names.get(host, host)}

        for service in environment["services"]:
            service["endpoint"] = bound(service["endpoint"]) if service["endpoint"] else None
        return {
            **environment,
            "directories": {**environment["directories"], **self._settings.owners},
            "stubs": [bound(asdict(end)) for end in self.environment.stubs if end not in real],
            "local_stubs": [bound(asdict(end)) for end in self.environment.local_stubs if end not in real],
            "nginx": _NGINX,
            "nginx6": _NGINX6,
            "stub": _STUB,
            "stub6": _STUB6,
            "stub_network": str(STUB_NETWORK),
            "tree": self.tree(self._serves),
            "basis": self.tree(self._basis),
            "trees": [self.tree(identity) for identity in self._trees],
            "error_logs": list(error_logs),
        }

    @property
    def synthesized(self) -> list[str]:
        """What the environment has that production may have otherwise, in words: read, made, and found wanting by
        nginx.

        Complete once the stage is open.
        """
        found = [*self._prepared.get("made", []), *self._prepared.get("learned", [])]
        shut = [f"no stub at {words}" for words in self._prepared.get("shut", [])]
        return [*self.environment.synthesized, *found, *shut]

    @property
    def refused(self) -> str:
        """What ``nginx -t`` says of the release that the environment is completed by, where it refuses it; else
        nothing.

        It was asked before any line of another release was run. Raises ``SluiceError`` when the stage is not open.
        """
        self._opened()
        return str(self._prepared.get("refused", ""))

    @property
    def image(self) -> str:
        """The image that its containers are of."""
        return self._settings.image

    @property
    def around(self) -> str:
        """The image that its stubs and its judge are of."""
        return self._settings.around or self._settings.image

    @property
    def container(self) -> str:
        """The name of nginx's container, for ``docker exec`` and testinfra."""
        return f"{self.name}-nginx"

    def run(self, *command: str) -> Completed:
        """Run a command in nginx's container, within a minute. Raises ``SluiceError`` when the stage could not be
        opened, or its agent is there no more.
        """
        # By the agent: of what a command of Docker's own prints, a busy engine loses some where that ends at once.
        answer = self.nginx("command", [{"argv": command}])
        return Completed(answer["code"], answer["output"])

    def _opened(self) -> None:
        if self._opening is None:
            raise SluiceError(f"the stage {self.name} was not opened")
        self._opening.result()

    def start(self) -> dict[str, Any]:
        """Start nginx, once; the answer of the agent is the same for all who ask. Raises ``SluiceError``."""
        if self._started is None:
            self._started = self.ask("start")
        return self._started

    def tree(self, identity: str) -> str:
        """The path in the container at which a release is, for the agent's ``serve`` and ``reload``."""
        return f"{_TREE}/{identity}"

    def lay(self, name: str, files: Mapping[str, bytes]) -> str:
        """Put a copy of the release into the container with ``files`` (paths in the tree) laid over it.

        Returns the copy's path there, for the agent's ``serve``. Raises ``SluiceError``.
        """
        rows = [[path, base64.b64encode(data).decode()] for path, data in files.items()]
        self.ask("lay", [{"copy": self.tree(name), "files": rows}])
        return self.tree(name)

    def mix(
        self,
        name: str,
        base: str,
        files: Sequence[tuple[str, str, bytes]],
        *,
        become: bool = False,
        cold: bool = False,
    ) -> None:
        """Change files of the tree ``name``, a copy of the release ``base`` that is made the first time.

        A row of ``files`` is a path, ``file``, ``link`` or ``gone``, and the content or the link's target. With
        ``become`` the stage is of that tree from now on, with nginx ended; with ``cold`` it is started anew when
        somebody asks how it starts. Raises ``SluiceError``.
        """
        rows = [[path, kind, base64.b64encode(data).decode()] for path, kind, data in files]
        self.ask("mix", [{"tree": self.tree(name), "base": self.tree(base), "files": rows, "become": become}])
        self._started = None if cold else self._started

    def read(self, path: str) -> str:
        """What is in a file of nginx's container; nothing where there is none. Raises ``SluiceError``."""
        return str(self.ask("read", [{"path": path}])["text"])

    def ask(self, what: str, about: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
        """Have the stage do ``what``: ``checks``, ``exchange``, ``reload``, or what nginx's agent does alone.

        Raises ``SluiceError`` with words when it cannot.
        """
        self._opened()
        together = TOGETHER.get(what)
        answer = together(self, about) if together else self.nginx(what, about)
        self.asked += made(answer) if together else 0
        return answer

    def nginx(self, what: str, about: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
        """Ask the agent in nginx's container. What it says is an observation, which a release may forge."""
        self._opened()
        return self._parts[0].agent.ask(what, list(about))

    def judge(self, what: str, about: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
        """Ask the judge, who is out of a release's reach."""
        self._opened()
        return self._parts[2].agent.ask(what, list(about))

    def close(self) -> None:
        """Remove the containers, whatever became of them. Raises ``SluiceError`` when Docker refuses."""
        self._opener.shutdown()
        self._maker.watch.stop()
        containers, self._maker.containers = self._maker.containers, []
        parts, self._parts = self._parts, ()
        if self._adopted and ask(self._settings.ahead, StageQuestion.REMOVE, self._maker.name):
            # Who has started them removes them, and nobody has to wait for it.
            given = {made.container.id for made in self._maker.parts}
            containers = [each for each in containers if each.id not in given]
        try:
            remove(containers)
        finally:
            for made in parts:
                made.agent.close()

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
