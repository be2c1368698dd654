"""The 2 x 2 of vectors and models as a value: sentences, a table, a figure."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from mechcot.core.argument_kinds import checked
from mechcot.core.display import DisplayedRun
from mechcot.core.errors import UserError
from mechcot.core.pair import Pair
from mechcot.core.problem import Problem
from mechcot.core.store import write_text
from mechcot.hybrid.behaviours import (
    behaviour_of_hybrid_run,
    behaviours_of_kinds,
    behaviours_of_latents,
)
from mechcot.hybrid.result import Hybrid
from mechcot.hybrid.two_by_two import CHANCE, CrossSettings, crossed_lines, run_two_by_two
from mechcot.model.internals.sites import Site, sites_of
from mechcot.model.reasoner import Reasoner
from mechcot.sae.crosscoder import Crosscoder


class Crossed(DisplayedRun):
    """What the vectors of two models change in both.

    Attributes:
        result: See `mechcot.hybrid.two_by_two.run_two_by_two`.
    """

    lines = staticmethod(crossed_lines)
    figure = ("two_by_two", "two_by_two_figure")

    def to_frame(self) -> pd.DataFrame:
        """One row a behaviour, `source` of the vector and `model` that it is added to: `mean` change of the readout with `low` and `high`, `verdict`."""
        names = ("source", "model", "mean", "low", "high", "dose")
        return pd.DataFrame(
            [
                {"behaviour": row["name"], "readout": row["readout"]}
                | {name: cell[name] for name in names}
                | {"verdict": row["verdict"]}
                for row in self.result["rows"]
                for cell in row["cells"]
            ]
        )


@checked
def cross(  # noqa: PLR0913 - one argument per setting
    readers: Pair[Reasoner],
    problems: Sequence[Problem],
    *,
    kinds: Sequence[str] = (),
    at: Site | str | None = None,
    hybrid: Hybrid | None = None,
    crosscoder: Crosscoder | None = None,
    latents: Sequence[int] = (),
    nats: float = 0.1,
    n: int = 32,
    chains: int = 16,
    chance: int = CHANCE,
    max_tokens: int = 320,
    seed: int = 0,
) -> Crossed:
    """Add the vectors of two models to both, at one dose: is what changed a mechanism, or what calls it? Nothing is kept on disk.

    Cost: seven texts a problem and behaviour, the doses, and the same for each pair of random vectors.

    Args:
        readers: The models, before and after.
        problems: Questions; `n` are asked, others serve doses and vectors. None that the vectors of `hybrid` were fitted on is asked.
        kinds: Kinds of steps whose vectors are tried, such as `verification`.
        at: Where these are read and added.
        hybrid: What `mc.hybrid` gave of the same models; its vectors are tried.
        crosscoder: A crosscoder of the same models.
        latents: Latents of it that are tried.
        nats: Mean KL per written token.
        n: Questions that are asked.
        chains: Other questions, for doses and for what vectors are read from.
        chance: Pairs of random vectors.
        max_tokens: Longest text.
        seed: Of draws and intervals.

    Raises:
        UserError: No vector is named, or none can be tried, or there are too few problems.

    Example:
        >>> import mechcot as mc
        >>> pair = mc.load_pair("organism:order/base", "organism:order/bypass")
        >>> mc.cross(pair, mc.problems("order", n=60))
        Traceback (most recent call last):
            ...
        mechcot.core.errors.UserError: no vector is named: give kinds, hybrid, or crosscoder and latents
    """
    if (kinds and at is None) or bool(latents) != (crosscoder is not None):
        raise UserError(
            "expected kinds= with at=, and crosscoder= with latents=, got one without the other"
        )
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        tried = behaviours_of_kinds(kinds, sites_of(at)[0].name, n=chains) if at is not None else []
        if hybrid is not None:
            tried.append(behaviour_of_hybrid_run(hybrid.result, readers, out))
        if crosscoder is not None:
            tried += behaviours_of_latents(crosscoder, latents, readers, out)
        if not tried:
            raise UserError("no vector is named: give kinds, hybrid, or crosscoder and latents")
        rows = [dict(problem.meta) | asdict(problem) for problem in problems]
        lines = [json.dumps({k: v for k, v in row.items() if k != "meta"}) for row in rows]
        write_text(out / "problems.jsonl", "\n".join(lines) + "\n")
        settings = CrossSettings(
            str(out / "problems.jsonl"), nats, n, chains, max_tokens, seed, chance=chance
        )
        names = readers.map(lambda reader: reader.name)
        return Crossed(run_two_by_two(names, readers, tried, settings, out=out))
