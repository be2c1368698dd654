"""Whether a sentence denies the sum that it states: `2 + 2 = 5, which is false`; then the sum is no claim of its step.

Only the sentence itself counts. `2 + 2 = 5. Wait, that is wrong.` states a sum and takes it back: a step that is taken back later was wrong.
"""

import re

_REACH = 80
"""Characters before and behind a sum in which its sentence may deny it."""
_WRONG = (
    r"(?:(?:false|wrong|incorrect|untrue|invalid|impossible|absurd|nonsens\w*|erroneous|mistaken|unsound|inconsistent|contradictory|a lie|an? (?:\w+ )?(?:contradiction|mistake|error|falsehood|impossibility|slip|fallacy)"
    r"|contradict\w*)\b(?! (?:to|for|by)\b)|(?:not|never|n['\u2019]t)(?: \w+)? (?:true|so|right|correct|equal|valid|possible|hold|the case|what|how|sense|work|match|add up|agree)\b|\bno sense\b|\bcan(?:not|['\u2019]t) be\b|\bcannot hold\b|\bn['\u2019]t be\b)"
)
_VERB = r"(?:is|was|are|were|would|must|can|could|seems?|looks?|isn['\u2019]t|wasn['\u2019]t|can['\u2019]t|cannot|doesn['\u2019]t|does|makes?|made|['\u2019]s)"
_AFTER = re.compile(
    # which is false; that's a mistake; this cannot be
    rf"\b(?:which|that|this|it|what)\b ?(?=(?:{_VERB})|contradict)[^,;]{{0,30}}?{_WRONG}"
    # apples is false
    rf"|\A(?:[^\w,;]*[a-z]+){{0,3}}[^\w,;]* (?={_VERB}\b)[^,;]{{0,30}}?{_WRONG}"
    # , a contradiction; (wrong); -- false
    rf"|[,;:(\u2013\u2014-]\s*(?:(?:but|and|so|obviously|clearly|plainly|of course)\s+)?{_WRONG}"
    # \\ne 4, contradicting the first line
    r"|,\s*contradicting\b",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    r"\b(?:(?:false|untrue|impossible|absurd|wrong|incorrect|mistake|mistaken|error|contradiction|fallacy|denies|deny|nobody|nor|never)\b|(?:wrongly|mistakenly|incorrectly|erroneously)\b"
    r"|(?:not|n['\u2019]t|cannot|can['\u2019]t)(?: \w+)? (?:true|so|right|correct|valid|possible|mean|be|say|claim|have|the case|follow|hold|conclude)\b)[^,;:]*\Z",
    re.IGNORECASE,
)
_END = re.compile(r"[.!?](?=\s|\Z)|\n")


def sentence_denies(text: str, start: int, stop: int) -> bool:
    """Whether the sentence that a sum stands in says that it is false.

    Args:
        text: The text.
        start: Where the sum starts.
        stop: Where its result ends.
    """
    behind = text[stop : stop + _REACH]
    end = _END.search(behind)
    before = _END.split(text[max(start - _REACH, 0) : start])[-1]
    return (
        _AFTER.search(behind[: end.start()] if end else behind) is not None
        or _BEFORE.search(before) is not None
    )
