"""How pixels are to be prepared, by the options that say so."""

from __future__ import annotations

from dataclasses import replace

from bdtui.engine.errors import OptionError
from bdtui.engine.settings.run_settings import RunSettings
from bdtui.engine.settings.words import AUTO, MEAN_STD, RAW, UNIT

_MEANT_BY_SCALE = {AUTO: AUTO, "1": RAW, "255": UNIT}


def asked_preprocessing(settings: RunSettings) -> str:
    """How pixels are to be prepared: one of `PREPROCESSINGS`, or `MEAN_STD`.

    Raises:
        OptionError: options contradict each other.
    """
    meant = _MEANT_BY_SCALE[settings.scale]
    chosen = {flag: name for flag, name in (("preprocess", settings.preprocess), ("scale", meant)) if name != AUTO}
    numbers = [flag for flag in ("mean", "std") if getattr(settings, flag) is not None]
    if numbers and chosen:
        raise OptionError(f"--{numbers[0]} was given together with --{next(iter(chosen))}; expected one of the two")
    if len(set(chosen.values())) > 1:
        raise OptionError(
            f"--scale {settings.scale} is the same as --preprocess {meant}, but --preprocess {settings.preprocess} was "
            "given as well; expected one of the two"
        )
    return MEAN_STD if numbers else next(iter(chosen.values()), AUTO)


def spelled_out(settings: RunSettings) -> RunSettings:
    """The same settings without ``--scale``: what it means stands under ``--preprocess``."""
    meant = _MEANT_BY_SCALE[settings.scale]
    return replace(settings, scale=AUTO, preprocess=meant if settings.preprocess == AUTO else settings.preprocess)
