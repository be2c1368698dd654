"""Findings -> `ReportData`: every number of the page comes from tables and measurements."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import pandas as pd

from mechcot.compare.abstention import abstention_sentence
from mechcot.compare.agreement import AGREEMENT
from mechcot.compare.chain_validity import parted, validity_sentence
from mechcot.compare.chains import Chains
from mechcot.compare.confidence import (
    confidence_frame,
    confidence_sentence,
    confidences,
    reliability_frame,
)
from mechcot.compare.models import Models
from mechcot.compare.novelty import novelty_frame, novelty_sentence
from mechcot.compare.pair_finding import PairFinding, judged_cards, null_name, whose_chains
from mechcot.compare.report_examples import (
    layer_sentences,
    leading_array,
    shown_items,
    step_sentences,
)
from mechcot.compare.report_figures import ArrayReader, array_frames, item_values, place_frames
from mechcot.compare.report_tables import (
    accuracy_frame,
    cost_frame,
    kind_frame,
    not_judged_frame,
    null_frame,
    own_chain_frame,
)
from mechcot.compare.settings import Study
from mechcot.compare.shifted import shift_frame
from mechcot.compare.tables import Tables, nulls
from mechcot.core.trace import Trace
from mechcot.core.wording import count_of
from mechcot.stats.chain_use import BOUNDS
from mechcot.stats.chain_use_change import AXES
from mechcot.stats.checkpoint_series import series
from mechcot.stats.gate_bounds import gates_table
from mechcot.stats.measurement_tables import rows_of
from mechcot.stats.sentences import row_sentence, silent_sentences
from mechcot.text.answer_outcomes import outcome_counts
from mechcot.view.pages.report_data import Comparison, PromptShown, ReportData, Sentence


def report_data(
    study: Study,
    models: Models,
    *,
    findings: Sequence[PairFinding],
    tables: Tables,
    chains: Chains,
) -> ReportData:
    """Everything the page shows.

    Args:
        study: The settings.
        models: Its models.
        findings: One per later checkpoint; the scaled null's goes to the table of nulls.
        tables: Measurements and scalars of the whole study.
        chains: All chains.
    """
    author, used = chains.author, chains.used
    real = [finding for finding in findings if finding.after != null_name(study)]
    first = models.get(models.first)
    shown = (
        list({t.problem.id: t.problem for t in chains.headline}.values()),
        tables,
        judged_cards(study),
        list(chains.by_author),
    )
    given = author if study.traces else None
    names = list(models.names if given else chains.by_author)
    sure = {name: confidences(tables.scalars, name, author=given) for name in names}
    agreed = {name: confidences(tables.agreement, name, columns=AGREEMENT) for name in names}
    return ReportData(
        title=f"Is the chain still used? {models.first} → {', '.join(models.names[1:])}",
        command=study.command,
        models=pd.DataFrame([_entry(models, name) for name in models.names]),
        prompt=PromptShown(
            policy=(
                first.policy.shared() if study.template == "shared" else first.policy
            ).describe(),
            example=chains.headline[0].prompt,
            cue=first.cue.text,
        ),
        problems=len({trace.problem.id for trace in chains.headline}),
        chains="own" if author is None else "same",
        source=". ".join(
            [
                str(study.problems or study.traces),
                *study.trained_on,
                f"The comparison reads {_kept(chains)}.",
            ]
        ),
        comparisons=tuple(_comparison(study, f, tables, used) for f in real),
        accuracy=accuracy_frame(models.names, tables, author=author, seed=study.seed),
        series=_series(study, models, tables, chains),
        nulls=null_frame(study, nulls(tables, author=author), findings, reference=models.first),
        not_judged=not_judged_frame(tables),
        costs=cost_frame(tables),
        cards=judged_cards(study),
        versions=versions(),
        uses=_uses(real),
        use_effect=BOUNDS.effect,
        validity=tables.validity.frame(list(chains.by_author), seed=study.seed),
        unchecked=tables.validity.unchecked,
        abstention=tables.abstention.frame(list(chains.by_author), seed=study.seed),
        calibration=confidence_frame(sure, seed=study.seed),
        samples=study.samples or 0,
        agreement=confidence_frame(agreed, seed=study.seed),
        agreement_bins=reliability_frame(agreed),
        shifts=shift_frame(*shown, author=author, seed=study.seed),
        novelty=novelty_frame(*shown, author=author, seed=study.seed),
        reliability=reliability_frame(sure),
        given=given or "",
        settings={
            "seed": str(study.seed),
            "resamples": "10,000, over items",
            "interval": "95 %",
            "measures": ", ".join(study.measure_names),
            **{f"left out: {name}": reason for name, reason in study.left_out},
            **({"asked by": "; ".join(study.asking_notes)} if study.asking_notes else {}),
            "precision": study.loading.dtype,
            "temperature": f"{study.temperature:g}",
            **({"further texts": str(study.samples)} if study.samples else {}),
            **({} if study.traces else {"longest completion": f"{study.max_tokens} tokens"}),
        },
    )


def _kept(chains: Chains) -> str:
    """How many of whose chains are compared."""
    whose = "each model, read by itself" if chains.author is None else chains.author
    kept, count = len(chains.used), count_of(len(chains.headline), "chain")
    if kept == len(chains.headline):
        return f"all {count} of {whose}"
    return f"{kept} of {count} of {whose}, those whose answer is right{_others(chains)}"


def _others(chains: Chains) -> str:
    """Return what became of the chains that are not compared."""
    used = {trace.id for trace in chains.used}
    others = outcome_counts(trace for trace in chains.headline if trace.id not in used)
    return f"; of the others {others}" if others else ""


def _entry(models: Models, name: str) -> dict[str, Any]:
    reader = models.get(name)
    return {
        "name": name,
        "spec": models.specs[name].text,
        "weights": models.weights_hash(name),
        "dtype": str(reader.dtype).removeprefix("torch."),
        "device": str(reader.device),
        "parameters": sum(weight.numel() for weight in reader.model.parameters()),
        "revision": models.specs[name].revision or "",
    }


def _series(study: Study, models: Models, tables: Tables, chains: Chains) -> pd.DataFrame:
    """Every measure over all checkpoints, on the same chains; empty for fewer than three, or where each read its own."""
    if len(models.names) < 3 or chains.author is None or not judged_cards(study):
        return pd.DataFrame()
    return series(
        tables.measurements,
        tables.scalars,
        judged_cards(study),
        checkpoints=models.names,
        author=chains.author,
        answers={t.problem.id: t.problem.answer for t in chains.headline},
        seed=study.seed,
    )


def _comparison(
    study: Study, finding: PairFinding, tables: Tables, used: Sequence[Trace]
) -> Comparison:
    claim, cards = finding.headline, judged_cards(study)
    reader = ArrayReader(finding, tables.all, used, study.seed)
    losses, gains = shown_items(reader, cards)
    own = finding.own or claim
    titles = {card.name: card.title for card in cards}
    gates = gates_table(claim.gates)
    carrying = leading_array(cards)
    return Comparison(
        name=finding.name,
        before=finding.before,
        after=finding.after,
        accuracy=Sentence(own.accuracy_sentence(), verdict=own.accuracy.verdict),
        conclusion=Sentence(
            claim.conclusion_sentence(), verdict=_verdict(claim.conclusion.verdict)
        ),
        sentences=_sentences(finding),
        contrasts=claim.table,
        gates=gates.assign(measure=[titles.get(name, "") for name in gates["measure"]]),
        strata=finding.strata,
        stratum_notes=_stratum_notes(finding),
        items=item_values(finding, tables),
        arrays=array_frames(reader, cards),
        step_sentences=() if carrying is None else step_sentences(reader, *carrying),
        kinds=pd.DataFrame() if carrying is None else kind_frame(reader, *carrying),
        layer_sentences=tuple(
            sentence
            for card, _, frame in place_frames(reader, cards)
            for sentence in layer_sentences(reader, card, frame)
        ),
        losses=losses,
        gains=gains,
        own_chains=own_chain_frame(finding, tables, seed=study.seed),
        own_note=_lengths(finding),
        use=None
        if finding.use is None
        else Sentence(finding.use.sentence, finding.use.change.verdict),
        leads=finding.leads,
        beside=_beside(finding),
        next=finding.next,
        use_axes=_use_axes(finding),
        validity=_validity(finding),
        abstention=abstention_sentence(finding.abstention),
        calibration=None
        if finding.calibration is None
        else Sentence(
            confidence_sentence(finding.calibration, of=whose_chains(study, finding.after)),
            finding.calibration.verdict,
        ),
        agreement=None
        if finding.agreement is None
        else Sentence(
            confidence_sentence(finding.agreement, samples=study.samples or 0),
            finding.agreement.verdict,
        ),
        axes=_axes(finding),
        novelty=novelty_sentence(finding.novelty),
    )


def _beside(finding: PairFinding) -> str:
    """The claim that does not lead, in a few words."""
    if finding.use is None:
        return ""
    if finding.leads == "same":
        return f"Each on its own chains: {finding.use.change.word}."
    where = "On the same chains" if finding.same else "On own chains of equal length"
    return f"{where}: {finding.headline.conclusion.verdict}."


def _use_axes(finding: PairFinding) -> pd.DataFrame:
    """Followed, swapped and alone on own chains, with their paired changes."""
    use = finding.use
    if use is None or not use.judged:
        return pd.DataFrame()
    rows = [
        {
            "title": AXES[name],
            "before": use.before[name]["mean"],
            "after": use.after[name]["mean"],
            "delta": moved.mean,
            **{key: getattr(moved, key) for key in ("low", "high", "n", "verdict")},
        }
        for name, moved in use.change.differences.items()
    ]
    return pd.DataFrame(rows)


def _validity(finding: PairFinding) -> Sentence | None:
    """Whether the chains are as right as before, and where that parts from accuracy and use."""
    change, own = finding.validity, finding.own if finding.same else finding.headline
    if change is None:
        return None
    used = "not judged" if finding.use is None else finding.use.change.verdict
    apart = "" if own is None else parted(own.accuracy.verdict, change.verdict, used)
    moved = f" On its own chains {finding.after} is {apart}." if apart else ""
    return Sentence(f"{validity_sentence(change)}{moved}", change.verdict)


def _axes(finding: PairFinding) -> pd.DataFrame:
    """Right, valid and used on own chains, with their paired changes; empty where validity or accuracy has no numbers."""
    own = finding.own if finding.same else finding.headline
    if finding.validity is None or own is None:
        return pd.DataFrame()
    names = ("before", "after", "delta", "low", "high", "n", "verdict")
    shares = {"right: the answer": own.accuracy, "valid: steps that are right": finding.validity}
    rows = [
        {"title": title} | {name: getattr(change, name) for name in names}
        for title, change in shares.items()
        if change.n
    ]
    used = rows_of(_use_axes(finding))[:1]
    return pd.DataFrame([*rows, *({**row, "title": "used: the chain is followed"} for row in used)])


def _uses(findings: Sequence[PairFinding]) -> tuple[Mapping[str, Any], ...]:
    """Each model on its own chains, the reference first."""
    claims = [finding.use for finding in findings if finding.use is not None]
    return (claims[0].before, *(claim.after for claim in claims)) if claims else ()


def _sentences(finding: PairFinding) -> tuple[Sentence, ...]:
    """One sentence per judged measure; one per reason for no verdict that the conclusion does not give."""
    claim = finding.headline
    rows, told = rows_of(claim.table), claim.reasons_told()
    sentences = []
    for row in rows:
        if row["verdict"] != "not judged":
            sentences.append(Sentence(row_sentence(row, told=told), row["verdict"], row["status"]))
            told |= {row["reason"]}
    silent = silent_sentences(rows, told=claim.reasons_told())
    return (*sentences, *(Sentence(text, "not judged") for text in silent))


def _stratum_notes(finding: PairFinding) -> dict[str, str]:
    """Why rows of a stratum have no verdict, where the whole comparison's sentences do not say so."""
    if finding.strata.empty:
        return {}
    told = {str(reason) for reason in finding.headline.table["reason"]}
    return {
        str(name): " ".join(silent_sentences(rows_of(rows), told=told))
        for name, rows in finding.strata.groupby("stratum")
    }


def _lengths(finding: PairFinding) -> str:
    """How far the lengths of own chains agree."""
    claim = finding.own if finding.same else finding.headline
    return "" if claim is None or claim.matched is None else claim.matched.reason


def _verdict(word: str) -> str:
    """The verdict of a conclusion as a badge: one that is mixed is shown as inconclusive."""
    return "inconclusive" if word == "mixed" else word


def versions() -> Mapping[str, str]:
    """Versions of what made the numbers."""
    names = ("mechcot", "torch", "transformers", "numpy", "scipy", "tokenizers")
    return {name: version(name) for name in names}
