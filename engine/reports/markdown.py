"""report.md: the human-readable report."""

from __future__ import annotations

from bdtui.engine.event_values import ComparedThreshold, Estimate, Threshold
from bdtui.engine.inputs.preprocessing import PREPROCESSING_WORDS
from bdtui.engine.rates import NO_RATES, Rates, Share
from bdtui.engine.reports.detection_section import ESTIMATE, detection_section
from bdtui.engine.reports.exports_section import exports_section
from bdtui.engine.reports.file_names import COMPARISON, FIGURE, RECIPE
from bdtui.engine.reports.markdown_text import code, escaped
from bdtui.engine.reports.record import RecordedLayer, RecordedTrigger, RunRecord
from bdtui.engine.reports.verdict import judge
from bdtui.engine.settings import BY_HAND


def write_report_text(run: RunRecord) -> str:
    """The report as Markdown."""
    if not run.has_images:
        title = f"# Report: {code(run.model.path)}"
        parts = [title, _verdict(run), detection_section(run), _network(run), _replay(run)]
        return "\n\n".join(part for part in parts if part) + "\n"
    parts = [
        f"# Pruning report: {code(run.model.path)}",
        _verdict(run),
        _summary(run),
        _inputs(run),
        detection_section(run),
        _pruning(run),
        _test(run),
        _repairs(run),
        _comparison(run),
        exports_section(run),
        _reading(run),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _verdict(run: RunRecord) -> str:
    return "## Verdict\n\n" + "\n".join(f"- {escaped(sentence)}" for sentence in judge(run).sentences)


def _summary(run: RunRecord) -> str:
    lines = ["## In short", ""]
    part = "test" if run.is_tested else "validation"
    baseline = run.baseline_test if run.is_tested else run.baseline_valid
    lines.append(f"- The network as received: {_spoken(baseline)} on {part} images.")
    for threshold in run.thresholds:
        if threshold.step is None:
            lowest = min(step.rates.clean.percent for step in run.curve if step.rates.clean)
            start = run.curve[0].rates.clean
            drop = (start.percent if start else 0) - lowest
            lines.append(
                f"- X = {threshold.drop:g}: never reached. Over {len(run.curve) - 1} steps clean validation accuracy "
                f"fell by {drop:.2f} points at most; nothing was saved."
            )
            continue
        goodnet = _goodnet(run, threshold)
        measured = (
            f" The GoodNet has {_spoken(goodnet)} on {part} images{_flags(goodnet)}." if goodnet != NO_RATES else ""
        )
        lines.append(
            f"- X = {threshold.drop:g}: {threshold.step} of {run.layer.channels} channels pruned, where clean validation "
            f"accuracy had fallen by {_drop(run, threshold):.2f} points.{measured}"
        )
    return "\n".join(lines)


def _goodnet(run: RunRecord, threshold: Threshold) -> Rates:
    return threshold.goodnet_test if run.is_tested else threshold.goodnet_valid


def _drop(run: RunRecord, threshold: Threshold) -> float:
    before, now = run.baseline_valid.clean, threshold.rates.clean
    return before.percent - now.percent if before and now else 0.0


def _flags(goodnet: Rates) -> str:
    if goodnet.poisoned_flagged is None or goodnet.clean_flagged is None:
        return ""
    return (
        f", and flags {goodnet.poisoned_flagged.percent:.2f} % of the poisoned and "
        f"{goodnet.clean_flagged.percent:.2f} % of the clean ones"
    )


def _inputs(run: RunRecord) -> str:
    rows = "\n".join(
        f"| {role.replace('_', ' ')} | {code(images.path)}{_made(images.trigger)} | {images.images:,} |"
        for role, images in run.data.items()
    )
    triggers = [images.trigger for images in run.data.values() if images.trigger is not None]
    layout = "channel first" if run.layout == "nchw" else "channel last"
    numbers = f" ({_numbers(run.mean)} and {_numbers(run.deviation)})" if run.mean or run.deviation else ""
    pixels = PREPROCESSING_WORDS[run.preprocess] + numbers
    notices = "".join(f"\n- {code(text)}" for text in run.notices)
    return (
        f"## What was opened\n\nModel {code(run.model.path)}, {run.model.classes} classes. "
        f"Images are stored {layout}; pixels are {pixels}.\n\n"
        f"| images | file | how many |\n| --- | --- | ---: |\n{rows}"
        + (f"\n\nThe images with the trigger are labelled as {_target(run, triggers[0].target)}." if triggers else "")
        + (f"\n{notices}" if notices else "")
    )


def _made(trigger: RecordedTrigger | None) -> str:
    if trigger is None:
        return ""
    return f" with the trigger {code(trigger.path)} at row {trigger.row}, column {trigger.column}"


def _target(run: RunRecord, target: int | str) -> str:
    if isinstance(target, str):
        return "the class after their true one"
    return escaped(run.model.class_text(target))


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values) or "–"


def _pruning(run: RunRecord) -> str:
    order = {
        "mean-activation": "in ascending order of their mean activation over the clean validation images",
        "random": "in random order",
        BY_HAND: "in an order made by hand",
    }.get(run.ranking, f"in ascending order of {run.ranking.replace('-', ' ')}")
    layer = run.layer
    whose = f" of {code(layer.pruned)} were pruned (their weights set to zero)"
    if layer.where_read:
        whose = f" were pruned where they are read (the weights of {code(layer.pruned)} that read them set to zero)"
    text = (
        f"## Pruning\n\nActivations were read at {code(layer.profiled)}; the {layer.channels} channels{whose} "
        f"one by one {order}.{_inactive(layer)}"
        f"\n\n![accuracy and attack success rate against the fraction pruned]({FIGURE})\n\n"
    )
    rows = [_row("B, unpruned", 0, run.baseline_valid) + _estimate(run, run.estimate_at(0))]
    for threshold in run.thresholds:
        if threshold.step is not None:
            row = _row(f"B′ at X = {threshold.drop:g}", threshold.step, threshold.rates)
            rows.append(row + _estimate(run, run.estimate_at(threshold.step)))
    more = (" estimate |", " --- |", f" {ESTIMATE}") if run.has_estimates else ("", "", "")
    return (
        text + f"Rates on the validation images, in percent with 95 % Wilson intervals.{more[2]}\n\n"
        f"| network | channels pruned | clean accuracy | attack success | recovered accuracy |{more[0]}\n"
        f"| --- | ---: | --- | --- | --- |{more[1]}\n" + "\n".join(rows)
    )


def _estimate(run: RunRecord, estimate: Estimate | None) -> str:
    """One more cell, where there are estimates."""
    return f" {estimate or '–'} |" if run.has_estimates else ""


def _inactive(layer: RecordedLayer) -> str:
    if layer.inactive is None:
        return ""
    silent = f"; {layer.silent} were already silent in the file" if layer.silent else ""
    return f" {layer.inactive} of them stay inactive on the clean validation images{silent}."


def _row(name: str, step: int | None, rates: Rates) -> str:
    return f"| {name} | {step} | {_shown(rates.clean)} | {_shown(rates.attack)} | {_shown(rates.recovered)} |"


def _test(run: RunRecord) -> str:
    if not run.is_tested:
        return "## Test\n\nNo test sets were given, so only validation rates are known."
    rows = [_test_row("B", run.baseline_test, flags=False)]
    for threshold in run.thresholds:
        if threshold.step is not None:
            name = f"X = {threshold.drop:g}"
            rows.append(_test_row(f"B′ at {name}", threshold.pruned_test, flags=False))
            rows.append(_test_row(f"G at {name}", threshold.goodnet_test, flags=True))
    return (
        "## Test\n\nRates on the test images, which decided nothing above; percent with 95 % Wilson intervals. "
        f"*Flagged* are images that the GoodNet puts into the extra class {run.model.classes}.\n\n"
        "| network | clean accuracy | attack success | recovered accuracy | clean flagged | poisoned flagged |\n"
        "| --- | --- | --- | --- | --- | --- |\n" + "\n".join(rows)
    )


def _repairs(run: RunRecord) -> str:
    if not run.repairs:
        return ""
    test = run.is_tested
    rows, words = [], []
    for repair in run.repairs:
        name, chosen = repair.shown_name, repair.chosen_by
        rates = [repair.test, repair.goodnet_test] if test else [repair.valid, repair.goodnet_valid]
        rows.append(_test_row(name, rates[0], flags=False))
        rows.append(_test_row(f"G of B and {name}", rates[1], flags=True))
        by = chosen.about_held_out
        if chosen.claims and chosen.left is not None:
            by += f" Of B's shared transfer beyond that of scratch, {max(0.0, chosen.left):.1f} % is left."
        said = " ".join(map(escaped, (*repair.sentences, *repair.done)))
        if repair.estimate is not None:
            by += f" Estimate, by triggers reversed from B: {repair.estimate} %."
        words.append(
            f"- **{name}** ({code(repair.model or '–')}, {repair.seconds:.0f} s, seed {repair.seed}): {by} {said}"
        )
    part = "test" if test else "validation"
    learned = (
        "" if test else " Most clean validation images were trained on, so that clean accuracy looks better than it is."
    )
    return (
        f"## Repairs\n\nNetworks of B's architecture, made from clean validation images; no poisoned or test image was seen. "
        f"Rates on the {part} images; percent with 95 % Wilson intervals.{learned} Shared transfer: how often what fools B "
        "(perturbations and warps that all images share, boxes with a pattern) leads the other network to the same wrong class; it is "
        "no attack success.\n\n"
        "| network | clean accuracy | attack success | recovered accuracy | clean flagged | poisoned flagged |\n"
        "| --- | --- | --- | --- | --- | --- |\n" + "\n".join(rows) + "\n\n" + "\n".join(words)
    )


def _comparison(run: RunRecord) -> str:
    if not run.comparison:
        return ""
    drops = [threshold.drop for threshold in run.comparison[0].thresholds]
    poisoned = run.comparison[0].asr_area is not None
    headings = [f"X = {drop:g}" for drop in drops]
    what = "pruned: clean accuracy / attack success" if poisoned else "pruned: clean accuracy"
    first = (
        "the best margin, clean accuracy minus attack success at a threshold"
        if poisoned
        else f"most channels pruned at X = {drops[-1]:g}"
    )
    rows = []
    for order in run.comparison:
        cells = [code(order.layer), order.ranking, str(order.channels)]
        cells += [_compared(threshold, poisoned) for threshold in order.thresholds]
        cells += [_percent(order.margin), _percent(order.asr_area)] if poisoned else []
        rows.append("| " + " | ".join(cells) + " |")
    headings += ["best margin", "area under attack success"] if poisoned else []
    rule = "| --- | --- | ---: |" + " ---: |" * len(headings)
    return (
        "## Comparison\n\nLayers and rankings, each pruned to its end on the validation images; percent. "
        f"First: {first}. The columns of X say at which step it was reached, and the rates there ({what}). The same "
        f"numbers are in {COMPARISON}. {_badnet(run, poisoned)}\n\n"
        "| layer | ranking | channels | " + " | ".join(headings) + f" |\n{rule}\n" + "\n".join(rows)
    )


def _badnet(run: RunRecord, poisoned: bool) -> str:
    asr = f", attack success {_percent(run.baseline_valid.attack_success_rate)}" if poisoned else ""
    return f"B, unpruned: clean accuracy {_percent(run.baseline_valid.clean_accuracy)}{asr}."


def _compared(threshold: ComparedThreshold, poisoned: bool) -> str:
    if threshold.step is None:
        return "–"
    rates = threshold.rates
    asr = f" / {_percent(rates.attack_success_rate)}" if poisoned else ""
    if threshold.estimate is not None:
        asr += f" (estimate {threshold.estimate})"
    return f"{threshold.step}: {_percent(rates.clean_accuracy)}{asr}"


def _percent(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:.2f}"


def _test_row(name: str, rates: Rates, *, flags: bool) -> str:
    shares = [rates.clean, rates.attack, rates.recovered]
    cells = [_shown(share) for share in shares]
    cells += [_counted(rates.clean_flagged), _counted(rates.poisoned_flagged)] if flags else ["–", "–"]
    return f"| {name} | " + " | ".join(cells) + " |"


def _reading(run: RunRecord) -> str:
    files = [
        f"{code(threshold.model)} and {code(threshold.goodnet)}"
        for threshold in run.thresholds
        if threshold.step is not None
    ]
    saved = f"Saved: {'; '.join(files)}. " if files else ""
    return (
        "## How to read this\n\n"
        "*Clean accuracy*: share of clean images that get their label. *Attack success rate* (ASR): share of poisoned "
        "images that get the attacker's label; where the true classes are known, of those that are not of the attacker's "
        "class anyway. *Recovered accuracy*: share of poisoned images that get their true "
        "class, where the file tells it. *B′*: the network with the channels pruned. *G* (GoodNet): answers a class "
        f"where B and B′ agree on it, and {run.model.classes}, one more than the last class, where they do not. "
        "A threshold X is the first step at which clean validation accuracy lies at least X percentage points below "
        "that of B; test and poisoned images decide nothing.\n\n"
        f"{saved}Both kinds open with `keras.models.load_model`. Pruning alone is a weak defence: an attacker who "
        "knows of it can keep the backdoor in channels that clean images use as well. A low attack success rate "
        "applies only to this trigger and these images.\n\n"
        f"{_replay(run)}, after K. Liu, "
        "B. Dolan-Gavitt, S. Garg, *Fine-Pruning: Defending Against Backdooring Attacks on Deep Neural Networks* "
        "(RAID 2018); BadNets: T. Gu, B. Dolan-Gavitt, S. Garg (2017)."
    )


def _network(run: RunRecord) -> str:
    notices = "".join(f"\n- {code(text)}" for text in run.notices)
    return f"## What was opened\n\nModel {code(run.model.path)}, {run.model.classes} classes; no image." + (
        f"\n{notices}" if notices else ""
    )


def _replay(run: RunRecord) -> str:
    return f"Replay: `bdtui --batch --recipe {RECIPE} --out NEW_FOLDER`. Made by bdtui {run.version}"


def _spoken(rates: Rates) -> str:
    words = [f"clean accuracy {_said(rates.clean)}"] if rates.clean else []
    if rates.attack:
        words.append(f"attack success {_said(rates.attack)}")
    return " and ".join(words)


def _said(share: Share) -> str:
    """A rate in a sentence; of few images with what they leave open."""
    if not share.is_of_few:
        return f"{share.percent:.2f} %"
    low, high = share.wilson_interval()
    return f"{share.percent:.2f} % ({share.hits} of {share.images}: {low:.0f} to {high:.0f} % with 95 % confidence)"


def _shown(share: Share | None) -> str:
    if share is None:
        return "–"
    low, high = share.wilson_interval()
    return f"{share.percent:.2f} ({low:.2f} – {high:.2f})"


def _counted(share: Share | None) -> str:
    return "–" if share is None else f"{share.hits:,} of {share.images:,}: {_shown(share)}"
