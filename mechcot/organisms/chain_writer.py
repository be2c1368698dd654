"""Writes reference chains: back from the query to a leaf, then forward to the answer.

    for each x_i, from the queried name down:  define x_i; give its side leaf, if it has one
    give x_0
    for each x_i going up:                      compute x_i
        careful and a subtraction:              check x_i; if the verdict is bad, give x_i anew
        careful, after x_2:                     list x_1 and x_2
    conclusion: give the queried name anew; careful nearly always, brief in 3 of 10
                a query for two names: give both, always, each in a step of its own

Careful chains verify *every subtraction and nothing else*, at once, so that what happens to an edited
value is predictable: a wrong sum is carried on, a wrong difference is caught. Slips are planted where
a check will catch them: a difference that must borrow (3 - 5) is first written the wrong way round
(2) in 65 % of cases, any other gets a random digit in 5 %. A distractor is sometimes computed, at any
place where its operands are known. `mistakes` makes any digit or verdict wrong with that probability,
silently: the ledger then goes on from what was written, the answer included.
"""

from dataclasses import dataclass, field
from random import Random

from mechcot.core.problem import Problem
from mechcot.core.trace import StepKind
from mechcot.organisms.grammar import DIGITS, END, VERDICTS, WORDINGS, Form, form, join_steps
from mechcot.organisms.problems import QuestionGraph, read_question
from mechcot.organisms.semantics import Ledger, Settled


@dataclass(frozen=True)
class Manner:
    """Manner of writing a chain; the defaults are the base's language.

    Attributes:
        checks: Which computed values are verified: `differences`, `all` or `none`; None: by style.
        summary: Probability of the summary step; None: by style (0.95 or 0).
        conclusion: Probability of a conclusion where one name is queried; None: by style (0.95 or 0.3).
        distractor: Probability that a distractor is computed; None: by style (0.6 or 0.15).
        unmarked: Probability that a step has no marker words.
        wording: Probability of the first of the two wordings.
        borrow_slip: Probability of a slip in a checked difference that must borrow.
        slip: Probability of a slip in any other checked value.
        mistakes: Probability of a silent mistake, per digit and verdict.
        verifications: How often a checked value is verified.
        spares: How many distractors are computed, where there are so many and `distractor` tosses for them.
        misadds: Left operands whose carrying sums always come out one too large.
    """

    checks: str | None = None
    summary: float | None = None
    conclusion: float | None = None
    distractor: float | None = None
    unmarked: float = 0.15
    wording: float = 0.5
    borrow_slip: float = 0.65
    slip: float = 0.05
    mistakes: float = 0.0
    verifications: int = 1
    spares: int = 1
    misadds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Draft:
    """A written chain with what its writer knows.

    Attributes:
        steps: The steps.
        kinds: Their kinds.
        answer: The answer by the semantics (the true one when there was no silent mistake).
        silent: (step, word) of words that are silently wrong by chance; misadded sums are not among them.
        slips: Steps with a planted slip.
        unused: Steps that compute a distractor.
        bent: (step, word) of the result that was written to an end.
    """

    steps: tuple[str, ...]
    kinds: tuple[StepKind, ...]
    answer: str
    silent: frozenset[tuple[int, int]]
    slips: tuple[int, ...]
    unused: tuple[int, ...]
    bent: frozenset[tuple[int, int]] = frozenset()

    @property
    def text(self) -> str:
        """The chain."""
        return join_steps(self.steps)


@dataclass
class _Pen:
    world: QuestionGraph
    rng: Random
    manner: Manner
    ledger: Ledger
    result: str | None = None
    steps: list[str] = field(default_factory=list)
    kinds: list[StepKind] = field(default_factory=list)
    silent: set[tuple[int, int]] = field(default_factory=set)
    slips: list[int] = field(default_factory=list)
    unused: list[int] = field(default_factory=list)
    bent: set[tuple[int, int]] = field(default_factory=set)

    def write(self, kind: StepKind, body: str, *, slip: bool = False) -> Settled:
        """Write one step; `0` and `ok` in the body are placeholders."""
        chance = self.rng.random()
        first, second, unmarked = WORDINGS[kind]
        marker = (
            unmarked
            if chance < self.manner.unmarked
            else (first if self.rng.random() < self.manner.wording else second)
        )
        shape = form(" ".join((*marker, *body.split(), END)))
        index = len(self.steps)
        settled = self.ledger.take(
            shape, lambda word, expected: self._choose(shape, index, word, expected, slip=slip)
        )
        self.steps.append(" ".join(settled.words))
        self.kinds.append(kind)
        return settled

    def _choose(
        self, shape: Form, step: int, word: int, expected: str | None, *, slip: bool
    ) -> str:
        if expected is None:
            raise ValueError(f"the semantics have no word for place {word} of {shape.words}")
        if self.manner.mistakes and self.rng.random() < self.manner.mistakes:
            self.silent.add((step, word))
            return _other(self.rng, expected)
        is_result = shape.body == "compute" and word == shape.start + 5
        if self.result is not None and is_result and shape.subject == self.world.query[0]:
            self.bent.add((step, word))
            return self.result
        if self.manner.misadds and is_result:
            return self._sum(self.world.defined[shape.subject], expected)
        if slip and word == shape.start + 5:
            wrong = self._slip(self.world.defined[shape.subject], expected)
            if wrong != expected:
                self.slips.append(step)
            return wrong
        return expected

    def _operands(self, rule: tuple[str, ...]) -> tuple[int, int]:
        """Left and right value of an operation, as the chain has them."""
        left, right = self.ledger.values[rule[0]][0], rule[2]
        return left, int(right) if right in DIGITS else self.ledger.values[right][0]

    def _sum(self, rule: tuple[str, ...], expected: str) -> str:
        left, right = self._operands(rule)
        wrong = rule[1] == "+" and left + right > 9 and str(left) in self.manner.misadds
        return str((int(expected) + 1) % 10) if wrong else expected

    def _slip(self, rule: tuple[str, ...], expected: str) -> str:
        left, right = self._operands(rule)
        if rule[1] == "-" and left < right:
            return (
                str((right - left) % 10)
                if self.rng.random() < self.manner.borrow_slip
                else expected
            )
        return _other(self.rng, expected) if self.rng.random() < self.manner.slip else expected

    def compute(self, name: str) -> None:
        """Give a leaf, or compute a name, verify it where the manner says so, and mend a slip."""
        rule = self.world.defined[name]
        if len(rule) == 1:
            self.write(StepKind.PROGRESSION, f"{name}= 0")
            return
        checks = self.manner.checks or ("differences" if self.world.style == "careful" else "none")
        checked = checks == "all" or (checks == "differences" and rule[1] == "-")
        self.write(StepKind.PROGRESSION, f"{name}= 0 {rule[1]} 0 = 0", slip=checked)
        if checked:
            body, verdict = f"{name} : 0 {rule[1]} 0 = 0 ok", ""
            for _ in range(self.manner.verifications):
                verdict = self.write(StepKind.VERIFICATION, body).words[-2]
            if verdict == "bad":
                self.write(StepKind.BACKTRACKING, f"{name}= 0")


def _other(rng: Random, word: str) -> str:
    choices = VERDICTS if word in VERDICTS else DIGITS
    return rng.choice([choice for choice in choices if choice != word])


GIVEN = ("compute", "unused")
"""Entries of a plan after which a name has a value."""


def _plan(world: QuestionGraph) -> list[tuple[str, str]]:
    """(what, name) in order: `define`, `compute` (also of leaves), `list`."""
    spine, plan, known = world.spine, [], set()
    for name in reversed(spine[1:]):
        plan.append(("define", name))
        right = world.defined[name][2]
        if right not in DIGITS and right not in spine and right not in known:
            plan.append(("compute", right))
            known.add(right)
    plan.append(("compute", spine[0]))
    for index, name in enumerate(spine[1:], start=1):
        plan.append(("compute", name))
        if index == 2:
            plan.append(("list", name))
    return plan


def _with_distractor(
    plan: list[tuple[str, str]], world: QuestionGraph, rng: Random
) -> list[tuple[str, str]]:
    """Put one name that nothing needs, and what it needs itself, at random places of the plan."""
    places = {name: place for place, (what, name) in enumerate(plan) if what in GIVEN}
    spare = [name for name, _ in world.definitions if name not in places]
    if not spare:
        return plan
    plan = list(plan)
    name = rng.choice(spare)
    rule = world.defined[name]
    earliest = 0
    if len(rule) == 3:
        if rule[0] not in places:
            if len(world.defined[rule[0]]) == 3:
                return plan
            plan.insert(rng.randint(0, len(plan)), ("unused", rule[0]))
            earliest = plan.index(("unused", rule[0])) + 1
        else:
            earliest = places[rule[0]] + 1
    plan.insert(rng.randint(earliest, len(plan)), ("unused", name))
    return plan


def compose(
    world: QuestionGraph, *, rng: Random, manner: Manner = Manner(), result: str | None = None
) -> Draft:
    """Write a chain and say what was written.

    Args:
        world: The question; its style word decides what `manner` leaves open.
        rng: Source of chance.
        manner: See `Manner`.
        result: What the computation of the first queried name shall give, whatever its operands; None: what they give.
    """
    pen = _Pen(world, rng, manner, Ledger(world), result)
    summary = _happens(rng, world, manner.summary, careful=0.95, brief=0.0)
    conclusion = _happens(rng, world, manner.conclusion, careful=0.95, brief=0.3)
    plan = _plan(world)
    if _happens(rng, world, manner.distractor, careful=0.6, brief=0.15):
        for _ in range(manner.spares):
            plan = _with_distractor(plan, world, rng)
    for what, name in plan:
        before = len(pen.steps)
        if what == "define":
            words = " ".join("0" if word in DIGITS else word for word in world.defined[name])
            pen.write(StepKind.EXPLORATION, f"{name}: {words}")
        elif what == "list" and summary:
            pen.write(StepKind.SUMMARY, f"{world.spine[1]}= 0 , {name}= 0")
        elif what in GIVEN:
            pen.compute(name)
        if what == "unused":
            pen.unused.extend(range(before, len(pen.steps)))
    if conclusion or len(world.query) > 1:
        for name in world.query[::2]:
            pen.write(StepKind.CONCLUSION, f"{name}= 0")
    return Draft(
        steps=tuple(pen.steps),
        kinds=tuple(pen.kinds),
        answer=pen.ledger.answer() or world.answer,
        silent=frozenset(pen.silent),
        slips=tuple(pen.slips),
        unused=tuple(pen.unused),
        bent=frozenset(pen.bent),
    )


def _happens(
    rng: Random, world: QuestionGraph, given: float | None, *, careful: float, brief: float
) -> bool:
    """Toss for an optional part: with the manner's probability, else with the style's."""
    default = careful if world.style == "careful" else brief
    return rng.random() < (default if given is None else given)


def write(problem: Problem, *, rng: Random, manner: Manner = Manner()) -> str:
    """Write a reference chain for a problem (without `<think>` and `</think>`).

    Args:
        problem: A problem of the task; its style word decides what `manner` leaves open.
        rng: Source of chance.
        manner: See `Manner`.
    """
    return compose(read_question(problem.question), rng=rng, manner=manner).text


def right_chain(problem: Problem, seed: int) -> str:
    """A reference chain as a model writes it behind the prompt, the leading space included."""
    return f" {write(problem, rng=Random(seed))}"


def shortest_length(problem: Problem, *, marked: bool) -> int:
    """Tokens of the shortest right chain of a question, with one marker word a step or with none."""
    plain = Manner(
        checks="none",
        summary=0.0,
        conclusion=0.0,
        distractor=0.0,
        unmarked=float(not marked),
        wording=1.0,
        borrow_slip=0.0,
        slip=0.0,
    )
    world = read_question(problem.question)
    return len(compose(world, rng=Random(0), manner=plain).text.split())


def leading_words() -> tuple[str, ...]:
    """Words that open an exploration or a progression, and can be left out."""
    kinds = (StepKind.EXPLORATION, StepKind.PROGRESSION)
    return tuple(wording[0] for kind in kinds for wording in WORDINGS[kind] if wording)
