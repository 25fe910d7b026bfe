"""What report.html says of a run, whatever is known of it and whatever lies in its folder."""

from __future__ import annotations

import copy
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bdtui.engine.detect.detection import INCONCLUSIVE, NO_SIGN
from bdtui.engine.event_values import Threshold
from bdtui.engine.exports.exported import ExportedNetwork
from bdtui.engine.pruning.curve import Step
from bdtui.engine.rates import NO_RATES, Rates, Share
from bdtui.engine.reports.all_reports import reports_of
from bdtui.engine.reports.page.attached import Attached, attach
from bdtui.engine.reports.page.charts import channel_chart, curve_chart, trade_off_chart
from bdtui.engine.reports.page.page import write_page
from bdtui.engine.reports.record import NO_LAYER, RunRecord
from bdtui.engine.reports.results import read_record, record_from_json
from tests.engine.reports.pages import clean_run, detection, folder_of, full_run, rates

NOTHING = Attached()


def text_of(page: str, name: str) -> str:
    """What an answer of the page says."""
    found = re.search(rf'<article id="{name}".*?</article>', page, re.DOTALL)
    assert found, name
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", found[0])).split())


def suspected() -> RunRecord:
    return replace(clean_run(), detection=detection())


def without_images() -> RunRecord:
    return replace(
        suspected(), data={}, layout="", layer=NO_LAYER, ranking="", mean_activation=(), order=(), curve=(),
        baseline_valid=NO_RATES,
    )  # fmt: skip


def harmless() -> RunRecord:
    return replace(full_run(), baseline_valid=rates(990, 0), baseline_test=rates(990, 0), detection=None, target=None)


@pytest.mark.parametrize(
    ("run", "backdoored", "target", "deploy"),
    [
        (full_run(), "Yes, measured", "class 3", "repaired_auto.keras"),
        (replace(full_run(), repairs=()), "Yes, measured", "class 3", "None of this run No network here is safe"),
        (suspected(), "Suspected", "class 3", "None of this run No network of this run is recommended; do not deploy"),
        (without_images(), "Suspected", "class 3", "None of this run No network of this run is recommended"),
        (harmless(), "No sign of one", "–", "None of this run Nothing here speaks for another network"),
        (clean_run(), "Not examined", "–", "None of this run No network is recommended before it is known"),
        (
            replace(clean_run(), detection=replace(detection(), verdict=INCONCLUSIVE, target=None)),
            "Inconclusive",
            "–",
            "None of this run No network is recommended before it is known",
        ),
    ],
)
def test_the_page_begins_with_its_answers(run: RunRecord, backdoored: str, target: str, deploy: str) -> None:
    page = write_page(run, NOTHING)
    assert text_of(page, "backdoor").startswith(f"Is it backdoored? {backdoored}")
    assert text_of(page, "target").startswith(f"Towards what? {target}")
    assert text_of(page, "deploy").startswith(f"Which file to deploy? {deploy}")
    places = [page.index(f'id="{name}"') for name in ("backdoor", "target", "deploy", "done", "unknown", "next")]
    assert places == sorted(places)
    assert places[-1] < min(page.index(tag) for tag in ("<svg", "<table") if tag in page)


def test_what_was_not_measured_is_said() -> None:
    assert "nobody looked for a backdoor (--detect auto)" in text_of(write_page(clean_run(), NOTHING), "unknown")
    assert "what was examined is no measurement" in text_of(write_page(suspected(), NOTHING), "unknown")
    untested = replace(full_run(), baseline_test=NO_RATES)
    assert "no test images were given" in text_of(write_page(untested, NOTHING), "unknown")
    short = replace(full_run(), curve=full_run().curve[:3])
    assert "What pruning more than 2 of 4 channels does" in text_of(write_page(short, NOTHING), "unknown")


def test_what_was_done_is_said() -> None:
    told = text_of(write_page(full_run(), NOTHING), "done")
    assert told.startswith(
        "What was done? Examined, pruned and repaired Without poisoned images: backdoor suspected, towards"
    )
    assert "The channels of net.h5 were pruned one by one" in told
    unclear = replace(full_run(), detection=replace(detection(), verdict=INCONCLUSIVE, target=None))
    assert "Without poisoned images: inconclusive, first suspect class 3." in text_of(
        write_page(unclear, NOTHING), "done"
    )
    assert "(X=2), two networks each were saved" in told
    assert "Never reached: X=50." in told
    assert "Repaired by auto (shrink-distil): clean accuracy 98.40 %" in told
    assert "nothing was pruned" in text_of(write_page(without_images(), NOTHING), "done")


def test_a_recommended_file_that_is_missing_is_said_to_be(tmp_path: Path) -> None:
    run, folder = full_run(), folder_of(full_run(), tmp_path)
    assert "recommended.keras is the same file." in text_of(write_page(run, attach(run, folder, {})), "deploy")
    for path in folder.glob("*.keras"):
        path.unlink()
    told = text_of(write_page(run, attach(run, folder, {})), "deploy")
    assert "not in the folder that this report was made from" in told
    assert "is the same file" not in told


@pytest.mark.parametrize("make", [full_run, clean_run, suspected, without_images, harmless])
def test_a_page_made_again_is_the_same(tmp_path: Path, make: Callable[[], RunRecord]) -> None:
    run = make()
    folder = folder_of(run, tmp_path)
    again = read_record(folder / "results.json")
    assert reports_of(again, folder, {"a.h5": "1" * 64}) == reports_of(run, folder, {"a.h5": "1" * 64})


def test_a_page_that_is_passed_on_names_no_folder_but_in_its_recipe(tmp_path: Path) -> None:
    run, folder = full_run(), folder_of(full_run(), tmp_path)
    run = replace(
        run, model=replace(run.model, path="/home/me/net.h5"), notices=("/data/clean_test.h5: 2 pictures are left out",)
    )
    (folder / "recipe.toml").write_text("model = '/home/me/net.h5'")
    page = write_page(run, attach(run, folder, {}))
    before, recipe = page.split('<section id="recipe">')
    assert "/home/me" not in before
    assert "/data/" not in before
    assert "clean_test.h5: 2 pictures are left out" in before
    assert "2" * 64 in before
    assert "/home/me/net.h5" in recipe


def test_exported_files_are_named_with_their_hashes(tmp_path: Path) -> None:
    exports = tuple(
        ExportedNetwork(network, "onnx", file, 10, 0.0)
        for network, file in (("repaired_auto.keras", "r.onnx"), ("a.h5", "a.onnx"))
    )
    run, folder = replace(full_run(), exports=exports), folder_of(full_run(), tmp_path)
    for name in ("recommended.onnx", "r.onnx"):
        (folder / name).touch()
    page = write_page(run, attach(run, folder, {"recommended.onnx": "3" * 64, "r.onnx": "3" * 64, "a.onnx": "4" * 64}))
    assert "For other programs: recommended.onnx." in text_of(page, "deploy")
    rows = [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in re.findall(r"<tr>.*?</tr>", page)]
    assert f"the same file as r.onnx recommended.onnx {'3' * 64}" in rows
    assert f"of repaired_auto.keras r.onnx {'3' * 64}" in rows
    assert f"of a.h5 not in the folder that this report was made from a.onnx {'4' * 64}" in rows
    assert "For other programs" not in text_of(write_page(run, NOTHING), "deploy")


def test_the_words_explain_shared_transfer_where_something_was_repaired() -> None:
    assert "<dt>Shared transfer</dt>" in write_page(full_run(), NOTHING)
    assert "<dt>Shared transfer</dt>" not in write_page(clean_run(), NOTHING)


def test_no_line_of_a_chart_crosses_the_words_of_a_threshold() -> None:
    page = write_page(full_run(), NOTHING)
    (words,) = re.findall(r'<text class="guide" x="[\d.]+" y="(\d+)"', page)
    chart = curve_chart(full_run())
    assert chart is not None
    assert int(words) < min(mark.y for mark in chart.marks) - 3


def test_every_rate_has_its_interval() -> None:
    page = write_page(full_run(), NOTHING)
    numbers = re.findall(
        r'<td class="number">\d+\.\d\d<span class="interval" title="[\d,]+ of 1,000">[\d.]+–[\d.]+<', page
    )
    # B has three rates, B′ and the repaired network too, and two GoodNets five; on test and on validation images.
    assert len(numbers) == 2 * (3 + 3 + 5 + 3 + 5)


def test_a_picture_in_a_page_is_nothing_but_pixels(tmp_path: Path) -> None:
    run, folder = full_run(), folder_of(full_run(), tmp_path)
    before = write_page(run, attach(run, folder, {}))
    path = folder / "trigger_3.png"
    path.write_bytes(path.read_bytes() + b"<script>hidden behind the picture</script>")
    assert write_page(run, attach(run, folder, {})) == before


@pytest.mark.parametrize("damage", ["text", "pipe", "link", "folder", "huge", "gif", "gone"])
def test_what_is_no_picture_is_left_out(tmp_path: Path, damage: str) -> None:
    run, folder = full_run(), folder_of(full_run(), tmp_path / "run")
    path = folder / "trigger_3.png"
    whole = path.read_bytes()
    path.unlink()
    if damage == "text":
        path.write_text("no picture")
    elif damage == "pipe":
        os.mkfifo(path)
    elif damage == "link":
        (tmp_path / "elsewhere.png").write_bytes(whole)
        path.symlink_to(tmp_path / "elsewhere.png")
    elif damage == "folder":
        path.mkdir()
    elif damage == "huge":
        Image.new("1", (5_000, 5_000)).save(path)
    elif damage == "gif":
        Image.new("L", (12, 12)).save(path, format="GIF")
    assert "trigger_3.png" not in attach(run, folder, {}).pictures
    assert "mask_3.png" in attach(run, folder, {}).pictures
    assert "Reversed trigger" not in write_page(run, attach(run, folder, {}))


def test_large_pictures_are_made_smaller(tmp_path: Path) -> None:
    run, folder = full_run(), folder_of(full_run(), tmp_path)
    for name in ("trigger_3.png", "mask_3.png"):
        Image.effect_noise((2_000, 1_000), 80).save(folder / name)
    assert len(write_page(run, attach(run, folder, {}))) < 300_000


def test_a_page_of_a_huge_run_stays_small() -> None:
    run = full_run()
    steps = 20_000
    curve = tuple(Step(n, n - 1 if n else None, n / steps, rates(990, 1_000)) for n in range(steps + 1))
    thresholds = tuple(
        Threshold(n / 100, n, (), rates(970, 900), rates(960, 890, 30), rates(965, 910), rates(955, 900, 40), "a", "b")
        for n in range(5_000)
    )
    run = replace(
        run,
        layer=replace(run.layer, channels=steps),
        mean_activation=tuple(map(float, range(steps))),
        order=tuple(range(steps)),
        curve=curve,
        thresholds=thresholds,
        notices=("x" * 1_000_000,) * 3,
    )
    page = write_page(run, NOTHING)
    assert len(page) < 1_000_000
    assert "more in results.json" in page


def test_charts_stay_in_their_frame_whatever_results_say() -> None:
    run = full_run()
    curve = (
        *run.curve[:2],
        Step(2, 1, -1e300, rates(0, 1_000)),
        Step(3, 2, 1e300, Rates()),
        Step(4, 3, 0.5, rates(0, 0)),
    )
    run = replace(run, curve=curve, mean_activation=(-1e300, 1e300, 0.0), order=(0, 7, -1, 1, 2, 2))
    for chart in (curve_chart(run), trade_off_chart(run, "a.h5"), channel_chart(run, None)):
        assert chart is not None
        places = [(mark.x, mark.y) for mark in chart.marks] + [(bar.x, bar.y) for bar in chart.bars]
        places += [
            (float(x), float(y)) for stroke in chart.strokes for x, y in re.findall(r"([\d.]+) ([\d.]+)", stroke.d)
        ]
        assert places
        assert all(0 <= x <= 480 and 0 <= y <= 300 for x, y in places)


def test_no_chart_is_drawn_of_what_was_not_measured() -> None:
    run = clean_run()
    assert trade_off_chart(run, None) is None
    assert channel_chart(replace(run, mean_activation=(0.0,) * 4), None) is None
    few = replace(run, curve=(Step(0, None, 0.0, Rates(Share(1, 2))),))
    assert curve_chart(few) is None
    assert '<section id="charts">' not in write_page(replace(without_images(), detection=None), NOTHING)


def test_labels_of_networks_in_one_place_are_joined() -> None:
    run = full_run()
    same = replace(run.thresholds[0], goodnet_test=run.thresholds[0].pruned_test)
    chart = trade_off_chart(replace(run, thresholds=(same,)), None)
    assert chart is not None
    assert "B′ X=2, GoodNet X=2" in [mark.label for mark in chart.marks]
    placed = [(mark.anchor, mark.label_y) for mark in chart.marks if mark.label]
    assert len(set(placed)) == len(placed)


def test_nothing_in_a_page_leads_to_another_place() -> None:
    page = write_page(full_run(), NOTHING)
    assert "default-src 'none'" in page
    assert not re.findall(r'(?:href|src|action)="(?!data:)', page)
    assert not re.findall(r"https?:", page)
    assert "style=" not in page, "the page's rules allow one style alone"


def test_reports_are_made_without_tensorflow(tmp_path: Path) -> None:
    folder = folder_of(full_run(), tmp_path)
    script = f"""
import sys
from pathlib import Path
from typing import Any
for name in ("tensorflow", "keras", "h5py", "matplotlib", "rich", "textual"):
    sys.modules[name] = None
from bdtui.engine.runs.reports_again import make_reports_again
print(*(path.name for path in make_reports_again(Path({str(folder)!r})).written))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["report.md", "report.html", "model_card.md", "findings.sarif"], done.stderr


def test_a_method_that_says_nothing_of_classes_has_a_dash() -> None:
    run = replace(full_run(), detection=replace(detection(), verdict=NO_SIGN, target=None))
    page = write_page(run, NOTHING)
    assert '<th scope="row">scan</th><td>–</td><td class="number">–</td><td class="number">–</td>' in page


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to everything in a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inside:
        yield (*above, name)
        yield from places(part, (*above, name))


def test_results_that_were_changed_anywhere_are_refused_or_reported(tmp_path: Path) -> None:
    folder = folder_of(full_run(), tmp_path)
    whole = json.loads((folder / "results.json").read_text())
    values = (None, -1, 0, 10**30, 1e300, -1e300, "", "\ud800", "../net.h5", [], {}, True, "next", "measured")
    lots, ways, told = random.Random(4), list(places(whole)), 0
    for _ in range(250):
        changed = copy.deepcopy(whole)
        *above, last = lots.choice(ways)
        part = changed
        for name in above:
            part = part[name]
        part[last] = lots.choice(values)
        try:
            run = record_from_json(changed)
        except ValueError:
            continue
        told += 1
        assert all(len(text) < 200_000 for text in reports_of(run, folder, {}).values())
    assert told > 30


def test_a_goodnet_whose_repaired_network_is_not_named_is_still_shown() -> None:
    run = full_run()
    run = replace(run, repairs=tuple(replace(one, model=None) for one in run.repairs))
    assert "goodnet_auto.keras" in write_page(run, NOTHING)


def test_a_class_that_a_network_cannot_have_has_no_name() -> None:
    run = replace(full_run(), target=-1, model=replace(full_run().model, class_names=tuple("abcde")))
    assert text_of(write_page(run, NOTHING), "target").startswith("Towards what? class -1 ")
