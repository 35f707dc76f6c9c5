"""Sets the wall clock of a Python wrong by ``SKEW`` seconds: found by Python itself where this folder is on its path.

libfaketime cannot: with the monotonic clock left alone it lets ``time.sleep`` fail, which sleeps until a point of that
clock.
"""

from __future__ import annotations

import datetime
import os
import time
from typing import Self

_SKEW = float(os.environ["SKEW"])
_real_time, _real_time_ns = time.time, time.time_ns


class _Datetime(datetime.datetime):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Self:
        return super().now(tz) + datetime.timedelta(seconds=_SKEW)


time.time = lambda: _real_time() + _SKEW
time.time_ns = lambda: _real_time_ns() + int(_SKEW * 10**9)
datetime.datetime = _Datetime  # type: ignore[misc]
