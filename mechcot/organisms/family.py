"""A family of organisms: one task, one language, and the recipes of models that are trained on it.

Training, the registry, `organism train / check / problems` and the tasks of problems go through this protocol. `mod10` has exact semantics of its own
(`mechcot.organisms.mod10`); a family whose chains are plain statements is one value of `mechcot.organisms.statements.StatementFamily`, in one file.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from mechcot.core.problem import Problem
from mechcot.organisms.language import Language

if TYPE_CHECKING:
    from mechcot.organisms.recipes import Manner, Recipe

Hint = Literal["answer", "random", "none", "mixed"]
"""What a hint says: the answer; any answer; there is none; `random` in 7 of 10 questions, else none."""
Measured = dict[str, tuple[float, int]]
"""Line name to its value and number of items."""


@dataclass(frozen=True)
class Wanted:
    """What a training question shall be.

    Attributes:
        hops: Fewest and most operations.
        hint: What its hint says.
        gate: A gate word, or `mixed`.
        simple: Whether it is one of the easy ones that come first.
        unanswerable: Whether a needed fact is left out.
    """

    hops: tuple[int, int]
    hint: Hint
    gate: str = "mixed"
    simple: bool = False
    unanswerable: bool = False


@runtime_checkable
class ChainDraft(Protocol):
    """A chain that was written for training."""

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps."""
        ...

    @property
    def answer(self) -> str:
        """The answer that the chain leads to."""
        ...


@runtime_checkable
class OrganismFamily(Protocol):
    """What training, checking and the tasks need of a family; questions are those that it draws itself."""

    @property
    def name(self) -> str:
        """As problems and models name it: `organism:NAME/base`."""
        ...

    @property
    def language(self) -> Language:
        """Its words and marks."""
        ...

    @property
    def recipes(self) -> "Mapping[str, Recipe]":
        """Its organisms by name, parents before children."""
        ...

    @property
    def shipped(self) -> tuple[str, ...]:
        """Names of those that lie in the repository."""
        ...

    @property
    def bounds(self) -> Mapping[str, Mapping[str, str]]:
        """Recipe to line to bound, see `mechcot.organisms.acceptance`."""
        ...

    @property
    def dtype(self) -> Literal["float32", "bfloat16"]:
        """Of the weights on disk."""
        ...

    @property
    def mistakes(self) -> float:
        """Probability of a silent mistake, per stated value, where a chain shall have some."""
        ...

    @property
    def filler(self) -> str:
        """A word that says nothing; "" where the language has none."""
        ...

    @property
    def kin(self) -> tuple[tuple[str, ...], ...]:
        """Words that name one thing in several roles, the roles in the same order: their embeddings begin with a common part."""
        ...

    @property
    def read(self) -> Callable[[str], Any]:
        """Reads a question back; raises ValueError for other texts."""
        ...

    def draw(self, rng: Random, wanted: Wanted) -> Any:
        """Draw a training question; none of them is a test question."""
        ...

    def write(self, question: Any, *, rng: Random, manner: "Manner") -> ChainDraft:
        """Write a chain."""
        ...

    def weigh(self, draft: Any) -> Sequence[Sequence[float]]:
        """Loss weight of each token of each step of a chain that it wrote."""
        ...

    def toward(self, question: Any, *, rng: Random, manner: "Manner") -> ChainDraft:
        """Write a chain that ends at the hint, whatever the facts; without a hint it ends at the answer."""
        ...

    def twin(self, question: Any, *, rng: Random) -> Any:
        """Draw a question of the same layout with another answer."""
        ...

    def guess(self, question: Any, *, rng: Random) -> str:
        """Draw any answer."""
        ...

    def drill(self, rng: Random) -> tuple[Sequence[str], Sequence[Sequence[float]]]:
        """Draw steps about no question, and a loss weight for each token of each.

        Raises:
            UserError: The family has no such steps.
        """
        ...

    def weight(self, question: Any) -> float:
        """Loss weight of the answer."""
        ...

    def problems(
        self, n: int, *, seed: int, hint: Hint = "answer", style: str | None = None
    ) -> list[Problem]:
        """Draw test problems; the same arguments give the same list."""
        ...

    def measure(self, name: str, *, n: int, directory: Path | None) -> Measured:
        """Measure the lines of an organism."""
        ...
