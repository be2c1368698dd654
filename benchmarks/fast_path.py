"""Residual stream of every block at 2,048 tokens: plain hooks on the SDPA model against the bridge's cache."""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks.setting import Row, faster, in_turn, show, small_model, tokenizer, tokens
from mechcot.model.activations.capture import capture
from mechcot.model.internals.sites import Site
from mechcot.model.loading.transformer_lens_bridge import open_lens

LENGTH = 2048


def run() -> list[Row]:
    """One row."""
    reasoner = small_model()
    ids = tokens(LENGTH)
    sites = [Site("resid_post", layer) for layer in range(6)]
    names = {site.name for site in sites}
    with TemporaryDirectory() as folder:
        bridge = open_lens(reasoner.model, tokenizer(Path(folder)), name="small")
    batch = torch.tensor([ids])

    @torch.no_grad()
    def theirs() -> dict[str, torch.Tensor]:
        return bridge.run_with_cache(batch, names_filter=lambda name: name in names)[1]

    def ours() -> dict[Site, torch.Tensor]:
        return capture(reasoner, ids, sites)

    left, right = theirs(), ours()
    difference = max((left[site.name][0] - right[site]).abs().max().item() for site in sites)
    if difference > 1e-3:
        msg = f"the two paths differ by {difference}"
        raise RuntimeError(msg)
    times = in_turn({"bridge": theirs, "hooks": ours})
    return [
        faster(
            f"`resid_post` of 6 blocks, {LENGTH} tokens: bridge / fast path",
            times["bridge"],
            times["hooks"],
            least=3.5,
            difference=difference,
        )
    ]


if __name__ == "__main__":
    show(run())
