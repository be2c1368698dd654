"""Answer probe: from which layer and part of the chain on can a linear probe read the final answer?

    x[l, k] = resid_post.l at the last token of the question for the answer, asked at the chain's k-th cut
    label   = the reader's own final answer
    accuracy[l, k] = share of held-out items that a logistic regression gets right, items kept whole in one fold
    shuffled[l, k] = the same with the labels permuted between items

About many traces and one reader, so it is no `Measure`. Cuts are taken at equal shares of each chain's steps (0: the end of
the prompt, 1: the end of the chain), so that chains of all lengths can be put together. The state stands where the answer is
about to be said: at a step's last token the next step is predicted, and an answer need not be there. A probe that finds the
answer shows that it is *there*, not that it is used. Source: Alain & Bengio 2016 (arXiv 1610.01644); control tasks:
Hewitt & Liang 2019 (arXiv 1909.03368).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from mechcot.core.card import MeasureCard
from mechcot.core.errors import NotMeasurable
from mechcot.core.trace import Trace
from mechcot.model.activations.capture import capture
from mechcot.model.generation.ask_answer import ask
from mechcot.model.internals.sites import Site
from mechcot.model.reasoner import Reasoner
from mechcot.probes.held_out import FOLDS, Guess, NewRows, Rows, by_regression, held_out

CARD = MeasureCard(
    name="answer_probe",
    title="Answer probe",
    question="From which layer and part of the chain on does a linear probe read the final answer on held-out items?",
    formula="held-out accuracy of a logistic regression from the state behind the question for the answer, asked at a cut, to the reader's own final answer",
    unit="share",
    low=0.0,
    high=1.0,
    direction=0,
    source="Alain & Bengio 2016 (arXiv 1610.01644); Hewitt & Liang 2019 (arXiv 1909.03368)",
    deviations="Folds are made of whole items; the control permutes labels between items.",
    confounds="Readable is not used. Frequent answers: compare with the shuffled labels and the most frequent answer.",
    cost="1 forward per trace and cut, 2 fits per fold, layer and cut",
    smallest_effect=0.1,
)
_POINTS = 5


@dataclass(frozen=True, eq=False)
class ProbeReading:
    """Result of probes over many traces.

    Attributes:
        reader: Name of the model.
        accuracy: Held-out accuracy.
        shuffled: The same with permuted labels.
        frequent: Held-out accuracy of always saying the most frequent answer of the other folds.
        shares: Share of the chain's steps before each cut.
        items: Items that the probes saw.
        dropped: Traces without a readable or a frequent enough answer.
    """

    reader: str
    accuracy: Float[np.ndarray, "layer cut"]
    shuffled: Float[np.ndarray, "layer cut"]
    frequent: float
    shares: tuple[float, ...]
    items: int
    dropped: int

    def to_frame(self) -> pd.DataFrame:
        """A tidy table: one row per layer and cut."""
        index = pd.MultiIndex.from_product(
            [range(len(self.accuracy)), self.shares], names=["layer", "share"]
        )
        columns = {"accuracy": self.accuracy.ravel(), "shuffled": self.shuffled.ravel()}
        table = pd.DataFrame(columns, index=index).reset_index()
        return table.assign(reader=self.reader, frequent=self.frequent, items=self.items)


def answer_probe(
    reader: Reasoner,
    traces: Sequence[Trace],
    *,
    seed: int = 0,
    points: int = _POINTS,
    folds: int = FOLDS,
    answer_tokens: int = 16,
) -> ProbeReading:
    """Fit and test probes over many traces.

    Args:
        reader: The model.
        traces: Chains in this reader's tokens; several of one item share a fold.
        seed: Of the permutation of labels.
        points: How many cuts of the chain.
        folds: How many folds; an answer must occur in that many items.
        answer_tokens: Longest answer that is decoded.

    Raises:
        NotMeasurable: Fewer than two answers occur in enough items.
    """
    kept, labels = _answered(reader, traces, max_new=answer_tokens)
    frequent_enough = {a for a, items in _items_of(kept, labels).items() if len(items) >= folds}
    pairs = [(t, a) for t, a in zip(kept, labels, strict=True) if a in frequent_enough]
    if len(frequent_enough) < 2:
        raise NotMeasurable(
            f"a probe needs two answers that occur in at least {folds} items each, got {len(frequent_enough)}"
        )
    shares = tuple(float(share) for share in np.linspace(0.0, 1.0, points))
    states = np.stack([_states(reader, trace, shares) for trace, _ in pairs])
    items = np.array([trace.problem.id for trace, _ in pairs])
    answers = np.array([answer for _, answer in pairs])
    wrong = permuted(answers, items, rng=np.random.default_rng(seed))
    grids = np.empty((2, *states.shape[1:3]))
    for layer, cut in np.ndindex(*states.shape[1:3]):
        x = states[:, layer, cut]
        for which, y in enumerate((answers, wrong)):
            grids[which, layer, cut] = accuracy(x, y, items, folds=folds)
    return ProbeReading(
        reader=reader.name,
        accuracy=grids[0],
        shuffled=grids[1],
        frequent=accuracy(states[:, 0, 0], answers, items, folds=folds, guess=most_frequent),
        shares=shares,
        items=len(set(items)),
        dropped=len(traces) - len(pairs),
    )


def accuracy(
    x: Rows, y: np.ndarray, items: np.ndarray, *, folds: int, guess: Guess = by_regression
) -> float:
    """Share of the answers that are guessed right from the other folds; all traces of an item stand in one fold."""
    return float(np.mean(held_out(x, y, items, folds=folds, guess=guess) == y))


def most_frequent(_x: Rows, y: np.ndarray, _items: np.ndarray, new: NewRows) -> np.ndarray:
    """Guess the most frequent of the answers for every new row."""
    values, counts = np.unique(y, return_counts=True)
    return np.full(len(new), values[counts.argmax()])


def permuted(answers: np.ndarray, items: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """Each item gets the answers of another: the traces of one item keep answers of one item."""
    first = {item: answers[items == item][0] for item in dict.fromkeys(items.tolist())}
    given = dict(zip(first, rng.permutation(np.array(list(first.values()))), strict=True))
    return np.array([given[item] for item in items.tolist()])


def _answered(
    reader: Reasoner, traces: Sequence[Trace], *, max_new: int
) -> tuple[list[Trace], list[str]]:
    """Traces with steps and a readable answer, and the reader's own answers after their chains."""
    kept, labels = [], []
    for trace in traces:
        stop = trace.cuts()[-1]
        answer = ask(reader, reader.prefix(trace.ids[:stop]), (stop,), max_new=max_new).answers[0]
        if trace.chain_steps and answer.text is not None:
            kept.append(trace)
            labels.append(answer.text)
    return kept, labels


def _items_of(traces: Sequence[Trace], answers: Sequence[str]) -> dict[str, set[str]]:
    items: dict[str, set[str]] = {}
    for trace, answer in zip(traces, answers, strict=True):
        items.setdefault(answer, set()).add(trace.problem.id)
    return items


def _states(
    reader: Reasoner, trace: Trace, shares: Sequence[float]
) -> Float[np.ndarray, "layer cut d_model"]:
    """States at the last token of the question for the answer, asked at each cut."""
    cuts = trace.cuts()
    layers = range(reader.model.config.get_text_config().num_hidden_layers)
    sites = [Site("resid_post", layer) for layer in layers]
    columns = []
    for share in shares:
        cut = cuts[round(share * (len(cuts) - 1))]
        states = capture(reader, (*trace.ids[:cut], *reader.cue_after(trace.ids[:cut])), sites)
        columns.append([states[site][-1].float().cpu().numpy() for site in sites])
    return np.stack(columns, axis=1)
