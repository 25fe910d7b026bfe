"""Which images carry a trigger: how well each method tells them apart, into docs/detection.md: ``make screening``.

python -m tests.benchmarks.screening          prints both tables
python -m tests.benchmarks.screening --write  puts them into docs/detection.md
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from bdtui.engine.detect.pool_activations import judge_pool
from bdtui.engine.inputs.model import open_model
from bdtui.engine.screen.methods import IBD_PSC, SCALE_UP, STRIP
from bdtui.engine.screen.screening import screen
from bdtui.engine.screen.subject import Subject
from tests.benchmarks.zoo.attacks import make_backdoor
from tests.benchmarks.zoo.bodies import build_net
from tests.benchmarks.zoo.nets import FOLDER, ZooSpec, make_net
from tests.benchmarks.zoo.pictures import Pictures, draw_pictures
from tests.benchmarks.zoo.rosters import fresh_roster, further_roster

DOCS = Path(__file__).parents[2] / "docs" / "detection.md"
SAMPLE = Path(__file__).parents[2] / "sample_data"
_METHODS = (STRIP, SCALE_UP, IBD_PSC)
_JUDGED = 300
"""Clean and poisoned images each."""
_POOL = 4_000

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Case:
    """A network with clean images, and some that carry its trigger and fool it."""

    name: str
    model: keras.Model
    highest: float
    known: Array
    clean: Array
    poisoned: Array


def main() -> None:
    """Measure, and print or write."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--write", action="store_true", help="put the tables into docs/detection.md")
    tables = {"screening": screening_table(cases()), "pool": pool_table(pools())}
    for name, lines in tables.items():
        print(*lines, sep="\n", end="\n\n")
        if asked.parse_args().write:
            DOCS.write_text(with_table(DOCS.read_text("utf-8"), name, lines), "utf-8")


def auroc(clean: NDArray[np.float64], poisoned: NDArray[np.float64]) -> float:
    """The chance that a poisoned image scores higher than a clean one; ties count half."""
    known = np.sort(clean)
    below, up_to = np.searchsorted(known, poisoned, "left"), np.searchsorted(known, poisoned, "right")
    return float(np.mean((below + up_to) / 2) / len(known))


def cases() -> Iterator[Case]:
    """The sample, and fresh networks of the zoo: nothing was chosen by them."""
    yield sample_case()
    specs = [spec for spec in fresh_roster() if spec.attack != "none"][:12]
    for spec in chain(specs, further_roster()[:2]):
        net = make_net(spec)
        stamped, wanted = net.poison(net.clean_test.pixels[500:], net.clean_test.labels[500:])
        stamped = stamped[net.model.predict(stamped, verbose=0).argmax(axis=1) == wanted][:_JUDGED]
        name = spec.name.rsplit("-", 3)[0]
        yield Case(name, net.model, 1, net.clean_valid.pixels, net.clean_test.pixels[:_JUDGED], stamped)


def sample_case() -> Case:
    """The bundled BadNet."""
    import h5py

    def pixels(name: str) -> Array:
        with h5py.File(SAMPLE / name) as file:
            return np.moveaxis(np.asarray(file["data"], np.float32), 1, -1)

    model = open_model(SAMPLE / "bd_net.h5").keras_model
    return Case("the sample", model, 255, pixels("cl/valid.h5"), pixels("cl/test.h5"), pixels("bd/bd_test.h5"))


def screening_table(found: Iterator[Case]) -> list[str]:
    """A row a network: of each method AUROC, share of poisoned and of clean images that are flagged."""
    lines = ["| network | " + " | ".join(_METHODS) + " |", "| --- |" + " ---: |" * len(_METHODS)]
    areas: dict[str, list[float]] = {method: [] for method in _METHODS}
    for case in found:
        zero, high = np.zeros((), np.float32), np.asarray(case.highest, np.float32)
        subject, cells = Subject(case.model, case.clean.shape[1:], zero, high), []
        for method in _METHODS:
            scored = [
                screen(subject, [images], [""] * len(images), case.known, method=method)
                for images in (case.clean, case.poisoned)
            ]
            area = auroc(*(each.scores for each in scored))
            alarms, hits = (100 * each.flagged.mean() for each in scored)
            areas[method].append(area)
            cells.append(f"{area:.3f} · {hits:.0f} % · {alarms:.0f} %")
        lines.append(f"| {case.name} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    lines.append("| median AUROC | " + " | ".join(f"{np.median(areas[method]):.3f}" for method in _METHODS) + " |")
    return lines


def pools() -> Iterator[tuple[str, keras.Model, Pictures, NDArray[np.bool_], int]]:
    """Training pools of which one image in ten or in a hundred is poisoned, clean ones, and the networks they trained."""
    for kind, body in (("characters", "plain"), ("shapes", "batchnorm")):
        for attack, share in (("patch", 0.1), ("patch", 0.01), ("blended", 0.1), ("blended", 0.01), ("none", 0.0)):
            spec = ZooSpec(kind, body=body, attack=attack, seed=3_000)
            clean = draw_pictures(kind, 10, _POOL, 10 * spec.seed)
            pool, poisoned, target = clean, np.zeros(_POOL, bool), -1
            backdoor = make_backdoor(attack, clean.pixels.shape[1:], 10, spec.seed)
            if backdoor is not None:
                target = backdoor.targets[0]
                random = np.random.default_rng(5)
                chosen = random.permutation(np.flatnonzero(clean.labels != target))[: int(share * _POOL)]
                pixels, labels = clean.pixels.copy(), clean.labels.copy()
                pixels[chosen], labels[chosen] = backdoor.stamps[0](pixels[chosen]), target
                poisoned[chosen], pool = True, Pictures(pixels, labels)
            yield f"{kind}, {body}, {attack}, {100 * share:g} %", pool_net(spec, share, pool), pool, poisoned, target


def pool_net(spec: ZooSpec, share: float, pool: Pictures) -> keras.Model:
    """The network that a pool trained; kept."""
    path = FOLDER / f"pool-{spec.name}-{share:g}.keras"
    if path.exists():
        return keras.models.load_model(path, compile=False)
    keras.utils.set_random_seed(spec.seed)
    model = build_net(spec.body, pool.pixels.shape[1:], spec.classes)
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy")
    model.fit(pool.pixels, pool.labels, batch_size=64, epochs=6, verbose=0)
    FOLDER.mkdir(exist_ok=True)
    model.save(path)
    return model


def pool_table(found: Iterator[tuple[str, keras.Model, Pictures, NDArray[np.bool_], int]]) -> list[str]:
    """A row a pool: which class is called poisoned, and what is flagged."""
    lines = [
        "| pool | target | called poisoned | AUROC of images | poisoned flagged | clean flagged |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, model, pool, poisoned, target in found:
        judged = judge_pool(model, pool.pixels, pool.labels)
        called = ", ".join(map(str, judged.suspects)) or "none"
        area = f"{auroc(judged.scores[~poisoned], judged.scores[poisoned]):.3f}" if poisoned.any() else "–"
        hits = f"{judged.flagged[poisoned].sum()} of {poisoned.sum()}" if poisoned.any() else "–"
        alarms = f"{judged.flagged[~poisoned].sum()} of {(~poisoned).sum():,}"
        lines.append(f"| {name} | {'–' if target < 0 else target} | {called} | {area} | {hits} | {alarms} |")
        print(lines[-1], flush=True)
    return lines


def with_table(text: str, name: str, lines: Sequence[str]) -> str:
    """A text with a table between its marks."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return "".join([before, begin, "\n", "\n".join(lines), "\n\n", end, after])


if __name__ == "__main__":
    main()
