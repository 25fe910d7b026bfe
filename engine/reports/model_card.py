"""model_card.md: the recommended network described in the form that Hugging Face's hub reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from markupsafe import Markup

from bdtui.engine.event_values import RECOMMENDATION, WARNING
from bdtui.engine.inputs.preprocessing import PREPROCESSING_WORDS
from bdtui.engine.rates import NO_RATES, Share
from bdtui.engine.reports.bare_names import with_bare_names
from bdtui.engine.reports.candidates import Candidate
from bdtui.engine.reports.file_names import RECOMMENDED
from bdtui.engine.reports.network_input import example_code, input_sentences
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.reports.templating import printable, templates
from bdtui.engine.reports.unknowns import unknowns
from bdtui.engine.reports.verdict import judge
from bdtui.engine.reports.verdict.recommendation import recommended_network


def write_model_card(run: RunRecord, sha256: str | None = None) -> str | None:
    """The card as Markdown behind its YAML; None where the verdict recommends no network.

    Args:
        run: the run.
        sha256: of the recommended network, where it is known.
    """
    run = with_bare_names(run)
    verdict = judge(run)
    chosen = None if verdict.recommended is None else recommended_network(run)
    if chosen is None:
        return None
    file = f"{RECOMMENDED}{Path(chosen.file).suffix}"
    code = example_code(run, printable(file).replace("`", "'"))
    tested = chosen.test != NO_RATES
    baseline = run.baseline_test if tested else run.baseline_valid
    rates = chosen.test if tested else chosen.valid
    told = list(zip(verdict.kinds, verdict.sentences, strict=True))
    return (
        templates()
        .get_template("model_card.md")
        .render(
            run=run,
            pixels=PREPROCESSING_WORDS[run.preprocess],
            chosen=chosen,
            file=file,
            sha256=sha256,
            copies=[f"{RECOMMENDED}{Path(e.file).suffix}" for e in run.exports if e.network == chosen.file and e.file],
            feeding=list(input_sentences(run)),
            code=Markup(f"```python\n{code}\n```"),
            front=Markup(_front_matter(run, chosen, tested)),
            name=_name(run),
            part="test" if tested else "validation",
            rows=[
                (name, _rate(before), _rate(after))
                for name, before, after in (
                    ("clean accuracy", baseline.clean, rates.clean),
                    ("attack success rate", baseline.attack, rates.attack),
                    ("recovered accuracy", baseline.recovered, rates.recovered),
                    ("clean images flagged", None, rates.clean_flagged if chosen.is_goodnet else None),
                    ("poisoned images flagged", None, rates.poisoned_flagged if chosen.is_goodnet else None),
                )
                if after is not None
            ],
            finding=verdict.sentences[0],
            why=[sentence for kind, sentence in told if kind == RECOMMENDATION],
            repairs=[] if chosen.repair is None else [*chosen.repair.done, *chosen.repair.sentences],
            limits=[*(sentence for kind, sentence in told if kind == WARNING), *unknowns(run, verdict)],
        )
    )


def _name(run: RunRecord) -> str:
    return printable(Path(run.model.path).stem)[:200] or "model"


def _rate(share: Share | None) -> str:
    if share is None:
        return "–"
    low, high = share.wilson_interval()
    return f"{share.percent:.2f} % ({low:.1f}–{high:.1f}; {share.hits:,} of {share.images:,})"


def _front_matter(run: RunRecord, chosen: Candidate, tested: bool) -> str:
    """YAML, written as JSON values, which YAML reads: nothing in a name is read as YAML."""
    rates = chosen.test if tested else chosen.valid
    metrics = [
        {"type": kind, "name": name, "value": round(share.percent / 100, 6)}
        for kind, name, share in (
            ("accuracy", "clean accuracy", rates.clean),
            ("attack_success_rate", "attack success rate", rates.attack),
            ("recovered_accuracy", "recovered accuracy", rates.recovered),
        )
        if share is not None
    ]
    role = "clean_test" if tested else "clean_valid"
    images = run.data.get(role)
    result = {
        "task": {"type": "image-classification"},
        "dataset": {
            "type": "custom",
            "name": printable(Path(images.path).name)[:200] if images else "custom",
            "split": "test" if tested else "validation",
        },
        "metrics": metrics,
    }
    entries: dict[str, Any] = {
        "library_name": "keras",
        "pipeline_tag": "image-classification",
        "license": "unknown",
        "tags": ["keras", "image-classification", "backdoor-defense", "bdtui"],
        "model-index": [{"name": f"{_name(run)} ({printable(chosen.file)[:200]})", "results": [result]}],
    }
    lines = (f"{key}: {json.dumps(value, ensure_ascii=True)}" for key, value in entries.items())
    return "\n".join(lines)
