"""Tasks side by side: the results of each alone, in few batches, in a fixed order; equal values equal to the last bit on one path."""

from dataclasses import dataclass, field
from functools import partial

import pytest
import torch

from mechcot.model.prefix.lockstep import (
    TASKS_AT_ONCE,
    TOKENS_AT_ONCE,
    ask_for,
    companies,
    in_company,
    one_path,
    seconds,
    shared,
    together,
    twice,
)
from mechcot.model.prefix.memory import Limit


@dataclass
class Log:
    """The batches that were served, as the values asked for in each."""

    batches: list[list[float | None]] = field(default_factory=list)
    most: int = 99


@dataclass(frozen=True)
class Half:
    """Asks for half of a value; what it gets carries the shape of its batch in its last bits."""

    log: Log
    value: float
    length: int = 1
    kind: str | None = "half"
    costly: bool = True

    @property
    def sizes(self) -> tuple[int, ...]:
        return (self.length,)

    def fit(self, sizes) -> bool:
        return max(sizes)[0] <= 2 * min(sizes)[0]

    def alone(self) -> float:
        self.log.batches.append([self.value])
        if self.value == 13:
            raise ValueError("thirteen")
        return self.value / 2

    def together(self, sizes, requests) -> list[float]:
        if len(sizes) > self.log.most:
            raise torch.OutOfMemoryError("out of memory")
        values = [None if request is None else request.value for request in requests]
        self.log.batches.append(values)
        if 13 in values:
            raise ValueError("thirteen")
        noise = 1e-9 * sum(size[0] for size in sizes)
        return [(v or 0) / 2 + noise * (1 + place) for place, v in enumerate(values)]


def run(tasks, limit=None):
    return together(tasks, sizes=[1] * len(tasks), limit=limit or Limit())


def halves(log: Log, value: float, count: int) -> float:
    for _ in range(count):
        value = ask_for(Half(log, value))
    return value


def test_what_is_costly_waits_until_all_tasks_ask_for_it():
    """Tasks with unequal numbers of cheap requests between the costly ones stay together; on one path, too."""
    log = Log()

    def task(cheap: int) -> float:
        value = 0.0
        for start in (10.0, 20.0, 30.0):
            value += ask_for(Half(log, start))
            for at in range(cheap):
                twice(lambda at=at: ask_for(Half(log, 100.0 + at, kind="cheap", costly=False)))
        return value

    assert run([partial(task, cheap) for cheap in (0, 1, 3)]) == pytest.approx([30.0] * 3)
    costly = [batch for batch in log.batches if max(v or 0 for v in batch) < 100]
    assert costly == [[10.0] * 3, [20.0] * 3, [30.0] * 3]


def test_a_task_alone_asks_without_company():
    log = Log()
    assert halves(log, 8, 2) == 2
    assert run([partial(halves, log, 8, 2)]) == [2]
    assert log.batches == [[8], [4]] * 2
    assert not in_company()


def test_what_tasks_ask_at_the_same_time_is_one_batch():
    log = Log()
    results = run(
        [partial(halves, log, value, count) for value, count in ((8, 3), (16, 1), (4, 2))]
    )
    assert results == pytest.approx([1, 8, 1], abs=1e-6)
    assert [len(batch) for batch in log.batches] == [3, 2, 1]
    again = Log()
    assert run([partial(halves, again, v, n) for v, n in ((8, 3), (16, 1), (4, 2))]) == results
    assert again.batches == log.batches


def test_other_kinds_and_sizes_go_apart():
    log = Log()
    requests = [
        Half(log, 2),
        Half(log, 4, length=2),
        Half(log, 6, length=5),
        Half(log, 8, kind="b"),
    ]
    requests += [Half(log, 10, kind=None), Half(log, 12, kind=None)]
    run([partial(ask_for, request) for request in requests])
    assert log.batches == [[2, 4], [6], [8], [10], [12]]


def test_what_is_shared_is_asked_for_once_in_company_and_anew_in_the_next():
    log = Log()

    def task(key: int) -> float:
        first = shared(key, partial(halves, log, key, 1))
        halves(log, 100, 1)
        return first + shared(2, partial(halves, log, 2, 1))

    tasks = [partial(task, key) for key in (2, 4, 6)]
    assert run(tasks) == pytest.approx([2, 3, 4], abs=1e-6)
    assert log.batches == [[2, 4, 6], [100] * 3]
    assert [task() for task in tasks] == [2, 3, 4]
    assert log.batches[2:] == [[2], [100], [2], [4], [100], [2], [6], [100], [2]]


def test_companies_hold_few_tasks_and_few_tokens():
    assert companies([]) == []
    few, long = [10] * (TASKS_AT_ONCE + 1), TOKENS_AT_ONCE + 1
    assert companies(few) == [slice(0, TASKS_AT_ONCE), slice(TASKS_AT_ONCE, len(few))]
    assert companies([10, long, 10, 10]) == [slice(0, 1), slice(1, 2), slice(2, 4)]
    halves = [TOKENS_AT_ONCE // 2] * 3
    assert companies(halves) == [slice(0, 2), slice(2, 3)]


def pair(log: Log, value: float, before: int) -> float:
    halves(log, 1, before)
    first, second = twice(partial(halves, log, value, 2))
    return second - first


def test_a_pair_has_the_same_batches_whatever_the_others_do():
    log = Log()
    tasks = [partial(pair, log, 16, 0), partial(pair, log, 32, 3), partial(halves, log, 8, 9)]
    assert run(tasks)[:2] == [0, 0]
    assert log.batches.count([16, 32]) == 2  # the first waited for the second


def leaves(log: Log, value: float) -> float:
    first, second = one_path(
        partial(halves, log, value, 1), lambda: None if value == 4 else halves(log, value, 1)
    )
    return 0.0 if second is None else second - first


def test_one_that_leaves_its_pair_leaves_an_empty_slot():
    log = Log()
    assert run([partial(leaves, log, value) for value in (2, 4, 6)]) == [0, 0, 0]
    assert log.batches == [[2, 4, 6], [2, None, 6]]


def test_a_pair_inside_a_pair():
    log = Log()

    def nested(value: float) -> float:
        inner = partial(twice, partial(halves, log, value, 1))
        (a, b), (c, d) = twice(inner)
        return abs(a - b) + abs(b - c) + abs(c - d)

    assert run([partial(nested, 2), partial(nested, 6), partial(halves, log, 8, 5)])[:2] == [0, 0]


def caught(log: Log, value: float) -> str:
    try:
        return str(ask_for(Half(log, value)))
    except ValueError as error:
        return f"met {error}"


def test_an_error_reaches_the_task_that_is_at_fault():
    log = Log()
    assert run([partial(caught, log, value) for value in (2, 13, 6)]) == [
        "1.0",
        "met thirteen",
        "3.0",
    ]


def test_an_error_that_nobody_handles_ends_all_and_cleans_up():
    log, closed = Log(), []

    def careful() -> None:
        try:
            halves(log, 8, 9)
        finally:
            closed.append(True)

    with pytest.raises(ValueError, match="thirteen"):
        run([careful, partial(ask_for, Half(log, 13)), careful])
    assert closed == [True, True]


def test_out_of_memory_halves_the_company_and_goes_on(caplog):
    log, limit = Log(most=2), Limit()
    assert run([partial(halves, log, 8, 2)] * 5, limit) == pytest.approx([2] * 5, abs=1e-6)
    assert limit.tokens == 2
    assert max(map(len, log.batches)) == 2
    assert "out of memory at 5 tokens at once: going on with 2" in caplog.text


def test_gradients_stay_as_each_task_has_them():
    log = Log()

    def graded(on: bool) -> bool:
        with torch.set_grad_enabled(on):
            halves(log, 8, 3)
            return torch.is_grad_enabled()

    assert run([partial(graded, on) for on in (True, False, True)]) == [True, False, True]
    assert torch.is_grad_enabled()


def test_seconds_do_not_count_the_others():
    log = Log()

    def slow(turns: int) -> float:
        started = seconds()
        for _ in range(turns):
            ask_for(Half(log, 1))
            sum(range(200_000))
        return seconds() - started

    short, long = run([partial(slow, 1), partial(slow, 8)])
    assert 0 < short < long
