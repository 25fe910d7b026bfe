"""What a person wants to know of a run, answered in a word and a few sentences: the top of the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bdtui.engine.evaluation.target import ALL_TO_ALL
from bdtui.engine.event_values import (
    COMPARISON,
    FINDING,
    GOODNET_FATES,
    NEXT,
    RECOMMENDATION,
    REPAIRS,
    SURVIVAL,
    WARNING,
    Verdict,
)
from bdtui.engine.reports.file_names import RECOMMENDED
from bdtui.engine.reports.page.attached import Attached
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.reports.unknowns import unknown_of_detection, unknowns
from bdtui.engine.reports.verdict import INCONCLUSIVE, MEASURED, NO_SIGN, NOT_EXAMINED, SUSPECTED, SUSPICIOUS
from bdtui.engine.reports.verdict.detection import examined
from bdtui.engine.reports.verdict.words import listed
from bdtui.engine.settings import BY_HAND

_BACKDOORED = {
    MEASURED: "Yes, measured",
    SUSPECTED: "Suspected",
    NO_SIGN: "No sign of one",
    INCONCLUSIVE: "Inconclusive",
    NOT_EXAMINED: "Not examined",
}
_TONES = {MEASURED: "bad", SUSPECTED: "bad", NO_SIGN: "good", INCONCLUSIVE: "unclear", NOT_EXAMINED: "unclear"}


@dataclass(frozen=True)
class Answer:
    """A question, the answer in a few words, and what it rests on.

    Attributes:
        name: its place in the page.
        tone: how the short answer is coloured: ``bad``, ``good``, ``unclear``, or not at all.
        is_file: whether the short answer is the name of a file.
        hash: its sha256, where that is known.
    """

    name: str
    question: str
    short: str
    sentences: tuple[str, ...]
    tone: str = ""
    is_file: bool = False
    hash: str = ""


def answers(run: RunRecord, verdict: Verdict, attached: Attached) -> tuple[Answer, ...]:
    """The answers of a report, in the order in which they are asked."""

    def said(*kinds: str) -> tuple[str, ...]:
        told = list(zip(verdict.kinds, verdict.sentences, strict=True))
        return tuple(sentence for kind in kinds for of, sentence in told if of == kind)

    found = _BACKDOORED[verdict.backdoor]
    return (
        Answer("backdoor", "Is it backdoored?", found, said(FINDING), tone=_TONES[verdict.backdoor]),
        Answer("target", "Towards what?", *_target(run, verdict)),
        _to_deploy(run, verdict, attached, said(RECOMMENDATION)),
        Answer(
            "done",
            "What was done?",
            _done(run),
            (*_examined(run), *_pruned(run), *said(SURVIVAL, REPAIRS, GOODNET_FATES, COMPARISON)),
        ),
        Answer(
            "unknown", "What is not known?", "", (*said(WARNING), *unknowns(run, verdict), *unknown_of_detection(run))
        ),
        Answer("next", "What next?", "", tuple(map(_sentence, said(NEXT)))),
    )


def _sentence(next_step: str) -> str:
    plain = next_step.removeprefix("Next: ")
    return plain[:1].upper() + plain[1:]


def _target(run: RunRecord, verdict: Verdict) -> tuple[str, tuple[str, ...]]:
    if verdict.target is None:
        return "–", ("These results name no target class.",)
    if verdict.target == ALL_TO_ALL:
        return "All-to-all", ("Each class is sent to another one; there is no single target class.",)
    name = run.model.class_text(int(verdict.target))
    how = "is suspected" if verdict.backdoor == SUSPECTED else "was measured"
    return name, (f"The trigger leads images of other classes to {name}; that {how}.",)


def _done(run: RunRecord) -> str:
    done = ["Examined"] if run.detection is not None else []
    done += ["Pruned"] if run.curve else []
    done += ["Repaired"] if run.repairs else []
    return listed([done[0], *(word.lower() for word in done[1:])]) if done else "Opened"


def _examined(run: RunRecord) -> Iterator[str]:
    if run.detection is not None:
        yield examined(run, run.detection)


def _pruned(run: RunRecord) -> Iterator[str]:
    """What pruning did, and what was saved."""
    if not run.has_images:
        yield "No image was given, so the network was looked at alone; nothing was pruned."
    if not run.curve:
        return
    order = "in an order made by hand" if run.ranking == BY_HAND else f"ranked by {run.ranking}"
    yield (
        f"The channels of {run.layer.owner} were pruned one by one, {order}: {run.curve[-1].step} of {run.layer.channels}."
    )
    reached = [threshold for threshold in run.thresholds if threshold.step is not None]
    if reached:
        drops = listed([f"{threshold.drop:g}" for threshold in reached])
        names = listed([f"X={threshold.drop:g}" for threshold in reached])
        yield (
            f"Where that had cost {drops} points of clean accuracy ({names}), two networks each were saved: the pruned one "
            "(B′), and a GoodNet, which answers only where B and B′ agree."
        )
    missed = [f"X={threshold.drop:g}" for threshold in run.thresholds if threshold.step is None]
    if missed:
        yield f"Never reached: {listed(missed)}."


def _to_deploy(run: RunRecord, verdict: Verdict, attached: Attached, sentences: tuple[str, ...]) -> Answer:
    question, file = "Which file to deploy?", verdict.recommended
    if file is None:
        kept = {
            NO_SIGN: "Nothing here speaks for another network than the one received.",
            NOT_EXAMINED: "No network is recommended before it is known what there is.",
            INCONCLUSIVE: "No network is recommended before it is known what there is.",
        }.get(verdict.backdoor, "No network of this run is recommended; do not deploy the one received either.")
        tone = "bad" if verdict.backdoor in SUSPICIOUS else ""
        return Answer("deploy", question, "None of this run", (*sentences, kept), tone)
    copy = f"{RECOMMENDED}{Path(file).suffix}"
    more = [f"{copy} is the same file."] if copy in attached.networks else []
    if file not in attached.networks:
        more = ["It is not in the folder that this report was made from."]
    copies = [f"{RECOMMENDED}{Path(each.file).suffix}" for each in run.exports if each.network == file and each.file]
    if there := [name for name in copies if name in attached.networks]:
        more.append(f"For other programs: {listed(there)}.")
    return Answer(
        "deploy", question, file, (*sentences, *more), "good", is_file=True, hash=attached.sha256.get(file, "")
    )
