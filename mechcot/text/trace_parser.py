"""Read a completion into a trace: steps with exact character and token spans.

Algorithm.

1. Find the thought by its marks (`mechcot.text.think_tags`). An opening mark that the model wrote joins the
   prompt; what follows the closed thought, closing mark included, is one last step of phase
   `answer`. Without any mark the answer begins where its source says; else the chain is all but the pieces from the one
   that states the answer on; a single piece is the chain where that is but a guess and it says more than the answer.
2. Cut the chain into pieces (`mechcot.text.segment`) and name their kinds.
3. Find where each token begins, by the *generated ids*, never by encoding again: offsets when the
   encoding of the text happens to be these ids, else incremental decoding.
4. A token belongs to the step of its first character that is not white space; a token of white space
   alone to the step of its first character.

Token spans partition the completion's tokens; a step may own none. Source of the incremental decoding:
the scheme of vLLM's detokenizer (two offsets, wait while a character is incomplete).
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from mechcot.core.problem import Completion, Problem
from mechcot.core.trace import Answer, Phase, Span, Step, StepKind, Trace
from mechcot.text.answers import SPECIAL, Otherwise, find_answer, read_answer, trim
from mechcot.text.boxed_answers import StatedAnswer
from mechcot.text.closing_texts import FEW_WORDS, emphasised_words, words
from mechcot.text.learned_step_kinds import learned
from mechcot.text.listed_choices import choices
from mechcot.text.named_answers import named_answer
from mechcot.text.segment import Segmenter, segmenter as named_segmenter
from mechcot.text.step_kinds import Classifier
from mechcot.text.think_tags import THINK, Layout, Thought, ThoughtTags, find_thought, tags_in
from mechcot.text.token_starts import Tokenizer, token_starts

GUESSED = frozenset({"closing", "last_number", "named"})
"""How an answer is read that no words announce."""
OWN_FIELD = "given"
"""How an answer is read that stands in a field of its own, behind a chain without marks."""
_WORDS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]{2}|[^\W\d_]{2,}")
"""Words, and pairs of signs of a script without spaces."""
_FEWEST_WORDS = 3
_IN_WORDS = frozenset({"after", "phrase"})
"""Answers whose statement may open inside a sentence: `{"steps": [3, 4], "answer": 7}`."""
_CLAUSE_END = re.compile(r"[,;:](?=\s)\s*|[\uff0c\uff1b\uff1a\u3001\u060c\u061b]\s*")
"""What parts the clauses of a sentence: in front of a box the last one says that it is the answer."""
_BESIDE = " \t\r\n.,:;!?()[]*\"'。"
"""Marks that may stand around an answer."""


def read(
    completion: Completion,
    tokenizer: Tokenizer,
    *,
    segmenter: Segmenter | str = "sentence",
    classifier: Classifier | None = None,
    tags: ThoughtTags | None = None,
    family: str = "any",
    trace_id: str | None = None,
    after: str | None = None,
    otherwise: Otherwise = "closing",
) -> Trace:
    """Read a completion into a trace.

    Cost: one encoding of the text; with ids that are not the text's own encoding also one decoding per
    token (about 20 microseconds each).

    Args:
        completion: What was written, with its ids if they are known.
        tokenizer: Of the model that reads the trace.
        segmenter: A function from text to pieces, or the name of one of ours.
        classifier: Gives the kinds of the chain's steps; those of `mechcot.text.learned_step_kinds` by default.
        tags: The marks of the thought; None: those that the text shows.
        family: How the answer is stated, see `mechcot.text.answers.FAMILIES`.
        trace_id: The trace's id; by default problem id and author.
        after: What stands before an answer, see `mechcot.text.answers.find_answer`.
        otherwise: What to take where a finished text states no answer.

    Raises:
        NotMeasurable: The ids given do not spell the text given (bytes that are no character, for one).
        ValueError: Ids without a valid number of prompt ids.
        UserError: Unknown name of a segmenter or family.
    """
    cut = named_segmenter(segmenter) if isinstance(segmenter, str) else segmenter
    ids, prompt_length, begins = token_starts(completion, tokenizer)
    tags = tags or tags_in(completion.text) or THINK
    layout = find_thought(completion.prompt, completion.text, tags)
    opened = layout.chain.start  # characters of the completion that join the prompt
    text = completion.text[opened:]
    rules = _Rules(family, after, otherwise if completion.finished else "nothing")
    at = None if completion.answer_at is None else completion.answer_at - opened
    chain, rest, answer = _divide(text, layout, cut, tags, rules, completion.problem, at)
    kinds = (classifier or learned())(chain)
    begins = [begin - opened for begin in begins]
    in_prompt = bisect_right(begins, -1) if opened else 0
    phases = [(piece, kind, Phase.CHAIN) for piece, kind in zip(chain, kinds, strict=True)]
    own = begins[in_prompt:]
    if rest or (own and not chain):
        phases.append((rest, StepKind.CONCLUSION if rest.strip() else StepKind.OTHER, Phase.ANSWER))
    return Trace(
        id=trace_id or f"{completion.problem.id}/{completion.model}",
        problem=completion.problem,
        author=completion.model,
        prompt=completion.prompt + completion.text[:opened],
        completion=text,
        ids=ids,
        prompt_length=prompt_length + in_prompt,
        steps=_steps(phases, own, prompt_length + in_prompt),
        answer=_explained(answer, text, completion.problem.answer),
        finished=completion.finished,
    )


def _explained(answer: Answer, text: str, reference: str) -> Answer:
    """The answer with the explanation that the reference gives it, where the text ends with both word for word."""
    if answer.how not in {"phrase", OWN_FIELD} or answer.text is None:
        return answer
    said, whole, end = (
        " ".join(trim(part).casefold().split())
        for part in (answer.text, reference, SPECIAL.sub("", text))
    )
    if whole.startswith(said) and whole != said and end.endswith(whole):
        return Answer(trim(reference), answer.how)
    return answer


@dataclass(frozen=True)
class _Rules:
    """Rules for reading answers, see `find_answer`."""

    family: str
    after: str | None
    otherwise: Otherwise


def _divide(
    text: str,
    layout: Layout,
    cut: Segmenter,
    tags: ThoughtTags,
    rules: _Rules,
    problem: Problem,
    at: int | None,
) -> tuple[list[str], str, Answer]:
    """Chain pieces, the text of the answer phase, and the answer; `at` is where the answer begins, if its source says so."""
    kwargs: dict[str, Any] = asdict(rules)
    by_name = rules.after is None and rules.otherwise != "nothing" and rules.family != "word"
    if layout.thought is not Thought.ABSENT:
        answer = read_answer(tags.open + text, tags=tags, **kwargs)
        size = len(layout.chain)
        if answer.text is None and by_name and layout.thought is Thought.CLOSED:
            behind = SPECIAL.sub("\n", text[size + len(tags.close) :])
            answer = _answer(_in_words(behind, problem) or words(behind, most=_most(problem)))
        if not text[:size].strip():  # an empty chain owns no step
            return [], text, answer
        return cut(text[:size]), text[size:], answer
    if at is not None:
        said = SPECIAL.sub("\n", text[at:])
        statement = find_answer(said, **kwargs)
        if statement is None and by_name:
            statement = _in_words(said, problem) or words(said, most=_most(problem))
        answer = Answer(None, "unread") if statement is None else Answer(statement.text, OWN_FIELD)
        return cut(text[:at]) if text[:at].strip() else [], text[at:], answer
    statement = find_answer(text, **kwargs)
    if statement is None and by_name:
        statement = _in_words(text, problem)
    answer = _answer(statement)
    chain = cut(text)
    if statement is None:
        return chain, "", answer
    first, start = before_statement(chain, statement.start)
    opens = _opens(text, statement)
    if first == 0 and _says_something(text[:opens]):
        chain, first, start = cut(text[:opens]), None, opens
    elif (
        statement.how in GUESSED
        and len(chain) < 2
        and not _says_only(text, statement, problem.question)
    ):
        return chain, "", answer
    return chain[:first], text[start:], answer


def _opens(text: str, statement: StatedAnswer) -> int:
    """Where inside a sentence the words begin that state the answer: a box has its clause in front of it; 0 where nothing tells."""
    if statement.how in _IN_WORDS:
        return statement.start
    ends = _CLAUSE_END.finditer(text, 0, statement.start) if statement.how == "boxed" else ()
    return max((end.end() for end in ends), default=0)


def _in_words(said: str, problem: Problem) -> StatedAnswer | None:
    """An answer in words that a text ends with: what the question names, or what alone is bold."""
    named = named_answer(said, problem.question, problem.answer)
    return named or emphasised_words(said, most=_most(problem))


def _most(problem: Problem) -> int:
    """Most words of an answer: as many as the reference has, which says nothing of which."""
    return max(FEW_WORDS, len(problem.answer.split()))


def given_at(trace: Trace, text: str) -> int | None:
    """Where the answer begins in another text of a trace, whose source keeps the answer in a field of its own.

    Args:
        trace: How the text was divided.
        text: The other text; its answer may differ, what stands between chain and answer may not.

    Returns:
        None where the trace's source does not say it, or it is not plain where that is in the other text.
    """
    if trace.answer.how != OWN_FIELD:
        return None
    behind = trace.completion[len(trace.chain_text) :]
    if text.endswith(behind):
        return len(text) - len(behind)
    lead = behind.partition(trace.answer.text or "")[0]
    at = text.rfind(lead) if "\n" in lead else -1
    return None if at < 0 else at


def _says_only(text: str, statement: StatedAnswer, question: str) -> bool:
    """Whether a text is its answer and nothing else, but for what the question's list says behind the letter."""
    plain = SPECIAL.sub("", text)
    rest = plain.replace(statement.text, "", 1).strip(_BESIDE)
    listed = choices(question)
    return not rest or (listed is not None and rest in listed.texts)


def _answer(statement: StatedAnswer | None) -> Answer:
    return Answer(None, "unread") if statement is None else Answer(statement.text, statement.how)


def _says_something(text: str) -> bool:
    """Return whether the part of a sentence in front of its answer is a chain, and no mere opening: it has a number, or three words."""
    return len(_WORDS.findall(text)) >= _FEWEST_WORDS or any(map(str.isdigit, text))


def before_statement(pieces: Sequence[str], at: int) -> tuple[int, int]:
    """Number of pieces before the one that opens the answer, and the start of that one.

    Args:
        pieces: A text in pieces.
        at: Where the statement of the answer begins in the text; the last piece that begins there or before opens it.
    """
    ends = [0]
    for piece in pieces:
        ends.append(ends[-1] + len(piece))
    first = min(bisect_right(ends, at) - 1, len(pieces) - 1)
    return first, ends[first]


def _steps(
    phases: Sequence[tuple[str, StepKind, Phase]], begins: Sequence[int], first: int
) -> tuple[Step, ...]:
    """Steps with token spans."""
    ends = [0]
    for text, _, _ in phases:
        ends.append(ends[-1] + len(text))
    owners = [min(max(bisect_right(ends, begin) - 1, 0), len(phases) - 1) for begin in begins]
    # bisect once more: the first token of each step; steps that own none get an empty span
    bounds = [bisect_right(owners, index - 1) + first for index in range(len(phases) + 1)]
    return tuple(
        Step(index, text, Span(*chars), Span(*tokens), kind, phase)
        for index, ((text, kind, phase), chars, tokens) in enumerate(
            zip(phases, pairwise(ends), pairwise(bounds), strict=True)
        )
    )
