"""`mechcot prune-online`: every problem written with and without pruning; accuracy, tokens a second and memory of each way.

Each text is on disk as soon as it is written, in a file named by a hash of what it depends on, so that a killed run loses the text in the
writing and no other. The ways take turns on each problem, so that a busy machine is busy for all of them.

    unread    finished texts whose answer could not be read; they are not right, and a run in which most are stops
    memory    keys and values at their largest, over those of the same text if nothing had left the cache
    change    accuracy less that of the unpruned way, paired over problems

DIR/ gets online.parquet (one row per way and problem), online.json (the table) and items/.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from typing_extensions import TypedDict

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.core.store import digest, nan_to_none, write_bytes, write_json
from mechcot.core.wording import count_of
from mechcot.model.loading.preflight import preflight
from mechcot.model.reasoner import Reasoner
from mechcot.pruning.online import RANKS, Online, write_online
from mechcot.runs.executor import SERIAL, Executor, Failed
from mechcot.runs.items import Items, json_items
from mechcot.runs.output_claims import claimed
from mechcot.runs.reader_keys import read_by
from mechcot.stats.bootstrap import bootstrap_mean
from mechcot.stats.proportions import paired_interval, share_interval
from mechcot.text.answer_outcomes import is_right
from mechcot.text.number_format import difference, estimate
from mechcot.text.unread_answers import refuse_unread

_SCHEMA = 1
UNPRUNED = "all kept"


class WrittenItem(TypedDict):
    """What is kept of one text, see `_item`."""

    id: str
    text: str
    answer: str | None
    right: bool
    finished: bool
    tokens: int
    dropped: int
    seconds: float
    cached: float
    peak_bytes: int
    memory: float


def ways_of(shares: Sequence[float], **settings: Any) -> dict[str, Online]:
    """Nothing dropped, then every share by every rank.

    Args:
        shares: Shares of the chain that may stay.
        settings: `every`, `max_tokens`, `seed` of `Online`.
    """
    pruned = {
        f"{share:g} by {by}": Online(keep=share, by=by, **settings)
        for share in shares
        for by in RANKS
    }
    return {UNPRUNED: Online(keep=1.0, **settings)} | pruned


def run_online(
    reader: Reasoner,
    problems: Sequence[Problem],
    *,
    ways: Mapping[str, Online],
    out: Path,
    seed: int,
    executor: Executor = SERIAL,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write every problem in every way and sum up; what is on disk is not written again.

    Args:
        reader: The model.
        problems: The questions, with reference answers.
        ways: Name -> how to prune; changes of accuracy are against the first.
        out: Folder of the run.
        seed: Seed of the resampling.
        executor: Where texts are written; side by side they share the machine, which shows in tokens a second.
        overwrite: Take over a folder that holds another run.

    Returns:
        What online.json holds: `rows` (see `_summed`), `n`, and `left_out` with a reason for each problem that could not be written.

    Raises:
        UserError: No problem is there, or none could be written, the family's cache cannot be cut, or the folder holds another run.
    """
    if not problems:
        raise UserError(
            "expected at least one problem, got none; give a file with problems or a larger --n"
        )
    preflight(reader, problems)
    settings = {"ways": {way: asdict(how) for way, how in ways.items()}, "seed": seed}
    asked = {"problems": digest([[p.id, p.question, p.answer] for p in problems])}
    described = settings | asked | read_by([reader], [])
    with claimed(out, "prune-online", described, overwrite=overwrite):
        first = next(iter(ways))
        todo = [
            (problem, way, how, _key(reader, problem, how))
            for problem in problems
            for way, how in ways.items()
        ]
        tasks = {key: (problem, how) for problem, _, how, key in todo}
        unpruned = {key for _, way, _, key in todo if way == first}
        finished: Items[dict[str, Any]] = Items(out / "items", json_items(WrittenItem))
        work = finished.fill(
            tasks, partial(_item, reader), executor=executor, desc="writing", unit="text"
        )
        done: dict[str, Failed | None] = {}
        for key, failed in work:
            done[key] = failed
            if key in unpruned:
                texts = [finished.read(k) for k in unpruned if k in done and done[k] is None]
                _check_read(texts, n=len(problems), model=reader.name)
        items = [{"way": way} | finished.read(key) for _, way, _, key in todo if done[key] is None]
        left_out = [
            {"id": problem.id, "way": way, "reason": failed.reason}
            for problem, way, _, key in todo
            if (failed := done[key]) is not None
        ]
        if not items:
            reasons = sorted({row["reason"] for row in left_out})
            raise UserError(
                f"none of {count_of(len(problems), 'problem')} can be written: {'; '.join(reasons)}"
            )
        n = len({item["id"] for item in items})
        _check_read([item for item in items if item["way"] == first], n=n, model=reader.name)
        head = {"schema": _SCHEMA, "model": reader.name, "every": ways[first].every, "n": n}
        table = pd.DataFrame(items)
        result = head | {"left_out": left_out, "rows": _summed(table, seed=seed)}
        write_bytes(out / "online.parquet", table.to_parquet(index=False))
        write_json(out / "online.json", nan_to_none(result))
        return result


def _item(reader: Reasoner, task: tuple[Problem, Online]) -> dict[str, Any]:
    """Write one text, and give it with what it took as JSON-able data.

    Args:
        reader: The model that writes.
        task: What it is asked, and the way of pruning; `keep` 1 is the unpruned one.

    Returns:
        Among others `tokens` (without the prompt), `seconds`, `cached` (mean cached positions, as a share of those
        uncut), `peak_bytes`, and `memory` (`peak_bytes` over the bytes at the end if nothing had left).

    Raises:
        UserError: The family's cache cannot be cut, or the question is empty.
        NotMeasurable: The prompt does not fit in the context.
    """
    problem, how = task
    pruned = write_online(reader, problem, how)
    answer = pruned.trace.answer.text
    return {
        "id": problem.id,
        "text": pruned.trace.completion,
        "answer": answer,
        "right": is_right(answer, problem),
        "finished": pruned.trace.finished,
        "tokens": len(pruned.trace) - pruned.prompt,
        "dropped": len(pruned.dropped),
        "seconds": pruned.seconds,
        "cached": pruned.cached / pruned.uncut,
        "peak_bytes": pruned.peak_bytes,
        "memory": pruned.peak_bytes / max(pruned.uncut_bytes, 1),
    }


def _check_read(items: Sequence[Mapping[str, Any]], *, n: int, model: str) -> None:
    """Stop as soon as most answers of the unpruned way are sure to be unread, as `prune` and `compare` do.

    Raises:
        UserError: They are.
    """
    texts = [item for item in items if item["finished"]]
    lost = [(item["id"], item["text"]) for item in texts if item["answer"] is None]
    refuse_unread(lost, author=model, finished=len(texts), n=n)


def _summed(table: pd.DataFrame, *, seed: int) -> list[dict[str, Any]]:
    """One row a way, in the order of the table; changes are against the way of the first row.

    Returns:
        `way`, `n`, `accuracy` with `low`, `high` (95 % score interval), `unread` (share of finished texts whose answer could not be read, among
        all; they are not right), `change` likewise (paired), `tokens` (mean written),
        `tokens_per_second`, `cached` (mean share of the positions written that are cached), `memory` (mean share of the largest
        cache that was needed), `peak_mb` (mean over problems of the largest cache).
    """
    right = table.pivot(index="id", columns="way", values="right").astype(float)
    first = table["way"].iloc[0]
    rows = []
    for way, part in table.groupby("way", sort=False):
        draws = {"seed": seed, "purpose": "online"}
        accuracy = share_interval(part["right"].to_numpy(float), **draws)
        both = right[[first, way]].dropna().to_numpy(float)
        # the unpruned text against itself is no change, whatever the items are
        change = (
            bootstrap_mean(both[:, 0] - both[:, -1], **draws)
            if way == first
            else paired_interval(both[:, 0], both[:, -1], **draws)
        )
        rows.append(
            {
                "way": str(way),
                "n": len(part),
                "accuracy": accuracy.mean,
                "low": accuracy.low,
                "high": accuracy.high,
                "unread": float((part["finished"] & part["answer"].isna()).mean()),
                "change": change.mean,
                "change_low": change.low,
                "change_high": change.high,
                "tokens": float(part["tokens"].mean()),
                "tokens_per_second": float(part["tokens"].sum() / part["seconds"].sum()),
                "cached": float(part["cached"].mean()),
                "memory": float(part["memory"].mean()),
                "peak_mb": float(part["peak_bytes"].mean()) / 2**20,
            }
        )
    return rows


def told(result: Mapping[str, Any]) -> list[str]:
    """The table as lines of text, and what was left out."""
    lines = [
        "way                accuracy             unread  change                 tokens  tokens/s  cached  memory  peak MB"
    ]
    for row in result["rows"]:
        accuracy = estimate(row["accuracy"], row["low"], row["high"])
        change = difference(row["change"], row["change_low"], row["change_high"])
        lines.append(
            f"{row['way']:<18} {accuracy:<20} {row['unread']:>6.0%}  {change:<22} {row['tokens']:>6.0f} {row['tokens_per_second']:>9.1f} "
            f"{row['cached']:>7.0%} {row['memory']:>7.0%} {row['peak_mb']:>8.2f}"
        )
    left_out = {row["id"]: row["reason"] for row in result["left_out"]}
    return lines + [f"left out: {name}: {reason}" for name, reason in left_out.items()]


def _key(reader: Reasoner, problem: Problem, how: Online) -> str:
    """Whatever decides the text and what it costs."""
    return digest(
        _SCHEMA,
        reader.weights_hash,
        reader.logit_scale,
        str(reader.dtype),
        str(reader.device),
        reader.encode(reader.render(problem)),
        problem.id,
        problem.answer,
        asdict(how),
        *([reader.policy.asking.key] if reader.policy.asking.key else []),
    )
