"""Let a language model of the user's write twins, rewordings and mistakes of chains, in the format of `mechcot.text.user_truth_files`, and check what it wrote.

    ask = asker(reader)                                     or any function from a prompt to a reply: an API, a person
    written = write_truth("counterfactuals", ask, reader, traces)
    written.save(path)

The prompt is `PROMPTS[sort]`. A reply that cannot be read, or that leaves the answer or every step as it was, is asked for again and then left out; a twin whose
tokens do not line up is kept, since its question is still the other one of a pair, and counted.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from mechcot.core.errors import NotMeasurable
from mechcot.core.problem import Problem
from mechcot.core.store import write_text
from mechcot.core.trace import Phase, Trace
from mechcot.core.wording import count_of
from mechcot.model.generation.write_traces import refuse
from mechcot.model.reasoner import Reasoner
from mechcot.text.answers import same_answer
from mechcot.text.given_truth import KEY, GivenTwins, plain_step
from mechcot.text.user_truth_files import RECORDS

Sort = Literal["counterfactuals", "paraphrases", "mistakes"]
Ask = Callable[[str, int], str]
"""From a prompt and the number of the try to a reply."""
TRIES = 3
PROMPTS: Mapping[str, str] = {
    "counterfactuals": """Change one fact of the question, so that its answer becomes another one. Keep every other word of the question.
Then write the reasoning and the answer again for the changed question: the same steps in the same words, only what must change changes. \
Replace a word by a word of the same length, a number by a number with as many digits.

Question: {question}
Reasoning: {chain}
Answer: {answer}

Reply with these three lines and nothing else:
Question: the changed question
Reasoning: the changed reasoning
Answer: the changed answer""",
    "paraphrases": """Say every numbered step in other words. Keep every number, every name and what the step claims.

Question: {question}
{steps}

Reply with the same numbers, one step a line, and nothing else.""",
    "mistakes": """Make every numbered step that states a value or a claim wrong: change exactly one value or claim in it and keep all other words. \
Leave out steps that state nothing.

Question: {question}
{steps}

Reply with the same numbers, one step a line, and nothing else.""",
}
_FIELD = re.compile(r"^\W*(Question|Reasoning|Answer)\W*:[\s*]*", re.MULTILINE)
_NUMBERED = re.compile(r"^\s*(\d+)[.):]\s*(\S.*)$", re.MULTILINE)


@dataclass(frozen=True)
class WrittenTruth:
    """What a model wrote.

    Attributes:
        prompt: The prompt for the first chain.
        records: One a line of the file.
        lines: What was written, kept and left out, for people.
    """

    prompt: str
    records: tuple[Mapping[str, Any], ...]
    lines: tuple[str, ...]

    def save(self, path: Path) -> None:
        """Write the records as JSON lines."""
        rows = (json.dumps(record, ensure_ascii=False) for record in self.records)
        write_text(path, "".join(f"{row}\n" for row in rows))


def asker(reader: Reasoner, *, max_tokens: int = 1024, seed: int = 0) -> Ask:
    """A function that puts a prompt to a model: greedily at the first try, sampled at temperature 0.8 after it.

    Args:
        reader: The model; what it thinks before its reply is not read.
        max_tokens: Longest reply, its thought included.
        seed: Of the sampling.
    """

    def ask(prompt: str, attempt: int) -> str:
        (trace,) = reader.write(
            [Problem(id=f"try {attempt}", question=prompt, answer="?")],
            max_tokens=max_tokens,
            temperature=0.8 if attempt else 0.0,
            seed=seed + attempt,
            skip=refuse,
        )
        tags = reader.policy.tags
        return trace.completion.rpartition(tags.close)[2] if tags else trace.completion

    reader = replace(reader, policy=replace(reader.policy, instruction=""))
    return ask


def prompt_of(sort: Sort, trace: Trace) -> str:
    """The prompt for one chain.

    Args:
        sort: What is to be written.
        trace: The chain.
    """
    steps = [plain_step(step.text) for step in trace.chain_steps]
    numbered = "\n".join(f"{number}. {step}" for number, step in enumerate(steps, start=1))
    return PROMPTS[sort].format(
        question=trace.problem.question,
        chain=trace.chain_text.strip(),
        answer=trace.answer.text or trace.problem.answer,
        steps=numbered,
    )


def write_truth(
    sort: Sort, ask: Ask, reader: Reasoner, traces: Sequence[Trace], *, tries: int = TRIES
) -> WrittenTruth:
    """Let a model write about every chain.

    Args:
        sort: What is to be written.
        ask: The model that writes.
        reader: The model that will read: a twin's tokens must line up in its tokenizer.
        traces: The chains.
        tries: Most replies asked for about one chain.
    """
    records: list[Mapping[str, Any]] = []
    outcomes: Counter[str] = Counter()
    for trace in traces:
        written, outcome = _about(sort, ask, reader, trace, tries)
        records += written
        outcomes[outcome] += 1
    said = [
        f"{count} of {count_of(len(traces), 'chain')}: {outcome}"
        for outcome, count in outcomes.most_common()
    ]
    return WrittenTruth(
        prompt_of(sort, traces[0]),
        tuple(records),
        (f"{count_of(len(records), sort.removesuffix('s'))} written", *said),
    )


def _about(
    sort: Sort, ask: Ask, reader: Reasoner, trace: Trace, tries: int
) -> tuple[list[dict[str, Any]], str]:
    """Records about one chain, and what is to be said of them; the best of several replies."""
    prompt = prompt_of(sort, trace)
    best: tuple[list[dict[str, Any]], str] = ([], "the reply could not be read")
    for attempt in range(tries):
        reply = ask(prompt, attempt)
        read = (
            _twin(reply, trace) if sort == "counterfactuals" else list(_steps(sort, reply, trace))
        )
        if not read:
            continue
        fault = _misfit(read[0], reader, trace) if sort == "counterfactuals" else ""
        if not fault:
            return read, "written, and it fits"
        if fault != _SAME:
            best = read, f"written, but {fault}"
        elif not best[0]:
            best = [], _SAME
    return best


_SAME = "left out: the answer is the same"


def _twin(reply: str, trace: Trace) -> list[dict[str, Any]]:
    """The twin of a reply; nothing where a part is missing or the record is none."""
    parts = _FIELD.split(reply)
    said = dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))
    record = {
        "id": trace.problem.id,
        "question": said.get("Question"),
        "chain": said.get("Reasoning", ""),
        "answer": said.get("Answer"),
        "original": trace.chain_text.strip(),
    }
    try:
        RECORDS["counterfactuals"].model_validate(record)
    except ValidationError:
        return []
    return [record]


def _misfit(record: Mapping[str, Any], reader: Reasoner, trace: Trace) -> str:
    """Why a twin is none for this reader; empty where it fits."""
    if same_answer(record["answer"], trace.problem.answer):
        return _SAME
    twin = dict(record) | {"changes": "fact", "hint": ""}
    own = replace(trace, problem=replace(trace.problem, meta={KEY: {"twins": [twin]}}))
    try:
        GivenTwins()(reader.view(own), retoken=reader.retoken, seed=0)
    except NotMeasurable as reason:
        return str(reason)
    return ""


def _steps(sort: Sort, reply: str, trace: Trace) -> Iterator[dict[str, Any]]:
    """The steps of a reply that are other than the chain's; of rewordings those that stay as they were, too."""
    steps = {
        number: plain_step(step.text)
        for number, step in enumerate(trace.chain_steps, start=1)
        if step.phase is Phase.CHAIN
    }
    key = "paraphrase" if sort == "paraphrases" else "mistake"
    for number, text in _NUMBERED.findall(reply):
        step = steps.get(int(number))
        if step and (sort == "paraphrases" or plain_step(text) != step):
            yield {"id": trace.problem.id, "step": step, key: text.strip()}
