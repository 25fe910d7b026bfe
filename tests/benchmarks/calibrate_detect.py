"""Draws the lines of detection on one half of the zoo, and judges them on the other: ``make calibrate-detect``.

    python -m tests.benchmarks.calibrate_detect          draws lines, writes engine/detect/calibration.json
    python -m tests.benchmarks.calibrate_detect --judge  judges them on the fresh networks, prints docs/detection.md's tables
    python -m tests.benchmarks.calibrate_detect --seconds 100 114 116  times networks anew
    python -m tests.benchmarks.calibrate_detect --further  shows what they say of warped triggers and the like

Networks that are not on disk are trained first (an hour on one core); what is computed is kept in `.zoo/`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bdtui.engine.detect import calibration as table
from bdtui.engine.detect.calibration import Calibration, calibration
from bdtui.engine.detect.conclusion import kind_of
from bdtui.engine.detect.detection import ALL_TO_ALL, BACKDOORED, INCONCLUSIVE, NO_SIGN
from bdtui.engine.detect.weighing import INVERTED, kept_order, second_target, strengths_before
from tests.benchmarks.detect_lines import METHODS_OF, Judged, auroc, count_errors, held_out_level, verdict_of
from tests.benchmarks.detect_statistics import CHEAP, DEAR, examine, find_statistics
from tests.benchmarks.zoo.nets import ZooNet, ZooSpec, make_net
from tests.benchmarks.zoo.rosters import fit_roster, fresh_roster, further_roster

WRITTEN_TO = Path(table.__file__).resolve().parent / "calibration.json"


def main() -> None:
    """Draw lines, or judge them."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--judge", action="store_true", help="judge the lines on networks that none was drawn on")
    asked.add_argument("--further", action="store_true", help="judge them on kinds of attacks that none was drawn on")
    asked.add_argument("--seconds", nargs="+", type=int, metavar="SEED", help="time fit networks of these seeds anew")
    asked.add_argument("--inverted", type=int, metavar="N", help="reverse triggers for the first N networks only")
    found = asked.parse_args()
    if found.seconds:
        print_seconds([spec for spec in fit_roster() if spec.seed in found.seconds and spec.attack != "none"])
    elif found.further:
        print_networks(judged_nets(further_roster(), found.inverted)[0], calibration())
    elif found.judge:
        # What is judged is judged in full.
        print_judged(judged_nets(fresh_roster()[: found.inverted], found.inverted)[0], calibration())
    else:
        write_lines(*judged_nets(fit_roster(), found.inverted))


def judged_nets(specs: Sequence[ZooSpec], inverted: int | None) -> tuple[list[Judged], list[ZooNet]]:
    """What is known about networks, and they themselves; triggers are reversed for the first so many, or for all."""
    found = find_statistics(specs, CHEAP) | find_statistics(specs[:inverted], (*CHEAP, *DEAR))
    nets = [make_net(spec) for spec in specs]
    known = [
        Judged(
            net.spec.name, net.spec.attack, net.attack_success_rate, net.target, net.spec.classes, found[net.spec.name]
        )
        for net in nets
    ]
    return known, nets


def write_lines(nets: Sequence[Judged], loaded: Sequence[ZooNet]) -> None:
    """Draw the lines of each level on the networks that it was reached for."""
    kinds = [kind_of(examine(net, {}).subject) for net in loaded]
    content: dict[str, Any] = {"made_by": "make calibrate-detect", "levels": {}}
    for level, methods in METHODS_OF.items():
        drawn = held_out_level([net for net in nets if set(methods) <= net.parts.keys()], level)
        content["levels"][level] = asdict(drawn)
        print(f"{level}: {drawn}")
    for name in ("classes", "pixels", "layers"):
        content[name] = [min(kind[name] for kind in kinds), max(kind[name] for kind in kinds)]
    WRITTEN_TO.write_text(json.dumps(content, indent=1) + "\n")


def print_judged(nets: Sequence[Judged], lines: Calibration) -> None:
    """Tables of what the committed lines say about networks."""
    working = [net for net in nets if not net.is_weak]
    weak = [net for net in nets if net.is_weak]
    print("| level | AUROC | false alarms | misses | inconclusive | first suspect right | weak attacks |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | --- |")
    for level in METHODS_OF:
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
    print()
    print_networks(nets, lines)
    said = {net.name: conclude(net, lines) for net in nets}
    clean, alarms, backdoored, misses, open_ = count_errors(working, [said[net.name].verdict for net in working])
    print(
        f"\nauto: {alarms} false alarms of {clean}, {misses} misses of {backdoored}, {open_} of {len(working)} inconclusive"
    )
    called = [net for net in working if said[net.name].verdict == BACKDOORED and net.success is not None]
    right = sum(_is_right(net, said[net.name].target) for net in called)
    print(f"target right: {right} of {len(called)} called backdoored")
    several = [net for net in called if isinstance(net.target, tuple)]
    seconds = sum(_is_right(net, said[net.name].second) for net in several)
    wrong = sum(said[net.name].second is not None for net in called if isinstance(net.target, int))
    print(f"second target named: {seconds} of {len(several)}; one too many: {wrong} of {len(called) - len(several)}")


def print_networks(nets: Sequence[Judged], lines: Calibration) -> None:
    """A table with a row for each network."""
    print("| network | attack success | target | strength by level | auto | named | seconds |")
    print("| --- | ---: | --- | --- | --- | --- | ---: |")
    for net in nets:
        said = conclude(net, lines)
        strengths = " · ".join(f"{net.strength_at(level):.2f}" for level in METHODS_OF)
        success = "–" if net.success is None else f"{net.success:.0f} %"
        target = "–" if net.target is None else net.target
        named = "–" if said.target is None else str(said.target)
        named += "" if said.second is None else f", perhaps {said.second}"
        print(
            f"| {net.name.rsplit('-', 3)[0]} | {success} | {target} | {strengths} | {said.verdict} | {named} "
            f"| {said.seconds:.1f} |"
        )
    took = [sum(part.seconds for part in net.parts.values()) for net in nets]
    print(f"\nmedian {np.median(took):.1f} s, at most {max(took):.1f} s")


def print_seconds(specs: Sequence[ZooSpec]) -> None:
    """What each method takes, of the processor and on the clock, for networks that are examined anew."""
    print(f"| network | {' | '.join((*CHEAP, *DEAR))} | processor | clock |")
    print("| --- |" + " ---: |" * (len((*CHEAP, *DEAR)) + 2))
    for spec in specs:
        examined, taken = examine(make_net(spec), {}), []
        started = time.process_time(), time.monotonic()
        for name in (*CHEAP, *DEAR):
            before = time.process_time()
            examined.run(name)
            taken.append(time.process_time() - before)
        taken += [time.process_time() - started[0], time.monotonic() - started[1]]
        print(f"| {spec.name.rsplit('-', 3)[0]} | {' | '.join(f'{each:.1f}' for each in taken)} |", flush=True)


@dataclass(frozen=True)
class Said:
    """What ``auto`` says with labelled pictures.

    Attributes:
        verdict: of three.
        target: that it names.
        second: what it takes for a second target, perhaps.
        seconds: of all methods.
    """

    verdict: str
    target: int | str | None
    second: int | None
    seconds: float


def conclude(net: Judged, lines: Calibration) -> Said:
    """See `Said`."""
    drawn = (lines.levels[INVERTED].backdoored_from, lines.levels[INVERTED].no_sign_below)
    verdict, seconds = verdict_of(net, INVERTED, drawn), sum(part.seconds for part in net.parts.values())
    before = [number >= lines.levels[level].backdoored_from for level, number in strengths_before(net.parts).items()]
    if verdict == NO_SIGN and any(before):
        verdict = INCONCLUSIVE
    if verdict != BACKDOORED:
        return Said(verdict, None, None, seconds)
    if kept_order(net.parts) >= drawn[0]:
        return Said(verdict, ALL_TO_ALL, None, seconds)
    target = net.first_suspect_at(INVERTED)
    return Said(verdict, target, second_target(net.parts, target, drawn[0]), seconds)


def _is_right(net: Judged, named: int | str | None) -> bool:
    return named in net.target if isinstance(net.target, tuple) else named == net.target


if __name__ == "__main__":
    main()
