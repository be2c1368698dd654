"""`mechcot write-truth`; heavy imports happen inside the command."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mechcot import command_inputs
from mechcot.cli.options import Field, MaxTokens, Model, OutFile, Seed, Traces, loads
from mechcot.cli.outputs import makes
from mechcot.model.loading.options import LoadOptions

if TYPE_CHECKING:
    from mechcot.runs.output_claims import Maker


@makes("write-truth")
@loads
def write_truth(  # noqa: PLR0913 - one argument per option
    model: Model,
    traces: Traces,
    out: OutFile,
    *,
    sort: Annotated[
        Literal["counterfactuals", "paraphrases", "mistakes"],
        typer.Option(help="What is written; the file is for the option of that name."),
    ] = "counterfactuals",
    fits: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="The model whose tokens a twin must line up in; default: the one that writes.",
        ),
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Print the prompt for the first chain and write nothing.")
    ] = False,
    tries: Annotated[int, typer.Option(min=1, help="Most replies asked for about a chain.")] = 3,
    field: Field = None,
    n: Annotated[int | None, typer.Option("--n", min=1, help="Most chains; default all.")] = None,
    max_tokens: MaxTokens = 1024,
    seed: Seed = 0,
    loading: LoadOptions,
    maker: "Maker",
) -> None:
    """Let a model of yours write twins, rewordings or mistakes of chains, and check what it wrote."""
    fields = command_inputs.check_traces(traces, field, think=loading.asking.think)
    command_inputs.check_models([model, *([fits] if fits else [])])
    if not show and maker.made(out):
        typer.echo(
            f"{out} is there already, made by this command with these settings; --overwrite makes it anew"
        )
        return
    from mechcot.model.reasoner import Reasoner
    from mechcot.traces import variants_by_model
    from mechcot.traces.load import load_traces

    reader = Reasoner.open(fits or model, loading)
    chains = load_traces(traces, reader, n=n, fields=fields)
    if show:
        typer.echo(variants_by_model.prompt_of(sort, chains[0]))
        return
    writer = reader if fits in (None, model) else Reasoner.open(model, loading)
    ask = variants_by_model.asker(writer, max_tokens=max_tokens, seed=seed)
    written = variants_by_model.write_truth(sort, ask, reader, chains, tries=tries)
    written.save(out)
    maker.note(out)
    typer.echo("\n".join((*written.lines, f"written: {out}")))
