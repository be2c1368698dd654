"""Single steps for the command line: make a vector, write under it."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, mean
from typing import Any, get_args

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.core.store import write_traces
from mechcot.core.trace import Phase, Trace
from mechcot.core.wording import count_of
from mechcot.model.generation.steering_hooks import GenerationInterventions, PositionSelector
from mechcot.model.internals.sites import Site
from mechcot.model.loading.preflight import preflight
from mechcot.model.reasoner import Reasoner
from mechcot.runs.executor import SERIAL, Executor, Failed
from mechcot.steering.contrast_vectors import FEWEST_PAIRS, Method, ReadPosition, pair_vectors
from mechcot.steering.dose_calibration import Dose, DoseCalibrator
from mechcot.steering.experiment import DEPTH, How
from mechcot.steering.text_readout import correct
from mechcot.steering.vectors import Origin, SteeringVector
from mechcot.tasks import (
    MOD10,
    TASKS,
    TEXT,
    check_default_problems,
    check_shipped_task,
    contrast_pairs,
    kinds_of,
)
from mechcot.text.problems import load_problems
from mechcot.text.unread_answers import Accuracy, check_read

_CHAINS = 6


def extract_to(
    reasoner: Reasoner,
    out: Path,
    *,
    site: str,
    pairs: Path | None,
    n: int,
    seed: int,
    read: ReadPosition = "last_prompt",
    method: Method = "mean difference",
) -> Iterator[str]:
    """Make a vector, write it, and say how stable it is.

    Args:
        reasoner: The model.
        out: File to write.
        site: Name of the site.
        pairs: JSON lines of pairs, of which the first `n` are taken; None: pairs of the shipped models' task, with a line that says so.
        n: How many pairs.
        seed: Of the questions, the halves and the bootstrap.
        read: `last_prompt` or `prompt`.
        method: How a direction is made of the pairs.

    Yields:
        Lines for people.

    Raises:
        UserError: A bad file of pairs, a bad site, or pairs whose sides do not differ.
    """
    if n < 1:
        raise UserError(f"--n: expected at least one pair, got {n}")
    if pairs is None:
        wanted = "FILE with pairs that it can read, JSON lines {id, positive, negative}"
        check_shipped_task(reasoner, option="--pairs", wanted=wanted)
        yield f"no --pairs: {count_of(n, 'question')} of the shipped models' task ({MOD10.name}), asked briefly against carefully"
    chosen = contrast_pairs(pairs or MOD10.name, n, seed=seed)
    sides = [side for pair in chosen for side in (pair.positive, pair.negative)]
    where = Site.parse(site)
    preflight(reasoner, [side for side in sides if isinstance(side, Problem)])
    kwargs: dict[str, Any] = {"read": read, "method": method, "seed": seed}
    vector = pair_vectors(reasoner, chosen, sites=[where], **kwargs)[where]
    vector.save(out)
    origin = vector.origin
    yield f"written: {out} ({origin.method} of {count_of(len(origin.items), 'pair')} at {where.name}; length {vector.norm:.3g}, {_stability(origin)})"


def _stability(origin: Origin) -> str:
    if math.isnan(origin.split_half):
        return f"no split-half cosine: it needs {FEWEST_PAIRS} pairs"
    return f"split-half cosine {origin.split_half:.3f}, 95 % cone {origin.cone:.1f} degrees"


def apply_to(  # noqa: PLR0913 - one argument per option
    reasoner: Reasoner,
    vector: SteeringVector,
    files: Mapping[float, Path],
    *,
    phases: str,
    asked: tuple[str | None, int, int],
    fields: Mapping[str, str] | None = None,
    max_tokens: int,
    force: bool,
    how: str = "add",
    wrote: Callable[[Path], object] = lambda _: None,
    executor: Executor = SERIAL,
) -> Iterator[str]:
    """Write under a vector at every dose, each into a file of its own.

    Doses are measured on the first clean chains of the same questions.

    Args:
        reasoner: The model that writes.
        vector: The vector.
        files: Dose in nats -> file of traces; a negative dose adds the vector turned round.
        phases: Phases to steer, comma separated.
        asked: File or data set of problems (None: questions of the shipped models' task, with a line that says so), how many, and the seed.
        fields: Where to find id, question and answer in the file.
        max_tokens: Most new tokens.
        force: Whether a vector of other weights is taken, with a line that says so.
        how: `add` or `clamp`.
        wrote: Called with each file once it is written.
        executor: Where doses are written.

    Yields:
        Lines for people: what was overridden, the clean texts, then one per dose as it finishes.

    Raises:
        UserError: A vector of another model, a phase that is not one, a bad file of problems, a clamp below 0, or a dose that cannot be written.
    """
    if how not in get_args(How) or (how == "clamp" and min(files) <= 0):
        raise UserError(
            f"--how: expected one of {', '.join(get_args(How))}, a clamp with doses above 0, got {how!r} with {', '.join(f'{nats:g}' for nats in files)}"
        )
    for difference in vector.check(reasoner, force=force):
        yield f"overridden: {difference}"
    source, n, seed = asked
    if source is None:
        check_default_problems([reasoner])
        yield f"no --problems: {count_of(n, 'question')} of the shipped models' task ({MOD10.name})"
    draw = TASKS.get(source or MOD10.name, TEXT).unhinted
    items = (
        draw(n, seed=seed, depth=DEPTH)
        if draw
        else load_problems(source or "", n=n, seed=seed, fields=fields)
    )
    preflight(reasoner, items)
    where = PositionSelector(phases=tuple(_phase(name) for name in phases.split(",")))
    clean = reasoner.write(items, max_tokens=max_tokens, seed=seed)
    check_read(clean, author=reasoner.name)
    yield f"clean: {_describe(clean)}"
    steered = _Steered(
        reasoner, vector, where, how, tuple(items), tuple(clean[:_CHAINS]), max_tokens, seed
    )
    tasks = list(files.items())
    for index, line in executor.map(steered.write, tasks):
        nats, path = tasks[index]
        if isinstance(line, Failed):
            raise UserError(f"{nats:g} nats: {line.reason}; the same command tries it again")
        wrote(path)
        yield line


@dataclass(frozen=True)
class _Steered:
    """Everything that is the same at all doses; see `apply_to`."""

    reasoner: Reasoner
    vector: SteeringVector
    where: PositionSelector
    how: str
    items: tuple[Problem, ...]
    clean: tuple[Trace, ...]
    max_tokens: int
    seed: int

    def write(self, task: tuple[float, Path]) -> str:
        """Write the file of one dose in nats; gives a line for people."""
        nats, path = task
        turned = self.vector if nats >= 0 else -self.vector
        calibrator = DoseCalibrator(self.reasoner, self.clean, turned, self.where, how=self.how)
        dose = calibrator.dose(abs(nats))
        hand = GenerationInterventions(
            (turned.acting(dose.gamma, self.where, how=self.how),), kinds=kinds_of
        )
        traces = self.reasoner.write(
            self.items, max_tokens=self.max_tokens, seed=self.seed, under=hand
        )
        write_traces(path, traces)
        return f"{nats:g} nats asked, {_measured(dose)}: {_describe(traces)}; written: {path}"


def _phase(name: str) -> Phase:
    if name.strip() not in set(Phase):
        raise UserError(f"--phases: expected some of {', '.join(Phase)}, got {name!r}")
    return Phase(name.strip())


def _measured(dose: Dose) -> str:
    return f"{dose.kl:.3g} measured (factor {dose.gamma:.3g}, {dose.relative:.2f} of the state, largest {dose.kl_max:.2f} nats)"


def _describe(traces: list[Trace]) -> str:
    tokens = mean(len(trace.phase(Phase.CHAIN)) for trace in traces)
    steps = mean(len(trace.chain_steps) for trace in traces)
    return f"{count_of(len(traces), 'chain')}, {tokens:.1f} tokens, {steps:.1f} steps, {Accuracy.of(traces, fmean(map(correct, traces)))}"
