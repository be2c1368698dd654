"""Many tasks side by side in one process: what they ask a model for is served in batches.

A task is a plain function, written as if it ran alone. Where it calls `ask_for`, it waits; once all tasks wait, the one that is furthest
behind is served, together with all requests of its kind that fit. What is cheap (an unembedding) goes before what is costly (a run through the blocks): nobody's costly run
is made while another task could still join it. Tasks are greenlets of one thread: only one runs at a time, and the
order is always the same, so that the same tasks give the same numbers to the last bit.

The last bits of a row depend on the shape of its batch. Two results whose difference must be exactly 0 are computed inside `one_path`: the second
run has the batches of the first, row by row, whatever the other tasks do meanwhile.
"""

import time
from collections.abc import Callable, Hashable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from greenlet import GreenletExit, getcurrent, greenlet

from mechcot.model.prefix.memory import Limit, in_parts, out_of_memory

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")
Sizes = tuple[int, ...]
TASKS_AT_ONCE = 32
"""Most tasks that run side by side."""
TOKENS_AT_ONCE = 8192
"""Most tokens of theirs: a long text fills a batch by itself."""


@runtime_checkable
class BatchRequest(Protocol):
    """Something that a model is asked for."""

    @property
    def kind(self) -> Hashable:
        """Requests of one kind may share a batch; None: this one is served by itself."""
        ...

    @property
    def costly(self) -> bool:
        """Whether it waits until every task asks for something costly: then all of them can share its batch."""
        ...

    @property
    def sizes(self) -> Sizes:
        """What decides the shape of its part of a batch."""
        ...

    def fit(self, sizes: Sequence[Sizes]) -> bool:
        """Return whether a batch of these sizes is worth its padding."""
        ...

    def alone(self) -> Any:
        """Serve it by itself."""
        ...

    def together(self, sizes: Sequence[Sizes], requests: Sequence[Any]) -> list[Any]:
        """Serve a batch; None in `requests` is a slot whose result nobody wants."""
        ...


@dataclass(eq=False)
class _Layout:
    """The shape of a batch.

    Attributes:
        kind: Of its requests.
        sizes: Of its slots.
        number: The how many-th batch it was.
        apart: Its requests were served one by one.
    """

    kind: Hashable
    sizes: tuple[Sizes, ...]
    number: int
    apart: bool = False


_Slot = tuple[_Layout, int]


@dataclass(eq=False)
class _Path:
    """Where the requests of the first of two runs were served, for the second."""

    slots: list[_Slot] = field(default_factory=list)
    replayed: int | None = None

    def next(self) -> _Slot | None:
        """Where the request in the same place of the first run was served."""
        if self.replayed is None or self.replayed >= len(self.slots):
            return None
        self.replayed += 1
        return self.slots[self.replayed - 1]


@dataclass(frozen=True, eq=False)
class _Asked:
    """A request of a task that waits.

    Attributes:
        task: Who asks.
        request: What for.
        slot: Where it must be served; None: anywhere.
        kind: Of the request, looked at once.
        sizes: Of the request, looked at once.
    """

    task: "_Task"
    request: BatchRequest
    slot: _Slot | None
    kind: Hashable
    sizes: Sizes

    @property
    def turn(self) -> tuple[bool, int, int]:
        """What is served first: nothing that others could still catch up with."""
        if self.slot is not None:
            return self.request.costly, 2, self.slot[0].number
        return self.request.costly, int(bool(self.task.paths)), self.task.served


class _Task(greenlet):
    """A function under way.

    Attributes:
        index: Its place among all.
        served: Requests that it made so far.
        paths: The `one_path` blocks that it is in.
        undisturbed: It does not wait for others now.
        seconds: Time that it took so far, its share of the batches included.
        since: When it was last let go on.
        common: What one task found out for all, by key.
    """

    def __init__(
        self, function: Callable[[], Any], index: int, common: MutableMapping[Hashable, Any]
    ) -> None:
        super().__init__(function)
        self.index, self.served, self.common = index, 0, common
        self.paths: list[_Path] = []
        self.undisturbed = False
        self.seconds, self.since = 0.0, 0.0

    def asked(self, request: BatchRequest) -> _Asked:
        """Its next request."""
        slots = [path.next() for path in self.paths]
        slot = next((slot for slot in slots if slot is not None), None)
        kind, sizes = request.kind, request.sizes
        if slot is not None and (slot[0].kind != kind or slot[0].sizes[slot[1]] != sizes):
            slot = None
        return _Asked(self, request, slot, kind, sizes)

    def note(self, slot: _Slot) -> None:
        """Remember where a request was served."""
        self.served += 1
        for path in self.paths:
            if path.replayed is None:
                path.slots.append(slot)


def ask_for(request: BatchRequest) -> Any:
    """Give what a request asks for: at once, or in a batch where tasks run together."""
    task = getcurrent()
    if not isinstance(task, _Task) or task.undisturbed or task.parent is None:
        return request.alone()
    grad = torch.is_grad_enabled()
    try:
        return task.parent.switch(task.asked(request))
    finally:
        torch.set_grad_enabled(grad)


def one_path(first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
    """Run two functions so that equal values in them are equal to the last bit.

    Args:
        first: Asks the model for something.
        second: Asks for the same shapes in the same order.
    """
    task = getcurrent()
    if not isinstance(task, _Task):
        return first(), second()
    path = _Path()
    task.paths.append(path)
    try:
        result = first()
        path.replayed = 0
        return result, second()
    finally:
        task.paths.remove(path)


def twice(run: Callable[[], A]) -> tuple[A, A]:
    """Run a function two times on one path: the results of an edit that changes nothing."""
    return one_path(run, run)


def shared(key: Hashable, compute: Callable[[], A]) -> A:
    """Compute something once for all tasks that run together; alone, whenever it is asked for.

    Args:
        key: Says all that the result depends on.
        compute: Gives the same to every task.
    """
    task = getcurrent()
    if not isinstance(task, _Task):
        return compute()
    if key not in task.common:
        task.common[key] = compute()
    return task.common[key]


def in_company() -> bool:
    """Return whether other tasks run beside this one."""
    return isinstance(getcurrent(), _Task)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Serve what is asked for inside the block at once, each request by itself."""
    task = getcurrent()
    before = isinstance(task, _Task) and task.undisturbed
    if isinstance(task, _Task):
        task.undisturbed = True
    try:
        yield
    finally:
        if isinstance(task, _Task):
            task.undisturbed = before


def seconds() -> float:
    """Seconds of a clock that goes on only while this task does something, or something is done for it."""
    task, now = getcurrent(), time.perf_counter()
    return task.seconds + now - task.since if isinstance(task, _Task) else now


def companies(sizes: Sequence[int]) -> list[slice]:
    """Cut tasks, in their order, into those that are worth running side by side; one that is longer is by itself.

    Args:
        sizes: Tokens of each task.
    """
    ends, left = [0], 0
    for index, size in enumerate(sizes):
        if index - ends[-1] in {0, TASKS_AT_ONCE} or left < size:
            ends += [index] if index else []
            left = TOKENS_AT_ONCE
        left -= size
    return [slice(a, b) for a, b in zip(ends, [*ends[1:], len(sizes)], strict=True) if a < b]


def together(tasks: Sequence[Callable[[], T]], *, sizes: Sequence[int], limit: Limit) -> list[T]:
    """Run tasks side by side, and give their results in order.

    Args:
        tasks: Functions that handle their own errors: one that is raised ends all of them. Where memory runs out
            they are run again, fewer at a time.
        sizes: Tokens of each task.
        limit: Falls when memory runs out.

    Example:
        >>> import mechcot as mc
        >>> from functools import partial
        >>> from mechcot.model.prefix.lockstep import together
        >>> from mechcot.model.prefix.memory import Limit
        >>> base = mc.load("organism:base")
        >>> traces = base.write(mc.problems("mod10", n=2))
        >>> tasks = [partial(mc.measure, "filler", base, trace) for trace in traces]
        >>> len(together(tasks, sizes=[len(trace) for trace in traces], limit=Limit()))
        2
    """

    def run(part: list[int]) -> list[T]:
        mine = [tasks[index] for index in part]
        return [mine[0]()] if len(mine) == 1 else _Crew.of(mine).run()

    return [result for part in in_parts(sizes, run, limit=limit) for result in part]


@dataclass(eq=False)
class _Crew:
    """Tasks under way.

    Attributes:
        tasks: All of them.
        results: Of those that are through, by index.
        waiting: What the others ask for.
        batches: How many were served.
    """

    tasks: Sequence[_Task]
    results: dict[int, Any] = field(default_factory=dict)
    waiting: list[_Asked] = field(default_factory=list)
    batches: int = 0

    @classmethod
    def of(cls, functions: Sequence[Callable[[], Any]]) -> "_Crew":
        common: dict[Hashable, Any] = {}
        return cls([_Task(function, index, common) for index, function in enumerate(functions)])

    def run(self) -> list[Any]:
        """Run all to their ends.

        Raises:
            MemoryError: It, or torch's error, where memory ran out.
        """
        grad = torch.is_grad_enabled()
        try:
            for task in self.tasks:
                self._resume(task, task.switch)
            while self.waiting:
                batch, layout = _next(self.waiting, number=self.batches)
                self.waiting = [asked for asked in self.waiting if asked not in batch]
                self.batches += 1
                for asked, go in zip(batch, _serve(batch, layout), strict=True):
                    self._resume(asked.task, go)
        finally:
            for task in self.tasks:
                if not task.dead:
                    task.throw(GreenletExit)
            torch.set_grad_enabled(grad)
        return [self.results[index] for index in range(len(self.tasks))]

    def _resume(self, task: _Task, go: Callable[[], Any]) -> None:
        task.since = time.perf_counter()
        outcome = go()
        task.seconds += time.perf_counter() - task.since
        if task.dead:
            self.results[task.index] = outcome
        else:
            self.waiting.append(outcome)


def _next(waiting: Sequence[_Asked], *, number: int) -> tuple[list[_Asked], _Layout]:
    """The requests that are served next, and the shape of their batch."""
    seed = min(waiting, key=lambda asked: (*asked.turn, asked.task.index))
    if seed.slot is not None:
        layout = seed.slot[0]
        return [a for a in waiting if a.slot is not None and a.slot[0] is layout], layout
    kind = seed.kind
    batch = [seed]
    if kind is not None:
        riders = [
            asked
            for asked in waiting
            if asked is not seed
            and asked.slot is None
            and asked.turn[1] == seed.turn[1]
            and asked.kind == kind
        ]
        for asked in sorted(riders, key=lambda a: (_distance(a, seed), a.task.index)):
            if seed.request.fit([a.sizes for a in (*batch, asked)]):
                batch.append(asked)
        batch.sort(key=lambda asked: asked.task.index)
    return batch, _Layout(kind, tuple(asked.sizes for asked in batch), number)


def _distance(asked: _Asked, seed: _Asked) -> int:
    pairs = zip(asked.sizes, seed.sizes, strict=True)
    return sum(abs(own - other) for own, other in pairs)


def _serve(batch: Sequence[_Asked], layout: _Layout) -> list[Callable[[], Any]]:
    """Serve a batch; gives what lets each of its tasks go on.

    Raises:
        MemoryError: It, or torch's error, where memory ran out.
    """
    started = time.perf_counter()
    try:
        return _outcomes(batch, layout)
    finally:
        for asked in batch:
            asked.task.seconds += (time.perf_counter() - started) / len(batch)


def _outcomes(batch: Sequence[_Asked], layout: _Layout) -> list[Callable[[], Any]]:
    places = [a.slot[1] if a.slot is not None else place for place, a in enumerate(batch)]
    for asked, place in zip(batch, places, strict=True):
        asked.task.note((layout, place))
    if not layout.apart and len(layout.sizes) > 1:
        slots = dict(zip(places, (asked.request for asked in batch), strict=True))
        requests = [slots.get(place) for place in range(len(layout.sizes))]
        try:
            results = batch[0].request.together(layout.sizes, requests)
        except Exception as error:
            if out_of_memory(error):
                raise
            layout.apart = True  # one of them is at fault: it meets its error alone
        else:
            pairs = zip(batch, places, strict=True)
            return [partial(asked.task.switch, results[place]) for asked, place in pairs]
    return [_serve_alone(asked) for asked in batch]


def _serve_alone(asked: _Asked) -> Callable[[], Any]:
    try:
        return partial(asked.task.switch, asked.request.alone())
    except Exception as error:
        if out_of_memory(error):
            raise
        return partial(asked.task.throw, error)
