"""Contents of the trace explorer, finished: the page only draws it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from mechcot.core.card import Act


@dataclass(frozen=True)
class StepCard:
    """One step of a chain.

    Attributes:
        text: Its text, white space included.
        kind: What it does, such as `progression`.
        tokens: First token and the one after the last, in the trace's ids.
        chars: The same in the completion's characters.
        doubt: What is wrong with it by itself, in a few words; "" for nothing, or where nobody can tell.
        wrong: The doubt is an error and not a hint.
    """

    text: str
    kind: str
    tokens: tuple[int, int]
    chars: tuple[int, int]
    doubt: str = ""
    wrong: bool = False


@dataclass(frozen=True, eq=False)
class StepValues:
    """One number per chain step and reader.

    Attributes:
        key: `measure/array`.
        title: What was done to the step, in a few words.
        meaning: What the number is.
        unit: Its unit.
        smallest: Smallest effect worth a word; NaN when none is fixed.
        by_reader: Values [step]; NaN where not measured.
        null: The same for random positions instead of the step, where it was measured.
        acts: How the step was acted on, where a high value says that the answer rests on it (see `carries`).
        carries: A high value says that the answer rests on the step.
    """

    key: str
    title: str
    meaning: str
    unit: str
    smallest: float
    by_reader: Mapping[str, Float[np.ndarray, " step"]]
    null: Mapping[str, float]
    acts: Act = ""
    carries: bool = False


@dataclass(frozen=True, eq=False)
class Grid:
    """A picture with steps along one axis.

    Attributes:
        key: `measure/array`.
        title: What it shows.
        unit: Unit of the values.
        kind: `steps`: [source step, target step]; `layers`: [layer, column]; `heads`: [layer, head, column].
        columns: Step index of each column (`layers`, `heads`), or all steps.
        by_reader: Values; NaN where not defined.
    """

    key: str
    title: str
    unit: str
    kind: Literal["steps", "layers", "heads"]
    columns: tuple[int, ...]
    by_reader: Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class FeatureStrip:
    """A few features of a dictionary along the tokens of a chain.

    Attributes:
        title: The dictionary and its site.
        unit: Unit of the values.
        names: What each feature is called.
        notes: Why it is shown, "" when it was asked for.
        start: Position of the chain's first token in the trace's ids.
        by_reader: Activations; NaN where not read.
    """

    title: str
    unit: str
    names: tuple[str, ...]
    notes: tuple[str, ...]
    start: int
    by_reader: Mapping[str, Float[np.ndarray, "feature token"]]


@dataclass(frozen=True, eq=False)
class AnswerCurve:
    """The answer's probability while the chain is given step by step.

    Attributes:
        soft: Probability of the reader's final answer after 0, 1, ..., n steps.
        area: Area over the curve, as the measure defines it.
        fixed: Number of steps after which the answer is the final one and stays so; None when not read.
    """

    soft: Float[np.ndarray, " after"]
    area: float
    fixed: int | None


@dataclass(frozen=True, eq=False)
class ItemView:
    """One trace and all that its readers say about it.

    Attributes:
        trace: Id of the trace.
        author: Who wrote it.
        question: The problem.
        reference: Its right answer.
        stated: The answer that the trace states, "" when none was read.
        prompt_tokens: Tokens before the chain.
        tokens: Tokens in all.
        steps: The chain's steps, then the answer's.
        n_chain: How many of `steps` are the chain's.
        lines: Answer probability by reader.
        values: Numbers per step.
        grids: Pictures.
        facts: By reader, (title, value, unit) of every headline value.
        answers: By reader, (what, answer) as read.
        sentences: By reader, which step carries the answer.
        carrier: By reader, that step; None when no step does.
        lead: Key of the numbers that name the first reader's step, "" when none was read.
        strip: Features along the tokens; None when no dictionary was given.
    """

    trace: str
    author: str
    question: str
    reference: str
    stated: str
    prompt_tokens: int
    tokens: int
    steps: tuple[StepCard, ...]
    n_chain: int
    lines: Mapping[str, AnswerCurve]
    values: tuple[StepValues, ...]
    grids: tuple[Grid, ...]
    facts: Mapping[str, tuple[tuple[str, float, str], ...]]
    answers: Mapping[str, tuple[tuple[str, str], ...]]
    sentences: Mapping[str, str]
    carrier: Mapping[str, int | None]
    lead: str
    strip: FeatureStrip | None = None


@dataclass(frozen=True, eq=False)
class ExplorerData:
    """A whole explorer.

    Attributes:
        title: Title of the page.
        source: Where the numbers come from, such as the command of the run.
        readers: The models, the reference first.
        items: The traces.
    """

    title: str
    source: str
    readers: tuple[str, ...]
    items: tuple[ItemView, ...]
