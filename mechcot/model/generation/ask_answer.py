"""Asking for the answer: close the thought, put the question for the answer, decode, and score.

    context = ids[:cut] + cue;   answer = greedy continuation, up to what ends an answer

One rule for all measures. The cue belongs to the prompt policy and stands in the report.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from mechcot.core.errors import UserError
from mechcot.core.problem import Completion
from mechcot.core.trace import Answer, StepKind, Trace
from mechcot.model.answer_cue import AnswerCue
from mechcot.model.prefix.prefix import Branches, Prefix
from mechcot.model.reasoner import Reasoner
from mechcot.text.brackets import closed_at
from mechcot.text.sentence_ends import sentence_ends
from mechcot.text.stated_value import ended_at, ends_sentence
from mechcot.text.step_kinds import Classifier

LONGEST_ANSWER = 16
"""Longest answer that is decoded, in tokens, unless it is said otherwise."""


@dataclass(frozen=True, eq=False)
class Asked:
    """The answers a reader gives after several cuts of one chain.

    Attributes:
        cue: Token ids of the question for the answer, behind the last cut.
        ids: For each cut the answer's token ids (without what ends it); empty when nothing came.
        answers: For each cut the answer as read.
        branches: The branches that gave them, for scoring other answers.
    """

    cue: tuple[int, ...]
    ids: tuple[tuple[int, ...], ...]
    answers: tuple[Answer, ...]
    branches: Branches

    def probability(self, answer: Sequence[int]) -> Float[np.ndarray, " cut"]:
        """Probability of one given answer after every cut."""
        return np.exp(np.asarray(self.branches.score([tuple(answer)] * len(self.ids)), dtype=float))

    def only(self, index: int) -> "Asked":
        """The answer after one cut: other answers are scored there alone."""
        one, branches = slice(index, index + 1), self.branches
        return Asked(
            cue=branches.suffixes[index],
            ids=self.ids[one],
            answers=self.answers[one],
            branches=replace(
                branches,
                cuts=branches.cuts[one],
                suffixes=branches.suffixes[one],
                hide=branches.hide[one],
            ),
        )


def ask(
    reader: Reasoner,
    prefix: Prefix,
    cuts: Sequence[int],
    *,
    max_new: int,
    behind: Sequence[Sequence[int]] | None = None,
) -> Asked:
    """Ask for the answer after every cut, all of them packed on one cache.

    Cost: one packed forward of the cues plus one small packed forward per decoded token.

    Args:
        reader: The model that answers.
        prefix: Its run over (at least) the tokens up to the last cut.
        cuts: Token positions; the answer sees `ids[:cut]` and the cue.
        max_new: Longest answer in tokens.
        behind: Tokens that stand between each cut and its cue; None: none.
    """
    texts = [tuple(text) for text in behind or [()] * len(cuts)]
    cues = [
        reader.cue_after((*prefix.ids[:cut], *text)) for cut, text in zip(cuts, texts, strict=True)
    ]
    suffixes = [(*text, *cue) for text, cue in zip(texts, cues, strict=True)]
    branches = prefix.branches(list(cuts), suffixes)
    written = branches.greedy(max_new=max_new, stop=reader.stop_ids)
    read = [read_continuation(reader, ids) for ids in written]
    return Asked(
        cue=cues[-1],
        ids=tuple(ids for ids, _ in read),
        answers=tuple(answer for _, answer in read),
        branches=branches,
    )


def answer_after(
    reader: Reasoner, trace: Trace, *, steps: int | None = None, max_new: int = LONGEST_ANSWER
) -> Answer:
    """The answer a reader gives after the first `steps` chain steps (None: all of them).

    Cost: one forward of the trace up to there and one per answer token.

    Args:
        reader: The model that answers.
        trace: Whose prompt and chain are read; they are not written anew.
        steps: How many chain steps it sees, from 0; None: all.
        max_new: Longest answer in tokens.

    Returns:
        The answer as decoded greedily; its text is None when nothing came.

    Raises:
        UserError: The chain has fewer steps.
    """
    cuts = trace.cuts()
    if steps is not None and not 0 <= steps < len(cuts):
        raise UserError(
            f"trace {trace.id}: expected a step count from 0 to {len(cuts) - 1}, got {steps}."
        )
    cut = cuts[-1 if steps is None else steps]
    return ask(reader, reader.prefix(trace.ids[:cut]), (cut,), max_new=max_new).answers[0]


def answers_after(readers: Sequence[Reasoner], texts: Sequence[Trace]) -> list[Answer]:
    """The answers behind the chain of one text, as one model is asked and read in several ways.

    Cost: one forward of the text and one per answer token of each.

    Args:
        readers: One model, asked in each way.
        texts: The same tokens, as each way reads them.
    """
    cuts = [trace.cuts()[-1] for trace in texts]
    prefix = readers[0].prefix(texts[0].ids[: max(cuts)])
    asked = zip(readers, cuts, strict=True)
    return [ask(reader, prefix, (cut,), max_new=LONGEST_ANSWER).answers[0] for reader, cut in asked]


def written_trace(
    reader: Reasoner, trace: Trace, ids: Sequence[int], *, classifier: Classifier | None = None
) -> Trace:
    """The trace of a whole text: `ids` start with the trace's prompt, chain and answer follow; `classifier` as `Reasoner.read` takes it."""
    text = reader.continuation(ids[: trace.prompt_length], ids[trace.prompt_length :])
    completion = Completion(
        problem=trace.problem,
        prompt=trace.prompt,
        text=text,
        model=reader.name,
        ids=tuple(ids),
        prompt_ids=trace.prompt_length,
    )
    return reader.read(completion, classifier=classifier)


def without_kinds(steps: Sequence[str]) -> list[StepKind]:
    """A classifier for who looks at no kind."""
    return [StepKind.OTHER] * len(steps)


def written_answer(reader: Reasoner, trace: Trace, ids: Sequence[int]) -> Answer:
    """The answer that a whole text states."""
    return written_trace(reader, trace, ids, classifier=without_kinds).answer


def read_continuation(reader: Reasoner, ids: Sequence[int]) -> tuple[tuple[int, ...], Answer]:
    """Read the answer out of what was decoded behind the cue.

    Returns:
        The answer's token ids and the answer; `((), Answer(None, "unread"))` when there is none.
    """
    tokens = [token for token in ids if token not in reader.stop_ids]
    tags = reader.policy.tags
    whole = _before_end(reader.decode(tokens), reader.cue)
    text = (whole.partition(tags.close)[0] if tags else whole).strip()
    if not text:
        return (), Answer(None, "unread")
    for size in range(1, len(tokens) + 1):
        if text in _before_end(reader.decode(tokens[:size]), reader.cue):
            return tuple(tokens[:size]), Answer(text, "asked")
    return tuple(tokens), Answer(text, "asked")


def _before_end(text: str, cue: AnswerCue) -> str:
    """The part of a continuation that is the answer; braces inside a boxed answer stay balanced."""
    if not cue.end:
        return text
    if cue.end == "\n":
        line = text.lstrip().partition("\n")[0]
        return line[: next(iter(sentence_ends(line)), len(line))]  # "Paris. It lies on the Seine."
    if ends_sentence(cue.end):
        line = text.lstrip().partition("\n")[0]
        end = ended_at(line, cue.end)
        return line if end < 0 else line[:end]
    end = closed_at(text, 0, cue.end)
    return text if end < 0 else text[:end]
