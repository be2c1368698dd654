"""The user's own truth, in files of JSON lines: counterfactuals, rewordings, mistakes and kinds of the steps of chains.

TruthFiles(counterfactuals=Path("twins.jsonl")).bind(problems)     the problems, each with what the files say of it
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from mechcot.core.errors import UserError
from mechcot.core.faults import fault_of
from mechcot.core.problem import Problem
from mechcot.core.store import file_digest
from mechcot.core.trace import StepKind
from mechcot.core.wording import count_of
from mechcot.text.answers import same_answer
from mechcot.text.given_truth import KEY, plain_step
from mechcot.text.json_lines import json_lines

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
R = TypeVar("R", bound="TruthRecord")
C = TypeVar("C", bound=Any)


class TruthRecord(BaseModel):
    """One line of a file; keys that are not named here are passed over."""

    model_config = ConfigDict(coerce_numbers_to_str=True, frozen=True)

    id: Text = Field(description="Id of the problem.")


class GivenTwin(TruthRecord):
    """A counterfactual of a problem, for `--counterfactuals`; several of one id are several twins."""

    question: Text = Field(description="The twin's question.")
    answer: Text = Field(description="The twin's right answer.")
    chain: str = Field(
        "",
        description="The twin's chain, for measures that patch: token for token in the layout of the chain that it is a twin of. Empty: only the questions are a pair.",
    )
    original: str = Field(
        "",
        description="The chain that `chain` was written for; where it is given, other chains of the problem do not take this twin.",
    )
    changes: Literal["fact", "hint", "nothing"] = Field(
        "fact",
        description="What differs from the problem's question: a `fact`, so that the right answer is another; the `hint` alone, the right answer stays; or "
        "`nothing` that matters: the hint is gone or says nothing.",
    )
    hint: str = Field(
        "", description="The answer that the twin's hint points to; empty where it has none."
    )


class GivenParaphrase(TruthRecord):
    """A step in other words, for `--paraphrases`; a chain is reworded where every step of it is."""

    step: Text = Field(description="Text of the step, white space aside.")
    paraphrase: Text = Field(description="The same in other words, every value unchanged.")


class GivenMistake(TruthRecord):
    """A step with a mistake, for `--mistakes`."""

    step: Text = Field(description="Text of the step, white space aside.")
    mistake: Text = Field(description="The step with a wrong value or claim.")


class GivenKind(TruthRecord):
    """The kind of a step, for `--kinds`; other steps keep the kind that their wording suggests."""

    step: Text = Field(description="Text of the step, white space aside.")
    kind: StepKind = Field(description="What the step does.")


RECORDS: Mapping[str, type[TruthRecord]] = {
    "counterfactuals": GivenTwin,
    "paraphrases": GivenParaphrase,
    "mistakes": GivenMistake,
    "kinds": GivenKind,
}
"""Option to what a line of its file holds."""


def read_records(path: Path, kind: type[R]) -> list[tuple[int, R]]:
    """Read a file: line numbers and records.

    Raises:
        UserError: No such file, no line in it, or a line that is wrong: file, line and key are named.
    """
    rows = []
    for line, data in json_lines(path):
        try:
            rows.append((line, kind.model_validate(data)))
        except ValidationError as error:
            raise UserError(
                f"{path}:{line}: {fault_of(error, known=lambda _: list(kind.model_fields))}"
            ) from None
    if not rows:
        raise UserError(f"{path}: no lines in it; expected JSON lines with {_keys(kind)}")
    return rows


def _keys(kind: type[TruthRecord]) -> str:
    return ", ".join(name for name, key in kind.model_fields.items() if key.is_required())


@dataclass(frozen=True)
class TruthFiles:
    """Files of a user's own truth; None where there is none.

    Attributes:
        counterfactuals: Twins of problems, see `GivenTwin`.
        paraphrases: Steps in other words, see `GivenParaphrase`.
        mistakes: Steps with a mistake, see `GivenMistake`.
        kinds: Kinds of steps, see `GivenKind`.

    Example:
        >>> import mechcot as mc, pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "twins.jsonl"
        >>> _ = file.write_text('{"id": "mod10-test-0-0", "question": ": c: 2 ; find c ?", "answer": "2"}')
        >>> truth = mc.TruthFiles(counterfactuals=file)
        >>> list(truth.told(mc.problems("mod10", n=1, truth=truth)))[0].split(": ")[1]
        '1 counterfactual, for 1 of 1 problem'
    """

    counterfactuals: Path | str | None = None
    paraphrases: Path | str | None = None
    mistakes: Path | str | None = None
    kinds: Path | str | None = None

    @property
    def given(self) -> Mapping[str, Path]:
        """The files that are there, by option."""
        both = ((key.name, getattr(self, key.name)) for key in fields(self))
        return {name: Path(path) for name, path in both if path is not None}

    @property
    def digests(self) -> Mapping[str, str]:
        """A hash of each file."""
        return {name: file_digest(path) for name, path in self.given.items()}

    def read(self) -> Mapping[str, list[tuple[int, Any]]]:
        """Read all files.

        Raises:
            UserError: One cannot be read, or a line is wrong.
        """
        return {name: read_records(path, RECORDS[name]) for name, path in self.given.items()}

    def bind(self, problems: Sequence[Problem]) -> list[Problem]:
        """Give every problem what the files say of it.

        Raises:
            UserError: A line is wrong, or a file speaks of none of the problems.
        """
        if not self.given:
            return list(problems)
        answers = {problem.id: problem.answer for problem in problems}
        truth: dict[str, dict[str, Any]] = defaultdict(dict)
        for name, rows in self.read().items():
            known = [row for _, row in rows if row.id in answers]
            if not known:
                raise UserError(
                    f"{self.given[name]}: none of its {count_of(len(rows), 'line')} has the id of a problem of this run, such as {next(iter(answers), '')!r}; "
                    f"its first is {rows[0][1].id!r}"
                )
            for row in known:
                _add(truth[row.id], row, answer=answers[row.id])
        return [
            replace(p, meta={**p.meta, KEY: _with_kinds_of_rewordings(truth[p.id])})
            if p.id in truth
            else p
            for p in problems
        ]

    def bind_chains(self, chains: Sequence[C]) -> list[C]:
        """Give the problem of every chain what the files say of it.

        Args:
            chains: Traces or foreign chains.

        Raises:
            UserError: A line is wrong, or a file speaks of none of the problems.
        """
        unique = {chain.problem.id: chain.problem for chain in chains}
        bound = {problem.id: problem for problem in self.bind(list(unique.values()))}
        return [replace(chain, problem=bound[chain.problem.id]) for chain in chains]

    def told(self, problems: Sequence[Problem]) -> Iterator[str]:
        """Say of every file in one line what it gives for these problems, and what of it is left out."""
        answers = {problem.id: problem.answer for problem in problems}
        for name, rows in self.read().items():
            known = [row for _, row in rows if row.id in answers]
            left = Counter({"names no problem of this run": len(rows) - len(known)})
            if name == "counterfactuals":
                left["has the problem's own answer, though a fact is to differ"] = sum(
                    _no_twin(row, answers[row.id]) for row in known
                )
            ids = len({row.id for row in known})
            said = "".join(f"; {count} left out: {why}" for why, count in left.items() if count)
            yield f"{self.given[name]}: {count_of(len(rows), name.removesuffix('s'))}, for {ids} of {count_of(len(answers), 'problem')}{said}"


NO_TRUTH = TruthFiles()


def _no_twin(row: GivenTwin, answer: str) -> bool:
    """Whether a twin with a changed fact has the answer of its problem: then nothing can be seen to follow."""
    return row.changes == "fact" and same_answer(row.answer, answer)


def _add(truth: dict[str, Any], row: TruthRecord, *, answer: str) -> None:
    """Put one line to what is known of its problem."""
    match row:
        case GivenTwin():
            if not _no_twin(row, answer):
                truth.setdefault("twins", []).append(row.model_dump(exclude={"id"}))
        case GivenParaphrase():
            truth.setdefault("paraphrases", {}).setdefault(plain_step(row.step), []).append(
                row.paraphrase
            )
        case GivenMistake():
            truth.setdefault("mistakes", {}).setdefault(plain_step(row.step), []).append(
                row.mistake
            )
        case GivenKind():
            truth.setdefault("kinds", {})[plain_step(row.step)] = row.kind.value


def _with_kinds_of_rewordings(truth: Mapping[str, Any]) -> dict[str, Any]:
    """A reworded step is of the kind of its step."""
    kinds = truth.get("kinds", {})
    reworded = {
        plain_step(text): kinds[step]
        for step, texts in truth.get("paraphrases", {}).items()
        if step in kinds
        for text in texts
    }
    return {**truth, "kinds": {**reworded, **kinds}} if kinds else dict(truth)
