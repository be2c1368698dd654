r"""Branches on one cache: a tree of tokens, in which branches that begin alike share their nodes.

    prefix  . . . . cut        the prefix's own keys, up to the cut, less what is hidden
                     \_ a b c      branch 0
                         \_ d e    branch 1 = a b d e: a and b are run once

Every node is one key; a token sees the prefix's keys that its branch may see, and the nodes on its own path.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mechcot.core.trace import Span
from mechcot.model.internals.forward import cache_view
from mechcot.model.internals.growing_cache import with_room
from mechcot.model.internals.masks import additive, causal, parts_of
from mechcot.model.prefix.batch_requests import run_blocks
from mechcot.model.prefix.cached_run import PrefixCache

Root = tuple[int, tuple[Span, ...]]
"""Where a branch begins: its cut, and the spans of the prefix that it cannot see."""


@dataclass
class _Tree:
    """Nodes by their parent (a root, or a node) and their token, numbered as they come."""

    nodes: dict[tuple[Root | int, int], int] = field(default_factory=dict)

    def path(self, start: Root | int, tokens: Iterable[int]) -> Iterator[int]:
        """Walk from a root or a node along tokens, and grow what is not there."""
        node = start
        for token in tokens:
            node = self.nodes.setdefault((node, token), len(self.nodes))
            yield node


def new_tokens(branches: Iterable[tuple[int, tuple[Span, ...], Sequence[int]]]) -> list[int]:
    """Count what each branch adds to the tree of those before it.

    Args:
        branches: Cut, hidden spans and tokens of each.
    """
    tree, counts = _Tree(), []
    for cut, hide, tokens in branches:
        before = len(tree.nodes)
        for _ in tree.path((cut, hide), tokens):
            pass
        counts.append(len(tree.nodes) - before)
    return counts


class Packed:
    """Some branches on one cache, which grows as they do."""

    def __init__(self, prefix: PrefixCache, roots: Mapping[int, Root]) -> None:
        """Look at the prefix up to the last cut; nothing runs yet.

        Args:
            prefix: Keys and values of the prefix.
            roots: Where each branch begins.
        """
        self._backbone = prefix.backbone
        self._reach = max(cut for cut, _ in roots.values())
        self._cache = cache_view(prefix.tensors, stop=self._reach)
        self._roots, self._tree = roots, _Tree()
        self._paths: dict[int, list[int]] = {branch: [] for branch in roots}
        self._places: list[int] = []
        self._states: list[Tensor] = []

    def feed(self, tokens: Mapping[int, Sequence[int]]) -> dict[int, Float[Tensor, "new d_model"]]:
        """Run more tokens of some branches; gives the states of each."""
        ids, owners = [], []
        for branch, new in tokens.items():
            path = self._paths[branch]
            start = path[-1] if path else self._roots[branch]
            for token, node in zip(new, self._tree.path(start, new), strict=True):
                if node == len(self._places):
                    self._places.append(self._roots[branch][0] + len(path))
                    ids.append(token)
                    owners.append(branch)
                path.append(node)
        if ids:
            places = self._places[-len(ids) :]
            self._backbone.check_length(max(places) + 1)
            kept = self._reach + len(self._states)
            parts = parts_of(self._backbone, places, kept=kept)
            if len(parts) > 1:
                with_room(self._cache, room=kept + len(ids))
            for part in parts:
                self._states += self._run(ids[part], owners[part], places[part]).unbind()
        return {
            branch: torch.stack([self._states[node] for node in self._paths[branch][-len(new) :]])
            for branch, new in tokens.items()
        }

    def _run(
        self, ids: list[int], owners: list[int], places: list[int]
    ) -> Float[Tensor, "token d_model"]:
        """Run new nodes, each for a branch that it belongs to."""
        device = self._backbone.device
        queries = torch.tensor(places, device=device)
        known = self._places[: len(self._states) + len(ids)]
        keys = torch.tensor([*range(self._reach), *known], device=device)
        seen = causal(queries=queries, keys=keys) & self._seen(owners, len(known))
        return run_blocks(
            self._backbone,
            torch.tensor([ids], device=device),
            positions=queries,
            mask=additive(self._backbone, seen[None], queries=queries, keys=keys),
            cache=self._cache,
        )[0]

    def _seen(self, owners: list[int], known: int) -> Bool[Tensor, "token key"]:
        """The keys that the branch of each token may see: of the prefix, and of the nodes on its path."""
        order = {branch: row for row, branch in enumerate(dict.fromkeys(owners))}
        seen = np.zeros((len(order), self._reach + known), dtype=bool)
        for branch, row in order.items():
            cut, hide = self._roots[branch]
            seen[row, :cut] = True
            for span in hide:
                seen[row, span.start : span.stop] = False
            seen[row, [self._reach + node for node in self._paths[branch] if node < known]] = True
        return torch.from_numpy(seen[[order[branch] for branch in owners]]).to(
            self._backbone.device
        )
