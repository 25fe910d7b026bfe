"""report.html in a real browser: it says what was found, shows its pictures, fetches nothing and runs nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bdtui.engine.reports.all_reports import reports_of
from bdtui.engine.reports.record import RecordedLayer, RunRecord
from bdtui.engine.runs.reports_again import make_reports_again
from tests.browser import OpenedPage
from tests.engine.reports.pages import SIDE, folder_of, full_run

pytestmark = pytest.mark.slow

OLD_RUN = Path(__file__).parents[2] / "data" / "run-0.1.0"
HOSTILE = "<script>document.title='taken'</script><img src=http://pictures.invalid/x onerror=alert(1)>\"'{{7*7}}"
Open = Callable[..., OpenedPage]


def page_of(run: RunRecord, folder: Path) -> Path:
    path = folder_of(run, folder) / "report.html"
    path.write_text(reports_of(run, folder, {"repaired_auto.keras": "ab" * 32})["report.html"], "utf-8")
    return path


def fetched_nothing(opened: OpenedPage) -> bool:
    return len(opened.requested) == 1 and opened.refused == [] and opened.errors == []


@pytest.mark.parametrize(("width", "dark"), [(390, True), (1280, False)])
def test_the_page_answers_on_its_own(tmp_path: Path, open_page: Open, width: int, dark: bool) -> None:
    opened = open_page(page_of(full_run(), tmp_path).as_uri(), width=width, dark=dark, scripts=False)
    page = opened.page
    assert page.title() == "net.h5: backdoor report"
    assert page.inner_text("#backdoor .short") == "Yes, measured"
    assert "Backdoor towards class 3: 99.80 % of 1,000 poisoned test images" in page.inner_text("#backdoor")
    assert page.inner_text("#target .short") == "class 3"
    assert page.inner_text("#deploy .short") == "repaired_auto.keras"
    assert "ab" * 32 in page.inner_text("#deploy")
    assert "Repaired by auto (shrink-distil)" in page.inner_text("#done")
    assert "Other triggers" in page.inner_text("#unknown")
    assert "Try it on images of your own" in page.inner_text("#next")
    assert page.locator("svg").count() == 3
    assert fetched_nothing(opened)


def test_the_page_fits_a_phone_and_is_dark_in_the_dark(tmp_path: Path, open_page: Open) -> None:
    address = page_of(full_run(), tmp_path).as_uri()
    backgrounds = []
    for width, dark in ((390, False), (390, True), (1280, True)):
        page = open_page(address, width=width, dark=dark).page
        assert page.evaluate("document.documentElement.scrollWidth") == width, "nothing sticks out"
        backgrounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert backgrounds[0] != backgrounds[1] == backgrounds[2]


def test_names_and_their_heading_stay_where_a_table_is_scrolled_on_a_phone(tmp_path: Path, open_page: Open) -> None:
    page = open_page(page_of(full_run(), tmp_path).as_uri(), width=390).page
    page.evaluate("document.querySelector('#networks .table').scrollLeft = 100")
    edges = page.evaluate(
        """() => {
            const table = document.querySelector('#networks .table');
            const cells = table.querySelectorAll('thead th:first-child, tbody th');
            return [table.scrollLeft, table.getBoundingClientRect().left, ...[...cells].flatMap(cell => {
                const box = cell.getBoundingClientRect();
                return [box.left, box.width, getComputedStyle(cell).backgroundColor.includes(', 0)')];
            })];
        }"""
    )
    scrolled, left, *cells = edges
    assert scrolled == 100
    assert set(cells[::3]) == {left + 1}, "behind the border of the table"
    assert len(set(cells[1::3])) == 1, "as wide as the column"
    assert not any(cells[2::3]), "nothing shines through"


def test_no_pointer_is_spoken_of_where_there_is_none(tmp_path: Path, open_page: Open) -> None:
    address = page_of(full_run(), tmp_path).as_uri()
    assert open_page(address).page.is_visible(".pointer")
    assert not open_page(address, width=390).page.is_visible(".pointer")
    printed = open_page(address).page
    printed.emulate_media(media="print")
    assert not printed.is_visible(".pointer")
    assert printed.evaluate("getComputedStyle(document.querySelector('#recipe')).breakInside") == "avoid"


def test_pictures_are_shown_pixel_by_pixel(tmp_path: Path, open_page: Open) -> None:
    opened = open_page(page_of(full_run(), tmp_path).as_uri())
    shown = opened.page.evaluate(
        "[...document.images].map(i => [i.naturalWidth, getComputedStyle(i).imageRendering, i.src.slice(0, 22)])"
    )
    # Three examples of each set; the reversed trigger, its mask, and a clean image without and with it.
    assert shown == [[SIDE, "pixelated", "data:image/png;base64,"]] * 10
    assert opened.page.locator("figure.attacked").count() == 2, "the images that get the attacker's class"


def test_names_from_outside_are_text(tmp_path: Path, open_page: Open) -> None:
    run = full_run()
    run = replace(
        run,
        model=replace(run.model, path=f"/data/{HOSTILE}", class_names=tuple(HOSTILE for _ in range(5))),
        layer=RecordedLayer(HOSTILE, HOSTILE, 4),
        ranking=HOSTILE,
        notices=(HOSTILE,),
        thresholds=tuple(replace(one, model=HOSTILE, goodnet=HOSTILE) for one in run.thresholds),
        repairs=tuple(replace(one, sentences=(HOSTILE,), method=HOSTILE) for one in run.repairs),
        comparison=tuple(replace(one, layer=HOSTILE) for one in run.comparison),
    )
    path = page_of(run, tmp_path)
    (tmp_path / "recipe.toml").write_text(f"</pre>{HOSTILE}")
    path.write_text(reports_of(run, tmp_path, {})["report.html"], "utf-8")
    opened = open_page(path.as_uri())
    assert opened.page.title() != "taken"
    assert opened.page.locator("script").count() == 0
    assert opened.page.locator("main img:not([src^='data:image/png;base64,'])").count() == 0
    for section in ("#target", "#done", "#charts", "#networks", "#comparison", "#recipe"):
        assert HOSTILE in opened.page.inner_text(section), section
    assert fetched_nothing(opened)


def test_what_is_smuggled_into_a_page_neither_runs_nor_fetches(tmp_path: Path, open_page: Open) -> None:
    path = page_of(full_run(), tmp_path)
    smuggled = (
        "<script>document.title = 'taken'</script><img src='http://pictures.invalid/x' onerror=\"document.title='taken'\">"
        "<style>body { display: none }</style><p style='color: red'>smuggled</p>"
    )
    path.write_text(path.read_text("utf-8").replace("</footer>", f"{smuggled}</footer>"), "utf-8")
    opened = open_page(path.as_uri())
    assert opened.page.title() != "taken"
    assert opened.page.is_visible("#verdict")
    assert len(opened.requested) == 1, "the rules of the page refuse it before anything is asked for"
    assert len(opened.errors) >= 4, "and the browser tells"


def test_a_page_made_from_results_of_version_0_1_0_opens(tmp_path: Path, open_page: Open) -> None:
    shutil.copytree(OLD_RUN, tmp_path / "run")
    made = make_reports_again(tmp_path / "run")
    assert [path.name for path in made.written] == ["report.md", "report.html"]
    opened = open_page((tmp_path / "run" / "report.html").as_uri())
    assert opened.page.inner_text("#backdoor .short") == "Yes, measured"
    assert opened.page.inner_text("#deploy .short") == "None of this run"
    assert "not in the folder that this report was made from" in opened.page.inner_text("#files")
    assert "Made by bdtui 0.1.0" in opened.page.inner_text("footer")
    assert fetched_nothing(opened)
