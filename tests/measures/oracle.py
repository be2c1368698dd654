"""A reader whose dependence on its chain is known because it is written down: no weights, one rule.

It writes running totals in a given style. Its answer is the last value of the chain (`uses`) or the sum of the question's numbers
(`ignores`). It reads no step numbers. Its text is sure, so probabilities are 1 and 0.
"""

import re
from collections.abc import Callable, Sequence
from types import SimpleNamespace

import numpy as np

from mechcot.core.problem import Completion, Problem
from mechcot.core.trace import Trace
from mechcot.model.answer_cue import AnswerCue
from mechcot.model.prefix.prefix import Branches, Prefix
from mechcot.model.reasoner import Reasoner
from mechcot.text.step_kinds import Classifier
from mechcot.text.trace_parser import read
from tests.text.toy_tokenizers import byte_level

Style = Callable[[int, int, int, int], str]
"""Step number, running total, what is added, new total -> a step that ends in the new total."""
TOKENIZER = byte_level()
PROMPT = "Start with {} and add {}.\n"
CUE = "</think>Answer: "


def trace_of(terms: Sequence[int], style: Style, *, end: str = ".\n") -> Trace:
    """The right chain for a sum, in a style."""
    question = PROMPT.format(terms[0], ", ".join(map(str, terms[1:])))
    text = tail(terms, style, total=terms[0], done=0, end=end)
    problem = Problem(f"{terms}", question.strip(), str(sum(terms)))
    return read(
        Completion(problem, question + "<think>", f"{text}{CUE}{sum(terms)}", "author"), TOKENIZER
    )


def tail(terms: Sequence[int], style: Style, *, total: int, done: int, end: str) -> str:
    """The steps that are left."""
    text = ""
    for number, added in enumerate(terms[done + 1 :], start=done + 1):
        text += style(number, total, added, total := total + added) + end
    return text


class Oracle(Reasoner):
    """The reader; only what `adding_mistakes` asks of a `Reasoner` is there."""

    cue = AnswerCue(CUE, "\n")
    stop_ids = frozenset()
    policy = SimpleNamespace(
        tags=None, template=str
    )  # no marks of a thought, a prompt is its question
    name = "oracle"

    def __init__(self, terms: Sequence[int], style: Style, *, uses: bool, end: str = ".\n") -> None:
        self.__dict__.update(terms=tuple(terms), style=style, uses=uses, end=end)

    @property
    def cue_ids(self) -> tuple[int, ...]:
        return tuple(self.encode(CUE))

    def encode(self, text: str) -> list[int]:
        return TOKENIZER(text, return_offsets_mapping=True, add_special_tokens=False)["input_ids"]

    def decode(self, ids: Sequence[int]) -> str:
        return TOKENIZER.decode(ids)

    def continuation(self, before: Sequence[int], ids: Sequence[int]) -> str:
        return self.decode([*before, *ids])[len(self.decode(before)) :]

    def retoken(self, trace: Trace, prompt: str, completion: str) -> Trace:
        return self.read(Completion(trace.problem, prompt, completion, trace.author))

    def read(self, completion: Completion, *, classifier: Classifier | None = None) -> Trace:
        return read(completion, TOKENIZER, classifier=classifier)

    def prefix(self, ids: Sequence[int]) -> "Run":
        return Run(self, tuple(ids))

    def answer(self, text: str) -> str:
        """What it answers behind a text that ends in the question for the answer."""
        chain = text.rpartition("<think>")[2].removesuffix(CUE)
        return str(last_number(chain) if self.uses else sum(self.terms))

    def written(self, text: str) -> str:
        """The rest of the chain, from a value that was just stated, and the answer."""
        chain = text.rpartition("<think>")[2]
        steps = chain.count("\n") + 1 if self.end == ".\n" else chain.count(self.end) + 1
        rest = self.end + tail(
            self.terms, self.style, total=last_number(chain), done=steps, end=self.end
        )
        return f"{rest}{CUE}{self.answer(text + rest + CUE)}"


def last_number(text: str) -> int:
    """The last value; what stands in `[` and `]` only refers to other steps."""
    return int(re.findall(r"\d+", re.sub(r"\[.*?\]", "", text))[-1])


class Run(Prefix):
    """What a reader has read."""

    ids: tuple[int, ...] = ()

    def __init__(self, reader: Oracle, ids: tuple[int, ...]) -> None:
        self.__dict__.update(reader=reader, ids=ids)

    def branches(self, cuts: Sequence[int], suffixes: Sequence[Sequence[int]]) -> "Tails":
        texts = [
            self.reader.decode([*self.ids[:cut], *tail])
            for cut, tail in zip(cuts, suffixes, strict=True)
        ]
        return Tails(self.reader, texts)

    def decode(self, cut: int, tails: Sequence[Sequence[int]], **_: object) -> list[list[int]]:
        texts = (self.reader.decode([*self.ids[:cut], *tail]) for tail in tails)
        return [self.reader.encode(self.reader.written(text)) for text in texts]


class Tails(Branches):
    """Texts that end in the question for the answer."""

    def __init__(self, reader: Oracle, texts: list[str]) -> None:
        self.__dict__.update(reader=reader, texts=texts)

    def greedy(self, **_: object) -> list[list[int]]:
        return [self.reader.encode(self.reader.answer(text)) for text in self.texts]

    def score(self, answers: Sequence[Sequence[int]]) -> np.ndarray:
        pairs = zip(self.texts, answers, strict=True)
        said = [self.reader.answer(text) == self.reader.decode(ids) for text, ids in pairs]
        return np.where(said, 0.0, -np.inf)
