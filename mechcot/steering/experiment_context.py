"""Inputs of an experiment: models, questions, clean chains, vectors, doses, and what acts under each condition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mechcot.core.errors import UserError
from mechcot.core.notices import print_notice
from mechcot.core.problem import Problem
from mechcot.core.store import digest
from mechcot.core.task import ContrastPair
from mechcot.core.trace import StepKind, Trace
from mechcot.model.generation.sampling import Sampling
from mechcot.model.generation.steering_hooks import GenerationInterventions, WrittenRow
from mechcot.model.generation.write_traces import write_under
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.internals.sites import Site
from mechcot.model.loading.options import DEFAULTS, LoadOptions
from mechcot.model.loading.pairs import load_models
from mechcot.model.loading.preflight import preflight
from mechcot.model.reasoner import Reasoner
from mechcot.steering.conditions import SteeringCondition
from mechcot.steering.contrast_vectors import pair_vectors, span_vectors
from mechcot.steering.controls import (
    DRAWN,
    control,
    other_layer,
    replaced,
    shuffled_kinds,
    shuffled_pairs,
)
from mechcot.steering.dose_calibration import Dose, DoseCalibrator, OutOfReach
from mechcot.steering.experiment import Experiment
from mechcot.steering.experiment_questions import (
    QuestionSets,
    missing_parts,
    pairs_of,
    questions_of,
)
from mechcot.steering.switch_penalty import Phrases, SwitchPenalty, matched_tokens
from mechcot.steering.unmarked_steps import UnmarkedSteps
from mechcot.steering.vectors import SteeringVector
from mechcot.tasks import kinds_of
from mechcot.text.unread_answers import check_read
from mechcot.text.user_truth_files import TruthFiles
from mechcot.traces.load import load_traces

_PLAIN = GenerationInterventions(kinds=kinds_of)
AS_VECTOR = ("vector", "vector, bare", "truncation")


@dataclass(eq=False)
class ExperimentContext:
    """Models, chains and vectors of one experiment, made when they are first asked for."""

    experiment: Experiment
    models: Mapping[str, Reasoner]
    _kept: dict[Any, Any] = field(default_factory=dict)

    @classmethod
    def open(
        cls,
        experiment: Experiment,
        loading: LoadOptions = DEFAULTS,
        models: Mapping[str, Reasoner] | None = None,
    ) -> "ExperimentContext":
        """Draw the questions; unless models are given, say what is not known of the questions and load them. Vectors of one on another need one width."""
        questions = questions_of(experiment)
        if models is None:
            for consequence in missing_parts(experiment, questions).values():
                print_notice(f"on these problems {consequence}")
            readers = load_models(experiment.models, loading, prompts="own")
            models = dict(zip(experiment.models, readers, strict=True))
        for reader in models.values():
            preflight(reader, questions.items)
        return cls(experiment, models, {"questions": questions})

    @property
    def questions(self) -> QuestionSets:
        """Whose questions are asked, and what is known of their task."""
        return self._once("questions", lambda: questions_of(self.experiment))

    @property
    def items(self) -> Sequence[Problem]:
        """The held-out questions."""
        return self.questions.items

    def clean(self, model: str) -> list[Trace]:
        """The model's own texts for the items."""
        texts = self._once(("clean", model), lambda: self._write(model, self.items))
        check_read(texts, author=model)
        return texts

    def chains(self, model: str) -> list[Trace]:
        """Clean chains on other questions, where doses are measured and tokens counted."""
        return self._once(("chains", model), lambda: self._write(model, self.questions.dosing))

    def vector(self, source: str, site: str, *, shuffled: bool = False) -> SteeringVector:
        """A model's vector at a site, or the one made from mixed-up labels.

        Args:
            source: Name of the model that it is read from.
            site: Name of the site.
            shuffled: Whether the labels are mixed up.
        """
        return self._once(
            ("vector", source, site, shuffled),
            lambda: self._extract(source, Site.parse(site), shuffled=shuffled),
        )

    def steered(self, arm: SteeringCondition) -> SteeringVector:
        """The vector of an arm, its sign or control applied."""
        vector = self.vector(arm.source, arm.site)
        if arm.role in DRAWN:
            vector = control(vector, arm.role, seed=self.experiment.seed)
        elif arm.role not in (*AS_VECTOR, "sweep"):
            vector = replaced(self._instead(arm), vector, arm.role)
        return vector if arm.sign > 0 else -vector

    def _instead(self, arm: SteeringCondition) -> SteeringVector:
        """Return what a control of other texts or another layer puts in the place of the vector."""
        if arm.role == "shuffled labels":
            return self.vector(arm.source, arm.site, shuffled=True)
        layers = backbone_of(self.models[arm.source].model).n_layers
        return self.vector(arm.source, other_layer(Site.parse(arm.site), layers).name)

    def dose(self, arm: SteeringCondition) -> Dose:
        """Return how much of the arm's vector is added."""
        role = "vector" if arm.role in AS_VECTOR else arm.role
        key = (arm.model, arm.source, arm.site, arm.sign, role)
        meter = self._once(
            ("meter", *key),
            lambda: DoseCalibrator(
                self.models[arm.model],
                self.chains(arm.model),
                self.steered(arm),
                self.experiment.apply.where,
                kinds=kinds_of,
                how=self.experiment.apply.how,
            ),
        )
        return self._once(("dose", *key, arm.nats), lambda: self._dose(meter, arm))

    def _dose(self, meter: DoseCalibrator, arm: SteeringCondition) -> Dose:
        """The arm's dose; a model's own vector must reach it, all else comes as near as it can, and what was measured is noted.

        Raises:
            OutOfReach: The model's own vector does not reach it.
        """
        if arm.role not in AS_VECTOR or arm.source != arm.model:
            return meter.nearest(arm.nats)
        try:
            return meter.dose(arm.nats)
        except OutOfReach as error:
            way = "added" if arm.sign > 0 else "taken away"
            raise OutOfReach(f"apply.nats: the vector of {arm.model}, {way}: {error}") from None

    def phrases(self, model: str) -> Phrases:
        """The phrases as token ids."""
        penalty = self.experiment.penalty
        reasoner = self.models[model]
        return tuple(tuple(reasoner.continue_ids(p)) for p in penalty.phrases) if penalty else ()

    def hand(self, arm: SteeringCondition) -> GenerationInterventions:
        """Return what acts while an arm is written."""
        if arm.role in {"penalty", "matched tokens"}:
            phrases = self.phrases(arm.model)
            opening = None
            if arm.role != "penalty":
                chains = [t.ids[t.prompt_length :] for t in self.clean(arm.model)]
                marks = self.models[arm.model].encode("</think>")
                seed = digest(self.experiment.seed, arm.draw)
                opening = matched_tokens(
                    phrases, chains, spare=frozenset(marks), seed=int(seed[:8], 16)
                )
            return GenerationInterventions(
                rules=(SwitchPenalty(phrases, arm.alpha, arm.beta, opening),), kinds=kinds_of
            )
        reasoner = self.models[arm.model]
        rules = (self._unmarked(reasoner, arm.draw),) if arm.role.endswith("bare") else ()
        if arm.role == "bare":
            return GenerationInterventions(rules=rules, kinds=kinds_of)
        vector = self.steered(arm)
        vector.check(reasoner, force=arm.source != arm.model)
        how = self.experiment.apply
        acting = vector.acting(self.dose(arm).gamma, how.where, how=how.how)
        return GenerationInterventions((acting,), rules=rules, kinds=kinds_of)

    def write(self, arm: SteeringCondition) -> tuple[list[Trace], list[WrittenRow]]:
        """The texts of an arm, and where it acted."""
        return self._once(("text", arm), lambda: self._written(arm))

    def _written(self, arm: SteeringCondition) -> tuple[list[Trace], list[WrittenRow]]:
        if arm.role in {"clean", "truncation"}:
            return self.clean(arm.model), []
        reasoner, limit = self.models[arm.model], self.experiment.max_tokens
        asked = list(self.items)
        if arm.role in {"prompt", "bare"}:
            style, styled = self.experiment.compare.prompt, self.questions.task.styled
            asked = [styled(problem, style) for problem in asked]
        if arm.role == "prompt":
            return self._write(arm.model, asked), []
        both = write_under(
            reasoner,
            asked,
            self.hand(arm),
            sampling=Sampling(limit),
            seed=self.experiment.seed,
            batch_size=32,
        )
        return [trace for trace, _ in both], [line for _, line in both]

    def _unmarked(self, reasoner: Reasoner, every: int) -> UnmarkedSteps:
        """The rule that forbids marker words; `questions_of` has seen that the task knows some."""
        shortest = self.questions.task.shortest_chain
        assert shortest is not None
        end, *markers = (
            reasoner.continue_ids(f" {word}")[0] for word in (shortest.end, *shortest.markers)
        )
        return UnmarkedSteps(every, end, tuple(markers))

    def _write(self, model: str, asked: Sequence[Problem]) -> list[Trace]:
        settings = self.experiment
        return self.models[model].write(
            asked,
            max_tokens=settings.max_tokens,
            seed=settings.seed,
            batch_size=32,
            under=_PLAIN,
        )

    def _extract(self, source: str, site: Site, *, shuffled: bool) -> SteeringVector:
        spec, reasoner = self.experiment.vector, self.models[source]
        assert spec is not None
        seed = self.experiment.seed
        if spec.method == "file":
            return self._loaded(spec.files[self.experiment.models.index(source)], site)
        if spec.method == "span":
            traces = self._once(("span", source), lambda: self._chains_to_read(source))
            traces = shuffled_kinds(traces, seed=seed) if shuffled else traces
            return span_vectors(reasoner, traces, kind=StepKind(spec.kind), sites=[site])[site]
        pairs = self._once("pairs", lambda: pairs_of(self.experiment, self.questions))
        if spec.read.endswith("chain"):
            pairs = self._once(("sides", source), lambda: self._written_pairs(source, pairs))
        pairs = shuffled_pairs(pairs, seed=seed) if shuffled else pairs
        return pair_vectors(reasoner, pairs, sites=[site], read=spec.read, method=spec.method)[site]

    def _chains_to_read(self, source: str) -> list[Trace]:
        """Chains whose windows are read: those of a file, else the model's own."""
        spec = self.experiment.vector
        assert spec is not None
        if spec.traces:
            truth = TruthFiles(kinds=spec.kinds or None)
            return load_traces(spec.traces, self.models[source], n=spec.n, truth=truth)
        return self._write(source, self.questions.extraction)

    @staticmethod
    def _loaded(file: str, site: Site) -> SteeringVector:
        vector = SteeringVector.load(Path(file))
        if vector.site != site:
            raise UserError(
                f"vector.site: expected {vector.site.name}, where the vector was read, got {site.name}"
            )
        return vector

    def _written_pairs(self, source: str, pairs: Sequence[ContrastPair]) -> list[ContrastPair]:
        """The pairs with the chain that the model writes for each side."""
        sides = [[p.positive for p in pairs], [p.negative for p in pairs]]
        written = [
            self._write(source, [s for s in side if isinstance(s, Problem)]) for side in sides
        ]
        return [ContrastPair(*both) for both in zip(*written, strict=True)]

    def _once(self, key: Any, make: Any) -> Any:
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]
