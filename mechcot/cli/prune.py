"""Commands of this package; heavy imports happen inside them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mechcot import command_inputs
from mechcot.cli.options import (
    Field,
    MaxTokens,
    Model,
    MostProblems,
    OneOrTwo,
    Out,
    OutFile,
    Overwrite,
    Seed,
    Source,
    Traces,
    Workers,
    loads,
    shares_out,
    takes_truth,
)
from mechcot.cli.outputs import writes
from mechcot.core.errors import UserError
from mechcot.core.wording import count_of, traces_of
from mechcot.model.loading.options import LoadOptions
from mechcot.runs.engine import Engine

if TYPE_CHECKING:
    from mechcot.text.user_truth_files import TruthFiles

_Items = Annotated[int | None, typer.Option("--n", help="Most traces; default all.")]


def register(app: typer.Typer, organism: typer.Typer) -> None:
    """Add the commands."""
    app.command()(shares_out(loads(takes_truth(prune))))
    app.command()(shares_out(loads(takes_truth(influence))))
    app.command("prune-online")(shares_out(loads(prune_online)))
    app.command("import")(import_)
    organism.command("chains")(organism_chains)


def prune(  # noqa: PLR0913 - one argument per option
    model: Model,
    traces: Traces,
    out: Out,
    keep: Annotated[
        float, typer.Option(help="Share of the chain that the written traces keep.")
    ] = 0.3,
    by: Annotated[
        Literal["suppression", "attention", "deletion"] | None,
        typer.Option(
            help="What finds the critical set (attention is cheaper, less exact); default: the first that the model allows."
        ),
    ] = None,
    field: Field = None,
    n: _Items = None,
    seed: Seed = 0,
    workers: Workers = 1,
    *,
    overwrite: Overwrite = False,
    truth: "TruthFiles",
    loading: LoadOptions,
    engine: Engine,
) -> None:
    """Drop the steps that the answer does not rest on, beside baselines at equal budgets."""
    fields = command_inputs.check_traces(traces, field, think=loading.asking.think)
    command_inputs.check_models([model])
    from mechcot.model.loading.pairs import load_models
    from mechcot.pruning.run import PruneSettings, run_pruning, whole_chain_line
    from mechcot.runs.executor import executor_of
    from mechcot.traces.load import load_traces
    from mechcot.traces.own_words import loading_in_own_words

    settings = PruneSettings(keep=keep, by=by or "", seed=seed)
    loading = loading_in_own_words(model, loading, traces=traces, fields=fields)
    (reader,) = load_models([model], loading)
    chains = load_traces(traces, reader, n=n, fields=fields, truth=truth)
    executor = executor_of(workers, engine)
    result = run_pruning(
        reader, chains, settings=settings, out=out, executor=executor, overwrite=overwrite
    )
    typer.echo(whole_chain_line(result))
    typer.echo(f"written: {out / 'index.html'}, {out / 'pruned.jsonl'}")


def influence(  # noqa: PLR0913 - one argument per option
    models: OneOrTwo,
    traces: Traces,
    out: Out,
    field: Field = None,
    n: _Items = None,
    seed: Seed = 0,
    workers: Workers = 1,
    *,
    overwrite: Overwrite = False,
    truth: "TruthFiles",
    loading: LoadOptions,
    engine: Engine,
) -> None:
    """Show who listens to which step, by kind, corrected for distance and length."""
    if len(models) > 2:
        raise UserError(f"expected one model or two, got {len(models)}")
    fields = command_inputs.check_traces(traces, field, think=loading.asking.think)
    command_inputs.check_models(models)
    from mechcot.influence.run import run_influence
    from mechcot.model.loading.pairs import load_models
    from mechcot.runs.executor import executor_of
    from mechcot.traces.load import load_traces
    from mechcot.traces.own_words import loading_in_own_words

    loading = loading_in_own_words(models[0], loading, traces=traces, fields=fields)
    readers = load_models(models, loading)
    chains = load_traces(traces, readers[0], n=n, fields=fields, truth=truth)
    executor = executor_of(workers, engine)
    run_influence(readers, chains, out=out, seed=seed, executor=executor, overwrite=overwrite)
    typer.echo(f"written: {out / 'index.html'}")


def prune_online(  # noqa: PLR0913 - one argument per option
    model: Model,
    source: Source,
    out: Out,
    keep: Annotated[
        list[float] | None,
        typer.Option(
            help="Share of the chain's tokens that may stay; repeat for more. Default 0.5."
        ),
    ] = None,
    field: Field = None,
    every: Annotated[int, typer.Option(help="Finished steps between two prunings.")] = 2,
    n: MostProblems = None,
    max_tokens: MaxTokens = 512,
    seed: Seed = 0,
    workers: Workers = 1,
    *,
    overwrite: Overwrite = False,
    loading: LoadOptions,
    engine: Engine,
) -> None:
    """Prune while writing: drop steps from the key/value cache; accuracy, tokens a second, memory."""
    fields = command_inputs.check_problems(source, field)
    command_inputs.check_models([model])
    from mechcot import tasks
    from mechcot.model.loading.pairs import load_models
    from mechcot.pruning.online_run import run_online, told, ways_of
    from mechcot.runs.executor import executor_of
    from mechcot.traces.own_words import loading_in_own_words

    ways = ways_of(keep or [0.5], every=every, max_tokens=max_tokens, seed=seed)
    loading = loading_in_own_words(
        model, loading, problems=source, fields=fields, max_tokens=max_tokens
    )
    (reader,) = load_models([model], loading)
    problems = tasks.at_least(source, n, fields)[:n]
    result = run_online(
        reader,
        problems,
        ways=ways,
        out=out,
        seed=seed,
        executor=executor_of(workers, engine),
        overwrite=overwrite,
    )
    typer.echo("\n".join(told(result)))
    typer.echo(f"written: {out / 'online.json'}")


@writes("import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(help="Chains written elsewhere: a file, or a folder of Thought Anchors."),
    ],
    out: OutFile,
    kind: Annotated[
        str | None,
        typer.Option("--format", help="One of the formats below; default: what the file shows."),
    ] = None,
    field: Field = None,
    problems: Annotated[
        str | None,
        typer.Option(
            help="Questions and answers, joined by id where the record asks nothing else (or by the question's text)."
        ),
    ] = None,
    think: Annotated[
        tuple[str, str] | None,
        typer.Option(
            help="OPEN CLOSE: the marks of the thought; default: those that each text shows."
        ),
    ] = None,
) -> None:
    """Turn chains written elsewhere into the lines that --traces reads.

    Formats: jsonl (also a JSON array), lm-eval (samples_*.jsonl), inspect (.json and .eval logs, samples), responses (OpenAI, vLLM,
    Anthropic, Gemini, Bedrock, Ollama; one a line or a batch's output), chat (messages, ShareGPT), thought-anchors (lines or folders),
    parquet, csv, text (question, blank line, chain, `answer: ...`; texts apart by `---`).

    --field can name question, answer (the reference), chain, answer_text, id, sample, author, prompt; dotted paths are allowed.
    Fields that are found by name: question, problem, query, prompt; answer, ground_truth, expected_answer, gold, target; chain,
    reasoning, reasoning_content, thinking, cot, completion, generations, model_output, response, messages, solution; answer_text; id, sample, model.
    """
    from mechcot.text.field_names import field_options
    from mechcot.text.problems import load_problems
    from mechcot.text.think_tags import ThoughtTags
    from mechcot.traces.formats import import_traces

    found = import_traces(
        file,
        out,
        kind=kind,
        fields=field_options(field or []),
        problems=None if problems is None else load_problems(problems, taken=False),
        tags=None if think is None else ThoughtTags(*think),
    )
    if found.left_out:
        typer.echo(found.notice(), err=True)
    asked = len({chain.problem.id for chain in found.chains})
    typer.echo(f"{traces_of(len(found.chains), asked)} in {out}")


@writes("organism chains")
def organism_chains(
    out: OutFile,
    n: Annotated[int, typer.Option("--n", help="Number of chains.")] = 50,
    spares: Annotated[int, typer.Option(help="Unused names computed in each chain.")] = 1,
    seed: Seed = 0,
) -> None:
    """Write chains of the organisms' task with steps that nothing needs."""
    from mechcot.organisms.unused_steps import write_unused

    typer.echo(f"{count_of(write_unused(out, n=n, spares=spares, seed=seed), 'chain')} in {out}")
