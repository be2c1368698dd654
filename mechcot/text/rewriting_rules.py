"""Rules that write a text otherwise: `FROM->TO`, several of them between semicolons; a star in FROM stands for any text, one in TO for what it was.

`cup *->*` makes `white` of `cup white`, `*->cup *` the other way round, `true->Yes;false->No` makes `Yes` of `true`.
"""

import re
from collections.abc import Iterator

STAR, ARROW, SEMICOLON = "*", "->", ";"


def rewritten(text: str, rules: str) -> str:
    """A text as the first rule that fits it whole writes it, capitals aside; one that none fits as it stands."""
    for pattern, target in _split(rules):
        before, star, behind = pattern.partition(STAR)
        part = "(.*)" if star else ""
        match = re.fullmatch(
            re.escape(before) + part + re.escape(behind), text.strip(), re.IGNORECASE | re.DOTALL
        )
        if match is not None:
            return target.replace(STAR, match[1] if star else "").strip()
    return text


def are_rules(text: str) -> bool:
    """Return whether a text is rules."""
    return bool(text) and all(
        pattern.strip() and pattern.count(STAR) <= 1 for pattern, _ in _split(text)
    )


def _split(rules: str) -> Iterator[tuple[str, str]]:
    for rule in rules.split(SEMICOLON):
        pattern, arrow, target = rule.partition(ARROW)
        yield (pattern, target) if arrow else ("", "")
