"""Commands of steering: extract, apply, sweep, run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from mechcot import argument_checks
from mechcot.model.asking import Asking, asks

app = typer.Typer(no_args_is_help=True, help="Vectors, doses, and scripted steering experiments.")

Model = Annotated[str, typer.Argument(help="Hub name, directory, organism:NAME.")]
_Out = Annotated[Path, typer.Option("--out", help="Where to write.")]
SiteName = Annotated[str, typer.Option("--site", help="For example resid_post.1")]
Phases = Annotated[str, typer.Option(help="question, chain, answer, comma separated.")]
How = Annotated[str, typer.Option(help="add, or clamp (a feature from `mechcot sae vector`).")]
Nats = Annotated[float, typer.Option(help="Mean KL per written token; negative pushes away.")]
Count = Annotated[int, typer.Option("--n", help="Number of questions.")]
_Problems = Annotated[
    str | None, typer.Option(help="JSON lines; default the shipped models' task.")
]


@app.command()
@asks
def run(
    experiment: Annotated[Path, typer.Argument(help="A TOML file, see experiments/.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder; default artifacts/steer/NAME. Resumes.")
    ] = None,
    *,
    asking: Asking,
) -> None:
    """Run an experiment file: tables, dose curves and one page."""
    argument_checks.check_experiment(experiment)
    from mechcot.steering.experiment import load
    from mechcot.steering.run import run as go

    where = out or Path("artifacts/steer") / experiment.stem
    go(load(experiment), where, asking=asking)
    typer.echo(f"written: {where / 'report.html'}")


@app.command()
@asks
def extract(
    model: Model,
    out: _Out,
    site: SiteName,
    pairs: Annotated[
        Path | None,
        typer.Option(help="JSON lines {id, positive, negative}; default brief against careful."),
    ] = None,
    read: Annotated[str, typer.Option(help="last_prompt or prompt.")] = "last_prompt",
    method: Annotated[str, typer.Option(help="mean difference, pca or probe.")] = "mean difference",
    n: Count = 50,
    seed: int = 1,
    *,
    asking: Asking,
) -> None:
    """Make a vector from contrastive pairs and write it with its origin."""
    argument_checks.check_pairs(pairs)
    argument_checks.check_models([model])
    from mechcot.model.reasoner import Reasoner
    from mechcot.steering.single_runs import extract_to

    about: dict[str, Any] = {"pairs": pairs, "read": read, "method": method, "n": n, "seed": seed}
    typer.echo(extract_to(Reasoner.load(model, asking=asking), out, site=site, **about))


@app.command()
@asks
def apply(  # noqa: PLR0913 - one argument per option
    model: Model,
    vector: Annotated[Path, typer.Argument(help="What `extract` wrote.")],
    out: _Out,
    nats: Nats = 0.1,
    phases: Phases = "chain",
    how: How = "add",
    problems: _Problems = None,
    field: argument_checks.Field = None,
    n: Count = 16,
    seed: int = 0,
    max_tokens: int = 320,
    force: Annotated[  # noqa: FBT002 - a command-line flag
        bool, typer.Option("--force", help="Add a vector of other weights; width stays checked.")
    ] = False,
    *,
    asking: Asking,
) -> None:
    """Write chains under a vector (JSON lines of traces) and say what changed."""
    fields = _look(model, vector, problems, field)
    from mechcot.model.reasoner import Reasoner
    from mechcot.steering.single_runs import apply_to
    from mechcot.steering.vectors import SteeringVector

    for line in apply_to(
        Reasoner.load(model, asking=asking),
        SteeringVector.load(vector),
        out,
        doses=(nats,),
        phases=phases,
        asked=(problems, n, seed),
        fields=fields,
        max_tokens=max_tokens,
        force=force,
        how=how,
    ):
        typer.echo(line)


@app.command()
@asks
def sweep(  # noqa: PLR0913 - one argument per option
    model: Model,
    vector: Annotated[Path, typer.Argument(help="What `extract` wrote.")],
    out: _Out,
    doses: Annotated[str, typer.Option(help="Nats, comma separated.")] = "0.02,0.05,0.1,0.2",
    phases: Phases = "chain",
    how: How = "add",
    problems: _Problems = None,
    field: argument_checks.Field = None,
    n: Count = 16,
    seed: int = 0,
    max_tokens: int = 320,
    force: Annotated[  # noqa: FBT002 - a command-line flag
        bool, typer.Option("--force", help="Add a vector of other weights; width stays checked.")
    ] = False,
    *,
    asking: Asking,
) -> None:
    """`apply` at several doses; one file of traces a dose in --out."""
    fields = _look(model, vector, problems, field)
    from mechcot.model.reasoner import Reasoner
    from mechcot.steering.single_runs import apply_to, numbers
    from mechcot.steering.vectors import SteeringVector

    for line in apply_to(
        Reasoner.load(model, asking=asking),
        SteeringVector.load(vector),
        out,
        doses=numbers(doses),
        phases=phases,
        asked=(problems, n, seed),
        fields=fields,
        max_tokens=max_tokens,
        force=force,
        how=how,
    ):
        typer.echo(line)


def _look(
    model: str, vector: Path, problems: str | None, field: Sequence[str] | None
) -> dict[str, str]:
    """See that what `apply` and `sweep` are given can be read; the fields of the problems."""
    argument_checks.check_vector(vector)
    fields = argument_checks.check_problems(problems, field)
    argument_checks.check_models([model])
    return fields
