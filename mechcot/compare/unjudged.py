"""Why one model cannot be judged on its own chains: the one root cause, and the one thing to do next.

Causes form a tree; what stands above closes what stands below, and only the root is named:

    too few problems were asked > texts were cut > all answers alike > an instruction misleads > answers cannot be read, or are asked for in other words >
    the model is wrong > chains cannot be exchanged > there is hardly a chain, and most is wrong > too few answers are right

What was cut, or cannot be read, is no root where it is the lesser part and the rest is wrong: more of the same would change nothing.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from scipy.stats import binomtest

from mechcot.compare.chains import problems_of
from mechcot.compare.command_line import CommandName, NextStep
from mechcot.compare.completion_length import UNENDING, room
from mechcot.compare.reference_words import other_words
from mechcot.compare.settings import MOST, UNTIL, Study
from mechcot.core.measurement import Measurement
from mechcot.core.problem import Problem
from mechcot.core.trace import Phase, Trace
from mechcot.core.wording import count_of
from mechcot.model.internals.token_text import merged_token
from mechcot.model.plain_prompt import INSTRUCTION_SHAPE
from mechcot.model.reasoner import Reasoner
from mechcot.stats.chain_use import BOUNDS, ChainUse
from mechcot.text.answer_leads import SHARE, common_lead, last_numbers_right, misread
from mechcot.text.answers import same_answer
from mechcot.text.stated_value import ANSWER_PLACE
from mechcot.text.unread_answers import misread_example, unread, unread_example
from mechcot.traces.without_instruction import (
    BEHIND,
    asked_plainly,
    better_without,
    unframed,
    ways,
)

_ALPHA = 0.05
_ENOUGH = 64
"""Problems that are proposed where the file has them: most models are decided by then."""
_OWN_WORDS = "a file whose references are in the model's words"
_TRAINED_PROMPT = "the prompt that it was trained on: a chat template in its tokenizer's files, or"
_BEFORE_ANSWER = "what stands before a written answer in place of TEXT:"
_OWN_TOKEN = (
    "a model that was trained to put a space, a line break or a mark in front of its answer"
)
_FRAMED = {"instruction": INSTRUCTION_SHAPE}
_MOSTLY = 0.5
"""Share of right answers from which a model without a chain does what it was trained for."""
_MARKS = ".,;:!?()[]*$\"'`"
_LAST_WORDS = 40
"""Words at the end of an unread text among which its answer is looked for."""
SPARE = 1.2
"""More items than are needed by the share that was lost, since that share is itself an estimate."""


def _never_merged(_before: str, _text: str) -> str:
    return ""


@dataclass(frozen=True)
class RunFacts:
    """What is known of a run besides its texts and numbers.

    Attributes:
        study: The settings, as they were given.
        model: Spec of the model.
        command: Which command it is.
        limit: Longest completion, in tokens.
        room: Longest completion that the model's context leaves.
        cue: The text that asks for an answer.
        unwritten: Why problems could not be asked, one reason each.
        count: Gives how many problems the file holds, of at most so many.
        plainly: Gives texts without the instruction behind the questions; none where there is no such instruction, and for the first model of a run that
            writes, whose first texts were compared with such texts before (`mechcot.compare.own_words`).
        ways: How both were asked, of `mechcot.traces.without_instruction.ways`.
        unframed: How the questions are put where no chat template says it; "" with one.
        merged: Gives the token in which the end of a text and the start of another behind it are one; "" where there is none.
    """

    study: Study
    model: str
    command: CommandName
    limit: int
    room: int
    cue: str
    unwritten: Sequence[str]
    count: Callable[[int], int]
    plainly: Callable[[], Sequence[Trace]] = tuple
    ways: tuple[str, str] = BEHIND
    unframed: str = ""
    merged: Callable[[str, str], str] = _never_merged

    def say(self, step: NextStep | None) -> str:
        """What to do next, in a line; "" for nothing."""
        return "" if step is None else step.text(self.study, self.command, model=self.model)


def run_facts(
    study: Study,
    reader: Reasoner,
    problems: Sequence[Problem],
    *,
    command: CommandName,
    limit: int,
    unwritten: Sequence[str],
) -> RunFacts:
    """What is known of a run besides its texts and numbers.

    Args:
        study: The settings, as they were given.
        reader: The model.
        problems: What it was asked.
        command: Which command it is.
        limit: Longest completion, in tokens.
        unwritten: Why problems could not be asked, one reason each.
    """
    left = room(reader, problems)
    limit = min(limit, left)
    compared = study.problems is not None and reader.spec.name == study.specs[0].name
    plainly = tuple if compared else partial(asked_plainly, reader, problems, limit=limit)
    return RunFacts(
        study,
        model=reader.spec.text,
        command=command,
        limit=limit,
        room=left,
        cue=reader.cue.text,
        unwritten=unwritten,
        count=lambda n: len(problems_of(replace(study, n=n))),
        plainly=plainly,
        ways=ways(reader.policy),
        unframed=unframed(reader.policy),
        merged=partial(merged_token, reader.tokenizer),
    )


@dataclass(frozen=True)
class Cause:
    """The root of what cannot be judged.

    Attributes:
        text: Why, in one sentence without its full stop.
        step: What to do next.
        decides: Number of problems that would open it; None where more problems do not.
    """

    text: str
    step: NextStep
    decides: int | None = None

    def use(self) -> ChainUse:
        """The verdict that it leaves."""
        return ChainUse("not judged", self.text, decides=self.decides)


def cause(
    traces: Sequence[Trace],
    accuracy: dict[str, float],
    exchanged: Sequence[Measurement],
    facts: RunFacts,
) -> Cause | None:
    """The root cause why a model cannot be judged; None where nothing stands in the way.

    Args:
        traces: Its chains, cut ones among them.
        accuracy: Of `mechcot.compare.judgement`.
        exchanged: Measurements of the exchange of its chains.
        facts: Of the run.
    """
    if len(traces) < BOUNDS.min_items:
        return _few(len(traces), facts)
    cut = [trace for trace in traces if not trace.finished]
    ended_wrong = 2 * len(cut) <= len(traces) and _is_wrong(accuracy)
    if len(cut) > (1 - BOUNDS.read) * len(traces) and not ended_wrong:
        return _instructed(traces, facts) or _cut(cut, len(traces), facts)
    if accuracy["guess"] + BOUNDS.margin > 1:
        return _alike(traces)
    if not _does_the_task(accuracy):
        return _fails(traces, accuracy, exchanged, facts)
    return _unexchanged(exchanged, len(traces), facts)


def few_right(count: int, traces: Sequence[Trace], facts: RunFacts) -> Cause | None:
    """Too few right answers to tell whether they need their chain: not read, where that could be why; None where there are enough.

    Args:
        count: Items that tell it.
        traces: The chains of all items that were asked.
        facts: Of the run.
    """
    if count >= BOUNDS.min_items:
        return None
    finished, n = [trace for trace in traces if trace.finished], len(traces)
    if count + len(unread(finished)) >= BOUNDS.min_items and (lost := _unread(finished, facts)):
        return lost
    wanted = math.ceil(SPARE * BOUNDS.min_items * n / max(count, 1))
    text = f"{count} of {count_of(n, 'answer')} are right, and {BOUNDS.min_items} right ones are needed to tell whether they need their chain"
    return Cause(text, more(wanted, facts), decides=wanted)


def chainless(tokens: float, accuracy: dict[str, float]) -> Cause | None:
    """Hardly a chain and mostly wrong: a prompt that a model was never trained on gives the same, so nothing says that its chain is not used; None elsewhere.

    Args:
        tokens: Median length of its chains.
        accuracy: Of `mechcot.compare.judgement`.
    """
    right = accuracy["written"]
    if tokens > BOUNDS.hardly or right >= _MOSTLY:
        return None
    text = f"asked so, it writes hardly a chain (median of {count_of(round(tokens), 'token')}) and is mostly wrong ({right:.0%} right)"
    return Cause(text, NextStep(words=_TRAINED_PROMPT, asking=_FRAMED))


def more(n: int, facts: RunFacts) -> NextStep:
    """So many problems, where the file has them; else words."""
    held = facts.count(n)
    if held >= n:
        return NextStep({"n": n} if facts.study.until is None else {"until": n})
    return NextStep(
        words=f"a file of about {count_of(n, 'problem')} ({facts.study.problems} has {held})"
    )


def until_decided(n: int, facts: RunFacts, *, asked: int, read: int) -> NextStep:
    """Problems until it is decided, of which about so many are to be expected: to look again at one fixed n after another would be no test.

    Args:
        n: Items that would decide it, more than were read.
        facts: Of the run.
        asked: Problems that were asked.
        read: Items that they gave; as many more problems are needed as gave none.
    """
    n = math.ceil(n * max(asked, 1) / max(read, 1)) if read < asked else n
    step = more(n, facts)
    return step if step.words else NextStep({"until": max(n, UNTIL)})


def _few(asked: int, facts: RunFacts) -> Cause:
    least = BOUNDS.min_items
    if facts.unwritten and asked + len(facts.unwritten) >= least:
        reason, count = Counter(facts.unwritten).most_common(1)[0]
        text = f"{count} of {count_of(asked + len(facts.unwritten), 'problem')} could not be asked: {reason}"
        return Cause(text, NextStep(words="problems that the model can be asked"))
    text = f"only {asked} problems were asked, {least} are needed"
    held = facts.count(_ENOUGH)
    if held >= least and held > asked:
        return Cause(text, NextStep({"n": held}), decides=held)
    return Cause(text, more(least, facts), decides=least)


def _cut(cut: Sequence[Trace], n: int, facts: RunFacts) -> Cause:
    """Texts were cut: by the limit, else by the context."""
    if facts.limit < facts.room:
        text = f"{len(cut)} of {count_of(n, 'text')} were cut at {facts.limit} tokens"
        return Cause(text, lengthened(facts))
    marked = not any(step.phase is Phase.ANSWER for trace in cut for step in trace.steps)
    text = f"{len(cut)} of {count_of(n, 'text')} do not end within the model's context, which leaves {facts.room} tokens for a text"
    if marked and facts.study.loading.asking.think not in (None, "none"):
        closing = facts.study.loading.asking.think[1]
        return Cause(f"{text}; none of them writes {closing!r}", NextStep(asking={"think": None}))
    return Cause(text, NextStep(words=UNENDING))


def lengthened(facts: RunFacts) -> NextStep:
    """Longer completions: four times as long, at least the most that is taken by itself, as far as the context goes."""
    return NextStep({"max_tokens": min(facts.room, max(MOST, 4 * facts.limit))})


def _alike(traces: Sequence[Trace]) -> Cause:
    answer, count = Counter(trace.problem.answer for trace in traces).most_common(1)[0]
    text = f"{count} of {count_of(len(traces), 'problem')} have the answer {answer!r}, so that chains lead to different answers nowhere or hardly anywhere"
    return Cause(text, NextStep(words="problems whose answers differ"))


def _does_the_task(accuracy: dict[str, float]) -> bool:
    """Whether answers asked for after the chain are right clearly more often than the most frequent one would be."""
    n, share, guess = int(accuracy["n"]), accuracy["with"], accuracy["guess"]
    if not n or math.isnan(share) or share < guess + BOUNDS.margin:
        return False
    return bool(binomtest(round(share * n), n, guess, alternative="greater").pvalue < _ALPHA)


def _is_wrong(accuracy: dict[str, float]) -> bool:
    """Whether enough texts that end show that the model does not do the task, whatever becomes of others."""
    return accuracy["n"] >= BOUNDS.min_items and not _does_the_task(accuracy)


def _instructed(traces: Sequence[Trace], facts: RunFacts) -> Cause | None:
    """The instruction behind the questions, where the model does better without it."""
    text = better_without(traces, facts.plainly(), facts.ways)
    return Cause(text, NextStep(asking={"instruction": ""})) if text else None


def _fails(
    traces: Sequence[Trace],
    accuracy: dict[str, float],
    exchanged: Sequence[Measurement],
    facts: RunFacts,
) -> Cause:
    """Why the answers are not right: another instruction, not read, not measured, asked for in a way the model does not know, or wrong."""
    finished = [trace for trace in traces if trace.finished]
    asked, own, guess = accuracy["with"], accuracy["written"], accuracy["guess"]
    lost = None if _wrong_however_read(finished) else _unread(finished, facts)
    if earlier := _instructed(traces, facts) or lost:
        return earlier
    if math.isnan(asked):
        text = f"no answer could be asked for behind a chain; the model's own texts are right in {own:.0%}"
        return _unexchanged(exchanged, len(traces), facts) or Cause(text, NextStep(doctor=True))
    if own >= asked + BOUNDS.margin:
        text = f"asked for its answer the model is right in {asked:.0%}, in its own texts in {own:.0%}: the question for the answer, {facts.cue!r}, does not fit it"
        return _merged(text, finished, facts) or Cause(text, _asking(finished, facts))
    if said := other_words(finished, share=max(SHARE, guess + BOUNDS.margin)):
        fields = dict(facts.study.fields)
        column = said.column(fields)
        rewritten = {"fields": tuple((fields | {"answer": column}).items())}
        step = NextStep(rewritten) if column else NextStep(words=_OWN_WORDS)
        return Cause(f"{said}; as the references stand, the model is right in {asked:.0%}", step)
    if read := _read_wrongly(finished, accuracy, facts):
        return read
    cut = len(traces) - len(finished)
    ends = (
        f" of its {count_of(len(finished), 'finished text')} ({cut} more were cut)" if cut else ""
    )
    put = f" ({facts.unframed})" if facts.unframed else ""
    text = f"the model is right in {asked:.0%}{ends}{put}; always giving the most frequent answer would be in {guess:.0%}"
    words, asking = "problems that the model can do", {}
    if facts.unframed and facts.study.loading.asking.instruction is None:
        words, asking = f"{words}, or {_TRAINED_PROMPT}", _FRAMED
    return Cause(text, NextStep(words=words, asking=asking, doctor=True))


def _read_wrongly(
    finished: Sequence[Trace], accuracy: dict[str, float], facts: RunFacts
) -> Cause | None:
    """Right answers that most texts state, and that are not what is read of them."""
    share = max(SHARE, accuracy["guess"] + BOUNDS.margin)
    lead, wrongly = common_lead(finished, share=share), misread(finished)
    text = f"the model is right in {accuracy['with']:.0%} as its answers are read, but"
    if lead and lead.strip() != facts.cue.strip():
        text = f"{text} most of its texts state the right answer behind {lead!r}"
        return Cause(text, NextStep(asking={"cue": lead, "answer_after": lead.split("\n")[-1]}))
    if len(wrongly) <= share * len(finished):
        return None
    text = f"{text} {misread_example(wrongly, count_of(len(finished), 'finished text'))}"
    return Cause(text, NextStep(words=_BEFORE_ANSWER, asking={"answer_after": "TEXT"}))


def _merged(text: str, finished: Sequence[Trace], facts: RunFacts) -> Cause | None:
    """A question that does not fit, where most texts write the answer and what stands before it as one token; None where it stands apart."""
    lead = common_lead(finished).partition(ANSWER_PLACE)[0]
    before = lead.rstrip(" ")
    answers = [f"{lead[len(before) :]}{trace.problem.answer}" for trace in finished]
    pairs = zip(finished, answers, strict=True)
    glued = [said for trace, said in pairs if before and f"{before}{said}" in trace.completion]
    tokens = [facts.merged(before, said) for said in glued]
    shared = [token for token in tokens if token]
    if 2 * len(shared) <= len(finished):
        return None
    text = f"{text}; in its own texts the answer is one token with what stands before it ({shared[0]!r}), so that no question can end before the answer"
    return Cause(text, NextStep(words=_OWN_TOKEN))


def _wrong_however_read(finished: Sequence[Trace]) -> bool:
    """Whether texts whose answer cannot be read are the lesser part, and so few of them have the right one anywhere that reading them would change nothing."""
    lost = unread(finished)
    hold = sum(map(_holds_answer, lost))
    return 2 * len(lost) <= len(finished) and hold <= (1 - BOUNDS.read) * len(finished)


def _holds_answer(trace: Trace) -> bool:
    """Whether a text has the right answer anywhere, as it is written, or as a word that says the same at its end."""
    right, text = trace.problem.answer.strip("()[] "), trace.completion.casefold()
    words = (word.strip(_MARKS) for word in text.split()[-_LAST_WORDS:])
    return right.casefold() in text or any(same_answer(word, right) for word in words if word)


def _unread(finished: Sequence[Trace], facts: RunFacts) -> Cause | None:
    """Finished texts whose answer cannot be read; None where they are few."""
    lost = unread(finished)
    if len(lost) <= (1 - BOUNDS.read) * len(finished):
        return None
    asked = f" ({facts.unframed})" if facts.unframed else ""
    text = f"no answer can be read in {len(lost)} of {len(finished)} finished texts{asked}. {unread_example(lost[0])}"
    return Cause(text, _asking(finished, facts))


def _asking(finished: Sequence[Trace], facts: RunFacts) -> NextStep:
    """What to say instead: no marks, where given ones occur nowhere; the words before a right answer; the last number; else the prompt, or a look."""
    think = facts.study.loading.asking.think
    if isinstance(think, tuple) and not any(think[1] in t.completion for t in finished):
        return NextStep(asking={"think": None})
    lead = common_lead(finished)
    if lead and lead.partition(ANSWER_PLACE)[0].strip() != facts.cue.strip():
        return NextStep(asking={"cue": lead, "answer_after": None})
    (_, alike) = Counter(trace.problem.answer for trace in finished).most_common(1)[0]
    share = min(SHARE, alike / len(finished) + BOUNDS.margin)
    if not facts.study.loading.asking.last_number and last_numbers_right(finished, share=share):
        return NextStep(asking={"last_number": True})
    if facts.unframed:
        return NextStep(words=_TRAINED_PROMPT, asking=_FRAMED)
    return NextStep(doctor=True)


def _unexchanged(exchanged: Sequence[Measurement], n: int, facts: RunFacts) -> Cause | None:
    """Too few items got a partner, with the reason that most of them share."""
    reasons = [m.reason for m in exchanged if m.reason]
    count = len(exchanged) - len(reasons)
    if count >= BOUNDS.min_items:
        return None
    wanted = math.ceil(SPARE * BOUNDS.min_items * n / max(count, 1))
    if not reasons:
        text = f"only {count} items could be read, {BOUNDS.min_items} are needed"
        return Cause(text, more(wanted, facts), decides=wanted)
    reason, most = Counter(reasons).most_common(1)[0]
    text = f"only {count} chains could be exchanged, {BOUNDS.min_items} are needed; {most} could not: {reason}"
    if count:
        return Cause(text, more(wanted, facts), decides=wanted)
    step = NextStep(
        words="problems whose answers differ, and chains that fit into the context twice"
    )
    return Cause(text, step)
