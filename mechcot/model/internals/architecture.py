"""The parts of a Hugging Face causal language model that the rest of this package needs.

`Backbone` finds blocks, embedding, final norm and unembedding by name, family by family. Whether
what it found is right is not believed but tried: see `self_test.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.model.internals.hooks import HookPoint
from mechcot.model.internals.sites import STREAMS, Site
from mechcot.model.prefix.memory import NO_LIMIT, Limit

_BLOCKS = ("layers", "h", "blocks", "block")
_FINAL_NORM = (
    *("norm", "final_layer_norm", "ln_f", "final_layernorm", "norm_f", "final_norm"),
    *("layer_norm", "layernorm", "embedding_norm", "ln_out", "out_norm"),
)
_SOFTCAPS = ("final_logit_softcapping", "logits_soft_cap", "output_logit_soft_cap")
_LOGIT_DIVISORS = ("logits_scaling", "logits_mup_width_multiplier")
ATTENTION_NAMES = ("self_attn", "attn", "attention", "self_attention")
_MLP = ("mlp", "feed_forward", "block_sparse_moe", "ffn", "moe")
_ATTENTION_POST_NORM = ("post_self_attn_layernorm",)
_MLP_POST_NORM = ("post_feedforward_layernorm", "post_mlp_layernorm")
_MLP_NORM = ("pre_feedforward_layernorm", "post_attention_layernorm", "ln_2")


@dataclass(frozen=True)
class Writes:
    """Properties of a family that generation depends on.

    Attributes:
        cached: One token at a time on the model's own cache; else every token is a run of the whole text.
        batch: Which rows share a batch: any `padded` ones, those of `equal` length, or each `alone`.
    """

    cached: bool = True
    batch: Literal["padded", "equal", "alone"] = "padded"


@dataclass
class Batches:
    """Ways in which runs of many texts may share a batch, see `mechcot.model.prefix.batch_requests`; none before they were tried.

    Attributes:
        ways: Those that give the states of each text alone.
        tried: Whether they were.
    """

    ways: frozenset[str] = frozenset()
    tried: bool = False


@dataclass(frozen=True, eq=False)
class Backbone:
    """A causal language model taken apart; frozen, shares the model's weights.

    Attributes:
        model: The Hugging Face model with its head.
        base: The model without head; its last hidden state is *after* the final norm.
        blocks: The decoder blocks in order.
        embedding: Token embedding.
        final_norm: Norm between the last block and the unembedding.
        head: Unembedding.
        softcap: Cap of the final logits (Gemma 2), or None.
        logit_factor: Factor that the family puts on its logits (Cohere, Granite), else 1.
        windows: Sliding window of each block, None where attention is full.
        chunk: Size of the chunks of layers with chunked attention (Llama 4), or None.
        places: Where each stream of each block is tapped.
        takes_masks: Under an explicit additive 4-D causal mask the model gives its plain states.
        maskable: What such a mask hides stays hidden: changing a hidden token moves no later state.
        leak: Why nothing can be hidden, one clause; empty where `maskable`.
        causal: A later token moves no earlier state.
        forkable: The key/value cache can be cropped and run under an explicit mask.
        switch: Longest run whose numbers serve shorter ones; beyond it every token is turned otherwise (longrope).
        writes: How texts are written so that each is the one that plain runs give.
        batches: How runs of many texts may share a batch.
        rows: Most tokens of rows run at once, once memory ran out.
        packs: The same for tokens packed as branches.
    """

    model: nn.Module
    base: nn.Module
    blocks: tuple[nn.Module, ...]
    embedding: nn.Module
    final_norm: nn.Module
    head: nn.Module
    softcap: float | None
    logit_factor: float
    windows: tuple[int | None, ...]
    chunk: int | None
    places: tuple[Mapping[str, HookPoint], ...]
    takes_masks: bool = True
    maskable: bool = True
    leak: str = ""
    causal: bool = True
    forkable: bool = True
    switch: int = NO_LIMIT
    writes: Writes = field(default_factory=Writes)
    batches: Batches = field(default_factory=Batches)
    rows: Limit = field(default_factory=Limit)
    packs: Limit = field(default_factory=Limit)

    @property
    def config(self) -> Any:
        """The Hugging Face configuration."""
        return self.base.config

    @property
    def context(self) -> int:
        """Most tokens of one run."""
        length = getattr(self.config.get_text_config(), "max_position_embeddings", None)
        return int(length) if length else NO_LIMIT

    def check_length(self, length: int) -> None:
        """See that a run of this many tokens keeps within the context.

        Raises:
            NotMeasurable: It does not.
        """
        if length > self.context:
            raise NotMeasurable(
                f"with what is asked behind it the text has {length} tokens, the context is {self.context}"
            )

    def serves(self, kept: int, *lengths: int) -> bool:
        """Return whether a run of `kept` tokens gives the numbers of runs of these lengths: all on one side of the switch."""
        return all((length > self.switch) == (kept > self.switch) for length in lengths)

    @property
    def n_layers(self) -> int:
        """Number of blocks."""
        return len(self.blocks)

    @property
    def d_model(self) -> int:
        """Width of the residual stream."""
        return int(self.config.hidden_size)

    @property
    def d_out(self) -> int:
        """Width of the states that are unembedded; another than `d_model` where the family projects (OPT)."""
        width = getattr(self.head, "in_features", None)
        return self.d_model if width is None else int(width)

    @property
    def device(self) -> torch.device:
        """Device of the token ids."""
        return next(self.embedding.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Type of the states."""
        return next(self.embedding.parameters()).dtype

    @property
    def streams(self) -> tuple[str, ...]:
        """Streams that every block of this family has."""
        return tuple(s for s in STREAMS if all(s in places for places in self.places))

    @property
    def no_streams(self) -> str:
        """Sentence about a family without streams."""
        return (
            f"{type(self.model).__name__} carries no single residual stream between its blocks, so nothing inside it "
            "can be read or edited"
        )

    def place(self, site: Site) -> HookPoint:
        """Find where a site is tapped.

        Raises:
            UserError: The model has no such layer, or its family no such stream.
        """
        if site.layer >= self.n_layers:
            raise UserError(
                f"{site.name}: the model has layers 0 to {self.n_layers - 1}, got {site.layer}; choose one of them"
            )
        place = self.places[site.layer].get(site.stream)
        if place is None and not self.streams:
            raise UserError(f"{site.name}: {self.no_streams}")
        if place is None:
            raise UserError(
                f"{site.name}: this family ({type(self.model).__name__}) has no {site.stream}; "
                f"choose out of {', '.join(self.streams)}"
            )
        return place

    @torch.no_grad()
    def unembed(
        self, hidden: Float[Tensor, "*batch d_model"], *, scale: float = 1.0
    ) -> Float[Tensor, "*batch d_vocab"]:
        """Turn states after the final norm into log-probabilities (float32).

        Cost: one `[..., d_vocab]` array; unembed only the rows you need, or use `scoring` in chunks.

        Args:
            hidden: States after the final norm, e.g. `Prefix.hidden`.
            scale: Factor on the logits (1.5 makes the over-confident null model).
        """
        return self.log_probabilities(hidden, scale=scale)

    def log_probabilities(
        self, hidden: Float[Tensor, "*batch d_model"], *, scale: float = 1.0
    ) -> Float[Tensor, "*batch d_vocab"]:
        """Like `unembed`, with gradients where they are on."""
        weight = next(self.head.parameters())
        logits = self.head(hidden.to(weight.device, weight.dtype)) * self.logit_factor
        if self.softcap is not None:
            logits = torch.tanh(logits / self.softcap) * self.softcap
        return torch.log_softmax(logits.float() * scale, dim=-1)

    @classmethod
    def take_apart(cls, model: Any) -> "Backbone":
        """Find the parts by name, without running the model.

        Raises:
            UserError: A part was not found: the family is not supported.
        """
        model, base = whole_and_base(model)
        holder = next((h for h in _holders(base) if child_named(h, _BLOCKS) is not None), None)
        head = model.get_output_embeddings()
        if holder is None or head is None or getattr(base.config, "is_encoder_decoder", False):
            raise UserError(_unsupported(model, "a list of blocks and an unembedding"))
        blocks = tuple(child_named(holder, _BLOCKS))
        final_norm = child_named(holder, _FINAL_NORM) or nn.Identity()
        config = base.config
        return cls(
            model=model,
            base=base,
            blocks=blocks,
            embedding=model.get_input_embeddings(),
            final_norm=final_norm,
            head=head,
            softcap=_first(config, _SOFTCAPS),
            logit_factor=_logit_factor(model, config),
            windows=_windows(config, len(blocks)),
            chunk=getattr(config, "attention_chunk_size", None),
            places=tuple(_places(block) for block in blocks),
        )


def whole_and_base(model: Any) -> tuple[Any, Any]:
    """The Hugging Face model with its head, out of the adapters around it, and the model without head."""
    if hasattr(model, "get_base_model"):
        model = model.get_base_model()
    base = model.base_model
    if base is model:  # Llama 4 names a base that is not there
        base = getattr(model, "model", model)
    return model, base


def _holders(base: nn.Module) -> tuple[nn.Module, ...]:
    inner = (getattr(base, name, None) for name in ("decoder", "language_model"))
    return (base, *(module for module in inner if isinstance(module, nn.Module)))


def child_named(module: nn.Module, names: tuple[str, ...]) -> Any:
    """The first child module of one of these names; None where there is none."""
    return next(
        (getattr(module, n) for n in names if isinstance(getattr(module, n, None), nn.Module)), None
    )


def _unsupported(model: nn.Module, what: str) -> str:
    return f"expected a decoder-only model with {what}, got {type(model).__name__}; this family is not supported"


def _logit_factor(model: Any, config: Any) -> float:
    if isinstance(getattr(model, "logit_scale", None), int | float):
        return float(model.logit_scale)
    return 1.0 / float(_first(config, _LOGIT_DIVISORS) or 1.0)


def _first(config: Any, names: tuple[str, ...]) -> Any:
    """The first of some fields that a config has."""
    values = (getattr(config, name, None) for name in names)
    return next((value for value in values if value is not None), None)


def _windows(config: Any, n_layers: int) -> tuple[int | None, ...]:
    window = getattr(config, "sliding_window", None)
    types = getattr(config, "layer_types", None)
    if window is None:
        return (None,) * n_layers
    if types is None:
        return (
            None if getattr(config, "use_sliding_window", True) is False else window,
        ) * n_layers
    return tuple(window if kind == "sliding_attention" else None for kind in types)


def _places(block: nn.Module) -> Mapping[str, HookPoint]:
    """Places of the streams, see `mechcot.model.internals.sites`; families with post-norms add *their* output to the residual."""
    places = {"resid_pre": HookPoint(block, "input"), "resid_post": HookPoint(block, "output")}
    attention, mlp = child_named(block, ATTENTION_NAMES), child_named(block, _MLP)
    mlp_post = child_named(block, _MLP_POST_NORM)
    attention_post = child_named(block, _ATTENTION_POST_NORM)
    if mlp_post is not None and attention_post is None:
        attention_post = child_named(block, ("post_attention_layernorm",))
    if attention is not None:
        places["attn_out"] = HookPoint(attention_post or attention, "output")
    if mlp is not None:
        places["mlp_out"] = HookPoint(mlp_post or mlp, "output")
    before_mlp = child_named(
        block, tuple(n for n in _MLP_NORM if getattr(block, n, None) is not attention_post)
    )
    middle = before_mlp or mlp
    if middle is not None:
        places["resid_mid"] = HookPoint(middle, "shared_input")
    return places
