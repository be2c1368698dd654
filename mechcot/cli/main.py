"""The command line: parse, call, print, exit. Heavy imports happen inside the commands.

Exit codes: 0 done, 1 a check failed, 2 a mistake of the user's (one sentence says which), 130 interrupted.
"""

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from mechcot import __version__
from mechcot.cli.check import check
from mechcot.cli.circuit import circuit
from mechcot.cli.compare import compare
from mechcot.cli.explore import explore, figures
from mechcot.cli.hybrid import hybrid
from mechcot.cli.lab import lab
from mechcot.cli.options import (
    Commands,
    Out,
    Overwrite,
    Seed,
    Workers,
    loads,
    names_of,
    shares_out,
)
from mechcot.cli.organism import app as organism
from mechcot.cli.problems import app as problems
from mechcot.cli.prune import register as register_influence
from mechcot.cli.sae import app as sae
from mechcot.cli.softcot import app as softcot
from mechcot.cli.steer import app as steer
from mechcot.cli.stim import stim
from mechcot.cli.truth import write_truth
from mechcot.cli.tune import tune
from mechcot.cli.write import write
from mechcot.core.errors import UserError
from mechcot.core.garbage import collect_rarely
from mechcot.model.loading.options import LoadOptions
from mechcot.runs.engine import Engine

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
app.add_typer(problems, name="problems")
app.add_typer(sae, name="sae")
app.add_typer(softcot, name="softcot")
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
@shares_out
@loads
def demo(
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the run; default artifacts/demo, artifacts/demo-english."),
    ] = None,
    n: Annotated[int, typer.Option("--n", help="Number of problems.")] = 64,
    seed: Seed = 0,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes side by side; default as many as cores, at most 4."),
    ] = None,
    *,
    english: Annotated[
        bool,
        typer.Option("--english", help="A language model of 135 M parameters on word problems."),
    ] = False,
    overwrite: Overwrite = False,
    loading: LoadOptions,
    engine: Engine,
) -> None:
    """Compare the shipped models: one that stopped using its chain, and one that did not."""
    from mechcot.runs.fork_server import COMPARISON, begin_server
    from mechcot.runs.output_claims import check_writable

    out = out or Path("artifacts/demo-english" if english else "artifacts/demo")
    check_writable(out)
    begin_server(COMPARISON, workers=workers, engine=engine)
    from mechcot.compare.demo import IN_ENGLISH, IN_SYMBOLS, run_demo

    run_demo(
        IN_ENGLISH if english else IN_SYMBOLS,
        out=out,
        n=n,
        seed=seed,
        workers=workers,
        engine=engine,
        loading=loading,
        overwrite=overwrite,
    )


@app.command()
@shares_out
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
    families: Annotated[
        str | None,
        typer.Option(
            help="Score on these further families instead (lookup,reach,order,english); writes families.json."
        ),
    ] = None,
    engine: Engine,
) -> None:
    """Score every measure on models whose use of their chain is known; trains the missing ones."""
    from mechcot.measures.registry import MEASURES
    from mechcot.measures.status import record as keep
    from mechcot.ruler.families import held_on_families, run_families
    from mechcot.ruler.panel import FULL, QUICK
    from mechcot.ruler.run import run_ruler
    from mechcot.runs.executor import executor_of
    from mechcot.runs.output_claims import claimed

    panel = QUICK if quick else FULL
    settings = {"panel": families or ("quick" if quick else "full"), "seed": seed}
    names, executor = names_of(measures), executor_of(workers, engine)
    cards = {name: measure.card for name, measure in MEASURES.items()}
    if families is not None:
        with claimed(out, "ruler", settings | {"measures": measures}, overwrite=overwrite):
            result = run_families(
                names_of(families) or [], out=out, seed=seed, executor=executor, measures=names
            )
        if record:
            keep(cards, families=held_on_families(result))
        return
    with claimed(out, "ruler", settings, overwrite=overwrite):
        result = run_ruler(panel, out=out, seed=seed, executor=executor, measures=names)
    if record:
        rows = result["measures"].items()
        keep(cards, earned={n: row["status"] for n, row in rows if names is None or n in names})


@app.command()
def cards() -> None:
    """Print the card of every measure."""
    from mechcot.core.card import card_text
    from mechcot.measures.registry import MEASURES
    from mechcot.traces.validity import CHAIN_CARDS

    every = (*(measure.card for measure in MEASURES.values()), *CHAIN_CARDS.values())
    typer.echo("\n\n".join(map(card_text, every)))


@app.command()
@shares_out
@loads
def doctor(
    models: Annotated[
        list[str] | None, typer.Argument(help="Models to check; none: only files.")
    ] = None,
    workers: Workers = 1,
    *,
    loading: LoadOptions,
    engine: Engine,
) -> None:
    """Check the installation and models, one line each; exit 1 when something is wrong."""
    from functools import partial

    from mechcot import doctor as checks
    from mechcot.runs.executor import Failed, executor_of, in_order

    lines = [*checks.installation()]
    check = partial(checks.model_lines, loading=loading)
    for result in in_order(executor_of(workers, engine), check, models or []):
        failed = isinstance(result, Failed)
        lines += [checks.DoctorLine("load", ok=False, text=result.reason)] if failed else result
    for line in lines:
        typer.echo(str(line))
    if not all(line.ok for line in lines):
        raise typer.Exit(1)


app.command()(compare)
app.command()(check)
app.command()(circuit)
app.command()(explore)
app.command()(write)
app.command()(write_truth)
app.command()(tune)
app.command()(lab)
app.command()(hybrid)
app.command()(stim)
app.command()(figures)
register_influence(app, organism)


def main() -> None:
    """Run the command line and turn mistakes into one sentence and exit code 2."""
    _hide_bars_in_logs()
    collect_rarely()
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


def _hide_bars_in_logs() -> None:
    """Silence the bars of every library where nobody sees them move; read when `tqdm` is first imported, by child processes too."""
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_DISABLE", "1")


def _fail(message: str) -> None:
    typer.echo(f"mechcot: {message}", err=True)
    sys.exit(2)
