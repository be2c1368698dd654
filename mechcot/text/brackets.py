"""Brackets, boxes, quotations and emphasis around an answer: what closes them, and where."""

_PAIRED = {"{": "}", "(": ")", "[": "]", "**": "**", "$": "$", "<answer>": "</answer>"}
"""What ends an answer behind a text that ends so."""
_CLOSES = {"]": "[", "}": "{", ")": "(", '"': '"'}


def pair_of(lead: str) -> str | None:
    """What closes an answer behind a text that opens a bracket, box or emphasis; None behind others."""
    return next((close for opened, close in _PAIRED.items() if lead.endswith(opened)), None)


def opened_for(text: str, cue: str) -> str:
    """What a text must keep for a cue that closes a bracket or quotation: its beginning, up to the one that stays open; "" where the cue closes none.

    `{"steps": [3, 7` before `], "answer": ` keeps `{"steps": [`.

    Args:
        text: What stands before the cue.
        cue: The question for the answer.
    """
    close = cue.lstrip()[:1]
    if close not in _CLOSES:
        return ""
    waiting: list[int] = []
    for place, sign in enumerate(text):
        if sign == close and (waiting or sign != _CLOSES[close]):
            waiting[-1:] = []
        elif sign == _CLOSES[close]:
            waiting.append(place)
    return text[: waiting[-1] + 1] if waiting else ""


def closed_at(text: str, start: int, close: str | None) -> int:
    """Where a bracket that is open at `start` closes; -1 where it does not. Braces inside a box stay balanced."""
    depth = 0
    for position in range(start, len(text) if close else 0):
        if text[position] == "{" and close == "}":
            depth += 1
        elif text.startswith(str(close), position):
            if depth == 0:
                return position
            depth -= 1
    return -1
