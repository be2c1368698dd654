"""mechcot: does a reasoning model still use its chain of thought, before and after fine-tuning?

    import mechcot as mc

    pair   = mc.load_pair("organism:base", "organism:bypass")
    traces = pair.before.write(mc.problems("mod10", n=24))
    one    = mc.measure_trace("suppression", pair.before, traces[0])
    one["kl"].plot()
    print(mc.contrast("suppression", pair, traces))
    mc.explore(pair, traces)

Names are loaded when they are first used; every result has `plot()`, `to_frame()` and a face in a notebook cell.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from mechcot.api import cards, contrast, explore, load, measure_trace, read_traces
    from mechcot.core.card import MeasureCard
    from mechcot.core.errors import NotMeasurable, UserError
    from mechcot.core.measurement import Measurement
    from mechcot.core.pair import Pair, Series
    from mechcot.core.problem import Completion, Problem
    from mechcot.core.trace import Phase, Span, StepKind, Trace
    from mechcot.model.activations.cache import ActivationCache
    from mechcot.model.internals.sites import Site
    from mechcot.model.interventions import AttentionKnockout, Intervention, Replace
    from mechcot.model.loading.pairs import load_pair
    from mechcot.model.reasoner import Reasoner
    from mechcot.tasks import Task, problems, task_of

_HOMES = {
    "mechcot.api": ("cards", "contrast", "explore", "load", "measure_trace", "read_traces"),
    "mechcot.core.card": ("MeasureCard",),
    "mechcot.core.errors": ("NotMeasurable", "UserError"),
    "mechcot.core.pair": ("Pair", "Series"),
    "mechcot.core.problem": ("Completion", "Problem"),
    "mechcot.core.measurement": ("Measurement",),
    "mechcot.core.trace": ("Phase", "Span", "StepKind", "Trace"),
    "mechcot.model.activations.cache": ("ActivationCache",),
    "mechcot.model.interventions": ("AttentionKnockout", "Intervention", "Replace"),
    "mechcot.model.loading.pairs": ("load_pair",),
    "mechcot.model.reasoner": ("Reasoner",),
    "mechcot.model.internals.sites": ("Site",),
    "mechcot.tasks": ("Task", "problems", "task_of"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "ActivationCache",
    "AttentionKnockout",
    "Completion",
    "Intervention",
    "MeasureCard",
    "Measurement",
    "NotMeasurable",
    "Pair",
    "Phase",
    "Problem",
    "Reasoner",
    "Replace",
    "Series",
    "Site",
    "Span",
    "StepKind",
    "Task",
    "Trace",
    "UserError",
    "cards",
    "contrast",
    "explore",
    "load",
    "load_pair",
    "measure_trace",
    "problems",
    "read_traces",
    "task_of",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'mechcot' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
