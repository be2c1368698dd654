from . import pruning as pruning, sae as sae, steering as steering
from .api import (
    cards as cards,
    contrast as contrast,
    explore as explore,
    load as load,
    measure as measure,
    patch_map as patch_map,
    read_traces as read_traces,
    series as series,
)
from .circuits.result import circuit as circuit
from .core.card import MeasureCard as MeasureCard
from .core.errors import NotMeasurable as NotMeasurable, UserError as UserError
from .core.measurement import Measurement as Measurement
from .core.pair import Pair as Pair
from .core.problem import Completion as Completion, Problem as Problem
from .core.task import ContrastPair as ContrastPair
from .core.trace import Phase as Phase, Span as Span, StepKind as StepKind, Trace as Trace
from .hybrid.crossed import cross as cross
from .hybrid.result import hybrid as hybrid
from .memorisation.result import stim as stim
from .model.activations.cache import ActivationCache as ActivationCache
from .model.asking_options import Asking as Asking
from .model.generation.steering_hooks import PositionSelector as PositionSelector
from .model.internals.sites import Site as Site
from .model.interventions import (
    AttentionKnockout as AttentionKnockout,
    Intervention as Intervention,
    Replace as Replace,
)
from .model.loading.pairs import load_pair as load_pair
from .model.reasoner import Reasoner as Reasoner
from .tasks import (
    Task as Task,
    contrast_pairs as contrast_pairs,
    problems as problems,
    task_of as task_of,
)
from .text.user_truth_files import TruthFiles as TruthFiles
from .traces.own_words import own_asking as own_asking
from .traces.validity import validity as validity
from .whatif.panel import what_if as what_if

__version__: str
