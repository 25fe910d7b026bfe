"""model_card.md: there only for a network that is recommended, and never broken by a name."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from bdtui.engine.event_values import Threshold
from bdtui.engine.rates import NO_RATES
from bdtui.engine.reports.model_card import write_model_card
from bdtui.engine.reports.page.attached import Attached
from bdtui.engine.reports.page.page import write_page
from bdtui.engine.reports.record import RecordedImages, RunRecord
from tests.engine.reports.pages import clean_run, full_run, rates


def card_of(run: RunRecord) -> str:
    card = write_model_card(run, "ab" * 32)
    assert card is not None
    return card


def front_matter(card: str) -> dict[str, Any]:
    """The YAML of a card: a key and a JSON value in each line."""
    opening, front, _ = card.split("---\n", 2)
    assert opening == ""
    return {key: json.loads(value) for key, value in (line.split(": ", 1) for line in front.splitlines())}


def test_only_a_recommended_network_has_a_card() -> None:
    assert write_model_card(clean_run()) is None
    assert write_model_card(replace(full_run(), repairs=())) is None
    assert write_model_card(full_run()) is not None


def test_the_front_matter_is_what_the_hub_reads() -> None:
    front = front_matter(card_of(full_run()))
    assert (front["library_name"], front["pipeline_tag"]) == ("keras", "image-classification")
    (model,) = front["model-index"]
    (result,) = model["results"]
    assert result["task"] == {"type": "image-classification"}
    assert result["dataset"] == {"type": "custom", "name": "clean_test.h5", "split": "test"}
    assert {metric["type"]: metric["value"] for metric in result["metrics"]} == {
        "accuracy": 0.984,
        "attack_success_rate": 0.003,
        "recovered_accuracy": 0.997,
    }


def test_the_card_says_what_it_is_how_it_was_made_and_how_well_it_does() -> None:
    card = card_of(full_run())
    for heading in ("Model details", "Intended use", "How it was made", "Evaluation", "Limitations"):
        assert f"## {heading}\n" in card
    assert "`recommended.keras` in this folder" in card
    assert f"sha256 `{'ab' * 32}`" in card
    assert "Trained 1500 steps." in card
    assert "| clean accuracy | 98.80 % (97.9–99.3; 988 of 1,000) | 98.40 % (97.4–99.0; 984 of 1,000) |" in card
    assert "| attack success rate | 99.80 % (99.3–99.9; 998 of 1,000) | 0.30 % (0.1–0.9; 3 of 1,000) |" in card
    assert "- Other triggers: all rates of attack apply" in card


def test_a_card_without_test_images_says_which_images_decided() -> None:
    card = card_of(replace(full_run(), baseline_test=NO_RATES, repairs=tuple(map(_untested, full_run().repairs))))
    assert "On the validation images" in card
    assert "validation images also chose the network, and most of the clean ones trained it, so that" in card
    assert front_matter(card)["model-index"][0]["results"][0]["dataset"]["split"] == "validation"


def _untested(repair: Any) -> Any:
    return replace(repair, test=NO_RATES, goodnet_test=NO_RATES)


def test_a_goodnet_says_what_its_last_class_means() -> None:
    kept = Threshold(
        2, 1, (0,), rates(985, 900), rates(985, 2, 30), rates(985, 900), rates(984, 1, 40), "a.h5", "goodnet_X=2.keras"
    )
    card = card_of(replace(full_run(), repairs=(), thresholds=(kept,)))
    assert "It answers class 5, one more than the last, where they disagree" in card
    assert "and the network as received was joined with the pruned one. Nothing was trained." in card
    assert "trained it" not in card
    assert "| clean images flagged | – | 4.00 %" in card


def test_how_often_detection_errs_is_no_limitation_of_a_repaired_network() -> None:
    run = full_run()
    assert run.detection is not None
    run = replace(run, detection=replace(run.detection, calibrated=False))
    assert "errs on a network of this kind" not in card_of(run)
    assert "How often detection without poisoned images errs on a network of this kind" in write_page(run, Attached())


def test_the_card_says_what_to_feed_the_network_and_names_files_alone() -> None:
    run = full_run()
    images = {role: replace(each, ends=(0.0, 255.0)) for role, each in run.data.items()}
    run = replace(run, data=images, model=replace(run.model, path="/home/me/nets/net.h5"))
    card = card_of(replace(run, notices=("/data/clean_valid.h5: stored as numbers", "But /home/me/nets/net.h5 is old")))
    assert "## How to use it" in card
    assert "- Shape (images, 8, 8, 3): height, width, colour; any number of images. Type float32." in card
    assert "- Values: 0 to 255, as the data files hold them; nothing is divided or subtracted." in card
    assert 'model = keras.models.load_model("recommended.keras")' in card
    assert "`net.h5`" in card
    assert "/home/me" not in card
    assert "/data/" not in card


def test_no_name_breaks_the_card() -> None:
    name = 'x"\n---\nlicense: mit\n<script>alert(1)</script> [a](http://b.invalid) `c` {{ 7*7 }}'
    run = full_run()
    run = replace(
        run,
        model=replace(run.model, path=f"/data/{name}"),
        layer=replace(run.layer, profiled=name, pruned=name),
        data={**run.data, "clean_test": RecordedImages(f"/data/{name}", "1" * 64, 1_000)},
        repairs=tuple(replace(one, done=(name,), sentences=(name,)) for one in run.repairs),
    )
    card = card_of(run)
    front = front_matter(card)
    assert front["license"] == "unknown"
    assert list(front) == ["library_name", "pipeline_tag", "license", "tags", "model-index"]
    body = card.split("---\n", 2)[2]
    assert "\n---" not in body
    assert "7*7" not in body.replace(r"7\*7", "").replace("{{ 7*7 }}", ""), "no template in a name is carried out"
    for line in body.splitlines():
        if "<script>" in line:
            assert line.count("`") >= 2, "only as code"
