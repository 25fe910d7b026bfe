"""Whether options go together, and whether those are given that a run needs; opens no file."""

from __future__ import annotations

from collections.abc import Sequence

from bdtui.engine.errors import OptionError
from bdtui.engine.option import flag_of, options_of
from bdtui.engine.settings.preprocessing import asked_preprocessing
from bdtui.engine.settings.run_settings import RunSettings
from bdtui.engine.settings.words import ALL, CLEAN_VALID, NEAR, POISONED_TEST, POISONED_VALID


def check_agreement(settings: RunSettings) -> None:
    """Raise `OptionError` where options contradict each other; opens no file."""
    asked_preprocessing(settings)
    given = [role for role in (POISONED_VALID, POISONED_TEST) if getattr(settings, role) is not None]
    if settings.trigger is not None and given:
        raise OptionError(
            f"--trigger makes the poisoned images from the clean ones, but {flag_of(given[0])} was given as well; expected "
            "one of the two"
        )


class MissingOption(OptionError):
    """What a run cannot do without was not given.

    Attributes:
        option: the field to fill in.
        finding: the sentence without what is expected.
    """

    def __init__(self, option: str, finding: str, expected: str) -> None:
        super().__init__(f"{finding}; expected {expected}")
        self.option = option
        self.finding = finding


def check_given(settings: RunSettings) -> None:
    """Raise `MissingOption` where what a run needs was not given; opens no file."""
    check_network_given(settings)
    if settings.sample:
        return
    if settings.clean_valid is None:
        raise MissingOption(
            CLEAN_VALID, "no clean validation images were given", "--clean-valid PATH (or --detect auto alone)"
        )
    if settings.trigger is not None and settings.target is None:
        raise MissingOption("target", "a trigger was given without the class it leads to", "--target CLASS, or next")
    alone = next((name for name in ("target", "trigger_at") if getattr(settings, name) is not None), None)
    if settings.trigger is None and alone:
        raise MissingOption(
            "trigger", f"{flag_of(alone)} belongs to a trigger, and none was given", "--trigger FILE.png with it"
        )


def check_network_given(settings: RunSettings) -> None:
    """Raise `MissingOption` where no network was given; opens no file."""
    if settings.sample:
        return
    if settings.model is None and settings.weights is None:
        taken = settings.compare or ()
        if len(taken) == 1 and taken[0] not in (NEAR, ALL):
            # `--compare MODEL`: what was meant for bare took the model.
            raise OptionError(
                f"--compare took {taken[0]!r} for the layers to compare, and no model was given; expected MODEL before it, "
                f"or --compare {NEAR}"
            )
        raise MissingOption(
            "model" if settings.architecture is None else "weights",
            "no model was given",
            "MODEL, or --weights with their --architecture, or --sample",
        )


def files_in_place_of_sample(settings: RunSettings) -> list[str]:
    """The options given that cannot stand beside the sample: a network, or image sets, of one's own."""
    return [
        name
        for name, option in options_of(settings).items()
        if option.opens and "sample" in option.displaced_by and getattr(settings, name) is not None
    ]


def check_screening(settings: RunSettings) -> None:
    """Raise `OptionError` where options do not go with ``--screen``, or want it and have it not; opens no file."""
    if settings.screen is None:
        alone = next((name for name in ("screen_by", "goodnet") if getattr(settings, name) is not None), None)
        if alone:
            raise OptionError(f"{flag_of(alone)} says how images are judged; expected --screen PATH with it")
        return
    others = ("detect", "repair", "compare", "trigger")
    beside = next((name for name in others if getattr(settings, name) not in (None, ("none",))), None)
    if beside:
        raise OptionError(f"--screen judges images and does nothing else; expected it without {flag_of(beside)}")


def check_thresholds(drops: Sequence[float]) -> tuple[float, ...]:
    """The drops in ascending order, each once.

    Raises:
        OptionError: one is not a number above 0 and at most 100.
    """
    if not drops:
        raise OptionError("no threshold was given; expected percentage points above 0, up to 100")
    for drop in drops:
        if not 0 < drop <= 100:
            raise OptionError(f"threshold {drop:g} is not valid; expected percentage points above 0, up to 100")
    return tuple(sorted({float(drop) for drop in drops}))


def check_demands(settings: RunSettings) -> None:
    """Raise `OptionError` where something is demanded that nothing can be measured on; opens no file."""
    if settings.max_asr is not None and not (
        settings.sample or settings.poisoned_valid or settings.poisoned_test or settings.trigger
    ):
        raise OptionError(
            "--max-asr has no poisoned images to be measured on; expected --poisoned-valid PATH, or --trigger"
        )
