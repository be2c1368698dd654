"""Does a later checkpoint use its own chains as the reference uses its own? Nothing but items is paired, so lengths may differ."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mechcot.compare.chains import Chains
from mechcot.compare.judgement import judgement
from mechcot.compare.measurements import Job
from mechcot.compare.models import Models
from mechcot.compare.settings import Study, use_cells
from mechcot.compare.unjudged import RunFacts
from mechcot.core.measurement import Measurement
from mechcot.core.store import nan_to_none
from mechcot.core.wording import count_of
from mechcot.stats.chain_use_change import (
    AXES,
    AxisChange,
    UseChange,
    Values,
    deciding_loss,
    use_change,
)
from mechcot.stats.gates import GATE_MEASURE
from mechcot.text.number_format import difference, fixed

DECIDED = ("less", "more", "no change")
"""Verdicts that say something."""
_SCALARS = {"swapped": "needed", "alone": "alone"}


@dataclass(frozen=True)
class OwnUse:
    """One model on its own chains.

    Attributes:
        entry: Its verdict and all numbers behind it, as in check.json.
        values: Axis -> item -> value.
    """

    entry: Mapping[str, Any]
    values: Values


@dataclass(frozen=True)
class UseClaim:
    """The claim about two models, each on its own chains.

    Attributes:
        before: Entry of the reference.
        after: Entry of the later checkpoint.
        change: What changed.
    """

    before: Mapping[str, Any]
    after: Mapping[str, Any]
    change: UseChange

    @property
    def judged(self) -> bool:
        """Whether both models could be judged."""
        return self.change.verdict != "not judged"

    @property
    def decided(self) -> bool:
        """Whether the claim says something."""
        return self.change.verdict in DECIDED

    @property
    def sentence(self) -> str:
        """The claim in plain words, with the numbers behind it."""
        head = f"Own chains: {self.change.word}"
        if not self.judged:
            return f"{head}: {self._why('not judged')}."
        why = self._why("unclear")
        more = (
            f" About {count_of(self.change.decides, 'item')} would tell."
            if self.change.decides
            else ""
        )
        return f"{head}: {self._numbers()}.{f' {why}.' if why else ''}{more}"

    def _why(self, word: str) -> str:
        """Reason of the first model with that verdict, "" where none has it."""
        sides = (side for side in (self.before, self.after) if side["verdict"] == word)
        return next((f"{side['name']}: {side['reason']}" for side in sides), "")

    def _numbers(self) -> str:
        sides = (self.before, self.after)
        lost = (self.after["needed"]["by"], *filter(None, map(deciding_loss, sides)))
        parts = [
            f"{AXES[name]} {fixed(self.before[name]['mean'])} before, {fixed(self.after[name]['mean'])} after{_moved(self.change.differences[name])}"
            for name in dict.fromkeys(("followed", *lost))
        ]
        items = self.change.differences["followed"].n
        tokens = " and ".join(f"{side['tokens']:g}" for side in sides)
        return f"{'; '.join(parts)}; {count_of(items, 'item')}, median chains of {tokens} tokens"

    def summary(self) -> dict[str, Any]:
        """JSON-able data."""
        return nan_to_none(
            {
                "word": self.change.word,
                "verdict": self.change.verdict,
                "decides": self.change.decides,
                "sentence": self.sentence,
                "before": dict(self.before),
                "after": dict(self.after),
                "differences": {n: asdict(d) for n, d in self.change.differences.items()},
            }
        )


def _moved(change: AxisChange) -> str:
    return f" ({difference(change.mean, change.low, change.high)})" if change.n else ""


def own_uses(
    study: Study,
    chains: Chains,
    facts: Callable[[str], RunFacts],
    *,
    taken: Sequence[tuple[Job, Measurement]],
) -> dict[str, OwnUse]:
    """Judge every model that has chains of its own; a null reader reads those of the model it is made from.

    Args:
        study: The settings.
        chains: All chains.
        facts: Of the run, by author.
        taken: Every measurement with its job.
    """
    judged = {}
    for cell in use_cells(study):
        traces = chains.by_author[cell.author]
        finished = {trace.id for trace in traces if trace.finished}
        exchanged = [m for job, m in taken if job.cell == cell]
        gates = {
            m.trace: m
            for _, m in taken
            if (m.measure, m.author, m.reader) == (GATE_MEASURE, cell.author, cell.reader)
        }
        asked = [m for name, m in gates.items() if name in finished]
        entry = judgement(traces, [*asked, *exchanged], facts(cell.author))
        named = {"name": cell.reader, "spec": cell.spec.text}
        judged[cell.reader] = OwnUse(named | entry, by_item(exchanged))
    return judged


def by_item(exchanged: Sequence[Measurement]) -> Values:
    """Each axis by item, of the measurements of `chain_exchange`; one chain an item."""
    return {
        name: {m.item: m.value if name == "followed" else _scalar(m, name) for m in exchanged}
        for name in AXES
    }


def _scalar(measurement: Measurement, axis: str) -> float:
    return measurement.scalars.get(_SCALARS[axis], math.nan)


def use_claim(
    study: Study, models: Models, uses: Mapping[str, OwnUse], *, before: str, after: str
) -> UseClaim | None:
    """The claim about two models on their own chains; None where one of them has none.

    Args:
        study: The settings.
        models: Its models, for the hashes of weights and text rules.
        uses: All models' own use.
        before: Name of the reference.
        after: Name of the later checkpoint, or of a null reader.
    """
    if before not in uses or after not in uses:
        return None
    first, second = uses[before], uses[after]
    change = use_change(
        first.entry["verdict"],
        second.entry["verdict"],
        (first.values, second.values),
        same_model=_same(models, before, after),
        seed=study.seed,
    )
    return UseClaim(first.entry, second.entry, change)


def _same(models: Models, before: str, after: str) -> bool:
    """Whether two models of a study are one: weights, text rules and scale of the logits."""
    if after not in models.specs:
        return False
    scales = {models.specs[name].logit_scale for name in (before, after)}
    hashes = (models.weights_hash, models.text_hash)
    return len(scales) == 1 and all(key(before) == key(after) for key in hashes)
