"""Draws the lines of detection on one half of the zoo, and judges them on the other: ``make calibrate-detect``.

    python -m tests.benchmarks.calibrate_detect          draws lines, writes engine/detect/calibration.json
    python -m tests.benchmarks.calibrate_detect --judge  judges them on the fresh networks, prints docs/detection.md's tables
    python -m tests.benchmarks.calibrate_detect --cheap  either, without trigger inversion: its lines stay as they are

Networks that are not on disk are trained first (an hour on one core); what is computed is kept in `.zoo/`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from bdtui.engine.detect import calibration as table
from bdtui.engine.detect.calibration import Calibration, calibration
from bdtui.engine.detect.conclusion import kind_of
from bdtui.engine.detect.detection import ALL_TO_ALL, BACKDOORED, INCONCLUSIVE
from bdtui.engine.detect.weighing import INVERTED, LABELLED, kept_order
from tests.benchmarks.detect_lines import METHODS_OF, Judged, auroc, count_errors, held_out_level, verdict_of
from tests.benchmarks.detect_statistics import CHEAP, DEAR, examine, find_statistics
from tests.benchmarks.zoo.nets import ZooNet, ZooSpec, make_net
from tests.benchmarks.zoo.rosters import fit_roster, fresh_roster

WRITTEN_TO = Path(table.__file__).resolve().parent / "calibration.json"


def main() -> None:
    """Draw lines, or judge them."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--judge", action="store_true", help="judge the lines on networks that none was drawn on")
    asked.add_argument("--cheap", action="store_true", help="without trigger inversion")
    found = asked.parse_args()
    methods = CHEAP if found.cheap else (*CHEAP, *DEAR)
    levels = [level for level, names in METHODS_OF.items() if set(names) <= set(methods)]
    if found.judge:
        print_judged(judged_nets(fresh_roster(), methods)[0], levels, calibration())
    else:
        write_lines(fit_roster(), methods, levels)


def judged_nets(specs: Sequence[ZooSpec], methods: Sequence[str]) -> tuple[list[Judged], list[ZooNet]]:
    """What is known about networks, and they themselves."""
    found = find_statistics(specs, methods)
    nets = [make_net(spec) for spec in specs]
    known = [
        Judged(
            net.spec.name, net.spec.attack, net.attack_success_rate, net.target, net.spec.classes, found[net.spec.name]
        )
        for net in nets
    ]
    return known, nets


def write_lines(specs: Sequence[ZooSpec], methods: Sequence[str], levels: Sequence[str]) -> None:
    """Draw the lines of some levels; the others stay as they are."""
    nets, loaded = judged_nets(specs, methods)
    kinds = [kind_of(examine(net, {}).subject) for net in loaded]
    content = json.loads(WRITTEN_TO.read_text())
    for level in levels:
        drawn = held_out_level(nets, level)
        content["levels"][level] = asdict(drawn)
        print(f"{level}: {drawn}")
    for name in ("classes", "pixels", "layers"):
        content[name] = [min(kind[name] for kind in kinds), max(kind[name] for kind in kinds)]
    WRITTEN_TO.write_text(json.dumps(content, indent=1) + "\n")


def print_judged(nets: Sequence[Judged], levels: Sequence[str], lines: Calibration) -> None:
    """Tables of what the committed lines say about networks."""
    working = [net for net in nets if not net.is_weak]
    weak = [net for net in nets if net.is_weak]
    print("| level | AUROC | false alarms | misses | inconclusive | first suspect right | weak attacks |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | --- |")
    for level in levels:
        drawn = (lines.levels[level].backdoored_from, lines.levels[level].no_sign_below)
        clean, alarms, backdoored, misses, open_ = count_errors(
            working, [verdict_of(net, level, drawn) for net in working]
        )
        aimed = [net for net in working if net.target not in (None, ALL_TO_ALL)]
        right = sum(_is_right(net, net.first_suspect_at(level)) for net in aimed)
        said = ", ".join(f"{net.attack}: {verdict_of(net, level, drawn)}" for net in weak) or "–"
        print(
            f"| {level} | {auroc(working, level):.3f} | {alarms} of {clean} | {misses} of {backdoored} "
            f"| {open_} of {len(working)} | {right} of {len(aimed)} | {said} |"
        )
    print("\n| network | attack success | target | strength by level | auto | named | seconds |")
    print("| --- | ---: | --- | --- | --- | --- | ---: |")
    for net in nets:
        verdict, named, seconds = concluded(net, lines, with_inversion=INVERTED in levels)
        strengths = " · ".join(f"{net.strength_at(level):.2f}" for level in levels)
        success = "–" if net.success is None else f"{net.success:.0f} %"
        target = "–" if net.target is None else net.target
        print(
            f"| {net.name.rsplit('-', 3)[0]} | {success} | {target} | {strengths} | {verdict} | {named} | {seconds:.1f} |"
        )
    said = {net.name: concluded(net, lines, with_inversion=INVERTED in levels) for net in nets}
    clean, alarms, backdoored, misses, open_ = count_errors(working, [said[net.name][0] for net in working])
    print(
        f"\nauto: {alarms} false alarms of {clean}, {misses} misses of {backdoored}, {open_} of {len(working)} inconclusive"
    )
    called = [net for net in working if said[net.name][0] == BACKDOORED and net.success is not None]
    print(
        f"target right: {sum(_is_right(net, said[net.name][1]) for net in called)} of {len(called)} called backdoored"
    )
    print(
        f"median {np.median([each[2] for each in said.values()]):.1f} s, at most {max(s[2] for s in said.values()):.1f} s"
    )


def concluded(net: Judged, lines: Calibration, *, with_inversion: bool) -> tuple[str, int | str | None, float]:
    """What ``auto`` says with labelled pictures: verdict, target, seconds. Triggers are reversed where it is not clear."""
    for level in (LABELLED, INVERTED) if with_inversion else (LABELLED,):
        drawn = (lines.levels[level].backdoored_from, lines.levels[level].no_sign_below)
        verdict, parts = verdict_of(net, level, drawn), net.parts_at(level)
        if verdict != INCONCLUSIVE:
            break
    seconds = sum(part.seconds for part in parts.values())
    if verdict != BACKDOORED:
        return verdict, None, seconds
    moved = kept_order(parts) >= lines.levels[LABELLED].backdoored_from
    return verdict, ALL_TO_ALL if moved else net.first_suspect_at(level), seconds


def _is_right(net: Judged, named: int | str | None) -> bool:
    return named in net.target if isinstance(net.target, tuple) else named == net.target


if __name__ == "__main__":
    main()
