"""Pages of images with the network's predictions, on the real sample."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bdtui.engine.errors import OptionError
from bdtui.engine.evaluation.evaluator import PruningSession
from bdtui.engine.event_values import Picture
from bdtui.engine.events import Event, PicturesTaken
from bdtui.engine.network.pruned_channels import PrunedChannels
from bdtui.engine.reporter import Reporter
from bdtui.engine.runs.preparation import prepare_run
from bdtui.engine.session.gallery import Gallery
from bdtui.engine.session.requests import ShowPictures
from bdtui.engine.settings import RunSettings

NOTHING = PrunedChannels()
HALF = PrunedChannels.of(range(0, 60, 2))


@pytest.fixture(scope="module")
def evaluator() -> PruningSession:
    return prepare_run(RunSettings(sample=True, scale="1"), Reporter()).evaluator


def page(evaluator: PruningSession, pruned: PrunedChannels = NOTHING, **view: object) -> dict[str, PicturesTaken]:
    emitted: list[Event] = []
    gallery = Gallery(evaluator)
    gallery.turn_to(ShowPictures(**view))  # type: ignore[arg-type]
    gallery.show(pruned, Reporter(emitted.append))
    assert gallery.is_current(pruned)
    return {event.role: event for event in emitted if isinstance(event, PicturesTaken)}


def numbers(pictures: tuple[Picture, ...]) -> list[int]:
    return [picture.number for picture in pictures]


@pytest.mark.parametrize("pruned", [NOTHING, HALF], ids=["B", "pruned"])
def test_every_image_comes_on_some_page_with_the_class_that_the_network_gives(
    evaluator: PruningSession, pruned: PrunedChannels
) -> None:
    images = evaluator.data["clean_valid"].images
    found: list[Picture] = []
    for first in range(0, images, 50):
        event = page(evaluator, pruned, first=first, number=50)["clean_valid"]
        assert (event.first, event.asked_for, event.step) == (first, images, len(pruned))
        found += event.pictures
    assert numbers(tuple(found)) == list(range(images))
    assert [picture.predicted for picture in found] == evaluator.predict("clean_valid", pruned).tolist()
    assert all(picture.certainty is not None and 0 < picture.certainty <= 100 for picture in found)


def test_a_page_behind_the_last_image_is_the_last_page(evaluator: PruningSession) -> None:
    images = evaluator.data["clean_valid"].images
    event = page(evaluator, first=10**6, number=7)["clean_valid"]
    assert event.first == (images - 1) // 7 * 7
    assert numbers(event.pictures)[-1] == images - 1


def test_a_class_is_the_true_one_also_of_poisoned_images(evaluator: PruningSession) -> None:
    for role, event in page(evaluator, label=3, number=60).items():
        data = evaluator.data[role]
        true = data.labels if data.true_labels is None else data.true_labels
        assert event.asked_for == np.count_nonzero(true == 3) > 0
        assert all(true[number] == 3 for number in numbers(event.pictures))


def test_only_the_images_that_the_network_gets_wrong(evaluator: PruningSession) -> None:
    taken = page(evaluator, HALF, wrong=True, number=60)
    clean = evaluator.data["clean_valid"]
    wrong = np.flatnonzero(evaluator.predict("clean_valid", HALF) != clean.labels)
    assert taken["clean_valid"].asked_for == len(wrong)
    assert numbers(taken["clean_valid"].pictures) == wrong[:60].tolist()
    assert all(picture.predicted != picture.true_label for picture in taken["poisoned_valid"].pictures)
    assert all(picture.predicted == picture.label for picture in page(evaluator, wrong=True)["poisoned_valid"].pictures)


def test_test_images_are_shown_where_they_are_asked_for(evaluator: PruningSession) -> None:
    assert set(page(evaluator, part="test")) == {"clean_test", "poisoned_test"}


@pytest.mark.parametrize("view", [{"part": "all"}, {"number": 0}, {"number": 10**9}, {"first": -1}], ids=str)
def test_a_page_that_cannot_be_is_refused(evaluator: PruningSession, view: dict[str, object]) -> None:
    with pytest.raises(OptionError):
        page(evaluator, **view)


def test_with_a_trigger_the_stamped_images_are_shown(tmp_path: Path) -> None:
    patch = np.zeros((55, 47, 4), np.uint8)
    patch[40:50, 30:40] = 255, 0, 255, 255
    Image.fromarray(patch).save(tmp_path / "trigger.png")
    sample = Path(str(files("bdtui.sample_data")))
    settings = RunSettings(
        model=sample / "bd_net.h5",
        clean_valid=sample / "cl" / "valid.h5",
        trigger=tmp_path / "trigger.png",
        target="0",
        scale="1",
    )
    taken = page(prepare_run(settings, Reporter()).evaluator, first=3, number=2)
    for picture in taken["poisoned_valid"].pictures:
        pixels = np.frombuffer(picture.rgb, np.uint8).reshape(picture.height, picture.width, 3)
        assert (pixels[40:50, 30:40] == (255, 0, 255)).all()
        assert (picture.label, picture.predicted is not None) == (0, True)
    assert all(b"\xff\x00\xff" * 10 not in picture.rgb for picture in taken["clean_valid"].pictures)
