"""Where soft tokens come from, and their checkpoints: the map as safetensors, and what it rests on as JSON."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mechcot.core.errors import UserError
from mechcot.core.store import write_json
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.loading.spec import ModelSpec
from mechcot.model.loading.weights import freeze, same_storage
from mechcot.model.soft.tokens import MOST_SOFT, SoftTokens, StateSource, map_of, soft_of, softened

if TYPE_CHECKING:
    from mechcot.model.reasoner import Reasoner

KIND = "SOFTCOT"
"""`peft_type` of a checkpoint's `adapter_config.json`."""
BY_ROLE = ("base", "none")
"""Assistants that are no model of their own: the base itself, and nobody."""
KEPT = 1024
"""Texts whose states are kept."""


def assistant_states(assistant: "Reasoner", places: int) -> StateSource:
    """The states of an assistant, after its final norm, at placeholders behind a text. One forward a text; the last `KEPT` are kept."""
    placeholder = placeholder_of(assistant)

    @lru_cache(KEPT)
    def states(text: str) -> Tensor:
        with torch.no_grad():
            ids = [*assistant.encode(text), *[placeholder] * places]
            return assistant.prefix(ids).hidden[-places:].detach().float().clone()

    return states


def own_places(places: int) -> StateSource:
    """The places themselves: no text is read."""
    return lambda _: torch.eye(places)


def placeholder_of(reader: "Reasoner") -> int:
    """The token of a model that says least: unknown, padding, end, else its first."""
    tokenizer, rows = reader.tokenizer, reader.model.get_input_embeddings().num_embeddings
    named = (tokenizer.unk_token_id, tokenizer.pad_token_id, tokenizer.eos_token_id)
    return next((token for token in named if isinstance(token, int) and token < rows), 0)


def first_map(reader: "Reasoner", soft: SoftTokens) -> nn.Linear:
    """The map from which training starts: every soft token is the placeholder."""
    width = int(soft.config["width"])
    row = reader.model.get_input_embeddings()(
        torch.tensor([soft.placeholder], device=reader.device)
    )[0]
    made = nn.Linear(width, row.shape[0], device=reader.device)
    nn.init.zeros_(made.weight)
    made.bias.data.copy_(row.detach().float())
    return made


def soft_tokens(
    reader: "Reasoner", assistant: "Reasoner | None", places: int, *, named: str
) -> SoftTokens:
    """New soft tokens for a base.

    Args:
        reader: The base.
        assistant: Who reads the question; None: nobody.
        places: How many.
        named: How a checkpoint names the assistant: `base`, `none` or a model.

    Raises:
        UserError: None, or too many.
    """
    if not 1 <= places <= MOST_SOFT:
        raise UserError(f"expected 1 to {MOST_SOFT} soft tokens (--soft-tokens), got {places}")
    source = own_places(places) if assistant is None else assistant_states(assistant, places)
    width = places
    if assistant is not None:
        width = backbone_of(assistant.model).d_out
    placeholder = placeholder_of(reader)
    weights = "" if assistant is None else assistant.weights_hash
    config = {"assistant": named, "assistant_weights": weights, "width": width}
    return SoftTokens(
        places, placeholder, source, config | {"places": places, "placeholder": placeholder}
    )


# --- checkpoints ----------------------------------------------------------------------------------


def is_soft(spec: ModelSpec) -> bool:
    """Return whether a spec's adapter is a map of soft tokens."""
    if spec.adapter is None:
        return False
    config = Path(spec.adapter) / "adapter_config.json"
    try:
        return json.loads(config.read_text(encoding="utf-8")).get("peft_type") == KIND
    except (OSError, ValueError, AttributeError, RecursionError):
        return False  # whoever opens the adapter says why


def write_soft(model: Any, folder: Path, *, base: str) -> None:
    """Write the map of a model as safetensors, and what it rests on as JSON."""
    soft = soft_of(model)
    assert soft is not None
    folder.mkdir(parents=True)
    weights = {name: w.detach().cpu().contiguous() for name, w in map_of(model).named_parameters()}
    save_file(weights, folder / "adapter_model.safetensors")
    config = {"peft_type": KIND, "base_model_name_or_path": base, **soft.config}
    write_json(folder / "adapter_config.json", config)


def assistant_named(
    reader: "Reasoner", name: str, open_model: "Callable[[str], Reasoner]"
) -> "Reasoner | None":
    """The assistant that a checkpoint or an option names: `base`, `none`, or a model."""
    if name == "none":
        return None
    if name == "base":
        spec = replace(reader.spec, adapter=None)
        return replace(reader, spec=spec, model=freeze(same_storage(reader.model)))
    assistant = open_model(name)
    if soft_of(assistant.model) is not None:
        raise UserError(f"--assistant {name}: expected a plain model, got one with soft tokens")
    return assistant


def open_soft(
    reader: "Reasoner", folder: str, open_model: "Callable[[str], Reasoner]"
) -> "Reasoner":
    """A base with the soft tokens of a checkpoint.

    Args:
        reader: The base.
        folder: The checkpoint.
        open_model: Loads the assistant, where it is another model.

    Raises:
        UserError: The checkpoint is damaged, its assistant has other weights, or it was made for another base.
    """
    config = json.loads((Path(folder) / "adapter_config.json").read_text(encoding="utf-8"))
    try:
        tensors = load_file(Path(folder) / "adapter_model.safetensors")
        name, places = str(config["assistant"]), int(config["places"])
        weight, bias = tensors["weight"], tensors["bias"]
    except (OSError, KeyError, ValueError, TypeError, SafetensorError) as error:
        raise UserError(
            f"{folder}: expected a map of soft tokens ({error}); train it again"
        ) from error
    assistant = assistant_named(reader, name, open_model)
    soft = soft_tokens(reader, assistant, places, named=name)
    if soft.config["assistant_weights"] != config.get("assistant_weights"):
        raise UserError(
            f"{folder}: the assistant {name} has other weights than when the map was trained; name the base before the + "
            "as it was then, or train the map again"
        )
    shape = (reader.model.get_input_embeddings().embedding_dim, soft.config["width"])
    if tuple(weight.shape) != shape or tuple(bias.shape) != shape[:1]:
        raise UserError(
            f"{folder}: expected a map of shape {shape} for this base, got {tuple(weight.shape)}; it says that it was "
            f"trained on {config.get('base_model_name_or_path')}"
        )
    made = nn.Linear(shape[1], shape[0])
    made.load_state_dict({"weight": weight.float(), "bias": bias.float()})
    out = softened(reader, soft, made)
    return replace(out, model=freeze(out.model))
