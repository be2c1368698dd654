"""Confirms a chain's step graph for one model, by single exact edits.

Every stated value of the chain is changed, one at a time, and all later text is kept. The semantics (`counterfactual_edits.py`)
predicts for each edit which later words must change; the model's own likeliest word is read at every later digit and verdict.

    edge (i, j)        the semantics predict another word in step j: confirmed when the model's likeliest word there
                       *becomes the predicted one*
    other pair (i, j)  j reads values, none from i: the model moves when any likeliest word of its own changes
    answer edge i      the semantics predict another answer: confirmed when the likeliest answer is the predicted one
    other step i       the model moves when its likeliest answer changes

A pair is left out where the edit cannot show it: an edge whose words would stay the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from transformers import LlamaForCausalLM

from mechcot.organisms.counterfactual_edits import ValueEdit, counterfactuals
from mechcot.organisms.generation import closed, likeliest_words
from mechcot.organisms.ground_truth import Walk, follow, graph
from mechcot.organisms.problems import read_question
from mechcot.organisms.vocabulary import prompt


@dataclass(frozen=True)
class Confirmed:
    """Effects of single edits of one chain in one model.

    Attributes:
        edges: (source, target) to whether the model moved as predicted, for every edge that an edit can show.
        others: (source, target) to whether the model moved, for pairs that are no edge.
        answer: Step to whether the answer moved as predicted, for steps that feed it.
        others_answer: Step to whether the answer moved, for steps that do not.
    """

    edges: dict[tuple[int, int], bool]
    others: dict[tuple[int, int], bool]
    answer: dict[int, bool]
    others_answer: dict[int, bool]

    @property
    def holds(self) -> bool:
        """At least 90 % of the edges move and at most 5 % of the others, of steps and answer together."""
        moved, stray = rates([self])
        return moved >= 0.9 and not stray > 0.05


def rates(confirmed: Iterable[Confirmed]) -> tuple[float, float]:
    """Shares of edges and of other pairs that moved, steps and answer together; NaN where there is none."""
    edges, others = [], []
    for chain in confirmed:
        edges += [*chain.edges.values(), *chain.answer.values()]
        others += [*chain.others.values(), *chain.others_answer.values()]
    return _share(edges), _share(others)


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / len(flags) if flags else float("nan")


def confirm_chain(model: LlamaForCausalLM, question: str, steps: Sequence[str]) -> Confirmed:
    """Confirm the graph of a chain, later text kept. One forward pass per stated value.

    Args:
        model: The organism; it only reads.
        question: A question of the task.
        steps: A chain for it, steps as text; it need not be right.

    Raises:
        ValueError: The question is not of the organisms' task.
    """
    walk = follow(read_question(question), steps)
    edits = counterfactuals(question, steps, constants=True)
    texts = [tuple(steps), *(edit.apply(steps) for edit in edits)]
    words = likeliest_words(model, [closed(question, text) for text in texts])
    plain, starts = words[0], _starts(question, steps)
    known = graph(question, steps, reading="kept")
    edges: dict[tuple[int, int], bool] = {}
    others: dict[tuple[int, int], bool] = {}
    answer: dict[int, bool] = {}
    others_answer: dict[int, bool] = {}
    for edit, moved in zip(edits, words[1:], strict=True):
        for target, flag in _predicted(edit, moved, starts).items():
            _and(edges, (edit.step, target), flag)
        for target in range(edit.step + 1, len(steps)):
            if (edit.step, target) not in known.edges and walk.steps[target].reads:
                changed = _changed(walk, target, plain, moved, starts[target])
                _or(others, (edit.step, target), changed)
        if edit.answer_kept is not None:
            _and(answer, edit.step, moved[-1] == edit.answer_kept)
        elif edit.step not in known.answer:
            _or(others_answer, edit.step, moved[-1] != plain[-1])
    return Confirmed(edges, others, answer, others_answer)


def _starts(question: str, steps: Sequence[str]) -> list[int]:
    """Place of each step's first word in the text."""
    starts = [len(prompt(question).split())]
    for step in steps:
        starts.append(starts[-1] + len(step.split()))
    return starts


def _predicted(edit: ValueEdit, moved: Sequence[str], starts: Sequence[int]) -> dict[int, bool]:
    """Later step to whether all its predicted words are the model's likeliest."""
    found: dict[int, bool] = {}
    for step, word, wanted in edit.dependents:
        _and(found, step, moved[starts[step] + word] == wanted)
    return found


def _changed(
    walk: Walk, target: int, plain: Sequence[str], moved: Sequence[str], start: int
) -> bool:
    return any(
        plain[start + read.word] != moved[start + read.word] for read in walk.steps[target].reads
    )


def _and(found: dict, key: object, flag: bool) -> None:  # noqa: FBT001 - a fact, not a switch
    found[key] = found.get(key, True) and flag


def _or(found: dict, key: object, flag: bool) -> None:  # noqa: FBT001 - a fact, not a switch
    found[key] = found.get(key, False) or flag
