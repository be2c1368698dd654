"""The measures that a study's models can give, known before a chain is written.

What a family cannot give is left out and named, on the console and in the report; the rest of the run goes on.
"""

from dataclasses import replace

from rich.console import Console

from mechcot.compare.models import Models
from mechcot.compare.settings import Study
from mechcot.core.errors import UserError
from mechcot.measures.registry import MEASURES
from mechcot.model.internals.capabilities import lacks


def able(study: Study, models: Models, *, console: Console) -> Study:
    """The study without the measures that one of its models cannot give; each is named on the console.

    Models that are held one at a time are not all loaded for this: the first answers for its family.

    Args:
        study: The settings.
        models: Its models, loaded as they are needed.
        console: Where it is said.

    Raises:
        UserError: Every measure that was named is left out.
    """
    left_out = {name: reason for name in study.measure_names if (reason := _lacks(models, name))}
    if not left_out:
        return study
    limits = study.most_chains
    kept = tuple(
        f"{name}:{limits[name]}" if name in limits else name
        for name in study.measure_names
        if name not in left_out
    )
    named = {name.partition(":")[0] for name in study.measures or ()}
    if named and named <= {*left_out, "gates"}:
        name, reason = next(iter(left_out.items()))
        raise UserError(f"{name} cannot be taken: {reason}; name other measures (--measures)")
    for name, reason in left_out.items():
        console.print(f"left out: {name}: {reason}", markup=False)
    return replace(study, measures=kept, left_out=tuple(left_out.items()))


def _lacks(models: Models, measure: str) -> str:
    together = models.study.residency == "together"
    for need in MEASURES[measure].card.needs:
        for name in models.names if together else (models.first,):
            if reason := lacks(models.get(name), need):
                return f"{name}: {reason}"
    return ""
