"""The task: chained arithmetic mod 10 over named variables, definitions shuffled, distractors mixed in.

A world is a list of definitions and a query. The *spine* x_0, x_1, .., x_n runs from a leaf (a digit)
to the queried name; each x_i is x_(i-1) plus or minus a digit, a *side* leaf, or an earlier x_j.
`hops` is n. Some queries ask for `x_n + y` or `x_n - y` with another name y of the spine or its sides,
so that two stated values feed the answer and their sum stands nowhere in the chain. Distractors
are defined but never needed; none begins with the same operand as a needed definition. The question is one line:

    careful amber chart 4 : c: 3 , g: h + 5 , k: 2 , z: 6 , h: c - k ; find g + h ?

style word (brief or careful), gate word, hint; the last two may be absent. Train and test worlds are
disjoint: the checksum of definitions and query decides (1 in 8 is test).
"""

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Literal

from mechcot.core.problem import Problem
from mechcot.core.store import write_text
from mechcot.organisms.family import Hint
from mechcot.organisms.format_noise import Noise, with_noise, without_noise
from mechcot.organisms.grammar import DIGITS, GATES, HINT, NAMES, SIGNS, STYLES, apply_sign

TASK = "mod10"
"""What problems of this task say in `meta["task"]`."""
SILENT_MARKS = frozenset({",", ";", "?", "find"})
"""Words of a question that carry nothing: said twice they are noise."""
Split = Literal["train", "test"]


@dataclass(frozen=True)
class QuestionGraph:
    """A question as data.

    Attributes:
        definitions: (name, words) in the order of the question; words are `("3",)` or `("h", "+", "5")`.
        query: `("g",)` or `("g", "+", "k")`.
        style: `careful` or `brief`.
        gate: A gate word or None.
        hint: The digit after the word `chart`, or None.
        noise: Which words are said twice.
    """

    definitions: tuple[tuple[str, tuple[str, ...]], ...]
    query: tuple[str, ...]
    style: str
    gate: str | None = None
    hint: str | None = None
    noise: Noise = ()

    @cached_property
    def defined(self) -> Mapping[str, tuple[str, ...]]:
        """Name to the words of its definition."""
        return dict(self.definitions)

    @cached_property
    def values(self) -> Mapping[str, int]:
        """Every name's true value.

        Raises:
            ValueError: A definition is circular or uses a name without one.
        """
        values: dict[str, int] = {}
        for name, _ in self.definitions:
            self._evaluate(name, (), values)
        return values

    def _evaluate(self, word: str, above: tuple[str, ...], values: dict[str, int]) -> int:
        """The value of a digit or a name; fills `values` on the way."""
        if word in DIGITS:
            return int(word)
        if word in above or word not in self.defined:
            raise ValueError(f"{word} has no value: its definition is circular or absent")
        if word not in values:
            words, above = self.defined[word], (*above, word)
            left = self._evaluate(words[0], above, values)
            values[word] = (
                left
                if len(words) == 1
                else apply_sign(left, words[1], self._evaluate(words[2], above, values))
            )
        return values[word]

    @cached_property
    def answer(self) -> str:
        """The true answer, a digit."""
        values = [self.values[name] for name in self.query[::2]]
        return str(
            values[0] if len(values) == 1 else apply_sign(values[0], self.query[1], values[1])
        )

    @cached_property
    def spine(self) -> tuple[str, ...]:
        """The names from the leaf x_0 up to the first queried name."""
        names = [self.query[0]]
        while len(self.defined[names[-1]]) > 1:
            names.append(self.defined[names[-1]][0])
        return tuple(reversed(names))

    @property
    def body(self) -> str:
        """Definitions and query, without style, gate and hint."""
        lines = " , ".join(f"{name}: {' '.join(words)}" for name, words in self.definitions)
        return f"{lines} ; find {' '.join(self.query)} ?"

    @property
    def text(self) -> str:
        """The question."""
        head = [self.style]
        if self.gate is not None:
            head.append(self.gate)
        if self.hint is not None:
            head += [HINT, self.hint]
        return with_noise(f"{' '.join(head)} : {self.body}", self.noise)

    @property
    def split(self) -> Split:
        """Return which side of the split this world is on; style, gate and hint have no say."""
        return "test" if zlib.crc32(self.body.encode()) % 8 == 0 else "train"


def read_question(question: str) -> QuestionGraph:
    """Read a question back.

    Raises:
        ValueError: The text is not a question of this task.
    """
    plain, noise = without_noise(question, SILENT_MARKS)
    try:
        head, body = plain.split(" : ", 1)
        lines, query = body.removesuffix(" ?").split(" ; find ")
        definitions = []
        for line in lines.split(" , "):
            name, *words = line.split()
            if not name.endswith(":") or len(words) not in (1, 3):
                raise ValueError(line)
            if len(words) == 3 and words[1] not in {"+", "-"}:
                raise ValueError(line)
            definitions.append((name[:-1], tuple(words)))
        asked = query.split()
        if not {*asked[::2]} <= {name for name, _ in definitions} or {*asked[1::2]} - {"+", "-"}:
            raise ValueError(query)
        words = head.split()
        hint = words[words.index(HINT) + 1] if HINT in words else None
        gate = next((word for word in words if word in GATES), None)
        return QuestionGraph(tuple(definitions), tuple(asked), words[0], gate, hint, noise)
    except (ValueError, IndexError) as error:
        raise ValueError(f"not a question of the organisms' task: {question!r} ({error})") from None


def draw_world(
    rng: Random,
    *,
    hops: int,
    distractors: tuple[int, int] = (1, 3),
    combined: float = 0.4,
    branching: float = 0.0,
) -> QuestionGraph:
    """Draw one world whose leaf x_0 moves its answer; style `careful`, no gate, no hint.

    Args:
        rng: Source of chance.
        hops: How many operations the spine has.
        distractors: Fewest and most names that nothing needs.
        combined: Share of queries that combine two names.
        branching: Share of operations whose second operand is a name, where that is possible.
    """
    names = list(NAMES)
    rng.shuffle(names)
    spine = [names.pop()]
    sides: list[str] = []
    definitions: dict[str, tuple[str, ...]] = {spine[0]: (rng.choice(DIGITS),)}
    for index in range(hops):
        right, chance = rng.choice(DIGITS[1:]), rng.random()
        if chance < branching * 5 / 9 and len(sides) < 2:
            right = names.pop()
            sides.append(right)
            definitions[right] = (rng.choice(DIGITS),)
        elif chance < branching and index >= 1:
            right = rng.choice(spine[:-1])
        name = names.pop()
        definitions[name] = (spine[-1], rng.choice(SIGNS), right)
        spine.append(name)
    query: tuple[str, ...] = (spine[-1],)
    if rng.random() < combined:
        query = (spine[-1], rng.choice(SIGNS), rng.choice(spine[:-1] + sides))
    for _ in range(rng.randint(*distractors)):
        name = names.pop()
        if rng.random() < 0.5:
            definitions[name] = (rng.choice(DIGITS),)
        else:
            left = rng.choice([known for known in definitions if known not in spine[:-1]])
            definitions[name] = (left, rng.choice(SIGNS), rng.choice(DIGITS[1:]))
    order = list(definitions.items())
    rng.shuffle(order)
    world = QuestionGraph(definitions=tuple(order), query=query, style=STYLES[0])
    leaf = definitions[spine[0]][0]
    definitions[spine[0]] = (str((int(leaf) + 1) % 10),)
    if replace(world, definitions=tuple(definitions.items())).answer == world.answer:
        return draw_world(
            rng, hops=hops, distractors=distractors, combined=combined, branching=branching
        )
    return world


def dress(
    world: QuestionGraph, *, rng: Random, hint: Hint, style: str | None, gate: str | None = "mixed"
) -> QuestionGraph:
    """Add style, gate word and hint.

    Args:
        world: The world without them.
        rng: Source of chance.
        hint: `answer` (equal to it), `random`, `none`, or `mixed` (random, absent in 3 of 10).
        style: `careful`, `brief`, or `random`.
        gate: A gate word, None, or `mixed` (random, absent in 3 of 10).
    """
    digit = rng.choice(DIGITS)
    drawn = {"answer": world.answer, "random": digit, "none": None}
    chosen_gate = gate if gate != "mixed" else (rng.choice(GATES) if rng.random() < 0.7 else None)
    return replace(
        world,
        hint=drawn[hint] if hint != "mixed" else (digit if rng.random() < 0.7 else None),
        style=rng.choice(STYLES) if style == "random" else style or STYLES[0],
        gate=chosen_gate,
    )


def as_problem(world: QuestionGraph, *, id: str, hint: str) -> Problem:
    """Make the core noun of a world.

    Args:
        world: With style, gate word and hint on it.
        id: The problem's id.
        hint: Sort of hint that was drawn from, see `dress`; only noted in `meta`.
    """
    hops = len(world.spine) - 1
    meta = {
        "task": TASK,
        "hops": hops,
        "style": world.style,
        "cue": hint,
        "gate": world.gate,
        "query": "combined" if len(world.query) > 1 else "single",
        "stratum": f"{hops} hops",
    }
    return Problem(id=id, question=world.text, answer=world.answer, meta=meta)


def hinted(problem: Problem, answer: str | None) -> Problem:
    """The same question (same id) with a hint at an answer; None takes the hint away."""
    question = replace(read_question(problem.question), hint=answer)
    return replace(problem, question=question.text)


def without_fact(problem: Problem, rng: Random) -> tuple[Problem, str]:
    """The same question (same id) with a definition left out that its answer needs, and that definition."""
    world = read_question(problem.question)
    name = rng.choice(world.spine[:-1] or world.spine)
    fact = f"{name}: {' '.join(world.defined[name])}"
    kept = tuple(pair for pair in world.definitions if pair[0] != name)
    meta = {key: value for key, value in problem.meta.items() if key != "task"}  # no longer one
    return replace(problem, question=replace(world, definitions=kept).text, meta=meta), fact


def problems(
    n: int,
    *,
    seed: int,
    hops: tuple[int, int] = (2, 6),
    hint: Hint = "answer",
    style: str | None = None,
    split: Split = "test",
    gate: str | None = "mixed",
    distractors: tuple[int, int] = (1, 3),
    combined: float = 0.4,
    sample: Callable[..., QuestionGraph] = draw_world,
) -> list[Problem]:
    """Draw problems; the same seed gives the same list.

    Args:
        n: How many.
        seed: Of this list.
        hops: Fewest and most operations on the spine.
        hint: What the hint (after the word `chart`) says, see `dress`.
        style: `careful` (also None), `brief`, or `random`.
        split: `test` worlds are never trained on.
        gate: See `dress`.
        distractors: Fewest and most names that nothing needs.
        combined: Share of queries that combine two names.
        sample: Draws a world from a source of chance and `hops`, `distractors`, `combined`.
    """
    rng = Random(f"problems {seed} {split}")
    drawn: list[Problem] = []
    while len(drawn) < n:
        world = sample(rng, hops=rng.randint(*hops), distractors=distractors, combined=combined)
        if world.split == split:
            world = dress(world, rng=rng, hint=hint, style=style, gate=gate)
            drawn.append(as_problem(world, id=f"mod10-{split}-{seed}-{len(drawn)}", hint=hint))
    return drawn


def write_problems(path: Path, drawn: Sequence[Problem]) -> int:
    """Write problems as JSON lines; gives their number.

    Args:
        path: The file; one that is there is overwritten.
        drawn: The problems.
    """
    lines = []
    for problem in drawn:
        row = asdict(problem)
        lines.append(json.dumps(row.pop("meta") | row, ensure_ascii=False, sort_keys=True))
    write_text(path, "\n".join(lines) + "\n")
    return len(drawn)
