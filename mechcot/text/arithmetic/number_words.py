"""Words that stand for numbers, or bring one in: `three`, `half` (2), `week` (7, 52, 4).

*Ours*: put together from the 400 GSM8K solutions under test. A word is a licence, not a reading: a number of a
chain that some word of the text can imply is taken to be a constant that no fact moves, and when a
fact has the same value the chain is ambiguous.
"""

from collections.abc import Mapping
from fractions import Fraction

from mechcot.text.arithmetic.equations import scan
from mechcot.text.numerals import CARDINALS

_F = Fraction
NUMBER_WORDS: Mapping[str, tuple[Fraction, ...]] = {
    **{word: (_F(value),) for word, value in CARDINALS.items()}, "hundred": (_F(100),),
    "a": (_F(1),), "an": (_F(1),), "another": (_F(1),), "once": (_F(1),), "single": (_F(1),), "each": (_F(1),),
    "half": (_F(2), _F(1, 2), _F(50), _F(3, 2)), "halves": (_F(2), _F(1, 2)), "halfway": (_F(2), _F(1, 2)),
    "twice": (_F(2),), "double": (_F(2),), "doubled": (_F(2),), "doubles": (_F(2),), "both": (_F(2),),
    "pair": (_F(2),), "pairs": (_F(2),), "couple": (_F(2),), "average": (_F(2),), "second": (_F(2), _F(60)),
    "seconds": (_F(60),), "third": (_F(3), _F(1, 3)), "thirds": (_F(3), _F(2, 3), _F(1, 3)),
    "triple": (_F(3),), "tripled": (_F(3),), "thrice": (_F(3),), "quarter": (_F(4), _F(1, 4), _F(25), _F(15)),
    "quarters": (_F(4), _F(1, 4), _F(25), _F(3, 4)), "fourth": (_F(4), _F(1, 4)), "fifth": (_F(5), _F(1, 5)),
    "sixth": (_F(6), _F(1, 6)), "eighth": (_F(8), _F(1, 8)), "tenth": (_F(10), _F(1, 10)),
    "quadruple": (_F(4),), "dozen": (_F(12),), "dozens": (_F(12),), "thousand": (_F(1000),), "million": (_F(10**6),),
    "percent": (_F(100),), "percentage": (_F(100),), "minute": (_F(60),), "minutes": (_F(60),),
    "hour": (_F(60), _F(24), _F(3600)), "hours": (_F(60), _F(24), _F(3600)), "day": (_F(24), _F(7)), "days": (_F(24), _F(7), _F(30), _F(365)),
    "daily": (_F(7), _F(30), _F(365)), "week": (_F(7), _F(52), _F(4)), "weeks": (_F(7), _F(52), _F(4)),
    "weekly": (_F(7), _F(52), _F(4)), "weekday": (_F(5),), "weekdays": (_F(5),), "weekend": (_F(2),), "weekends": (_F(2),),
    "month": (_F(12), _F(30), _F(4)), "months": (_F(12), _F(30), _F(4)), "monthly": (_F(12),),
    "year": (_F(12), _F(365), _F(52)), "years": (_F(12), _F(365), _F(52)), "yearly": (_F(12), _F(365), _F(52)),
    "annual": (_F(12), _F(52)), "decade": (_F(10),), "century": (_F(100),), "dollar": (_F(100),), "cents": (_F(100),),
    "foot": (_F(12), _F(3)), "feet": (_F(12), _F(3)), "inches": (_F(12),), "yard": (_F(3),), "yards": (_F(3),),
    "pound": (_F(16),), "pounds": (_F(16),), "ounces": (_F(16),), "gallon": (_F(4), _F(16)), "gallons": (_F(4), _F(16)),
    "square": (_F(4),), "kilometers": (_F(1000),), "meters": (_F(100), _F(1000)), "kg": (_F(1000),),
}  # fmt: skip
SPELLED = frozenset({*CARDINALS, "dozen"})
FRACTIONS = frozenset({
    "half", "halves", "third", "thirds", "quarter", "quarters", "fourth", "fifth", "sixth", "eighth", "tenth",
})  # fmt: skip
_MULTIPLES = frozenset({"twice", "double", "triple", "hundred"})


def count_numbers(text: str) -> int:
    """How many numbers a text names, in figures or in English words."""
    named = SPELLED | FRACTIONS | _MULTIPLES
    return sum(
        token.kind == "number" or (token.kind == "word" and token.text.lower() in named)
        for token in scan(text)
    )
