"""Whether the order of a list is a part of the answer: `1, 2` and `2, 1` are the same roots of an equation, but not the same ranks.

A question asks for an order by its words (sort, rank, reverse), or by an answer that has things of the question in another order than they stand there.
"""

import re
from functools import lru_cache
from itertools import pairwise

from mechcot.core.problem import Problem
from mechcot.text.answer_equality import sequence
from mechcot.text.entities import occurrences

_FEWEST = 3
"""Fewest elements whose order in the question says anything; one of two may stand there by chance."""
_ASKED = re.compile(
    r"\b(?:sort(?:ed|ing)?\b(?! of)|rank(?:ed|ing)?\b|arrange[ds]?\b|reverse[ds]?\b|(?:a|de)scending|alphabetical(?:ly)?|chronological(?:ly)?|"
    r"(?:increasing|decreasing|numerical|correct|right|same|opposite|that|which|what) order\b|in order(?! (?:to|that)\b)|order (?:them|these|the following)|"
    r"from (?:the )?(?:left|first|top|bottom|\w{3,}est|best|worst|least|most|low|high|small|large|big|young|old|short|tall|slow|fast)\b.{0,30}? to )"
    r"|\b(?:sortier|aufsteigend|absteigend|reihenfolge|ordne\b|umgekehrt|tri(?:e|er|ez)\b|rangez?\b|classe[rz]\b|ordre (?:de|croissant|décroissant|alphab|chrono|inverse)|"
    r"ord(?:e|i)na(?:r|re|te|ndo|ado|ate)?\b|ordene|(?:de|as)cendente|crescente|creciente|alfab[eé]t|sorteer|oplopend|aflopend|volgorde|sırala|posortuj|uporządkuj|rosnąc|malejąc|seřaď|sortera|"
    r"отсортир|упорядоч|возрастани|убывани|порядк|впоряд|зростанн|sắp xếp|thứ tự|urutkan|urutan|क्रम|رتب|ترتيب|تصاعدي|تنازلي)"
    r"|排序|排列|从小到大|从大到小|從小到大|從大到小|升序|降序|顺序|順序|倒序|並べ|昇順|降順|順番|정렬|순서|오름차순|내림차순",
    re.IGNORECASE,
)


def order_counts(problem: Problem) -> bool:
    """Return whether the order of a list is a part of a problem's answer."""
    return _order_counts(problem.question, problem.answer)


@lru_cache(maxsize=65536)
def _order_counts(question: str, answer: str) -> bool:
    elements = sequence(answer)
    if len(elements) < 2:
        return False
    if _ASKED.search(question):
        return True
    found = [occurrences(element, question) for element in elements]
    places = [spans[0][0] for spans in found if spans]
    whole = len(places) == len(elements) >= _FEWEST
    return whole and not all(a < b for a, b in pairwise(places))
