"""Continuations that a server draws behind a text, for measures that write a step anew: the completions of an OpenAI-compatible server.

The text goes as text. The server counts its tokens; where that is not what the reader counts, it reads something else, and nothing is measured.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mechcot.core.errors import NotMeasurable, Unanswered, UserError
from mechcot.model.reasoner import Reasoner
from mechcot.runs.executor import Failed, in_order
from mechcot.runs.threads import Threads
from mechcot.traces.server import Server, ask_server, models_of, server_of

AT_ONCE = 8
"""Continuations that are asked for at a time."""
SLACK = 2
"""Tokens by which two counts of one text may differ: where it was cut, two tokens may be one."""


@dataclass(frozen=True)
class ServedModel:
    """A model that a server writes with.

    Attributes:
        server: The server.
        name: The model's name there.
    """

    server: Server
    name: str

    def draw(
        self, reader: Reasoner, ids: Sequence[int], longest: int, seeds: Sequence[int]
    ) -> list[list[int]]:
        """Continue a text once per seed, at temperature 1.

        Args:
            reader: Whose tokens these are, and whose logits are scaled.
            ids: The text.
            longest: Most new tokens.
            seeds: One for each continuation.

        Returns:
            New token ids, without the one that ends a text.

        Raises:
            NotMeasurable: The server refused a request, or it reads or writes other tokens.
            Unanswered: The server is not there, or gave no answer.
        """
        client, prompt = self.server.client(), _prompt(reader, ids)

        def ask(seed: int) -> list[int]:
            body = {"model": self.name, "prompt": prompt, "max_tokens": longest, "seed": seed}
            body |= {"temperature": 1.0 / reader.logit_scale}
            try:
                reply = ask_server(self.server, client, body)
            except (NotMeasurable, UserError) as reason:
                raise Unanswered(f"--served {self.name}: {reason}") from None
            if "refused" in reply:
                raise NotMeasurable(reply["refused"])
            counted = _counted(reply["usage"])
            if counted is not None and abs(counted - len(ids)) > SLACK:
                raise NotMeasurable(
                    f"the server reads the text before the step as {counted} tokens, {reader.name} as {len(ids)}; serve the same checkpoint"
                )
            text = reply["choice"].get("text")
            if not isinstance(text, str):
                raise NotMeasurable(
                    "the server's answer to a text holds no text; it wants an address with completions (/v1/completions)"
                )
            new = reply.get("token_ids") or reader.continue_ids(text)
            if any(not 0 <= token < reader.n_vocabulary for token in new):
                raise NotMeasurable(
                    f"the server wrote tokens that {reader.name} does not have; serve the same checkpoint"
                )
            ends = (at for at, token in enumerate(new) if token in reader.stop_ids)
            return list(new[: next(ends, longest)][:longest])

        drawn = in_order(Threads(AT_ONCE), ask, list(seeds))
        for each in drawn:
            if isinstance(each, Failed):
                raise NotMeasurable(each.reason)
        return [each for each in drawn if not isinstance(each, Failed)]


def served_at(spec: str, address: str) -> ServedModel:
    """A checkpoint on the server at an address, asked with the key of the environment; see `served_model`."""
    return served_model(server_of(address, key_env=None), spec)


def served_model(server: Server, spec: str) -> ServedModel:
    """A checkpoint on a server: under its own name, or as the only model there.

    Args:
        server: The server.
        spec: The checkpoint, as typed.

    Raises:
        UserError: The server is not there, or serves other models.
    """
    names = models_of(server)
    if names is None:  # it lists none: a wrong name is refused when it is asked
        return ServedModel(server, spec)
    if spec in names or len(names) == 1:
        return ServedModel(server, spec if spec in names else names[0])
    raise UserError(
        f"--served {spec}={server.url}: expected {spec} among the server's models, or one model, got {', '.join(names) or 'none'}"
    )


def _counted(usage: Any) -> int | None:
    """Tokens of the text as the server counts them; None where it does not say."""
    counted = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    if isinstance(counted, bool) or not isinstance(counted, (int, float)):
        return None
    return int(counted) if math.isfinite(counted) else None


def _prompt(reader: Reasoner, ids: Sequence[int]) -> str:
    """The text of some tokens, without the beginning that a tokenizer puts before a text by itself."""
    first: Any = getattr(reader.tokenizer, "bos_token_id", None)
    added = first is not None and list(reader.tokenizer("a")["input_ids"])[:1] == [first]
    return reader.decode(ids[1:] if added and ids[:1] == (first,) else ids)
