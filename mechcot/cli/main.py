"""The command line: parse, call, print, exit. Heavy imports happen inside the commands.

Exit codes: 0 done, 1 a check failed, 2 a mistake of the user's (one sentence says which), 130 interrupted.
"""

import errno
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mechcot import __version__, command_inputs
from mechcot.cli.check import check
from mechcot.cli.explore import explore, figures
from mechcot.cli.options import (
    Commands,
    Field,
    Out,
    Overwrite,
    Seed,
    Workers,
    loads,
    names_of,
    takes_truth,
)
from mechcot.cli.organism import app as organism
from mechcot.cli.prune import register as register_influence
from mechcot.cli.sae import app as sae
from mechcot.cli.steer import app as steer
from mechcot.cli.truth import write_truth
from mechcot.cli.tune import tune
from mechcot.cli.write import write
from mechcot.core.errors import UserError
from mechcot.model.loading.options import LoadOptions

if TYPE_CHECKING:
    from mechcot.text.user_truth_files import TruthFiles

INTERRUPTED = 130
DISK_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
UNUSABLE = {
    *(errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EISDIR),
    *(errno.EEXIST, errno.ENOENT, errno.EPERM, errno.ENAMETOOLONG),
}

app = typer.Typer(
    name="mechcot",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Does a reasoning model still use its chain of thought, before and after fine-tuning?",
)
app.add_typer(organism, name="organism")
app.add_typer(sae, name="sae")
app.add_typer(steer, name="steer")


def _print_version(value: bool) -> bool:  # noqa: FBT001 - typer's callback
    if value:
        typer.echo(f"mechcot {__version__}")
        raise typer.Exit
    return value


@app.callback()
def _options(
    version: Annotated[  # noqa: FBT002 - a command-line flag, acted on by its callback
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Does a reasoning model still use its chain of thought, before and after fine-tuning?"""


@app.command()
@loads
@takes_truth
def compare(  # noqa: PLR0913 - one argument per option
    models: Annotated[
        list[str],
        typer.Argument(
            help="BASE TUNED [MORE ...]: hub name, directory, GGUF file, organism:NAME, DIR+ADAPTER."
        ),
    ],
    out: Out,
    *,
    problems: Annotated[
        str | None,
        typer.Option(help="JSON lines {id, question, answer}, gsm8k, or a dataset name."),
    ] = None,
    traces: Annotated[
        Path | None, typer.Option(help="Chains written elsewhere (JSON lines) instead of problems.")
    ] = None,
    field: Field = None,
    n: Annotated[
        int | None,
        typer.Option("--n", help="Number of problems (default 100), or of chains (default all)."),
    ] = None,
    measures: Annotated[
        str | None,
        typer.Option(
            help="Names, comma separated, or all; default gates, early_answering, filler, suppression, step_attention, step_patching."
        ),
    ] = None,
    seed: Seed = 0,
    draws: Annotated[
        int, typer.Option(help="Continuations drawn at each place of a chain (resampling).")
    ] = 8,
    author: Annotated[
        Literal["first", "own"],
        typer.Option(
            help="first: all read the first model's chains; own: each model writes and reads its own "
            "(for different tokenizers; such numbers follow chain length)."
        ),
    ] = "first",
    prompt: Annotated[
        Literal["shared", "own"] | None,
        typer.Option(
            help="shared: the first model's rendered text for all; own: each template. "
            "Default shared, own with --author own."
        ),
    ] = None,
    chains: Annotated[
        Literal["correct", "all"],
        typer.Option(
            help="correct: judge on chains whose author answered right; all: every chain."
        ),
    ] = "correct",
    null_reader: Annotated[
        Literal["scaled", "none"],
        typer.Option(help="scaled: also read with the first model's logits x 1.5; none."),
    ] = "scaled",
    max_tokens: Annotated[
        int | None,
        typer.Option(
            help="Longest completion, in tokens; default what the first model's context leaves, at most 4096."
        ),
    ] = None,
    temperature: Annotated[float, typer.Option(help="0 is greedy.")] = 0.0,
    batch_size: Annotated[int, typer.Option(help="Completions written at a time.")] = 16,
    workers: Workers = 1,
    one_at_a_time: Annotated[
        bool, typer.Option("--one-at-a-time", help="Hold one model in memory at a time.")
    ] = False,
    overwrite: Overwrite = False,
    truth: "TruthFiles",
    loading: LoadOptions,
) -> None:
    """Compare checkpoints on the same chains and write one report."""
    fields = (
        command_inputs.check_problems(problems, field)
        if traces is None
        else command_inputs.check_traces(traces, field, think=loading.asking.think)
    )
    command_inputs.check_models(models)
    from mechcot.compare.run import run
    from mechcot.compare.study import Study

    study = Study(
        models=tuple(models),
        out=out,
        problems=problems,
        traces=traces,
        fields=tuple(fields.items()),
        n=n,
        measures=names_of(measures),
        seed=seed,
        draws=draws,
        author=author,
        prompt=prompt,
        chains=chains,
        null_reader=null_reader,
        residency="one-at-a-time" if one_at_a_time else "together",
        max_tokens=max_tokens,
        temperature=temperature,
        batch_size=batch_size,
        workers=workers,
        truth=truth,
        loading=loading,
        command=_command(),
        overwrite=overwrite,
    )
    run(study)


@app.command()
@loads
def demo(
    out: Out = Path("artifacts/demo"),
    n: Annotated[int, typer.Option("--n", help="Number of problems.")] = 64,
    seed: Seed = 0,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes side by side; default as many as cores, at most 4."),
    ] = None,
    *,
    overwrite: Overwrite = False,
    loading: LoadOptions,
) -> None:
    """Compare the shipped models: one that stopped using its chain, and one that did not."""
    from mechcot.compare.demo import run_demo

    run_demo(out=out, n=n, seed=seed, workers=workers, loading=loading, overwrite=overwrite)


@app.command()
def ruler(
    out: Out = Path("artifacts/ruler"),
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="The shipped models only, fewer chains.")
    ] = False,
    measures: Annotated[
        str | None,
        typer.Option(
            help="Names, comma separated; default all but the costly (docs/results/ruler.md)."
        ),
    ] = None,
    workers: Workers = 2,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    record: Annotated[
        bool, typer.Option("--record", help="Keep the outcome as the status of every measure.")
    ] = False,
) -> None:
    """Score every measure on models whose use of their chain is known; trains the missing ones."""
    from mechcot.measures.registry import MEASURES
    from mechcot.measures.status import record as keep
    from mechcot.ruler.panel import FULL, QUICK
    from mechcot.ruler.run import run_ruler
    from mechcot.runs.executor import executor_of
    from mechcot.runs.output_claims import claimed

    panel = QUICK if quick else FULL
    settings = {"panel": "quick" if quick else "full", "measures": measures, "seed": seed}
    names, executor = names_of(measures), executor_of(workers)
    with claimed(out, "ruler", settings, overwrite=overwrite):
        result = run_ruler(panel, out=out, seed=seed, executor=executor, measures=names)
    if record:
        status = {name: row["status"] for name, row in result["measures"].items()}
        keep(status, {name: MEASURES[name].card for name in status})


@app.command()
def cards() -> None:
    """Print the card of every measure."""
    from mechcot.core.card import card_text
    from mechcot.measures.registry import MEASURES

    typer.echo("\n\n".join(card_text(measure.card) for measure in MEASURES.values()))


@app.command()
@loads
def doctor(
    models: Annotated[
        list[str] | None, typer.Argument(help="Models to check; none: only files.")
    ] = None,
    workers: Workers = 1,
    *,
    loading: LoadOptions,
) -> None:
    """Check the installation and models, one line each; exit 1 when something is wrong."""
    from functools import partial

    from mechcot import doctor as checks
    from mechcot.runs.executor import Failed, executor_of, in_order

    lines = [*checks.installation()]
    check = partial(checks.model_lines, loading=loading)
    for result in in_order(executor_of(workers), check, models or []):
        failed = isinstance(result, Failed)
        lines += [checks.DoctorLine("load", ok=False, text=result.reason)] if failed else result
    for line in lines:
        typer.echo(str(line))
    if not all(line.ok for line in lines):
        raise typer.Exit(1)


app.command()(check)
app.command()(explore)
app.command()(write)
app.command()(write_truth)
app.command()(tune)
app.command()(figures)
register_influence(app, organism)


def _command() -> str:
    return " ".join(["mechcot", *sys.argv[1:]])


def main() -> None:
    """Run the command line and turn mistakes into one sentence and exit code 2."""
    try:
        app()
    except SystemExit as end:
        if end.code == INTERRUPTED:  # typer's word for Ctrl-C
            typer.echo("interrupted; the same command resumes", err=True)
        raise
    except UserError as error:
        _fail(str(error))
    except OSError as error:
        if error.errno in DISK_FULL and error.filename:
            _fail(f"the disk is full ({error.filename}); free some space, the same command resumes")
        if error.errno in DISK_FULL:
            with suppress(OSError):
                sys.stdout.close()  # flushes, and not a second time at the end
            _fail("what is printed does not fit where it goes; free some space and run again")
        if error.errno in UNUSABLE:
            _fail(f"cannot write or read {error.filename}: {error.strerror}; choose another folder")
        raise


def _fail(message: str) -> None:
    typer.echo(f"mechcot: {message}", err=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
