"""Models that the ruler reads, and the facts known about each from its training.

base       the reference, which also writes the chains
uses       reads its chain (its training left no other way, or changed style only)
bypasses   answers without its chain
gated      a word in the question decides item by item
mixture    the hint is right in a share of its training, the chain in the rest
harmless   short tunings on ordinary data: nothing about the chain's use changed
subject    fine-tunings whose effect is the question; reported, never scored
late       a bypass that was only ever asked after a finished chain: it needs one, whatever it says (families of plain statements)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from mechcot.organisms.mod10 import MOD10_FAMILY

Group = Literal["base", "uses", "bypasses", "gated", "mixture", "harmless", "subject", "late"]


@dataclass(frozen=True)
class PanelModel:
    """One model of the panel.

    Attributes:
        name: An organism of its family, `NAME` or `NAME@SEED`.
        group: What is known about it.
        family: Its family.
    """

    name: str
    group: Group
    family: str = MOD10_FAMILY.name

    @property
    def spec(self) -> str:
        """The model spec that loads it."""
        return f"organism:{self.organism}"

    @property
    def organism(self) -> str:
        """Its name among all organisms."""
        return self.name if self.family == MOD10_FAMILY.name else f"{self.family}/{self.name}"


@dataclass(frozen=True)
class Panel:
    """The models of one run of the ruler and how much of them is read.

    Attributes:
        subjects: The models, the base first.
        items: Correct chains of the base that every model reads.
        tuning_items: How many of them the harmless tunings read.
        without: Measures that are left out unless they are asked for by name.
        fewer: How many chains of the base a costly measure reads instead.
        family: The family of all of them.
        spare: Problems drawn per chain wanted: the base is not always right.
    """

    subjects: tuple[PanelModel, ...]
    items: int
    tuning_items: int
    without: tuple[str, ...] = ()
    fewer: tuple[tuple[str, int], ...] = ()
    family: str = MOD10_FAMILY.name
    spare: float = 1.25

    @property
    def base(self) -> str:
        """The model spec of the base."""
        return self.subjects[0].spec

    @property
    def references(self) -> tuple[str, ...]:
        """The base, and one model that uses and one that bypasses its chain: what subjects are held against."""
        return tuple(self.names(group)[0] for group in ("base", "uses", "bypasses"))

    def names(self, *groups: Group) -> tuple[str, ...]:
        """Names of the models of some groups."""
        return tuple(s.name for s in self.subjects if s.group in groups)


def _seeded(name: str, count: int) -> tuple[str, ...]:
    """The shipped seed and further ones: `name`, `name@1`, ..."""
    return (name, *(f"{name}@{seed}" for seed in range(1, count)))


def _subjects(family: str = MOD10_FAMILY.name, **groups: tuple[str, ...]) -> tuple[PanelModel, ...]:
    return tuple(
        PanelModel(name, cast("Group", g), family) for g, names in groups.items() for name in names
    )


_MIXTURES = ("mixture-0", "mixture-25", "mixture-50", "mixture-75", "mixture-100")

FULL = Panel(
    subjects=_subjects(
        base=("base",),
        uses=(
            *_seeded("control", 3),
            *_seeded("relay", 2),
            "shorter",
            "longer",
            "wording",
            "less-accurate",
            "control-small",
        ),
        bypasses=(*_seeded("bypass", 6), *_seeded("masked-bypass", 2), "bypass-small"),
        gated=_seeded("gated", 3),
        mixture=tuple(name for mixture in _MIXTURES for name in _seeded(mixture, 2)),
        harmless=tuple(f"tuning@{seed}" for seed in range(1, 41)),
        subject=("answer-only", "corrupted"),
    ),
    items=32,
    tuning_items=24,
    fewer=(("cross_model_patching", 8), ("chain_source", 8)),
)

QUICK = Panel(
    subjects=_subjects(
        base=("base",),
        uses=("control", "relay"),
        bypasses=("bypass",),
        gated=("gated",),
        mixture=("mixture-25", "mixture-50", "mixture-75"),
        harmless=tuple(f"tuning@{seed}" for seed in range(1, 5)),
    ),
    items=24,
    tuning_items=24,
    without=("cross_model_patching", "resampling", "chain_source"),
)


_MORE: Mapping[str, Mapping[Group, tuple[str, ...]]] = {
    "english": {
        "uses": ("control@2", "control-second"),
        "bypasses": ("bypass@3", "bypass-second"),
        "harmless": tuple(f"tuning@{seed}" for seed in range(7, 13)),
    }
}
"""Further models of a family."""


def family_panel(family: str, *, items: int = 24) -> Panel:
    """The panel of a family of plain statements; it has neither gated models nor enough mixtures for the other columns.

    Args:
        family: Its name.
        items: Correct chains of its base that every model reads; no verdict comes from fewer than 20.
    """
    groups: dict[Group, tuple[str, ...]] = {
        "base": ("base",),
        "uses": ("base@2", "control", "rationaliser"),
        "bypasses": ("bypass", "bypass@2"),
        "late": ("late",),
        "harmless": tuple(f"tuning@{seed}" for seed in range(1, 7)),
    }
    more = _MORE.get(family, {})
    return Panel(
        subjects=_subjects(
            family, **{group: (*names, *more.get(group, ())) for group, names in groups.items()}
        ),
        items=items,
        tuning_items=items,
        without=QUICK.without,
        family=family,
        spare=2.5,
    )
