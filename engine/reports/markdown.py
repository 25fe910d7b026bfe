"""report.md: the human-readable report."""

from __future__ import annotations

from bdtui.engine.evaluation.rates import NO_RATES, Rates, Share
from bdtui.engine.pruning.curve import Threshold
from bdtui.engine.reports.file_names import FIGURE, RECIPE
from bdtui.engine.reports.record import ReportedRun
from bdtui.engine.settings import BY_HAND

_SURVIVES = 10.0
"""Attack success, in percent, above which the report says that the backdoor survives."""


def write_report_text(run: ReportedRun) -> str:
    """The report as Markdown."""
    parts = [
        f"# Pruning report: {_code(run.model)}",
        _summary(run),
        _inputs(run),
        _pruning(run),
        _test(run),
        _reading(run),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _summary(run: ReportedRun) -> str:
    lines = ["## In short", ""]
    tested = run.baseline_test != NO_RATES
    part = "test" if tested else "validation"
    baseline = run.baseline_test if tested else run.baseline_valid
    lines.append(f"- The network as received: {_spoken(baseline)} on {part} images.")
    for entry in run.tested:
        threshold = entry.threshold
        if threshold.step is None:
            lowest = min(step.rates.clean.percent for step in run.curve if step.rates.clean)
            start = run.curve[0].rates.clean
            drop = (start.percent if start else 0) - lowest
            lines.append(
                f"- X = {threshold.drop:g}: never reached. Over {len(run.curve) - 1} steps clean validation accuracy "
                f"fell by {drop:.2f} points at most; nothing was saved."
            )
            continue
        goodnet = entry.goodnet_test if tested else entry.goodnet_valid
        lines.append(
            f"- X = {threshold.drop:g}: {threshold.step} of {run.channels} channels pruned, where clean validation accuracy "
            f"had fallen by {_drop(run, threshold):.2f} points. The GoodNet has {_spoken(goodnet)} on {part} images"
            f"{_flags(goodnet)}."
        )
    lines += _verdict(run, tested)
    if run.baseline_valid.attack is None and run.baseline_test.attack is None:
        lines.append("- No poisoned images were given: the effect on the backdoor was not measured.")
    return "\n".join(lines)


def _drop(run: ReportedRun, threshold: Threshold) -> float:
    before, now = run.baseline_valid.clean, threshold.rates.clean if threshold.rates else None
    return before.percent - now.percent if before and now else 0.0


def _flags(goodnet: Rates) -> str:
    if goodnet.poisoned_flagged is None or goodnet.clean_flagged is None:
        return ""
    return (
        f", and flags {goodnet.poisoned_flagged.percent:.2f} % of the poisoned and "
        f"{goodnet.clean_flagged.percent:.2f} % of the clean ones"
    )


def _verdict(run: ReportedRun, tested: bool) -> list[str]:
    """Whether the attack still works where pruning stopped."""
    left = [
        (rates.attack.percent, entry.threshold.drop)
        for entry in run.tested
        if (rates := entry.goodnet_test if tested else entry.goodnet_valid).attack is not None
    ]
    if not left:
        return []
    asr, drop = min(left)
    if asr > _SURVIVES:
        return [f"- The backdoor survives: the lowest attack success at a threshold is {asr:.2f} % (X = {drop:g})."]
    return [
        f"- Attack success falls to {asr:.2f} % at X = {drop:g}; what that costs in clean accuracy stands beside it."
    ]


def _inputs(run: ReportedRun) -> str:
    rows = "\n".join(f"| {role.replace('_', ' ')} | {_code(path)} | {images:,} |" for role, path, images in run.data)
    notices = "".join(f"\n- {_code(text)}" for text in run.notices)
    return (
        f"## What was opened\n\nModel {_code(run.model)}, {run.classes} classes. {run.input_sentence}\n\n"
        f"| images | file | how many |\n| --- | --- | ---: |\n{rows}" + (f"\n{notices}" if notices else "")
    )


def _pruning(run: ReportedRun) -> str:
    order = {
        "mean-activation": "in ascending order of their mean activation over the clean validation images",
        "random": "in random order",
        BY_HAND: "in an order made by hand",
    }.get(run.ranking, f"in ascending order of {run.ranking.replace('-', ' ')}")
    text = (
        f"## Pruning\n\nActivations were read at {_code(run.profiled)}; the {run.channels} channels of {_code(run.pruned)} "
        f"were pruned (their weights set to zero) one by one {order}. "
        f"{run.inactive} of them stay inactive on the clean validation images"
        + (f"; {run.silent} were already silent in the file" if run.silent else "")
        + f".\n\n![accuracy and attack success rate against the fraction pruned]({FIGURE})\n\n"
    )
    rows = [_row("B, unpruned", 0, run.baseline_valid)]
    for entry in run.tested:
        if entry.threshold.rates is not None:
            rows.append(_row(f"B′ at X = {entry.threshold.drop:g}", entry.threshold.step, entry.threshold.rates))
    return (
        text + "Rates on the validation images, in percent with 95 % Wilson intervals:\n\n"
        "| network | channels pruned | clean accuracy | attack success | recovered accuracy |\n"
        "| --- | ---: | --- | --- | --- |\n" + "\n".join(rows)
    )


def _row(name: str, step: int | None, rates: Rates) -> str:
    return f"| {name} | {step} | {_shown(rates.clean)} | {_shown(rates.attack)} | {_shown(rates.recovered)} |"


def _test(run: ReportedRun) -> str:
    if run.baseline_test == NO_RATES:
        return "## Test\n\nNo test sets were given, so only validation rates are known."
    rows = [_test_row("B", run.baseline_test, flags=False)]
    for entry in run.tested:
        if entry.threshold.step is not None:
            name = f"X = {entry.threshold.drop:g}"
            rows.append(_test_row(f"B′ at {name}", entry.pruned_test, flags=False))
            rows.append(_test_row(f"G at {name}", entry.goodnet_test, flags=True))
    return (
        "## Test\n\nRates on the test images, which decided nothing above; percent with 95 % Wilson intervals. "
        f"*Flagged* are images that the GoodNet puts into the extra class {run.classes}.\n\n"
        "| network | clean accuracy | attack success | recovered accuracy | clean flagged | poisoned flagged |\n"
        "| --- | --- | --- | --- | --- | --- |\n" + "\n".join(rows)
    )


def _test_row(name: str, rates: Rates, *, flags: bool) -> str:
    shares = [rates.clean, rates.attack, rates.recovered]
    cells = [_shown(share) for share in shares]
    cells += [_counted(rates.clean_flagged), _counted(rates.poisoned_flagged)] if flags else ["–", "–"]
    return f"| {name} | " + " | ".join(cells) + " |"


def _reading(run: ReportedRun) -> str:
    files = [
        f"{_code(entry.model)} and {_code(entry.goodnet)}" for entry in run.tested if entry.model and entry.goodnet
    ]
    saved = f"Saved: {'; '.join(files)}. " if files else ""
    return (
        "## How to read this\n\n"
        "*Clean accuracy*: share of clean images that get their label. *Attack success rate* (ASR): share of poisoned "
        "images that get the attacker's label. *Recovered accuracy*: share of poisoned images that get their true "
        "class, where the file tells it. *B′*: the network with the channels silenced. *G* (GoodNet): answers a class "
        f"where B and B′ agree on it, and {run.classes}, one more than the last class, where they do not. "
        "A threshold X is the first step at which clean validation accuracy lies at least X percentage points below "
        "that of B; test and poisoned images decide nothing.\n\n"
        f"{saved}Both kinds open with `keras.models.load_model`. Pruning alone is a weak defence: an attacker who "
        "knows of it can keep the backdoor in channels that clean images use as well. A low attack success rate "
        "applies only to this trigger and these images.\n\n"
        f"Replay: `bdtui --batch --recipe {RECIPE} --out NEW_FOLDER`. Made by bdtui {run.version}, after K. Liu, "
        "B. Dolan-Gavitt, S. Garg, *Fine-Pruning: Defending Against Backdooring Attacks on Deep Neural Networks* "
        "(RAID 2018); BadNets: T. Gu, B. Dolan-Gavitt, S. Garg (2017)."
    )


def _spoken(rates: Rates) -> str:
    words = [f"clean accuracy {rates.clean.percent:.2f} %"] if rates.clean else []
    if rates.attack:
        words.append(f"attack success {rates.attack.percent:.2f} %")
    return " and ".join(words)


def _shown(share: Share | None) -> str:
    if share is None:
        return "–"
    low, high = share.wilson_interval()
    return f"{share.percent:.2f} ({low:.2f} – {high:.2f})"


def _counted(share: Share | None) -> str:
    return "–" if share is None else f"{share.hits:,} of {share.images:,}: {_shown(share)}"


def _code(text: str) -> str:
    """Text from outside, so that nothing in it is read as Markdown."""
    plain = "".join(c if c.isprintable() else "�" for c in text).replace("`", "'").replace("|", "¦")
    return f"`{plain}`"
