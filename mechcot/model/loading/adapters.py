"""PEFT adapters inside the layers of a model: checked weight by weight, then tried against PEFT itself.

Only the layers are kept, not PEFT's wrapper. So an adapter is tried on a few tokens before it is believed:
logits of the base, of the wrapper and of the layers alone. A wrapper that differs from its layers acts outside
them (activated LoRA); layers that differ from the base nowhere are an adapter that does nothing. What the
adapter's file sets outright (biases, whole embeddings) is copied first: a base that shares its storage stays as
it is. A base whose vocabulary was resized before training is resized to the rows that the file holds.
"""

import json
import math
import re
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mechcot.core.errors import UserError
from mechcot.model.loading.adapter_starts import (
    as_plain,
    is_drawn,
    lost_start,
    repeatable,
    rewritten_at_load,
)
from mechcot.model.loading.spec import has_tokenizer
from mechcot.model.loading.tensor_files import tensor_shapes
from mechcot.model.loading.weights import freeze, same_storage

SPREAD = 32
"""Token ids, evenly over the vocabulary, of a text on which an adapter is tried."""
_MARKED = 64
"""Most token ids that an adapter names itself and that are tried with them."""
NOTHING = 1e-5
"""Largest change of a logit, relative to the largest logit, that is rounding (float32)."""
_DRAWN = 0.01
"""Largest difference between two loads, relative to the largest logit: about the rounding of half precision."""
_ROWS = 4096
"""Rows of an embedding that are compared at once."""
_ROOT = "base_model.model."
_WHOLE = re.compile(r"((base_layer|token_adapter|modules_to_save|original_module)\.)*(weight|bias)")
_FAULTS = (
    *(RuntimeError, ValueError, KeyError, TypeError, IndexError, ArithmeticError, OSError),
    *(AttributeError, AssertionError, NotImplementedError, ImportError, re.error),
)


def attach(model: nn.Module, folder: str, *, name: str) -> nn.Module:
    """Put a PEFT adapter inside the layers of `model`, in place, and return the same module.

    Costs three forwards over some 40 tokens. Draws nothing from the caller's random numbers.

    Args:
        model: The base, not wrapped yet; parameters that the adapter overwrites are copied before.
        folder: Directory of the adapter, with its `adapter_model*.safetensors`.
        name: What the message calls the model.

    Returns:
        `model` itself, with the adapter's layers in it and all weights frozen.

    Raises:
        UserError: The adapter was made for another model, acts outside the layers, or does nothing.
    """
    from peft import get_peft_model_state_dict

    files = sorted(Path(folder).glob("adapter_model*.safetensors"))
    shapes = {key: shape for path in files for key, shape in tensor_shapes(path).items()}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # what it warns of is an error below
            warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers for an old name
            config = _config(folder, name)
            table: Any = model
            before = table.get_input_embeddings().weight
            _own(model, _overwritten({*shapes, *rewritten_at_load(config, shapes)}, model))
            _resize(model, shapes, folder=folder, name=name)
            ids = _text(model, config)
            plain = _logits(model, ids)
            twin = same_storage(model) if is_drawn(config) else None
            wrapped = _wrapped(model, folder, seed=0)
            again = wrapped if twin is None else _wrapped(twin, folder, seed=1)
            got = set(get_peft_model_state_dict(wrapped, save_embedding_layers=False))
    except _FAULTS as error:
        detail = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(_mismatch(name, folder, detail, model)) from error
    expected = set(shapes)
    lost = sorted(key for key in expected - got if "embed" not in key and "lm_head" not in key)
    unfilled = sorted(got - expected)
    if lost or unfilled:
        detail = f"its weight {lost[0]} has no place" if lost else f"it lacks {unfilled[0]}"
        raise UserError(_mismatch(name, folder, detail, model))
    apart = 0.0 if twin is None else _distance(_logits(again, ids), _logits(wrapped, ids))
    if apart > _DRAWN:
        raise UserError(
            f"{name}: the adapter in {folder} is another model at every load: two loads by PEFT differ by {apart:.2g} of the "
            f"largest logit. {as_plain(config.init_lora_weights)}"
        )
    moved = _moved(wrapped, plain, ids, folder=folder, name=name)
    if not math.isfinite(moved) and bool(plain.isfinite().all()):
        raise UserError(
            f"{name}: with the adapter in {folder} the logits are not finite: a weight, or lora_alpha in its "
            "adapter_config.json, is NaN, infinite or too large; copy the adapter again."
        )
    exact = NOTHING if plain.dtype is torch.float32 else 0.0
    if moved <= exact and not _moves_a_row(wrapped, before):
        raise UserError(_idle(name, folder, ids.numel()))
    return freeze(wrapped.get_base_model())


def made_for(folder: str) -> str:
    """The model that an adapter's own config says it was trained on."""
    config = json.loads((Path(folder) / "adapter_config.json").read_text(encoding="utf-8"))
    return str(config.get("base_model_name_or_path") or "a model it does not name")


def _config(folder: str, name: str) -> Any:
    """An adapter's config.

    Raises:
        UserError: It puts tokens in front of the text, or took a part out of its base that nobody knows any more.
    """
    from peft import PeftConfig

    config: Any = PeftConfig.from_pretrained(folder)
    if config.is_prompt_learning:
        raise UserError(_outside(name, folder, config, "it adds tokens of its own"))
    if start := lost_start(config):
        raise UserError(f"{name}: the adapter in {folder} cannot be loaded. {as_plain(start)}")
    return config


# --- what the file sets outright ------------------------------------------------------------------


def _names(model: nn.Module) -> set[str]:
    """The names of the base's parameters, without the layers that PEFT puts around them."""
    names = (name for name, _ in model.named_parameters(remove_duplicate=False))
    return {name.replace(".base_layer.", ".") for name in names}


def _overwritten(shapes: Iterable[str], model: nn.Module) -> set[str]:
    """Names of the base's own parameters that an adapter's file holds whole."""
    plain = (key.removeprefix(_ROOT).replace(".base_layer.", ".") for key in shapes)
    return set(plain) & _names(model)


def _own(model: nn.Module, names: set[str]) -> None:
    """Give a model its own copy of some parameters; ties between them stay."""
    copies = {
        id(weight): nn.Parameter(weight.detach().clone(), requires_grad=False)
        for name, weight in model.named_parameters(remove_duplicate=False)
        if name in names
    }
    for module in model.modules():
        for key, weight in module._parameters.items():
            if id(weight) in copies:
                module._parameters[key] = copies[id(weight)]


def _resize(model: Any, shapes: Mapping[str, tuple[int, ...]], *, folder: str, name: str) -> None:
    """Give the base as many token rows as the adapter's file holds.

    Raises:
        UserError: The base must grow, and only one of its two embeddings is in the file.
    """
    ends = {"input": model.get_input_embeddings(), "output": model.get_output_embeddings()}
    rows = {
        end: _rows(shapes, _name_of(model, part)) for end, part in ends.items() if part is not None
    }
    wanted = {count for count in rows.values() if count is not None}
    before = int(ends["input"].weight.shape[0])
    if not wanted or wanted == {before}:
        return
    tied = ends["output"] is None or ends["output"].weight is ends["input"].weight
    if len(wanted) > 1 or (None in rows.values() and not tied and max(wanted) > before):
        sizes = " and ".join(f"{count} rows of the {end} embedding" for end, count in rows.items())
        detail = f"its file holds {sizes.replace('None', 'no')}, the base has {before}"
        raise UserError(_mismatch(name, folder, detail, model))
    _own(model, {f"{_name_of(model, part)}.weight" for part in ends.values() if part is not None})
    model.resize_token_embeddings(wanted.pop(), mean_resizing=False)  # all new rows are in the file


def _name_of(model: nn.Module, part: nn.Module) -> str:
    return next(name for name, module in model.named_modules() if module is part)


def _rows(shapes: Mapping[str, tuple[int, ...]], part: str) -> int | None:
    """Rows of an embedding that a file holds whole."""
    head = f"{_ROOT}{part}."
    for key, shape in shapes.items():
        if key.startswith(head) and _WHOLE.fullmatch(key.removeprefix(head)) and len(shape) == 2:
            return shape[0]
    return None


# --- tried against PEFT ---------------------------------------------------------------------------


def _text(model: Any, config: Any) -> Int[Tensor, "one token"]:
    """Token ids over the whole vocabulary, and those that the adapter names itself, in their order."""
    rows = int(model.get_input_embeddings().weight.shape[0])
    spread = torch.linspace(0, rows - 1, SPREAD).long().tolist()
    marked = [token for token in _marked(config) if 0 <= token < rows][:_MARKED]
    half = SPREAD // 2
    ids = [*spread[:half], *marked, *spread[half:]]
    return torch.tensor([ids], device=model.get_input_embeddings().weight.device)


def _marked(config: Any) -> list[int]:
    """All token ids in an adapter's config: invocation tokens, tokens with rows of their own."""
    marked: list[int] = []
    for key, value in vars(config).items():
        lists = list(value.values()) if isinstance(value, Mapping) else [value]
        if "token" in key:
            marked += [t for ids in lists if isinstance(ids, list) for t in ids if type(t) is int]
    return marked


@torch.no_grad()
def _logits(model: Any, ids: Int[Tensor, "one token"]) -> Float[Tensor, "token d_vocab"]:
    """Logits of the given tokens; a wrapper that puts tokens in front gives more."""
    return model(input_ids=ids, use_cache=False).logits[0, -ids.shape[1] :]


def _moved(
    wrapped: Any, plain: Tensor, ids: Int[Tensor, "one token"], *, folder: str, name: str
) -> float:
    """Largest change of the base's logits by the layers alone, once they do what PEFT's wrapper does.

    Raises:
        UserError: The adapter acts outside the layers.
    """
    from mechcot.model.loading.low_rank import quicken

    config, inner = wrapped.active_peft_config, wrapped.get_base_model()
    try:
        theirs, undo = _logits(wrapped, ids), quicken(inner)
        ours = _logits(inner, ids)
        if _distance(theirs, ours) > _tolerance(plain):  # half precision is too little for it
            undo()
            ours = _logits(inner, ids)
    except _FAULTS as error:
        said = " ".join(str(error).split())[:120]
        if getattr(config, "layer_replication", None):
            raise UserError(_repeats(name, folder, config, said)) from error
        detail = f"it does not run on plain token ids: {said}"
        raise UserError(_outside(name, folder, config, detail)) from error
    apart = _distance(theirs, ours)
    if apart > _tolerance(plain):
        detail = f"its layers alone miss PEFT's logits by {apart:.2g} of the largest"
        raise UserError(_outside(name, folder, config, detail))
    return _distance(ours, plain)


def _wrapped(model: Any, folder: str, *, seed: int) -> Any:
    """The model in PEFT's wrapper, its layers changed in place."""
    from peft import PeftModel

    with repeatable(model, seed):
        return PeftModel.from_pretrained(model, folder).eval()


def _tolerance(logits: Tensor) -> float:
    """Largest distance between logits of one model."""
    return 10 * NOTHING if logits.dtype is torch.float32 else 0.05


def _distance(left: Tensor, right: Tensor) -> float:
    """Largest difference, relative to the largest logit."""
    left, right = left.float(), right.float()
    return float((left - right).abs().max() / (1 + right.abs().max()))


@torch.no_grad()
def _moves_a_row(wrapped: Any, before: Tensor) -> bool:
    """Return whether any token's own row differs from the base's: few tokens are tried, any may be trained."""
    part = wrapped.get_base_model().get_input_embeddings()
    if part.weight.shape != before.shape:
        return True
    for ids in torch.arange(before.shape[0], device=before.device).split(_ROWS):
        if not torch.equal(part(ids), nn.functional.embedding(ids, before)):
            return True
    return False


# --- sentences ------------------------------------------------------------------------------------


def _mismatch(name: str, folder: str, detail: str, model: Any) -> str:
    rows, tokens = int(model.get_input_embeddings().weight.shape[0]), _tokens_beside(folder)
    if tokens > rows:
        return (
            f"{name}: the adapter in {folder} does not fit this base ({detail}). The tokenizer beside it has "
            f"{tokens} tokens, the base {rows} rows: tokens were added before training, and not all their rows are in "
            f"the adapter. Do to the base what was done then (resize_token_embeddings({tokens}), the same values in the "
            "new rows), save it with save_pretrained, and name that folder before the +."
        )
    return (
        f"{name}: the adapter in {folder} does not fit this base ({detail}). It says that it was trained on "
        f"{made_for(folder)}; name that model before the +."
    )


def _tokens_beside(folder: str) -> int:
    """Tokens of the tokenizer in an adapter's folder, 0 without one."""
    from transformers import AutoTokenizer

    if not has_tokenizer(Path(folder)):
        return 0
    return len(AutoTokenizer.from_pretrained(folder, local_files_only=True))


def _outside(name: str, folder: str, config: Any, detail: str) -> str:
    kind = str(getattr(config.peft_type, "value", config.peft_type))
    if getattr(config, "alora_invocation_tokens", None):
        kind = f"activated {kind}"
    return (
        f"{name}: expected an adapter inside the layers (LoRA, IA3, ...), got {kind} in {folder}, which acts outside "
        f"them ({detail}). Give an adapter inside the layers, or a model that has it in its own weights."
    )


def _repeats(name: str, folder: str, config: Any, detail: str) -> str:
    return (
        f"{name}: the adapter in {folder} repeats layers of its base (layer_replication {config.layer_replication}), and this "
        f"family does not run with more layers than its config describes ({detail}). Give an adapter that was trained without "
        "layer_replication, or a model that has the repeated layers in its own weights."
    )


def _idle(name: str, folder: str, tokens: int) -> str:
    return (
        f"{name}: the adapter in {folder} does nothing: it moves no logit of its base on {tokens} tokens from the whole "
        "vocabulary, as one that was saved before it was trained. Give the folder of the trained adapter."
    )
