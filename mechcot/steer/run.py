"""Run an experiment: one file per finished arm, so that a killed run goes on where it was."""

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm.auto import tqdm

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.core.store import digest, write_json, write_text
from mechcot.core.trace import StepKind, Trace
from mechcot.model.authoring import write_under
from mechcot.model.hand import Hand, Line, Steer
from mechcot.model.reasoner import Reasoner
from mechcot.model.sites import Site
from mechcot.model.writing import Sampling
from mechcot.organisms.announced import by_law
from mechcot.steer.arms import Arm, arms
from mechcot.steer.controls import CONTROLS, control
from mechcot.steer.dose import Dose, Meter, OutOfReach
from mechcot.steer.extract import pair_vectors, span_vectors
from mechcot.steer.readout import cut_short, row
from mechcot.steer.spec import Experiment
from mechcot.steer.styles import questions, style_pairs, styled
from mechcot.steer.summary import summary
from mechcot.steer.switch import Phrases, SwitchPenalty, matched_tokens
from mechcot.steer.vectors import SteeringVector
from mechcot.view.steer_page import page

VERSION = 2
PLAIN = Hand(kinds=by_law)


@dataclass(eq=False)
class Lab:
    """Models, chains and vectors of one experiment, made when they are first asked for."""

    experiment: Experiment
    models: Mapping[str, Reasoner]
    _kept: dict[Any, Any] = field(default_factory=dict)

    @classmethod
    def open(cls, experiment: Experiment) -> "Lab":
        """Load the models; vectors of one on another need one width."""
        return cls(experiment, {name: Reasoner.load(name) for name in experiment.models})

    @property
    def items(self) -> list[Problem]:
        """The held-out questions."""
        about = self.experiment.items
        return questions(about.n, seed=about.seed, hops=about.hops)

    def clean(self, model: str) -> list[Trace]:
        """The model's own texts for the items."""
        return self._once(("clean", model), lambda: self._write(model, self.items))

    def chains(self, model: str) -> list[Trace]:
        """Clean chains on other questions, where doses are measured and tokens counted."""
        about = self.experiment
        asked = questions(
            about.apply.chains, seed=about.items.seed + 1000, hops=about.items.hops, split="train"
        )
        return self._once(("chains", model), lambda: self._write(model, asked))

    def vector(self, source: str, site: str) -> SteeringVector:
        """A model's vector at a site."""
        return self._once(("vector", source, site), lambda: self._extract(source, Site.parse(site)))

    def steered(self, arm: Arm) -> SteeringVector:
        """The vector of an arm, its sign or control applied."""
        vector = self.vector(arm.source, arm.site)
        if arm.role not in {"vector", "sweep", "truncation"}:
            vector = control(vector, arm.role, seed=self.experiment.seed)
        return vector if arm.sign > 0 else -vector

    def dose(self, arm: Arm) -> Dose:
        """How much of the arm's vector is added."""
        key = (arm.model, arm.source, arm.site, arm.sign, arm.role.replace("truncation", "vector"))
        meter = self._once(
            ("meter", *key),
            lambda: Meter(
                self.models[arm.model],
                self.chains(arm.model),
                self.steered(arm),
                self.experiment.apply.where,
                kinds=by_law,
            ),
        )
        return self._once(("dose", *key, arm.nats), lambda: self._dose(meter, arm))

    def _dose(self, meter: Meter, arm: Arm) -> Dose:
        """The arm's dose; where none reaches it, controls get the vector's factor, sites of a sweep the state's length."""
        try:
            return meter.dose(arm.nats)
        except OutOfReach:
            if arm.role == "sweep":
                return meter.at(meter.whole, nats=arm.nats, gamma_max=meter.gamma_max(arm.nats))
            if arm.role not in CONTROLS:
                raise
        real = self.dose(replace(arm, role="vector"))
        return meter.at(real.gamma, nats=arm.nats, gamma_max=meter.gamma_max(arm.nats))

    def phrases(self, model: str) -> Phrases:
        """The phrases as token ids."""
        penalty = self.experiment.penalty
        reasoner = self.models[model]
        return tuple(tuple(reasoner.continue_ids(p)) for p in penalty.phrases) if penalty else ()

    def hand(self, arm: Arm) -> Hand:
        """What acts while an arm is written."""
        if arm.role in {"penalty", "matched tokens"}:
            phrases = self.phrases(arm.model)
            opening = None
            if arm.role != "penalty":
                chains = [t.ids[t.prompt_length :] for t in self.clean(arm.model)]
                marks = self.models[arm.model].encode("</think>")
                seed = digest(self.experiment.seed, arm.draw)
                opening = matched_tokens(
                    phrases, chains, spare=frozenset(marks), seed=int(seed[:8], 16)
                )
            return Hand(rules=(SwitchPenalty(phrases, arm.alpha, arm.beta, opening),), kinds=by_law)
        vector, reasoner = self.steered(arm), self.models[arm.model]
        vector.check(reasoner, force=arm.source != arm.model)
        added = self.dose(arm).gamma * vector.direction
        return Hand((Steer(vector.site, added, self.experiment.apply.where),), kinds=by_law)

    def write(self, arm: Arm) -> tuple[list[Trace], list[Line]]:
        """The texts of an arm, and where it acted."""
        return self._once(("text", arm), lambda: self._written(arm))

    def _written(self, arm: Arm) -> tuple[list[Trace], list[Line]]:
        if arm.role in {"clean", "truncation"}:
            return self.clean(arm.model), []
        reasoner, limit = self.models[arm.model], self.experiment.max_tokens
        if arm.role == "prompt":
            style: Any = self.experiment.compare.prompt
            return self._write(arm.model, [styled(p, style) for p in self.items]), []
        both = write_under(
            reasoner,
            self.items,
            self.hand(arm),
            sampling=Sampling(limit),
            seed=self.experiment.seed,
            batch_size=32,
        )
        return [trace for trace, _ in both], [line for _, line in both]

    def _write(self, model: str, asked: Sequence[Problem]) -> list[Trace]:
        about = self.experiment
        return self.models[model].write(
            asked, max_tokens=about.max_tokens, seed=about.seed, batch_size=32, under=PLAIN
        )

    def _extract(self, source: str, site: Site) -> SteeringVector:
        about, reasoner = self.experiment.vector, self.models[source]
        assert about is not None
        if about.method == "file":
            vector = SteeringVector.load(Path(about.files[self.experiment.models.index(source)]))
            if vector.site != site:
                msg = f"vector.site: expected {vector.site.name}, where the vector was read, got {site.name}"
                raise UserError(msg)
            return vector
        if about.method == "span":
            asked = questions(about.n, seed=about.seed, hops=about.hops, split="train")
            traces = self._once(("span", source), lambda: self._write(source, asked))
            return span_vectors(reasoner, traces, kind=StepKind(about.kind), sites=[site])[site]
        pairs = style_pairs(about.n, seed=about.seed, hops=about.hops)
        read: Any = about.read
        if read.endswith("chain"):
            msg = "vector.read: experiments read prompts; use `prompt` or `last_prompt`, or the Python API for chains"
            raise UserError(msg)
        method: Any = about.method
        return pair_vectors(reasoner, pairs, sites=[site], read=read, method=method)[site]

    def _once(self, key: Any, make: Any) -> Any:
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]


def run(experiment: Experiment, out: Path) -> dict[str, Any]:
    """Run what is missing, then write tables and page.

    Args:
        experiment: The experiment.
        out: Folder of the run; the same experiment goes on in it.

    Returns:
        What `summary.json` holds.

    Raises:
        UserError: The folder holds another experiment, or a model or vector is refused.
    """
    lab = Lab.open(experiment)
    stamp = json.loads(json.dumps({"version": VERSION, "experiment": asdict(experiment)}))
    stamp["weights"] = {name: reader.weights_hash for name, reader in lab.models.items()}
    path = out / "experiment.json"
    if path.exists() and json.loads(path.read_text(encoding="utf-8")) != stamp:
        msg = f"{out} holds a run of another experiment or of other weights; choose another --out"
        raise UserError(msg)
    write_json(path, stamp)
    every = arms(experiment)
    cells = []
    for arm in tqdm(every, desc="arms", unit="arm", disable=None):
        cell = out / "arms" / f"{arm.key}.json"
        if not cell.exists():
            write_json(cell, _cell(lab, arm))
        cells.append(json.loads(cell.read_text(encoding="utf-8")))
    result = summary(experiment, cells)
    result["weights"] = stamp["weights"]
    _tables(out, cells, result)
    write_json(out / "summary.json", result)
    write_text(out / "report.html", page(result))
    return result


def _cell(lab: Lab, arm: Arm) -> dict[str, Any]:
    """One finished arm as JSON."""
    started = time.perf_counter()
    traces, lines = lab.write(arm)
    seconds = time.perf_counter() - started
    reasoner, phrases = lab.models[arm.model], lab.phrases(arm.model)
    rows = [row(reasoner, trace, phrases) for trace in traces]
    if arm.role == "truncation":
        texts, _ = lab.write(replace(arm, role="vector"))
        for one, trace, short in zip(rows, traces, texts, strict=True):
            steered = min(row(reasoner, short)["tokens"], one["tokens"])
            one |= {"correct": float(cut_short(reasoner, trace, steered)), "tokens": steered}
            one |= dict.fromkeys(("steps", "nats_per_token", *map(str, StepKind)))
    found: dict[str, Any] = {
        "arm": asdict(arm),
        "seconds": seconds,
        "rows": [_plain(r) for r in rows],
    }
    if arm.site:
        vector = lab.steered(arm)
        found["dose"] = asdict(lab.dose(arm))
        found["vector"] = _plain(
            {
                "norm": vector.norm,
                "split_half": vector.origin.split_half,
                "cone": vector.origin.cone,
            }
        )
        if arm.role == "vector":
            first = lab.vector(lab.experiment.models[0], arm.site)
            found["vector"]["cosine_with_first"] = lab.vector(arm.source, arm.site).cosine(first)
    if lines:
        found["changed"] = sum(line.changed for line in lines)
        found["shown"] = _shown(reasoner, traces[0], lines[0])
    elif arm.role == "clean":
        found["shown"] = _shown(reasoner, traces[0], None)
    return found


def _shown(reasoner: Reasoner, trace: Trace, line: Line | None) -> list[list[Any]]:
    """The text of one item as [word, was the position steered]."""
    acted = {position for each in line.acted for position in each} if line else set()
    words = [reasoner.decode([token]) for token in trace.ids]
    return [[word, position in acted] for position, word in enumerate(words)]


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """NaN as None, which JSON has."""
    return {n: None if isinstance(v, float) and math.isnan(v) else v for n, v in values.items()}


def _tables(out: Path, cells: Sequence[Mapping[str, Any]], result: Mapping[str, Any]) -> None:
    rows = [cell["arm"] | one for cell in cells for one in cell["rows"]]
    pd.DataFrame(rows).to_parquet(out / "items.parquet", index=False)
    told = [
        {name: value for name, value in arm.items() if name != "shown"} for arm in result["arms"]
    ]
    pd.json_normalize(told, sep="_").to_parquet(out / "arms.parquet", index=False)
