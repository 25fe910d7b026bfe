"""Text for events and numbers, the same in the app and in ``--batch``."""

from __future__ import annotations

from collections.abc import Sequence

from bdtui.engine import events
from bdtui.engine.events import Event


def plain(text: str) -> str:
    """Untrusted text made safe for a terminal: one line of printable characters."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "�" for c in text)


def status_line(step: int, channels: int, accuracy: float | None, asr: float | None) -> str:
    """The status line, e.g. ``step 3/60 · accuracy 98.65 % · ASR 100.00 %``."""
    words = [f"step {step}/{channels}", f"accuracy {percent_text(accuracy)} %"]
    if asr is not None:
        words.append(f"ASR {asr:.2f} %")
    return " · ".join(words)


def shape_text(shape: Sequence[int | None]) -> str:
    """A shape, e.g. ``55×47×3``; an axis of unknown length is ``any``."""
    return "×".join(str(size or "any") for size in shape)


def percent_text(rate: float | None) -> str:
    """A rate in percent with two decimals; a dash if it is not known."""
    return "–" if rate is None else f"{rate:.2f}"


def duration_text(seconds: float) -> str:
    """Seconds for a person: ``40 s``, ``12 min``, ``3.5 h``."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def number_text(value: float) -> str:
    """A number with three digits, or whole from 1,000 on: no powers of ten where they can be avoided."""
    return f"{value:,.0f}" if 999.5 <= abs(value) < 1e9 else f"{value:.3g}"


def sentence(event: Event, channels: int) -> str | None:
    """An event as one line of text; None if it has no text of its own.

    Args:
        event: from the engine.
        channels: number of channels of the chosen layer.
    """
    match event:
        case events.Notice() | events.ScaleDecided() | events.ArtifactRefused():
            return event.text
        case events.EngineReady():
            return f"TensorFlow {event.tensorflow}, Keras {event.keras}, on {event.device}"
        case events.ModelOpened():
            return f"model {event.path}: {event.classes} classes, images {shape_text(event.input_shape)}"
        case events.DataOpened():
            made = f" with {event.made_with}" if event.made_with else ""
            role = event.role.replace("_", " ")
            return f"{role} {event.path}{made}: {event.images} images ({event.layout}, {event.dtype})"
        case events.ClassesNamed():
            return f"{len(event.names)} class names, from {event.names[0]} to {event.names[-1]}"
        case events.LayerChosen():
            silent = f", {event.silent} of them already silent" if event.silent else ""
            pruned = f"pruned where read ({event.pruned})" if event.where_read else f"prunes {event.pruned}"
            return f"layer {event.profiled}: {pruned}, {event.channels} channels{silent}"
        case events.ChannelsProfiled():
            return f"channels in the order of {event.ranking}, from step 0"
        case events.ThresholdReached():
            rates = status_line(event.step, channels, event.clean_accuracy, event.attack_success_rate)
            return f"X={event.drop:g} reached: {rates}"
        case events.ThresholdMissed():
            return f"X={event.drop:g} not reached: accuracy fell by {event.largest_drop:.2f} points at most"
        case events.ArtifactWritten():
            return f"wrote {event.path}"
        case events.RunFinished():
            return f"Run complete: {event.out}"
        case events.WorkStopped() | events.WorkFailed():
            return event.sentence
    return _sentence_of_further_work(event)


def _sentence_of_further_work(event: Event) -> str | None:
    match event:
        case events.OrderCompared():
            order = event.order
            return f"compared {order.layer} by {order.ranking} ({event.done} of {event.total})"
        case events.ComparisonEnded():
            return event.sentence
        case events.DetectorFinished():
            first = _first_class(event.scores)
            said = "" if event.p is None else f" (p {event.p:.2g})"
            return f"{event.method}: {first}{said}, {event.seconds:.1f} s"
        case events.DetectionFinished():
            return event.sentences[0] if event.sentences else None
        case events.RepairFinished():
            rates = event.test if event.test.clean else event.valid
            asr = "" if rates.attack is None else f", ASR {rates.attack.percent:.2f} %"
            said = "".join(f" {text}" for text in event.sentences)
            return f"repaired by {event.method}: accuracy {percent_text(rates.clean_accuracy)} %{asr}.{said}"
    return None


def _first_class(scores: Sequence[float | None]) -> str:
    """Which class a detector ranks first."""
    known = [(score, number) for number, score in enumerate(scores) if score is not None]
    return f"class {max(known, key=lambda found: found[0])[1]} first" if known else "done"
