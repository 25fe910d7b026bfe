"""`make repairs`: every repair on every kind of backdoor, beside training from scratch.

Writes docs/repairs-table.md and, in docs/repairs.md, what the methods come to over all networks. What was measured is kept in
docs/repairs.jsonl, a line a repair, and is not measured again, so that a long run can be stopped and resumed: the lines of a method
that has changed have to be deleted. Rates are of test images that nothing was chosen by.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np

from bdtui.engine import open_dataset, open_model, prune
from bdtui.engine.machine.atomic_files import write_text
from bdtui.engine.machine.device import prepare_backend
from bdtui.engine.network.goodnet import build_repaired_goodnet
from bdtui.engine.repair.clean_images import CleanImages, read_clean_images, some_of_every_class
from bdtui.engine.repair.following import Following
from bdtui.engine.repair.method import RepairedNetwork, predicted
from bdtui.engine.repair.methods import AUTO, METHODS, SCRATCH, SHRINK_DISTIL
from bdtui.engine.repair.result import FEW_HELD_OUT
from bdtui.engine.repair.session import RepairOutcome, RepairSession
from bdtui.engine.repair.transfer import Transfer
from bdtui.engine.runs.repairing import reverse_with
from tests.benchmarks.zoo import ZooSpec, make_net

ROOT = Path(__file__).parents[2]
PAGE, TABLE, KEPT = (ROOT / "docs" / name for name in ("repairs.md", "repairs-table.md", "repairs.jsonl"))
_BEGIN, _END = "<!-- measured: begin -->", "<!-- measured: end -->"
"""What stands between them is written here."""
SAMPLE = "sample"
ATTACKS = (
    "patch",
    "blended",
    "all-to-all",
    "sinusoidal",
    "low-frequency",
    "warped",
    "fine-warped",
    "clean-label",
    "input-aware",
    "none",
)
SIZES = (0, 500, 100)
"""Clean images; 0 for all there are."""
SEEDS = 5
_REMOVED = 5.0
"""ASR in percent up to which a backdoor may be said to be gone."""
PRUNED = {f"pruning X={drop}": drop for drop in (2, 4, 10)}
"""No repairs, but what the lab report's defence comes to on the same images, by name with the drop in points."""


@dataclass(frozen=True)
class Subject:
    """A backdoored network with its images.

    Attributes:
        model: B.
        clean: to repair with.
        test: clean test images.
        poisoned: triggered test images, and of what class they really are; None for a clean network.
        wanted: the attacker's labels.
        true: the true ones.
    """

    model: keras.Model
    clean: CleanImages
    test: CleanImages
    poisoned: Any = None
    wanted: Any = None
    true: Any = None


@dataclass(frozen=True)
class Row:
    """One repair, measured; rates in percent."""

    net: str
    images: int
    method: str
    seed: int
    before: tuple[float, float | None]
    clean: float
    attack: float | None
    recovered: float | None
    clean_flagged: float
    poisoned_flagged: float | None
    transfer: float | None
    chosen: str
    seconds: float
    hits: list[int]
    kinds: list[str]
    tried: int
    badnet_hits: list[int]
    reference_hits: list[int]
    warps_tried: bool = False

    @property
    def key(self) -> tuple[str, int, str, int]:
        """What it is of."""
        return self.net, self.images, self.method, self.seed


def sample() -> Subject:
    """The bundled BadNet."""
    folder = ROOT / "sample_data"
    model = open_model(folder / "bd_net.h5")
    sets = [
        open_dataset(folder / name, model.input_shape, model.classes)
        for name in ("cl/valid.h5", "cl/test.h5", "bd/bd_test.h5")
    ]
    clean, test, poisoned = (read_clean_images(images) for images in sets)
    return Subject(model.keras_model, clean, test, poisoned.pixels, sets[2].labels, sets[2].true_labels)


def of_zoo(attack: str, body: str, seed: int, pictures: str = "characters") -> Subject:
    """A network of the zoo."""
    net = make_net(ZooSpec(pictures=pictures, attack=attack, body=body, seed=seed))
    shape = net.clean_fit.pixels.shape[1:]
    ends = [np.full(shape, end, np.float32) for end in (0, 1)]
    clean, test = (CleanImages(each.pixels, each.labels, *ends) for each in (net.clean_fit, net.clean_test))
    if net.backdoor is None:
        return Subject(net.model, clean, test)
    others = ~np.isin(test.labels, net.backdoor.targets)
    pixels, wanted = net.poison(test.pixels, test.labels)
    return Subject(net.model, clean, test, pixels, wanted, test.labels[others])


def subjects(seed: int) -> dict[str, Callable[[], Subject]]:
    """The networks by name."""

    def zoo(attack: str, body: str, pictures: str = "characters") -> Callable[[], Subject]:
        return lambda: of_zoo(attack, body, seed, pictures)

    found: dict[str, Callable[[], Subject]] = {SAMPLE: sample}
    for attack in ATTACKS:
        found[f"{attack}, plain"] = zoo(attack, "plain")
    for attack in ("patch", "blended", "all-to-all", "none"):
        found[f"{attack}, batchnorm"] = zoo(attack, "batchnorm")
    found["patch, residual"] = zoo("patch", "residual")
    found["patch, colour"] = zoo("patch", "plain", "shapes")
    return found


def measure(subject: Subject, outcome: RepairOutcome, session: RepairSession, row: dict[str, Any]) -> Row:
    """The rates of a repair on test images."""

    def share(hits: Any) -> float:
        return 100 * float(np.mean(hits))

    goodnet = build_repaired_goodnet(subject.model, outcome.network)
    classes = outcome.network.output_shape[-1]
    clean = predicted(outcome.network, subject.test.pixels)
    flagged = predicted(goodnet, subject.test.pixels) == classes
    known: dict[str, Any] = {"attack": None, "recovered": None, "poisoned_flagged": None}
    before: tuple[float, float | None] = (
        share(predicted(subject.model, subject.test.pixels) == subject.test.labels),
        None,
    )
    if subject.poisoned is not None:
        found = predicted(outcome.network, subject.poisoned)
        known = {
            "attack": share(found == subject.wanted),
            "recovered": share(found == subject.true),
            "poisoned_flagged": share(predicted(goodnet, subject.poisoned) == classes),
        }
        before = (before[0], share(predicted(subject.model, subject.poisoned) == subject.wanted))
    repair = outcome.repair
    return Row(
        **row,
        **known,
        before=before,
        clean=share(clean == subject.test.labels),
        clean_flagged=share(flagged),
        transfer=repair.chosen_by.transfer,
        chosen=repair.method,
        seconds=round(repair.seconds, 1),
        hits=list(outcome.transfer.hits),
        kinds=list(outcome.transfer.kinds),
        tried=outcome.transfer.images,
        badnet_hits=list(session.badnet_transfer.hits),
        reference_hits=list(reference.transfer.hits if (reference := session.reference) else ()),
        warps_tried=True,
    )


def pruned(model: keras.Model, clean: CleanImages, drop: float) -> RepairedNetwork:
    """B′ at a threshold, or B itself where clean accuracy never falls so far."""
    with TemporaryDirectory() as folder:
        network, images = Path(folder, "net.keras"), Path(folder, "clean.npz")
        model.save(network)
        np.savez(images, x=clean.pixels, y=clean.labels)
        opened = open_model(network)
        result = prune(opened, open_dataset(images, opened.input_shape, opened.classes), thresholds=(drop,))
        return RepairedNetwork(result.session.pruned_model(result.thresholds[0].channels), ())


def read_kept() -> list[Row]:
    """What was measured before."""
    return [Row(**json.loads(line)) for line in KEPT.read_text().splitlines()] if KEPT.exists() else []


def run(nets: list[str], sizes: list[int], methods: list[str], seeds: int) -> None:
    """Measure what is missing."""
    done = {row.key for row in read_kept()}
    for seed in range(seeds):
        made = subjects(seed)
        for net in nets or list(made):
            subject = cache(made[net])
            for size in sizes:
                missing = [method for method in methods if (net, size, method, seed) not in done]
                if missing:
                    for row in _rows(subject(), net, size, missing, seed):
                        print(f"{row.net}, {row.images or 'all'} images, {row.method}: {_rates(row)}", flush=True)
                        with KEPT.open("a") as file:
                            file.write(json.dumps(asdict(row)) + "\n")
                        write_tables(read_kept())


def _rows(subject: Subject, net: str, size: int, methods: list[str], seed: int) -> Iterator[Row]:
    clean = subject.clean
    if size and size < len(clean):
        clean = clean.some(some_of_every_class(clean.labels, size / len(clean), seed))
    session = RepairSession(subject.model, clean, seed=seed, reverse=reverse_with(subject.model, seed))
    # With this bank, also where its own row was measured before: another machine's bank is another one.
    session.repair(SCRATCH)
    for method in methods:
        began = time.process_time()
        if method in PRUNED:
            outcome = session.carry_out(method, partial(pruned, subject.model, clean, PRUNED[method]))
        else:
            outcome = session.judged(session.repair(method))
        row = measure(subject, outcome, session, {"net": net, "images": size, "method": method, "seed": seed})
        print(f"{time.process_time() - began:.0f} s of processor time", flush=True)
        yield row


def write_tables(rows: list[Row]) -> None:
    """Write the table, and put what the methods come to into docs/repairs.md."""
    _write_between(TABLE, table(rows))
    _write_between(PAGE, f"{summary(rows)}\n\n{what_transfer_tells(rows)}")


def _write_between(page: Path, text: str) -> None:
    before, begin, rest = page.read_text().partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise SystemExit(f"{page} lacks {_BEGIN} and {_END}, between which the table is to be written")
    write_text(page, f"{before}{begin}\n{text}\n{end}{after}")


def summary(rows: list[Row]) -> str:
    """What every method comes to with as many images, over backdoored networks: the median, and the worst of all in brackets.

    Clean accuracy is the change from B's. Every seed is another network, but for the sample; methods are summed up beside one
    another over the same networks and seeds: those that all have which were measured on most networks, and then, where
    some of these have more, those that have the most.
    """
    lines = [
        "| clean images | repair | networks | seeds | clean, points above B | ASR | R-Acc | seconds |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    sizes: dict[int, dict[str, dict[tuple[str, int], Row]]] = {}
    for row in sorted(rows, key=lambda row: _place(row)[1:]):
        if row.attack is not None:
            sizes.setdefault(row.images, {}).setdefault(row.method, {})[row.net, row.seed] = row
    for images, methods in sizes.items():
        most = max(len(_nets(found)) for found in methods.values())
        wide = {method: found for method, found in methods.items() if len(_nets(found)) == most}
        shared = set.intersection(*(set(found) for found in wide.values()))
        all_there_are = max((set(found) for found in wide.values()), key=len)
        for covered in [shared] if shared == all_there_are else [shared, all_there_are]:
            if len(_nets(covered)) > 1:
                lines += [
                    _summed_up(images, method, [found[key] for key in sorted(covered)])
                    for method, found in wide.items()
                    if covered <= found.keys()
                ]
    return "\n".join(lines)


def _nets(covered: Iterable[tuple[str, int]]) -> set[str]:
    return {net for net, _ in covered}


def _summed_up(images: int, method: str, rows: list[Row]) -> str:
    nets: dict[str, list[Row]] = {}
    for row in rows:
        nets.setdefault(row.net, []).append(row)

    def middle(value: Callable[[Row], float]) -> float:
        return median(median(map(value, group)) for group in nets.values())

    def figure(value: Callable[[Row], float], worst: Callable[[Iterable[float]], float]) -> str:
        return f"{middle(value):.2f} ({worst(map(value, rows)):.2f})"

    figures = [
        figure(lambda row: row.clean - row.before[0], min),
        figure(lambda row: row.attack or 0.0, max),
        figure(lambda row: row.recovered or 0.0, min),
        f"{middle(lambda row: row.seconds):.0f}",
    ]
    seeds = sorted({len(group) for group in nets.values()})
    several = "–".join(str(number) for number in dict.fromkeys((seeds[0], seeds[-1])))
    return f"| {images or 'all'} | {method} | {len(nets)} | {several} | {' | '.join(figures)} |"


def what_transfer_tells(rows: list[Row]) -> str:
    """Whether transfer left orders the repairs as the attack success does, and how often a claim was wrong.

    What was pruned is no repair, and where auto stopped at its first repair that is counted once. Rows of the bank that had no
    warps yet speak for themselves.
    """
    banks = {
        "With the bank as it is": [row for row in rows if _has_warps(row)],
        "With the bank as it was, without warps": [row for row in rows if not _has_warps(row)],
    }
    told = [text for bank, of_it in banks.items() if (text := _told(bank, of_it))]
    return "\n\n".join(told)


def _has_warps(row: Row) -> bool:
    """Whether warps were looked for: until they were kept only where small ones suffice, far ones were always found."""
    return row.warps_tried or "warp" in row.kinds


def _told(bank: str, rows: list[Row]) -> str:
    known = [
        (row, following)
        for row in rows
        if row.attack is not None
        and row.method not in (SCRATCH, *PRUNED)
        and row.chosen != f"{AUTO}:{SHRINK_DISTIL}"
        and (following := _following(row)) is not None
        and following.tells
    ]
    if len(known) < 3:
        return ""
    ranked = [
        _ranks(values) for values in ([following.left for _, following in known], [row.attack for row, _ in known])
    ]
    order = float(np.corrcoef(*ranked)[0, 1])
    claimed = [row for row, following in known if row.tried >= FEW_HELD_OUT and following.claims]
    wrong = [row for row in claimed if row.attack is not None and row.attack > _REMOVED]
    named = "".join(f" ({row.net}, {row.method}: {row.attack:.1f} %)" for row in wrong)
    return (
        f"{bank}: over {len(known)} repairs, scratch not among them and an auto that stopped at shrink-distil counted once, the "
        f"transfer that is left and the ASR have a Spearman correlation of {order:.2f}. By today's rule {len(claimed)} of them are said to follow what fools B no more; the ASR is above "
        f"{_REMOVED:g} % in {len(wrong)} of them{named}."
    )


def _following(row: Row) -> Following | None:
    if not row.reference_hits:
        return None
    # Rows from before far warps were kept only where small ones suffice have them all.
    without = set() if "small warp" in row.kinds else {"warp"}
    counting = [place for place, kind in enumerate(row.kinds) if kind not in without]
    return Following(
        *(
            Transfer(*(tuple(of[place] for place in counting) for of in (row.kinds, hits)), row.tried)
            for hits in (row.hits, row.reference_hits, row.badnet_hits)
        )
    )


def _left(row: Row) -> float | None:
    following = _following(row)
    return None if following is None else following.left


def _ranks(values: list[float]) -> Any:
    """Ranks of values, equal ones sharing the mean of theirs."""
    _, inverse, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[inverse]


def table(rows: list[Row]) -> str:
    """Median over the seeds, and the worst in brackets where there are several."""
    heading = "| net | clean images | repair | clean | ASR | R-Acc | G flags poisoned / clean | transfer left | seconds | seeds |"
    lines = [heading, "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"]
    groups: dict[tuple[str, int, str], list[Row]] = {}
    for row in sorted(rows, key=_place):
        groups.setdefault((row.net, row.images, row.method), []).append(row)
    named: set[tuple[str, int]] = set()
    for (net, images, method), group in groups.items():
        if (net, images) not in named:
            named.add((net, images))
            clean, attack = (_figure([row.before[place] for row in group], 0) for place in (0, 1))
            lines.append(f"| {net} | {images or 'all'} | B itself | {clean} | {attack} | | | | | {len(group)} |")
        figures = [
            _figure([row.clean for row in group], min),
            _figure([row.attack for row in group], max),
            _figure([row.recovered for row in group], min),
            f"{_figure([row.poisoned_flagged for row in group], 0)} / {_figure([row.clean_flagged for row in group], 0)}",
            _figure([_left(row) for row in group], max),
            f"{median(row.seconds for row in group):.0f}",
        ]
        lines.append(f"| {net} | {images or 'all'} | {method} | {' | '.join(figures)} | {len(group)} |")
    return "\n".join(lines)


def _place(row: Row) -> tuple[int, int, int, int]:
    """Where a row stands: networks as they are listed, the most images first, methods as they are listed, seeds."""
    nets, methods = list(subjects(0)), [*PRUNED, SCRATCH, AUTO, *METHODS]
    net = nets.index(row.net) if row.net in nets else len(nets)
    return net, -row.images if row.images else -(10**9), methods.index(row.method), row.seed


def _figure(values: list[Any], worst: Any) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    text = f"{median(known):.2f}"
    return f"{text} ({worst(known):.2f})" if worst and len(known) > 1 else text


def _rates(row: Row) -> str:
    figures = (row.clean, row.attack, row.recovered, row.transfer)
    return " / ".join("–" if figure is None else f"{figure:.2f}" for figure in figures)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", action="append", default=[], help="name of a network; may be repeated")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="clean images, 0 for all")
    parser.add_argument("--methods", default=",".join([AUTO, *METHODS, *PRUNED]))
    parser.add_argument("--seeds", type=int, default=SEEDS)
    given = parser.parse_args()
    prepare_backend("auto", 0)
    run(given.nets, [int(size) for size in given.sizes.split(",")], given.methods.split(","), given.seeds)


if __name__ == "__main__":
    main()
