"""Commands about a finished run. Heavy imports happen inside the commands."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from mechcot import command_inputs
from mechcot.cli.options import loads
from mechcot.cli.outputs import writes
from mechcot.core.errors import UserError
from mechcot.core.wording import count_of
from mechcot.model.loading.options import LoadOptions


def _explorer(given: Mapping[str, Any]) -> Path:
    return given["out"] or given["run"] / "explorer.html"


def _page(place: Path) -> Path:
    """The page in the folder of a run; a page itself."""
    from mechcot.view.screenshot import PAGES

    pages = [place / name for name in PAGES if (place / name).is_file()]
    return pages[0] if pages else place


def _first_figure(given: Mapping[str, Any]) -> Path:
    return _figures(given["page"], given["out"]) / f"figure-1.{given['kind']}"


def _figures(page: Path, out: Path | None) -> Path:
    return out or (page if page.is_dir() else page.parent) / "figures"


@writes("explore", _explorer, of={"run": lambda run: run / "summary.json"})
@loads
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
    from mechcot.explorer.build import explore_run

    explorer = explore_run(run, items=item, dictionary=features, features=feature, loading=loading)
    path = _explorer({"run": run, "out": out})
    explorer.write(path)
    typer.echo(f"{count_of(len(explorer.data.items), 'trace')}: {path}")


@writes("figures", _first_figure, of={"page": _page})
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

    folder = _figures(page, out)
    written = save_figures(page, folder, kind=kind)
    typer.echo(f"{count_of(len(written), 'figure')}: {folder}")
