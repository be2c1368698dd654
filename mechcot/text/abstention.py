"""Whether a text says that its question cannot be answered: `It cannot be determined.`, `Answer: unknown`, an option that says so.

Only what is said after the chain counts, never what is weighed inside it; of a text without marks that states no answer the last sentence that asks for nothing.
An answer stated later than the phrase takes it back (`The price is unknown, so call it x. Answer: 5`); a phrase behind a condition or under a second denial is none.
Phrases are those of `mechcot.text.abstention_words`, eighteen languages; what they miss counts as an answer.

Source: the task is AbstentionBench's (Kirichenko et al. 2025, arXiv 2506.09038), which asks a judge model; the phrases are ours.
"""

import re
from collections.abc import Iterator

from mechcot.core.trace import Phase, Trace
from mechcot.text.abstention_words import PHRASES, SHORT
from mechcot.text.answers import find_answer, same_answer
from mechcot.text.listed_choices import choices, chosen_letter

_HEDGED = re.compile(
    r"(?:\W+\w+){0,3}?\W+(?:exactly|precisely|more\s+exactly|for\s+(?:sure|certain)|with\s+certainty)\b",
    re.IGNORECASE,
)
"""What follows a phrase that only doubts an answer."""
_MISSING = re.compile(
    r"\b(?:(?:value|result|number|amount|total|it)\s+(?:is|remains)\s+(?:unknown|unknowable|undetermined|indeterminate|unclear)"
    r"|(?:does|do)(?:\s+not|n['\u2019]t)\s+(?:say|state|specify|mention|tell\s+us|give|provide)"
    r"|(?:is|are|was|were)(?:\s+not|n['\u2019]t)\s+(?:given|specified|stated|mentioned|provided|known)|ist\s+nicht\s+(?:angegeben|bekannt))\b",
    re.IGNORECASE,
)
"""What may also be said beside an answer."""
_WHOLE = re.compile(SHORT, re.IGNORECASE)
_ASKS = re.compile(
    r"[?\uff1f]\W*$|\b(?:please|could\s+you|can\s+you|let\s+me\s+know|bitte|por\s+favor|s['\u2019]il\s+vous\s+pla\u00eet)\b",
    re.IGNORECASE,
)
_WANTS = re.compile(
    r"\b(?:please|could\s+you|can\s+you|need\s+(?:you\s+)?to|need)\s+(?:\w+\s+){0,3}?(?:provide|specify|clarify|tell\s+me|give\s+me|know|share|more\s+(?:information|details|context))",
    re.IGNORECASE,
)
_TAKEN_BACK = re.compile(
    r"\b(?:(?:if|unless|would|wenn|falls|\u0435\u0441\u043b\u0438|not\s+(?:true|right|correct|the\s+case)|wrong|false)\b(?:\W+\w+){0,6}|(?:not|never|hardly|\w+n['\u2019]t)(?:\W+\w+)?)\W*$",
    re.IGNORECASE,
)
"""A condition or a second denial shortly before a phrase."""
_LINE = re.compile(rf"(?:</?\w+>)?(?:(?:</?\w+>|[\w*#>\s]){{0,40}}:)?(?:{SHORT})", re.IGNORECASE)
"""A line that says nothing else, behind a label or alone."""
_LONGEST_LINE = 200
"""Characters of such a line at most."""
_TEXT = re.compile(r"\\(?:text|textbf|mathrm|mathbf)\s*\{([^{}]*)\}")
_SENTENCE = re.compile(r"[.!?;\n\u3002\uff01\uff1f](?:\s|$)|\n")


def abstains(trace: Trace) -> bool:
    """Return whether a model says after its chain that the question cannot be answered, or asks for what is missing.

    Args:
        trace: What it wrote. A text that was cut says nothing.
    """
    problem, answer = trace.problem, trace.answer.text
    if not trace.finished or (problem.answerable and says_unknown(problem.answer)):
        return False
    if same_answer(
        answer, problem.answer
    ):  # a reference kept from before the question was cut short is no abstention
        return not problem.answerable and says_unknown(problem.answer)
    said = _said(trace)
    if answer is not None:
        listed = choices(problem.question)
        option = listed.spans.get(chosen_letter(answer) or "") if listed else None
        if option is not None:
            return says_unknown(problem.question[option.start : option.stop])
        if says_unknown(answer):
            return True
    phrase = max(_phrases(said), default=None)
    if phrase is None:
        signs = (_MISSING.search(said), _WANTS.search(said), _alone(said))
        return answer is None and any(signs)
    stated = find_answer(said, otherwise="nothing")
    return stated is None or stated.start <= phrase


def _alone(text: str) -> bool:
    """Whether a line says nothing but that something cannot be known."""
    lines = (line for line in text.splitlines() if len(line) <= _LONGEST_LINE)
    return any(_LINE.fullmatch(line) for line in lines)


def says_unknown(text: str) -> bool:
    """Return whether a short text says that something cannot be known."""
    text = _TEXT.sub(r"\1", text)
    return _WHOLE.fullmatch(text) is not None or any(True for _ in _phrases(text))


def _phrases(text: str) -> Iterator[int]:
    """Where a phrase begins that nothing in its sentence takes back."""
    for match in PHRASES.finditer(text):
        before = text[max(match.start() - 200, 0) : match.start()]
        doubts = _HEDGED.match(text, match.end(), match.end() + 80) and re.search(r"\d", text)
        if not doubts and not _TAKEN_BACK.search(_SENTENCE.split(before)[-1]):
            yield match.start()


def _said(trace: Trace) -> str:
    """What stands behind the chain; without such a part the last sentence that asks for nothing, and what is asked behind it."""
    behind = "".join(step.text for step in trace.steps if step.phase is not Phase.CHAIN)
    if behind.strip():
        return behind
    steps = [step.text for step in trace.chain_steps if step.text.strip()]
    place = next(
        (i for i in range(len(steps) - 1, -1, -1) if not _ASKS.search(steps[i].strip())), 0
    )
    return "".join(steps[place:])
