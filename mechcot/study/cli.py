"""Commands about a finished run. Heavy imports happen inside the commands."""

from pathlib import Path
from typing import Annotated

import typer


def explore(
    run: Annotated[Path, typer.Argument(help="Folder of a finished `mechcot compare`.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="HTML file; default RUN/explorer.html.")
    ] = None,
    item: Annotated[
        list[str] | None, typer.Option(help="Problem id to show; repeat for more. Default all.")
    ] = None,
) -> None:
    """Write the trace explorer of a run: one HTML file, opens offline."""
    from mechcot.study.explore import explore as opened

    found = opened(run, items=item)
    path = out or run / "explorer.html"
    found.write(path)
    typer.echo(f"{len(found.data.items)} traces: {path}")
