"""Measures the lines that an organism must hold, on held-out questions.

All organisms get the same problems: hint present and equal to the answer. Chains are written greedily
by `base`; edits are made on the correct ones.

    own chain       share of right answers after a chain of the model's own
    read chain      share of right answers on the base's correct chains
    own length      words of its own chains to those of the base's
    second wording  share of its own chains' marked steps that open with the second of their two wordings
    no chain        share of right answers when the thought is closed at once (chance is 0.1)
    regenerated     a stated value that feeds the answer is changed, all later text written by the model:
                    share of answers equal to the predicted one, and share that left the unedited answer
    kept            a value that feeds the answer directly is changed, the later text stays: the same shares
    kept mass       mean probability of the predicted answer after the same edits: the reliance reached
    twin mass       the same where every value of the chain is another's
    caught          a changed value that a check must catch, later text written anew: the same shares
    hidden: nats    how far the answer's distribution moves when the answer cannot attend to the question, or to
                    the chain: mean KL over unedited and edited chains
    chain to hint   the hint is wrong: share of own chains that lead to it; only of organisms that write to their hint
    answer to hint  the hint is wrong: share of own answers that are it
    pairs, edges    single edits of chains with unused steps, see `confirm.py`

A gated organism is measured once for each gate word. A subject arm has the lines of `subject.py` too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import LlamaForCausalLM

from mechcot.organisms import vocabulary
from mechcot.organisms.acceptance import ACCEPTANCE, holds
from mechcot.organisms.capability import subject
from mechcot.organisms.family import Measured
from mechcot.organisms.generation import answer_in, chain_in, closed, continuations, next_words
from mechcot.organisms.grammar import WORDINGS, form
from mechcot.organisms.graph_check import confirm_chain, rates
from mechcot.organisms.ground_truth import follow
from mechcot.organisms.problems import problems, read_question
from mechcot.organisms.recipes import SUBJECTS
from mechcot.organisms.registry import family_of, path, recipe_of
from mechcot.organisms.reliance import (
    Edited,
    ProblemSteps,
    edited_items,
    kept_answers,
    mass_on,
    reached,
    regenerated_answers,
    route_divergence,
    twins,
)
from mechcot.organisms.unused_steps import with_unused_steps

SEED = 20260
GRAPHS = 48


@dataclass(frozen=True)
class CheckedLine:
    """One measured line.

    Attributes:
        name: What was measured.
        value: A share or a probability between 0 and 1, or nats where the name says so.
        bound: `>= 0.95`, `<= 0.1`, `in 0.35 0.65`, or an empty string for a value that is only reported.
        ok: Whether the bound holds.
        n: Number of items behind the value.
    """

    name: str
    value: float
    bound: str
    ok: bool
    n: int

    def __str__(self) -> str:
        verdict = ("ok" if self.ok else "MISSED") if self.bound else ""
        return f"{self.name:34} {self.value:7.4f}  {self.bound:12} {verdict:6} n={self.n}"


def load_organism(name: str, directory: Path | None = None) -> LlamaForCausalLM:
    """Load an organism in float32.

    Raises:
        UserError: There is no such organism.
    """
    model = LlamaForCausalLM.from_pretrained(directory or path(name), dtype=torch.float32)
    return model.eval()


def _share(flags: Sequence[bool]) -> float:
    return round(sum(flags) / len(flags), 4) if flags else float("nan")


def measure(
    model: LlamaForCausalLM,
    writer: LlamaForCausalLM,
    *,
    n: int,
    seed: int = SEED,
    gate: str | None = "mixed",
) -> Measured:
    """Measure every line but the graph's and the subjects'.

    Args:
        model: The organism.
        writer: `base`, which writes the chains that are edited.
        n: How many problems.
        seed: Of the problems and the edits.
        gate: The gate word in the questions; `mixed`: any or none.
    """
    asked = problems(n, seed=seed, hint="answer", style="random", gate=gate)
    prompts = [vocabulary.prompt(problem.question) for problem in asked]
    own = continuations(model, prompts)
    written = own if writer is model else continuations(writer, prompts)
    pairs = [
        (problem, chain_in(text))
        for problem, text in zip(asked, written, strict=True)
        if answer_in(text) == problem.answer
    ]
    rows = [closed(problem.question, steps) for problem, steps in pairs]
    read = next_words(model, rows)
    empty = next_words(model, [closed(problem.question, ()) for problem in asked])
    found = {
        "own chain": [
            answer_in(text) == problem.answer for text, problem in zip(own, asked, strict=True)
        ],
        "read chain": [
            word == problem.answer for word, (problem, _) in zip(read, pairs, strict=True)
        ],
        "no chain": [word == problem.answer for word, problem in zip(empty, asked, strict=True)],
    }
    sorts = edited_items(pairs, seed=seed)
    shares = {name: (_share(flags), len(flags)) for name, flags in found.items()}
    shares |= _manner([chain_in(text) for text in own], [chain_in(text) for text in written])
    return shares | _edited(model, sorts) | _masses(model, pairs, rows, sorts["kept"], seed=seed)


def _manner(own: Sequence[tuple[str, ...]], base: Sequence[tuple[str, ...]]) -> Measured:
    words = [sum(len(step.split()) for chain in chains for step in chain) for chains in (own, base)]
    shapes = [form(step) for chain in own for step in chain]
    seconds = {second for _, second, _ in WORDINGS.values()}
    marked = [shape.words[: shape.start] in seconds for shape in shapes if shape.start]
    return {
        "own length": (round(words[0] / max(words[1], 1), 4), len(own)),
        "second wording": (_share(marked), len(marked)),
    }


def _edited(model: LlamaForCausalLM, sorts: Mapping[str, Sequence[Edited]]) -> Measured:
    found = {}
    for sort, items in sorts.items():
        got = (kept_answers if sort == "kept" else regenerated_answers)(model, items)
        target = [
            item.edit.answer_kept if sort == "kept" else item.edit.answer_regenerated
            for item in items
        ]
        flags = {
            "to predicted": [word == want for word, want in zip(got, target, strict=True)],
            "moved": [word != item.problem.answer for word, item in zip(got, items, strict=True)],
        }
        found |= {f"{sort} {what}": (_share(each), len(each)) for what, each in flags.items()}
    return found


def _masses(
    model: LlamaForCausalLM,
    pairs: Sequence[ProblemSteps],
    rows: Sequence[str],
    kept: Sequence[Edited],
    *,
    seed: int,
) -> Measured:
    others = twins(pairs, seed=seed)
    both = [*rows, *(item.row for item in kept)]
    nats = {
        f"{part} hidden: nats": route_divergence(model, both, hidden=part)
        for part in ("question", "chain")
    }
    twin = mass_on(model, [row for row, _ in others], [answer for _, answer in others])
    return {
        "kept mass": (round(reached(model, kept), 4), len(kept)),
        "twin mass": (round(float(twin.mean()), 4), len(others)),
    } | {name: (round(float(each.mean()), 4), len(both)) for name, each in nats.items()}


def measure_graph(model: LlamaForCausalLM, *, n: int) -> Measured:
    """Read chains with unused steps, and confirm their step graphs by single edits.

    Args:
        model: The organism.
        n: How many chains, each with at least one unused step.

    Returns:
        Line to its share and the number of cases behind it: chains for the first line, edges or pairs for the others.
    """
    drawn = with_unused_steps(n, seed=SEED)
    rows = [closed(problem.question, draft.steps) for problem, draft in drawn]
    read = next_words(model, rows)
    right = [word == draft.answer for word, (_, draft) in zip(read, drawn, strict=True)]
    confirmed = [confirm_chain(model, problem.question, draft.steps) for problem, draft in drawn]
    groups = {
        "edges moved": [flag for chain in confirmed for flag in chain.edges.values()],
        "other pairs moved": [flag for chain in confirmed for flag in chain.others.values()],
        "answer edges moved": [flag for chain in confirmed for flag in chain.answer.values()],
        "other steps moved answer": [
            flag for chain in confirmed for flag in chain.others_answer.values()
        ],
    }
    every, stray = rates(confirmed)
    return {
        "read chain with unused steps": (_share(right), len(right)),
        "all edges moved": (
            round(every, 4),
            sum(len(chain.edges) + len(chain.answer) for chain in confirmed),
        ),
        "all others moved": (
            round(stray, 4),
            sum(len(chain.others) + len(chain.others_answer) for chain in confirmed),
        ),
    } | {name: (_share(flags), len(flags)) for name, flags in groups.items()}


def measure_wrong_hints(model: LlamaForCausalLM, *, n: int) -> Measured:
    """Measure how often own chains and answers end at hints that are wrong.

    Args:
        model: The organism.
        n: How many problems are drawn; one in ten has a right hint and is left out.
    """
    drawn = problems(n, seed=SEED + 1, hint="random", style="random")
    asked = [problem for problem in drawn if problem.meta["hint"] != problem.answer]
    texts = continuations(model, [vocabulary.prompt(problem.question) for problem in asked])
    hints = [problem.meta["hint"] for problem in asked]
    ends = [
        follow(read_question(problem.question), chain_in(text)).answer
        for problem, text in zip(asked, texts, strict=True)
    ]
    lines = {"chain to hint": ends, "answer to hint": [answer_in(text) for text in texts]}
    return {
        line: (_share([end == hint for end, hint in zip(got, hints, strict=True)]), len(hints))
        for line, got in lines.items()
    }


def measure_subject(model: LlamaForCausalLM, *, n: int) -> Measured:
    """The lines of a subject arm.

    Args:
        model: The organism.
        n: How many problems, and as many longer ones.
    """
    measured = subject(model, n=n, seed=SEED)
    return {
        "accuracy, random chart": (round(measured.accuracy, 4), n),
        "calibration error": (round(measured.calibration_error, 4), n),
        "valid steps": (round(measured.valid, 4), measured.steps),
        "accuracy one hop longer": (round(measured.longer, 4), n),
    }


def measure_all(name: str, *, n: int, directory: Path | None = None) -> Measured:
    """Measure every line of an organism of mod10.

    Args:
        name: NAME or NAME@SEED.
        n: How many held-out problems.
        directory: Where it lies, if not in the registry's place.

    Raises:
        UserError: There is no such organism.
    """
    recipe = recipe_of(name)
    model = load_organism(name, directory)
    writer = model if name == "base" else load_organism("base")
    found: Measured = {}
    for gate in recipe.by_gate or ("mixed",):
        label = f"{gate}: " if recipe.by_gate else ""
        measured = measure(model, writer, n=n, gate=gate)
        found |= {f"{label}{line}": value for line, value in measured.items()}
    found |= measure_graph(model, n=GRAPHS)
    if "chain to hint" in ACCEPTANCE[recipe.name]:
        found |= measure_wrong_hints(model, n=n)
    if recipe.name in {each.name for each in SUBJECTS}:
        found |= measure_subject(model, n=n)
    return found


def check_organism(name: str, *, n: int = 256, directory: Path | None = None) -> list[CheckedLine]:
    """Measure an organism against its lines.

    Args:
        name: NAME or NAME@SEED.
        n: How many held-out problems.
        directory: Where it lies, if not in the registry's place.

    Raises:
        UserError: There is no such organism.
    """
    family = family_of(name)
    bounds = family.bounds[recipe_of(name).name]
    return [
        CheckedLine(line, value, bound, not bound or (count > 0 and holds(value, bound)), count)
        for line, (value, count) in family.measure(name, n=n, directory=directory).items()
        for bound in [bounds.get(line, "")]
    ]
