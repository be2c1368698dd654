"""Settings of where the work of a command is shared out: processes of this machine, a Ray cluster, a Slurm queue.

Nothing heavy is imported here: the command line reads its options by it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mechcot.core.errors import UserError

Name = Literal["local", "ray", "slurm"]


@dataclass(frozen=True)
class Engine:
    """Settings of an engine.

    Attributes:
        name: Which one.
        address: Of a Ray cluster; None: what `RAY_ADDRESS` says, else a cluster of this machine alone.
        gpus: Share of a GPU that each worker of a Ray cluster gets.
        slurm: What each job of a Slurm queue gets, as `KEY=VALUE,...`.
    """

    name: Name = "local"
    address: str | None = None
    gpus: float = 0.0
    slurm: str = ""

    def __post_init__(self) -> None:
        owners = (
            ("--address", self.address is not None, "ray"),
            ("--gpus", self.gpus != 0, "ray"),
            ("--slurm", bool(self.slurm), "slurm"),
        )
        for option, given, owner in owners:
            if given and self.name != owner:
                raise UserError(
                    f"{option} belongs to --engine {owner}, got --engine {self.name}; leave one of them out"
                )
        if self.gpus < 0:
            raise UserError(f"--gpus: expected 0 or more, got {self.gpus:g}")
        if self.name == "slurm":
            from mechcot.runs.slurm_queue import parse_slurm

            parse_slurm(self.slurm)

    def options(self) -> Iterator[str]:
        """The options of the command line that give it."""
        for option, value, default in (
            ("--engine", self.name, "local"),
            ("--address", self.address, None),
            ("--gpus", f"{self.gpus:g}", "0"),
            ("--slurm", self.slurm, ""),
        ):
            if value is not None and value != default:
                yield from (option, value)


LOCAL = Engine()
