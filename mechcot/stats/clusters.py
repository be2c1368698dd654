"""Clusters of items (one template, many fillings): from names to the numbers the resampling needs."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Int


def cluster_numbers(
    items: Sequence[str], clusters: Mapping[str, str] | None
) -> Int[np.ndarray, " item"] | None:
    """Cluster number of each item, None without clusters; numbers follow the sorted cluster names.

    Raises:
        ValueError: An item has no cluster.
    """
    if clusters is None:
        return None
    missing = [item for item in items if item not in clusters]
    if missing:
        raise ValueError(
            f"every item needs a cluster; {len(missing)} have none, the first is {missing[0]!r}"
        )
    names = {name: number for number, name in enumerate(sorted({clusters[item] for item in items}))}
    return np.array([names[clusters[item]] for item in items], dtype=np.int64)
