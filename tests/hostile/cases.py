"""What is tried: a command line of bdtui on files that somebody made badly, or ill-meaningly."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.hostile.sound import SoundFiles


@dataclass(frozen=True)
class Case:
    """One run of bdtui.

    Attributes:
        name: says what is wrong with the file.
        arguments: of the command line; ``{out}`` stands for a new folder.
        must_refuse: whether nothing but exit 2 will do; a mutated file may have stayed sound.
        finding: a regular expression that the sentence of the refusal matches.
    """

    name: str
    arguments: tuple[str, ...]
    must_refuse: bool = True
    finding: str = ""


def model_arguments(path: Path, sound: SoundFiles, *, batch: bool = False) -> tuple[str, ...]:
    """Open a whole model over the sound images."""
    return (str(path), *_images_and_front(sound.images, batch))


def weights_arguments(path: Path, sound: SoundFiles, *, batch: bool = False) -> tuple[str, ...]:
    """Lay weights over the sound architecture."""
    return (
        *("--architecture", str(sound.architecture), "--weights", str(path)),
        *_images_and_front(sound.images, batch),
    )


def architecture_arguments(path: Path, sound: SoundFiles, *, batch: bool = False) -> tuple[str, ...]:
    """Lay the sound weights over an architecture."""
    return (
        *("--architecture", str(path), "--weights", str(sound.lab_weights)),
        *_images_and_front(sound.images, batch),
    )


def images_arguments(path: Path, sound: SoundFiles, *, batch: bool = False) -> tuple[str, ...]:
    """Show images to the sound model, as clean and as poisoned ones."""
    return (str(sound.model), "--poisoned-valid", str(path), *_images_and_front(path, batch))


def trigger_arguments(path: Path, sound: SoundFiles, *, batch: bool = False) -> tuple[str, ...]:
    """Lay a trigger over the sound images, for the sound model."""
    return (str(sound.model), "--trigger", str(path), "--target", "0", *_images_and_front(sound.images, batch))


def class_names_arguments(path: Path, sound: SoundFiles, *, batch: bool = False) -> tuple[str, ...]:
    """Name the classes of the sound model."""
    return (str(sound.model), "--class-names", str(path), *_images_and_front(sound.images, batch))


def recipe_arguments(path: Path, sound: SoundFiles, *, batch: bool = False) -> tuple[str, ...]:
    """Replay a recipe."""
    return ("--recipe", str(path), *(("--batch", "--out", "{out}") if batch else ("--check",)))


def manifest_arguments(path: Path, sound: SoundFiles, *, batch: bool = False) -> tuple[str, ...]:
    """Hold a folder against its manifest."""
    return ("--verify", str(path.parent))


def _images_and_front(images: Path, batch: bool) -> tuple[str, ...]:
    # A threshold that nothing reaches: models are written by the runs of other tests.
    front = ("--batch", "--thresholds", "100", "--out", "{out}") if batch else ("--check",)
    return ("--clean-valid", str(images), *front)
