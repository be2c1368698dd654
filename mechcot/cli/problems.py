"""`mechcot problems`: files of problems. Heavy imports happen inside the commands."""

from pathlib import Path
from typing import Annotated

import typer

from mechcot.cli.options import CorpusText, Field, MostProblems, OutFile, Seed
from mechcot.cli.outputs import writes
from mechcot.core.wording import count_of

app = typer.Typer(no_args_is_help=True, help="Files of problems.")


@app.callback()
def _problems() -> None:
    """Files of problems."""


@app.command("shift")
@writes("problems shift")
def problems_shift(
    problems: Annotated[Path, typer.Argument(help="A file of problems.")],
    out: OutFile,
    shift: Annotated[
        list[str],
        typer.Option(
            help="format:P (noise with probability P), order, numbers (in words), or names; repeated for more."
        ),
    ],
    n: MostProblems = None,
    field: Field = None,
    seed: Seed = 0,
) -> None:
    """Write the problems, and the same ones asked otherwise; a comparison on them tells how far what was found holds."""
    from mechcot.organisms.problems import write_problems
    from mechcot.text.field_names import field_options
    from mechcot.text.problems import PROBLEM_FIELDS, load_problems
    from mechcot.text.shifts import Shift, with_shifts

    wanted = [Shift.of(text) for text in dict.fromkeys(shift)]
    fields = field_options(field or [], PROBLEM_FIELDS)
    asked = load_problems(problems, n=n, seed=seed, fields=fields)
    rows = with_shifts(asked, wanted, seed=seed)
    write_problems(out, rows)
    for one in wanted:
        made = sum(row.meta["stratum"] == one.name for row in rows)
        typer.echo(f"{one.name}: {made} of {count_of(len(asked), 'problem')} can be asked so")
    typer.echo(f"{count_of(len(rows), 'problem')} in {out}")


@app.command("novel")
@writes("problems novel")
def problems_novel(
    problems: Annotated[Path, typer.Argument(help="A file of problems.")],
    out: OutFile,
    corpus: Annotated[
        Path,
        typer.Option(help="What a model was trained on: a file or a folder of texts or records."),
    ],
    corpus_text: CorpusText = None,
    n: MostProblems = None,
    field: Field = None,
    seed: Seed = 0,
) -> None:
    """Mark each problem as novel or seen in training, by runs of eight words; a comparison then parts what is new from what is long."""
    from mechcot.memorisation.corpus import documents
    from mechcot.organisms.problems import write_problems
    from mechcot.text.field_names import field_options
    from mechcot.text.novelty import with_novelty
    from mechcot.text.problems import PROBLEM_FIELDS, load_problems

    asked = load_problems(
        problems, n=n, seed=seed, fields=field_options(field or [], PROBLEM_FIELDS)
    )
    rows = with_novelty(asked, documents(corpus, column=corpus_text))
    write_problems(out, rows)
    new = sum(bool(row.meta["novel"]) for row in rows)
    typer.echo(f"{new} of {count_of(len(rows), 'problem')} novel, {len(rows) - new} seen; {out}")
