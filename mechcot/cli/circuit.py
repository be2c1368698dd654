"""`mechcot circuit`; heavy imports happen inside the command."""

from typing import TYPE_CHECKING, Annotated

import typer

from mechcot import command_inputs
from mechcot.cli.options import (
    ChainsFile,
    Field,
    MaxTokens,
    OneOrTwo,
    Out,
    Problems,
    Seed,
    Workers,
    loads,
    shares_out,
    takes_truth,
)
from mechcot.cli.outputs import makes
from mechcot.core.errors import UserError
from mechcot.model.loading.options import LoadOptions
from mechcot.runs.engine import Engine

if TYPE_CHECKING:
    from mechcot.runs.output_claims import Maker
    from mechcot.text.user_truth_files import TruthFiles


@makes("circuit")
@shares_out
@loads
@takes_truth
def circuit(  # noqa: PLR0913 - one argument per option
    models: OneOrTwo,
    out: Out,
    *,
    problems: Problems = None,
    traces: ChainsFile = None,
    field: Field = None,
    n: Annotated[int, typer.Option("--n", help="Number of problems, or most chains.")] = 48,
    max_tokens: MaxTokens = 512,
    patched: Annotated[
        int, typer.Option(min=1, help="Components that are patched one by one, to check the rest.")
    ] = 20,
    seed: Seed = 0,
    workers: Workers = 1,
    truth: "TruthFiles",
    loading: LoadOptions,
    engine: Engine,
    maker: "Maker",
) -> None:
    """Show which heads and MLPs carry what a step states to the answer; writes circuit.json and index.html."""
    if len(models) > 2:
        raise UserError(f"expected one model or two, got {len(models)}")
    fields = command_inputs.check_chains(problems, traces, field, think=loading.asking.think)
    command_inputs.check_models(models)
    from mechcot.circuits.result import circuit_lines
    from mechcot.circuits.run import CircuitSettings, find_circuits
    from mechcot.core.pair import Pair
    from mechcot.core.store import write_json, write_text
    from mechcot.model.loading.pairs import load_models
    from mechcot.runs.executor import executor_of
    from mechcot.runs.items import Items
    from mechcot.sae.chains import ChainSource, chains
    from mechcot.traces.own_words import loading_in_own_words
    from mechcot.view.pages.circuit import circuit_page

    loading = loading_in_own_words(
        models[0], loading, problems=problems, traces=traces, fields=fields, max_tokens=max_tokens
    )
    readers, executor = load_models(models, loading), executor_of(workers, engine)
    asked = ChainSource(
        problems,
        n,
        seed,
        max_tokens=max_tokens,
        fields=tuple(fields.items()),
        traces=traces,
        truth=truth,
    )
    with maker.claimed(out):
        authors = Pair(readers[0], readers[-1])
        read = chains(authors, asked, folder=out / "chains", executor=executor)
        result = find_circuits(
            readers,
            read,
            settings=CircuitSettings(exact=patched, seed=seed),
            items=Items(out / "items"),
            executor=executor,
        )
        write_json(out / "circuit.json", result)
        write_text(out / "index.html", circuit_page(result))
    typer.echo("\n".join([*circuit_lines(result), f"written: {out / 'index.html'}"]))
