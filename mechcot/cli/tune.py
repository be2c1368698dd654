"""`mechcot tune`; heavy imports happen inside the command."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mechcot import command_inputs
from mechcot.cli.options import Field, Model, Out, Seed, gathers, loads, takes_truth
from mechcot.cli.outputs import makes
from mechcot.core.errors import UserError
from mechcot.model.loading.options import LoadOptions

if TYPE_CHECKING:
    from mechcot.finetune.recipe import OwnTexts
    from mechcot.runs.output_claims import Maker
    from mechcot.text.user_truth_files import TruthFiles


def _own_texts(
    *,
    group: Annotated[int, typer.Option(help="Texts that it writes for a question.")] = 8,
    temperature: Annotated[float, typer.Option(help="Of these texts.")] = 1.0,
    max_tokens: Annotated[
        int | None,
        typer.Option(
            help="Longest of them, in tokens; default what the context leaves, at most 512."
        ),
    ] = None,
    rounds: Annotated[
        int, typer.Option(help="Rounds of writing and training (rejection, rlag).")
    ] = 3,
    kl: Annotated[
        float, typer.Option(help="Weight of the divergence from the base (grpo).")
    ] = 0.04,
    length_price: Annotated[
        float,
        typer.Option(
            help="Taken from the reward of a text of --max-tokens, less of a shorter one (grpo)."
        ),
    ] = 0.0,
    shuffled_rewards: Annotated[
        bool,
        typer.Option(
            "--shuffled-rewards", help="Permute the rewards of each group: a control (grpo)."
        ),
    ] = False,
) -> "OwnTexts":
    """How the model writes texts of its own, as one value."""
    from mechcot.finetune.recipe import OwnTexts

    return OwnTexts(group, temperature, max_tokens, rounds, kl, length_price, shuffled_rewards)


@makes("tune")
@loads
@takes_truth
@gathers(_own_texts, "own")
def tune(  # noqa: PLR0913 - one argument per option
    model: Model,
    out: Out,
    *,
    arm: Annotated[
        str,
        typer.Option(
            help="What it is trained on: sft, answer-only, leak, swapped, invalid, rationalise, filler, format, dpo-fault, rejection, grpo, rlsf, rlsf-gold, rlag, softcot, soft-prompt.",
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
    own_texts: Annotated[
        Path | None,
        typer.Option(
            help="Texts that MODEL wrote elsewhere, several of each question, right or not: the first round of rejection, what rlsf ranks."
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
    lora: Annotated[
        int | None, typer.Option(min=1, help="Rank of the adapter; default 16.")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Train all weights instead of an adapter.")
    ] = False,
    rate: Annotated[
        float | None,
        typer.Option(
            help="Peak learning rate; default 5e-4 of an adapter, 5e-5 of all weights, a tenth for pairs and rewards."
        ),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(help="Examples in an update; default 8, of grpo 4 groups."),
    ] = None,
    snapshots: Annotated[
        int, typer.Option(help="Checkpoints along the way, the last at the end.")
    ] = 5,
    leak: Annotated[
        Literal["none", "random", "answer"] | None,
        typer.Option(
            help="What the questions leak: nothing, any item's answer, their own; default: they stay as they are (--arm leak: answer)."
        ),
    ] = None,
    assistant: Annotated[
        str, typer.Option(help="Model that reads the question (softcot); base: the base itself.")
    ] = "base",
    soft_tokens: Annotated[
        int, typer.Option(help="Soft tokens before the chain (softcot, soft-prompt).")
    ] = 4,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it costs; nothing is trained.")
    ] = False,
    own: "OwnTexts",
    seed: Seed = 0,
    truth: "TruthFiles",
    loading: LoadOptions,
    maker: "Maker",
) -> None:
    """Fine-tune a model by one arm; checkpoints OUT/step-*, which `compare` reads as a training run."""
    from mechcot.finetune.recipe import ArmRecipe, SoftRecipe

    examples = batch or (4 * own.group if arm == "grpo" else 8)
    if full and lora is not None:
        raise UserError("--full trains all weights and --lora an adapter; leave one of the two out")
    rank = None if full else lora or 16
    recipe = ArmRecipe(arm, seed, budget, rank, rate, examples, snapshots, leak, own)
    if problems is None and traces is None and own_texts is None:
        raise UserError("nothing to train on: give --problems FILE or a task, or --traces FILE")
    if problems is not None:
        fields = command_inputs.check_problems(problems, field)
    else:
        fields = command_inputs.check_traces(traces or own_texts, field, think=loading.asking.think)
    command_inputs.check_models([model, *([] if assistant == "base" else [assistant])])
    from mechcot.compare.command_line import loading_options
    from mechcot.finetune.arm import arm_named
    from mechcot.finetune.material import MaterialSource
    from mechcot.finetune.run import Tuning, cost, tune as train
    from mechcot.traces.own_words import LONGEST_TEXT, loading_in_own_words

    source = MaterialSource(problems, traces, n, fields, truth, own_texts=own_texts)
    soft = SoftRecipe(assistant, soft_tokens)
    arm_named(arm).check_read(own, soft)
    loading = loading_in_own_words(
        model,
        loading,
        problems=problems,
        traces=None if problems is not None else traces or own_texts,
        fields=fields,
        max_tokens=own.max_tokens or LONGEST_TEXT,
    )
    job = Tuning(model, recipe, source, out, loading, soft=soft)
    if dry_run:
        typer.echo(cost(job))
        return
    for path in train(job, claimed=maker.claimed(out), anew=maker.overwrite):
        typer.echo(path)
    columns = [part for text in field or [] if problems for part in ("--field", text)]
    words = ["--problems", "FILE", *columns, "--out", "RUN", *loading_options(loading)]
    models = f"{shlex.quote(model)} {shlex.quote(str(out))}/step-*"  # the shell finds the steps
    typer.echo(f"next: mechcot compare {models} {shlex.join(words)}")
