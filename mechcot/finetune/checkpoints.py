"""Checkpoints of a training: `step-*` folders that every command loads, and the state from which a killed run goes on.

A `step-*` folder is written beside and renamed, after the trainer's own state of the same update was finished. So a state counts only
where its `step-*` stands, and a run that was killed at any moment goes on from the last such one.
"""

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from transformers import TrainerCallback

from mechcot.core.errors import UserError
from mechcot.core.progress import progress_bar
from mechcot.core.store import write_bytes, write_json
from mechcot.model.loading.spec import ORGANISM, ORGANISM_FILE, PACKAGED, ModelSpec
from mechcot.model.reasoner import Reasoner
from mechcot.model.soft.checkpoints import write_soft
from mechcot.model.soft.tokens import soft_of

STATE_FOLDER = "state"
"""Folder of the trainer's own state; removed at the end."""
CURVES = "training.parquet"
"""What was logged at every update: loss, gradient norm, learning rate, rewards."""


def step_folder(out: Path, step: int) -> Path:
    """The folder of a checkpoint; names sort in the order of training."""
    return out / f"step-{step:05d}"


def write_checkpoint(model: Any, reader: Reasoner, folder: Path) -> None:
    """Write an adapter, a map to soft tokens, or a whole model with its tokenizer, as safetensors; the folder is there whole or not at all.

    Args:
        model: What was trained: PEFT's wrapper, a base with soft tokens, or the model itself.
        reader: The base, for its files.
        folder: Where to.
    """
    draft = folder.with_name(f".{folder.name}")
    shutil.rmtree(draft, ignore_errors=True)
    if soft_of(model) is not None:
        write_soft(model, draft, base=base_name(reader.spec))
    elif hasattr(model, "peft_config"):
        model.save_pretrained(draft)
        (draft / "README.md").unlink(missing_ok=True)
        config = draft / "adapter_config.json"
        base = {"base_model_name_or_path": base_name(reader.spec)}
        write_json(config, json.loads(config.read_text(encoding="utf-8")) | base)
    else:
        model.save_pretrained(draft)
        reader.tokenizer.save_pretrained(draft)
        beside = Path(reader.spec.base) / ORGANISM_FILE
        if beside.is_file():
            shutil.copyfile(beside, draft / ORGANISM_FILE)
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)


def base_name(spec: ModelSpec) -> str:
    """The base as an adapter's config names it: by a name that another machine knows, where there is one."""
    named = spec.text.startswith(ORGANISM) or spec.text in PACKAGED
    return spec.text if named else spec.base


def last_state(out: Path, state: Path, first: int = 0) -> Path | None:
    """The trainer's last state whose checkpoint stands; None where there is none.

    Args:
        out: Folder of the checkpoints.
        state: Folder of the states.
        first: Updates that were done before the states' first.
    """
    done = {step_of(path) - first for path in out.glob("step-*")}
    states = {step_of(path): path for path in state.glob("checkpoint-*")}
    both = done & states.keys()
    return states[max(both)] if both else None


def step_of(folder: Path) -> int:
    """The updates that a folder is named by."""
    return int(folder.name.rpartition("-")[2])


class Checkpoints(TrainerCallback):
    """Writes checkpoints and curves, shows progress, and stops where a loss is no number."""

    def __init__(
        self,
        reader: Reasoner,
        out: Path,
        steps: Sequence[int],
        *,
        first: int = 0,
        progress: bool = True,
    ) -> None:
        """Set it up.

        Args:
            reader: The base.
            out: Folder of the run.
            steps: Updates of this trainer after which a checkpoint is written; the last is the end.
            first: Updates that were done before its first.
            progress: Show a bar.
        """
        self.reader, self.out, self.steps, self.first = reader, out, set(steps), first
        self.bar = progress_bar(total=max(steps), desc="tune", unit="update", disable=not progress)

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Show where a resumed run goes on."""
        self.bar.update(state.global_step - self.bar.n)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:  # noqa: ARG002
        """Ask for a checkpoint where one is due."""
        self.bar.update(1)
        control.should_save = state.global_step in self.steps
        return control

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:  # noqa: ARG002
        """Show the loss, and stop where it is no number.

        Raises:
            UserError: It is not.
        """
        loss = (logs or {}).get("loss")
        if loss is None:
            return
        if not math.isfinite(loss) or not math.isfinite(logs.get("grad_norm", 0.0)):
            raise UserError(
                f"the loss became {loss} at update {self.first + state.global_step}; use a lower --rate"
            )
        self.bar.set_postfix(loss=f"{loss:.3f}")

    def on_save(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:  # noqa: ARG002
        """Write the checkpoint once the trainer's state stands."""
        write_checkpoint(model, self.reader, step_folder(self.out, self.first + state.global_step))
        _keep_curves(self.out / CURVES, state.log_history, self.first)
        states = sorted(Path(args.output_dir).glob("checkpoint-*"), key=step_of)
        for older in states[:-1]:
            shutil.rmtree(older)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Close the bar."""
        self.bar.close()


def _keep_curves(path: Path, history: Sequence[dict[str, Any]], first: int) -> None:
    """Write what was logged, behind what earlier rounds logged."""
    rows = [row | {"step": row["step"] + first} for row in history if "loss" in row]
    table = pd.DataFrame(rows)
    if first:
        before = pd.read_parquet(path)
        table = pd.concat([before[before["step"] <= first], table], ignore_index=True)
    write_bytes(path, table.to_parquet(index=False))
