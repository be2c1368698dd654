"""`mechcot compare`; heavy imports happen inside the command."""

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mechcot import command_inputs
from mechcot.cli.options import (
    Field,
    Out,
    Overwrite,
    Seed,
    Workers,
    gathers,
    loads,
    names_of,
    shares_out,
    takes_truth,
)
from mechcot.core.errors import UserError
from mechcot.model.loading.options import LoadOptions
from mechcot.runs.engine import Engine
from mechcot.runs.fork_server import COMPARISON, begin_server

if TYPE_CHECKING:
    from mechcot.text.user_truth_files import TruthFiles


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Options of `mechcot compare` that are settings of a `mechcot.compare.settings.Study`, by its names."""

    problems: Annotated[
        str | None,
        typer.Option(help="JSON lines {id, question, answer}, a task (mod10), or a dataset name."),
    ] = None
    traces: Annotated[
        Path | None, typer.Option(help="Chains written elsewhere (JSON lines) instead of problems.")
    ] = None
    n: Annotated[
        int | None,
        typer.Option("--n", help="Number of problems (default 100), or of chains (default all)."),
    ] = None
    seed: Seed = 0
    draws: Annotated[
        int, typer.Option(help="Continuations drawn at each place of a chain (resampling).")
    ] = 8
    author: Annotated[
        Literal["first", "own"],
        typer.Option(
            help="first: all read the first model's chains; own: each model writes and reads its own "
            "(for different tokenizers; such numbers follow chain length)."
        ),
    ] = "first"
    prompt: Annotated[
        Literal["shared", "own"] | None,
        typer.Option(
            help="shared: the first model's rendered text for all; own: each template. "
            "Default shared, own with --author own."
        ),
    ] = None
    chains: Annotated[
        Literal["correct", "all"],
        typer.Option(
            help="correct: judge on chains whose author answered right; all: every chain."
        ),
    ] = "correct"
    null_reader: Annotated[
        Literal["scaled", "none"],
        typer.Option(help="scaled: also read with the first model's logits x 1.5; none."),
    ] = "scaled"
    own_chains: Annotated[
        Literal["read", "skip"],
        typer.Option(
            help="read: the tuned models' own chains too, with the cheap measures; skip: only exchange them."
        ),
    ] = "read"
    max_tokens: Annotated[
        int | None,
        typer.Option(
            help="Longest completion, in tokens; default what the first model's context leaves, at most 4096."
        ),
    ] = None
    temperature: Annotated[float, typer.Option(help="0 is greedy.")] = 0.0
    batch_size: Annotated[int, typer.Option(help="Completions written at a time.")] = 16
    samples: Annotated[
        int | None,
        typer.Option(
            metavar="K",
            help="Calibration by agreement, too: K further texts of each model about each question, drawn at temperature 1 (or --temperature). Costs K writings.",
        ),
    ] = None
    workers: Workers = 1
    overwrite: Overwrite = False


def _address(text: str) -> tuple[str, str]:
    model, sign, rest = text.partition("=http")
    if not (model and sign):
        raise UserError(
            f"--served {text}: expected MODEL=URL, such as ./tuned=http://localhost:8000/v1"
        )
    return model, f"http{rest}"


@shares_out
@loads
@takes_truth
@gathers(Settings, "settings")
def compare(
    models: Annotated[
        list[str],
        typer.Argument(
            help="BASE TUNED [MORE ...]: hub name, directory, GGUF file, organism:NAME, DIR+ADAPTER."
        ),
    ],
    out: Out,
    *,
    settings: Settings,
    field: Field = None,
    measures: Annotated[
        str | None,
        typer.Option(
            help="Names, comma separated, or all; NAME:N takes one on N chains only; default gates, early_answering, filler, suppression, step_attention, step_patching."
        ),
    ] = None,
    served: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL=URL",
            help="A server (OpenAI-compatible) that draws the continuations of MODEL, as typed above, for resampling; once for each.",
        ),
    ] = None,
    one_at_a_time: Annotated[
        bool, typer.Option("--one-at-a-time", help="Hold one model in memory at a time.")
    ] = False,
    truth: "TruthFiles",
    loading: LoadOptions,
    engine: Engine,
) -> None:
    """Compare checkpoints on the same chains and write one report."""
    fields = (
        command_inputs.check_problems(settings.problems, field)
        if settings.traces is None
        else command_inputs.check_traces(settings.traces, field, think=loading.asking.think)
    )
    command_inputs.check_models(models)
    begin_server(COMPARISON, workers=settings.workers, engine=engine)
    from mechcot.compare.run import run
    from mechcot.compare.settings import Study
    from mechcot.runs.executor import worker_count
    from mechcot.traces.own_words import loading_in_own_words

    if settings.traces is not None:  # else the texts of the run itself show them
        loading = loading_in_own_words(models[0], loading, traces=settings.traces, fields=fields)
    study = Study(
        models=tuple(models),
        out=out,
        fields=tuple(fields.items()),
        measures=names_of(measures),
        served=tuple(map(_address, served or ())),
        residency="one-at-a-time" if one_at_a_time else "together",
        truth=truth,
        loading=loading,
        command=" ".join(["mechcot", *sys.argv[1:]]),
        **asdict(settings) | {"workers": worker_count(settings.workers, engine), "engine": engine},
    )
    run(study)
