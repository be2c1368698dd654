"""A TransformerBridge over the same storage as a fast model, for head-level sites and notebooks.

Wrapping changes the Hugging Face module that it is given (its attention becomes the bridge's), so the
bridge gets a second module tree whose parameters and buffers *are* the fast model's: no second copy of
the weights, and the fast model stays clean. (The bridge adds an output bias of zeros, and for GPT-NeoX
its own query, key and value weights, because there they are fused.)

Logits equal those of the Hugging Face module under eager attention exactly (GPT-2, and any module under
SDPA: within 3e-6 of the largest logit). The bridge is slow and heavy on long traces. Give it token ids,
never strings: it may add a BOS that the tokenizer does not.
"""

import copy
from typing import TYPE_CHECKING, Any

from mechcot.core.errors import UserError
from mechcot.model.loading.weights import same_storage

if TYPE_CHECKING:
    from transformer_lens.model_bridge import TransformerBridge


def open_lens(model: Any, tokenizer: Any, *, name: str, source: str) -> "TransformerBridge":
    """Wrap a second module over the storage of `model`; costs the import of transformer_lens (about 10 s) once, no memory.

    Args:
        model: A Hugging Face module.
        tokenizer: Its tokenizer.
        name: What the message calls the model.
        source: Where it lies, path or hub name: TransformerLens takes a short name for one of its own.

    Raises:
        UserError: TransformerLens has no adapter for this family.
    """
    from transformer_lens.model_bridge import TransformerBridge

    shared: Any = same_storage(model)
    shared.set_attn_implementation("eager")
    device = model.get_input_embeddings().weight.device
    try:
        return TransformerBridge.boot_transformers(
            source,
            hf_model=shared,
            tokenizer=copy.deepcopy(tokenizer),
            device=device,
            dtype=model.get_input_embeddings().weight.dtype,
        )
    except (ValueError, KeyError, NotImplementedError, AttributeError) as error:
        raise UserError(
            f"{name}: TransformerLens cannot wrap {type(model).__name__} ({error}). The measures do not need it; "
            "only head-level exploration does."
        ) from error
