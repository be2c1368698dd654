"""Commands about the organisms. Heavy imports happen inside the commands."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from mechcot.cli.options import Device, OutFile, Overwrite, Seed, Workers, shares_out
from mechcot.cli.outputs import writes
from mechcot.core.errors import UserError
from mechcot.core.wording import count_of
from mechcot.runs.engine import Engine

app = typer.Typer(no_args_is_help=True, help="Small models whose use of the chain is known.")


@app.command("list")
def organism_list() -> None:
    """List the recipes and which of them are here."""
    from mechcot.model.loading.spec import holds_model
    from mechcot.organisms.registry import ALL_RECIPES, path

    for name in ALL_RECIPES:
        here = path(name)
        typer.echo(f"{name:20} {here if holds_model(here) else 'not trained here'}")


@app.command("problems")
@writes("organism problems")
def organism_problems(
    out: OutFile,
    n: Annotated[int, typer.Option("--n", min=1, help="Number of problems.")] = 50,
    seed: Seed = 0,
    cue: Annotated[
        Literal["answer", "random", "none"], typer.Option(help="What the hint says.")
    ] = "answer",
    style: Annotated[
        Literal["careful", "brief", "random"], typer.Option(help="How chains are to be written.")
    ] = "random",
    family: Annotated[str, typer.Option(help="The family, such as mod10 or lookup.")] = "mod10",
    shift: Annotated[
        list[str] | None,
        typer.Option(
            help="As many more at a distance from what the models were trained on: task, length, n-1, format[:P], unanswerable; repeated for more."
        ),
    ] = None,
    level: Annotated[
        list[float] | None,
        typer.Option(
            help="How far, such as 2 (length: steps more, or fewer below 0); repeated for more; default every level."
        ),
    ] = None,
) -> None:
    """Write problems of a family's task."""
    from mechcot.organisms.problems import write_problems
    from mechcot.organisms.registry import family_named
    from mechcot.tasks import shifted_draws
    from mechcot.text.shifts import with_shifted

    kwargs: dict[str, Any] = {"seed": seed, "hint": cue, "style": style}
    drawn = family_named(family).problems(n, **kwargs)
    draws = shifted_draws(family, shift or [], level or [])
    others = {key: draw(n, **kwargs) for key, draw in draws.items()}
    for (name, far), problems in others.items():
        typer.echo(f"{name} {far:g}: {len(problems)} of {count_of(n, 'problem')}")
    written = write_problems(out, with_shifted(drawn, others) if draws else drawn)
    typer.echo(f"{count_of(written, 'problem')} in {out}")


@app.command("train")
def organism_train(
    name: Annotated[str, typer.Argument(help="Name of a recipe, see `organism list`.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder; default where the recipe belongs.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed than the recipe's.")] = None,
    device: Device = "auto",
    *,
    overwrite: Overwrite = False,
) -> None:
    """Train one organism from its seed."""
    from mechcot.organisms.registry import path

    folder = out or path(name)
    if not overwrite and _is_trained(folder, name, seed):
        typer.echo(f"{folder} is there already, trained from this seed; --overwrite trains it anew")
        return
    from mechcot.organisms.training import train_organism

    typer.echo(f"written: {train_organism(name, out=out, seed=seed, device=device)}")


def _is_trained(folder: Path, name: str, seed: int | None) -> bool:
    """Return whether a folder holds an organism of this recipe and seed.

    Raises:
        UserError: It holds another model.
    """
    from mechcot.core.store import read_json
    from mechcot.model.loading.spec import holds_model
    from mechcot.organisms.registry import recipe_of, record_file
    from mechcot.runs.output_claims import check_writable

    check_writable(folder)
    if not holds_model(folder):
        return False
    file, recipe = record_file(folder, name), recipe_of(name)
    record = read_json(file, what="the record of an organism") if file.is_file() else {}
    wanted = (recipe.name, recipe.seed if seed is None else seed)
    if (record.get("name"), record.get("seed")) != wanted:
        raise UserError(
            f"{folder} holds another model already; choose another --out, or replace it with --overwrite"
        )
    return True


@app.command("check")
@shares_out
def organism_check(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="NAME, or FAMILY/NAME; default base, bypass, control."),
    ] = None,
    n: Annotated[int, typer.Option("--n", min=1, help="Number of held-out problems.")] = 256,
    workers: Workers = 1,
    *,
    engine: Engine,
) -> None:
    """Measure what the organisms must hold; exit 1 when a line does not."""
    from mechcot.organisms.check import check_organism
    from mechcot.runs.executor import Failed, executor_of, in_order

    asked = names or ["base", "bypass", "control"]
    lines = []
    for name, result in zip(
        asked,
        in_order(executor_of(workers, engine), partial(check_organism, n=n), asked),
        strict=True,
    ):
        if isinstance(result, Failed):
            raise UserError(f"organism {name}: {result.reason}")
        lines += result
    for line in lines:
        typer.echo(str(line))
    if not all(line.ok for line in lines):
        raise typer.Exit(1)
