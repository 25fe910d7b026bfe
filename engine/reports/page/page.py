"""report.html: a run on one page, to be passed on; it fetches nothing and runs nothing."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from markupsafe import Markup

from bdtui.engine.event_values import Verdict
from bdtui.engine.inputs.preprocessing import PREPROCESSING_WORDS
from bdtui.engine.reports.bare_names import with_bare_names
from bdtui.engine.reports.candidates import candidates
from bdtui.engine.reports.exports_section import compaction_sentences, export_sentences
from bdtui.engine.reports.file_names import RECOMMENDED
from bdtui.engine.reports.page.answers import answers
from bdtui.engine.reports.page.attached import MOST_SUSPECTS, Attached
from bdtui.engine.reports.page.charts import HEIGHT, LEFT, WIDTH, channel_chart, curve_chart, trade_off_chart
from bdtui.engine.reports.page.pictures import ShownPicture, example_rows, trigger_row
from bdtui.engine.reports.page.tables import MOST_ROWS, chance, compared_rows, method_rows, rates_tables
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.reports.templating import templates
from bdtui.engine.reports.verdict import judge

_ROLES = {
    "clean_valid": "clean validation images",
    "poisoned_valid": "poisoned validation images",
    "clean_test": "clean test images",
    "poisoned_test": "poisoned test images",
}
_GONE = "not in the folder that this report was made from"


@dataclass(frozen=True)
class SuspectRow:
    """A suspected class with what was reversed for it."""

    name: str
    score: str
    p: str
    estimate: str
    pictures: tuple[ShownPicture, ...]


@dataclass(frozen=True)
class FileRow:
    """A file that a run read or wrote, with its sha256 where that is known."""

    what: str
    path: str
    sha256: str
    more: str = ""


def write_page(run: RunRecord, attached: Attached) -> str:
    """The report as HTML.

    Args:
        run: the run.
        attached: what of its folder is shown.
    """
    run = with_bare_names(run)
    verdict, environment = judge(run), templates()
    style = environment.get_template("report.css").render()
    charts = (
        curve_chart(run),
        trade_off_chart(run, verdict.recommended),
        channel_chart(run, verdict.recommended),
    )
    return environment.get_template("report.html").render(
        run=run,
        title=run.model.path,
        verdict=verdict,
        answers=answers(run, verdict, attached),
        style=Markup(style),
        # Only this style is allowed: not one that a name from outside would bring along.
        style_hash=b64encode(sha256(style.encode("utf-8")).digest()).decode("ascii"),
        charts=[chart for chart in charts if chart is not None],
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        example_rows=example_rows(run, attached),
        suspects=tuple(_suspects(run, attached)),
        methods=method_rows(run),
        tables=rates_tables(run, verdict.recommended),
        compared=compared_rows(run),
        compared_drops=[f"X={one.drop:g}" for one in run.comparison[0].thresholds[:20]] if run.comparison else [],
        inputs=tuple(_inputs(run)),
        outputs=tuple(_outputs(run, attached, verdict)),
        exported=tuple(_exported(run, attached, verdict)),
        exports=(compaction_sentences(run) + export_sentences(run))[:MOST_ROWS],
        pixels=_pixels(run),
        notices=run.notices[:MOST_ROWS],
        recipe=attached.recipe,
    )


def _suspects(run: RunRecord, attached: Attached) -> Iterator[SuspectRow]:
    for suspect in () if run.detection is None else run.detection.suspects[:MOST_SUSPECTS]:
        yield SuspectRow(
            run.model.class_text(suspect.target),
            f"{suspect.score:.2f}",
            chance(suspect.p),
            "–" if suspect.surrogate_asr is None else f"{suspect.surrogate_asr:.1f} %",
            trigger_row(run, attached, suspect),
        )


def _inputs(run: RunRecord) -> Iterator[FileRow]:
    yield FileRow("model (B)", run.model.path, run.model.sha256, f"{run.model.classes} classes")
    for role, images in run.data.items():
        yield FileRow(_ROLES[role], images.path, images.sha256, f"{images.images:,} images")
        if images.trigger is not None:
            place = f"laid over them at row {images.trigger.row}, column {images.trigger.column}"
            yield FileRow("trigger", images.trigger.path, images.trigger.sha256, place)


def _outputs(run: RunRecord, attached: Attached, verdict: Verdict) -> Iterator[FileRow]:
    for one in list(candidates(run))[:MOST_ROWS]:
        more = ["recommended"] if one.file == verdict.recommended else []
        more += [] if one.file in attached.networks else [_GONE]
        yield FileRow(one.name, one.file, attached.sha256.get(one.file, ""), "; ".join(more))


def _exported(run: RunRecord, attached: Attached, verdict: Verdict) -> Iterator[FileRow]:
    """The networks in further formats; of the recommended one the copies beside them."""
    kept = [(each, each.file) for each in run.exports if each.file]
    files = [
        (f"{RECOMMENDED}{Path(file).suffix}", f"the same file as {file}")
        for each, file in kept
        if each.network == verdict.recommended
    ]
    files += [(file, f"of {each.network}") for each, file in kept]
    for file, what in files[:MOST_ROWS]:
        more = "" if file in attached.networks else _GONE
        yield FileRow(what, file, attached.sha256.get(file, ""), more)


def _pixels(run: RunRecord) -> str:
    if not run.has_images:
        return ""
    layout = "channel first" if run.layout == "nchw" else "channel last"
    numbers = [", ".join(f"{value:g}" for value in values) for values in (run.mean, run.deviation) if values]
    stated = f" ({' and '.join(numbers)})" if numbers else ""
    return f"Images are stored {layout}; pixels are {PREPROCESSING_WORDS[run.preprocess]}{stated}."
