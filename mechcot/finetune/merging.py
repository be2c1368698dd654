"""A model with an adapter as one that training can start from: its layers folded into the weights, once."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mechcot.core.errors import UserError
from mechcot.core.store import digest
from mechcot.finetune.checkpoints import base_name, write_checkpoint
from mechcot.model.loading.fingerprints import hash_spec
from mechcot.model.loading.options import LoadOptions
from mechcot.model.loading.spec import parse_spec
from mechcot.model.reasoner import Reasoner
from mechcot.model.soft.checkpoints import is_soft


def whole_base(base: str, folder: Path, loading: LoadOptions) -> str:
    """The name of a model that training can start from: itself, or a copy with its adapter folded in (float32, written once).

    Args:
        base: As the user named it.
        folder: Where copies lie, each under the hash of its weights.
        loading: Where models run.

    Raises:
        UserError: It is a base with soft tokens.
    """
    spec = parse_spec(base)
    if is_soft(spec):
        raise UserError(
            f"{base}: expected a whole model to train on, got one with soft tokens, which are made anew for every question and cannot be merged into weights; "
            f"train on its base, {base_name(spec)}, and hold the two side by side (mechcot softcot eval --against)"
        )
    if spec.adapter is None:
        return base
    copy = folder / (hash_spec(spec) or digest(base))
    if not copy.is_dir():
        copy.parent.mkdir(parents=True, exist_ok=True)
        reader = Reasoner.open(spec, replace(loading, dtype="float32"))
        with TemporaryDirectory(dir=folder, prefix=".") as own:
            write_checkpoint(merged(reader.model), reader, Path(own) / copy.name)
            _put_in_place(Path(own) / copy.name, copy)
    return str(copy)


def _put_in_place(made: Path, copy: Path) -> None:
    """Move a folder to its name; one that another process has put there meanwhile stays: it holds the same."""
    try:
        made.rename(copy)
    except OSError:
        if not copy.is_dir():
            raise


def merged(model: Any) -> Any:
    """The model with its adapters' layers folded into the weights, in place.

    Raises:
        UserError: A kind of adapter that cannot be folded in.
    """
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils.other import AuxiliaryTrainingWrapper

    for name, layer in list(model.named_modules()):
        if not isinstance(layer, BaseTunerLayer | AuxiliaryTrainingWrapper):
            continue
        parent, _, last = name.rpartition(".")
        setattr(model.get_submodule(parent), last, _folded(layer))
    vars(model).pop("peft_config", None)  # it would be written as an adapter
    tables = [model.get_input_embeddings(), model.get_output_embeddings()]
    if None not in tables and len({table.weight.data_ptr() for table in tables}) == 2:
        model.config.tie_word_embeddings = False  # an adapter may have parted them
    return model


def _folded(layer: Any) -> Any:
    try:
        if hasattr(layer, "unload_and_optionally_merge_module"):
            return layer.unload_and_optionally_merge_module(
                merge=True, safe_merge=True, adapter_names=None
            )
        layer.merge(safe_merge=True)
    except (NotImplementedError, ValueError) as error:
        raise UserError(
            f"this kind of adapter ({type(layer).__name__}) cannot be folded into weights, and training needs a whole model: {error}"
        ) from error
    return layer.get_base_layer()
