"""`make bench`: every figure that docs/performance.md promises, measured side by side; nothing here passes or fails.

The lab's network and faces are measured where `BDTUI_LAB_DIR` names the folder with its files, the sample always.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks.app import measure_app, print_app
from tests.benchmarks.applications import NAMES, measure_application, print_applications
from tests.benchmarks.curve import LOOP_STEPS, Curve, lab_scale, measure_curve, sample_scale
from tests.benchmarks.processes import Batch, measure_batch, start_seconds
from tests.benchmarks.sweeps import measure_sweep, print_sweep

TARGETS = {
    "passes": "≤ 2.0",
    "speedup": "≥ 80",
    "silent_step": "≤ 20 ms",
    "firing_step": "≤ 400 ms",
    "known_step": "≤ 20 ms",
    "goodnet": "≤ 1.2",
    "peak": "≤ 1.8 GB",
    "larger": "≤ 1.3",
    "start": "≤ 0.25 s",
}


def main() -> None:
    """Measure, print the tables, and keep the figures in bench.json."""
    console = Console()
    found: dict[str, Any] = {"load_before": os.getloadavg()[0], "curves": []}
    start = start_seconds()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scales = [sample_scale()]
        # Processes first: what this one has in memory would be counted to nobody, but would be in their way.
        batches: list[Batch] = []
        if "BDTUI_LAB_DIR" in os.environ:
            batches = [measure_batch(folder, times=1), measure_batch(folder, times=4), measure_batch(folder, 4, 128)]
            scales.append(lab_scale(folder))
        curves = [measure_curve(scale) for scale in scales]
        applications = [measure_application(name, folder) for name in NAMES]
        sweep = measure_sweep(folder / "sweep")
    app = measure_app()

    console.print(_curve_table(curves))
    console.print(f"the loop was run for {LOOP_STEPS} steps and scaled up to all")
    if batches:
        console.print(_batch_table(batches))
    console.print(f"bdtui --help and --version: {start:.2f} s, the slower median of five (target {TARGETS['start']})")
    print_applications(applications, console)
    print_sweep(sweep, console)
    print_app(app, console)
    found.update(
        curves=[{**asdict(curve), "passes": curve.passes, "speedup": curve.speedup} for curve in curves],
        applications=[
            {**asdict(curve), "curve_passes": curve.curve_passes, "passes": curve.passes} for curve in applications
        ],
        batches=[asdict(batch) for batch in batches],
        start=start,
        sweep={**asdict(sweep), "efficiency": sweep.efficiency},
        app=asdict(app),
        load_after=os.getloadavg()[0],
    )
    Path("bench.json").write_text(json.dumps(found, indent=1))


def _curve_table(curves: list[Curve]) -> Table:
    table = Table(title="both validation sets")
    table.add_column("what")
    table.add_column("target")
    for curve in curves:
        table.add_column(f"{curve.scale}, {curve.images:,} images", justify="right")
    rows = (
        ("one forward pass, the fastest plain way found", "", lambda c: f"{c.forward_pass:.2f} s, {c.fastest_way}"),
        ("profile", "", lambda c: f"{c.profile:.2f} s"),
        ("curve of all steps", "", lambda c: f"{c.curve:.2f} s, {c.steps} steps"),
        ("(profile + curve) ÷ pass", TARGETS["passes"], lambda c: f"{c.passes:.2f}"),
        ("… first time in the process", "", lambda c: f"{c.first_passes:.2f}"),
        ("… through the whole back", "", lambda c: f"{c.whole_passes:.2f}"),
        ("the lab's loop", "", lambda c: f"{c.loop_estimate:.0f} s"),
        ("the lab's loop ÷ ours", TARGETS["speedup"], lambda c: f"{c.speedup:.0f}"),
        ("step, channel that fires nowhere", TARGETS["silent_step"], lambda c: _milliseconds(c.silent_step)),
        ("step, any other channel", TARGETS["firing_step"], lambda c: _milliseconds(c.firing_step)),
        ("undo, redo, jump to a known step", TARGETS["known_step"], lambda c: _milliseconds(c.known_step)),
        ("G ÷ B, time per image", TARGETS["goodnet"], lambda c: f"{c.goodnet:.2f}"),
    )
    for what, target, shown in rows:
        table.add_row(what, target, *(shown(curve) for curve in curves))
    return table


def _batch_table(batches: list[Batch]) -> Table:
    table = Table(title="bdtui --batch on the lab's network")
    for heading in ("images", "--activation-memory", "seconds", "peak memory", "target"):
        table.add_column(heading, justify="right")
    for batch in batches:
        larger = f"{batch.peak / batches[0].peak:.2f} × ({TARGETS['larger']})"
        table.add_row(
            f"{batch.images:,}",
            "default" if batch.activation_memory is None else f"{batch.activation_memory} MiB",
            f"{batch.seconds:.1f}",
            f"{batch.peak / 1e9:.2f} GB",
            TARGETS["peak"] if batch is batches[0] else larger,
        )
    return table


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"


if __name__ == "__main__":
    main()
