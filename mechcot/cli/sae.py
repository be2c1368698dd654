"""Commands of `mechcot sae`: train, crosscode, score, falsify, patch, vector, probe, plant, plant-changes, page. Heavy imports stand inside."""

import shlex
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mechcot import command_inputs
from mechcot.cli.options import (
    Base,
    ChainsFile,
    Field,
    MaxTokens,
    Model,
    Out,
    OutFile,
    Overwrite,
    Problems,
    Seed,
    Tuned,
    Workers,
    gathers,
    loads,
    names_of,
    shares_out,
    takes_truth,
)
from mechcot.cli.outputs import makes, writes
from mechcot.core.errors import UserError
from mechcot.model.loading.options import LoadOptions
from mechcot.runs.engine import Engine

if TYPE_CHECKING:
    from mechcot.runs.output_claims import Maker
    from mechcot.sae.run import TrainedDictionary, Training
    from mechcot.text.user_truth_files import TruthFiles

app = typer.Typer(
    no_args_is_help=True, help="Sparse features on reasoning steps, before and after."
)

Dict = Annotated[str, typer.Argument(help="A dictionary: a folder, or RELEASE/ID of SAE-Lens.")]
Width = Annotated[int, typer.Option(help="Number of features.")]
Samples = Annotated[int, typer.Option(help="States seen, repeats counted.")]
K = Annotated[int, typer.Option(help="Features per token (batchtopk, topk).")]
Count = Annotated[
    int, typer.Option("--n", help="Number of fresh problems, or most chains of --traces.")
]


@shares_out
@loads
def _job(  # noqa: PLR0913 - one argument per option
    base: Base,
    tuned: Tuned,
    out: Out,
    *,
    site: Annotated[
        str, typer.Option(help="Residual site, such as resid_post.2.")
    ] = "resid_post.2",
    width: Width = 1024,
    k: K = 12,
    samples: Samples = 1_000_000,
    problems: Problems = None,
    traces: ChainsFile = None,
    field: Field = None,
    n: Annotated[int, typer.Option("--n", help="Number of problems, or most chains.")] = 600,
    max_tokens: MaxTokens = 512,
    seed: Seed = 0,
    workers: Workers = 1,
    overwrite: Overwrite = False,
    loading: LoadOptions,
    engine: Engine,
) -> "Training":
    """Look at what a training is given."""
    fields = command_inputs.check_chains(problems, traces, field, think=loading.asking.think)
    command_inputs.check_models([base, tuned])
    from mechcot.runs.executor import executor_of
    from mechcot.sae.run import Training
    from mechcot.sae.training import TrainingSettings
    from mechcot.traces.own_words import loading_in_own_words

    return Training(
        base=base,
        tuned=tuned,
        site=site,
        settings=TrainingSettings(width=width, k=k, samples=samples, seed=seed),
        problems=problems,
        n=n,
        max_tokens=max_tokens,
        out=out,
        loading=loading_in_own_words(
            base, loading, problems=problems, traces=traces, fields=fields, max_tokens=max_tokens
        ),
        fields=tuple(fields.items()),
        traces=traces,
        executor=executor_of(workers, engine),
        overwrite=overwrite,
    )


trains = gathers(_job, "job")
"""Give a command the options of a training on two checkpoints; it takes them as one `job`."""


@app.command()
@trains
def train(
    job: "Training",
    *,
    architecture: Literal["batchtopk", "topk", "jumprelu", "standard"] = "batchtopk",
    penalty: Annotated[
        float,
        typer.Option(help="Sparsity coefficient (jumprelu, standard); 0: what suits it."),
    ] = 0.0,
) -> None:
    """Train one dictionary on the states of both checkpoints and print its fit on each."""
    from dataclasses import replace

    from mechcot.sae.run import train_and_fit

    settings = replace(job.settings, architecture=architecture, penalty=penalty)
    _say(train_and_fit(replace(job, settings=settings)))


@app.command()
@trains
def crosscode(job: "Training", *, width: Width = 2048, k: K = 32) -> None:  # noqa: ARG001 - other defaults
    """Train a crosscoder and tell which latents are one checkpoint's own; writes crosscode.json and page.html."""
    from mechcot.core.store import write_text
    from mechcot.sae.change_sentences import change_lines
    from mechcot.sae.crosscoder_run import crosscode_and_compare
    from mechcot.sae.latent_replacement import replacement_lines
    from mechcot.view.pages.crosscoder import crosscoder_page

    result = crosscode_and_compare(job)
    write_text(job.out / "page.html", crosscoder_page(result))
    lines = [*change_lines(result), *replacement_lines(result["replacement"])]
    _say([*lines, f"written: {job.out / 'page.html'}"])


@shares_out
@loads
@takes_truth
def _open(  # noqa: PLR0913 - one argument per option
    dictionary: Dict,
    base: Base,
    tuned: Tuned,
    out: Out,
    *,
    problems: Problems = None,
    traces: ChainsFile = None,
    field: Field = None,
    n: Count = 96,
    seed: Seed = 0,
    workers: Workers = 1,
    overwrite: Overwrite = False,
    truth: "TruthFiles",
    loading: LoadOptions,
    engine: Engine,
) -> AbstractContextManager["TrainedDictionary"]:
    """Look at what a command is given, then load the dictionary and the models and write the chains."""
    command_inputs.check_dictionary(dictionary)
    fields = command_inputs.check_chains(problems, traces, field, think=loading.asking.think)
    command_inputs.check_models((base, tuned))
    from mechcot.runs.executor import executor_of
    from mechcot.sae.run import open_study
    from mechcot.traces.own_words import loading_in_own_words

    return open_study(
        dictionary,
        base,
        tuned,
        problems=problems,
        fields=fields,
        n=n,
        seed=seed,
        out=out,
        loading=loading_in_own_words(
            base, loading, problems=problems, traces=traces, fields=fields
        ),
        traces=traces,
        truth=truth,
        executor=executor_of(workers, engine),
        overwrite=overwrite,
    )


reads = gathers(_open, "study")
"""Give a command the options of a dictionary read by two checkpoints; it takes them as one `study`."""


def _writes(name: str) -> Any:
    """Say that a command writes `NAME.json` in its folder."""
    return writes(f"sae {name}", lambda given: given["out"] / f"{name}.json")


@app.command()
@_writes("score")
@reads
def score(study: "TrainedDictionary", out: Out, seed: Seed = 0) -> None:
    """Score features on words and on step kinds, and say what changed; writes score.json."""
    from mechcot.sae.results import score_lines, scored

    found = scored(study, seed=seed)
    _write(study, found, score_lines(found), out / "score.json")


@app.command()
@_writes("falsify")
@reads
def falsify(
    study: "TrainedDictionary",
    out: Out,
    seed: Seed = 0,
    repeats: Annotated[
        int, typer.Option(help="Texts for injection from each chain; more narrow the bound.")
    ] = 1,
    workers: Workers = 1,
) -> None:
    """Try to break the claim that features are about reasoning; writes falsify.json. Every trial is kept as it finishes."""
    from mechcot.runs.executor import executor_of
    from mechcot.sae.results import falsified, falsify_lines

    executor = executor_of(workers)
    found = falsified(study, out / "trials", seed=seed, repeats=repeats, executor=executor)
    _write(study, found, falsify_lines(found), out / "falsify.json")


@app.command()
@_writes("patch")
@reads
def patch(study: "TrainedDictionary", out: Out, n: Count = 48, seed: Seed = 0) -> None:  # noqa: ARG001 - another default
    """Patch stated values through k features instead of the whole state; writes patch.json."""
    from mechcot.sae.feature_patching import patch_lines, patched

    curves = [patched(study.dictionary, r, study.traces, seed=seed) for r in study.readers]
    found = {"fit": [fit.to_json() for fit in study.fits], "curves": curves}
    lines = [line for curve in curves for line in patch_lines(curve)]
    _write(study, found, lines, out / "patch.json")


@app.command()
@writes("sae vector")
@loads
def vector(
    dictionary: Dict,
    model: Model,
    feature: Annotated[int, typer.Option(help="Number of the feature.")],
    out: OutFile,
    *,
    problems: Problems = None,
    traces: ChainsFile = None,
    field: Field = None,
    n: Count = 32,
    seed: Seed = 0,
    loading: LoadOptions,
) -> None:
    """Write a feature as a steering vector, for `mechcot steer apply` and experiment files."""
    command_inputs.check_dictionary(dictionary)
    fields = command_inputs.check_chains(problems, traces, field, think=loading.asking.think)
    command_inputs.check_models((model,))
    from mechcot.model.reasoner import Reasoner
    from mechcot.sae.chains import ChainSource, chains_of
    from mechcot.sae.dictionary import load
    from mechcot.sae.feature_vectors import feature_vector
    from mechcot.traces.own_words import loading_in_own_words

    loading = loading_in_own_words(model, loading, problems=problems, traces=traces, fields=fields)
    reader, found = Reasoner.open(model, loading), load(dictionary)
    found.check(reader)
    asked = ChainSource(problems, n, seed + 1000, fields=tuple(fields.items()), traces=traces)
    read = chains_of(reader, asked)
    made = feature_vector(found, reader, read, feature)
    made.save(out)
    _say([f"written: {out} ({made.origin.method} at {made.site.name}, length {made.norm:.3g})"])


@app.command()
@_writes("probe")
@reads
def probe(study: "TrainedDictionary", out: Out, seed: Seed = 0) -> None:
    """Probe features against whole states for kind, use and the known answer; writes probe.json."""
    from mechcot.probes.features import probe_lines, probed

    models = [probed(study.dictionary, r, study.traces, seed=seed) for r in study.readers]
    found = {"fit": [fit.to_json() for fit in study.fits], "models": models}
    lines = [line for model in models for line in probe_lines(model)]
    _write(study, found, lines, out / "probe.json")


def _write(study: "TrainedDictionary", found: Any, lines: Sequence[str], path: Path) -> None:
    from mechcot.core.store import write_json

    write_json(path, found)
    _say([*map(str, study.fits), *lines, f"written: {path}"])


def _say(lines: Sequence[str]) -> None:
    for line in lines:
        typer.echo(line)


@app.command()
@makes("sae plant")
@shares_out
@loads
def plant(  # noqa: PLR0913 - one argument per option
    out: Out,
    *,
    base: Annotated[str, typer.Option(help="An organism.")] = "organism:base",
    marks: Annotated[
        str, typer.Option(help="What marks a step, comma separated.")
    ] = "restated,early,seven",
    seeds: Annotated[int, typer.Option(help="Plants per mark.")] = 1,
    blocks: Annotated[int, typer.Option(help="Blocks that write the plant, up to the third.")] = 1,
    width: Annotated[int, typer.Option(help="Number of features.")] = 512,
    seed: Seed = 0,
    workers: Workers = 1,
    loading: LoadOptions,
    engine: Engine,
    maker: "Maker",
) -> None:
    """Plant directions that no word shows, find them, and count; writes plant.json. Every plant is kept as it finishes."""
    from dataclasses import asdict
    from functools import partial

    from mechcot.core.store import digest, write_json
    from mechcot.model.loading.pairs import load_models
    from mechcot.runs.executor import executor_of
    from mechcot.runs.items import Items
    from mechcot.sae.plants.marked_steps import MARKS, WORD_MARK
    from mechcot.sae.plants.recovery import (
        CANDIDATES,
        GROWN,
        REPEATS,
        find_one,
        plant_lines,
        summed,
    )
    from mechcot.sae.plants.training import SITE, Plant
    from mechcot.sae.training import TrainingSettings

    names = names_of(marks) or ()
    if unknown := [name for name in names if name not in {*MARKS, WORD_MARK}]:
        known = ", ".join((*MARKS, WORD_MARK))
        raise UserError(f"--marks: expected some of {known}, got {unknown[0]!r}")
    if not 1 <= blocks <= SITE.layer + 1:
        raise UserError(f"--blocks: expected 1 to {SITE.layer + 1}, got {blocks}")
    (reader,) = load_models([base], loading)
    settings = TrainingSettings(width=width, samples=200_000)
    plants = [Plant(mark=m, seed=seed + n, blocks=blocks) for n in range(seeds) for m in names]
    about = (asdict(settings), CANDIDATES, GROWN, REPEATS)
    tasks = {f"{p.mark}-{p.seed}-{digest(reader.weights_hash, repr(p), *about)}": p for p in plants}
    items = Items(out / "plants")
    compute = partial(find_one, reader, settings=settings)
    with maker.claimed(out):
        executor = executor_of(workers, engine)
        result = summed(items.made(tasks, compute, executor=executor, desc="plants", unit="plant"))
        write_json(out / "plant.json", result)
    _say([*plant_lines(result), f"written: {out / 'plant.json'}"])


@app.command("plant-changes")
@makes("sae plant-changes")
@shares_out
@loads
def plant_changes(  # noqa: PLR0913 - one argument per option
    out: Out,
    *,
    base: Annotated[str, typer.Option(help="An organism.")] = "organism:base",
    seeds: Annotated[
        int, typer.Option(help="Pairs of plants; each gives four pairs of models.")
    ] = 3,
    weights: Annotated[
        bool, typer.Option("--weights", help="Tune copies, instead of adding to the states.")
    ] = False,
    width: Width = 512,
    k: K = 16,
    samples: Samples = 200_000,
    seed: Seed = 0,
    workers: Workers = 1,
    loading: LoadOptions,
    engine: Engine,
    maker: "Maker",
) -> None:
    """Plant directions in one of two models and count which methods tell which; writes change.json. Every seed is kept as it finishes."""
    from dataclasses import asdict
    from functools import partial

    from mechcot.core.store import digest, write_json
    from mechcot.model.loading.pairs import load_models
    from mechcot.runs.executor import executor_of
    from mechcot.runs.items import Items
    from mechcot.sae.crosscoder_training import LENGTH_CHARGE
    from mechcot.sae.latent_sides import FAR_APART
    from mechcot.sae.plants.planted_changes import change_scores, changed_pairs, markdown_scores
    from mechcot.sae.training import TrainingSettings

    (reader,) = load_models([base], loading)
    settings = TrainingSettings(width=width, k=k, samples=samples)
    about = digest(reader.weights_hash, asdict(settings), weights, FAR_APART, LENGTH_CHARGE)
    tasks = {f"{number}-{about}": number for number in range(seed, seed + seeds)}
    items = Items(out / "seeds")
    compute = partial(changed_pairs, reader, settings=settings, weights=weights)
    with maker.claimed(out):
        executor = executor_of(workers, engine)
        told = items.made(tasks, compute, executor=executor, desc="seeds", unit="seed")
        result = change_scores(told)
        write_json(out / "change.json", result)
    _say([*markdown_scores(result), f"written: {out / 'change.json'}"])


@app.command()
def page(
    folder: Annotated[
        Path, typer.Argument(help="Folder with score.json, perhaps falsify.json and probe.json.")
    ],
) -> None:
    """Set the page of what `score`, `falsify` and `probe` found; writes page.html."""
    if not (folder / "score.json").is_file():
        raise UserError(
            f"{folder}: no score.json; run `mechcot sae score ... {shlex.join(['--out', str(folder)])}` first"
        )
    from mechcot.core.store import write_text
    from mechcot.sae.findings import read_findings
    from mechcot.view.pages.sae import sae_page

    found = [read_findings(folder, name) for name in ("score", "falsify", "probe")]
    write_text(folder / "page.html", sae_page(*found))
    _say([f"written: {folder / 'page.html'}"])
