"""Commands of steering: extract, apply, sweep, run, cross."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mechcot import command_inputs
from mechcot.cli.options import (
    Base,
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
    numbers_of,
    shares_out,
)
from mechcot.cli.outputs import makes, writes
from mechcot.core.errors import UserError
from mechcot.model.loading.options import LoadOptions
from mechcot.runs.engine import LOCAL, Engine

if TYPE_CHECKING:
    from mechcot.runs.output_claims import Maker

app = typer.Typer(no_args_is_help=True, help="Vectors, doses, and scripted steering experiments.")

SiteName = Annotated[str, typer.Option("--site", help="For example resid_post.1")]
Phases = Annotated[str, typer.Option(help="question, chain, answer, comma separated.")]
HowOption = Annotated[
    Literal["add", "clamp"], typer.Option(help="clamp: a feature from `mechcot sae vector`.")
]
Nats = Annotated[float, typer.Option(help="Mean KL per written token; negative pushes away.")]
QuestionCount = Annotated[int, typer.Option("--n", help="Number of questions.")]
Vector = Annotated[Path, typer.Argument(help="What `extract` wrote.")]
Force = Annotated[
    bool, typer.Option("--force", help="Add a vector of other weights; width stays checked.")
]


@app.command()
@shares_out
@loads
def run(
    experiment: Annotated[Path, typer.Argument(help="A TOML file, see experiments/.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder; default artifacts/steer/NAME. Resumes.")
    ] = None,
    workers: Workers = 1,
    *,
    overwrite: Overwrite = False,
    loading: LoadOptions,
    engine: Engine,
) -> None:
    """Run an experiment file: tables, dose curves and one page."""
    command_inputs.check_experiment(experiment)
    from mechcot.runs.executor import executor_of
    from mechcot.steering.experiment import read_experiment
    from mechcot.steering.run import run_experiment as run_experiment

    where = out or Path("artifacts/steer") / experiment.stem
    run_experiment(
        read_experiment(experiment),
        where,
        loading=loading,
        executor=executor_of(workers, engine),
        overwrite=overwrite,
    )
    typer.echo(f"written: {where / 'report.html'}")


@app.command()
@writes("steer extract")
@loads
def extract(
    model: Model,
    out: OutFile,
    site: SiteName,
    *,
    pairs: Annotated[
        Path | None,
        typer.Option(
            help="JSON lines {id, positive, negative}; default: the shipped models' task, brief against careful."
        ),
    ] = None,
    read: Annotated[
        Literal["last_prompt", "prompt"], typer.Option(help="Where states are read.")
    ] = "last_prompt",
    method: Literal["mean difference", "pca", "probe"] = "mean difference",
    n: Annotated[int, typer.Option("--n", help="Number of pairs.")] = 50,
    seed: Seed = 1,
    loading: LoadOptions,
) -> None:
    """Make a vector from contrastive pairs and write it with its origin."""
    command_inputs.check_pairs(pairs)
    command_inputs.check_models([model])
    from mechcot.model.reasoner import Reasoner
    from mechcot.steering.vector_commands import extract_to

    reader = Reasoner.open(model, loading)
    kwargs: dict[str, Any] = {"pairs": pairs, "read": read, "method": method, "n": n, "seed": seed}
    for line in extract_to(reader, out, site=site, **kwargs):
        typer.echo(line)


def _steered_options(
    *,
    phases: Phases = "chain",
    how: HowOption = "add",
    problems: Problems = None,
    field: Field = None,
    n: QuestionCount = 16,
    seed: Seed = 0,
    max_tokens: MaxTokens = 320,
    force: Force = False,
) -> dict[str, Any]:
    return locals()


_steers = gathers(_steered_options, "steered")


@app.command()
@writes("steer apply")
@loads
@_steers
def apply(
    model: Model,
    vector: Vector,
    out: OutFile,
    *,
    nats: Nats = 0.1,
    steered: dict[str, Any],
    loading: LoadOptions,
) -> None:
    """Write chains under a vector (JSON lines of traces) and say what changed."""
    _write_steered(model, vector, {nats: out}, loading=loading, **steered)


@app.command()
@makes("steer sweep", but={"doses"})
@shares_out
@loads
@_steers
def sweep(
    model: Model,
    vector: Vector,
    out: Out,
    *,
    doses: Annotated[str, typer.Option(help="Nats, comma separated.")] = "0.02,0.05,0.1,0.2",
    workers: Workers = 1,
    steered: dict[str, Any],
    loading: LoadOptions,
    engine: Engine,
    maker: "Maker",
) -> None:
    """`apply` at several doses; one file of traces a dose in --out."""
    dosed = numbers_of(doses, expected="--doses: expected numbers such as 0.02,0.1")
    files = {nats: out / f"{nats:g}.jsonl" for nats in dosed}
    missing = {nats: file for nats, file in files.items() if not maker.made(file)}
    for file in files.keys() - missing.keys():
        typer.echo(f"{files[file]} is there already, made by this command with these settings")
    if not missing:
        return
    ways = {"wrote": maker.note, "workers": workers, "engine": engine}
    _write_steered(model, vector, missing, loading=loading, **ways, **steered)


@app.command()
@makes("steer cross")
@shares_out
@loads
def cross(  # noqa: PLR0913 - one argument per option
    base: Base,
    tuned: Tuned,
    source: Annotated[str, typer.Option("--problems", help="A file of problems.")],
    out: Out,
    *,
    pairs: Annotated[
        Path | None,
        typer.Option(help="A contrast: JSON lines {id, positive, negative}."),
    ] = None,
    styles: Annotated[
        bool, typer.Option("--styles", help="The contrast of the problems' own task.")
    ] = False,
    kinds: Annotated[
        str | None, typer.Option(help="Kinds of steps, such as verification,backtracking.")
    ] = None,
    hybrid_run: Annotated[
        Path | None, typer.Option("--hybrid", help="A run of `mechcot hybrid` on these models.")
    ] = None,
    crosscoder: Annotated[
        Path | None, typer.Option(help="What `mechcot sae crosscode` made of these models.")
    ] = None,
    latents: Annotated[
        str | None,
        typer.Option(help="Latents of it, or all that changed; default: the most changed three."),
    ] = None,
    site: Annotated[
        str | None, typer.Option(help="Of contrasts and kinds; default: a block in the middle.")
    ] = None,
    nats: Nats = 0.1,
    n: QuestionCount = 32,
    chains: Annotated[
        int, typer.Option(help="Other problems: for doses, and for what vectors are read from.")
    ] = 16,
    chance: Annotated[
        int, typer.Option(min=1, help="Pairs of random vectors at the same dose.")
    ] = 4,
    field: Field = None,
    max_tokens: MaxTokens = 320,
    seed: Seed = 0,
    workers: Workers = 1,
    loading: LoadOptions,
    engine: Engine,
    maker: "Maker",
) -> None:
    """Add the vectors of two models to both: is what changed a mechanism, or what calls it? One figure."""
    fields = command_inputs.check_problems(source, field)
    command_inputs.check_pairs(pairs)
    command_inputs.check_models([base, tuned])
    from mechcot.core.pair import Pair
    from mechcot.hybrid import behaviours, two_by_two
    from mechcot.model.internals.self_test import backbone_of
    from mechcot.model.loading.pairs import load_models
    from mechcot.runs.executor import executor_of
    from mechcot.traces.own_words import loading_in_own_words

    wanted, named = _latents(latents, crosscoder), names_of(kinds) or ()
    taken = [
        *named,
        *[behaviours.OF_STYLES] * styles,
        *[behaviours.OF_HYBRID] * (hybrid_run is not None),
    ]
    if styles:
        behaviours.check_styles(source, fields)
    loading = loading_in_own_words(
        base, loading, problems=source, fields=fields, max_tokens=max_tokens
    )
    models = Pair(*load_models([base, tuned], loading, prompts="own"))
    at = site or f"resid_post.{(backbone_of(models.before.model).n_layers - 1) // 2}"
    with maker.claimed(out):
        contrasts = [str(pairs)] * (pairs is not None) + [""] * styles
        some = behaviours.behaviours_of_kinds(named, at, n=chains)
        some = [
            behaviours.behaviour_of_pairs(file, at, n=chains, taken=taken) for file in contrasts
        ] + some
        if hybrid_run is not None:
            some.append(behaviours.behaviour_of_hybrid(hybrid_run, models, out))
        if crosscoder is not None:
            some += behaviours.behaviours_of_crosscoder(crosscoder, wanted, models, out)
        if not some:
            raise UserError(
                "no vector is named: give --pairs, --styles, --kinds, --hybrid or --crosscoder"
            )
        result = two_by_two.run_two_by_two(
            Pair(base, tuned),
            models,
            some,
            two_by_two.CrossSettings(source, nats, n, chains, max_tokens, seed, fields, chance),
            out=out,
            loading=loading,
            executor=executor_of(workers, engine),
            overwrite=maker.overwrite,
        )
    for line in [*two_by_two.crossed_lines(result), f"written: {out / 'report.html'}"]:
        typer.echo(line)


def _latents(text: str | None, crosscoder: Path | None) -> list[int] | Literal["all"]:
    """Read numbers of latents of a crosscoder that commas part, or `all`."""
    if text is not None and crosscoder is None:
        raise UserError(
            f"--latents {text}: expected the crosscoder that they are of as well (--crosscoder DIR, what `mechcot sae crosscode` made)"
        )
    if text == "all":
        return "all"
    names = names_of(text) or ()
    if wrong := [name for name in names if not name.isdecimal()]:
        raise UserError(f"--latents: expected numbers such as 3,17, got {wrong[0]!r}")
    return [int(name) for name in names]


def _write_steered(  # noqa: PLR0913 - one argument per option
    model: str,
    vector: Path,
    files: Mapping[float, Path],
    *,
    loading: LoadOptions,
    problems: str | None,
    field: list[str] | None,
    n: int,
    seed: int,
    max_tokens: int,
    workers: int = 1,
    engine: Engine = LOCAL,
    **kwargs: Any,
) -> None:
    fields = _look(model, vector, problems, field)
    from mechcot.model.reasoner import Reasoner
    from mechcot.runs.executor import executor_of
    from mechcot.steering.vector_commands import apply_to
    from mechcot.steering.vectors import SteeringVector
    from mechcot.traces.own_words import loading_in_own_words

    loading = loading_in_own_words(
        model, loading, problems=problems, fields=fields, max_tokens=max_tokens
    )
    for line in apply_to(
        Reasoner.open(model, loading),
        SteeringVector.load(vector),
        files,
        asked=(problems, n, seed),
        fields=fields,
        max_tokens=max_tokens,
        executor=executor_of(workers, engine),
        **kwargs,
    ):
        typer.echo(line)


def _look(
    model: str, vector: Path, problems: str | None, field: Sequence[str] | None
) -> dict[str, str]:
    """See that what `apply` and `sweep` are given can be read; the fields of the problems."""
    command_inputs.check_vector(vector)
    fields = command_inputs.check_problems(problems, field)
    command_inputs.check_models([model])
    return fields
