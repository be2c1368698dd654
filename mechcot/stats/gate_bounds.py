"""Gates, and their bounds, fixed before any run; `gates.py` computes them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import pandas as pd

GateSide = Literal["before", "after", "both"]


@dataclass(frozen=True)
class GateBounds:
    """Every bound of the gates, with why it is what it is.

    Attributes:
        accuracy_margin: Accuracy must exceed chance by this much. 0.10: below it fewer than one answer in ten
            owes anything to the question or the chain, and a change of the default smallest effect cannot show.
        accuracy_alpha: A guesser at chance must fail the accuracy gate with at least 1 minus this probability.
        parsed: Share of readable answers. 0.90: a missing tenth of a value in [0, 1] can move a mean by at most 0.1,
            the default smallest effect; more could make a verdict out of unread answers alone.
        finished: Share of chains not cut by the token limit; same reason.
        off_policy: Nats per token above the author's own. 1.0 is e times the author's perplexity: from there the text is
            strange to the reader as text, and ignoring it says little about its own reasoning.
        length_tolerance: Relative length difference of matched own chains. 0.25: inside the spread that one
            model shows between two samples of one question.
        one_sided_drop: Share of a measure's items measurable on one side only; same reason as `parsed`.
        min_items: Fewest items for the shared gates; each measure has its card's `min_items` besides.
        noise_factor: Nothing below this many noise floors counts as an effect.
        accuracy_effect: Smallest accuracy change worth a verdict, and the bound for "did not change".
    """

    accuracy_margin: float = 0.10
    accuracy_alpha: float = 0.05
    parsed: float = 0.90
    finished: float = 0.90
    off_policy: float = 1.0
    length_tolerance: float = 0.25
    one_sided_drop: float = 0.10
    min_items: int = 20
    noise_factor: float = 3.0
    accuracy_effect: float = 0.10


@dataclass(frozen=True)
class Gate:
    """One number against one bound.

    Attributes:
        name: Which gate.
        side: `before`, `after` or `both`.
        value: The number found; NaN when it was not measured.
        bound: The bound it is held against.
        ok: Whether the gate is open.
        reason: One plain sentence, open or closed.
        measure: The only measure it holds for; "" for all.
    """

    name: str
    side: GateSide
    value: float
    bound: float
    ok: bool
    reason: str
    measure: str = ""


def gates_table(gates: Sequence[Gate]) -> pd.DataFrame:
    """The gates as a table: name, side, value, bound, ok, reason, measure, and because: the gate that closes this one, too; "" for none."""
    columns = [*Gate.__dataclass_fields__, "because"]
    rows = [asdict(gate) | {"because": _because(gate, gates)} for gate in gates]
    return pd.DataFrame(rows, columns=columns)


def closed_gates(found: Sequence[Gate], *, measure: str) -> list[Gate]:
    """The failed gates that hold for one measure."""
    return [gate for gate in found if not gate.ok and gate.measure in {"", measure}]


ROOTS = (
    *("reference", "finished", "parsed", "length", "items", "off_policy", "accuracy"),
    *("identity", "range", "one_sided_drop"),
)
"""Gates in the order in which they are to be opened."""
_FOLLOWS: Mapping[str, tuple[str, ...]] = {
    "parsed": ("finished", "off_policy"),
    "items": ("finished", "length"),
    "accuracy": ("finished", "parsed", "items", "off_policy"),
    "length": ("finished",),
    "one_sided_drop": ("finished", "parsed", "items", "off_policy"),
}
"""A gate, and those that close it, too."""


def gate_roots(found: Sequence[Gate]) -> list[Gate]:
    """The closed gates that no other closed gate explains, in the order in which they are to be opened; what was not measured comes last."""
    closed = [gate for gate in found if not gate.ok]
    roots = [gate for gate in closed if not any(_explains(other, gate) for other in closed)]
    return sorted(roots, key=lambda gate: (math.isnan(gate.value), ROOTS.index(gate.name)))


def _because(gate: Gate, found: Sequence[Gate]) -> str:
    """Name of the first root that explains a closed gate; "" where it is open or a root itself."""
    shut = [root for root in gate_roots(found) if not gate.ok and _explains(root, gate)]
    return shut[0].name if shut else ""


def _explains(other: Gate, gate: Gate) -> bool:
    """Whether one closed gate is why another is closed; on the same side, where both have one. What was not measured explains nothing that was."""
    sides = {other.side, gate.side}
    if math.isnan(other.value) and not math.isnan(gate.value):
        return False
    return other.name in _FOLLOWS.get(gate.name, ()) and ("both" in sides or len(sides) == 1)
