"""What the actions share that ask all hosts of a play."""

from __future__ import annotations

import abc
import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ansible import context
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.requests import Question
from ansible_collections.sluice.nginx.plugins.module_utils.redactor.redactor import Redactor
from ansible_collections.sluice.nginx.plugins.plugin_utils.connecting import HostEngine, engines, variables_of
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import ControllerAction
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import printable_text
from ansible_collections.sluice.nginx.plugins.plugin_utils.waiting import Job, Late, as_they_end, end_children

__all__ = ["Answer", "FleetAction", "HostRequest", "answers", "failing", "failure"]

Answer = dict[str, Any]


class HostRequest(NamedTuple):
    """What a host is asked; it is given up after ``seconds``."""

    question: Question
    seconds: float


class FleetAction(ControllerAction):
    """An action that asks the engines of all hosts of the play at once.

    It runs once, in one of Ansible's worker processes, instead of in one for each host: to start one for each costs
    more than all that is asked.
    """

    BYPASS_HOST_LOOP = True

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Do the work on the hosts of the play, which are of the one group."""
        self._group()
        return self.work_on(list(task_vars["ansible_play_hosts"]), options)

    @abc.abstractmethod
    def work_on(self, hosts: list[str], options: dict[str, Any]) -> dict[str, Any]:
        """Do what the action is for, on ``hosts``; returns its result."""

    def _variables(self, host: str) -> dict[str, Any]:
        """The variables of a host, as they were written."""
        return variables_of(self, host)

    def _answers(self, askings: Mapping[str, HostRequest]) -> Iterator[tuple[str, Answer]]:
        """Ask each host, as ``answers`` does."""
        return answers(self, askings)


def answers(action: ActionBase, askings: Mapping[str, HostRequest]) -> Iterator[tuple[str, Answer]]:
    """Ask each host, as many at once as there are forks, and yield the answers as they come.

    Whatever goes wrong, or takes too long, is an answer with a problem.
    """
    if not askings:
        return
    # Each host is asked as soon as the way to it is known.
    jobs: Iterator[Job[Answer]] = (
        Job(host, askings[host].seconds, functools.partial(_ask, way, askings[host].question))
        for host, way in engines(action, list(askings))
    )
    late = False
    for host, answer in as_they_end(jobs, int(context.CLIARGS["forks"])):
        if isinstance(answer, Late):
            late = True
            words = f"the host did not answer within {answer.seconds:g} s; see what hangs there"
            yield host, failure(words, unreachable=True)
        else:
            yield host, answer
    if late:
        end_children()


def _ask(way: HostEngine | Exception, question: Question) -> Answer:
    """Ask one host, on a thread."""
    try:
        if isinstance(way, Exception):
            raise way
        return way.ask(question)
    except AnsibleConnectionFailure as error:
        return failure(f"the host cannot be reached: {error}", unreachable=True)
    except (SluiceError, AnsibleError) as error:
        return failure(str(error))
    except Exception as error:  # a wave must not end half way because of a fault of ours
        return failure(f"{type(error).__name__} on the controller: {error}")


def failing(result: Mapping[str, Any], lines: Iterable[str]) -> dict[str, Any]:
    """Return a result that fails and says what is wrong, a line for each host."""
    return {**result, "failed": True, "msg": printable_text("\n".join(map(Redactor().line, lines)))}


def failure(what: str, *, unreachable: bool = False) -> Answer:
    """What stands for the answer of a host that gave none."""
    return {"ok": False, "changed": False, "unreachable_host": unreachable, "problems": [{"what": what}]}
