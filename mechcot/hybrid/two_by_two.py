"""The 2 x 2: a vector read from each of two models, added to each of them at one dose. Is a change a mechanism, or what calls it?

    old         the base's own vector moves the base, and so does the tuned model's: the mechanism was there, and so was its direction
    trigger     the tuned model's vector moves the base, whose own does not: the mechanism was there, the direction that calls it is new
    mechanism   the tuned model's vector moves the tuned model, surely more than the base, which it does not move: what answers to it is new
    lost        the base's vector moves the base, and neither vector the tuned model
    nothing     no vector moves a model;   open: anything else

*Moves*: the interval of the change from the model's clean texts, widened so that four hold together, lies above 0; of tokens, which a vector may lead either
way, on one side of 0 that is the same for all. A vector that only does damage moves nothing, and two random ones are tried along. Behaviours come from contrasts and kinds of steps
(`mechcot.steering`), from a run of `mechcot hybrid` (states at disagreements less all states) and from the latents of a crosscoder (their two directions).
Each is an experiment of `mechcot steer run`, in a folder of its own, so that the same command goes on.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mechcot.core.errors import UserError
from mechcot.core.pair import Pair
from mechcot.core.store import nan_to_none, read_json, write_json, write_text
from mechcot.core.trace import StepKind
from mechcot.model.internals.sites import Site
from mechcot.model.loading.options import DEFAULTS, LoadOptions
from mechcot.model.reasoner import Reasoner
from mechcot.runs.executor import SERIAL, Executor
from mechcot.steering.experiment import Apply, Experiment, ItemSettings, PhaseName, VectorSpec
from mechcot.steering.run import run_experiment
from mechcot.steering.vectors import Origin, SteeringVector
from mechcot.view.pages.two_by_two import two_by_two_page

LATENTS = 3
CHANCE = "random"
TOGETHER = 1.27
"""By how much an interval of 95 % is widened, so that four hold together: z at .05 / 8 over z at .05 / 2."""


@dataclass(frozen=True)
class Behaviour:
    """What the two vectors are of, and what they should move.

    Attributes:
        name: In figures and folders.
        vector: How the vectors are made.
        readout: `tokens`, `correct`, or a kind of step.
        phases: Where they are added.
        step_starts: Only where a step of the chain begins.
    """

    name: str
    vector: VectorSpec
    readout: str
    phases: tuple[PhaseName, ...] = ("chain",)
    step_starts: bool = False


@dataclass(frozen=True)
class CrossSettings:
    """Settings of a 2 x 2.

    Attributes:
        problems: File of problems.
        nats: Dose of every vector on every model.
        n: Problems that are asked.
        chains: Others, on whose clean texts doses are measured.
        max_tokens: Longest text.
        seed: Of draws and statistics.
        fields: Where the file has its columns.
    """

    problems: str
    nats: float = 0.1
    n: int = 32
    chains: int = 16
    max_tokens: int = 320
    seed: int = 0
    fields: Mapping[str, str] = field(default_factory=dict)


def behaviour_of_pairs(pairs: str, site: str, *, n: int) -> Behaviour:
    """A contrast of texts: the problems' task's own styles, or a file of pairs."""
    vector = VectorSpec(site=site, read="prompt", pairs=pairs, n=n)
    name = Path(pairs).stem if pairs else "styles"
    return Behaviour(name, vector, "tokens", ("question", "chain"))


def behaviours_of_kinds(kinds: Sequence[str], site: str, *, n: int) -> list[Behaviour]:
    """Kinds of steps; each model writes chains of its own to be read.

    Raises:
        UserError: One is no kind.
    """
    known = set(StepKind)
    if unknown := [kind for kind in kinds if kind not in known]:
        raise UserError(f"--kinds: expected some of {', '.join(sorted(known))}, got {unknown[0]!r}")
    return [
        Behaviour(
            kind,
            VectorSpec(site=site, method="span", kind=StepKind(kind), n=n),
            kind,
            step_starts=True,
        )
        for kind in kinds
    ]


def behaviour_of_hybrid(folder: Path, models: Pair[Reasoner], out: Path) -> Behaviour:
    """What a run of `mechcot hybrid` read in both models at their disagreements.

    Raises:
        UserError: The folder holds none, or none with vectors.
    """
    files = sorted((folder / "fit").glob("*.json"))
    if not files:
        raise UserError(f"{folder} holds no run of `mechcot hybrid --give vectors`; make one first")
    fitted = read_json(max(files, key=lambda file: file.stat().st_mtime), what="a fit")
    if not fitted.get("read"):
        raise UserError(f"{folder}: the run made no vectors; run `mechcot hybrid --give vectors`")
    rows = Pair(*(torch.tensor(row) for row in fitted["read"]))
    return _of_files("hybrid", rows, fitted["site"], models, out, readout="correct")


def behaviours_of_crosscoder(
    folder: Path, latents: Sequence[int], models: Pair[Reasoner], out: Path
) -> list[Behaviour]:
    """The two directions of latents of a crosscoder: those named, or the most changed.

    Raises:
        UserError: The folder holds no crosscoder of these models, or has no such latent.
    """
    from mechcot.sae.crosscoder import load_crosscoder
    from mechcot.sae.latent_changes import changed_latents

    crosscoder = load_crosscoder(folder)
    crosscoder.check(models)
    if not latents:
        rows = changed_latents(read_json(folder / "crosscode.json", what="latents")["latents"])
        rows = sorted(rows, key=lambda row: -row["difference"])
        latents = [row["latent"] for row in rows[:LATENTS]]
    if outside := [latent for latent in latents if not 0 <= latent < crosscoder.width]:
        raise UserError(
            f"--latents: expected numbers from 0 to {crosscoder.width - 1}, got {outside[0]}"
        )
    return [
        _of_files(
            f"latent {latent}",
            crosscoder.decoders.map(lambda decoder, latent=latent: decoder[latent]),
            crosscoder.site.name,
            models,
            out,
            readout="tokens",
        )
        for latent in latents
    ]


def behaviour_of_chance(models: Pair[Reasoner], site: str, out: Path, *, seed: int) -> Behaviour:
    """Two random directions: what the verdict on vectors that say nothing is."""
    stream = torch.Generator().manual_seed(seed)
    width = models.before.model.config.get_text_config().hidden_size
    rows = models.map(lambda _: torch.randn(width, generator=stream))
    return _of_files(CHANCE, rows, site, models, out, readout="tokens")


def _of_files(
    name: str, rows: Pair[Tensor], site: str, models: Pair[Reasoner], out: Path, *, readout: str
) -> Behaviour:
    """A behaviour whose vectors are written as files."""
    files = []
    for side, row, model in zip(("base", "tuned"), rows, models, strict=True):
        path = out / "vectors" / f"{name.replace(' ', '-')}-{side}.safetensors"
        origin = Origin(model.name, model.weights_hash, name, "see its run", ())
        vector = SteeringVector(row, Site.parse(site), origin)
        if not (path.is_file() and _same(SteeringVector.load(path), vector)):
            vector.save(path)
        files.append(str(path))
    vector = VectorSpec(site=site, method="file", files=tuple(files))
    return Behaviour(name, vector, readout, ("chain", "answer"))


def _same(one: SteeringVector, other: SteeringVector) -> bool:
    """Return whether two vectors are one; files of one vector differ in the order of their header, and runs know vectors by their files."""
    hashes = one.origin.weights_hash, other.origin.weights_hash
    return torch.equal(one.direction, other.direction) and hashes[0] == hashes[1]


def run_two_by_two(
    specs: Pair[str],
    behaviours: Sequence[Behaviour],
    settings: CrossSettings,
    *,
    out: Path,
    loading: LoadOptions = DEFAULTS,
    executor: Executor = SERIAL,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Run the 2 x 2 of every behaviour; writes two_by_two.json and report.html.

    Args:
        specs: The models by name.
        behaviours: What is tried.
        settings: On which problems, and how much is added.
        out: Folder; each behaviour has one below it.
        loading: How the models are loaded.
        executor: Where conditions are written.
        overwrite: Replace other runs in the folders of the behaviours.

    Returns:
        `models`, `nats`, `n`, `rows` (see `crossed_row`), `left_out` with reasons.

    Raises:
        UserError: Nothing can be tried.
    """
    rows, left_out = [], {}
    for behaviour in behaviours:
        experiment = Experiment(
            title=behaviour.name,
            question="Whose vector moves whom?",
            models=(specs.before, specs.after),
            readout=behaviour.readout if behaviour.readout != "correct" else "tokens",
            seed=settings.seed,
            max_tokens=settings.max_tokens,
            items=ItemSettings(
                n=settings.n,
                seed=settings.seed,
                problems=settings.problems,
                fields=settings.fields,
            ),
            vector=behaviour.vector,
            apply=Apply(
                phases=behaviour.phases,
                step_starts=behaviour.step_starts,
                nats=(settings.nats,),
                chains=settings.chains,
            ),
        )
        folder = out / "runs" / behaviour.name.replace(" ", "-")
        try:
            kwargs: dict[str, Any] = {"loading": loading, "executor": executor}
            result = run_experiment(experiment, folder, overwrite=overwrite, **kwargs)
        except UserError as reason:
            left_out[behaviour.name] = str(reason)
            continue
        rows.append(crossed_row(behaviour, specs, json.loads(json.dumps(result))))
    if not rows:
        raise UserError(f"none of the vectors can be tried: {next(iter(left_out.values()))}")
    result = {
        "models": [*specs],
        "nats": settings.nats,
        "n": settings.n,
        "rows": rows,
        "left_out": [{"id": name, "reason": reason} for name, reason in left_out.items()],
    }
    result = nan_to_none(result)
    write_json(out / "two_by_two.json", result)
    write_text(out / "report.html", two_by_two_page(result))
    return result


def crossed_row(
    behaviour: Behaviour, specs: Pair[str], result: Mapping[str, Any]
) -> dict[str, Any]:
    """What a behaviour's experiment says.

    Returns:
        `name`, `readout`, `cells` (`source`, `model` as base or tuned; change from the clean texts with interval; measured dose), `contrasts`
        (of models, of sources, the interaction), `judged` (all doses alike), `verdict`.
    """
    sides = {specs.before: "base", specs.after: "tuned"}
    cells = [
        {
            "source": sides[arm["source"]],
            "model": sides[arm["model"]],
            "dose": arm["dose"]["kl"],
            **arm["change"][behaviour.readout],
        }
        for arm in result["arms"]
        if arm["role"] == "vector"
    ]
    contrasts = [
        {
            "what": row["what"],
            "source": sides[row["source"]],
            "model": sides[row["model"]],
            **row["values"][behaviour.readout],
        }
        for row in result["contrasts"]
        if row["what"] in ("models", "sources", "interaction")
    ]
    judged = all(
        row["judged"] for row in result["contrasts"] if row["what"] in ("models", "sources")
    )
    either = behaviour.readout == "tokens"
    verdict = verdict_of(cells, contrasts, either_way=either) if judged else "doses differ"
    named = {"name": behaviour.name, "readout": behaviour.readout, "site": behaviour.vector.site}
    return named | {"cells": cells, "contrasts": contrasts, "judged": judged, "verdict": verdict}


def verdict_of(
    cells: Sequence[Mapping[str, Any]],
    contrasts: Sequence[Mapping[str, Any]],
    *,
    either_way: bool = False,
) -> str:
    """The verdict of one behaviour; see the module's text.

    Args:
        cells: `source`, `model`, `mean`, `low`, `high` of each change.
        contrasts: The same of each contrast, with `what`.
        either_way: Whether a vector may move the readout down as well.
    """
    ways = {(cell["source"], cell["model"]): _way(cell) for cell in cells}
    down = either_way and sum(ways.values()) < 0
    moves = {place: way == (-1 if down else 1) for place, way in ways.items()}
    if not any(moves.values()):
        return "nothing"
    if moves["tuned", "base"]:
        return "old" if moves["base", "base"] else "trigger"
    if moves["base", "base"] and not (moves["base", "tuned"] or moves["tuned", "tuned"]):
        return "lost"
    apart = any(
        row["what"] == "models" and row["source"] == "tuned" and _way(row) for row in contrasts
    )
    return "mechanism" if moves["tuned", "tuned"] and apart else "open"


def _way(interval: Mapping[str, Any]) -> int:
    """The sign of a widened interval; 0 where it holds 0 or there is none."""
    mean, low, high = (interval[name] for name in ("mean", "low", "high"))
    if low is None or high is None:
        return 0
    return (mean - TOGETHER * (mean - low) > 0) - (mean + TOGETHER * (high - mean) < 0)


def crossed_lines(result: Mapping[str, Any]) -> Iterator[str]:
    """The result as lines of text."""
    for row in result["rows"]:
        cells = "  ".join(
            f"{cell['source']} on {cell['model']} {_told(cell)}" for cell in row["cells"]
        )
        yield f"{row['name']:<16} {row['readout']:<12} {row['verdict']:<12} {cells}"
    for row in result["left_out"]:
        yield f"left out: {row['id']}: {row['reason']}"


def _told(cell: Mapping[str, Any]) -> str:
    if cell["low"] is None:
        return "-"
    return f"{cell['mean']:+.2f} [{cell['low']:+.2f}, {cell['high']:+.2f}]"
