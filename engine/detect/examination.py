"""Examines a network, from what is free to what is dear.

Margins and scan first; where there are labels, mutual information. Those miss many backdoors (docs/detection.md), so
where there are images triggers are reversed in any case: for all classes where they are few, else for the most
suspicious and some random ones to compare with.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from copy import copy
from dataclasses import replace

import keras
import numpy as np

from bdtui.engine.detect.conclusion import conclude
from bdtui.engine.detect.detection import BACKDOORED, Detection
from bdtui.engine.detect.evidence import Evidence, ReversedTrigger
from bdtui.engine.detect.given import ImagesGiven, LabelledGiven, WeightsGiven
from bdtui.engine.detect.inversion import find_by_inversion, reverse_triggers
from bdtui.engine.detect.method import IMAGES, NOTHING
from bdtui.engine.detect.methods import (
    AUTO,
    INVERSION,
    METHODS,
    POOL,
    check_methods,
    check_without_images,
    find_method,
    planned_methods,
)
from bdtui.engine.detect.pixel_range import CleanPictures, PixelRange, guess_range
from bdtui.engine.detect.subject import Subject, look_at
from bdtui.engine.detect.weighing import class_scores
from bdtui.engine.errors import OptionError
from bdtui.engine.events import DetectorFinished
from bdtui.engine.inputs.model import OpenedModel
from bdtui.engine.network.class_scores import scoring_network
from bdtui.engine.reporter import SILENT, Reporter

_ALL_INVERTED = 16
"""Classes up to which a trigger is reversed for every one."""
_SHORTLIST, _CONTROLS = 4, 20
_TRIED = 250
"""Clean images that tell whether a network is trained at all."""


def detect(
    model: OpenedModel | keras.Model,
    clean: CleanPictures | None = None,
    *,
    pixels: PixelRange | None = None,
    methods: str | Sequence[str] = AUTO,
    seed: int = 0,
    reporter: Reporter = SILENT,
) -> Detection:
    """Is a network backdoored, and towards which class?

    Args:
        model: the network.
        clean: some clean images; None for none.
        pixels: between which values the network reads pixels; None to take those of the images, or to guess.
        methods: ``auto``, or names of `METHODS`; those that need images are refused without.
        seed: of everything random.
        reporter: receives progress and, after each method, `DetectorFinished`; may stop the work within a step.

    Raises:
        OptionError: there is no such method, or it needs images.
        Interrupted: the reporter requested a stop. `Examination` keeps what was found until then.
    """
    return Examination(model, clean, pixels=pixels, seed=seed).run(methods, reporter)


class Examination:
    """A network that is being examined; keeps what was found when it is stopped.

    Attributes:
        parts: what methods have found so far, by name; see `know`.
        triggers: small reversed triggers, by class.
        strong_triggers: strong ones.
    """

    def __init__(
        self,
        model: OpenedModel | keras.Model,
        clean: CleanPictures | None = None,
        *,
        pixels: PixelRange | None = None,
        seed: int = 0,
    ) -> None:
        network = model.network if isinstance(model, OpenedModel) else scoring_network(model)
        shape = None if clean is None else clean.images.shape[1:]
        found = pixels or (clean.pixels if clean is not None else guess_range(network))
        self.subject: Subject = look_at(network, shape, found.low, found.high, seed)
        self.clean = clean
        self.guessed = found.guessed
        self.parts: dict[str, Evidence] = {}
        self.triggers: dict[int, ReversedTrigger] = {}
        self.strong_triggers: dict[int, ReversedTrigger] = {}
        self.seconds = 0.0
        self._share_right: float | None = None

    def know(self, name: str, found: Evidence) -> None:
        """What a method has found before, with the triggers it reversed; it is not run again."""
        self.parts[name] = found
        self.triggers.update((trigger.target, trigger) for trigger in found.triggers)

    def run(self, methods: str | Sequence[str] = AUTO, reporter: Reporter = SILENT) -> Detection:
        """Examine, and conclude.

        Raises:
            OptionError: there is no such method, or it needs images.
            Interrupted: the reporter requested a stop; `conclude` says what is known by then.
        """
        started = time.monotonic()
        names = [methods] if isinstance(methods, str) else list(methods)
        check_methods(names)
        if self.clean is None:
            check_without_images(names)
        try:
            for name in names:
                if name == AUTO:
                    self._run_auto(reporter)
                elif name != POOL:
                    self._run_part(name, reporter)
            self._look_whether_it_is_trained(reporter)
        finally:
            self.seconds += time.monotonic() - started
        return self.conclude()

    def conclude(self) -> Detection:
        """What is known now."""
        # In one order, whichever was found first: what is written of a run that was resumed is the same.
        parts = {name: self.parts[name] for name in METHODS if name in self.parts}
        found = conclude(
            self.subject,
            parts,
            self.triggers,
            self.strong_triggers,
            guessed=self.guessed,
            share_right=self._share_right,
        )
        return replace(found, seconds=self.seconds)

    def limited_to(self, methods: Sequence[str]) -> Examination:
        """An examination that knows what these methods have found here, and nothing of others.

        What ran for another purpose then says nothing in a conclusion that somebody asked of these alone.
        """
        limited = copy(self)
        limited.parts, limited.triggers, limited.strong_triggers, limited.seconds = {}, {}, {}, 0.0
        for name, found in self.parts.items():
            if name in methods:
                limited.know(name, found)
        return limited

    def _look_whether_it_is_trained(self, reporter: Reporter) -> None:
        """On some clean images, where that could take a verdict back."""
        clean = self.clean
        if clean is None or clean.labels is None or self.conclude().verdict != BACKDOORED:
            return
        some = slice(None, None, -(-len(clean.images) // _TRIED))
        self._share_right = float(np.mean(self.subject.predict(clean.images[some], reporter) == clean.labels[some]))

    def _run_auto(self, reporter: Reporter) -> None:
        clean = self.clean
        images, labels = (0, False) if clean is None else (len(clean.images), clean.labels is not None)
        for name in planned_methods(self.subject.classes, images, labels=labels):
            self._run_part(name, reporter)
        self._reverse([suspect.target for suspect in self.conclude().suspects[:2]], reporter)

    def first_triggers(self, reporter: Reporter = SILENT, suspects: int = 1) -> tuple[ReversedTrigger, ...]:
        """The small and the strong trigger of the first suspects, found as ``auto`` does; none without images.

        What was found before is not looked for again. Where no class is ahead of the others, the class is the one with the
        smallest trigger.

        Args:
            reporter: receives progress; is asked whether to stop.
            suspects: of how many, 1 or 2.

        Raises:
            Interrupted: the reporter requested a stop; what was found until then is known.
        """
        if self.clean is None:
            return ()
        for name in planned_methods(self.subject.classes, len(self.clean.images)):
            self._run_part(name, reporter)
        first = [suspect.target for suspect in self.conclude().suspects[:2]]
        first = first or [min(self.triggers.values(), key=lambda trigger: trigger.size).target]
        self._reverse(first, reporter)
        self._look_whether_it_is_trained(reporter)
        return tuple(kept[each] for each in first[:suspects] for kept in (self.triggers, self.strong_triggers))

    def _run_part(self, name: str, reporter: Reporter) -> None:
        if name in self.parts:
            return
        reporter.checkpoint()
        method = find_method(name)
        clean = self.clean
        if method.needs == NOTHING:
            found = method.load()(WeightsGiven(self.subject, reporter))
        elif clean is None:
            raise AssertionError(f"{name} was asked for without images")
        elif name == INVERSION:
            found = find_by_inversion(ImagesGiven(self.subject, clean.images, reporter), self._inverted_classes())
        elif method.needs == IMAGES:
            found = method.load()(ImagesGiven(self.subject, clean.images, reporter))
        elif clean.labels is None:
            raise OptionError(f"detector {name} needs {method.needs}; the images have no labels")
        else:
            found = method.load()(LabelledGiven(self.subject, clean.images, clean.labels, reporter))
        self.know(name, found)
        scores = tuple(score if np.isfinite(score) else None for score in found.scores.tolist())
        reporter.emit(DetectorFinished(name, found.seconds, scores, found.statistic, found.p))

    def _inverted_classes(self) -> list[int]:
        """Those that a trigger is reversed for."""
        classes = self.subject.classes
        if classes <= _ALL_INVERTED:
            return list(range(classes))
        ranked = np.argsort(-class_scores(self.parts, classes), kind="stable")
        random = np.random.default_rng([self.subject.seed, 6])
        controls = random.permutation(ranked[_SHORTLIST:])[:_CONTROLS]
        return [int(each) for each in (*ranked[:_SHORTLIST], *controls)]

    def _reverse(self, suspects: Sequence[int], reporter: Reporter) -> None:
        """A small and a strong trigger for each suspect, to look at and to stand in for poisoned images."""
        if self.clean is None:
            return
        given = ImagesGiven(self.subject, self.clean.images, reporter)
        searches: list[tuple[dict[int, ReversedTrigger], bool]] = [(self.triggers, False), (self.strong_triggers, True)]
        for kept, strong in searches:
            missing = [each for each in suspects if each not in kept]
            if missing:
                found = reverse_triggers(given, missing, strong=strong)
                kept.update((trigger.target, trigger) for trigger in found)
