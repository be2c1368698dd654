"""The trainers of trl, given tokens that the project made itself: no template, no truncation, no order of theirs.

Memory that runs out halves the rows that are run at once and doubles how often they are summed: an update has as many examples as before.
"""

import copy
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel
from torch import Tensor
from transformers import PrinterCallback, ProgressCallback
from transformers.trainer_callback import CallbackHandler
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from mechcot.core.errors import UserError
from mechcot.finetune.augmented import Sides, augmented_loss
from mechcot.finetune.checkpoints import STATE_FOLDER, Checkpoints, last_state
from mechcot.finetune.lesson import TokenizedLesson
from mechcot.finetune.recipe import ArmRecipe, Trainer
from mechcot.finetune.rewards import Reward
from mechcot.model.prefix.memory import release, unless_out_of_memory
from mechcot.model.reasoner import Reasoner
from mechcot.model.soft.tokens import map_of, soft_of

IGNORED = -100
"""Label of a token that carries no loss."""


@dataclass(frozen=True)
class TrainingStage:
    """A stretch of training by one trainer.

    Attributes:
        open_base: Loads the base anew: a trainer changes it in place.
        recipe: Rate, adapter, size of an update.
        out: Folder of the run; an interrupted one goes on.
        steps: Updates after which a checkpoint is written; the last one ends it.
        first: Updates that earlier stages have done.
        start: Checkpoint from which it goes on; None: the base.
        progress: Show a bar.
    """

    open_base: Callable[[], Reasoner]
    recipe: ArmRecipe
    out: Path
    steps: Sequence[int]
    first: int = 0
    start: Path | None = None
    progress: bool = True

    @property
    def state(self) -> Path:
        """Folder of the trainer's own states."""
        return self.out / STATE_FOLDER / f"from-{self.first}"


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
    stage: TrainingStage, examples: Sequence[TokenizedLesson], trainer: Trainer = "lessons"
) -> Any:
    """Train on examples in their order; gives the trainer.

    Raises:
        UserError: One example alone does not fit into memory, or the loss is no number.
    """
    rows = sft_rows(examples)

    def run(at_once: int) -> Any:
        reader, given = _given(stage)
        config = SFTConfig(
            **_arguments(stage, reader, trainer, at_once),
            max_length=None,
            dataset_kwargs={"skip_prepare_dataset": True},
            train_sampling_strategy="sequential",
        )
        return _started(SFTTrainer(args=config, train_dataset=rows, **given), stage, reader)

    return _in_memory(run, stage.recipe)


class _Pairs(DPOTrainer):
    """DPO on pairs that are tokens already."""

    def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
        return dataset


def train_preferences(
    stage: TrainingStage, pairs: Sequence[tuple[TokenizedLesson, TokenizedLesson]]
) -> Any:
    """Train on (better, worse) pairs of one prompt in their order (DPO); gives the trainer.

    Raises:
        UserError: As `train_lessons`.
    """
    rows = Dataset.from_list(
        [
            {
                "prompt_ids": list(better.prompt),
                "chosen_ids": list(better.completion),
                "rejected_ids": list(worse.completion),
            }
            for better, worse in pairs
        ]
    )

    def run(at_once: int) -> Any:
        reader, given = _given(stage)
        config = DPOConfig(
            **_arguments(stage, reader, "preferences", at_once),
            max_length=None,
            train_sampling_strategy="sequential",
        )
        given["ref_model"] = stage.open_base().model if stage.recipe.lora is None else None
        return _started(_Pairs(args=config, train_dataset=rows, **given), stage, reader)

    return _in_memory(run, stage.recipe, texts=2)


class _Augmented(SFTTrainer):
    """RLAG: rows of an example stand together, its fact first."""

    loss_is_scaled_for_ga = (
        False  # a mean over the examples at hand: the parts of an update are averaged
    )

    def compute_loss(self, model: Any, inputs: Any, *_: Any, **__: Any) -> Any:
        means = mean_logprobs(model, inputs["input_ids"], inputs["labels"])
        return augmented_loss(means.split(inputs["sides"]))


def mean_logprobs(model: Any, ids: Tensor, labels: Tensor) -> Tensor:
    """Mean log-probability in nats of the tokens of each row that carry loss.

    Args:
        model: The model.
        ids: `[row token]`, padded behind.
        labels: The same, `IGNORED` where no loss is carried.
    """
    scores = torch.log_softmax(model(input_ids=ids).logits[:, :-1].float(), dim=-1)
    wanted = labels[:, 1:]
    counted = wanted != IGNORED
    own = scores.gather(-1, wanted.clamp(min=0)[..., None])[..., 0]
    return (own * counted).sum(dim=-1) / counted.sum(dim=-1)


def train_augmented(stage: TrainingStage, examples: Sequence[Sides]) -> Any:
    """Train on facts, and on texts with and without them, in their order (RLAG); gives the trainer.

    Raises:
        UserError: As `train_lessons`.
    """
    rows = Dataset.from_list([{"sides": list(sft_rows(sides))} for sides in examples])

    def batch(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
        sides = [side for part in parts for side in part["sides"]]
        width = max(len(side["input_ids"]) for side in sides)
        padded = {
            name: torch.tensor([s[name] + [fill] * (width - len(s[name])) for s in sides])
            for name, fill in (("input_ids", 0), ("labels", IGNORED))
        }
        return {**padded, "sides": [len(part["sides"]) for part in parts]}

    def run(at_once: int) -> Any:
        reader, given = _given(stage)
        config = SFTConfig(
            **_arguments(stage, reader, "augmented", at_once),
            max_length=None,
            dataset_kwargs={"skip_prepare_dataset": True},
            train_sampling_strategy="sequential",
            remove_unused_columns=False,
        )
        trainer = _Augmented(args=config, train_dataset=rows, data_collator=batch, **given)
        return _started(trainer, stage, reader)

    return _in_memory(run, stage.recipe)


class _Rewarded(GRPOTrainer):
    """GRPO whose prompts are encoded as everywhere else: nothing is added."""

    encode: Callable[[str], list[int]]

    def _tokenize_prompts(self, prompts: list[str]) -> Any:
        return [self.encode(prompt) for prompt in prompts], None, {}


def train_rewards(
    stage: TrainingStage, prompts: Sequence[tuple[str, str]], reward: Reward, *, max_tokens: int
) -> Any:
    """Train on the rewards of the model's own texts (GRPO, Shao et al. 2024, arXiv 2402.03300); gives the trainer.

    Args:
        stage: The stage; its `batch` counts texts.
        prompts: (id of the problem, its prompt) in their order, each once for a group of texts.
        reward: Sees what was written, and nothing of the prompt.
        max_tokens: Most tokens of a text.

    Raises:
        UserError: As `train_lessons`; a reward is no number.
    """
    rows = Dataset.from_list([{"prompt": prompt, "problem": name} for name, prompt in prompts])
    own = stage.recipe.own

    def right(completion_ids: Any = None, problem: Any = None, **_: Any) -> list[float | None]:
        return list(reward(problem, completion_ids))

    def run(at_once: int) -> Any:
        reader, given = _given(stage)
        config = GRPOConfig(
            **_arguments(stage, reader, "rewards", at_once),
            num_generations=own.group,
            max_completion_length=max_tokens,
            temperature=own.temperature,
            beta=own.kl,
            shuffle_dataset=False,
            remove_unused_columns=False,
            generation_kwargs={"eos_token_id": sorted(reader.stop_ids)},
        )
        trainer = _Rewarded(reward_funcs=[right], args=config, train_dataset=rows, **given)
        trainer.encode = reader.encode
        trainer.eos_token_ids = sorted(reader.stop_ids)
        return _started(trainer, stage, reader)

    return _in_memory(run, stage.recipe)


def _given(stage: TrainingStage) -> tuple[Reasoner, dict[str, Any]]:
    """The base, and what every trainer is given of it."""
    reader, lora = stage.open_base(), stage.recipe.lora
    if soft_of(reader.model) is not None:
        return reader, _of_map(reader)
    peft_config = None if lora is None or stage.start else lora_config(lora)
    model = reader.model
    if lora is not None and stage.start is not None:
        model = PeftModel.from_pretrained(model, stage.start, is_trainable=True)
        model.peft_config["default"].base_model_name_or_path = reader.spec.base
    elif lora is None:
        start = reader if stage.start is None else Reasoner.open(str(stage.start))
        model = start.model.requires_grad_(requires_grad=True)
    tokenizer = copy.deepcopy(reader.tokenizer)  # a trainer sets its padding
    given = {"model": model, "processing_class": tokenizer, "peft_config": peft_config}
    return reader, given


def _of_map(reader: Reasoner) -> dict[str, Any]:
    """The same of a frozen base with soft tokens: only their map is trained, and kept in states."""
    model, tokenizer = reader.model, copy.deepcopy(reader.tokenizer)
    trained = set(map(id, map_of(model).requires_grad_(requires_grad=True).parameters()))
    frozen = {n for n, w in model.named_parameters(remove_duplicate=False) if id(w) not in trained}
    model._keys_to_ignore_on_save = frozen
    return {"model": model, "processing_class": tokenizer, "peft_config": None}


def lora_config(rank: int) -> LoraConfig:
    """LoRA in every linear layer of the blocks."""
    return LoraConfig(
        r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM"
    )


def _arguments(
    stage: TrainingStage, reader: Reasoner, trainer: Trainer, at_once: int
) -> dict[str, Any]:
    """What every trainer is told alike."""
    recipe, on_cpu = stage.recipe, reader.device.type == "cpu"
    return {
        "output_dir": str(stage.state),
        "max_steps": stage.steps[-1],
        "per_device_train_batch_size": at_once,
        "gradient_accumulation_steps": recipe.batch // at_once,
        "learning_rate": recipe.peak(trainer),
        "lr_scheduler_type": "linear",
        "warmup_steps": stage.steps[-1] // 20,
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


def _started(trainer: Any, stage: TrainingStage, reader: Reasoner) -> Any:
    """Train from the last state, or from the start; gives the trainer."""
    handler: CallbackHandler = trainer.callback_handler
    for printing in (PrinterCallback, ProgressCallback):
        handler.remove_callback(printing)
    kwargs: dict[str, Any] = {"first": stage.first, "progress": stage.progress}
    trainer.add_callback(Checkpoints(reader, stage.out, stage.steps, **kwargs))
    state = last_state(stage.out, stage.state, stage.first)
    trainer.train(resume_from_checkpoint=None if state is None else str(state))
    return trainer


def _in_memory(run: Callable[[int], Any], recipe: ArmRecipe, *, texts: int = 1) -> Any:
    """Run with as many texts at once as an update has rows, or fewer where memory runs out.

    Args:
        run: Trains with so many rows at once.
        recipe: Whose batch is an update's rows.
        texts: Texts of a row; a CPU that runs out of memory kills the process and says nothing, so that pairs start with half of their rows.

    Raises:
        UserError: One row alone does not fit.
    """
    at_once = _part(recipe.batch, recipe.batch // texts)
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
        at_once = _part(recipe.batch, at_once - 1)


def _part(batch: int, most: int) -> int:
    """The most rows at once, up to so many, of which a batch is made."""
    return max(part for part in range(1, max(most, 1) + 1) if batch % part == 0)
