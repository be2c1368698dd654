"""A probe that names the kinds of steps from a model's activations, trained on the user's own labels.

    x[i]  = mean of resid_post.L over the tokens of step i, read behind the question and the steps before
    kind  = logistic regression on x, standardised

Held-out score: every item (all traces of one problem) is left out once, in folds, and labelled by a probe that never saw it; macro-F1
with its interval over items. Control: the same with labels permuted over all steps (Hewitt & Liang 2019, arXiv 1909.03368):
what a probe of this size reaches without any signal. A probe shows that a kind can be read off, not that the model uses it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from sklearn.pipeline import Pipeline

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.problem import Completion, Problem
from mechcot.core.trace import StepKind, Trace
from mechcot.model.internals.sites import Site
from mechcot.model.reasoner import Reasoner
from mechcot.probes.held_out import FOLDS, held_out, regression
from mechcot.stats.label_agreement import LabelScores, score_labels
from mechcot.text.trace_parser import read

_KINDS = tuple(kind.value for kind in StepKind)


@dataclass(frozen=True, eq=False)
class KindProbe:
    """A trained probe; a `mechcot.text.step_kinds.Classifier`.

    Attributes:
        reader: The model whose activations it reads.
        layer: Block behind which they are read.
        fitted: The regression, fitted on every labelled step.
        held_out: How well it named steps of items that it had not seen.
        shuffled: The same with permuted labels.
        question: The question put before the steps when it is called with texts alone; none by default.
    """

    reader: Reasoner
    layer: int
    fitted: Pipeline
    held_out: LabelScores
    shuffled: LabelScores
    question: str = ""

    def __call__(self, steps: Sequence[str]) -> list[StepKind]:
        """Read the texts with the model and name every step; one forward.

        The steps are put behind `question`. A probe was trained behind each trace's own question: use `kinds` where there is a trace.
        """
        if not "".join(steps).strip():
            return [StepKind.OTHER for _ in steps]
        problem = Problem(id="probe", question=self.question, answer="")
        prompt = self.reader.render(problem) if self.question else ""
        text = "".join(steps)
        pieces = list(steps)
        trace = read(
            Completion(problem=problem, prompt=prompt, text=f"{text}</think>", model="probe"),
            self.reader.tokenizer,
            segmenter=lambda _: pieces,
        )
        return self.kinds(trace)

    def kinds(self, trace: Trace) -> list[StepKind]:
        """The kind of every chain step of a trace; `other` for a step without tokens. One forward."""
        x = step_states(self.reader, trace, layer=self.layer)
        known = np.asarray(np.isfinite(x).all(axis=1))
        names = np.full(len(x), StepKind.OTHER.value, dtype=object)
        if known.any():
            names[known] = self.fitted.predict(x[known])
        return [StepKind(kind) for kind in names]


def train_probe(
    reader: Reasoner,
    traces: Sequence[Trace],
    labels: Sequence[Sequence[StepKind]],
    *,
    layer: int,
    folds: int = FOLDS,
    seed: int = 0,
) -> KindProbe:
    """Train and score a probe. Cost: one forward per trace, two fits per fold and one more.

    Args:
        reader: The model.
        traces: Traces in this reader's tokens.
        labels: The kinds of each trace's chain steps, as the user gives them.
        layer: Block behind which activations are read.
        folds: How many folds; items stay whole.
        seed: Of the permutation and the resampling.

    Raises:
        UserError: Not one label per chain step, or a layer that the model does not have.
        NotMeasurable: Fewer items than folds, or only one kind.
    """
    if len(labels) != len(traces):
        raise UserError(f"expected labels for {len(traces)} traces, got {len(labels)}")
    states, kinds, items = [], [], []
    for trace, mine in zip(traces, labels, strict=True):
        n = len(trace.chain_steps)
        if len(mine) != n:
            raise UserError(
                f"trace {trace.id}: expected {n} labels, one per chain step, got {len(mine)}"
            )
        if not n:
            continue
        x = step_states(reader, trace, layer=layer)
        known = np.asarray(np.isfinite(x).all(axis=1))
        states.append(x[known])
        kinds += [StepKind(kind).value for kind, has in zip(mine, known, strict=True) if has]
        items += [trace.problem.id] * int(known.sum())
    if len(set(items)) < folds or len(set(kinds)) < 2:
        raise NotMeasurable(
            f"a probe needs at least {folds} problems and two kinds, got {len(set(items))} and {len(set(kinds))}"
        )
    x, y = np.concatenate(states), np.array(kinds)
    wrong = np.random.default_rng(seed).permutation(y)
    plain, shuffled = (
        score_labels(
            which.tolist(),
            held_out(x, which, np.array(items), folds=folds).tolist(),
            groups=items,
            labels=_KINDS,
            seed=seed,
        )
        for which in (y, wrong)
    )
    return KindProbe(reader, layer, regression().fit(x, y), plain, shuffled)


def step_states(reader: Reasoner, trace: Trace, *, layer: int) -> Float[np.ndarray, "step d_model"]:
    """Mean state of every chain step behind a block; NaN for a step without tokens. One forward.

    Args:
        reader: The model.
        trace: A trace in this reader's tokens; it is run up to the end of its chain.
        layer: Block, from 0; the states are its output.

    Raises:
        UserError: A layer that the model does not have.
    """
    site = Site("resid_post", layer)
    states = reader.states(trace.ids[: trace.cuts()[-1]], [site])[site].float().cpu().numpy()
    rows = [states[step.tokens.start : step.tokens.stop] for step in trace.chain_steps]
    empty = np.full(states.shape[1], np.nan)
    return np.stack([row.mean(0) if len(row) else empty for row in rows])
