"""The networks of a run in further formats: written, opened again, compared, and in the journal as any other file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bdtui.engine.event_values import Threshold
from bdtui.engine.events import ArtifactRefused, Progress
from bdtui.engine.exports.export import ExportRefused, export_network, largest_difference
from bdtui.engine.exports.exported import ExportedNetwork
from bdtui.engine.exports.formats import ExportFormat, formats_beside
from bdtui.engine.exports.keras_file import load_model
from bdtui.engine.exports.served_network import OwnOutputs, ServedNetwork
from bdtui.engine.repair.result import Repair
from bdtui.engine.reporter import Reporter
from bdtui.engine.runs.files import RunFiles
from bdtui.engine.runs.preparation import PreparedRun


def export_networks(
    prepared: PreparedRun,
    thresholds: Sequence[Threshold],
    repairs: Sequence[Repair],
    files: RunFiles,
    reporter: Reporter,
) -> list[ExportedNetwork]:
    """Write all networks of a run in the formats that were asked for; those they have already are left out.

    Each is read from its file. What an earlier start of the run has written is not written again, but compared again.

    Args:
        prepared: the run.
        thresholds: with their files.
        repairs: with their files.
        files: of the run.
        reporter: receives progress, and each file that was not kept; is asked whether to stop.

    Raises:
        OptionError: what writes a format is not installed.
        OutputError: the folder cannot be written to.
        Interrupted: the reporter requested a stop.
    """
    asked = prepared.inputs.settings.formats
    jobs = {name: formats_beside(name, asked) for name in _networks(thresholds, repairs)}
    total = sum(map(len, jobs.values()))
    exporter = _Exporter(prepared, files, reporter)
    found: list[ExportedNetwork] = []
    for name, wanted in jobs.items():
        for format in wanted:
            reporter.emit(Progress("formats", len(found), total, "files"))
            found.append(exporter.export(name, format))
    if total:
        reporter.emit(Progress("formats", total, total, "files"))
    return found


def _networks(thresholds: Sequence[Threshold], repairs: Sequence[Repair]) -> Iterator[str]:
    for threshold in thresholds:
        if threshold.step is not None:
            yield from (threshold.model, threshold.goodnet)
    for repair in repairs:
        yield from (name for name in (repair.model, repair.goodnet) if name)


class _Exporter:
    def __init__(self, prepared: PreparedRun, files: RunFiles, reporter: Reporter) -> None:
        data = prepared.inputs.data
        self._sets = {role: images for role, images in data.items() if role.endswith("valid")}
        self._files, self._reporter = files, reporter
        self._at_hand: tuple[str, OwnOutputs] | None = None

    def export(self, name: str, format: ExportFormat) -> ExportedNetwork:
        """Write the network of a file in a format, or say why not."""
        files, own = self._files, self._own(name)
        file = str(Path(name).with_suffix(format.suffix))
        # Where the network has become another, so has its file.
        network = f"{format.name} of {files.sha256[name]}"
        try:
            if files.holds(file, network):
                difference = largest_difference(files.folder / file, own, format)
                files.adopt(file, network)
            else:
                differences: list[float] = []
                files.write(file, lambda path: differences.append(export_network(path, own, format)), network)
                (difference,) = differences
        except ExportRefused as problem:
            sentence = f"{file} was not kept: {problem}"
            self._reporter.emit(ArtifactRefused(file, sentence))
            return ExportedNetwork(name, format.name, None, own.images, problem=sentence)
        return ExportedNetwork(name, format.name, file, own.images, difference)

    def _own(self, name: str) -> OwnOutputs:
        """A network and its outputs; those of the last one are remembered."""
        if self._at_hand is None or self._at_hand[0] != name:
            self._at_hand = None
            network = ServedNetwork(load_model(self._files.folder / name))
            self._at_hand = name, OwnOutputs(network, self._sets, self._reporter)
        return self._at_hand[1]
