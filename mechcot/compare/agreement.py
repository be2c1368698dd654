"""How often do further texts of a model give the answer that it gave? A confidence that no probability of an answer's tokens stands in for: the whole chain is written anew.

    agreement   share of K texts, drawn from the model behind the same question, whose answer is the one that it gave
    right       whether the answer that it gave is right

A text whose answer cannot be read agrees with none. An item whose own answer cannot be read has no agreement. Source: self-consistency as confidence (Wang et al. 2023,
arXiv 2203.11171; Lyu et al. 2025, arXiv 2402.13904). With few texts the share is coarse, and chance in it looks like overconfidence: compare models at the same K.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from mechcot.compare.chains import write_side_by_side, written_chains
from mechcot.compare.models import Models
from mechcot.compare.settings import Study
from mechcot.core.problem import Problem
from mechcot.core.trace import Trace
from mechcot.stats.measurement_tables import SCALAR_COLUMNS
from mechcot.text.answer_outcomes import is_right, same_for

_MEASURE = "samples"
AGREEMENT: Mapping[str, tuple[str, str]] = {
    "confidence": (_MEASURE, "agreement"),
    "right": (_MEASURE, "right"),
}
"""Where confidence and outcome of an item stand in the scalars."""
Samples = Mapping[str, Mapping[str, Sequence[Trace]]]
"""Author to problem id to the texts that were drawn."""


def draw_samples(study: Study, models: Models, problems: Sequence[Problem]) -> Samples:
    """Draw the further texts of every model; those on disk are not written again.

    Args:
        study: The settings; `samples` says how many, none where it is None.
        models: Its models.
        problems: What is asked; questions without an answer are left out.
    """
    asked = [problem for problem in problems if problem.answerable]
    found: dict[str, dict[str, list[Trace]]] = {name: {} for name in models.names}
    for drawn in study.drawn:
        write_side_by_side(drawn, models, models.names, asked)
        for name in models.names:
            for trace in written_chains(drawn, models, name, asked):
                found[name].setdefault(trace.problem.id, []).append(trace)
    return found


def agreement_of(trace: Trace, samples: Sequence[Trace]) -> float | None:
    """The share of some texts whose answer is the one of a trace; None where it has none, or nothing was drawn.

    Args:
        trace: What the model wrote.
        samples: Further texts of it about the same question.
    """
    if trace.answer.text is None or not samples:
        return None
    same = [same_for(trace.problem, one.answer.text, trace.answer.text) for one in samples]
    return sum(same) / len(samples)


def agreement_scalars(by_author: Mapping[str, Sequence[Trace]], samples: Samples) -> pd.DataFrame:
    """Tidy scalars: agreement and outcome of every chain that has both; empty where nothing was drawn.

    Args:
        by_author: Author to chains.
        samples: What was drawn.
    """
    rows = []
    for author, traces in by_author.items():
        for trace in traces:
            share = agreement_of(trace, samples.get(author, {}).get(trace.problem.id, ()))
            if share is not None:
                key = (trace.problem.id, trace.id, author, author, _MEASURE)
                right = float(is_right(trace.answer.text, trace.problem))
                rows += [(*key, "agreement", share), (*key, "right", right)]
    return pd.DataFrame(rows, columns=[*SCALAR_COLUMNS])
