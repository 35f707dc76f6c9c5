"""A sequential test of two rates, which may be looked at as often as anybody likes.

Requests of switched hosts and of others arrive in the same seconds, and some of them are bad. Where both kinds of
hosts are alike, each bad request is a switched host's with the probability of those hosts' share of the requests,
whatever the number of bad ones is and however it changes with time. For a ratio ``r`` of the two rates the likelihood
ratio of ``x`` bad requests of ``k`` at a share ``s`` of the requests is ``r**x / (s*r + 1-s)**k``. Its expectation is
1 where the rates are equal, and less where the switched hosts are better, so the running product is a non-negative
supermartingale, and so is a mixture over ratios. By Ville's inequality it ever reaches ``1/alpha`` with a probability
of ``alpha`` at most, at any time of looking. (Given k, x is hypergeometric where a request is bad once or not at all,
and by Hoeffding's theorem on samples without replacement the expectation is then not larger.)

It is the conditional test of counting processes of

  M. Lindon, A. Malek: Anytime-Valid Inference for Multinomial Count Data. Advances in Neural Information Processing
  Systems 35 (2022), arXiv:2011.03567,

used for canaries in M. Lindon, C. Sanden, V. Shirikian: Rapid Regression Detection in Software Deployments through
Sequential Testing. KDD 2022, arXiv:2205.14762; with a mixture over a grid of ratios, after H. Robbins: Statistical
Methods Related to the Law of the Iterated Logarithm. Annals of Mathematical Statistics 41 (1970), in place of a
Dirichlet one.

Bad requests often come in clumps: one visitor asks ten times for what fails. With clumps of ``dispersion`` requests the
logarithm is divided by that, for a root of a supermartingale is one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["RATIOS", "Process", "dispersion_of", "seconds_to_tell"]

# How many times as often as on other hosts something is bad on switched ones, and how likely that is held to be.
_MIXTURE = ((1.25, 0.10), (1.5, 0.20), (2.0, 0.35), (3.0, 0.20), (5.0, 0.08), (10.0, 0.05), (50.0, 0.02))
RATIOS = tuple(ratio for ratio, _ in _MIXTURE)
_LOGS = tuple((ratio, math.log(ratio)) for ratio in RATIOS)
_DOUBLE = 2.0
# From which dispersion on there are clumps, and how much more they then weigh less.
_CLUMPED, _MARGIN = 1.3, 1.6
_LONGEST = 30 * 86400.0


class Process:
    """The test of one kind of bad requests. ``base`` is by how much switched hosts differed before, at least 1."""

    def __init__(self, dispersion: float = 1.0, base: float = 1.0, logs: Sequence[float] = ()) -> None:
        self.dispersion, self.base = max(1.0, dispersion), max(1.0, base)
        self.logs = list(logs) or [0.0] * len(RATIOS)

    def add(self, bad: int, requests: int, others_bad: int, others: int) -> None:
        """Add what came in since the last look: of switched hosts, and of ``others``. Nothing counts without both."""
        if not (requests and others):
            return
        share = self.base * requests / (self.base * requests + others)
        together = bad + others_bad
        if together:
            for number, (ratio, log) in enumerate(_LOGS):
                self.logs[number] += bad * log - together * math.log(share * ratio + 1 - share)

    def reaches(self, alpha: float) -> bool:
        """Return whether there is evidence enough for an error of ``alpha``."""
        limit = math.log(1 / alpha)
        # A mixture is never more than its largest part.
        return max(self.logs) / self.dispersion >= limit and self.log_evidence >= limit

    @property
    def log_evidence(self) -> float:
        """The logarithm of the evidence against equal rates. It is ``log(1/alpha)`` with probability alpha at most."""
        parts = [
            each / self.dispersion + math.log(weight) for each, (_, weight) in zip(self.logs, _MIXTURE, strict=True)
        ]
        most = max(parts)
        return most + math.log(sum(math.exp(part - most) for part in parts))


def seconds_to_tell(alpha: float, rate: float, others: float, share: float, dispersion: float = 1.0) -> float:
    """Return after how many seconds a doubling would show on average, infinite where it never does.

    ``rate`` and ``others`` are requests a second of switched hosts and of others, and ``share`` is how many are bad.
    """
    if rate <= 0 or others <= 0 or share <= 0:
        return math.inf
    part = rate / (rate + others)
    bad, others_bad = rate * share * _DOUBLE, others * share
    gain = bad * math.log(_DOUBLE) - (bad + others_bad) * math.log(part * _DOUBLE + 1 - part)
    needed = math.log(1 / alpha) - math.log(dict(_MIXTURE)[_DOUBLE])
    found = needed * max(1.0, dispersion) / gain
    return found if found < _LONGEST else math.inf


def dispersion_of(rows: Sequence[Sequence[tuple[int, int]]]) -> float:
    """Return how much more the bad requests of hosts differ than chance lets them: 1 for chance, n for clumps of n.

    ``rows`` has for each minute the requests and the bad ones of each host. It is Pearson's chi-square of the minutes,
    each with a rate of its own, by its degrees of freedom.
    """
    total, freedom = 0.0, 0
    for row in rows:
        hosts = [(requests, bad) for requests, bad in row if requests]
        requests, bad = sum(each[0] for each in hosts), sum(each[1] for each in hosts)
        if bad < len(hosts) or len(hosts) < 2:
            # With fewer than one for each host it says little.
            continue
        expected = [bad * each[0] / requests for each in hosts]
        total += sum((each[1] - wanted) ** 2 / wanted for each, wanted in zip(hosts, expected, strict=True))
        freedom += len(hosts) - 1
    found = total / freedom if freedom else 1.0
    # What is measured of clumps is uncertain, and the large ones weigh most; the margin is by simulation.
    return max(1.0, found * _MARGIN if found > _CLUMPED else found)
