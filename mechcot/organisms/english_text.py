"""Sentences with holes: written from a template, and read back by it."""

import re
from collections.abc import Mapping
from functools import cache

PEOPLE = (
    *("Anna", "Ben", "Carl", "Dora", "Emma", "Frank", "Grace", "Henry"),
    *("Ivan", "Julia", "Kate", "Leo", "Mary", "Nina", "Oscar", "Paul"),
)
THINGS = (
    *("apples", "books", "cards", "coins", "stamps", "shells", "pens", "balls"),
    *("cups", "keys", "flowers", "stones"),
)
_PERSON, _NUMBER = "|".join(PEOPLE), r"[1-9]\d?"
_HOLES = {
    **dict.fromkeys(("who", "of", "also"), _PERSON),
    **dict.fromkeys(("n", "m", "left", "right"), _NUMBER),
    "thing": "|".join(THINGS),
    "sign": r"[+-]",
}
"""Hole to what may stand in it."""
_HOLE = re.compile(r"\{(\w+)\}")
Templates = Mapping[str, tuple[str, ...]]
"""Kind of sentence to its wordings."""


def holes(template: str) -> tuple[str, ...]:
    """The holes of a template in their order."""
    return tuple(_HOLE.findall(template))


def say(template: str, words: Mapping[str, object]) -> str:
    """A sentence."""
    return template.format_map(words)


@cache
def pattern(template: str) -> re.Pattern[str]:
    """A pattern of the sentences of a template, with a group a hole."""
    parts = _HOLE.split(template)
    return re.compile(
        "".join(
            f"(?P<{part}>{_HOLES[part]})" if place % 2 else re.escape(part)
            for place, part in enumerate(parts)
        )
    )


def hear(templates: Templates, sentence: str) -> tuple[str, int, dict[str, str]] | None:
    """Kind, wording and words of a sentence; None where no template gives it."""
    for kind, wordings in templates.items():
        for form, template in enumerate(wordings):
            if match := pattern(template).fullmatch(sentence):
                return kind, form, match.groupdict()
    return None
