"""The trainers of trl, given tokens that the project made itself: no template, no truncation, no order of theirs.

Memory that runs out halves the rows that are run at once and doubles how often they are summed: an update has as many examples as before.
"""

import copy
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from datasets import Dataset
from peft import LoraConfig
from transformers import PrinterCallback, ProgressCallback
from transformers.trainer_callback import CallbackHandler
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from mechcot.core.errors import UserError
from mechcot.finetune.checkpoints import STATE, Checkpoints, last_state
from mechcot.finetune.lesson import TokenizedLesson
from mechcot.finetune.recipe import ArmRecipe
from mechcot.model.prefix.memory import release, unless_out_of_memory
from mechcot.model.reasoner import Reasoner

IGNORED = -100
"""Label of a token that carries no loss."""
Open = Callable[[], Reasoner]
"""Loads the base anew: a trainer changes it in place."""


def sft_rows(examples: Sequence[TokenizedLesson]) -> Dataset:
    """Examples as trl takes them: ids, and labels that hide the prompt."""
    return Dataset.from_list(
        [
            {
                "input_ids": [*example.prompt, *example.completion],
                "labels": [IGNORED] * len(example.prompt) + list(example.completion),
            }
            for example in examples
        ]
    )


def train_lessons(
    open_base: Open,
    examples: Sequence[TokenizedLesson],
    recipe: ArmRecipe,
    out: Path,
    steps: Sequence[int],
    *,
    progress: bool = True,
) -> Any:
    """Train on examples in their order; gives the trained model.

    Args:
        open_base: Loads the base.
        examples: Every example as often as it is trained on.
        recipe: Rate, adapter, size of an update.
        out: Folder of the run; an interrupted one goes on.
        steps: Updates after which a checkpoint is written.
        progress: Show a bar.

    Raises:
        UserError: One example alone does not fit into memory, or the loss is no number.
    """
    rows = sft_rows(examples)

    def run(at_once: int) -> Any:
        reader = open_base()
        config = SFTConfig(
            **arguments(recipe, reader, out, updates=steps[-1], at_once=at_once),
            max_length=None,
            dataset_kwargs={"skip_prepare_dataset": True},
            train_sampling_strategy="sequential",
        )
        trainer = SFTTrainer(
            trainable(reader, recipe),
            config,
            train_dataset=rows,
            processing_class=copy.deepcopy(reader.tokenizer),
            peft_config=adapter(recipe),
        )
        return started(trainer, Checkpoints(reader, out, steps, progress=progress), out)

    return in_memory(run, recipe)


def in_memory(run: Callable[[int], Any], recipe: ArmRecipe) -> Any:
    """Run with as many rows at once as an update has, or fewer where memory runs out.

    Raises:
        UserError: One row alone does not fit.
    """
    at_once = recipe.batch
    while True:
        with warnings.catch_warnings():  # PEFT asks by a name that transformers renamed
            warnings.filterwarnings("ignore", ".*is_gradient_checkpointing.*", FutureWarning)
            done = unless_out_of_memory(partial(run, at_once))
        if done:
            return done[0]
        release()
        if at_once == 1:
            raise UserError(
                "one example alone does not fit into memory; take a smaller model, shorter chains, or --lora instead of --full"
            )
        at_once = max(part for part in range(1, at_once) if recipe.batch % part == 0)


def arguments(
    recipe: ArmRecipe, reader: Reasoner, out: Path, *, updates: int, at_once: int
) -> dict[str, Any]:
    """What every trainer is told alike."""
    on_cpu = reader.device.type == "cpu"
    return {
        "output_dir": str(out / STATE),
        "max_steps": updates,
        "per_device_train_batch_size": at_once,
        "gradient_accumulation_steps": recipe.batch // at_once,
        "learning_rate": recipe.peak,
        "lr_scheduler_type": "linear",
        "warmup_steps": max(1, updates // 20),
        "seed": recipe.seed,
        "use_cpu": on_cpu,
        "bf16": not on_cpu and recipe.lora is None,
        "activation_checkpointing": not on_cpu,
        "save_strategy": "no",  # `Checkpoints` says when
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "disable_tqdm": True,
    }


def adapter(recipe: ArmRecipe) -> LoraConfig | None:
    """LoRA in every linear layer of the blocks; None where all weights are trained."""
    if recipe.lora is None:
        return None
    return LoraConfig(
        r=recipe.lora,
        lora_alpha=2 * recipe.lora,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def trainable(reader: Reasoner, recipe: ArmRecipe) -> Any:
    """The base's module, its weights open to training where all of them are."""
    return reader.model.requires_grad_(recipe.lora is None)


def started(trainer: Any, checkpoints: Checkpoints, out: Path) -> Any:
    """Train from the last state, or from the start; gives the trained model."""
    handler: CallbackHandler = trainer.callback_handler
    for printing in (PrinterCallback, ProgressCallback):
        handler.remove_callback(printing)
    trainer.add_callback(checkpoints)
    state = last_state(out)
    trainer.train(resume_from_checkpoint=None if state is None else str(state))
    return trainer.model
