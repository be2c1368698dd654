"""The default limit of a completion's length: what the context leaves, up to a stated most; and what that may cost.

    limit = min(MOST, context - shortest prompt - room for an answer that is asked for)

A longer prompt leaves less; the writer cuts each text at the context by itself.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from rich.console import Console

from mechcot.compare.forecast import duration
from mechcot.compare.models import Models
from mechcot.compare.settings import MOST, Study
from mechcot.core.errors import NotMeasurable
from mechcot.core.problem import Problem
from mechcot.core.trace import Trace
from mechcot.core.wording import count_of
from mechcot.model.generation.write_traces import prompt_ids
from mechcot.model.reasoner import Reasoner

UNENDING = "a model that ends its texts, or problems with shorter ones"
"""What to bring where texts do not end within the context."""
ANSWER_TOKENS = 32
"""Tokens that are left for an answer behind the cue."""
TIMED = (1, 9)
"""Tokens of two short writings, whose difference is the time of a token."""
TIMED_TEXTS = 16
"""Most texts that they hold: as many as a batch holds where nobody says it."""


def longest(study: Study, models: Models, problems: Sequence[Problem]) -> Study:
    """The study with its longest completion, from the first model's context where nobody gave one.

    Args:
        study: The settings.
        models: Its models; the first is loaded.
        problems: What will be asked.
    """
    if study.max_tokens is not None:
        return study
    return replace(study, max_tokens=limit(models.get(models.first), problems))


def limit(reader: Reasoner, problems: Sequence[Problem]) -> int:
    """The longest completion of a model on some problems when nobody says it.

    Args:
        reader: The model.
        problems: What it will be asked; those that it cannot be asked do not count.
    """
    return min(MOST, room(reader, problems))


def room(reader: Reasoner, problems: Sequence[Problem]) -> int:
    """The longest completion that a model's context leaves on some problems.

    Args:
        reader: The model.
        problems: What it will be asked; those that it cannot be asked do not count.
    """
    lengths = []
    for problem in problems:
        with suppress(NotMeasurable):
            lengths.append(len(prompt_ids(reader, problem)))
    left = reader.max_length - min(lengths, default=0) - len(reader.cue_ids) - ANSWER_TOKENS
    return max(1, left)


def announce_writing(
    study: Study, models: Models, problems: Sequence[Problem], missing: int, *, console: Console
) -> None:
    """Say how long texts may get, why, and what that takes if every text gets as long.

    Args:
        study: The settings, with the longest completion.
        models: Its models; the first is timed on one batch.
        problems: What will be asked.
        missing: Texts that are not on disk, of all models.
        console: Where to print.
    """
    if not missing:
        return
    most, reader = study.max_tokens or MOST, models.get(models.first)
    context = (
        f"{reader.name} has a context of {reader.max_length}" if reader.max_length < 2**31 else ""
    )
    batches = -(-missing // study.batch_size)
    seconds = _seconds_a_token(reader, problems[: study.batch_size]) * most * batches
    console.print(
        f"{count_of(missing, 'text')} to write, of at most {most} tokens each (--max-tokens{'; ' + context if context else ''}): "
        f"{missing * most:.3g} tokens, {duration(seconds)} if every text gets as long",
        markup=False,
    )


def _seconds_a_token(reader: Reasoner, batch: Sequence[Problem]) -> float:
    """Time of one more token of every text in a batch; that of a large one is at most in proportion."""
    timed, took = batch[:TIMED_TEXTS], []
    reader.write(timed[:1], max_tokens=1, skip=lambda *_: None)  # warms up
    for size in TIMED:
        started = time.perf_counter()
        reader.write(timed, max_tokens=size, batch_size=len(timed), skip=lambda *_: None)
        took.append(time.perf_counter() - started)
    one_more = max(0.0, took[1] - took[0]) / (TIMED[1] - TIMED[0])
    return one_more * len(batch) / max(1, len(timed))


def told_cut(study: Study, traces: Sequence[Trace], *, left: int) -> str:
    """Return how many written texts the limit cut, "" when none.

    Args:
        study: The settings, with the longest completion.
        traces: The texts.
        left: Longest completion that the context leaves, in tokens.
    """
    cut = sum(not trace.finished for trace in traces)
    if not cut or study.traces is not None:
        return ""
    counts = f"{cut} of {count_of(len(traces), 'text')}"
    if (study.max_tokens or MOST) >= left:
        return f"{counts} do not end within the model's context, which leaves {left} tokens"
    return (
        f"{counts} were cut at {study.max_tokens} tokens or at the end of the context; "
        "--max-tokens lets them get longer"
    )
