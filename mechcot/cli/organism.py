"""Commands about the organisms. Heavy imports happen inside the commands."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from mechcot.cli.options import Device, OutFile, Seed

app = typer.Typer(no_args_is_help=True, help="Small models whose use of the chain is known.")


@app.command("list")
def organism_list() -> None:
    """List the recipes and which of them are here."""
    from mechcot.organisms.registry import RECIPES, path

    for name in RECIPES:
        here = path(name)
        typer.echo(f"{name:12} {here if (here / 'config.json').is_file() else 'not trained here'}")


@app.command("problems")
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
) -> None:
    """Write problems of the organisms' task."""
    from mechcot.organisms.problems import write_problems

    written = write_problems(out, n=n, seed=seed, hint=cue, style=style)
    typer.echo(f"{written} problems in {out}")


@app.command("train")
def organism_train(
    name: Annotated[str, typer.Argument(help="Name of a recipe, see `organism list`.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder; default where the recipe belongs.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed than the recipe's.")] = None,
    device: Device = "auto",
) -> None:
    """Train one organism from its seed."""
    from mechcot.organisms.training import train_organism

    typer.echo(f"written: {train_organism(name, out=out, seed=seed, device=device)}")


@app.command("check")
def organism_check(
    names: Annotated[
        list[str] | None, typer.Argument(help="Names; default the shipped ones.")
    ] = None,
) -> None:
    """Measure what the organisms must hold; exit 1 when a line does not."""
    from mechcot.organisms.check import check_organism

    lines = [
        line for name in names or ["base", "bypass", "control"] for line in check_organism(name)
    ]
    for line in lines:
        typer.echo(str(line))
    if not all(line.ok for line in lines):
        raise typer.Exit(1)
