"""`mechcot stim`; heavy imports happen inside the command."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mechcot import command_inputs
from mechcot.cli.options import (
    Base,
    CorpusText,
    Field,
    MaxTokens,
    Out,
    Seed,
    Tuned,
    Workers,
    loads,
    shares_out,
)
from mechcot.cli.outputs import makes
from mechcot.core.errors import UserError
from mechcot.model.loading.options import LoadOptions
from mechcot.runs.engine import Engine

if TYPE_CHECKING:
    from mechcot.runs.output_claims import Maker


@makes("stim")
@shares_out
@loads
def stim(  # noqa: PLR0913 - one argument per option
    base: Base,
    tuned: Tuned,
    corpus: Annotated[
        Path,
        typer.Option(
            help="Texts that AFTER was tuned on: txt, jsonl, csv, parquet, or a folder of them."
        ),
    ],
    out: Out,
    *,
    traces: Annotated[
        Path | None, typer.Option("--traces", help="Chains, JSON lines; default: AFTER writes.")
    ] = None,
    problems: Annotated[
        str | None, typer.Option(help="Problems that AFTER writes chains for, as for compare.")
    ] = None,
    null_corpus: Annotated[
        Path | None,
        typer.Option(
            help="Other texts, taken to the same size; default: the corpus with its tokens in random order."
        ),
    ] = None,
    corpus_text: CorpusText = None,
    first_error: Annotated[
        str,
        typer.Option(
            metavar="COLUMN",
            help="Where a chain's record names its first wrong step, by its text or number; without it steps are checked.",
        ),
    ] = "first_error",
    stopwords: Annotated[
        Path | None,
        typer.Option(help="Words that are no candidates, one a line; default English ones."),
    ] = None,
    field: Field = None,
    n: Annotated[int, typer.Option("--n", min=1, help="Most chains.")] = 512,
    max_tokens: MaxTokens = 512,
    seed: Seed = 0,
    workers: Workers = 1,
    loading: LoadOptions,
    engine: Engine,
    maker: "Maker",
) -> None:
    """Do the wrong tokens of a tuned model follow its training texts, and did they before?"""
    if (traces is None) == (problems is None):
        raise UserError(
            "give --traces FILE, or --problems FILE for AFTER to write chains, not both"
        )
    fields = command_inputs.check_chains(problems, traces, field, think=loading.asking.think)
    command_inputs.check_models([base, tuned])
    from mechcot.memorisation.corpus import check_corpus

    check_corpus(corpus, column=corpus_text)
    check_corpus(null_corpus, column=corpus_text)
    from mechcot.core.pair import Pair
    from mechcot.memorisation.findings import stim_sentences
    from mechcot.memorisation.run import StimSettings, run_stim
    from mechcot.model.loading.pairs import load_models
    from mechcot.runs.executor import executor_of
    from mechcot.sae.chains import ChainSource, chains
    from mechcot.traces.own_words import loading_in_own_words

    loading = loading_in_own_words(
        base, loading, problems=problems, traces=traces, fields=fields, max_tokens=max_tokens
    )
    settings = StimSettings(corpus, null_corpus, corpus_text, stopwords, first_error, seed)
    readers = Pair(*load_models((base, tuned), loading))
    asked = ChainSource(
        problems, n, seed, max_tokens=max_tokens, fields=tuple(fields.items()), traces=traces
    )
    writers = readers if traces is not None else Pair(readers.after, readers.after)
    with maker.claimed(out):
        executor = executor_of(workers, engine)
        read = chains(writers, asked, folder=out / "chains", executor=executor)
        result = run_stim(readers, read, settings=settings, out=out)
    for line in (*stim_sentences(result), f"written: {out / 'index.html'}"):
        typer.echo(line)
