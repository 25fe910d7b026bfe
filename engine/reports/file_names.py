"""How the files of a run are named."""

from __future__ import annotations

RESULTS, CURVE, FIGURE, REPORT, RECIPE = "results.json", "curve.csv", "curve.png", "report.md", "recipe.toml"
MANIFEST = "manifest.json"
PAGE = "report.html"
MODEL_CARD = "model_card.md"
"""Written only where the verdict recommends a network."""
SARIF = "findings.sarif"
"""Written only by a run that looked for a backdoor."""
COMPARISON = "comparison.csv"
"""Written only by a run that compared layers and rankings."""
POOL_CSV = "pool.csv"
"""Written only by a run that judged a pool."""
SCREENED = "screened.csv"
"""What screening leaves, which is no run."""
RUN_FILES = (RECIPE, CURVE, FIGURE, REPORT, PAGE, MANIFEST, RESULTS)
"""What every run writes beside its networks, in the order of writing."""

RUN_FILES_WITHOUT_IMAGES = (RECIPE, REPORT, PAGE, MANIFEST, RESULTS)
"""… and what a run writes that was given no images."""

RECOMMENDED = "recommended"
"""Stem of the copy of the network that the verdict recommends."""


def trigger_name(target: int) -> str:
    """File name of the picture of the trigger that was reversed for a class."""
    return f"trigger_{target}.png"


def mask_name(target: int) -> str:
    """File name of the picture of its mask."""
    return f"mask_{target}.png"


def examples_name(role: str) -> str:
    """File name of the picture of some images of a set, by its role."""
    return f"examples_{role}.png"


def drop_text(drop: float) -> str:
    """A threshold as file names have it: ``2``, ``2.5``."""
    return repr(int(drop)) if drop == int(drop) else repr(drop)


def goodnet_name(drop: float) -> str:
    """File name of the GoodNet of a threshold."""
    return f"goodnet_X={drop_text(drop)}.keras"
