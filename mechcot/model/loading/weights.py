"""From a spec to a module and a tokenizer in memory, with every failure turned into one clear sentence.

Attention is SDPA; families that refuse it (Gemma 2) get eager attention, and a log line says so once.
`dtype="auto"` is float32 on the CPU and for models below half a billion parameters, else the
checkpoint's own. Remote code never runs unless asked for; weights are read from safetensors and GGUF files only. A GGUF
file is dequantized in memory (`transformers`), with the tokenizer and chat template that it holds; no second copy is written.
"""

import copy
import functools
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mechcot.core.errors import UserError
from mechcot.model.loading.gguf_once import parsed_once
from mechcot.model.loading.options import LoadOptions
from mechcot.model.loading.spec import ModelSpec, check_spec, text_folder, weight_files
from mechcot.model.loading.tokenizer_files import check_vocabulary, lacks_files
from mechcot.model.prefix.memory import out_of_memory

_log = logging.getLogger(__name__)

SMALL = 500_000_000
QUIET_BYTES = 200_000_000
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def pick_device(device: str) -> torch.device:
    """The torch device for a user's word.

    Raises:
        UserError: Not a device, or CUDA where there is none.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        picked = torch.device(device)
    except RuntimeError as error:
        raise UserError(f"device: expected auto, cpu, cuda or cuda:N, got {device!r}.") from error
    if picked.type not in {"cpu", "cuda"}:
        raise UserError(
            f"device: expected auto, cpu, cuda or cuda:N, got {device!r}; only those are tested."
        )
    if picked.type == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "device: cuda was asked for, but torch finds no CUDA device here; use --device cpu."
        )
    return picked


def load_base(spec: ModelSpec, options: LoadOptions) -> tuple[Any, Any, torch.device]:
    """Load the base model (no adapter) and its tokenizer.

    Returns:
        The causal LM (evaluation mode, no gradients), the tokenizer, the device for token ids.

    Raises:
        UserError: Anything that is missing, unreadable or not supported.
    """
    check_spec(spec)
    device = pick_device(options.device)
    with nullcontext() if spec.gguf is None else parsed_once():
        tokenizer = load_tokenizer(spec, trust_remote_code=options.trust_remote_code)
        model = _load_module(spec, options, device)
    if options.device_map is None:
        try:
            model.to(device)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            raise UserError(_too_large(spec, str(device))) from error
    else:
        device = model.get_input_embeddings().weight.device
    return freeze(model), tokenizer, device


def freeze(model: nn.Module) -> nn.Module:
    """Evaluation mode, no gradients."""
    model.eval()
    model.requires_grad_(requires_grad=False)
    return model


def same_storage(model: nn.Module) -> nn.Module:
    """A second module tree over the same parameters and buffers: no weight is copied.

    Hooks, wrappers and adapters put on one tree do not touch the other, nor does a parameter that is given other data
    (`weight.data = ...`, as some adapters' loading does): each tree has parameters of its own over the same storage.
    """
    shared = [*model.parameters(), *model.buffers()]
    return copy.deepcopy(model, {id(tensor): _over_same_storage(tensor) for tensor in shared})


def _over_same_storage(tensor: torch.Tensor) -> torch.Tensor:
    """A plain parameter again over its own data; whatever else a module holds stays itself."""
    if type(tensor) is not nn.Parameter:
        return tensor
    return nn.Parameter(tensor.data, requires_grad=tensor.requires_grad)


@functools.cache
def hub_answers() -> bool:
    """Ask once whether the hub can be reached; without this every file is tried for minutes."""
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        get_session().head(constants.ENDPOINT, timeout=5.0)
    except Exception as error:  # noqa: BLE001 - whatever the reason, the cache is all there is
        _log.info("the hub cannot be reached (%s): only cached models can be loaded", error)
        return False
    return True


def load_tokenizer(spec: ModelSpec, *, trust_remote_code: bool) -> Any:
    """The tokenizer of a model: the one beside its adapter where there is one, else the base's.

    A tokenizer beside an adapter that has no chat template gets the base's.

    Raises:
        UserError: It cannot be loaded.
    """
    beside = text_folder(spec)
    base = None
    if beside is None or not own_template(beside):
        base = _tokenizer(spec, spec.base, trust_remote_code=trust_remote_code)
    if beside is None:
        return base
    tokenizer = _tokenizer(spec, str(beside), trust_remote_code=trust_remote_code)
    if base is not None and not tokenizer.chat_template:
        tokenizer.chat_template = base.chat_template
    return tokenizer


def _tokenizer(spec: ModelSpec, where: str, *, trust_remote_code: bool) -> Any:
    at_base = where == spec.base
    place = _place(spec) if at_base else {"pretrained_model_name_or_path": where}
    files = {
        "revision": spec.revision if at_base else None,
        "local_files_only": not at_base or spec.is_local or not hub_answers(),
    }
    try:
        tokenizer = _stated_class(place, **files).from_pretrained(
            **place, **files, trust_remote_code=trust_remote_code
        )
    except Exception as error:
        if not at_base:
            raise UserError(
                f"{spec.name}: the tokenizer beside the adapter in {where} cannot be loaded ({type(error).__name__}: "
                f"{' '.join(str(error).split())[:200]}); copy its files again, or remove them to use the base's tokenizer."
            ) from error
        raise UserError(_explain(spec, error, "tokenizer")) from error
    check_vocabulary(tokenizer, where)
    tokenizer.clean_up_tokenization_spaces = False  # decoding must give the text back
    return tokenizer


def _stated_class(place: dict[str, str], **files: Any) -> Any:
    """The class that reads `tokenizer.json` as it stands where the files say so; the automatic one puts some model types' own splitting in its place."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast
    from transformers.models.auto.tokenization_auto import get_tokenizer_config
    from transformers.utils.hub import cached_file

    where = place["pretrained_model_name_or_path"]
    stated = {} if "gguf_file" in place else get_tokenizer_config(where, **files)
    plain = stated.get("tokenizer_class") in {"TokenizersBackend", "PreTrainedTokenizerFast"}
    lenient = {"_raise_exceptions_for_missing_entries": False}
    if (
        plain
        and "auto_map" not in stated
        and cached_file(where, "tokenizer.json", **files, **lenient)
    ):
        return PreTrainedTokenizerFast
    return AutoTokenizer


def own_template(folder: Path) -> bool:
    """Return whether a chat template was saved with a tokenizer."""
    config = (folder / "tokenizer_config.json").read_text(encoding="utf-8")
    return '"chat_template"' in config or any(folder.glob("chat_template*"))


def _load_module(spec: ModelSpec, options: LoadOptions, device: torch.device) -> Any:
    from transformers import AutoModelForCausalLM

    if options.dtype not in {"auto", *_DTYPES}:
        raise UserError(f"dtype: expected auto, float32 or bfloat16, got {options.dtype!r}.")
    dtype = _DTYPES.get(options.dtype, torch.float32 if device.type == "cpu" else "auto")
    load = functools.partial(
        AutoModelForCausalLM.from_pretrained,
        **_place(spec),
        revision=spec.revision,
        dtype=dtype,
        device_map=options.device_map,
        trust_remote_code=options.trust_remote_code,
        use_safetensors=True,
        local_files_only=spec.is_local or not hub_answers(),
        output_loading_info=True,
    )
    try:
        with _bar_if_large(spec):
            model, info = _with_attention(load, spec)
    except Exception as error:
        if out_of_memory(error):
            raise UserError(_too_large(spec, "this machine")) from error
        raise UserError(_explain(spec, error, "model")) from error
    missing = sorted(info["missing_keys"])
    if missing:
        raise UserError(
            f"{spec.name}: the checkpoint in {spec.base} lacks {len(missing)} weights that its config asks for "
            f"({missing[0]}, ...); they would be random. Save the model again with save_pretrained."
        )
    if spec.gguf is not None:
        _forget_quantization(model)
    small = sum(parameter.numel() for parameter in model.parameters()) < SMALL
    return model.float() if options.dtype == "auto" and small else model


def _forget_quantization(model: Any) -> None:
    """Let a model that was dequantized be taken for what it is: plain weights that can be cast and copied."""
    model.is_quantized = False
    model.hf_quantizer = None
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config


def _place(spec: ModelSpec) -> dict[str, str]:
    """Where `from_pretrained` finds a base: a directory or hub name, and the GGUF file in it where it is one."""
    if spec.gguf is None:
        return {"pretrained_model_name_or_path": spec.base}
    return {"pretrained_model_name_or_path": str(spec.gguf.parent), "gguf_file": spec.gguf.name}


@contextmanager
def _bar_if_large(spec: ModelSpec) -> Iterator[None]:
    """Silence the loading bar for small local models: it would only be noise."""
    from transformers.utils import logging as bars

    size = sum(path.stat().st_size for path in weight_files(spec))
    quiet = 0 < size < QUIET_BYTES and bars.is_progress_bar_enabled()
    if quiet:
        bars.disable_progress_bar()
    try:
        yield
    finally:
        if quiet:
            bars.enable_progress_bar()


def _with_attention(load: Any, spec: ModelSpec) -> Any:
    """Load with SDPA, or with eager attention where the family refuses SDPA."""
    try:
        return load(attn_implementation="sdpa")
    except ValueError as error:
        if "attention implementation" not in str(error):
            raise
        _log.warning(
            "%s does not support SDPA: eager attention is used (slower, more memory)", spec.name
        )
        return load(attn_implementation="eager")


def _too_large(spec: ModelSpec, where: str) -> str:
    return (
        f"{spec.name}: the weights do not fit on {where}; use --dtype bfloat16, --one-at-a-time, "
        "another --device, or --device-map auto to spread them."
    )


def _explain(spec: ModelSpec, error: Exception, what: str) -> str:
    """One sentence for a failure of `from_pretrained`."""
    text = str(error)
    first = next((line.strip() for line in text.splitlines() if line.strip()), "no message")
    where = spec.base
    reasons = (
        (
            r"requires `?accelerate|device_map",
            f"{where}: --device-map could not be followed ({first}). Expected auto, balanced, sequential or a device; "
            "spreading a model over devices needs the package accelerate.",
        ),
        (
            r"trust_remote_code|execute the (configuration|model|tokenizer)",
            f"{where}: this checkpoint needs Python code that comes with it. Read that code, then pass "
            "--trust-remote-code to run it.",
        ),
        (
            r"couldn't connect|offline mode|LocalEntryNotFound|Connection|Max retries|outgoing traffic",
            f"{where}: not a directory here, not in the local cache, and the hub cannot be reached. Check the "
            "name, or download the model where there is a network and give its directory.",
        ),
        (
            r"is not a (valid model identifier|local folder)|Repository Not Found|401|404|gated",
            f"{where}: expected a local directory or a model on the hub that you may read, found neither. "
            "Check the spelling; for a gated model log in with `hf auth login`.",
        ),
        (
            r"safetensor|does not appear to have a file named",
            f"{where}: expected weights in safetensors, could not read them ({first}). Pickled weights (.bin) "
            "are not loaded; a damaged file must be copied again.",
        ),
        (
            r"GGUF model with architecture .* is not supported",
            f"{where}: transformers cannot read GGUF files of this architecture ({first}). Give the model's own "
            "directory with safetensors.",
        ),
        (
            r"Unrecognized (configuration class|model)|model type|does not recognize this architecture",
            f"{where}: expected a decoder language model that transformers knows, got another ({first}).",
        ),
    )
    for pattern, sentence in reasons:
        if re.search(pattern, text, flags=re.IGNORECASE) or re.search(
            pattern, type(error).__name__, flags=re.IGNORECASE
        ):
            return sentence
    lacking = lacks_files(where) if what == "tokenizer" and spec.gguf is None else ""
    return lacking or f"{where}: the {what} could not be loaded ({type(error).__name__}: {first})."
