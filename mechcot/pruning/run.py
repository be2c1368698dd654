"""`mechcot prune`: which steps can go before the answer changes, by several orders at equal budgets.

DIR/ gets pruned.jsonl (the traces without their dropped steps), frontier.parquet and points.parquet, prune.json
(what the page shows) and index.html. Finished items lie under items/ and are not read again.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

from mechcot.core.card import Need
from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.notices import print_notice
from mechcot.core.progress import progress_bar
from mechcot.core.store import digest, nan_to_none, write_bytes, write_json, write_text
from mechcot.core.trace import Phase, Trace
from mechcot.core.wording import count_of
from mechcot.influence.critical_set import within_budget
from mechcot.influence.expected_mass import ExpectedAttention
from mechcot.influence.step_weights import attention_mass, attention_weights, suppression_weights
from mechcot.model.generation.ask_answer import LONGEST_ANSWER
from mechcot.model.internals.capabilities import lacks
from mechcot.model.loading.preflight import preflight, rendered
from mechcot.model.reasoner import Reasoner
from mechcot.pruning.accuracy_by_share import (
    accuracy_by_share,
    agreements_of,
    points_of,
    truth_rows,
)
from mechcot.pruning.rankings import CHOICES, Ranking, overlap, rankings
from mechcot.pruning.removal import EXECUTORS, deletion_effects
from mechcot.runs.executor import SERIAL, Executor
from mechcot.runs.items import Items, json_items
from mechcot.runs.output_claims import claimed
from mechcot.runs.reader_keys import precision, read_by
from mechcot.tasks import first_right_step, missing_for, task_of
from mechcot.text.answer_outcomes import is_right
from mechcot.text.unread_answers import check_read
from mechcot.view.pages.pruning import pruning_page

_NEEDS: Mapping[str, Need] = {"suppression": "hiding", "attention": "attention"}
"""What each closure needs of a model."""
_WITHOUT = {
    "suppression": "by suppression, and with dropped steps masked",
    "attention": "by attention",
}
_USES = {"step_graph": "precision and recall", "first_right_step": "early exit"}
SHARES = (0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
_SCHEMA = 2


class Agreement(TypedDict):
    """How well an order finds the steps that are known to be needed."""

    method: str
    precision: float
    recall: float


class PrunedItem(TypedDict):
    """What is kept of one trace, see `item`; `points` are rows of `COLUMNS`."""

    id: str
    points: list[tuple[str, str, str, float, int, int, float, float, float]]
    agreements: list[Agreement]
    first_right: int | None
    pruned: dict[str, Any]


@dataclass(frozen=True)
class PruneSettings:
    """Settings that decide an item's numbers.

    Attributes:
        keep: Share of the chain's tokens that the written traces keep.
        by: Order that chooses them, one of `CHOICES`; "": the first that the model allows.
        shares: Budgets of the frontier.
        seed: Seed of the random order and of the resampling.
        answer_tokens: Longest answer.
    """

    keep: float
    by: str = ""
    shares: tuple[float, ...] = SHARES
    seed: int = 0
    answer_tokens: int = LONGEST_ANSWER

    def __post_init__(self) -> None:
        wrong = [share for share in self.shares if not 0.0 <= share <= 1.0]
        if wrong:
            raise UserError(f"expected shares of the chain from 0 to 1, got {wrong[0]}")
        if not 0.0 <= self.keep <= 1.0:
            raise UserError(f"expected a share to keep from 0 to 1, got {self.keep}")
        if self.by not in ("", *CHOICES):
            raise UserError(
                f"expected the critical set by one of {', '.join(CHOICES)}, got {self.by!r}"
            )

    def chosen(self, reader: Reasoner) -> "PruneSettings":
        """The settings with an order that a model allows.

        Raises:
            UserError: The one that was asked for is not allowed.
        """
        reasons = refused(reader)
        allowed = [name for name in CHOICES if name not in reasons]
        if self.by in reasons:
            raise UserError(f"{reasons[self.by]}; give --by {allowed[0]}")
        return self if self.by else replace(self, by=allowed[0])

    @property
    def budgets(self) -> tuple[float, ...]:
        """Every share of the frontier, nothing and everything included."""
        return tuple(sorted({0.0, *self.shares, self.keep, 1.0}))


def refused(reader: Reasoner) -> dict[str, str]:
    """Closures that a model does not allow, with the reasons."""
    return {name: reason for name, need in _NEEDS.items() if (reason := lacks(reader, need))}


def run_pruning(
    reader: Reasoner,
    traces: Sequence[Trace],
    *,
    settings: PruneSettings,
    out: Path,
    executor: Executor = SERIAL,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Prune every trace and write the folder; gives what prune.json holds.

    Args:
        reader: The model that answers.
        traces: The chains; those that it cannot read are left out with the reason.
        settings: What is kept, by which order, and the budgets tried.
        out: The folder; finished items in it are not read again.
        executor: Where traces are read.
        overwrite: Take over a folder that holds another run.

    Raises:
        UserError: No trace can be pruned, the model is not fit (`mechcot.model.loading.preflight`), or the folder holds another run.
    """
    preflight(reader, rendered(reader, traces))
    settings = settings.chosen(reader)
    lacking = {_WITHOUT[name]: reason for name, reason in refused(reader).items()}
    lacking |= missing_for([trace.problem for trace in traces], _USES)
    for what, why in lacking.items():
        print_notice(f"{what}: {why}")
    usable, every, left_out = readable(reader, traces)
    # a file may hold chains alone: what stands behind no closing mark is no answer that could not be read
    answered = [t for t in usable if reader.policy.tags is None or t.phase(Phase.ANSWER)]
    for author in dict.fromkeys(trace.author for trace in answered):
        check_read([trace for trace in answered if trace.author == author], author=author)
    described = asdict(settings) | read_by([reader], traces)
    with claimed(out, "prune", described, overwrite=overwrite):
        keys = {_key(reader, trace, usable, settings): trace for trace in usable}
        finished: Items[dict[str, Any]] = Items(out / "items", json_items(PrunedItem))
        compute = partial(item, reader, every=every, settings=settings)
        done = dict(finished.fill(keys, compute, executor=executor, desc="pruning", unit="trace"))
        left_out += [
            {"id": trace.id, "reason": failed.reason}
            for key, trace in keys.items()
            if (failed := done[key]) is not None
        ]
        items = [finished.read(key) for key in keys if done[key] is None]
        if not items:
            raise UserError(_none_left(traces, left_out))
        result = _write(items, left_out, lacking, reader=reader, settings=settings, out=out)
        lines = [json.dumps(entry["pruned"], ensure_ascii=False, sort_keys=True) for entry in items]
        write_text(out / "pruned.jsonl", "".join(f"{line}\n" for line in lines))
        return result


def whole_chain_line(result: Mapping[str, Any]) -> str:
    """How many answers are right behind whole chains, in a sentence; with none, that pruning says nothing, and what says why.

    Args:
        result: What prune.json holds.
    """
    whole = next((row for row in result["frontier"] if row["share"] == 1.0), None)
    if whole is None:
        return ""
    right, n = whole["right"], whole["answers"]
    line = f"behind the whole chain {right} of {count_of(n, 'answer')} {'is' if n == 1 else 'are'} right"
    return line if right else f"{line}, so that pruning says nothing; `mechcot check` says why"


def item(
    reader: Reasoner, trace: Trace, *, every: ExpectedAttention, settings: PruneSettings
) -> dict[str, Any]:
    """Everything about one trace, as JSON-able data.

    Args:
        reader: The model that answers.
        trace: A trace in this reader's tokens.
        every: The null of attention over all traces, this one among them.
        settings: What is kept, by which order, and the budgets tried.

    Returns:
        `points` (an answer per order and budget), `agreements` with the known needed steps (empty where they are not
        known), `first_right` (the first step that states the right answer, or None), and the `pruned` trace.

    Raises:
        NotMeasurable: The chain is empty.
    """
    attention = suppression = None
    if not lacks(reader, "attention"):
        attention = attention_weights(attention_mass(reader, trace), every)
    if not lacks(reader, "hiding"):
        suppression = suppression_weights(reader, trace, seed=settings.seed)
    known = rankings(
        trace,
        attention=attention,
        suppression=suppression,
        deletion=deletion_effects(reader, trace) if settings.by == "deletion" else None,
        seed=settings.seed,
    )
    sizes = [len(step.tokens) for step in trace.chain_steps]
    total = sum(sizes)
    agreements = []
    step_graph = task_of(trace.problem).step_graph
    if step_graph is not None:
        needed = step_graph(trace).needed
        budget = float(sum(sizes[step] for step in needed))
        agreements = [
            {"method": method} | dict(overlap(within_budget(order, sizes, budget=budget), needed))
            for method, order in known.items()
        ]
    chosen = within_budget(known[settings.by], sizes, budget=settings.keep * total)
    return {
        "id": trace.id,
        "points": _points(reader, trace, known, settings=settings),
        "agreements": agreements,
        "first_right": first_right_step(trace),
        "pruned": _pruned(trace, chosen),
    }


def _points(
    reader: Reasoner, trace: Trace, known: dict[str, Ranking], *, settings: PruneSettings
) -> list[list[Any]]:
    """One row of `POINT_COLUMNS` per method, executor and share; equal sets are asked once."""
    sizes = [len(step.tokens) for step in trace.chain_steps]
    whole = frozenset(range(len(sizes)))
    rows: list[list[Any]] = []
    for name, execute in EXECUTORS.items():
        if name == "mask" and lacks(reader, "hiding"):
            continue
        answers: dict[frozenset[int], str | None] = {}

        def ask(kept: frozenset[int], execute: Any = execute, answers: Any = answers) -> str | None:
            if kept not in answers:
                answers[kept] = execute(reader, trace, kept, max_new=settings.answer_tokens).text
            return answers[kept]

        full = ask(whole)
        for method, order in known.items():
            for share in settings.budgets:
                kept = within_budget(order, sizes, budget=share * sum(sizes))
                answer = ask(kept)
                right = is_right(answer, trace.problem)
                tokens = sum(sizes[step] for step in kept)
                rows.append(
                    [
                        trace.id,
                        method,
                        name,
                        share,
                        tokens,
                        sum(sizes),
                        float(right),
                        float(is_right(answer, replace(trace.problem, answer=full or ""))),
                        float(answer is not None),
                    ]
                )
    return rows


def _pruned(trace: Trace, kept: frozenset[int]) -> dict[str, Any]:
    """The trace without its dropped steps, in the shape that `compare --traces` reads."""
    steps = [step for step in trace.chain_steps if step.index in kept]
    rest = "".join(step.text for step in trace.steps[len(trace.chain_steps) :])
    problem = asdict(trace.problem)
    return {
        **problem.pop("meta"),
        **problem,
        "chain": "".join(step.text for step in steps),
        "answer_text": rest.partition("</think>")[2] or rest,
        "author": trace.author,
        **({"sample": trace.sample} if trace.sample else {}),
        "kept_steps": sorted(kept),
        "steps": len(trace.chain_steps),
    }


def readable(
    reader: Reasoner, traces: Sequence[Trace]
) -> tuple[list[Trace], ExpectedAttention, list[dict[str, str]]]:
    """The traces in this reader's tokens, the attention that all of them have together, and why the others are left out.

    Raises:
        UserError: None is left.
    """
    usable, left_out = [], []
    total = ExpectedAttention({}, {})
    for trace in progress_bar(traces, desc="expected attention", unit="trace"):
        try:
            seen = reader.view(trace)
            if not sum(len(step.tokens) for step in seen.chain_steps):
                raise NotMeasurable("the chain has no steps")
            if not lacks(reader, "attention"):
                total = total.plus(attention_mass(reader, seen).null)
            usable.append(seen)
        except NotMeasurable as error:
            left_out.append({"id": trace.id, "reason": str(error)})
    if not usable:
        raise UserError(_none_left(traces, left_out))
    return usable, total, left_out


def _none_left(traces: Sequence[Trace], left_out: Sequence[dict[str, str]]) -> str:
    reasons = sorted({row["reason"] for row in left_out})
    if not traces:
        return "expected traces to prune, got none; write some or read a file of chains"
    return f"none of {count_of(len(traces), 'trace')} can be pruned: {'; '.join(reasons)}"


def _key(reader: Reasoner, trace: Trace, usable: Sequence[Trace], settings: PruneSettings) -> str:
    others = digest([list(other.ids) for other in usable])
    identity = (reader.weights_hash, reader.logit_scale, reader.cue.text, asdict(settings))
    extra = [reader.policy.asking.key] if reader.policy.asking.key else []
    extra += precision(reader)
    return digest(
        _SCHEMA, trace.id, list(trace.ids), trace.problem.answer, others, identity, *extra
    )


def _write(
    items: Sequence[dict[str, Any]],
    left_out: Sequence[dict[str, str]],
    lacking: Mapping[str, str],
    *,
    reader: Reasoner,
    settings: PruneSettings,
    out: Path,
) -> dict[str, Any]:
    points = points_of(items)
    table = accuracy_by_share(points, reference=settings.by, seed=settings.seed)
    result = nan_to_none(
        {
            "schema": _SCHEMA,
            "model": reader.name,
            "by": settings.by,
            "keep": settings.keep,
            "n": len(items),
            "problems": int(points["problem"].nunique()),
            "left_out": list(left_out),
            "missing": dict(lacking),
            "never_right": sum(entry["first_right"] is None for entry in items),
            "frontier": json.loads(table.to_json(orient="records")),
            "truth": truth_rows(agreements_of(items), seed=settings.seed),
        }
    )
    write_bytes(out / "points.parquet", points.to_parquet(index=False))
    write_bytes(out / "frontier.parquet", table.to_parquet(index=False))
    write_json(out / "prune.json", result)
    write_text(out / "index.html", pruning_page(result))
    return result
