"""Commands of this package; heavy imports happen inside them."""

from pathlib import Path
from typing import Annotated

import typer

from mechcot import argument_checks
from mechcot.core.errors import UserError
from mechcot.model.asking import Asking, asks

Traces = Annotated[Path, typer.Option("--traces", help="Traces or foreign chains, JSON lines.")]
_Out = Annotated[Path, typer.Option("--out", help="Folder of the run; a second run resumes it.")]
_Items = Annotated[int | None, typer.Option("--n", help="Most traces; default all.")]
_Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N")]
_Dtype = Annotated[str, typer.Option(help="auto, float32, bfloat16")]
_Seed = Annotated[int, typer.Option(help="Seed of random orders and resampling.")]


def register(app: typer.Typer, organism: typer.Typer) -> None:
    """Add the commands."""
    app.command()(asks(prune))
    app.command()(asks(influence))
    app.command("prune-online")(asks(prune_online))
    app.command("import")(import_)
    organism.command("chains")(organism_chains)


def prune(  # noqa: PLR0913 - one argument per option
    model: Annotated[str, typer.Argument(help="Hub name, directory, organism:NAME, DIR+ADAPTER.")],
    traces: Traces,
    out: _Out,
    keep: Annotated[
        float, typer.Option(help="Share of the chain that the written traces keep.")
    ] = 0.3,
    by: Annotated[
        str,
        typer.Option(
            help="Critical set by suppression, attention (cheaper, less exact) or deletion; default: the first of them that the model allows."
        ),
    ] = "",
    field: argument_checks.Field = None,
    n: _Items = None,
    seed: _Seed = 0,
    device: _Device = "auto",
    dtype: _Dtype = "auto",
    *,
    asking: Asking,
) -> None:
    """Drop the steps that the answer does not rest on, beside baselines at equal budgets."""
    fields = argument_checks.check_traces(traces, field, think=asking.think)
    argument_checks.check_models([model])
    from mechcot.model.reasoner import Reasoner
    from mechcot.pruning.run import PruneSettings, run
    from mechcot.traces.load import load_traces

    settings = PruneSettings(keep=keep, by=by, seed=seed)
    reader = Reasoner.load(model, device=device, dtype=dtype, asking=asking)
    run(reader, load_traces(traces, reader, n=n, fields=fields), settings=settings, out=out)
    typer.echo(f"written: {out / 'index.html'}, {out / 'pruned.jsonl'}")


def influence(
    models: Annotated[list[str], typer.Argument(help="One model, or two: before and after.")],
    traces: Traces,
    out: _Out,
    field: argument_checks.Field = None,
    n: _Items = None,
    seed: _Seed = 0,
    device: _Device = "auto",
    dtype: _Dtype = "auto",
    *,
    asking: Asking,
) -> None:
    """Show who listens to which step, by kind, corrected for distance and length."""
    if len(models) > 2:
        raise UserError(f"expected one model or two, got {len(models)}")
    fields = argument_checks.check_traces(traces, field, think=asking.think)
    argument_checks.check_models(models)
    from mechcot.influence.run import run
    from mechcot.model.reasoner import Reasoner
    from mechcot.traces.load import load_traces

    first = Reasoner.load(models[0], device=device, dtype=dtype, asking=asking)
    readers = [first]
    if len(models) == 2:
        policy = first.policy.shared()
        readers.append(Reasoner.load(models[1], device=device, dtype=dtype, policy=policy))
    if len({reader.name for reader in readers}) < len(readers):
        raise UserError(f"expected two models of different names, got {first.name} twice")
    run(readers, load_traces(traces, first, n=n, fields=fields), out=out, seed=seed)
    typer.echo(f"written: {out / 'index.html'}")


def prune_online(  # noqa: PLR0913 - one argument per option
    model: Annotated[str, typer.Argument(help="Hub name, directory, organism:NAME, DIR+ADAPTER.")],
    source: Annotated[str, typer.Option("--problems", help="Problems, as for compare.")],
    out: _Out,
    keep: Annotated[
        list[float] | None,
        typer.Option(
            help="Share of the chain's tokens that may stay; repeat for more. Default 0.5."
        ),
    ] = None,
    field: argument_checks.Field = None,
    every: Annotated[int, typer.Option(help="Finished steps between two prunings.")] = 2,
    n: Annotated[int | None, typer.Option("--n", min=1, help="Most problems; default all.")] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Most new tokens.")] = 512,
    seed: _Seed = 0,
    device: _Device = "auto",
    dtype: _Dtype = "auto",
    *,
    asking: Asking,
) -> None:
    """Prune while writing: drop steps from the key/value cache; accuracy, tokens a second, memory."""
    fields = argument_checks.check_problems(source, field)
    argument_checks.check_models([model])
    from mechcot.model.reasoner import Reasoner
    from mechcot.pruning.online_run import run_online, told, ways_of
    from mechcot.text.problems import load_problems

    ways = ways_of(keep or [0.5], every=every, max_tokens=max_tokens, seed=seed)
    reader = Reasoner.load(model, device=device, dtype=dtype, asking=asking)
    result = run_online(
        reader, load_problems(source, fields=fields)[:n], ways=ways, out=out, seed=seed
    )
    typer.echo("\n".join(told(result)))
    typer.echo(f"written: {out / 'online.json'}")


def import_(
    file: Annotated[
        Path,
        typer.Argument(help="Chains written elsewhere: a file, or a folder of Thought Anchors."),
    ],
    out: Annotated[Path, typer.Option("--out", help="File to write (JSON lines).")],
    kind: Annotated[
        str | None,
        typer.Option("--format", help="One of the formats below; default: what the file shows."),
    ] = None,
    field: argument_checks.Field = None,
    problems: Annotated[
        str | None,
        typer.Option(help="Questions and answers, joined by id (or by the question's text)."),
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
    from mechcot.text.columns import field_options
    from mechcot.text.problems import load_problems
    from mechcot.text.think_tags import ThoughtTags
    from mechcot.traces.formats import import_traces

    found = import_traces(
        file,
        out,
        kind=kind,
        fields=field_options(field or []),
        problems=None if problems is None else load_problems(problems),
        tags=None if think is None else ThoughtTags(*think),
    )
    if found.left_out:
        typer.echo(found.told(), err=True)
    typer.echo(f"{len(found.chains)} traces in {out}")


def organism_chains(
    out: Annotated[Path, typer.Option("--out", help="File to write (JSON lines).")],
    n: Annotated[int, typer.Option("--n", help="Number of chains.")] = 50,
    spares: Annotated[int, typer.Option(help="Unused names computed in each chain.")] = 1,
    seed: _Seed = 0,
) -> None:
    """Write chains of the organisms' task with steps that nothing needs."""
    from mechcot.organisms.unused_steps import write_unused

    typer.echo(f"{write_unused(out, n=n, spares=spares, seed=seed)} chains in {out}")
