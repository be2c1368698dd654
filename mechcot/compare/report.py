"""Findings -> `ReportData`: every number of the page comes from tables and measurements."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version

from mechcot.compare.chains import Chains
from mechcot.compare.findings import PairFinding, Tables, judged_cards, null_name, nulls
from mechcot.compare.models import Models
from mechcot.compare.patch_maps import patch_maps
from mechcot.compare.report_examples import layer_sentences, shown_items, step_sentences
from mechcot.compare.report_figures import early_curves, item_values, series_lines, step_maps
from mechcot.compare.report_rows import (
    accuracy_rows,
    cost_rows,
    kinds,
    not_judged_rows,
    null_rows,
    own_cells,
)
from mechcot.compare.study import Study
from mechcot.core.trace import Trace
from mechcot.stats.sentences import row_sentence
from mechcot.stats.tables import rows_of
from mechcot.text.outcomes import tally
from mechcot.view.pages.report_data import (
    VERDICTS,
    Comparison,
    ModelEntry,
    PromptShown,
    ReportData,
    Sentence,
    Stratum,
    Verdict,
    contrast_rows,
    gate_rows,
)


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
    whose = "each model, read by itself" if author is None else author
    real = [finding for finding in findings if finding.after != null_name(study)]
    first = models.get(models.first)
    count = len(chains.headline)
    kept = (
        f"{len(used)} of {count} chains of {whose}, those whose answer is right{_others(chains)}"
        if study.chains == "correct" and study.traces is None
        else f"all {count} chains of {whose}"
    )
    return ReportData(
        title=f"Is the chain still used? {models.first} → {', '.join(models.names[1:])}",
        command=study.command,
        models=tuple(_entry(models, name) for name in models.names),
        prompt=PromptShown(
            policy=(
                first.policy.shared() if study.template == "shared" else first.policy
            ).describe(),
            example=chains.headline[0].prompt,
            cue=first.cue.text,
        ),
        problems=len({trace.problem.id for trace in chains.headline}),
        chains="own" if author is None else "same",
        source=f"{study.problems or study.traces}. The comparison reads {kept}.",
        comparisons=tuple(_comparison(study, f, tables, used) for f in real),
        accuracy=accuracy_rows(models.names, tables, author=author, seed=study.seed),
        series=series_lines(
            study,
            tables,
            author=author,
            names=models.names,
            answers={t.problem.id: t.problem.answer for t in chains.headline},
        ),
        nulls=null_rows(study, nulls(tables, author=author), findings, reference=models.first),
        not_judged=not_judged_rows(tables),
        costs=cost_rows(tables),
        cards=judged_cards(study),
        versions=versions(),
        settings={
            "seed": str(study.seed),
            "resamples": "10,000, over items",
            "interval": "95 %",
            "measures": ", ".join(study.measure_names),
            **{f"left out: {name}": reason for name, reason in study.left_out},
            "precision": study.loading.dtype,
            "temperature": f"{study.temperature:g}",
            **({} if study.traces else {"longest completion": f"{study.max_tokens} tokens"}),
        },
    )


def _others(chains: Chains) -> str:
    """Return what became of the chains that are not compared."""
    used = {trace.id for trace in chains.used}
    others = tally(trace for trace in chains.headline if trace.id not in used)
    return f"; of the others {others}" if others else ""


def _entry(models: Models, name: str) -> ModelEntry:
    reader = models.get(name)
    return ModelEntry(
        name=name,
        spec=models.specs[name].text,
        weights_hash=models.weights_hash(name),
        dtype=str(reader.dtype).removeprefix("torch."),
        device=str(reader.device),
        parameters=sum(weight.numel() for weight in reader.model.parameters()),
        revision=models.specs[name].revision or "",
    )


def _comparison(
    study: Study, finding: PairFinding, tables: Tables, used: Sequence[Trace]
) -> Comparison:
    headline, measurements, seed = finding.headline, tables.all, study.seed
    cards = {card.name: card for card in judged_cards(study)}
    losses, gains = shown_items(finding, measurements, used)
    rows = rows_of(headline.table)
    told = {reason for _, reason in headline.conclusion.not_judged}
    told = told if headline.conclusion.verdict == "not judged" else set()
    strata = finding.strata
    return Comparison(
        name=f"{finding.before} → {finding.after}",
        before=finding.before,
        after=finding.after,
        accuracy=Sentence(
            (finding.own or headline).accuracy_sentence(),
            verdict=(finding.own or headline).accuracy.verdict,
        ),
        headline=(
            Sentence(
                headline.conclusion_sentence(),
                verdict=_verdict(headline.conclusion.verdict),
            ),
            *(
                Sentence(
                    row_sentence(row, told=told),
                    row["verdict"],
                    str(row["measure"]),
                    str(row["status"]),
                )
                for row in rows
            ),
        ),
        contrasts=contrast_rows(headline.table, cards),
        gates=gate_rows(headline.gates, cards),
        strata=tuple(
            Stratum(name=str(name), rows=contrast_rows(part, cards))
            for name, part in (strata.groupby("stratum") if len(strata) else ())
        ),
        items=item_values(finding, tables),
        early=early_curves(finding, measurements, used, seed=seed),
        step_maps=step_maps(finding, measurements, used),
        step_sentences=step_sentences(finding, measurements, used),
        kinds=kinds(finding, measurements, used, seed=seed),
        patch_maps=(maps := patch_maps(finding, measurements, used)),
        layer_sentences=layer_sentences(finding, maps),
        losses=losses,
        gains=gains,
        own_chains=own_cells(finding, tables, seed=seed),
        own_note=_lengths(finding),
    )


def _lengths(finding: PairFinding) -> str:
    """Return how far the lengths of own chains agree."""
    claim = finding.own if finding.same else finding.headline
    return "" if claim is None or claim.matched is None else claim.matched.reason


def _verdict(word: str) -> Verdict:
    known: dict[str, Verdict] = {verdict: verdict for verdict in VERDICTS}
    return known.get(word, "inconclusive")


def versions() -> Mapping[str, str]:
    """Versions of what made the numbers."""
    names = ("mechcot", "torch", "transformers", "numpy", "scipy", "tokenizers")
    return {name: version(name) for name in names}
