"""Models that share one copy of the weights where they can: a base, and tuned models or adapters on it; adapters on one base."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

from mechcot.core.argument_kinds import checked
from mechcot.core.pair import Pair
from mechcot.model.asking_options import AS_FOUND, Asking
from mechcot.model.loading.adapters import attach
from mechcot.model.loading.embedding_rows import check_rows
from mechcot.model.loading.options import DEFAULTS, LoadOptions
from mechcot.model.loading.spec import (
    ModelSpec,
    check_spec,
    distinct_names,
    has_spaced_text,
    parse_spec,
    text_folder,
)
from mechcot.model.loading.weights import freeze, load_tokenizer, same_storage
from mechcot.model.prompts import PromptPolicy, policy_of
from mechcot.model.reasoner import Reasoner
from mechcot.model.soft.checkpoints import is_soft, open_soft

Prompts = Literal["shared", "own"]


@checked
def load_pair(
    before: ModelSpec | str,
    after: ModelSpec | str,
    *,
    device: str = "auto",
    dtype: str = "auto",
    device_map: str | Mapping[str, Any] | None = None,
    trust_remote_code: bool = False,
    asking: Asking = AS_FOUND,
) -> Pair[Reasoner]:
    """Load two models that are compared: before and after. Both render prompts with the first model's policy.

    Args:
        before: The base, see `mechcot.model.loading.spec`.
        after: The tuned model, or an adapter on the base.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, ...
        dtype: `auto`, `float32` or `bfloat16`.
        device_map: Passed to `from_pretrained`.
        trust_remote_code: Runs Python code that comes with the checkpoint.
        asking: How answers are asked for and read.

    Raises:
        UserError: As `Reasoner.load`.

    Example:
        >>> import mechcot as mc
        >>> [model.name for model in mc.load_pair("organism:base", "organism:bypass")]
        ['base', 'bypass']
    """
    options = LoadOptions(device, dtype, device_map, trust_remote_code, asking)
    return Pair(*load_models((before, after), options))


def load_models(
    specs: Sequence[ModelSpec | str],
    options: LoadOptions = DEFAULTS,
    *,
    prompts: Prompts = "shared",
) -> tuple[Reasoner, ...]:
    """Load several models; what rests on the same weights shares them.

    Args:
        specs: One or more, see `mechcot.model.loading.spec`; adapters on one base share it.
        options: Where they run, and how they are asked.
        prompts: `shared`: all render questions with the first model's policy; `own`: each with its own.

    Raises:
        UserError: As `Reasoner.load`.
    """
    parsed = (parse_spec(spec) if isinstance(spec, str) else spec for spec in specs)
    named = distinct_names(tuple(parsed))
    return tuple(
        replace(reader, source=partial(_again, named, options, prompts, index))
        for index, reader in enumerate(_load(named, options, prompts))
    )


def _load(
    specs: Sequence[ModelSpec], options: LoadOptions, prompts: Prompts
) -> tuple[Reasoner, ...]:
    first, *others = specs
    bases = Bases(options, several_of(specs))
    base = bases.open(first)
    if prompts == "shared" and others:
        base = replace(base, policy=base.policy.shared())
    policy = base.policy if prompts == "shared" else None
    return (
        base,
        *(
            with_adapter(base, spec, options)
            if shares_base(first, spec)
            else bases.open(spec, policy=policy)
            for spec in others
        ),
    )


def several_of(specs: Sequence[ModelSpec]) -> frozenset[tuple[str, str | None]]:
    """The bases that several of some adapters rest on."""
    counts = Counter(spec.weights for spec in specs if spec.adapter is not None)
    return frozenset(base for base, count in counts.items() if count > 1)


@dataclass
class Bases:
    """Bases on which several adapters rest: each is loaded once, and stays as it is.

    Attributes:
        options: Where the models run, and how they are asked.
        shared: The bases that are kept, by `ModelSpec.weights`.
    """

    options: LoadOptions
    shared: frozenset[tuple[str, str | None]]
    _loaded: dict[tuple[str, str | None], Reasoner] = field(default_factory=dict)

    def open(self, spec: ModelSpec, *, policy: PromptPolicy | None = None) -> Reasoner:
        """Load a model as `Reasoner.open` does; an adapter goes on the base that is there.

        Args:
            spec: The model.
            policy: Prompt policy; None for the model's own.

        Raises:
            UserError: As `Reasoner.open`.
        """
        if spec.adapter is None or spec.weights not in self.shared:
            return Reasoner.open(spec, self.options, policy=policy)
        check_spec(spec)
        if spec.weights not in self._loaded:
            self._loaded[spec.weights] = Reasoner.open(
                replace(spec, adapter=None, logit_scale=1.0), self.options
            )
        reader = with_adapter(self._loaded[spec.weights], spec, self.options)
        spaced, asking = has_spaced_text(spec), self.options.asking
        return replace(
            reader,
            policy=policy
            or policy_of(reader.tokenizer, owner=spec.name, spaced=spaced, asking=asking),
            source=partial(Reasoner.open, spec, self.options) if policy is None else None,
        )


_OPENED: dict[str, tuple[Reasoner, ...]] = {}


def _again(
    specs: tuple[ModelSpec, ...], options: LoadOptions, prompts: Prompts, index: int
) -> Reasoner:
    """Give one of several models in a process that was sent it; they are loaded together, once."""
    key = repr((specs, options, prompts))
    if key not in _OPENED:
        _OPENED[key] = load_models(specs, options, prompts=prompts)
    return _OPENED[key][index]


def shares_base(first: ModelSpec, second: ModelSpec) -> bool:
    """Return whether the second model is the first one's own weights, with or without an adapter."""
    return first.weights == second.weights and first.adapter is None


def with_adapter(reasoner: Reasoner, spec: ModelSpec, options: LoadOptions = DEFAULTS) -> Reasoner:
    """A model with the adapter of `spec`: the weights are shared, the model itself stays as it is.

    A tokenizer beside the adapter is the new model's own.

    Raises:
        UserError: The adapter was made for another model.
    """
    model = same_storage(reasoner.model)
    soft = is_soft(spec)
    if spec.adapter is not None and not soft:
        model = attach(model, spec.adapter, name=spec.name)
    reader = replace(
        reasoner, name=spec.name, spec=spec, model=freeze(model), logit_scale=spec.logit_scale
    )
    if text_folder(spec) is not None:
        tokenizer = load_tokenizer(spec, trust_remote_code=options.trust_remote_code)
        policy = reasoner.policy
        if policy.mode == "own":
            policy = policy_of(
                tokenizer, owner=spec.name, spaced=has_spaced_text(spec), asking=policy.asking
            )
        reader = replace(reader, tokenizer=tokenizer, policy=policy)
    if soft and spec.adapter is not None:
        reader = open_soft(reader, spec.adapter, lambda named: Reasoner.open(named, options))
    check_rows(reader)
    return reader
