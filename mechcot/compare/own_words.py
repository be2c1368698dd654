"""A study whose models are asked in their own words (`mechcot.traces.own_words`), found in texts of the run itself."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from mechcot.compare.chains import write_side_by_side, written_chains
from mechcot.compare.models import Models
from mechcot.compare.settings import Study
from mechcot.core.problem import Problem
from mechcot.core.trace import Trace
from mechcot.model.asking_options import Asking
from mechcot.traces import own_words
from mechcot.traces.own_words import TEXTS, AskingWay, FirstTexts, with_own_cue


def askable(study: Study, models: Models) -> tuple[Study, Models]:
    """The study and its models, changed where the first one could not write at all; see `mechcot.traces.own_words.openable`."""
    if study.problems is None:
        models.get(models.first)
        return study, models
    way = _way(study, models, (), models.first)
    return _asked_so(study, models, own_words.openable(way))


def in_own_words(study: Study, models: Models, problems: Sequence[Problem]) -> tuple[Study, Models]:
    """The study and its models, asked in the way that fits their own texts; what was found stands in `Study.asking_notes`.

    What the first model's texts show holds for all; a later model whose texts show another cue is asked by its own, in the prompts of the study.

    Args:
        study: The settings, with the longest completion.
        models: Its models, of `askable`.
        problems: What they are asked.

    Raises:
        NoCue: The first model's tokenizer spells no question for the answer, and its texts show none.
    """
    said, first = study.loading.asking, models.first
    way = own_words.fitted(_way(study, models, problems, first))
    study, models = _asked_so(study, models, way)
    for name in () if said.cue else models.names[1:]:
        way = replace(_way(study, models, problems, name), otherwise=f"{first} is")
        study, models = _asked_so(study, models, with_own_cue(way))
    return study, models


def _way(study: Study, models: Models, problems: Sequence[Problem], name: str) -> AskingWay:
    """How a study asks one of its models."""

    def ask(asking: Asking) -> FirstTexts:
        changed = _asked(study, models, name, asking)
        write = partial(_first_texts, *changed, problems, name)
        return FirstTexts(changed[1].get(name), write)

    return AskingWay(name, study.asking(name), ask, study.asking_notes)


def _first_texts(
    study: Study, models: Models, problems: Sequence[Problem], name: str
) -> Sequence[Trace]:
    """A model's first texts: whole batches, so that they are the run's own."""
    few = problems[: -(-TEXTS // study.batch_size) * study.batch_size]
    write_side_by_side(study, models, [name], few)
    return written_chains(study, models, name, few)


def _asked_so(study: Study, models: Models, way: AskingWay) -> tuple[Study, Models]:
    """The study with one of its models asked in a way that was found."""
    study, models = _asked(study, models, way.name, way.asking)
    return replace(study, asking_notes=way.notes), models


def _asked(study: Study, models: Models, name: str, asking: Asking) -> tuple[Study, Models]:
    """The study with one of its models asked in another way; the first one's way is that of all that have none of their own."""
    if asking == study.asking(name):
        return study, models
    models = models.asked_with(name, asking)
    return replace(study, loading=models.study.loading, asking_of=models.study.asking_of), models
