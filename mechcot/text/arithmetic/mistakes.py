r"""A plain mistake for any text: a value that the step states becomes another.

    result    the number behind a sign of equality or an arrow, in `\boxed{}`, behind a verb that states (`is`, `makes`, `ergibt`,
              `donne`, `等于`), or alone behind a colon (`Total: 7 apples`)
    operand   a number that an operator joins to another (`3 + 4`), where the step has no result

The last result changes, with every other result of the step that is the same number (`<<3+4=7>>7`); else the last operand. A
number that names or counts something (`mechcot.text.arithmetic.number_references`), an exponent, an index, a percentage of something never changes. The new
number has as many digits, the same commas and decimals, and never begins with 0 unless the old one did or it is a single digit.
A step that states no value takes no mistake. Whether the value matters for the answer is not known: where a maker of counterfactuals
can be had, its values are the better mistakes.

*Ours*. The verbs are samples of some languages; a text in another one is measurable where it writes signs.
"""

import random
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from mechcot.text.arithmetic.equations import Token, equations, leaves, scan
from mechcot.text.arithmetic.number_references import exponent, refers

_VERBS = (
    r"is|are|was|were|be|being|equals?|equal\s+to|equalling|gives?|gave|giving|gets?|got|getting|makes?|made|making|yields?|yielding|"
    r"becomes?|became|leaves?|left|leaving|has|have|had|having|totals?|totaling|totalling|obtains?|obtained|finds?|found|remains?|reach(?:es)?|"
    r"reached|costs?|pays?|paid|earns?|earned|needs?|needed|spends?|spent|saves?|saved|owns?|holds?|contains?|takes?|took|sells?|sold|buys?|"
    r"bought|eats?|ate|uses?|used|adds?\s+up\s+to|comes?\s+to|comes?\s+out\s+(?:as|to)|amounts?\s+to|sums?\s+to|goes\s+to|moves?\s+to|drops?\s+to|"
    r"rises?\s+to|falls?\s+to|grows?\s+to|simplif(?:y|ies)\s+to|reduces?\s+to|evaluates?\s+to|leads?\s+to|results?\s+in|returns?|produces?|"
    r"(?:a|the)\s+total\s+of|(?:a|the)\s+sum\s+of|(?:a|the)\s+value\s+of|now\s+at|"
    r"ist|sind|war|waren|ergibt|ergeben|macht|hat|haben|bleiben|bleibt|beträgt|betragen|kostet|erhalten|erhält|bekommt|"
    r"est|sont|était|donne|donnent|fait|font|vaut|valent|obtient|obtenons|reste|restent|coûte|a|ont|"
    r"es|son|era|da|dan|resulta|tiene|tienen|quedan?|cuestan?|obtenemos|suman|vale|é|são|dá|fica|tem|obtemos|è|sono|fa|fanno|ottiene|otteniamo|"
    r"blijft|krijgt|geeft|"
    r"равно|равен|равна|будет|получаем|получается|остаётся|остается|составляет|это"
)
_ADVERBS = (
    r"now|then|only|just|exactly|about|approximately|roughly|also|therefore|thus|hence|still|simply|precisely|to|be|again|all|together|"
    r"another|at|with|us|him|her|it|them|me|you|das|es|uns|wir|sie|cela|ça|nous|(?:a|the)\s+total\s+of|equal\s+to|jetzt|nun|genau|also|noch|donc|exactement|encore|maintenant|ahora|entonces|теперь"
)
_SIGNS = r"=|＝|\u2248|\u2245|\u2243|\u2261|->|=>|\u2192|\u21d2|\u27f6|\\(?:approx|to|rightarrow|Rightarrow|implies|equiv)(?![A-Za-z])|>>"
_CJK = r"等于|等於|得到|得|共有|一共|总共|總共|剩下|还剩|還剩|是|为|為|有|は|が|で|なので|は全部で|는|은|이|="
_OPENING = r"(?:\s|\*\*|__|\$|[€£¥￥]|\\[$(\[ ,;!:]|\\[dt]?frac\{|\\(?:text|mathbf|mathrm)\{|[({]?[-\u2212+])*"
_STATES = re.compile(
    rf"(?:(?<![<>!≤≥])(?:{_SIGNS})|\\boxed\s*\{{|(?<![^\W\d_])(?:{_VERBS})(?:[,:]?\s+(?:{_ADVERBS}))*[:]?\s+|(?:{_CJK})[了:：]?)"
    rf"{_OPENING}\Z",
    re.IGNORECASE,
)
_COLON = re.compile(rf"[^\W\d_][\s*_)]*[:：]{_OPENING}\Z|\d[)\s*_]*[:：]{_OPENING}\Z")
_ENDS = re.compile(
    r"(?:\s*(?:%|\\%|\$|\*\*|€|[^\W\d_]+\.?(?=[\s.,;!。]|\Z))){0,4}\s*[.!。;]?\s*(?:\*\*|\$)?\s*(?:\n|\Z)"
)
_COUNTED = re.compile(
    r"\s*(?:more\s+|main\s+|further\s+|different\s+)?(?:steps?|cases|parts|equations?|unknowns?|variables?|conditions?|things|questions?|facts|clues|"
    r"Schritte|Fälle|Teile|Gleichungen|étapes|cas|équations|pasos|casos|ecuaciones)\b",
    re.IGNORECASE,
)
_NOT_STATED = re.compile(
    r"[A-Za-z](?![A-Za-z])|\s*(?:%|\\%|percent)\s+of\b|(?:\.\d|,\d|:\d)", re.IGNORECASE
)
_HEADED = re.compile(
    r"(?:step|number|no|page|part|question|version|date|figure|id|case|chapter|section|schritt|étape|paso|шаг|步骤|步|第)[\s*_]*[:：]\W*\Z",
    re.IGNORECASE,
)
_INSIDE = re.compile(r"\d[.,]?\d|[.,]\d|[^\W\d_\u2e80-\U0010ffff]{2}")
_REACH = 60


@dataclass(frozen=True)
class NumberMistake:
    """A `MistakeWriter` that changes a number."""

    def __call__(self, question: str, steps: Sequence[str], *, seed: int) -> str | None:  # noqa: ARG002 - the step alone decides
        """Give the last step with one stated value changed; None when it states none."""
        step = steps[-1]
        places = stated(step)
        if not places:
            return None
        new = _other(places[-1].text, random.Random(seed))
        for token in reversed(places):
            step = f"{step[: token.start]}{new}{step[token.stop :]}"
        return step


def stated(step: str) -> list[Token]:
    """Every place where a step states its last result, or else its last operand; none when it states no value."""
    tokens = scan(step)
    numbers = values_in(step, tokens)
    results = [token for token in numbers if _is_result(step, token)]
    if results:
        return [token for token in results if token.text == results[-1].text]
    operands = _operands(tokens)
    return [token for token in numbers if token in operands][-1:]


def values_in(step: str, tokens: Sequence[Token]) -> list[Token]:
    """The numbers of a step that state or use a value: no labels, names or exponents."""
    return [
        token
        for token in tokens
        if token.kind == "number"
        and not refers(step, token.start, token.stop)
        and not exponent(step, token.start)
    ]


def _is_result(step: str, token: Token) -> bool:
    """Return whether a number is stated: behind a sign or a verb that states, or alone behind a colon."""
    before = step[max(0, token.start - _REACH) : token.start]
    after = step[token.stop :]
    if _NOT_STATED.match(after) or _COUNTED.match(after) or _goes_on(after):
        return False
    if _STATES.search(before):
        return True
    colon = _COLON.search(before) is not None and _HEADED.search(before) is None
    return colon and _ENDS.match(after) is not None


def _goes_on(after: str) -> bool:
    """Return whether an operator and another operand follow, so that the number is no result (a fraction is)."""
    operator = re.match(
        r"\s*(?:[-+*\u2212\u00d7\u00b7\u00f7^]|\\(?:times|cdot|div)|\s/)\s*[\d(\\$]", after
    )
    return operator is not None and not re.match(r"\s*\\[,;!)\]]|\s*\$", after)


def _operands(tokens: list[Token]) -> list[Token]:
    """Numbers that an operator joins to another: leaves of an equation, and neighbours of `3 + 4` (not of `3-4`, `3/4`, `1 - `)."""
    operands = [
        tokens[leaf]
        for equation in equations(tokens)
        for leaf in leaves(equation.left)
        if not _is_percentage(tokens, leaf)
    ]
    for at in range(1, len(tokens) - 1):
        left, sign, right = tokens[at - 1 : at + 2]
        spaced = left.stop < sign.start and sign.stop < right.start
        joins = sign.kind == "op" and (spaced or sign.text not in "-\u2013\u2212/^xX")
        if joins and sign.text != "^" and left.kind == right.kind == "number":
            operands += [left, right]
    return operands


def _is_percentage(tokens: list[Token], at: int) -> bool:
    return at + 1 < len(tokens) and tokens[at + 1].kind == "percent"


def _other(text: str, rng: random.Random) -> str:
    """Another number of the same form, in the digits of the same script."""
    digits = [place for place, sign in enumerate(text) if sign.isdigit()]
    while True:
        new = list(text)
        for place in digits:
            zero = ord(text[place]) - unicodedata.digit(text[place])
            first = place == digits[0] and len(digits) > 1 and text[place] != chr(zero)
            new[place] = chr(zero + rng.randrange(1 if first else 0, 10))
        if "".join(new) != text:
            return "".join(new)


def end_of_mistake(step: str, wrong: str) -> int:
    """Return where a wrong step has said what is wrong: behind the last number or word that differs.

    Args:
        step: The step.
        wrong: The step with the mistake.
    """
    longest = min(len(step), len(wrong)) - shared_start(step, wrong)
    same = min(longest, shared_start(step[::-1], wrong[::-1]))
    while same and _in_word(step, len(step) - same):
        same -= 1
    return len(wrong) - same


def shared_start(one: Sequence, other: Sequence) -> int:
    """Length of the longest common beginning."""
    both = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], both))


def _in_word(text: str, at: int) -> bool:
    """Return whether a position stands inside a word or a number: `1|2`, `1|.5`, `1.|5` (a sign of Chinese is a word)."""
    return _INSIDE.match(text[at - 1 : at + 2]) is not None
