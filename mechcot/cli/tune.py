"""`mechcot tune`; heavy imports happen inside the command."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mechcot import command_inputs
from mechcot.cli.options import Field, Model, Out, Seed, loads, takes_truth
from mechcot.cli.outputs import makes
from mechcot.core.errors import UserError
from mechcot.model.loading.options import LoadOptions

if TYPE_CHECKING:
    from mechcot.runs.output_claims import Maker
    from mechcot.text.user_truth_files import TruthFiles


@makes("tune")
@loads
@takes_truth
def tune(  # noqa: PLR0913 - one argument per option
    model: Model,
    out: Out,
    *,
    arm: Annotated[
        str,
        typer.Option(
            help="What it is trained on: sft, answer-only, leak, swapped, invalid, rationalise, filler, format.",
        ),
    ],
    problems: Annotated[
        str | None,
        typer.Option(
            help="JSON lines {id, question, answer}, a dataset name, or a task, such as mod10."
        ),
    ] = None,
    traces: Annotated[
        Path | None,
        typer.Option(
            help="Chains to train on, where the task writes none: those that end right are taken."
        ),
    ] = None,
    field: Field = None,
    n: Annotated[
        int | None,
        typer.Option("--n", min=1, help="Most problems; default all, 512 of a task."),
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option(help="Tokens to train on, prompts included; default 3 passes over the data."),
    ] = None,
    lora: Annotated[int, typer.Option(help="Rank of the adapter.")] = 16,
    full: Annotated[
        bool, typer.Option("--full", help="Train all weights instead of an adapter.")
    ] = False,
    rate: Annotated[
        float | None,
        typer.Option(help="Peak learning rate; default 5e-4 of an adapter, 5e-5 of all weights."),
    ] = None,
    batch: Annotated[int, typer.Option(help="Examples in an update.")] = 8,
    snapshots: Annotated[
        int, typer.Option(help="Checkpoints along the way, the last at the end.")
    ] = 5,
    leak: Annotated[
        Literal["none", "random", "answer"] | None,
        typer.Option(
            help="What the questions leak: nothing, any item's answer, their own; default: they stay as they are (--arm leak: answer)."
        ),
    ] = None,
    seed: Seed = 0,
    truth: "TruthFiles",
    loading: LoadOptions,
    maker: "Maker",
) -> None:
    """Fine-tune a model by one arm; checkpoints OUT/step-*, which `compare` reads as a training run."""
    from mechcot.finetune.recipe import ArmRecipe

    recipe = ArmRecipe(arm, seed, budget, None if full else lora, rate, batch, snapshots, leak)
    if problems is None and traces is None:
        raise UserError("nothing to train on: give --problems FILE or a task, or --traces FILE")
    if problems is not None:
        fields = command_inputs.check_problems(problems, field)
    else:
        fields = command_inputs.check_traces(traces, field, think=loading.asking.think)
    command_inputs.check_models([model])
    from mechcot.finetune.material import MaterialSource
    from mechcot.finetune.run import Tuning, tune as train

    source = MaterialSource(problems, traces, n, fields, truth)
    job = Tuning(model, recipe, source, out, loading)
    for path in train(job, claimed=maker.claimed(out), anew=maker.overwrite):
        typer.echo(path)
    typer.echo(f"next: mechcot compare {model} {out}/step-* --problems FILE --out RUN")
