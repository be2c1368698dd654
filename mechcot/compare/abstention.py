"""Does a model say when it cannot know, and does it say so only then? Before and after, on its own chains.

Problems marked `answerable: false` are asked beside the others; no other measure reads their chains.

    recall              share of the unanswerable questions at which it abstains
    false abstention    share of the answerable ones at which it abstains all the same
    precision           share of its abstentions that are right, as the file mixes the two kinds of questions

Source: AbstentionBench (Kirichenko et al. 2025, arXiv 2506.09038); how a text is read: `mechcot.text.abstention`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import pandas as pd

from mechcot.core.store import nan_to_none
from mechcot.core.trace import Trace
from mechcot.stats.accuracy_change import AccuracyChange, accuracy_change
from mechcot.stats.bootstrap import Interval, bootstrap_mean
from mechcot.stats.measurement_tables import SCALAR_COLUMNS, scalar_rows
from mechcot.stats.proportions import share_interval
from mechcot.stats.sentences import accuracy_sentence
from mechcot.text.abstention import abstains

_MEASURE = "abstention"
_RECALL, _FALSE, _PRECISION = "recall", "false abstention", "precision"
_TITLES: Mapping[str, str] = {
    _RECALL: "says so where it cannot know",
    _FALSE: "says so where it could know",
    _PRECISION: "of what it so says, right",
}
"""What the report calls a share."""


@dataclass(frozen=True, eq=False)
class Abstention:
    """Who abstained where.

    Attributes:
        scalars: Tidy scalars: 1 where a chain abstains, by item; without unanswerable questions empty.
    """

    scalars: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=[*SCALAR_COLUMNS]))

    @classmethod
    def of(cls, traces: Sequence[Trace]) -> "Abstention":
        """Read chains of questions that can be answered and of such as cannot.

        Args:
            traces: All chains, each by its author.
        """
        if all(trace.problem.answerable for trace in traces):
            return cls()
        rows = []
        for trace in traces:
            said, known = abstains(trace), trace.problem.answerable
            names = {_FALSE if known else _RECALL: said} | ({_PRECISION: not known} if said else {})
            key = (trace.problem.id, trace.id, trace.author, trace.author, _MEASURE)
            rows += [(*key, name, float(value)) for name, value in names.items()]
        return cls(pd.DataFrame(rows, columns=[*SCALAR_COLUMNS]))

    def changes(self, before: str, after: str, *, seed: int) -> dict[str, AccuracyChange]:
        """The changes of recall and of false abstention, each model on its own chains, paired by item; empty where nobody was asked.

        Args:
            before: First author.
            after: Second author.
            seed: Of the study.
        """
        changes = {
            name: accuracy_change(
                self.scalars,
                before=before,
                after=after,
                author=None,
                share=(_MEASURE, name),
                seed=seed,
            )
            for name in (_RECALL, _FALSE)
        }
        return {name: change for name, change in changes.items() if change.n}

    def frame(self, names: Sequence[str], *, seed: int) -> pd.DataFrame:
        """One row a model and share: `model`, `condition`, `mean`, `low`, `high`, `n` (items; of precision abstentions); empty without unanswerable questions.

        Args:
            names: The authors.
            seed: Of the study.
        """
        rows = []
        for name in names:
            for share, title in _TITLES.items():
                scalars = scalar_rows(self.scalars, measure=_MEASURE, name=share)
                end = _share(scalars[scalars["author"] == name], share, seed=seed)
                if end.n:
                    rows.append({"model": name, "condition": title} | end.row())
        return pd.DataFrame(rows)


def _share(scalars: pd.DataFrame, share: str, *, seed: int) -> Interval:
    """The mean over items; precision over all abstentions, of which an item with several chains can have several, with a bootstrap over items."""
    purpose = f"abstention {share}"
    if share == _PRECISION and scalars["item"].duplicated().any():
        numbers = pd.factorize(scalars["item"])[0]
        values = scalars["value"].to_numpy(float)
        return bootstrap_mean(values, clusters=numbers, seed=seed, purpose=purpose)
    means = scalars.groupby("item")["value"].mean().to_numpy(float)
    return share_interval(means, seed=seed, purpose=purpose)


def abstention_sentence(changes: Mapping[str, AccuracyChange]) -> str:
    """Whether the model says as often as before that it cannot know; "" where nobody was asked."""
    what = {
        _RECALL: "the share of unanswerable questions at which it abstains",
        _FALSE: "the share of answerable ones at which it abstains",
    }
    return " ".join(
        accuracy_sentence(change, what=what[name], right="abstained")
        for name, change in changes.items()
    )


def abstention_summary(changes: Mapping[str, AccuracyChange]) -> dict[str, object] | None:
    """JSON-able data; None where nobody was asked."""
    if not changes:
        return None
    rows = {name.replace(" ", "_"): asdict(change) for name, change in changes.items()}
    return nan_to_none(rows | {"sentence": abstention_sentence(changes)})
