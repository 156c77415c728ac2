# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from seal_perception.running.patience import Patience, crowd


def test_a_limit_is_longer_where_the_machine_is_busy() -> None:
    now, busy = [0.0], [1.0]
    patience = Patience(lambda: now[0], lambda: busy[0])
    now[0] = 10.0
    assert patience.used_s() == 10.0, "an idle machine: the clock's seconds"
    busy[0], now[0] = 4.0, 30.0
    assert patience.used_s() == 15.0, "four processes per core: a quarter"
    patience.renew()
    assert patience.used_s() == 0.0
    now[0] = 32.0
    assert patience.used_s() == 0.5


def test_the_crowd_is_at_least_one() -> None:
    assert crowd() >= 1.0
