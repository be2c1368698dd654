"""Traces for one reader: mechcot's own JSON lines, or chains written elsewhere."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields as fields_of, replace
from pathlib import Path
from typing import Any

from mechcot.core.argument_kinds import checked
from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.notices import print_notice
from mechcot.core.problem import Problem
from mechcot.core.store import read_traces
from mechcot.core.trace import Trace
from mechcot.core.wording import count_of
from mechcot.model.asking_options import AS_FOUND, Asking
from mechcot.model.reasoner import Reasoner
from mechcot.tasks import with_kinds
from mechcot.text.records import records
from mechcot.text.user_truth_files import NO_TRUTH, TruthFiles
from mechcot.traces.bind import generated_ids, read_chain
from mechcot.traces.external import read_given
from mechcot.traces.foreign_chain import ForeignChain, Loaded
from mechcot.traces.own_truth import say_truth


@checked
def load_traces(
    path: Path | str,
    reader: Reasoner,
    *,
    n: int | None = None,
    fields: Mapping[str, str] | None = None,
    truth: TruthFiles = NO_TRUTH,
) -> list[Trace]:
    """Read traces of either sort, with exact kinds of steps where their task knows them.

    Args:
        path: JSON lines: `{"schema": ..., "ids": ...}` as mechcot writes them, or any shape that
            `mechcot.traces.external` reads.
        reader: Who cuts foreign chains into steps and tokens.
        n: Most traces; None for all.
        fields: Where to find something: a map from `mechcot.text.field_names.FIELDS` to the file's columns.
        truth: Files of the user's own truth; what they say of the chains, and how much of it fits, is said on the console.

    Raises:
        UserError: A line is wrong (file and line are named), or no trace is there.

    Example:
        >>> import mechcot as mc, pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "chains.jsonl"
        >>> line = '{"question": ": c: 2 ; find c ?", "chain": " so c= 2 .", "answer_text": " answer 2", "answer": "2"}'
        >>> _ = file.write_text(line)
        >>> mc.read_traces(str(file), mc.load("organism:base"))[0].answer.text
        '2'
    """
    path = Path(path)
    if n is not None and n < 1:
        raise UserError(f"expected --n of at least 1, got {n}")
    if is_own(path, fields):
        traces = read_traces(path)[:n]
        _warn_of_other_cue(path, reader)
        if reader.policy.asking.key:  # the file's answers were read as its author's files say
            traces = [_answered(reader, trace) for trace in traces]
        traces = [with_kinds(trace) for trace in truth.bind_chains(traces)]
    else:
        loaded = read_given(path, fields=fields, think=reader.policy.asking.think)
        loaded = replace(loaded, chains=truth.bind_chains(loaded.chains))
        traces = bind_chains(reader, loaded, n=n)
    say_truth(truth, reader, traces)
    return traces


def is_own(path: Path, fields: Mapping[str, str] | None) -> bool:
    """Whether a file holds traces as mechcot writes them, tokens and steps included.

    Args:
        path: The file.
        fields: Columns that the user named; with any it is read as written elsewhere.

    Raises:
        UserError: It cannot be read, or nothing is in it.
    """
    first = next(records(path), None)
    if first is None:
        raise UserError(
            f"{path}: no traces in it; expected JSON lines with question, chain, answer"
        )
    return not fields and {"schema", "ids", "steps"} <= first[2].keys()


def bind_chains(
    reader: Reasoner, loaded: Loaded, *, n: int | None = None, author: str | None = None
) -> list[Trace]:
    """Cut chains written elsewhere into one reader's steps and tokens, with exact kinds where their task knows them.

    What the file left out, and chains that this reader's vocabulary cannot hold, are counted on the console.

    Args:
        reader: Whose prompt, tokenizer and segmenter are used.
        loaded: The chains.
        n: Most chains; None for all.
        author: Name of their author; None for the ones that the file gives.

    Raises:
        UserError: The vocabulary can hold none of them.
    """
    chains, traces, refused = loaded.chains[:n], [], []
    for chain in chains:
        try:
            traces.append(with_kinds(read_chain(reader, chain, author=author)))
        except NotMeasurable as error:
            refused.append(f"{chain.problem.id}: {error}")
    if not traces:
        raise UserError(
            f"{reader.name} can hold none of {count_of(len(chains), 'chain')} in its tokens; {refused[0]}"
        )
    for line in _told_tokens(reader, chains, traces):
        print_notice(line)
    for line in filter(None, (loaded.notice(), replace(loaded, chains=chains).repeated())):
        print_notice(line)
    if refused:
        print_notice(
            f"{len(refused)} of {count_of(len(chains), 'chain')} left out: {reader.name} cannot hold their text in its tokens; {refused[0]}",
        )
    return traces


def _told_tokens(
    reader: Reasoner, chains: Sequence[ForeignChain], traces: Sequence[Trace]
) -> Iterator[str]:
    """Say whose tokens the traces hold, where the file tells what its author's were."""
    given = [chain for chain in chains if chain.token_ids]
    if given:
        kept = sum(generated_ids(reader, chain) is not None for chain in given)
        other = len(given) - kept
        yield f"{kept} chains keep the token ids of the file" + (
            f"; {other} are tokenized anew, since {reader.name} spells their text otherwise" if other else ""
        )  # fmt: skip
    counts = [
        (len(trace.ids) - trace.prompt_length, trace.problem.meta.get("completion_tokens"))
        for trace in traces
        if not given
    ]
    counted = [abs(own - said) for own, said in counts if isinstance(said, int)]
    if counted:
        near = sum(difference <= _MARKS for difference in counted)
        yield (
            f"tokenized anew: {near} of {len(counted)} chains have as many tokens as the server counted, "
            f"give or take {_MARKS} for marks and end; the largest difference is {max(counted)}"
        )


_MARKS = 8
"""Tokens of a template's marks and of the end of a text, at most."""


def asked_of_authors(path: Path) -> dict[str, Mapping[str, Any]]:
    """How each author of mechcot's own lines was asked, as `Asking.to_json` says it; empty where nothing was said.

    Args:
        path: The file.

    Raises:
        UserError: A line is wrong.
    """
    said: dict[str, Mapping[str, Any]] = {}
    for _, _, line in records(path):
        said.setdefault(str(line.get("author")), line.get("asking") or {})
    return said


def _warn_of_other_cue(path: Path, reader: Reasoner) -> None:
    """Say on the console that the answers of the reader's lines, else of the first author's, were asked for in other words than it asks now."""
    said = asked_of_authors(path)
    asking = said.get(reader.name, next(iter(said.values())))
    now = reader.policy.asking
    if asking == now.to_json() or _alike(reader, there := Asking.from_json(asking)):
        return
    given = asking_options(asking) or "none of these options"
    print_notice(
        f"{path} was written with {given}, and is read with {asking_options(now.to_json()) or 'none of them'}: answers are asked for and read in "
        f"another way than there. To read them alike, {f'give {given}' if asking else 'leave them out'}; in Python: "
        f"reader = reader.asked_with({_python(there)})",
    )


def _alike(reader: Reasoner, asking: Asking) -> bool:
    """Whether a reader asks and reads in the same way as under other settings, whatever was said and whatever was found in its files."""
    try:
        other = reader.asked_with(asking).policy
    except UserError:
        return False
    now, probe = reader.policy, Problem("probe", "What is 1 + 1?", "2")
    reads = [(p.cue, p.tags, p.asking.answer_after, p.asking.last_number) for p in (now, other)]
    return reads[0] == reads[1] and now.render(probe) == other.render(probe)


def _python(asking: Asking) -> str:
    """The settings as Python says them."""
    said = {f.name: getattr(asking, f.name) for f in fields_of(asking)}
    words = [
        f"{name}={value!r}" for name, value in said.items() if value != getattr(AS_FOUND, name)
    ]
    return f"mc.Asking({', '.join(words)})"


def asking_options(asking: Mapping[str, Any]) -> str:
    """The options of the command line that say this.

    Args:
        asking: Of `Asking.to_json`.
    """
    words = []
    for name, value in asking.items():
        parts = [] if value is True else value if isinstance(value, list) else [value or "none"]
        option = "--read-last-number" if name == "last_number" else f"--{name.replace('_', '-')}"
        words += [option, *(shlex.quote(part.replace("\n", "\\n")) for part in parts)]
    return " ".join(words)


def _answered(reader: Reasoner, trace: Trace) -> Trace:
    """The trace with the answer that its text states to this reader."""
    return replace(trace, answer=reader.retoken(trace, trace.prompt, trace.completion).answer)
