"""What a 2 x 2 tries: a pair of vectors, one read in each model, and what they should move.

They come from contrasts and kinds of steps (`mechcot.steering`), from a run of `mechcot hybrid` (states at disagreements less all states), from the latents of a
crosscoder (their two directions), and from chance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from mechcot.core.errors import UserError
from mechcot.core.pair import Pair
from mechcot.core.store import read_json
from mechcot.core.trace import StepKind
from mechcot.hybrid.run_vectors import RUN_AGAIN, vectors_of_run
from mechcot.model.internals.sites import Site
from mechcot.model.reasoner import Reasoner
from mechcot.steering.experiment import PhaseName, VectorSpec
from mechcot.steering.vectors import Origin, SteeringVector
from mechcot.tasks import task_of_all
from mechcot.text.problems import load_problems

if TYPE_CHECKING:
    from mechcot.sae.crosscoder import Crosscoder

LATENTS = 3
OF_STYLES, OF_HYBRID = "styles", "hybrid"
_OWN = ("latent-", "random-")


@dataclass(frozen=True)
class Behaviour:
    """What the two vectors are of, and what they should move.

    Attributes:
        name: In figures and folders.
        vector: How the vectors are made.
        readout: `tokens`, `correct`, or a kind of step.
        phases: Where they are added.
        step_starts: Only where a step of the chain begins.
        seen: Questions that the vectors were read on, by `question_digest`: none of them is asked.
        absent: The model that has no such vector (a latent of the other one alone); "" where both have one.
    """

    name: str
    vector: VectorSpec
    readout: str
    phases: tuple[PhaseName, ...] = ("chain",)
    step_starts: bool = False
    seen: tuple[str, ...] = ()
    absent: Literal["", "base", "tuned"] = ""

    @property
    def place(self) -> tuple[Any, ...]:
        """Where the vectors are added; random ones of one place serve all behaviours of it."""
        return self.vector.site, self.phases, self.step_starts


def behaviour_of_pairs(pairs: str, site: str, *, n: int, taken: Sequence[str] = ()) -> Behaviour:
    """A contrast of texts: the problems' task's own styles, or a file of pairs, which is named by the file.

    Args:
        pairs: The file; "" for the styles.
        site: Where states are read.
        n: How many pairs.
        taken: Names of what else is tried.

    Raises:
        UserError: The file's name is that of something else.
    """
    vector = VectorSpec(site=site, read="prompt", pairs=pairs, n=n)
    name = Path(pairs).stem if pairs else OF_STYLES
    folder = folder_name(name).lower()
    if pairs and (folder.startswith(_OWN) or folder in {folder_name(other) for other in taken}):
        raise UserError(
            f"--pairs {pairs}: a contrast is named by its file, and {name!r} names something else in this run (of --styles, --kinds, --hybrid, --crosscoder, or "
            "random vectors); give the file another name"
        )
    return Behaviour(name, vector, "tokens", ("question", "chain"))


def folder_name(name: str) -> str:
    """A behaviour's name as that of a folder."""
    return name.replace(" ", "-")


def check_styles(source: str, fields: Mapping[str, str]) -> None:
    """See that problems have two styles of their own.

    Raises:
        UserError: They have none.
    """
    if task_of_all(load_problems(source, fields=fields, taken=False)).contrast is None:
        raise UserError(
            f"--styles: the problems of {source} have no two styles of their own; give the contrast as --pairs FILE, JSON lines with id, positive, negative (two "
            "wordings of one question, what the vector leads to first)"
        )


def behaviours_of_kinds(kinds: Sequence[str], site: str, *, n: int) -> list[Behaviour]:
    """Kinds of steps; each model writes chains of its own to be read.

    Raises:
        UserError: One is no kind.
    """
    known = set(StepKind)
    if unknown := [kind for kind in kinds if kind not in known]:
        raise UserError(f"--kinds: expected some of {', '.join(sorted(known))}, got {unknown[0]!r}")
    return [
        Behaviour(
            kind,
            VectorSpec(site=site, method="span", kind=StepKind(kind), n=n),
            kind,
            step_starts=True,
        )
        for kind in dict.fromkeys(kinds)
    ]


def behaviour_of_hybrid(folder: Path, models: Pair[Reasoner], out: Path) -> Behaviour:
    """What a run of `mechcot hybrid` read in both models at their disagreements.

    Raises:
        UserError: The folder holds no finished run, one of other models, or one without vectors.
    """
    if not (folder / "hybrid.json").is_file():
        raise UserError(f"{folder} holds no finished run of `mechcot hybrid`; {RUN_AGAIN}")
    file = folder / "hybrid.json"
    run = read_json(file, what="a run of `mechcot hybrid`")
    return behaviour_of_hybrid_run(run, models, out, where=str(file))


def behaviour_of_hybrid_run(
    run: Mapping[str, Any], models: Pair[Reasoner], out: Path, *, where: str = "the run"
) -> Behaviour:
    """See `behaviour_of_hybrid`, of what `hybrid.json` holds; `where` is named in messages.

    Raises:
        UserError: It is damaged, of other models, or has no vectors.
    """
    seen, site, rows = vectors_of_run(run, models, where=where)
    behaviour = _of_files(OF_HYBRID, rows, site, models, out, readout="correct")
    return replace(behaviour, seen=seen)


def behaviours_of_crosscoder(
    folder: Path, latents: Sequence[int] | Literal["all"], models: Pair[Reasoner], out: Path
) -> list[Behaviour]:
    """The two directions of latents of a crosscoder: those named, the most changed (none named), or all that changed.

    Raises:
        UserError: The folder holds no crosscoder of these models, has no such latent, or none changed.
    """
    from mechcot.sae.crosscoder import load_crosscoder
    from mechcot.sae.latent_sides import most_changed

    crosscoder = load_crosscoder(folder)
    crosscoder.check(models)
    if not latents or latents == "all":
        latents = most_changed(folder, None if latents else LATENTS)
    return behaviours_of_latents(crosscoder, latents, models, out)


def behaviours_of_latents(
    crosscoder: "Crosscoder", latents: Sequence[int], models: Pair[Reasoner], out: Path
) -> list[Behaviour]:
    """See `behaviours_of_crosscoder`.

    Raises:
        UserError: It is of other models, or has no such latent.
    """
    crosscoder.check(models)
    if outside := [latent for latent in latents if not 0 <= latent < crosscoder.width]:
        raise UserError(
            f"--latents: expected numbers from 0 to {crosscoder.width - 1}, got {outside[0]}"
        )
    return [_of_latent(crosscoder, latent, models, out) for latent in dict.fromkeys(latents)]


def _of_latent(
    crosscoder: "Crosscoder", latent: int, models: Pair[Reasoner], out: Path
) -> Behaviour:
    """A latent's two directions. One of less than a tenth of their length is what training left of it: at a dose it would be a random vector, so that model has none."""
    from mechcot.sae.latent_sides import Whose, whose

    own = whose(float(crosscoder.relative_norms[latent]))
    rows = crosscoder.decoders.map(lambda decoder: decoder[latent])
    alone: dict[str, tuple[Literal["base", "tuned"], Tensor]] = {
        Whose.BASE: ("tuned", rows.before),
        Whose.TUNED: ("base", rows.after),
    }
    site = crosscoder.site.name
    if own not in alone:
        return _of_files(f"latent {latent}", rows, site, models, out, readout="tokens")
    absent, row = alone[own]
    both = Pair(row, row)
    behaviour = _of_files(f"latent {latent}", both, site, models, out, readout="tokens")
    return replace(behaviour, absent=absent)


def behaviours_of_chance(
    like: Behaviour, models: Pair[Reasoner], out: Path, *, pairs: int, seed: int
) -> list[Behaviour]:
    """Pairs of random directions, added where a behaviour's vectors are."""
    site = like.vector.site
    where = "-".join([site, *like.phases, *(["starts"] if like.step_starts else [])])
    width = models.before.model.config.get_text_config().hidden_size
    stream = torch.Generator().manual_seed(seed)
    return [
        replace(
            _of_files(
                f"random-{where}-{pair + 1}",
                models.map(lambda _: torch.randn(width, generator=stream)),
                site,
                models,
                out,
                readout=like.readout,
            ),
            phases=like.phases,
            step_starts=like.step_starts,
        )
        for pair in range(pairs)
    ]


def _of_files(
    name: str, rows: Pair[Tensor], site: str, models: Pair[Reasoner], out: Path, *, readout: str
) -> Behaviour:
    """A behaviour whose vectors are written as files."""
    files = []
    for side, row, model in zip(("base", "tuned"), rows, models, strict=True):
        path = out / "vectors" / f"{folder_name(name)}-{side}.safetensors"
        origin = Origin(model.name, model.weights_hash, name, "see its run", ())
        vector = SteeringVector(row, Site.parse(site), origin)
        if not (path.is_file() and _same(SteeringVector.load(path), vector)):
            vector.save(path)
        files.append(str(path))
    vector = VectorSpec(site=site, method="file", files=tuple(files))
    return Behaviour(name, vector, readout, ("chain", "answer"))


def _same(one: SteeringVector, other: SteeringVector) -> bool:
    """Return whether two vectors are one; files of one vector differ in the order of their header, and runs know vectors by their files."""
    hashes = one.origin.weights_hash, other.origin.weights_hash
    return torch.equal(one.direction, other.direction) and hashes[0] == hashes[1]
