"""`mechcot check`; heavy imports happen inside the command."""

from typing import TYPE_CHECKING, Annotated

import typer

from mechcot import command_inputs
from mechcot.cli.options import Field, Out, Seed, Workers, loads, shares_out, takes_truth
from mechcot.cli.outputs import makes
from mechcot.model.loading.options import LoadOptions
from mechcot.runs.engine import Engine
from mechcot.runs.fork_server import COMPARISON, begin_server

if TYPE_CHECKING:
    from mechcot.runs.output_claims import Maker
    from mechcot.text.user_truth_files import TruthFiles


@makes("check")
@shares_out
@loads
@takes_truth
def check(  # noqa: PLR0913 - one argument per option
    models: Annotated[
        list[str],
        typer.Argument(
            help="MODEL [MORE ...]: hub name, directory, GGUF file, organism:NAME, DIR+ADAPTER."
        ),
    ],
    *,
    problems: Annotated[
        str,
        typer.Option(help="JSON lines {id, question, answer}, a task (mod10), or a dataset name."),
    ],
    out: Out,
    field: Field = None,
    n: Annotated[int, typer.Option("--n", min=1, help="Most problems.")] = 64,
    until_decided: Annotated[
        bool,
        typer.Option(
            "--until-decided",
            help="Ask on, block by block, until the verdict is decided, by bounds that hold at any number of items; instead of --n.",
        ),
    ] = False,
    max_n: Annotated[
        int, typer.Option("--max-n", min=1, help="Most problems with --until-decided.")
    ] = 512,
    seed: Seed = 0,
    max_tokens: Annotated[
        int | None,
        typer.Option(
            help="Longest completion, in tokens; default what the context leaves, at most 4096."
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Completions written at a time.")] = 16,
    workers: Workers = 1,
    truth: "TruthFiles",
    loading: LoadOptions,
    engine: Engine,
    maker: "Maker",
) -> None:
    """Does each model use its own chain of thought? A verdict for each one alone."""
    fields = command_inputs.check_problems(problems, field)
    command_inputs.check_models(models)
    begin_server(COMPARISON, workers=workers, engine=engine)
    from mechcot.compare.check import check as run
    from mechcot.compare.settings import Study
    from mechcot.runs.executor import worker_count

    study = Study(
        models=tuple(models),
        out=out,
        problems=problems,
        fields=tuple(fields.items()),
        n=n,
        seed=seed,
        author="own",
        chains="all",
        max_tokens=max_tokens,
        batch_size=batch_size,
        until=max_n if until_decided else None,
        workers=worker_count(workers, engine),
        engine=engine,
        truth=truth,
        loading=loading,
    )
    with maker.claimed(out):
        run(study)
