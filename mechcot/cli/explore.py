"""Commands about a finished run. Heavy imports happen inside the commands."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from mechcot import command_inputs
from mechcot.core.errors import UserError
from mechcot.model.loading.options import LoadOptions


def explore(
    run: Annotated[Path, typer.Argument(help="Folder of a finished `mechcot compare`.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="HTML file; default RUN/explorer.html.")
    ] = None,
    item: Annotated[
        list[str] | None, typer.Option(help="Problem id to show; repeat for more. Default all.")
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(
            help="A dictionary (folder of `mechcot sae train`, or RELEASE/ID): show features along the tokens; loads the models."
        ),
    ] = None,
    feature: Annotated[
        list[int] | None,
        typer.Option(
            help="Number of a feature; repeat for more. Default one for each kind of step."
        ),
    ] = None,
    *,
    loading: LoadOptions,
) -> None:
    """Write the trace explorer of a run: one HTML file, opens offline."""
    if feature and features is None:
        raise UserError("--feature names a feature of a dictionary; give --features DIR too")
    command_inputs.check_run(run)
    if features is not None:
        command_inputs.check_dictionary(features)
    from mechcot.compare.study import EXPLORER
    from mechcot.explorer.build import explore_run

    explorer = explore_run(run, items=item, dictionary=features, features=feature, loading=loading)
    path = out or run / EXPLORER
    explorer.write(path)
    typer.echo(f"{len(explorer.data.items)} traces: {path}")


def figures(
    page: Annotated[
        Path, typer.Argument(help="A page that a command wrote, or the folder of its run.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for the files; default figures/ beside the page."),
    ] = None,
    kind: Annotated[
        Literal["pdf", "svg", "png"], typer.Option("--as", help="Needs chromium.")
    ] = "pdf",
) -> None:
    """Write every figure of a page (report, prune, influence, steer, sae, ruler) as a file for a paper."""
    from mechcot.view.screenshot import save_figures

    folder = out or (page if page.is_dir() else page.parent) / "figures"
    written = save_figures(page, folder, kind=kind)
    typer.echo(f"{len(written)} figures: {folder}")
