"""What a crosscoder says of two models, in sentences."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mechcot.core.wording import count_of

if TYPE_CHECKING:
    pass
from mechcot.sae.latent_sides import FAR_APART, Whose, changed_latents

LISTED = 6


WELL_FITTED = 0.9
"""Explained variance from which on what does not differ may be called unchanged."""


def least_fit(result: Mapping[str, Any]) -> float:
    """Explained variance of the side that is fitted worse; 0 where it is not known."""
    return min((fit["explained_variance"] or 0.0) for fit in result["fit"])


def change_lines(result: Mapping[str, Any]) -> list[str]:
    """The changes in sentences."""
    fits = ", ".join(f"{fit['explained_variance']:.3f} of {fit['model']}" for fit in result["fit"])
    rows, (base, tuned) = result["latents"], result["models"]
    lines = [
        f"explained variance {fits}, at L0 {result['l0']:.1f}; {count_of(len(rows), 'latent fires', 'latents fire')} on {count_of(result['tokens'], 'token')} of "
        f"{count_of(result['traces'], 'chain')}, {result['dead']} never do"
    ]
    if least_fit(result) < WELL_FITTED:
        lines.append(
            f"less than {WELL_FITTED:.0%} explained: both decoders start alike, so that what is said to be shared or not changed may only be "
            "untrained; train longer (--samples) or wider (--width)"
        )
    for name, model in ((Whose.TUNED, tuned), (Whose.BASE, base)):
        claimed = [row for row in rows if row["whose"] == name]
        believed = [row for row in claimed if row["believed"]]
        untried = sum(row["believed"] is None for row in claimed)
        rest = f" ({untried} fire too rarely to be tried)" if untried else ""
        lines.append(
            f"{name}: {len(claimed)} by the length of their decoders, of which latent scaling leaves {len(believed)} to {model}{rest}"
        )
        for row in sorted(believed, key=lambda row: -row["frequency"])[:LISTED]:
            lines.append(
                f"  latent {row['latent']:5d}  share of its length {row['relative_norm']:.3f}, nu {row['nu_error']:+.2f} and {row['nu_reconstruction']:+.2f}; "
                f"fires on {row['frequency']:.1%}, {row['share']:.0%} of it on {row['kind']}"
            )
    shared = sum(row["whose"] == Whose.SHARED for row in rows)
    changed = sorted(changed_latents(rows), key=lambda row: -row["difference"])
    lines.append(
        f"changed: {len(changed)} whose directions in {base} and {tuned} lie apart by more than {FAR_APART:g} of their length"
    )
    lines += [
        f"  latent {row['latent']:5d}  apart by {row['difference']:.2f}, share of its length {row['relative_norm']:.3f}; "
        f"fires on {row['frequency']:.1%}, {row['share']:.0%} of it on {row['kind']}"
        for row in changed[:LISTED]
    ]
    return [
        *lines,
        f"shared: {shared}; between: {sum(row['whose'] == Whose.BETWEEN for row in rows)}",
    ]
