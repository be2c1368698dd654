"""Checks that a rendered prompt holds its question, whole and unchanged."""

import html
import json

from mechcot.core.problem import Problem


def lost_in_prompt(problem: Problem, prompt: str) -> str:
    """Sentence on the part of a question that a prompt lacks; "" when it lacks nothing.

    Letters and digits are compared, as they are and as HTML or JSON escape them.
    """
    question, there = problem.question.strip(), _ink(prompt)
    wanted = _ink(question)
    spellings = (question, html.escape(question), json.dumps(question, ensure_ascii=False)[1:-1])
    if question in prompt or (wanted and any(_ink(text) in there for text in spellings)):
        return ""
    wanted = wanted or question
    shared = next((n for n in range(len(wanted) - 1, 0, -1) if wanted[:n] in there), 0)
    if shared < min(8, len(wanted)):
        return "the prompt holds nothing"
    return f"the prompt holds {shared} of {len(wanted)} letters and digits, then something else"


def _ink(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def altered(problem: Problem, prompt: str) -> str:
    """Sentence on the change of a question whose words are all in the prompt; "" when nothing changed."""
    question = problem.question.strip()
    count = prompt.count(question)
    if count > 1 and len(_ink(question)) > 1:
        return f"the template writes the question {question[:40]!r} {count} times"
    if count == 0:
        return f"the template changes signs, case or white space in the question {question[:40]!r}"
    return ""
