"""The arms of an experiment: everything that is written and compared, as plain data."""

from dataclasses import dataclass

from mechcot.core.store import digest
from mechcot.steering.experiment import Experiment


@dataclass(frozen=True)
class SteeringCondition:
    """One way of writing all items.

    Attributes:
        model: Who writes.
        role: `clean`, `vector`, a control, `prompt`, `bare`, `vector, bare`, `truncation`, `sweep`, `penalty` or `matched tokens`.
        source: Whose vector; empty without one.
        site: Where it is added; empty without one.
        sign: 1 or -1.
        nats: Dose of a vector.
        alpha: Of a penalty.
        beta: Of a penalty.
        draw: Number of the control's draw; of the bare ones, every how many steps.
    """

    model: str
    role: str
    source: str = ""
    site: str = ""
    sign: int = 1
    nats: float = 0.0
    alpha: float = 0.0
    beta: int = 0
    draw: int = 0

    @property
    def key(self) -> str:
        """Stable name."""
        return digest(self.__dict__)


def arms(experiment: Experiment) -> list[SteeringCondition]:
    """All arms, what others are compared with first."""
    conditions = [SteeringCondition(model, "clean") for model in experiment.models]
    conditions += _penalties(experiment) if experiment.penalty else _vectors(experiment)
    return conditions


def _vectors(experiment: Experiment) -> list[SteeringCondition]:
    how, against, vector = experiment.apply, experiment.compare, experiment.vector
    assert vector is not None
    conditions = []
    for model in experiment.models:
        if against.prompt:
            conditions.append(SteeringCondition(model, "prompt"))
            conditions += [SteeringCondition(model, "bare", draw=step) for step in against.bare]
        for source in experiment.models:
            for sign in how.signs:
                for nats in how.nats:
                    settings = {"model": model, "source": source, "sign": sign, "nats": nats}
                    conditions.append(
                        SteeringCondition(role="vector", site=vector.site, **settings)
                    )
                    if model == source and (sign, nats) == (how.signs[0], max(how.nats)):
                        roles = {"role": "vector, bare", "site": vector.site}
                        conditions += [
                            SteeringCondition(**roles, draw=step, **settings)
                            for step in against.bare
                        ]
                    if model == source:
                        conditions += [
                            SteeringCondition(role=r, site=vector.site, **settings)
                            for r in _compared_with(experiment)
                        ]
    first = experiment.models[0]
    for site in against.sweep:
        settings = {"source": first, "nats": against.sweep_nats}
        conditions += [
            SteeringCondition(first, "sweep", site=site, sign=sign, **settings)
            for sign in how.signs
        ]
    return conditions


def _compared_with(experiment: Experiment) -> list[str]:
    """Return what a model's own vector is compared with, at each sign and dose.

    The flipped control is left out where both signs are run: it is the other sign's vector.
    """
    against = experiment.compare
    both = len(set(experiment.apply.signs)) > 1
    roles = [role for role in against.controls if not (both and role == "flipped")]
    return roles + (["truncation"] if against.truncation else [])


def _penalties(experiment: Experiment) -> list[SteeringCondition]:
    penalty = experiment.penalty
    assert penalty is not None
    conditions = []
    for model in experiment.models:
        for beta in penalty.betas:
            for alpha in penalty.alphas:
                settings = {"model": model, "alpha": alpha, "beta": beta}
                conditions.append(SteeringCondition(role="penalty", **settings))
                conditions += [
                    SteeringCondition(role="matched tokens", draw=draw, **settings)
                    for draw in range(penalty.controls)
                ]
    return conditions
