"""Are a model's own chains right, step by step, and did that change? No model is asked: the chains are checked as they stand."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import pandas as pd

from mechcot.core.measurement import Measurement
from mechcot.core.problem import Problem
from mechcot.core.step_arrays import tidy
from mechcot.core.store import nan_to_none
from mechcot.core.trace import Trace
from mechcot.core.wording import count_of
from mechcot.stats.accuracy_change import AccuracyChange, accuracy_change
from mechcot.stats.measurement_tables import item_means, scalar_rows, scalars_table
from mechcot.stats.proportions import share_interval
from mechcot.stats.sentences import accuracy_sentence
from mechcot.stats.verdict import Verdict
from mechcot.tasks import TEXT, task_of
from mechcot.text.arithmetic.number_words import count_numbers
from mechcot.traces.validity import VALIDITY, validity

_COLUMNS: Mapping[str, str] = {
    "steps that can be checked": "checkable",
    "valid steps": "valid",
    "chains without an invalid step": "whole",
    "steps that cite what was stated": "grounded",
    "steps that say the same again": "coherent",
}
"""What the report calls a scalar."""


@dataclass(frozen=True, eq=False)
class ChainValidity:
    """Every chain of a study, checked.

    Attributes:
        checks: A measurement a chain, without a reader.
        scalars: Their tidy scalars.
    """

    checks: tuple[Measurement, ...] = ()
    scalars: pd.DataFrame = field(default_factory=lambda: scalars_table(()))

    @classmethod
    def of(cls, traces: Sequence[Trace]) -> "ChainValidity":
        """Check chains."""
        checks = tuple(validity(trace) for trace in traces)
        return cls(checks, scalars_table(checks))

    @property
    def unchecked(self) -> str:
        """Why no step of any chain can be checked; "" where some can, and where there are no chains."""
        if not self.checks or any(math.isfinite(check.value) for check in self.checks):
            return ""
        return f"the steps of {count_of(len(self.checks), 'chain')} hold no arithmetic in plain notation, and nobody knows more of their task"

    def change(self, before: str, after: str, *, seed: int) -> AccuracyChange | None:
        """The change of the share of valid steps, each model on its own chains, paired by item; None where no item can be checked on both sides.

        Args:
            before: First author.
            after: Second author.
            seed: Of the study.
        """
        change = accuracy_change(
            self.scalars,
            before=before,
            after=after,
            author=None,
            share=(VALIDITY, "valid"),
            seed=seed,
        )
        return change if change.n else None

    def frame(self, names: Sequence[str], *, seed: int) -> pd.DataFrame:
        """One row an author: `model`, then by column a mean with its interval; empty where nothing can be checked.

        Args:
            names: The authors.
            seed: Of the study.
        """
        rows = []
        for name in names:
            for title, scalar in _COLUMNS.items():
                values = item_means(
                    scalar_rows(self.scalars, measure=VALIDITY, name=scalar),
                    reader=name,
                    author=name,
                ).to_numpy(float)
                if len(values):
                    end = share_interval(values, seed=seed, purpose=f"validity {scalar}")
                    rows.append({"model": name, "condition": title} | end.row())
        checkable = any(row["condition"] == "valid steps" for row in rows)
        return pd.DataFrame(rows if checkable else [])

    def table(self) -> pd.DataFrame:
        """Every step of every chain: 1, 0, or missing where it cannot be checked."""
        arrays = [array for check in self.checks for array in check.results.values()]
        authors = [check.author for check in self.checks for _ in check.results]
        return tidy(arrays, author=authors)


def hardly_checkable(problems: Sequence[Problem]) -> str:
    """Say before a run of how many questions the chains will hardly hold a step that can be checked; "" for none.

    Args:
        problems: What is asked. Where a task knows its steps, all can be checked; elsewhere arithmetic alone, and a question that names fewer than two numbers asks for none.
    """
    by_text = [p for p in problems if task_of(p).check_steps is TEXT.check_steps]
    bare = sum(count_numbers(problem.question) < 2 for problem in by_text)
    if not bare:
        return ""
    return f"validity: only arithmetic can be checked in these chains, and {bare} of {count_of(len(problems), 'question')} name fewer than two numbers: expect their steps not to be checkable"


def validity_sentence(change: AccuracyChange) -> str:
    """Did the share of valid steps change."""
    words = {"what": "the share of valid steps", "right": "valid"}
    left_out = f" {count_of(change.dropped, 'item')} cannot be checked on both sides."
    return f"Own chains: {accuracy_sentence(change, **words)}{left_out * bool(change.dropped)}"


_WORDS: Mapping[str, Mapping[Verdict, str]] = {
    "right": {"more": "more right", "less": "less right", "no change": "as right"},
    "valid": {"more": "more valid", "less": "less valid", "no change": "as valid"},
    "used": {"more": "more used", "less": "less used", "no change": "as much used"},
}


def parted(right: Verdict, valid: Verdict, used: Verdict) -> str:
    """Which of answer, steps and use moved apart: `more right, less valid, less used`; "" where they did not, or nothing is known of one.

    Args:
        right: Verdict about accuracy.
        valid: About the share of valid steps.
        used: About the use of the chain.
    """
    verdicts: dict[str, Verdict] = {"right": right, "valid": valid, "used": used}
    words = [_WORDS[axis].get(verdict, "") for axis, verdict in verdicts.items()]
    return ", ".join(words) if all(words) and len(set(verdicts.values())) > 1 else ""


def validity_summary(change: AccuracyChange | None) -> dict[str, object] | None:
    """JSON-able data; None where nothing can be checked."""
    if change is None:
        return None
    return nan_to_none(asdict(change) | {"sentence": validity_sentence(change)})
