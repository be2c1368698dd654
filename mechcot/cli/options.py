"""Options that several commands have, each declared once, and `loads`: those of every command that loads a model."""

import functools
import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from mechcot.core.errors import UserError
from mechcot.model.asking_options import Asking
from mechcot.model.loading.options import LoadOptions
from mechcot.runs.engine import Engine

Model = Annotated[
    str, typer.Argument(help="Hub name, directory, GGUF file, organism:NAME, DIR+ADAPTER.")
]
Base = Annotated[str, typer.Argument(help="The model before fine-tuning.")]
Tuned = Annotated[str, typer.Argument(help="The model after it.")]


def _folder(out: Path) -> Path:
    from mechcot.runs.output_claims import check_writable

    check_writable(out)
    return out


def _file(out: Path) -> Path:
    return _folder(out.parent) / out.name


Out = Annotated[
    Path,
    typer.Option("--out", help="Folder of the run; a second run resumes it.", callback=_folder),
]
OutFile = Annotated[Path, typer.Option("--out", help="File to write.", callback=_file)]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace what other settings made under --out."),
]
Traces = Annotated[Path, typer.Option("--traces", help="Traces or foreign chains, JSON lines.")]
Problems = Annotated[
    str | None,
    typer.Option(
        help="JSON lines {id, question, answer}, a task (mod10), or a dataset name; default the shipped models' task."
    ),
]
Source = Annotated[str, typer.Option("--problems", help="Problems, as for compare.")]
MostProblems = Annotated[int | None, typer.Option("--n", min=1, help="Most problems; default all.")]
OneOrTwo = Annotated[list[str], typer.Argument(help="One model, or two: before and after.")]
ChainsFile = Annotated[
    Path | None,
    typer.Option(
        "--traces", help="Read these chains (JSON lines) instead of letting the models write."
    ),
]
CorpusText = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Where a record of a corpus has its text.")
]
Field = Annotated[
    list[str] | None,
    typer.Option(
        "--field",
        metavar="NAME=COLUMN",
        help="Where the file has something under another name, such as answer=gold or question=doc.question; behind a colon in other words: 'answer=gold:cup *->*'. Repeat for more.",
    ),
]
MaxTokens = Annotated[int, typer.Option(min=1, help="Longest completion, in tokens.")]
Seed = Annotated[int, typer.Option(help="Seed of sampling, nulls and statistics.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N")]
Workers = Annotated[
    int,
    typer.Option(
        min=0,
        help="Processes that work side by side, one thread each; every one loads the models. "
        "For small models on a CPU: as many as cores; 0: all cores, or all of a Ray cluster.",
    ),
]
SHIPPED = {
    "ruler": "reads the shipped models, in the type of numbers and on the processor that its recorded scores are of",
    "organism check": "holds the shipped models against bounds that were measured in float32 on a processor",
    "organism train": "trains small models of the shipped language from their seeds; --device says where",
}
"""Commands whose models are the package's own: they have no options of loading, and why."""
ONE_PROCESS = {
    "explore": "reads each trace once, and only with --features",
    "steer extract": "reads each question of a pair once",
    "steer apply": "writes all questions in one batch; `steer sweep` shares out doses",
    "sae vector": "reads each chain once",
    "organism train": "is one training",
    "tune": "is one training",
    "softcot eval": "reads its rows one after the other, each in batches",
    "write-truth": "asks for each reply after it has checked the one before",
}
"""Commands that load models and have nothing to share out between processes, and why."""
_NONE = "none"


def _load_options(
    *,
    device: Device = "auto",
    dtype: Literal["auto", "float32", "bfloat16"] = "auto",
    device_map: Annotated[
        str | None,
        typer.Option(help="Spread a model over devices: auto, balanced, sequential, or a device."),
    ] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run code that comes with a model.")
    ] = False,
    cue: Annotated[
        str | None,
        typer.Option(
            help="The exact text behind a chain that asks for the answer, closing mark included (\\n: line break); 'It is {answer} that': what ends it, too.",
        ),
    ] = None,
    answer_after: Annotated[
        str | None,
        typer.Option(
            help="What stands before an answer that a model wrote; without --cue it asks for the answer, too."
        ),
    ] = None,
    think: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="OPEN CLOSE",
            help="The marks of a thought, where the model's files show others; none: it has none.",
        ),
    ] = None,
    instruction: Annotated[
        str | None,
        typer.Option(
            help='What is written behind each question, or around it with {question} in it, or none; default: to box the answer, where the cue asks for a box; without a chat template "Answer: Let\'s think step by step.".',
        ),
    ] = None,
    read_last_number: Annotated[
        bool,
        typer.Option("--read-last-number", help="Read the last number where no answer is stated."),
    ] = False,
) -> LoadOptions:
    r"""The options as one value; `\n` in a text is a line break, since a command line can hardly hold one.

    Raises:
        UserError: A text is empty.
    """
    for option, text in (("--cue", cue), ("--answer-after", answer_after)):
        if text is not None and not text.strip():
            raise UserError(
                f"{option}: expected a text, got {text!r}; leave the option out to let the model's files say it"
            )
    asking = Asking(
        cue=_unescaped(cue),
        answer_after=_unescaped(answer_after),
        think=_marks(think),
        last_number=read_last_number,
        instruction=_unescaped(instruction),
    )
    return LoadOptions(device, dtype, device_map, trust_remote_code, asking)


def _truth_files(
    *,
    counterfactuals: Annotated[
        Path | None,
        typer.Option(
            help="Twins of problems, JSON lines {id, question, answer, chain}: docs/schemas.md."
        ),
    ] = None,
    paraphrases: Annotated[
        Path | None,
        typer.Option(help="Steps in other words, JSON lines {id, step, paraphrase}."),
    ] = None,
    mistakes: Annotated[
        Path | None, typer.Option(help="Steps with a mistake, JSON lines {id, step, mistake}.")
    ] = None,
    kinds: Annotated[
        Path | None, typer.Option(help="Kinds of steps, JSON lines {id, step, kind}.")
    ] = None,
) -> Any:
    """The user's own truth as one value.

    Raises:
        UserError: A file cannot be read, or a line of it is wrong.
    """
    from mechcot.text.user_truth_files import TruthFiles

    files = TruthFiles(counterfactuals, paraphrases, mistakes, kinds)
    files.read()
    return files


def names_of(text: str | None) -> tuple[str, ...] | None:
    """Split names that commas part; None stays None."""
    return None if text is None else tuple(name.strip() for name in text.split(","))


def numbers_of(text: str, *, expected: str) -> tuple[float, ...]:
    """Read numbers that commas part.

    Args:
        text: What was given.
        expected: The option, and what it takes.

    Raises:
        UserError: One is no number.
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"{expected}, got {text!r}") from None


def gathers(make: Callable[..., Any], name: str) -> Callable[[Callable[..., Any]], Any]:
    """Give commands the options of a function; they take what it makes of them as one argument.

    Args:
        make: Its parameters become options, unless the command declares one of that name itself. Where it makes a context, the command runs inside.
        name: The command's argument that the made value is passed as.
    """
    shared = inspect.signature(make).parameters

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(command)
        own = {key: option for key, option in signature.parameters.items() if key != name}
        options = [
            option.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for option in (
                own | {key: own.get(key, option) for key, option in shared.items()}
            ).values()
        ]

        @functools.wraps(command)
        def run(**kwargs: Any) -> Any:
            made = make(**{key: kwargs[key] for key in shared})
            context = made if isinstance(made, AbstractContextManager) else nullcontext(made)
            with context as value:
                return command(**{key: kwargs[key] for key in own}, **{name: value})

        run.__signature__ = signature.replace(parameters=options)  # type: ignore[attr-defined]
        run.__annotations__ = {option.name: option.annotation for option in options}
        return run

    return decorate


loads = gathers(_load_options, "loading")
"""Give a command the options of loading and asking; it takes them as one `loading`."""


def _engine_options(
    *,
    engine: Annotated[
        Literal["local", "ray", "slurm"],
        typer.Option(help="Where the work is shared out: this machine, a Ray cluster, a queue."),
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(help="Ray cluster; default RAY_ADDRESS, else one of this machine alone."),
    ] = None,
    gpus: Annotated[
        float, typer.Option(help="GPUs of each worker on Ray; 0.25: four share one.")
    ] = 0.0,
    slurm: Annotated[
        str,
        typer.Option(
            metavar="KEY=VALUE,...",
            help="What each job gets, such as partition=gpu,gpus=1,time=2:00:00,array=8 (array: jobs at a time).",
        ),
    ] = "",
) -> Engine:
    """The options as one value.

    Raises:
        UserError: One belongs to another engine, or cannot be read.
    """
    return Engine(engine, address, gpus, slurm)


shares_out = gathers(_engine_options, "engine")
"""Give a command that has `--workers` the options of the engine; it takes them as one `engine`."""


takes_truth = gathers(_truth_files, "truth")
"""Give a command the files of a user's own truth; it takes them as one `truth`."""


def _marks(think: tuple[str, str] | None) -> tuple[str, str] | Literal["none"] | None:
    if think is None:
        return None
    if not all(mark.strip() for mark in think):
        raise UserError(
            "--think: expected the mark that opens a thought and the one that closes it, got an empty one"
        )
    return _NONE if set(think) == {_NONE} else (_unescaped(think[0]), _unescaped(think[1]))


def _unescaped(text: Any) -> Any:
    return text if text is None else text.replace("\\n", "\n")


class Commands(TyperGroup):
    """The commands; `--think none` stands for both marks."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line."""
        places = [
            i for i, word in enumerate(args[:-1]) if word == "--think" and args[i + 1] == _NONE
        ]
        for place in reversed(places):
            if args[place + 2 : place + 3] != [_NONE]:
                args = [*args[: place + 2], _NONE, *args[place + 2 :]]
        return super().parse_args(ctx, args)
