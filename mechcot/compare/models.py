"""The models of a study, loaded when first needed and held together or one at a time."""

import gc
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property

from mechcot.compare.settings import Study
from mechcot.core.problem import Problem
from mechcot.core.store import digest
from mechcot.model.asking_options import Asking
from mechcot.model.loading.fingerprints import hash_spec, hash_text_files
from mechcot.model.loading.memory_estimate import adapter_bytes, base_bytes
from mechcot.model.loading.pairs import Bases, several_of, shares_base, with_adapter
from mechcot.model.loading.preflight import preflight
from mechcot.model.loading.spec import ModelSpec, check_spec
from mechcot.model.prefix.lockstep import undisturbed
from mechcot.model.prompts import PromptPolicy
from mechcot.model.reasoner import Reasoner


@dataclass
class Models:
    """Loads models on demand.

    Attributes:
        study: The settings.
        specs: All specs by name, the scaled null included.
        asked: Questions on which each model is checked when it is loaded; None: it is not.
    """

    study: Study
    specs: dict[str, ModelSpec]
    asked: Sequence[Problem] | None = None
    _held: dict[str, Reasoner] = field(default_factory=dict)
    _policy: PromptPolicy | None = None
    _hashes: dict[tuple[Callable[[ModelSpec], str | None], str], str | None] = field(
        default_factory=dict
    )

    @cached_property
    def _bases(self) -> Bases:
        """What several adapters rest on; one model at a time holds its own."""
        together = self.study.residency == "together"
        specs = list(self.specs.values())
        return Bases(self.study.loading, several_of(specs) if together else frozenset())

    @classmethod
    def of(cls, study: Study, *, asked: Sequence[Problem] | None = None) -> "Models":
        """Check every spec's files; nothing is loaded.

        Args:
            study: The settings.
            asked: Questions on which each model is checked when it is loaded; None: it is not.

        Raises:
            UserError: A model cannot be found or is not safetensors.
        """
        specs = {spec.name: spec for spec in study.specs}
        for spec in specs.values():
            check_spec(spec)
        return cls(study, specs, asked)

    @property
    def first(self) -> str:
        """Name of the reference model."""
        return next(iter(self.specs))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all models, the reference first."""
        return tuple(self.specs)

    def weights_hash(self, name: str) -> str:
        """Hash of a model's weight files, without loading it when they are on this machine."""
        return self._hashed(hash_spec, name) or self.get(name).weights_hash

    def text_hash(self, name: str) -> str:
        """Hash of a model's tokenizer, template and generation settings, and of what the user said about its answers."""
        files, said = self._hashed(hash_text_files, name) or "", self.study.asking(name).key
        return digest(files, said) if said else files

    def _hashed(self, of: Callable[[ModelSpec], str | None], name: str) -> str | None:
        """A hash of a model's files, taken once: the keys of all chains and measurements ask for it."""
        spec = self._spec(name)
        if (of, spec.text) not in self._hashes:
            self._hashes[of, spec.text] = of(spec)
        return self._hashes[of, spec.text]

    def _spec(self, name: str) -> ModelSpec:
        """The spec of a model of the study, or of the one that a null is made from."""
        return self.specs.get(name) or self.specs[name.partition("@logits=")[0]]

    def weight_bytes(self) -> int:
        """Bytes of weights in memory at a time: of all models, or of the largest when one is held at a time."""
        sizes = [self._bytes(name) for name in self.names]
        return max(sizes) if self.study.residency == "one-at-a-time" else sum(sizes)

    def _bytes(self, name: str) -> int:
        spec, study = self.specs[name], self.study
        own = adapter_bytes(spec)
        if self.shares_base(name):
            return own
        base = base_bytes(spec, study.loading)
        if base is None:  # no file on this machine before it is loaded
            weights = self.get(name).model.parameters()
            return sum(weight.numel() * weight.element_size() for weight in weights)
        return base + own

    @staticmethod
    def file_name(name: str) -> str:
        """A safe folder name for a model."""
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")
        return plain if plain == name else f"{plain}-{digest(name)[:6]}"

    def get(self, name: str, *, spec: ModelSpec | None = None) -> Reasoner:
        """The loaded model of a name.

        Args:
            name: Name of a model of the study, or of a null made from one.
            spec: For a null: the first model's spec with other logits.

        Raises:
            UserError: It cannot be loaded, or is not fit to be asked (`mechcot.model.loading.preflight`).
        """
        if spec is not None and name not in self.specs:
            base = self.get(self.first)
            return base.scaled(spec.logit_scale / base.spec.logit_scale)
        if name not in self._held:
            if self.study.residency == "one-at-a-time":
                self._held.clear()
                gc.collect()
            with undisturbed():  # else every task beside this one loads it, too
                reader = self._load(name)
                if self.asked is not None:
                    preflight(reader, self.asked)
            self._hold(name, reader)
        return self._held[name]

    def asked_with(self, name: str, asking: Asking) -> "Models":
        """The same models, one asked and read in another way, and not loaded again; the first one's way is that of all that have none of their own."""
        study = self.study
        if name == self.first:
            study = replace(study, loading=replace(study.loading, asking=asking))
            models = Models(study, self.specs, self.asked)
        else:
            others = dict(study.asking_of) | {name: asking}
            study = replace(study, asking_of=tuple(others.items()))
            models = Models(study, self.specs, self.asked, dict(self._held), self._policy)
            models._bases = self._bases
        if (held := self._held.get(name)) is not None:
            models._hold(name, held.asked_with(asking))
        return models

    def _hold(self, name: str, reader: Reasoner) -> Reasoner:
        if self.study.template == "shared" and name == self.first:
            self._policy = reader.policy.shared()
        self._held[name] = reader
        return reader

    def shares_base(self, name: str) -> bool:
        """An adapter needs no second copy of the first model's own weights, nor of those of an earlier adapter."""
        return self._on_first(name) or self._on_earlier(name)

    def _on_first(self, name: str) -> bool:
        together = self.study.residency == "together" and name != self.first
        return together and shares_base(self.specs[self.first], self.specs[name])

    def _on_earlier(self, name: str) -> bool:
        spec = self.specs[name]
        on_it = [n for n, s in self.specs.items() if s.adapter and s.weights == spec.weights]
        return spec.weights in self._bases.shared and name in on_it[1:]

    def _load(self, name: str) -> Reasoner:
        own = dict(self.study.asking_of).get(name)
        reader = self._opened(name)
        return reader if own is None else reader.asked_with(own)

    def _opened(self, name: str) -> Reasoner:
        if self._on_first(name):
            return with_adapter(self.get(self.first), self.specs[name], self.study.loading)
        if self.study.template == "shared" and self._policy is None and name != self.first:
            self.get(self.first)
        return self._bases.open(self.specs[name], policy=self._policy)


@cache
def models_of_process(study: Study) -> Models:
    """The models of a process that works for a study, kept from task to task."""
    return Models.of(study)
