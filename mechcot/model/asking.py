"""Settings of a user for asking for answers and reading them, and the options of the command line that say it."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from mechcot.core.errors import UserError


@dataclass(frozen=True)
class Asking:
    """Settings of a user for asking for answers and reading them; the defaults leave it to the model's files.

    Attributes:
        cue: The exact text behind a chain that asks for the answer, closing mark included.
        answer_after: What stands before an answer that a model wrote.
        think: The two marks of the thought, or `none`: the model has none.
        last_number: Whether the last number is read where no answer is stated.
        instruction: What is written behind a question; "" for nothing.
    """

    cue: str | None = None
    answer_after: str | None = None
    think: tuple[str, str] | Literal["none"] | None = None
    last_number: bool = False
    instruction: str | None = None

    @property
    def boxes(self) -> bool:
        r"""Return whether what the user says of cue and answers leaves room for an answer in `\boxed{}`."""
        said = [text for text in (self.cue, self.answer_after) if text is not None]
        return not said or any("boxed" in text for text in said)

    @property
    def key(self) -> str:
        """For the names of finished items: "" where nothing was said."""
        return "" if self == AS_FOUND else repr(self)

    def to_json(self) -> dict[str, Any]:
        """What the user said, as JSON-able data; empty where nothing was said."""
        said = {f.name: getattr(self, f.name) for f in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in said.items()
            if value != getattr(AS_FOUND, name)
        }


AS_FOUND = Asking()
"""As the model's files say."""


_NONE = "none"
_OPTIONS: dict[str, tuple[Any, Any]] = {
    "cue": (
        Annotated[
            str | None,
            typer.Option(
                "--cue",
                help="The exact text behind a chain that asks for the answer, closing mark included (\\n: line break).",
            ),
        ],
        None,
    ),
    "answer_after": (
        Annotated[
            str | None,
            typer.Option("--answer-after", help="What stands before an answer that a model wrote."),
        ],
        None,
    ),
    "think": (
        Annotated[
            tuple[str, str] | None,
            typer.Option(
                "--think",
                metavar="OPEN CLOSE",
                help="The marks of a thought, where the model's files show others; none: it has none.",
            ),
        ],
        None,
    ),
    "instruction": (
        Annotated[
            str | None,
            typer.Option(
                "--instruction",
                help="What is written behind each question, or none; default: to box the answer, where the cue asks for a box.",
            ),
        ],
        None,
    ),
    "read_last_number": (
        Annotated[
            bool,
            typer.Option(
                "--read-last-number", help="Read the last number where no answer is stated."
            ),
        ],
        False,
    ),
}


def asks(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options `--cue`, `--answer-after`, `--think`, `--instruction`, `--read-last-number`; it takes them as one `asking`."""
    signature = inspect.signature(command, eval_str=True)

    @functools.wraps(command)
    def run(**given: Any) -> Any:
        said = {name: given.pop(name) for name in _OPTIONS}
        return command(**given, asking=asking_of(**said))

    own = [one for one in signature.parameters.values() if one.name != "asking"]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in _OPTIONS.items()
    ]
    run.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in (*own, *added)}
    return run


def asking_of(
    *,
    cue: str | None,
    answer_after: str | None,
    think: tuple[str, str] | None,
    instruction: str | None,
    read_last_number: bool,
) -> Asking:
    r"""The options as one value; `\n` in a text is a line break, since a command line can hardly hold one.

    Raises:
        UserError: An option is empty.
    """
    for option, text in (("--cue", cue), ("--answer-after", answer_after)):
        if text is not None and not text.strip():
            raise UserError(
                f"{option}: expected a text, got {text!r}; leave the option out to let the model's files say it"
            )
    marks: tuple[str, str] | Literal["none"] | None = None
    if think is not None:
        if not all(mark.strip() for mark in think):
            raise UserError(
                "--think: expected the mark that opens a thought and the one that closes it, got an empty one"
            )
        marks = _NONE if set(think) == {_NONE} else (_unescaped(think[0]), _unescaped(think[1]))
    return Asking(
        cue=_unescaped(cue),
        answer_after=_unescaped(answer_after),
        think=marks,
        last_number=read_last_number,
        instruction="" if instruction == _NONE else _unescaped(instruction),
    )


def _unescaped(text: Any) -> Any:
    return text if text is None else text.replace("\\n", "\n")


class Commands(TyperGroup):
    """The commands; `--think none` stands for both marks."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line."""
        places = [i for i, one in enumerate(args[:-1]) if one == "--think" and args[i + 1] == _NONE]
        for place in reversed(places):
            if args[place + 2 : place + 3] != [_NONE]:
                args = [*args[: place + 2], _NONE, *args[place + 2 :]]
        return super().parse_args(ctx, args)
