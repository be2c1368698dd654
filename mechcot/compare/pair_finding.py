"""Measurements -> claims: one finding per later checkpoint.

The gates are read on every chain of the headline's author, the other measures on the chains chosen by
the study (`correct` or `all`). On own chains (`Study.author`) the headline pairs what each model wrote and
read itself, by problem, on items whose two chains are about equally long.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from mechcot.compare.agreement import AGREEMENT
from mechcot.compare.confidence import confidence_change, confidences
from mechcot.compare.novelty import NoveltyChange, novelty_change
from mechcot.compare.own_use import DECIDED, UseClaim
from mechcot.compare.settings import NULL_SCALE, Study
from mechcot.compare.tables import Tables
from mechcot.core.card import MeasureCard
from mechcot.core.problem import Problem
from mechcot.core.wording import count_of
from mechcot.measures.registry import MEASURES
from mechcot.measures.status import STATUS_ORDER
from mechcot.stats.accuracy_change import AccuracyChange
from mechcot.stats.calibration import CalibrationChange
from mechcot.stats.gate_bounds import GateBounds
from mechcot.stats.gates import GATE_MEASURE
from mechcot.stats.pair_comparison import PairComparison, compare_pair
from mechcot.stats.strata import by_stratum


@dataclass(frozen=True, eq=False)
class PairFinding:
    """The reference against one later checkpoint.

    Attributes:
        headline: The claim on the same chains; on each model's own in a study of own chains.
        own: The claim on each model's own chains beside a headline on the same; None when there are none.
        strata: Contrast per stratum; empty without strata.
        use: The claim about each model on its own chains, whatever their lengths; None where chains were given.
        next: What to do next where a claim could not be judged; "" for nothing.
        validity: Whether own chains became more or less right, step by step; None where chains were given, or nothing in them can be checked.
        calibration: Whether each is as sure of its answers as it is right, on its own chains (a null on those of the first, all on given ones); None where nobody knows.
        agreement: The same by how often further texts give the answer; None where none were drawn.
        abstention: How often questions that cannot, and can, be answered are left unanswered; empty where none of the first was asked.
        novelty: How right answers changed on novel and seen, long and short questions; None where nothing tells what is novel.
    """

    headline: PairComparison
    own: PairComparison | None
    strata: pd.DataFrame
    use: UseClaim | None = None
    next: str = ""
    validity: AccuracyChange | None = None
    calibration: CalibrationChange | None = None
    agreement: CalibrationChange | None = None
    abstention: Mapping[str, AccuracyChange] = field(default_factory=dict)
    novelty: NoveltyChange | None = None

    @property
    def before(self) -> str:
        """Name of the reference."""
        return self.headline.before

    @property
    def after(self) -> str:
        """Name of the later checkpoint."""
        return self.headline.after

    @property
    def readers(self) -> tuple[str, str]:
        """The reference and the later checkpoint."""
        return self.before, self.after

    @property
    def name(self) -> str:
        """Such as `base → bypass`."""
        return f"{self.before} → {self.after}"

    @property
    def same(self) -> bool:
        """Return whether both models read the same chains."""
        return self.headline.author is not None

    @property
    def leads(self) -> Literal["same", "own"]:
        """Which claim leads: on the same chains, the stronger one, where it was decided; else each model's on its own."""
        if self.use is None or not self.use.decided:
            return "same"
        return "same" if self.same and self.headline.conclusion.verdict in DECIDED else "own"

    def told(self) -> tuple[str, ...]:
        """The sentences of this pair for a terminal: the claims, the leading one first, and accuracy once."""
        said = self.headline.conclusion_sentence()
        beside = self.leads == "own" and self.same
        claims = [f"On the same chains: {said[0].lower()}{said[1:]}" if beside else said]
        if self.use is not None:
            claims.insert(0 if self.leads == "own" else 1, self.use.sentence)
        accuracy = (self.own or self.headline).accuracy_sentence()
        return (*claims, *([self.next] if self.next else []), accuracy)

    def author(self, reader: str) -> str:
        """Return who wrote the headline chains that one of the two models read."""
        return self.headline.author or reader


def judged_cards(study: Study) -> tuple[MeasureCard, ...]:
    """Cards of the measures that are compared, those that passed the ruler first (the gates judge, they are not judged)."""
    cards = (MEASURES[name].card for name in study.measure_names if name != GATE_MEASURE)
    return tuple(sorted(cards, key=lambda card: STATUS_ORDER.index(card.status)))


def too_few(cards: Sequence[MeasureCard], *, items: int) -> str:
    """Says before a run which verdicts are out of reach with so many items; empty when none is."""
    least = GateBounds().min_items
    needs = {card.title: max(card.min_items, least) for card in cards if card.direction}
    short = [f"{title} {need}" for title, need in needs.items() if items < need]
    if not short:
        return ""
    return (
        f"{count_of(items, 'item')} can be judged, too few for a verdict (they need: {', '.join(short)}); "
        "the numbers come with intervals all the same, more items give verdicts (--n)"
    )


def find(
    study: Study, tables: Tables, *, author: str | None, after: str, problems: Sequence[Problem]
) -> PairFinding:
    """Compare the first model with one later checkpoint or null reader.

    Args:
        study: The study.
        tables: All that was read.
        author: Who wrote the chains that both read; None for each model's own.
        after: The later model.
        problems: The problems, for their answers and strata.
    """
    before = study.specs[0].name
    cards = judged_cards(study)
    data = (tables.measurements, tables.scalars)
    answers = {problem.id: problem.answer for problem in problems}
    sides: dict[str, Any] = {"before": before, "after": after}
    headline = compare_pair(*data, cards, **sides, author=author, seed=study.seed, answers=answers)
    strata = {p.id: p.stratum for p in problems if p.stratum is not None}
    given = None if whose_chains(study, after) == "Own" else author
    return PairFinding(
        headline=headline,
        own=None if author is None else _own(study, tables, after=after),
        strata=by_stratum(
            *data, cards, strata=strata, **sides, author=author, seed=study.seed, answers=answers
        )
        if strata
        else pd.DataFrame(),
        validity=tables.validity.change(before, after, seed=study.seed),
        calibration=confidence_change(
            *(confidences(tables.scalars, name, author=given) for name in (before, after)),
            seed=study.seed,
        ),
        agreement=confidence_change(
            *(confidences(tables.agreement, name, columns=AGREEMENT) for name in (before, after)),
            seed=study.seed,
        ),
        abstention=tables.abstention.changes(before, after, seed=study.seed),
        novelty=novelty_change(problems, tables.scalars, before, after, seed=study.seed),
    )


def _own(study: Study, tables: Tables, *, after: str) -> PairComparison | None:
    """Each model's own chains, on the measures that were taken there."""
    rows = tables.measurements
    mine = set(rows[(rows["author"] == after) & (rows["reader"] == after)]["measure"])
    cards = [card for card in judged_cards(study) if card.name in mine]
    if study.traces is not None or not mine:
        return None
    before = study.specs[0].name
    data = (tables.measurements, tables.scalars, cards)
    return compare_pair(*data, before=before, after=after, author=None, seed=study.seed)


def null_name(study: Study) -> str | None:
    """Name of the scaled null reader, None when the study has none."""
    return f"{study.specs[0].name}@logits={NULL_SCALE:g}" if study.null_reader == "scaled" else None


def whose_chains(study: Study, after: str) -> str:
    """Whose chains the second model's confidence is of: `Own`, `Given`, or `The same` of the null, which reads the first model's."""
    if study.traces is not None:
        return "Given"
    return "The same" if after == null_name(study) else "Own"
