"""Places in a decoder where states are read or written, under their TransformerLens names.

`resid_pre.l` enters block l, `resid_mid.l` stands between attention and MLP, `resid_post.l` leaves
block l; `attn_out.l` and `mlp_out.l` are what attention and MLP add to the residual stream (after the
post-norm, where a family has one). `resid_post.l` is Hugging Face's `hidden_states[l + 1]` for every
block but the last: there Hugging Face gives the state *after* the final norm, we give the one before.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from mechcot.core.errors import UserError

STREAMS = ("resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out")


@dataclass(frozen=True, order=True)
class Site:
    """One stream at one layer.

    Attributes:
        stream: One of `STREAMS`.
        layer: Block number, counted from 0; whether the model has it is checked when it is used.

    Raises:
        UserError: The stream does not exist, or the layer is negative.

    Example:
        >>> import mechcot as mc
        >>> mc.Site.parse("resid_post.3").name
        'blocks.3.hook_resid_post'
    """

    stream: str
    layer: int

    def __post_init__(self) -> None:
        if self.stream not in STREAMS:
            near = difflib.get_close_matches(self.stream, STREAMS, n=1, cutoff=0.4)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise UserError(
                f"expected a stream out of {', '.join(STREAMS)}, got {self.stream!r}{hint}"
            )
        if self.layer < 0:
            raise UserError(
                f"layers count from 0, got {self.layer} for {self.stream}; write the number of the block"
            )

    @property
    def name(self) -> str:
        """The TransformerLens hook name, e.g. `blocks.3.hook_resid_post`."""
        return f"blocks.{self.layer}.hook_{self.stream}"

    @property
    def short(self) -> str:
        """The short form, e.g. `resid_post.3`."""
        return f"{self.stream}.{self.layer}"

    @classmethod
    def parse(cls, text: str) -> "Site":
        """Read `blocks.3.hook_resid_post` or the short form `resid_post.3`.

        Raises:
            UserError: The text has neither form, or names no stream.
        """
        parts = text.strip().split(".")
        if len(parts) == 3 and parts[0] == "blocks" and parts[1].isdigit():
            return cls(stream=parts[2].removeprefix("hook_"), layer=int(parts[1]))
        if len(parts) == 2 and parts[1].isdigit():
            return cls(stream=parts[0], layer=int(parts[1]))
        raise UserError(
            f"expected a site such as 'resid_post.3' or 'blocks.3.hook_resid_post', got {text!r}"
        )


def sites_of(at: Site | str | Sequence[Site | str]) -> tuple[Site, ...]:
    """Sites from their names, from sites, or from several of either.

    Raises:
        UserError: A name is no site.
    """
    several = [at] if isinstance(at, Site | str) else list(at)
    return tuple(Site.parse(site) if isinstance(site, str) else site for site in several)
