from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from bdtui.engine.detect.class_statistics import exponential_p, gamma_p, robust_z
from bdtui.engine.detect.detection import BACKDOORED, INCONCLUSIVE, NO_SIGN, Detection, Suspect
from bdtui.engine.detect.evidence import Evidence, ReversedTrigger
from bdtui.engine.detect.examination import Examination, detect
from bdtui.engine.detect.inversion import size_gap
from bdtui.engine.detect.methods import INVERSION, MARGINS, SCAN
from bdtui.engine.detect.pixel_range import CleanPictures
from bdtui.engine.detect.recorded import detection_from_json
from bdtui.engine.errors import Interrupted, OptionError
from bdtui.engine.events import DetectorFinished, Event
from bdtui.engine.reporter import Reporter
from tests.engine.detect.made_nets import TARGET, patch_net, row_images, rows_net


def smooth(number: int = 20) -> CleanPictures:
    random = np.random.default_rng(2)
    return CleanPictures.of_arrays(random.random((number, 12, 12, 1), np.float32), low=0.0, high=1.0)


@pytest.fixture(scope="module")
def found() -> Detection:
    return detect(patch_net(), smooth(), methods=[SCAN, MARGINS, INVERSION])


def test_the_target_is_the_first_suspect(found: Detection) -> None:
    assert found.verdict in (BACKDOORED, INCONCLUSIVE)
    assert found.suspects[0].target == TARGET
    assert found.suspects[0].trigger is not None
    assert found.suspects[0].surrogate_asr is not None


def test_all_to_all_is_called_so() -> None:
    images, labels = row_images()
    found = detect(rows_net("all-to-all"), CleanPictures.of_arrays(images, labels, 0.0, 1.0))
    assert (found.verdict, found.target) == (BACKDOORED, "all-to-all")
    assert "all-to-all" in found.reasons[0]


def test_what_is_found_can_be_written_and_read_again(found: Detection) -> None:
    written = json.loads(json.dumps(found.as_json({TARGET: "trigger_3.png"}), allow_nan=False))
    again = detection_from_json(written)
    assert again.as_json() == written
    assert (again.verdict, again.target, again.reasons) == (found.verdict, found.target, found.reasons)
    assert again.suspects[0].trigger_file == "trigger_3.png"


@pytest.mark.parametrize("target", [3, (3, 5), "all-to-all"])
def test_targets_of_every_kind_are_read_again(target: Any) -> None:
    found = Detection(BACKDOORED, target, ("It is.",), (Suspect(3, 2.0, 0.01),))
    assert detection_from_json(found.as_json()) == found


HOSTILE: list[tuple[str, Any]] = [
    ("verdict", "clean"),
    ("verdict", []),
    ("targets", [-1]),
    ("targets", [True]),
    ("targets", ["all-to-all", 3]),
    ("strength", float("nan")),
    ("seconds", "1"),
    ("sentences", [1]),
    ("calibrated", 1),
    ("suspects", [{"class": 10**9, "score": 1.0, "p": None, "trigger": None, "surrogate_asr": None}]),
    ("suspects", [{"class": 1, "score": 1.0, "p": 2, "trigger": None, "surrogate_asr": None}]),
    ("suspects", [{"class": 1, "score": 1.0, "p": None, "trigger": "../a.png", "surrogate_asr": None}]),
    ("suspects", [{"class": 1, "score": 1.0, "p": None, "trigger": None, "surrogate_asr": 101}]),
    ("suspects", 7),
]


@pytest.mark.parametrize(("key", "value"), HOSTILE)
def test_what_nobody_wrote_is_refused(key: str, value: Any) -> None:
    first, *_ = Detection(BACKDOORED, 3, ("It is.",), (Suspect(3, 2.0, 0.01),)).as_json()
    with pytest.raises(ValueError, match=r"."):
        detection_from_json([first | {key: value}])


@pytest.mark.parametrize("content", [None, [], {}, [1], [{"method": "auto"}], "auto"])
def test_what_is_no_detection_is_refused(content: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        detection_from_json(content)


def test_conclusions_are_read_without_tensorflow() -> None:
    said = "import sys; import bdtui.engine.detect.recorded; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", said], check=False).returncode == 0


@pytest.mark.parametrize("layer", ["hidden", "output"])
def test_a_network_that_gives_no_numbers_is_not_cleared(layer: str) -> None:
    model = patch_net()
    broken = model.get_layer(layer)
    broken.set_weights([np.full_like(each, np.nan) for each in broken.get_weights()])
    events: list[Event] = []
    found = detect(model, smooth(), reporter=Reporter(events.append))
    assert found.verdict == INCONCLUSIVE
    json.dumps([event.as_json() for event in events], allow_nan=False)
    json.dumps(found.as_json(), allow_nan=False)


def test_classes_that_were_not_tried_are_null_in_the_event() -> None:
    events: list[Event] = []
    examined = Examination(patch_net(), smooth())
    examined.parts |= {name: Evidence(np.arange(8.0), 1.0, 0.1, 0.0) for name in (SCAN, MARGINS)}
    examined.parts[INVERSION] = Evidence(np.array([1.0, *[np.nan] * 7]), 0.0, None, 0.0)
    assert json.dumps(examined.conclude().as_json(), allow_nan=False)
    Examination(patch_net(), smooth()).run(SCAN, Reporter(events.append))
    (finished,) = [event for event in events if isinstance(event, DetectorFinished)]
    assert finished.method == SCAN
    assert len(finished.scores) == 8


def test_a_stopped_examination_keeps_what_it_has_and_goes_on() -> None:
    events: list[Event] = []
    examined = Examination(patch_net())
    with pytest.raises(Interrupted):
        examined.run([SCAN, MARGINS], Reporter(stop_requested=lambda: SCAN in examined.parts))
    assert list(examined.parts) == [SCAN]
    assert examined.conclude().verdict == INCONCLUSIVE
    first = examined.parts[SCAN]
    examined.run([SCAN, MARGINS], Reporter(events.append))
    assert examined.parts[SCAN] is first
    assert [event.method for event in events if isinstance(event, DetectorFinished)] == [MARGINS]


def test_two_classes_are_too_few_for_a_verdict() -> None:
    start = keras.Input((6, 6, 1))
    x = layers.Dense(1, activation="sigmoid")(layers.Dense(8, activation="relu")(layers.Flatten()(start)))
    assert detect(keras.Model(start, x)).verdict == INCONCLUSIVE


def test_a_method_that_needs_images_is_refused_without() -> None:
    with pytest.raises(OptionError, match="needs clean images"):
        detect(patch_net(), methods=INVERSION)
    with pytest.raises(OptionError, match="no detector"):
        detect(patch_net(), methods="guess")


def test_p_is_about_as_rare_as_it_says() -> None:
    random = np.random.default_rng(0)
    # The largest score has no part in the fit, so the fitted tail is a little thin.
    p = np.array([gamma_p(random.gamma(4, 1, 40)) for _ in range(400)])
    assert 0.05 < np.mean(p < 0.1) < 0.25
    tails = np.array([exponential_p(random.exponential(1, 500)).min() for _ in range(400)])
    assert np.mean(tails < 0.1) == pytest.approx(0.1, abs=0.06)


@pytest.mark.parametrize("scores", [np.zeros(9), np.full(9, np.nan), np.array([1.0, np.inf, 2.0]), np.array([1.0])])
def test_statistics_of_nothing_say_nothing(scores: np.ndarray) -> None:
    assert gamma_p(scores) == 1
    assert not robust_z(scores).any()


def test_a_conclusion_is_a_value(found: Detection) -> None:
    assert replace(found, seconds=0.0) == replace(found, seconds=0.0)


def with_stamps(sizes: dict[int, float]) -> dict[str, Evidence]:
    """What is known where the smallest stamps have such sizes."""
    nothing = np.empty(0, np.float32)
    triggers = tuple(ReversedTrigger(target, nothing, nothing, size, 0, 0) for target, size in sizes.items())
    scores = np.array([-np.log(sizes[target]) for target in range(len(sizes))])
    parts = {name: Evidence(np.arange(float(len(sizes)))[::-1], 0.5, 0.3, 0.0) for name in (SCAN, MARGINS)}
    return parts | {INVERSION: Evidence(scores, size_gap(triggers), None, 0.0, triggers)}


@pytest.mark.parametrize(("second", "said"), [(3.0, True), (12.0, False)])
def test_a_second_stamp_that_is_small_by_the_same_line_is_spoken_of(second: float, said: bool) -> None:
    examined = Examination(patch_net(), smooth())
    examined.parts |= with_stamps({0: 2.0, 1: second, **{place: 20.0 + place for place in range(2, 8)}})
    found = examined.conclude()
    assert (found.verdict, found.target) == (BACKDOORED, 0)
    assert any("Class 1 stands out" in reason for reason in found.reasons) == said


@pytest.mark.parametrize(("wrong", "verdict"), [(0, BACKDOORED), (130, INCONCLUSIVE)])
def test_a_network_that_is_hardly_trained_is_not_called_backdoored(wrong: int, verdict: str) -> None:
    images, labels = row_images()
    labels[:wrong] = (labels[:wrong] + 1) % 5
    examined = Examination(rows_net(), CleanPictures.of_arrays(images, labels, 0.0, 1.0))
    examined.parts |= with_stamps({0: 2.0, 1: 12.0, **{place: 20.0 + place for place in range(2, 5)}})
    found = examined.run(INVERSION)
    assert found.verdict == verdict
    assert any("hardly trained" in reason for reason in found.reasons) == bool(wrong)


@pytest.mark.parametrize(("before", "verdict"), [(0.5, NO_SIGN), (9.0, INCONCLUSIVE)])
def test_large_stamps_do_not_clear_what_noise_alone_calls_backdoored(
    monkeypatch: pytest.MonkeyPatch, before: float, verdict: str
) -> None:
    monkeypatch.setattr("bdtui.engine.detect.conclusion._outside", lambda subject, table: "")
    examined = Examination(patch_net(), smooth())
    examined.parts |= with_stamps({place: 20.0 + place for place in range(8)})
    examined.parts |= {name: replace(examined.parts[name], statistic=before) for name in (SCAN, MARGINS)}
    found = examined.conclude()
    assert found.verdict == verdict
    assert any("before stamps were looked for" in reason for reason in found.reasons) == (before > 1)
