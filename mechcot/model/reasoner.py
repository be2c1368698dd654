"""`Reasoner`: a causal language model with its tokenizer and its prompt policy, as one frozen value.

It has a Hugging Face model and is not one. Everything that scales with a trace's length runs on that
module (SDPA attention, no gradients); `lens` opens a TransformerBridge over the same storage for
head-level work. Nothing here changes the module.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mechcot.core.argument_kinds import checked, expect_list
from mechcot.core.errors import UserError
from mechcot.core.problem import Completion, Problem
from mechcot.core.trace import Phase, StepKind, Trace
from mechcot.model import compatibility
from mechcot.model.activations.cache import ActivationCache, CaptureSpec
from mechcot.model.activations.capture import activations, capture
from mechcot.model.activations.disk_cache import stream
from mechcot.model.answer_cue import AnswerCue
from mechcot.model.asking_options import AS_FOUND, Asking
from mechcot.model.generation.decoding import stop_ids
from mechcot.model.generation.sampling import Sampling
from mechcot.model.generation.steering_hooks import GenerationInterventions
from mechcot.model.generation.write_traces import Skip, author_traces
from mechcot.model.internals import token_text
from mechcot.model.internals.sites import Site, sites_of
from mechcot.model.interventions import AnyIntervention
from mechcot.model.loading.adapters import attach
from mechcot.model.loading.embedding_rows import check_rows
from mechcot.model.loading.fingerprints import hash_module, hash_spec
from mechcot.model.loading.options import DEFAULTS, LoadOptions
from mechcot.model.loading.spec import ModelSpec, has_spaced_text, parse_spec
from mechcot.model.loading.weights import freeze, load_base
from mechcot.model.prefix.prefix import Prefix
from mechcot.model.prompts import PromptPolicy, ending_of, policy_of
from mechcot.model.soft.checkpoints import is_soft, open_soft
from mechcot.model.soft.tokens import soft_marked
from mechcot.text.stated_value import ANSWER_PLACE
from mechcot.text.step_kinds import Classifier
from mechcot.text.trace_parser import GUESSED, given_at, read
from mechcot.text.unread_answers import say_unread

if TYPE_CHECKING:
    from transformer_lens.model_bridge import TransformerBridge


_ASKED = "What is 1 + 1?"
_SEPARATORS = re.compile(r"[\s,;:.\u060c\u061b\u3001\u3002\uff0c\uff0e\uff1a\uff1b]*")


def seam(before: str, lead: str) -> int:
    """Characters that a text ends with and `lead` begins with."""
    return next((n for n in range(len(lead), 0, -1) if before.endswith(lead[:n])), 0)


def _avoid_plans() -> None:
    """Leave cuDNN's attention out: it builds a plan for each new shape (1.4 ms a call on an H100), and here nearly every run has a shape of its own."""
    torch.backends.cuda.enable_cudnn_sdp(False)  # noqa: FBT003 - its only way


def _reopen(source: Callable[[], "Reasoner"], name: str, logit_scale: float) -> "Reasoner":
    return replace(source(), name=name, logit_scale=logit_scale)


def _reopen_asked(source: Callable[[], "Reasoner"], asking: Asking) -> "Reasoner":
    return source().asked_with(asking)


@dataclass(frozen=True, eq=False, repr=False)
class Reasoner:
    """A model that writes and reads chains.

    Attributes:
        name: Short name for tables and files.
        spec: Where it came from.
        model: Hugging Face causal LM: evaluation mode, no gradients, adapters already inside its layers.
        tokenizer: Its tokenizer.
        policy: How questions become prompts and how the answer is asked for.
        device: Where token ids go.
        logit_scale: Factor on the logits (a null: the same model, only surer).
        source: Loads it once more, in another process; None: it is in this process's memory only.

    Example:
        >>> import mechcot as mc
        >>> base = mc.load("organism:base")
        >>> base.write(mc.problems("mod10", n=1))[0].answer.text
        '8'
    """

    name: str
    spec: ModelSpec
    model: Any
    tokenizer: Any
    policy: PromptPolicy
    device: torch.device
    logit_scale: float = 1.0
    source: Callable[[], "Reasoner"] | None = None

    def __reduce__(self) -> Any:
        """Send the model to another process by name: it is loaded there again.

        Raises:
            UserError: It was made in memory.
        """
        if self.source is None:
            raise UserError(
                f"{self.name} was made in memory, so other processes cannot load it; give --workers 1"
            )
        return _reopen, (self.source, self.name, self.logit_scale)

    def __repr__(self) -> str:
        config = self.model.config.get_text_config()
        size = sum(weights.numel() for weights in self.model.parameters()) / 1e6
        return (
            f"Reasoner {self.name}: {type(self.model).__name__}, {config.num_hidden_layers} blocks, width {config.hidden_size}, "
            f"{size:.3g} M parameters, {str(self.dtype).removeprefix('torch.')} on {self.device}"
        )

    @classmethod
    @checked
    def load(
        cls,
        spec: ModelSpec | str,
        *,
        device: str = "auto",
        dtype: str = "auto",
        device_map: str | Mapping[str, Any] | None = None,
        trust_remote_code: bool = False,
        policy: PromptPolicy | None = None,
        asking: Asking = AS_FOUND,
    ) -> "Reasoner":
        """Load a model by name.

        Args:
            spec: See `mechcot.model.loading.spec`.
            device: `auto`, `cpu`, `cuda`, `cuda:1`, ...
            dtype: `auto`, `float32` or `bfloat16`.
            device_map: Passed to `from_pretrained`.
            trust_remote_code: Runs Python code that comes with the checkpoint.
            policy: Prompt policy; None for the model's own. Give `first.policy.shared()` for one text.
            asking: How answers are asked for and read, where no policy says it.

        Raises:
            UserError: The model is unknown, unreadable or not supported.

        Example:
            >>> import mechcot as mc
            >>> mc.load("organism:base").max_length
            512
        """
        options = LoadOptions(device, dtype, device_map, trust_remote_code, asking)
        return cls.open(spec, options, policy=policy)

    @classmethod
    def open(
        cls,
        spec: ModelSpec | str,
        options: LoadOptions = DEFAULTS,
        *,
        policy: PromptPolicy | None = None,
    ) -> "Reasoner":
        """Load a model as `load` does, the options in one value.

        Args:
            spec: See `mechcot.model.loading.spec`.
            options: Where it runs, and how it is asked.
            policy: Prompt policy; None for the model's own.

        Raises:
            UserError: The model is unknown, unreadable or not supported.
        """
        spec = parse_spec(spec) if isinstance(spec, str) else spec
        model, tokenizer, device = load_base(spec, options)
        soft = is_soft(spec)
        if spec.adapter is not None and not soft:
            model = attach(model, spec.adapter, name=spec.name)
        kwargs: dict[str, Any] = {"device": device, "policy": policy, "asking": options.asking}
        reader = cls.of(model, tokenizer, name=spec.name, spec=spec, **kwargs)
        if soft and spec.adapter is not None:
            reader = open_soft(reader, spec.adapter, lambda named: cls.open(named, options))
        source = partial(cls.open, spec, options) if policy is None else None
        return replace(reader, source=source)

    @classmethod
    def of(
        cls,
        model: nn.Module,
        tokenizer: Any,
        *,
        name: str = "model",
        spec: ModelSpec | None = None,
        device: torch.device | None = None,
        policy: PromptPolicy | None = None,
        asking: Asking = AS_FOUND,
    ) -> "Reasoner":
        """Wrap a model that is already in memory; its weights are frozen.

        Args:
            model: A causal language model of `transformers`.
            tokenizer: Its tokenizer.
            name: Short name for tables.
            spec: Where it came from; None: nowhere that could be loaded again.
            device: Where it is; None: where its weights are.
            policy: How questions are rendered; None: as its chat template says.
            asking: How answers are asked for and read, where no policy says it.

        Raises:
            UserError: The tokenizer writes tokens that the model has no row for.
        """
        spec = spec or ModelSpec(base="", name=name)
        device = device or next(model.parameters()).device
        if device.type == "cuda":
            _avoid_plans()
        reader = cls(
            name=name,
            spec=spec,
            model=freeze(model),
            tokenizer=tokenizer,
            policy=policy
            or policy_of(tokenizer, owner=name, spaced=has_spaced_text(spec), asking=asking),
            device=device,
            logit_scale=spec.logit_scale,
        )
        check_rows(reader)
        return reader

    def scaled(self, factor: float) -> "Reasoner":
        """The same weights with the logits multiplied: more or less confident, not different."""
        scale = self.logit_scale * factor
        name = self.spec.name.partition("@logits=")[0] or self.name
        return replace(self, name=f"{name}@logits={scale:g}", logit_scale=scale)

    def asked_with(self, asking: Asking) -> "Reasoner":
        """The same model, asked and read in another way under a policy of its own; where it is asked in another model's prompt, in that prompt.

        Args:
            asking: How answers are asked for and read.

        Raises:
            NoCue: No question for the answer is given, and its tokenizer spells none that is known.
        """
        spaced = has_spaced_text(self.spec)
        policy = policy_of(self.tokenizer, owner=self.policy.owner, spaced=spaced, asking=asking)
        if self.policy.mode == "shared":
            own = self.policy.owner == self.name
            policy = policy.shared() if own else replace(self.policy, cue=policy.cue, asking=asking)
        source = self.source and partial(_reopen_asked, self.source, asking)
        return replace(self, policy=policy, source=source)

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the weights."""
        return self.model.get_input_embeddings().weight.dtype

    @property
    def max_length(self) -> int:
        """The context: most tokens that one run may have."""
        config = self.model.config.get_text_config()
        length = getattr(config, "max_position_embeddings", None)
        return int(length) if length else 2**31

    @property
    def n_vocabulary(self) -> int:
        """Rows of the unembedding (padding rows included)."""
        return self._n_vocabulary

    @cached_property
    def _n_vocabulary(self) -> int:
        return int(self.model.get_output_embeddings().weight.shape[0])

    @cached_property
    def weights_hash(self) -> str:
        """Hash of the weights; of the files when there are any, else of the parameters."""
        return (hash_spec(self.spec) if self.spec.base else None) or hash_module(self.model)

    @cached_property
    def stop_ids(self) -> frozenset[int]:
        """Token ids that end a text."""
        return stop_ids(
            self.model,
            self.tokenizer,
            tags=self.policy.tags,
            ending=ending_of(self.tokenizer, owner=self.name),
        )

    @property
    def cue(self) -> AnswerCue:
        """The text that closes a thought and asks for the answer."""
        return self.policy.cue

    @cached_property
    def cue_ids(self) -> tuple[int, ...]:
        """The cue's token ids, as a continuation."""
        return tuple(self.continue_ids(self.cue.text))

    def cue_after(self, ids: Sequence[int]) -> tuple[int, ...]:
        """The cue's token ids behind other tokens: what parts chain and question and stands on both sides of the seam stands once.

        A model writes one line break, or one comma, before it closes its thought; a step or a prompt that ends in it has it already. So has a chain the
        line that closes it, where nobody knows that as a mark; what opens the reply closes no chain, even where it is the same (`---`).

        Args:
            ids: The tokens before; only their end counts.
        """
        opening = self._opening
        size = max(len(self.cue_ids) + 1, len(opening))
        before = self.decode(ids[-size:])
        opens = bool(opening) and tuple(ids[-len(opening) :]) == opening
        twice = seam(before, self._separators if opens else self._cue_head)
        if twice not in self._cues:
            self._cues[twice] = tuple(self.continue_ids(self.cue.text[twice:]))
        return self._cues[twice]

    @cached_property
    def _cue_head(self) -> str:
        """The cue up to its last line, or the separators that it begins with."""
        lines = self.cue.text.rpartition("\n")
        return max(lines[0] + lines[1], self._separators, key=len) if self.cue.text.strip() else ""

    @cached_property
    def _separators(self) -> str:
        """The separators that the cue begins with."""
        parts = _SEPARATORS.match(self.cue.text)
        assert parts
        return parts.group() if self.cue.text.strip() else ""

    @cached_property
    def _opening(self) -> tuple[int, ...]:
        """The ids of what a prompt has behind its question, where that says more than a line break."""
        said = self.policy.template(_ASKED).rpartition(_ASKED)[2]
        return tuple(self.encode(said)) if said.strip() else ()

    @cached_property
    def _cues(self) -> dict[int, tuple[int, ...]]:
        """The cue without so many first characters of its head, as far as it was asked for."""
        return {0: self.cue_ids}

    @cached_property
    def lens(self) -> "TransformerBridge":
        """A TransformerBridge over the same storage (eager attention; logits *without* `logit_scale`)."""
        from mechcot.model.loading.transformer_lens_bridge import open_lens

        return open_lens(self.model, self.tokenizer, name=self.name, source=self.spec.base)

    def encode(self, text: str) -> list[int]:
        """Token ids of a text; nothing is added, special tokens stand in the text."""
        return token_text.encode_text(self.tokenizer, text)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids, special tokens included."""
        return token_text.decode_ids(self.tokenizer, ids)

    def continue_ids(self, text: str) -> list[int]:
        """Token ids of a text that follows other text."""
        return token_text.encode_behind(self.tokenizer, text)

    def continuation(self, before: Sequence[int], ids: Sequence[int]) -> str:
        """The text that `ids` add behind `before`."""
        return token_text.decode_behind(self.tokenizer, before, ids)

    def answer_ids(self, answer: str) -> list[int]:
        """Token ids of an answer as it would stand behind the cue."""
        return token_text.encode_part(self.tokenizer, self.cue.text, f"{self.cue.lead}{answer}")

    def render(self, problem: Problem) -> str:
        """The prompt of a problem, with the marks of soft tokens where the model has them.

        Raises:
            UserError: The question is empty.
            NotMeasurable: It holds such a mark.
        """
        return soft_marked(self.tokenizer, self.policy.render(problem))

    @checked
    def write(
        self,
        problems: Sequence[Problem],
        *,
        max_tokens: int = 1024,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int = 0,
        batch_size: int = 16,
        skip: Skip | None = None,
        under: GenerationInterventions | None = None,
    ) -> list[Trace]:
        """Write a chain and an answer for every problem.

        A problem's text depends on `seed` and its id, not on the other problems (floating noise aside).
        A limit that would pass the context is cut to it. Where most finished texts state no answer that can be read, and nothing steers them, the console says so.

        Args:
            problems: The questions.
            max_tokens: Most new tokens.
            temperature: 0 is greedy.
            top_p: Nucleus.
            seed: Seed of the whole run.
            batch_size: Most items at once; halves itself when memory runs out.
            skip: Called with each problem that cannot be written and is left out; without it the first raises. Who gives it says unread answers as well.
            under: Vectors and logit rules that act while it writes, see `mechcot.model.generation.steering_hooks`.

        Raises:
            UserError: NaN logits, not enough memory for one item, an empty question.
            NotMeasurable: A problem cannot be written and there is no `skip`.
            EditDidNotFire: A vector of `under` was never added.
        """
        expect_list(
            problems,
            Problem,
            "problems",
            "mc.problems(NAME_OR_FILE) reads them; put one into a list",
        )
        sampling = Sampling(max_tokens, temperature, top_p)
        kwargs: dict[str, Any] = {"seed": seed, "batch_size": batch_size, "skip": skip}
        both = author_traces(self, problems, sampling=sampling, under=under, **kwargs)
        traces = [trace for trace, _ in both]
        if skip is None and under is None:
            say_unread(traces, author=self.name, paired=self.policy.mode == "shared")
        return traces

    def read(
        self,
        completion: Completion,
        *,
        trace_id: str | None = None,
        classifier: Classifier | None = None,
    ) -> Trace:
        """Cut a completion into steps with this tokenizer.

        Args:
            completion: A written text; token ids that come with it are kept.
            trace_id: Id of the trace; None: made of problem and author.
            classifier: Says what kind each step is; None: the default (`mechcot.text.learned_step_kinds`).
        """
        asking = self.policy.asking
        kwargs: dict[str, Any] = {"classifier": classifier, "trace_id": trace_id}
        kwargs |= {"tags": self.policy.tags, "after": asking.answer_after}
        kwargs |= {"otherwise": "last_number" if asking.last_number else "closing"}
        if self.policy.step_end:
            kwargs |= {"segmenter": "word_dot", "family": "word"}
        trace = read(completion, self.tokenizer, **kwargs)
        _, placed, end = (asking.cue or "").partition(ANSWER_PLACE)
        by_cue = asking.cue and not asking.answer_after and (self.cue.lead or placed)
        if by_cue and trace.answer.how in {*GUESSED, "unread"}:
            kwargs["after"] = f"{self.cue.ask.strip()}{placed}{end}"
            own = read(completion, self.tokenizer, **kwargs)
            return trace if own.answer.text is None else own
        return trace

    def retoken(self, trace: Trace, prompt: str, completion: str) -> Trace:
        """A trace about other text, read the way `trace` was (same problem, author and id).

        Args:
            trace: Whose problem, author and id it gets.
            prompt: The new prompt, as rendered.
            completion: The new text behind it; steps get the kinds of the default classifier.
        """
        text = Completion(
            problem=trace.problem,
            prompt=prompt,
            text=completion,
            model=trace.author,
            finished=trace.finished,
            answer_at=given_at(trace, completion),
        )
        return self.read(text, trace_id=trace.id)

    def view(self, trace: Trace) -> Trace:
        """A trace as this reader sees it: its own prompt under an `own` policy, its own token ids.

        The chain's token ids are never changed.

        Raises:
            UserError: This tokenizer gives the chain's ids another meaning.
            NotMeasurable: The trace does not fit in the context.
        """
        return compatibility.view(self, trace)

    def prefix(self, ids: Sequence[int], *, under: Sequence[AnyIntervention] = ()) -> Prefix:
        """Run token ids once, under acts, and keep what later forks need."""
        return Prefix.of(self, tuple(ids), under=tuple(under))

    def states(
        self,
        ids: Sequence[int],
        sites: Sequence[Site],
        *,
        under: Sequence[AnyIntervention] = (),
    ) -> dict[Site, Float[Tensor, "token d_model"]]:
        """The states of one sequence at some sites. One forward.

        Args:
            ids: Token ids; they begin at position 0.
            sites: Where to read.
            under: Acts (edits, hides) in absolute positions.

        Returns:
            By site [token, d_model], in the model's precision.

        Raises:
            UserError: The model does not have a site.
        """
        return capture(self, ids, sites, under=under)

    @checked
    def activations(
        self,
        traces: Sequence[Trace | Problem],
        *,
        at: "Site | str | Sequence[Site | str]",
        pool: Literal["mean", "last", "whole"] = "mean",
        phases: Sequence[Phase] = tuple(Phase),
        kinds: Sequence[StepKind] | None = None,
        under: Sequence[AnyIntervention] = (),
        to_disk: Path | str | None = None,
    ) -> ActivationCache:
        """Activations by step, in memory or on disk. One forward a trace; see `mechcot.model.activations.capture`.

        Args:
            traces: Traces; a problem is written first.
            at: Where to read: `resid_post.2`, a `Site`, or several of either.
            pool: `mean` over a step's tokens or its `last` one: a row a step; `whole`: a row a token.
            phases: Which phases.
            kinds: Which kinds of steps; None: all.
            under: Acts (edits, hides) in absolute positions; in memory only.
            to_disk: Folder for thousands of traces: safetensors shards, of which only the asked-for slices are read; the same call
                resumes, and adds traces. None keeps all in memory.

        Raises:
            UserError: The model does not have a site, the activations pass the limit, or acts are given with `to_disk`.

        Example:
            >>> import mechcot as mc
            >>> base = mc.load("organism:base")
            >>> traces = base.write(mc.problems("mod10", n=1))
            >>> base.activations(traces, at="resid_post.2").read(mc.Site("resid_post", 2)).shape[1]
            128
        """
        expect_list(traces, Trace | Problem, "traces", "put one into a list: [trace]")
        wanted = CaptureSpec(
            sites_of(at), pool, tuple(phases), None if kinds is None else tuple(kinds)
        )
        if to_disk is None:
            return activations(self, traces, wanted=wanted, under=under)
        if under:
            raise UserError(
                "activations under edits are kept in memory only; leave to_disk out, or the edits"
            )
        return stream(self, traces, Path(to_disk), wanted=wanted)
