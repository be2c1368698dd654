"""`mechcot lab`; heavy imports happen inside the command."""

from pathlib import Path
from typing import Annotated

import typer

from mechcot import command_inputs
from mechcot.cli.options import Overwrite, Workers, loads, shares_out
from mechcot.model.loading.options import LoadOptions
from mechcot.runs.engine import Engine


@shares_out
@loads
def lab(
    file: Annotated[Path, typer.Argument(help="A TOML file, see studies/.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder; default artifacts/studies/NAME. Resumes."),
    ] = None,
    workers: Workers = 1,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what is to be run and what it costs.")
    ] = False,
    overwrite: Overwrite = False,
    loading: LoadOptions,
    engine: Engine,
) -> None:
    """Train every arm of a study under every seed, read the checkpoints, and report."""
    from mechcot.finetune.lab.settings import read_lab

    study = read_lab(file)
    command_inputs.check_models(
        study.bases[:1]
    )  # cells of others that are not here yet are named and left
    from mechcot.finetune.lab.run import run_lab, say_cost
    from mechcot.runs.executor import executor_of
    from mechcot.runs.output_claims import claimed

    where = out or Path("artifacts/studies") / file.stem
    if dry_run:
        say_cost(study, where, loading=loading)
        return
    with claimed(where, "lab", {"file": file.name}, overwrite=overwrite):
        result = run_lab(study, where, loading=loading, executor=executor_of(workers, engine))
    if result["missing"]:
        raise typer.Exit(1)
