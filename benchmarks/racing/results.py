"""What was measured, as figures for programs and as tables for people; and whether it is what is wanted."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..reporting import Target
from .contestants import ALL, COLD, FLOOR
from .measuring import Cost

__all__ = ["TITLES", "Size", "document", "figures", "lines", "targets"]

TITLES = {
    FLOOR: "bare SSH, warm connections: the floor",
    COLD: "bare SSH, new connections",
    "pyinfra": "pyinfra, new connections",
    "plain_ansible": "plain playbook",
    "sluice_push": "Sluice: push and finalize",
    "sluice_no_change": "Sluice: nothing to change",
    "sluice_rollback": "Sluice: rollback of all",
}
_PUSH_FLOORS, _IDLE_FLOORS, _SLOPE, _MEMORY_MIB = 8.0, 3.0, 1.1, 400.0


@dataclass
class Size:
    """The figures of one number of hosts: of each contestant, the costs of its runs, the cost of the untimed one whose
    memory was sampled, and how often its last run executed something on a host, by phase.
    """

    hosts: int
    costs: dict[str, list[Cost]] = field(default_factory=dict)
    rehearsed: dict[str, Cost] = field(default_factory=dict)
    executions: dict[str, dict[str, int]] = field(default_factory=dict)
    gates: list[float] = field(default_factory=list)

    def seconds(self, name: str) -> float:
        """The median of a contestant."""
        return statistics.median(cost.seconds for cost in self.costs[name])

    def floors(self, name: str) -> float | None:
        """The median as a multiple of the floor's, if that was measured."""
        return self.seconds(name) / self.seconds(FLOOR) if FLOOR in self.costs else None

    def cpu(self, name: str) -> float:
        """The median of the processor time on the controller."""
        return statistics.median(cost.cpu for cost in self.costs[name])

    def processor(self, name: str) -> float | None:
        """The median of the processor time on one host, in seconds, where it is known."""
        known = [cost.hosts for cost in self.costs[name] if cost.hosts is not None]
        return statistics.median(known) / self.hosts if known else None

    def memory(self, name: str) -> float | None:
        """What all processes had together at the peak, in MiB, where it was sampled."""
        return self.rehearsed[name].together if name in self.rehearsed else None


def targets(sizes: Sequence[Size]) -> list[Target]:
    """Hold the figures of 40 and 100 hosts to what is promised, as far as they were measured."""
    by_hosts = {size.hosts: size for size in sizes}
    found: list[Target] = []
    few, many = by_hosts.get(40), by_hosts.get(100)
    if few:
        found += _at_forty(few)
    if few and many and "sluice_push" in few.costs and "sluice_push" in many.costs:
        slope = many.seconds("sluice_push") / few.seconds("sluice_push") / (many.hosts / few.hosts)
        text = f"from 40 to 100 hosts push and finalize grow {slope:.2f} x linearly, at most {_SLOPE:g} x is wanted"
        found.append(Target(slope <= _SLOPE, text))
    memory = many.memory("sluice_push") if many else None
    if memory is not None:
        text = f"the controller takes {memory:.0f} MiB for 100 hosts, less than {_MEMORY_MIB:.0f} are wanted"
        found.append(Target(memory < _MEMORY_MIB, text))
    return found


def _at_forty(size: Size) -> list[Target]:
    found: list[Target] = []
    for name, most in (("sluice_push", _PUSH_FLOORS), ("sluice_no_change", _IDLE_FLOORS)):
        floors = size.floors(name) if name in size.costs else None
        if floors is not None:
            text = f"{TITLES[name]}, 40 hosts: {floors:.1f} x the floor, at most {most:g} x is wanted"
            found.append(Target(floors <= most, text))
    if "sluice_push" not in size.costs:
        return found
    push = size.seconds("sluice_push")
    if "pyinfra" in size.costs:
        text = f"push and finalize to 40 hosts take {push:.1f} s, pyinfra {size.seconds('pyinfra'):.1f} s"
        found.append(Target(push < size.seconds("pyinfra"), text))
    if "sluice_rollback" in size.costs:
        back = size.seconds("sluice_rollback")
        found.append(Target(back <= push, f"the rollback of 40 hosts takes {back:.1f} s, the push {push:.1f} s"))
    return found


def figures(sizes: Iterable[Size]) -> dict[str, Any]:
    """Write the figures for programs: by number of hosts the medians in seconds, and all that belongs to them."""
    return {str(size.hosts): _figures(size) for size in sizes}


def _figures(size: Size) -> dict[str, Any]:
    names = [name for name in ALL if name in size.costs]
    rehearsed = {name: size.memory(name) for name in names}
    return {
        **{name: round(size.seconds(name), 3) for name in names},
        "gates": round(statistics.median(size.gates), 3) if size.gates else None,
        "floors": {name: round(floors, 2) for name in names if (floors := size.floors(name)) is not None},
        "runs": {name: [round(cost.seconds, 3) for cost in size.costs[name]] for name in names},
        "controller_cpu_seconds": {name: round(size.cpu(name), 3) for name in names},
        "host_cpu_seconds": {name: round(spent, 4) for name in names if (spent := size.processor(name)) is not None},
        "controller_peak_mib": {name: round(memory, 1) for name, memory in rehearsed.items() if memory is not None},
        "controller_largest_process_mib": {
            name: round(max(cost.largest for cost in size.costs[name]), 1) for name in names
        },
        "executions_per_host": {name: size.executions[name] for name in names},
    }


def lines(size: Size) -> list[str]:
    """Tell a size in lines for a terminal."""
    return [
        f"{TITLES[name]:<40}{size.seconds(name):8.2f} s {_times(size, name):>8}   of {_runs(size, name)}; "
        f"processor {size.cpu(name):.2f} s, on a host {_on_a_host(size, name)}; memory {_mib(size, name)}; "
        f"executions {_per_host(size.executions[name])}"
        for name in ALL
        if name in size.costs
    ]


def document(sizes: Sequence[Size], judged: Sequence[Target]) -> str:
    """Write the part of the documentation that is made from figures."""
    names = [name for name in ALL if any(name in size.costs for size in sizes)]
    largest = max(sizes, key=lambda size: size.hosts)
    heads = [f"{size.hosts} host{'s' if size.hosts > 1 else ''}" for size in sizes]
    rows = [[TITLES[name], *(_cell(size, name) for size in sizes)] for name in names]
    rows.append(["the gates before, not part of it", *(_gates(size) for size in sizes)])
    costs = [
        [
            TITLES[name],
            _per_host(largest.executions[name]),
            _on_a_host(largest, name),
            *(cell(size, name) if name in size.costs else "-" for cell in (_here, _mib) for size in sizes[-2:]),
        ]
        for name in names
        if name in largest.costs
    ]
    head = ["what", "executions on a host", "processor of a host"]
    head += [f"{what}, {each}" for what in ("processor here", "memory here") for each in heads[-2:]]
    parts = [
        "![Seconds by number of hosts](fleet.svg)",
        _table(["median seconds, and x the floor", *heads], rows),
        _table(head, costs),
        "\n".join(f"- {'met' if target.met else '**missed**'}: {target.text}" for target in judged),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _cell(size: Size, name: str) -> str:
    if name not in size.costs:
        return "-"
    runs = len(size.costs[name])
    few = f", {_runs(size, name)}" if runs < max(map(len, size.costs.values())) else ""
    return f"{size.seconds(name):.2f} ({_times(size, name).strip()}{few})"


def _times(size: Size, name: str) -> str:
    floors = size.floors(name)
    return "" if floors is None else f"x {floors:.1f}"


def _runs(size: Size, name: str) -> str:
    runs = len(size.costs[name])
    return f"{runs} run{'s' if runs > 1 else ''}"


def _gates(size: Size) -> str:
    return f"{statistics.median(size.gates):.1f}" if size.gates else "-"


def _here(size: Size, name: str) -> str:
    return f"{size.cpu(name):.1f} s"


def _on_a_host(size: Size, name: str) -> str:
    spent = size.processor(name)
    return "-" if spent is None else f"{spent * 1000:.0f} ms"


def _mib(size: Size, name: str) -> str:
    memory = size.memory(name)
    return "-" if memory is None else f"{memory:.0f} MiB"


def _per_host(executions: Mapping[str, int]) -> str:
    total = sum(executions.values())
    named = ", ".join(f"{phase} {count}" for phase, count in executions.items() if phase)
    return f"{total} ({named})" if named else str(total)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    found = [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
    return "\n".join([*found, *(f"| {' | '.join(row)} |" for row in rows)])
