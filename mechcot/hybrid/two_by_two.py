"""The 2 x 2: a vector read from each of two models, added to each of them at one dose. Is a change a mechanism, or what calls it?

Verdicts: `mechcot.hybrid.crossed_verdicts`. Behaviours come from contrasts and kinds of steps (`mechcot.steering`), from a run of `mechcot hybrid` (states at
disagreements less all states) and from the latents of a crosscoder (their two directions). Random vectors are added at each site and phase of these, at the same dose.
Each is an experiment of `mechcot steer run`, in a folder of its own, so that the same command goes on.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from mechcot.core.errors import UserError
from mechcot.core.pair import Pair
from mechcot.core.store import nan_to_none, read_json, write_json, write_text
from mechcot.core.trace import StepKind
from mechcot.hybrid.crossed_verdicts import Judged, judge_crossed, smallest_change
from mechcot.model.internals.sites import Site
from mechcot.model.loading.options import DEFAULTS, LoadOptions
from mechcot.model.reasoner import Reasoner
from mechcot.runs.executor import SERIAL, Executor
from mechcot.stats.dose_tolerance import same_dose
from mechcot.steering.experiment import Apply, Experiment, ItemSettings, PhaseName, VectorSpec
from mechcot.steering.run import run_experiment
from mechcot.steering.vectors import Origin, SteeringVector
from mechcot.view.pages.two_by_two import decided_by, two_by_two_page

LATENTS = 3
CHANCE = 4
"""Pairs of random vectors that are added beside those of one site, phase and start of steps."""


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

    @property
    def place(self) -> tuple[Any, ...]:
        """Where the vectors are added; random ones of one place serve all behaviours of it."""
        return self.vector.site, self.phases, self.step_starts


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
        chance: Pairs of random vectors.
    """

    problems: str
    nats: float = 0.1
    n: int = 32
    chains: int = 16
    max_tokens: int = 320
    seed: int = 0
    fields: Mapping[str, str] = field(default_factory=dict)
    chance: int = CHANCE


@dataclass(frozen=True)
class RandomChange:
    """What one random vector changes in one model.

    Attributes:
        model: Its name.
        dose: Measured, nats.
        means: Mean change from the clean texts, by readout.
    """

    model: str
    dose: float
    means: Mapping[str, float]


def random_changes(result: Mapping[str, Any], items: pd.DataFrame) -> list[RandomChange]:
    """What the random vectors of an experiment changed, in every readout.

    Args:
        result: What it gave.
        items: Its texts, one a row.
    """
    readouts = ["tokens", "correct", *map(str, StepKind)]
    changes = []
    for arm in result["arms"]:
        if arm["role"] == "vector":
            own = items[items["model"] == arm["model"]].set_index("item")
            steered = own[(own["role"] == "vector") & (own["source"] == arm["source"])]
            clean = own[own["role"] == "clean"]
            means = (steered[readouts].astype(float) - clean[readouts].astype(float)).mean()
            changes.append(RandomChange(arm["model"], arm["dose"]["kl"], means.to_dict()))
    return changes


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


def behaviours_of_chance(
    like: Behaviour, models: Pair[Reasoner], out: Path, *, pairs: int, seed: int
) -> list[Behaviour]:
    """Pairs of random directions, added where a behaviour's vectors are."""
    site = like.vector.site
    where = "-".join([site, *like.phases, *(["starts"] if like.step_starts else [])])
    width = models.before.model.config.get_text_config().hidden_size
    stream = torch.Generator().manual_seed(seed)
    return [
        replace(
            _of_files(
                f"random-{where}-{pair + 1}",
                models.map(lambda _: torch.randn(width, generator=stream)),
                site,
                models,
                out,
                readout=like.readout,
            ),
            phases=like.phases,
            step_starts=like.step_starts,
        )
        for pair in range(pairs)
    ]


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
    models: Pair[Reasoner],
    behaviours: Sequence[Behaviour],
    settings: CrossSettings,
    *,
    out: Path,
    loading: LoadOptions = DEFAULTS,
    executor: Executor = SERIAL,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Run the 2 x 2 of every behaviour, and of random vectors; writes two_by_two.json and report.html.

    Args:
        specs: The models by name.
        models: The same, loaded.
        behaviours: What is tried.
        settings: On which problems, and how much is added.
        out: Folder; each behaviour has one below it.
        loading: How the models are loaded.
        executor: Where conditions are written.
        overwrite: Replace other runs in the folders of the behaviours.

    Returns:
        `models`, `nats`, `n`, `chains`, `rows` (see `crossed_row`), `left_out` with reasons.

    Raises:
        UserError: Nothing can be tried.
    """
    kwargs: dict[str, Any] = {"loading": loading, "executor": executor, "overwrite": overwrite}
    tried: list[tuple[Behaviour, Mapping[str, Any]]] = []
    left_out: dict[str, str] = {}
    chance: dict[Any, list[RandomChange]] = {}

    def folder_of(behaviour: Behaviour) -> Path:
        return out / "runs" / behaviour.name.replace(" ", "-")

    def attempt(behaviour: Behaviour) -> list[dict[str, Any]]:
        folder = folder_of(behaviour)
        try:
            result = run_experiment(_experiment(behaviour, specs, settings), folder, **kwargs)
        except UserError as reason:
            left_out[behaviour.name] = str(reason)
            return []
        return [json.loads(json.dumps(result))]

    for behaviour in behaviours:
        tried += [(behaviour, result) for result in attempt(behaviour)]
    if not tried:
        raise UserError(f"none of the vectors can be tried: {next(iter(left_out.values()))}")
    draws = {"pairs": settings.chance, "seed": settings.seed}
    for behaviour, _ in tried:
        if behaviour.place not in chance:
            random = behaviours_of_chance(behaviour, models, out, **draws)
            chance[behaviour.place] = [
                change
                for pair in random
                for result in attempt(pair)
                for change in random_changes(
                    result, pd.read_parquet(folder_of(pair) / "items.parquet")
                )
            ]
    result = {
        "models": [*specs],
        "nats": settings.nats,
        "n": settings.n,
        "chains": settings.chains,
        "rows": [
            crossed_row(behaviour, specs, result, chance[behaviour.place], behaviours=len(tried))
            for behaviour, result in tried
        ],
        "left_out": [{"id": name, "reason": reason} for name, reason in left_out.items()],
    }
    result = nan_to_none(result)
    write_json(out / "two_by_two.json", result)
    write_text(out / "report.html", two_by_two_page(result))
    return result


def _experiment(behaviour: Behaviour, specs: Pair[str], settings: CrossSettings) -> Experiment:
    return Experiment(
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


def crossed_row(
    behaviour: Behaviour,
    specs: Pair[str],
    result: Mapping[str, Any],
    chance: Sequence[RandomChange],
    *,
    behaviours: int,
) -> dict[str, Any]:
    """What a behaviour's experiment says.

    Args:
        behaviour: What was tried.
        specs: The models by name.
        result: What its experiment gave.
        chance: What random vectors at the same places changed.
        behaviours: How many the run tries.

    Returns:
        `name`, `readout`, `cells` (`source`, `model` as base or tuned; change from the clean texts with interval; measured dose; mean changes by random vectors of that dose;
        smallest change that counts), `contrasts` (of models, of sources, the interaction), `judged` (all doses alike), `verdict`, `needed`.
    """
    sides = {specs.before: "base", specs.after: "tuned"}
    name = behaviour.readout
    clean = {arm["model"]: arm for arm in result["arms"] if arm["role"] == "clean"}
    cells = [
        {
            "source": sides[arm["source"]],
            "model": sides[arm["model"]],
            "dose": arm["dose"]["kl"],
            "smallest": smallest_change(clean[arm["model"]]["values"][name]["mean"]),
            "chance": [
                random.means[name]
                for random in chance
                if random.model == arm["model"]
                and same_dose((random.dose, arm["dose"]["kl"]))
                and math.isfinite(random.means[name])
            ],
            **arm["change"][name],
        }
        for arm in result["arms"]
        if arm["role"] == "vector"
    ]
    contrasts = [
        {
            "what": row["what"],
            "source": sides[row["source"]],
            "model": sides[row["model"]],
            **row["values"][name],
        }
        for row in result["contrasts"]
        if row["what"] in ("models", "sources", "interaction")
    ]
    judged = all(
        row["judged"] for row in result["contrasts"] if row["what"] in ("models", "sources")
    )
    settings: dict[str, Any] = {"behaviours": behaviours, "either_way": name == "tokens"}
    said = judge_crossed(cells, contrasts, **settings) if judged else Judged("doses differ")
    named = {"name": behaviour.name, "readout": name, "site": behaviour.vector.site}
    return named | {"cells": cells, "contrasts": contrasts, "judged": judged, **asdict(said)}


def crossed_lines(result: Mapping[str, Any]) -> Iterator[str]:
    """The result as lines of text."""
    for row in result["rows"]:
        cells = "  ".join(
            f"{cell['source']} on {cell['model']} {_told(cell)}" for cell in row["cells"]
        )
        yield f"{row['name']:<16} {row['readout']:<12} {row['verdict']:<12} {cells}{decided_by(row)}"
    for row in result["left_out"]:
        yield f"left out: {row['id']}: {row['reason']}"


def _told(cell: Mapping[str, Any]) -> str:
    if cell["low"] is None:
        return "-"
    return f"{cell['mean']:+.2f} [{cell['low']:+.2f}, {cell['high']:+.2f}]"
