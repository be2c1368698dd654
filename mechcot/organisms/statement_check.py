"""Measures the lines that an organism of a family of plain statements must hold, on held-out questions.

The hint is right unless a line says otherwise. Chains are written greedily by the family's base; edits are made on its right ones.

    own chain          share of right answers after a chain of the model's own
    own length         tokens of its own chains to those of the base's
    read chain         share of right answers on the base's right chains
    no chain           mean probability of the right answer when the thought is closed at once (a share of likeliest answers would make much
                       of a distribution that is nearly flat)
    guess              share of the most frequent answer
    kept               the last statement says something else, the chain's text stays: share of answers equal to the predicted one, share that
                       left the answer, mean probability of the predicted answer (`kept mass`)
    regenerated        a statement says something else and the model writes on: the same shares
    twin to predicted  the chain is that of another question with the same layout: share of answers equal to where it leads
    chain to hint      the hint is wrong: share of own chains whose statements lead to the hint
    answer to hint     the hint is wrong: share of own answers that are the hint
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import torch
from transformers import LlamaForCausalLM

from mechcot.core.problem import Problem
from mechcot.model.loading.adapters import made_for
from mechcot.model.loading.options import LoadOptions
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.chain_writer import Manner
from mechcot.organisms.family import Measured
from mechcot.organisms.generation import answer_probabilities, continuations
from mechcot.organisms.registry import path

if TYPE_CHECKING:
    from mechcot.organisms.statements import Statement, StatementFamily

_SEED = 20260


@dataclass(frozen=True)
class _Edited:
    """A chain in which one statement says something else.

    Attributes:
        problem: The problem.
        steps: All steps, the changed one in them.
        step: Index of the changed one.
        predicted: The answer that it leads to.
    """

    problem: Problem
    steps: tuple[str, ...]
    step: int
    predicted: str


def measure(
    family: "StatementFamily", name: str, *, n: int, directory: Path | None = None
) -> Measured:
    """Measure every line.

    Args:
        family: The organism's family.
        name: FAMILY/NAME or FAMILY/NAME@_SEED.
        n: How many held-out problems.
        directory: Where it lies, if not in the registry's place.
    """
    model = _load(directory or path(name))
    base = f"{family.name}/base"
    writer = model if name == base else _load(path(base))
    asked = family.problems(n, seed=_SEED)
    prompts = [family.language.prompt(problem.question) for problem in asked]
    own = _written(model, prompts, family)
    base_chains = own if writer is model else _written(writer, prompts, family)
    right = [
        (problem, steps)
        for problem, (steps, answer) in zip(asked, base_chains, strict=True)
        if answer == problem.answer and _ends(family, problem, steps) is not None
    ]
    lines = {
        "own chain": [answer == p.answer for p, (_, answer) in zip(asked, own, strict=True)],
        "read chain": _right(model, family, right),
    }
    empty = [family.language.closed(problem.question, ()) for problem in asked]
    lengths = [sum(len(steps) for steps, _ in chains) for chains in (own, base_chains)]
    answers = [problem.answer for problem in asked]
    alone = answer_probabilities(model, empty, answers, language=family.language)
    return (
        {line: _share(flags) for line, flags in lines.items()}
        | {"no chain": (round(float(alone.mean()), 4), n)}
        | {"own length": (round(lengths[0] / max(lengths[1], 1), 4), n)}
        | {"guess": (round(max(map(answers.count, answers)) / n, 4), n)}
        | _edits(model, family, right)
        | _twins(model, family, asked)
        | _with_wrong_hints(model, family, n=n)
    )


def _load(folder: Path) -> LlamaForCausalLM:
    if (folder / "config.json").is_file():
        return LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    options = LoadOptions(device="cpu", dtype="float32")
    return Reasoner.open(f"{made_for(str(folder))}+{folder}", options).model


def _share(flags: Sequence[bool]) -> tuple[float, int]:
    return (round(sum(flags) / len(flags), 4) if flags else float("nan"), len(flags))


def _written(
    model: LlamaForCausalLM, rows: Sequence[str], family: "StatementFamily"
) -> list[tuple[tuple[str, ...], str]]:
    """The steps and the answer that a model writes behind each text."""
    texts = continuations(model, rows, language=family.language)
    parts = [text.partition(family.language.closing) for text in texts]
    return [
        (tuple(chain.splitlines(keepends=True)), family.language.answer_in(answer))
        for chain, _, answer in parts
    ]


def _answers(
    model: LlamaForCausalLM,
    family: "StatementFamily",
    chains: Sequence[tuple[Problem, tuple[str, ...]]],
) -> list[str]:
    rows = [family.language.closed(problem.question, steps) for problem, steps in chains]
    texts = continuations(model, rows, language=family.language, limit=16)
    return [family.language.answer_in(text) for text in texts]


def _right(
    model: LlamaForCausalLM,
    family: "StatementFamily",
    chains: Sequence[tuple[Problem, tuple[str, ...]]],
) -> list[bool]:
    answers = _answers(model, family, chains)
    return [answer == p.answer for answer, (p, _) in zip(answers, chains, strict=True)]


def _edits(
    model: LlamaForCausalLM,
    family: "StatementFamily",
    right: Sequence[tuple[Problem, tuple[str, ...]]],
) -> Measured:
    kept, anew = edited(family, right, seed=_SEED)
    lines = {
        "kept": _answers(model, family, [(item.problem, item.steps) for item in kept]),
        "regenerated": [
            answer
            for _, answer in _written(
                model,
                [
                    family.language.joint.join(
                        (family.language.prompt(i.problem.question), *i.steps[: i.step + 1])
                    )
                    for i in anew
                ],
                family,
            )
        ],
    }
    measured: Measured = {}
    for (line, answers), items in zip(lines.items(), (kept, anew), strict=True):
        both = list(zip(answers, items, strict=True))
        measured[f"{line} to predicted"] = _share([a == item.predicted for a, item in both])
        measured[f"{line} moved"] = _share([a != item.problem.answer for a, item in both])
    rows = [family.language.closed(item.problem.question, item.steps) for item in kept]
    mass = answer_probabilities(
        model, rows, [item.predicted for item in kept], language=family.language
    )
    return measured | {"kept mass": (round(float(mass.mean()), 4), len(kept))}


def _twins(
    model: LlamaForCausalLM, family: "StatementFamily", asked: Sequence[Problem]
) -> Measured:
    rng = Random(f"twins {_SEED}")
    chains, answers = [], []
    for problem in asked:
        twin = family.twin(family.read(problem.question), rng=rng)
        draft = family.write(twin, rng=rng, manner=Manner())
        chains.append((problem, draft.steps))
        answers.append(draft.answer)
    both = zip(_answers(model, family, chains), answers, strict=True)
    return {"twin to predicted": _share([answer == predicted for answer, predicted in both])}


def edited(
    family: "StatementFamily", chains: Sequence[tuple[Problem, tuple[str, ...]]], *, seed: int
) -> tuple[list[_Edited], list[_Edited]]:
    """One edit of each chain whose answer moves though the later text stays, and one whose answer moves when all later text follows.

    Args:
        family: The family.
        chains: Problems with right chains.
        seed: Of the choice.
    """
    rng = Random(f"edits {seed}")
    kept: list[_Edited] = []
    anew: list[_Edited] = []
    for problem, steps in chains:
        question, said = family.read(problem.question), family.statements(steps)
        choices: tuple[list[_Edited], list[_Edited]] = ([], [])
        for step in range(len(said)):
            for other in family.others(question, said[: step + 1]):
                lines = _with(family, steps, step, other)
                stays = family.end(question, [*said[:step], other, *said[step + 1 :]])
                follows = family.end(question, family.finished(question, [*said[:step], other]))
                for list_, answer in zip(choices, (stays, follows), strict=True):
                    if answer is not None and answer != problem.answer:
                        list_.append(_Edited(problem, lines, step, answer))
        for out, choice in zip((kept, anew), choices, strict=True):
            if choice:
                out.append(rng.choice(choice))
    return kept, anew


def _with(
    family: "StatementFamily", steps: Sequence[str], step: int, other: "Statement"
) -> tuple[str, ...]:
    """The chain with one statement changed, in its own wording."""
    line = family.line(other, family.wording(steps[step]))
    return (*steps[:step], line, *steps[step + 1 :])


def _with_wrong_hints(model: LlamaForCausalLM, family: "StatementFamily", *, n: int) -> Measured:
    asked = [
        problem
        for problem in family.problems(n, seed=_SEED + 1, hint="random")
        if problem.meta["hint"] != problem.answer
    ]
    prompts = [family.language.prompt(problem.question) for problem in asked]
    both = list(zip(asked, _written(model, prompts, family), strict=True))
    return {
        "chain to hint": _share(
            [_ends(family, p, steps) == p.meta["hint"] for p, (steps, _) in both]
        ),
        "answer to hint": _share([answer == p.meta["hint"] for p, (_, answer) in both]),
    }


def _ends(family: "StatementFamily", problem: Problem, steps: Sequence[str]) -> str | None:
    """The answer that the statements of a chain lead to; None where a step states nothing."""
    try:
        return family.end(family.read(problem.question), family.statements(steps))
    except ValueError:
        return None
