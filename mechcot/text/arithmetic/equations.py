r"""Numbers and equations in running text, exactly (fractions, never floats, never eval).

`scan` cuts a text into numbers, operators, words and stops; `equations` finds every `expression = number`
whose left side parses: `16 - 3 - 4 = 9`, `<<16-3-4=9>>`, `10 hours * 30 miles per hour = 300`,
`\frac{12}{4} \times 2 = 6`, `20% of 50 = 10`. Units after a number are passed over. Of all left sides that
end at the sign the longest one that checks out is taken; if none does, the longest that parses, so
that the caller can see that the arithmetic is wrong.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

_TOKEN = re.compile(
    r"(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d])|\d+(?:\.\d+)?|(?<![\w.])\.\d+)"
    r"|(?P<skip>\\?\$|[\u20ac\u00a3\u00a5\u20b9]|\*\*|\\[,;!: ]|\\(?:left|right|displaystyle)\b|[^\S\n]|~|&|\\(?:text|mathrm|textbf|mathbf)\{[^{}\n]*\})"
    r"|(?P<frac>\\[dt]?frac\b)"
    r"|(?P<percent>\\?%)"
    r"|(?P<op>\\times\b|\\cdot\b|\\div\b|[-+*/^\u2212\u00d7\u00b7\u00f7\u2013]|(?<![A-Za-z])[xX](?![A-Za-z]))"
    r"|(?P<equals>(?<![<>!=])=(?![=>]))"
    r"|(?P<left>[({\[])|(?P<right>[)}\]])"
    r"|(?P<word>[A-Za-z]+(?:['\u2019][a-z]+)?)"
    r"|(?P<stop>\\[\[\]()]|.)",
    re.DOTALL,
)
_OPERATORS = {
    "\\times": "*", "\\cdot": "*", "\\div": "/", "\u2212": "-", "\u2013": "-", "\u00d7": "*",
    "\u00b7": "*", "\u00f7": "/", "x": "*", "X": "*",
}  # fmt: skip
_MOST_UNITS = 4
_LONGEST_SIDE = 120
_MOST_DIGITS = 100


@dataclass(frozen=True)
class Token:
    """A token of arithmetic: what it is, its text, and where it stands."""

    kind: str
    text: str
    start: int
    stop: int

    @property
    def value(self) -> Fraction:
        """The exact value of a number."""
        return Fraction(self.text.replace(",", ""))


# A number holds the index of its token; `percent`, `negative` and the operators hold nodes.
Node: TypeAlias = tuple


@dataclass(frozen=True)
class Equation:
    """`left = result`.

    Attributes:
        left: The expression; its leaves are indices into the scanned tokens.
        result: Index of the result's token.
        sign: -1 when a minus stands before the result.
    """

    left: Node
    result: int
    sign: int

    def holds(self, value: "Callable[[int], Fraction]") -> bool:
        """Return whether it checks out exactly."""
        left = evaluate_node(self.left, value)
        return left is not None and left == self.sign * value(self.result)


def scan(text: str) -> list[Token]:
    """Cut a text into tokens; white space, currency signs and the like are dropped. A number of over a hundred digits is a stop."""
    return [
        Token(_kind(match), match.group(), match.start(), match.end())
        for match in _TOKEN.finditer(text)
        if match.lastgroup != "skip"
    ]


def _kind(match: re.Match[str]) -> str:
    endless = match.lastgroup == "number" and len(match.group()) > _MOST_DIGITS
    return "stop" if endless or match.lastgroup is None else match.lastgroup


def leaves(node: Node) -> list[int]:
    """The number tokens of an expression, from left to right."""
    if node[0] == "number":
        return [node[1]]
    return [leaf for child in node[1:] for leaf in leaves(child)]


def evaluate_node(node: Node, value: Callable[[int], Fraction]) -> Fraction | None:
    """Evaluate an expression; None where it divides by zero or raises to an unusual power."""
    kind = node[0]
    if kind == "number":
        return value(node[1])
    parts: list[Fraction] = []
    for child in node[1:]:
        part = evaluate_node(child, value)
        if part is None:
            return None
        parts.append(part)
    if kind == "percent":
        return parts[0] / 100
    if kind == "negative":
        return -parts[0]
    return _apply(kind, parts[0], parts[1])


def _apply(operator: str, a: Fraction, b: Fraction) -> Fraction | None:
    if operator == "/":
        return a / b if b else None
    if operator == "^":
        whole = b.denominator == 1 and 0 <= b <= 8 and abs(a) < 10**6
        return Fraction(a ** int(b)) if whole else None
    return {"+": a + b, "-": a - b, "*": a * b}[operator]


class _Parser:
    """Recursive descent over a stretch of tokens; `None` anywhere means that it does not parse."""

    def __init__(self, tokens: list[Token], start: int, stop: int) -> None:
        self.tokens, self.here, self.stop, self.operators = tokens, start, stop, 0

    def whole(self) -> Node | None:
        node = self.sum()
        return node if node is not None and self.here == self.stop and self.operators else None

    def peek(self) -> Token | None:
        return self.tokens[self.here] if self.here < self.stop else None

    def operator(self, among: str) -> str | None:
        token = self.peek()
        if token is None or token.kind != "op":
            return None
        name = _OPERATORS.get(token.text, token.text)
        if name not in among:
            return None
        self.here += 1
        self.operators += 1
        return name

    def sum(self) -> Node | None:
        node = self.product()
        while node is not None and (name := self.operator("+-")):
            right = self.product()
            node = None if right is None else (name, node, right)
        return node

    def product(self) -> Node | None:
        node = self.power()
        while node is not None:
            name = self.operator("*/") or self.beside(node)
            if not name:
                break
            right = self.power()
            node = None if right is None else (name, node, right)
        return node

    def beside(self, node: Node) -> str | None:
        """`20% of 50` and `2(3 + 4)` multiply."""
        token = self.peek()
        if token is None:
            return None
        of = token.kind == "word" and token.text == "of" and node[0] in {"percent", "/"}
        touching = (
            token.kind == "left"
            and token.text == "("
            and token.start == self.tokens[self.here - 1].stop
        )
        if of:
            self.here += 1
        elif not touching:
            return None
        self.operators += 1
        return "*"

    def power(self) -> Node | None:
        node = self.atom()
        if node is not None and self.operator("^"):
            right = self.atom()
            return None if right is None else ("^", node, right)
        return node

    def atom(self) -> Node | None:
        token = self.peek()
        if token is None:
            return None
        self.here += 1
        if token.kind == "number":
            node: Node | None = ("number", self.here - 1)
        elif token.kind == "left":
            node = self.closed()
        elif token.kind == "frac":
            node = self.fraction()
        elif token.kind == "op" and token.text in "-\u2212":
            inner = self.atom()
            return None if inner is None else ("negative", inner)
        else:
            return None
        return None if node is None else self.units(node)

    def closed(self) -> Node | None:
        node = self.sum()
        token = self.peek()
        if node is None or token is None or token.kind != "right":
            return None
        self.here += 1
        return node

    def fraction(self) -> Node | None:
        parts: list[Node] = []
        for _ in range(2):
            token = self.peek()
            if token is None or token.kind != "left":
                return None
            self.here += 1
            part = self.closed()
            if part is None:
                return None
            parts.append(part)
        self.operators += 1
        return ("/", parts[0], parts[1])

    def units(self, node: Node) -> Node:
        """Pass over a percent sign and a few words of unit (`miles per hour`, `miles/hour`)."""
        token = self.peek()
        if token is not None and token.kind == "percent":
            self.here += 1
            return ("percent", node)
        for _ in range(_MOST_UNITS):
            token = self.peek()
            if token is None or token.kind != "word" or token.text == "of":
                break
            self.here += 1
            ahead = self.tokens[self.here : min(self.here + 2, self.stop)]
            if len(ahead) == 2 and ahead[0].text == "/" and ahead[1].kind == "word":
                self.here += 1
        return node


def equations(tokens: list[Token]) -> list[Equation]:
    """Every `expression = number`, in order of its sign of equality."""
    parsed: list[Equation] = []
    for sign_at, token in enumerate(tokens):
        if token.kind != "equals":
            continue
        right = result_at(tokens, sign_at + 1)
        if right is None:
            continue
        result, sign = right
        options = [Equation(left, result, sign) for _, left in left_sides(tokens, sign_at)]
        good = [option for option in options if option.holds(lambda index: tokens[index].value)]
        if options:
            parsed.append((good or options)[0])
    return parsed


def result_at(tokens: list[Token], at: int) -> tuple[int, int] | None:
    """Index and sign of the number right of `=`; None when an expression stands there.

    A calculator mark may stand between (`= <<9*2=18>>18`): then the mark's own equation is found at its own sign.
    """
    sign = 1
    if at < len(tokens) and tokens[at].text in {"-", "\u2212"}:
        at, sign = at + 1, -1
    if at >= len(tokens) or tokens[at].kind != "number":
        return None
    following = tokens[at + 1] if at + 1 < len(tokens) else None
    if following is not None and following.kind in {"op", "left"}:
        ahead = tokens[at + 2] if at + 2 < len(tokens) else None
        if ahead is not None and ahead.kind in {"number", "left", "frac"}:
            return None
    return at, sign


def side(tokens: list[Token], start: int, stop: int) -> Node | None:
    """The expression that a stretch of tokens is as a whole, a number alone included."""
    parser = _Parser(tokens, start, stop)
    node = parser.sum()
    return node if parser.here == stop else None


def left_sides(tokens: list[Token], sign_at: int) -> list[tuple[int, Node]]:
    """Expressions that end right before the sign, each with its first token, longest first."""
    floor = sign_at
    while (
        floor > 0
        and sign_at - floor < _LONGEST_SIDE
        and tokens[floor - 1].kind not in {"equals", "stop"}
    ):
        floor -= 1
    sides: list[tuple[int, Node]] = []
    for start in range(floor, sign_at):
        opens = tokens[start].kind in {"number", "left", "frac"} or tokens[start].text in {
            "-",
            "\u2212",
        }
        if opens and not (start > floor and tokens[start - 1].kind in {"op", "frac"}):
            node = _Parser(tokens, start, sign_at).whole()
            if node is not None:
                sides.append((start, node))
    return sides
