"""What is said of networks in further formats, and of pruned channels that were left out."""

from __future__ import annotations

from bdtui.engine.event_values import Threshold
from bdtui.engine.exports.formats import FORMATS
from bdtui.engine.reports.markdown_text import code, escaped
from bdtui.engine.reports.record import RunRecord


def exports_section(run: RunRecord) -> str:
    """A section of report.md; empty where neither was asked for."""
    sentences = compaction_sentences(run) + export_sentences(run)
    if not sentences:
        return ""
    parts = ["## Files for other programs", "\n".join(f"- {escaped(sentence)}" for sentence in sentences)]
    rows = [
        f"| {code(each.file)} | {code(each.network)} | {FORMATS[each.format].runtime} | {each.largest_difference:.2g} |"
        for each in run.exports
        if each.file and each.largest_difference is not None
    ]
    if rows:
        heading = "| file | of | compared in | largest difference of an output |\n| --- | --- | --- | ---: |\n"
        parts.append(heading + "\n".join(rows))
    return "\n\n".join(parts)


def export_sentences(run: RunRecord) -> list[str]:
    """How many files there are and that they agree, then one sentence for each that was not kept."""
    kept = [each for each in run.exports if each.file]
    sentences = [each.problem for each in run.exports if each.problem]
    if kept:
        names = [name for name in FORMATS if any(each.format == name for each in kept)]
        files = "1 file" if len(kept) == 1 else f"{len(kept)} files"
        largest = max(each.largest_difference or 0.0 for each in kept)
        sentences.insert(
            0,
            f"Exported as {', '.join(names)}: {files}, opened again and compared; each gives all {kept[0].images:,} "
            f"validation images the network's class (largest difference of an output: {largest:.2g}).",
        )
    return sentences


def compaction_sentences(run: RunRecord) -> list[str]:
    """One sentence for each threshold whose pruned channels were to be left out."""
    return [compaction_sentence(threshold) for threshold in run.thresholds if threshold.compaction]


def compaction_sentence(threshold: Threshold) -> str:
    """What came of leaving out the pruned channels of a threshold; empty where that was not asked for."""
    compaction = threshold.compaction
    if compaction is None:
        return ""
    if compaction.why_not:
        return f"{threshold.model} keeps its pruned channels, with their weights at zero: {compaction.why_not}."
    saved = 100 - 100 * compaction.parameters / compaction.badnet_parameters
    return (
        f"{threshold.model}: its {len(threshold.channels)} pruned channels are removed, {saved:.1f} % fewer parameters "
        "than B, the same class for every validation image."
    )
