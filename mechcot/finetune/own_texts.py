"""Texts that a model writes itself, several for each question, and what arms that train on them need of them."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.core.trace import Trace
from mechcot.finetune.lesson import TokenizedLesson, end_ids
from mechcot.finetune.recipe import OwnTexts
from mechcot.model.reasoner import Reasoner
from mechcot.text.answer_outcomes import ends_right

MOST_WRITTEN = 512
"""Most tokens of a text, where no number is given."""
_AT_ONCE = 64


@dataclass(frozen=True)
class Groups:
    """What a model wrote.

    Attributes:
        by_problem: The texts for each problem that could be asked.
        seconds: How long that took.
    """

    by_problem: tuple[tuple[Trace, ...], ...]
    seconds: float

    @property
    def texts(self) -> list[Trace]:
        """All texts."""
        return [trace for group in self.by_problem for trace in group]

    @property
    def generated(self) -> int:
        """Tokens that were written."""
        return sum(len(trace) - trace.prompt_length for trace in self.texts)

    @property
    def right(self) -> float:
        """Share of texts that end right."""
        return float(np.mean([ends_right(trace) for trace in self.texts]))

    @property
    def mixed(self) -> float:
        """Share of groups with right texts and others: only these have an advantage."""
        return float(np.mean([len(set(map(ends_right, group))) > 1 for group in self.by_problem]))


def write_groups(
    reader: Reasoner, problems: Sequence[Problem], own: OwnTexts, *, seed: int
) -> Groups:
    """Let a model write a group of texts for each problem.

    Raises:
        UserError: It can be asked none of them.
    """
    started = time.time()
    asked = [
        replace(problem, id=f"{problem.id}#{number}")
        for problem in problems
        for number in range(own.group)
    ]
    reasons: list[str] = []
    traces = reader.write(
        asked,
        max_tokens=text_limit(reader, problems, own),
        temperature=own.temperature,
        seed=seed,
        batch_size=_AT_ONCE,
        skip=lambda _, reason: reasons.append(str(reason)),
    )
    if not traces:
        raise UserError(
            f"{reader.name} can be asked none of {len(problems)} problems: {reasons[0]}"
        )
    written: dict[str, list[Trace]] = {problem.id: [] for problem in problems}
    known = {problem.id: problem for problem in problems}
    for trace in traces:
        name = trace.problem.id.rpartition("#")[0]
        written[name].append(replace(trace, problem=known[name]))
    groups = tuple(tuple(group) for group in written.values() if group)
    return Groups(groups, time.time() - started)


def groups_of(traces: Sequence[Trace]) -> Groups:
    """The texts for each problem that a model wrote elsewhere, on a server for one; that took no time here."""
    by_problem: dict[str, list[Trace]] = {}
    for trace in traces:
        by_problem.setdefault(trace.problem.id, []).append(trace)
    return Groups(tuple(map(tuple, by_problem.values())), 0.0)


def text_limit(reader: Reasoner, problems: Sequence[Problem], own: OwnTexts) -> int:
    """Most tokens of a text: as many as the context leaves behind the longest prompt."""
    prompt = max(len(reader.encode(reader.render(problem))) for problem in problems)
    return max(1, min(own.max_tokens or MOST_WRITTEN, reader.max_length - prompt))


def check_some_right(groups: Groups, arm: str, *, given: bool) -> None:
    """See that there is something to learn from.

    Args:
        groups: The texts.
        arm: Name of the arm.
        given: Whether they come from a file; else the model wrote them here.

    Raises:
        UserError: No text ends right.
    """
    if groups.right > 0:
        return
    texts = groups.texts
    cut, unread = (sum(map(test, texts)) for test in (_is_cut, _is_unread))
    first = next((t for t in texts if t.finished), texts[0])
    raise UserError(
        f"--arm {arm} learns from the model's own right texts, and none of {len(texts)} for {len(groups.by_problem)} questions ends right "
        f"({cut} cut, {unread} without an answer that can be read; the first ends in {first.completion[-60:]!r}): "
        + (
            "give others with --own-texts"
            if given
            else "take easier problems, longer texts (--max-tokens), or train with --arm sft first"
        )
    )


def _is_cut(trace: Trace) -> bool:
    return not trace.finished


def _is_unread(trace: Trace) -> bool:
    return trace.finished and trace.answer.text is None


def own_example(reader: Reasoner, trace: Trace) -> TokenizedLesson:
    """A text as it was written, with the token that ends a turn."""
    prompt_text = reader.render(trace.problem)
    prompt = reader.encode(prompt_text)
    written = trace.ids[len(prompt) :]
    text = (trace.prompt + trace.completion)[len(prompt_text) :]
    return TokenizedLesson(tuple(prompt), (*written, *end_ids(reader)), prompt_text, text)


def distinct(traces: Sequence[Trace]) -> list[Trace]:
    """The traces without those that say the same to the token."""
    return list({trace.ids: trace for trace in traces}.values())


@torch.no_grad()
def confidence(reader: Reasoner, trace: Trace) -> float:
    """Mean over the answer's tokens of the largest probability minus the second, behind the chain; -inf without an answer.

    After RLSF (arXiv 2507.21931); the paper's exact formula was not found.
    """
    if not trace.finished or trace.answer.text is None:
        return -math.inf
    stop = trace.cuts()[-1]
    before = (*trace.ids[:stop], *reader.cue_after(trace.ids[:stop]))
    answer = reader.answer_ids(trace.answer.text)
    if not answer or len(before) + len(answer) > reader.max_length:
        return -math.inf
    ids = torch.tensor([[*before, *answer]], device=reader.device)
    logits = reader.model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    span = logits[0, len(before) - 1 : -1].float() * reader.logit_scale
    top = span.softmax(dim=-1).topk(2, dim=-1).values
    return float((top[:, 0] - top[:, 1]).mean())


Rank = Callable[[Reasoner, Trace], float]


def by_gold(reader: Reasoner, trace: Trace) -> float:  # noqa: ARG001 - the text says it
    """1 for a text that ends in the reference answer, else 0."""
    return float(ends_right(trace))


def ranked_pairs(reader: Reasoner, groups: Groups, rank: Rank) -> list[tuple[Trace, Trace]]:
    """The highest and the lowest ranked text of each group, where their ranks differ.

    Args:
        reader: The model.
        groups: Its texts.
        rank: Of a text; `-inf` leaves it out.
    """
    pairs = []
    for group in groups.by_problem:
        scored = [(rank(reader, trace), trace) for trace in distinct(group)]
        kept = sorted((pair for pair in scored if pair[0] > -math.inf), key=lambda pair: pair[0])
        if len(kept) > 1 and kept[0][0] < kept[-1][0]:
            pairs.append((kept[-1][1], kept[0][1]))
    return pairs


def to_rows(examples: Sequence[TokenizedLesson]) -> list[dict[str, Any]]:
    """Examples as JSON."""
    return [asdict(example) for example in examples]


def from_rows(rows: Sequence[dict[str, Any]]) -> list[TokenizedLesson]:
    """Examples from JSON."""
    return [
        TokenizedLesson(
            tuple(row["prompt"]), tuple(row["completion"]), row["prompt_text"], row["text"]
        )
        for row in rows
    ]
