"""`mechcot hybrid`. Heavy imports happen inside the command."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mechcot import command_inputs
from mechcot.cli.options import (
    Base,
    Field,
    MaxTokens,
    Out,
    Seed,
    Source,
    Workers,
    loads,
    names_of,
    numbers_of,
    shares_out,
)
from mechcot.cli.outputs import makes
from mechcot.model.loading.options import LoadOptions
from mechcot.runs.engine import Engine

if TYPE_CHECKING:
    from mechcot.runs.output_claims import Maker


@makes("hybrid")
@shares_out
@loads
def hybrid(  # noqa: PLR0913 - one argument per option
    base: Base,
    tuned: Annotated[
        list[str], typer.Argument(help="Models after it; with several, one report of all.")
    ],
    source: Source,
    out: Out,
    *,
    give: Annotated[
        Literal["vectors", "tokens"],
        typer.Option(help="vectors: with the tuned model's tokens as the ceiling."),
    ] = "vectors",
    budget: Annotated[
        str, typer.Option(help="Largest shares of the positions, comma separated.")
    ] = ".05,.1,.2",
    categories: Annotated[
        int, typer.Option(help="How many vectors, of which the right one is told.")
    ] = 4,
    site: Annotated[
        str | None,
        typer.Option(help="Where vectors are added, comma separated; default: the best block."),
    ] = None,
    fit: Annotated[
        int, typer.Option(help="Other problems, that vectors and thresholds are made from.")
    ] = 24,
    field: Field = None,
    n: Annotated[int, typer.Option("--n", min=2, help="Number of problems that are asked.")] = 64,
    max_tokens: MaxTokens = 320,
    seed: Seed = 0,
    workers: Workers = 1,
    loading: LoadOptions,
    engine: Engine,
    maker: "Maker",
) -> None:
    """Let the base write and give it the tuned model's token, or a vector, where the two disagree: a mechanism, or its trigger?"""
    fields = command_inputs.check_problems(source, field)
    command_inputs.check_models([base, *tuned])
    from mechcot import tasks
    from mechcot.core.pair import Pair
    from mechcot.finetune.training_record import trained_how
    from mechcot.hybrid.arms import arms_lines, run_arms
    from mechcot.hybrid.run import hybrid_lines, run_hybrid
    from mechcot.hybrid.settings import HybridSettings
    from mechcot.model.loading.pairs import load_models
    from mechcot.runs.executor import executor_of
    from mechcot.traces.own_words import loading_in_own_words

    settings = HybridSettings(
        give=give,
        budgets=numbers_of(
            budget,
            expected="--budget: expected shares of the positions from 0 to 1, such as .05,.1,.2",
        ),
        categories=categories,
        sites=names_of(site) or (),
        fit=fit,
        max_tokens=max_tokens,
        seed=seed,
    )
    problems = tasks.at_least(source, n + fit, fields)
    loading = loading_in_own_words(
        base, loading, problems=source, fields=fields, max_tokens=max_tokens
    )
    kwargs: dict[str, Any] = {"n": n, "settings": settings, "out": out}
    kwargs["executor"] = executor_of(workers, engine)
    if len(tuned) > 1:
        with maker.claimed(out):
            lines = arms_lines(
                run_arms(base, tuned, problems, trained=trained_how, loading=loading, **kwargs)
            )
    else:
        models = Pair(*load_models([base, *tuned], loading))
        lines = hybrid_lines(run_hybrid(models, problems, overwrite=maker.overwrite, **kwargs))
    typer.echo("\n".join([*lines, f"written: {out / 'report.html'}"]))
