"""The pruning frontier of some traces in one call, in memory. `mechcot prune` keeps, resumes and sets a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from mechcot.core.argument_kinds import checked
from mechcot.core.display import Displayed
from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.progress import progress_bar
from mechcot.core.trace import Trace
from mechcot.core.wording import count_of
from mechcot.model.generation.ask_answer import LONGEST_ANSWER
from mechcot.model.reasoner import Reasoner
from mechcot.pruning.accuracy_by_share import (
    accuracy_by_share,
    agreements_of,
    points_of,
    truth_rows,
)
from mechcot.pruning.run import SHARES, PruneSettings, item, readable
from mechcot.stats.measurement_tables import rows_of

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True, eq=False, repr=False)
class Frontier(Displayed):
    """Accuracy of a model's answers against the share of the chain that is kept.

    Attributes:
        model: Name of the model that answers.
        by: The order that the others are compared with.
        n: Traces that were pruned.
        table: One row per order, executor and share, see `to_frame`.
        needed: Precision and recall of every order against the steps that are known to be needed, with 95 % intervals; empty where nobody knows.
        left_out: Ids of traces that could not be pruned, with the reason.
    """

    model: str
    by: str
    n: int
    table: pd.DataFrame
    needed: pd.DataFrame
    left_out: dict[str, str]

    def __repr__(self) -> str:
        """Accuracy by share kept, a column an order; the text of dropped steps is gone."""
        kept = self.table[self.table["executor"] == "repack"]
        wide = kept.pivot_table(index="share", columns="method", values="accuracy", sort=False)
        text = wide.rename_axis("kept", axis="index").rename_axis(None, axis="columns")
        head = f"Pruning frontier of {self.model}, n = {count_of(self.n, 'trace')}: accuracy by share of the chain kept (text of the rest gone)"
        gone = [f"  left out: {name} ({reason})" for name, reason in self.left_out.items()]
        return "\n".join([head, text.to_string(float_format="{:.2f}".format), *gone])

    def to_frame(self) -> pd.DataFrame:
        """One row per `executor` (`repack`: the text is gone; `mask`: hidden from attention), `share` of the budget and `method`.

        `accuracy` with its 95 % interval `low` and `high`, `kept` (mean share of the chain's tokens that was in fact kept), `same` (share with
        the unpruned answer), `unread` (share of answers that could not be read), `n`, and `lead` with `lead_low` and `lead_high`: accuracy
        of `by` minus this order's.
        """
        return self.table

    def plot(self) -> "go.Figure":
        """One line an order, one panel an executor."""
        from mechcot.view.figures.pruning_frontier import pruning_frontier

        return pruning_frontier(rows_of(self.table), n=int(self.table["n"].max()))


@checked
def frontier(
    reader: Reasoner,
    traces: Sequence[Trace],
    *,
    by: str = "",
    shares: Sequence[float] = SHARES,
    answer_tokens: int = LONGEST_ANSWER,
    seed: int = 0,
) -> Frontier:
    """Keep fewer and fewer of each chain's tokens, by several orders at equal budgets, and ask for the answer each time.

    Cost: some forwards a step (what hiding it does) and two answers for every order and share.

    Args:
        reader: The model that answers.
        traces: The chains, by whomever they were written.
        by: Order that the others are compared with: `suppression`, `attention` or `deletion`; "": the first that the model allows.
        shares: Shares of the chain's tokens to keep, from 0 to 1; nothing and everything are always tried.
        answer_tokens: Longest answer, in tokens.
        seed: Of the random order and the resampling.

    Raises:
        UserError: A share out of range, no such order, or no trace can be pruned; each trace's reason is said.

    Example:
        >>> import mechcot as mc
        >>> base = mc.load("organism:base")
        >>> traces = base.write(mc.problems("mod10", n=1))
        >>> mc.pruning.frontier(base, traces, shares=[0.5]).to_frame()["share"].unique().tolist()
        [0.0, 0.5, 1.0]
    """
    settings = PruneSettings(
        keep=1.0, by=by, shares=tuple(shares), seed=seed, answer_tokens=answer_tokens
    )
    settings = settings.chosen(reader)
    usable, every, left_out = readable(reader, traces)
    items = []
    for trace in progress_bar(usable, desc=f"{reader.name} prunes", unit="trace", delay=2):
        try:
            items.append(item(reader, trace, every=every, settings=settings))
        except NotMeasurable as error:
            left_out.append({"id": trace.id, "reason": str(error)})
    reasons = {entry["id"]: entry["reason"] for entry in left_out}
    if not items:
        raise UserError(
            f"none of {count_of(len(traces), 'trace')} can be pruned: {'; '.join(sorted(set(reasons.values())))}"
        )
    return Frontier(
        model=reader.name,
        by=settings.by,
        n=len(items),
        table=accuracy_by_share(points_of(items), reference=settings.by, seed=seed),
        needed=pd.DataFrame(truth_rows(agreements_of(items), seed=seed)),
        left_out=reasons,
    )
