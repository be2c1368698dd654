"""`mechcot softcot`: soft tokens before the chain. Heavy imports happen inside the commands."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mechcot import command_inputs
from mechcot.cli.options import Field, MaxTokens, Out, Seed, loads
from mechcot.cli.outputs import makes
from mechcot.model.loading.options import LoadOptions

if TYPE_CHECKING:
    from mechcot.runs.output_claims import Maker

app = typer.Typer(no_args_is_help=True, help="Soft tokens before the chain of a frozen model.")


@app.callback()
def _softcot() -> None:
    """Soft tokens before the chain of a frozen model."""


@app.command("eval")
@makes("softcot eval")
@loads
def softcot_eval(  # noqa: PLR0913 - one argument per option
    model: Annotated[str, typer.Argument(help="A checkpoint of `mechcot tune --arm softcot`.")],
    *,
    problems: Annotated[str, typer.Option(help="Problems, as for compare.")],
    out: Out,
    against: Annotated[
        list[str] | None,
        typer.Option(
            help="What it is held against: a checkpoint of soft-prompt (decisive), of sft; repeated for more."
        ),
    ] = None,
    others: Annotated[
        Path | None, typer.Option(help="Other problems, on which forgetting shows.")
    ] = None,
    field: Field = None,
    n: Annotated[int, typer.Option("--n", min=2, help="Most problems.")] = 64,
    max_tokens: MaxTokens = 512,
    temperature: Annotated[float, typer.Option(help="Of the texts; 0 is greedy.")] = 0.0,
    seed: Seed = 0,
    loading: LoadOptions,
    maker: "Maker",
) -> None:
    """What do soft tokens do, against every control, and what do they carry past the written chain?"""
    fields = command_inputs.check_problems(problems, field)
    other_fields = None if others is None else command_inputs.check_problems(str(others), field)
    command_inputs.check_models([model, *(against or [])])
    from mechcot import tasks
    from mechcot.finetune.soft_conditions import SoftSettings
    from mechcot.finetune.soft_eval import open_beside, soft_eval

    asked = tasks.problems(problems, n=n, seed=seed, fields=fields)
    other = [] if others is None else tasks.problems(others, n=n, seed=seed, fields=other_fields)
    with maker.claimed(out):
        models = open_beside(model, against or [], loading)
        settings = SoftSettings(max_tokens, temperature, seed)
        result = soft_eval(models, asked, settings=settings, out=out, others=other, source=problems)
    typer.echo("\n".join([*result["sentences"], f"report: {out / 'report.html'}"]))
