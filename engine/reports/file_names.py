"""How the files of a run are named."""

from __future__ import annotations

RESULTS, CURVE, FIGURE, REPORT, RECIPE = "results.json", "curve.csv", "curve.png", "report.md", "recipe.toml"
MANIFEST = "manifest.json"
COMPARISON = "comparison.csv"
"""Written only by a run that compared layers and rankings."""
RUN_FILES = (RECIPE, CURVE, FIGURE, REPORT, MANIFEST, RESULTS)
"""What every run writes beside its networks, in the order of writing."""


RECOMMENDED = "recommended"
"""Stem of the copy of the network that the verdict recommends."""


def drop_text(drop: float) -> str:
    """A threshold as file names have it: ``2``, ``2.5``."""
    return repr(int(drop)) if drop == int(drop) else repr(drop)


def goodnet_name(drop: float) -> str:
    """File name of the GoodNet of a threshold."""
    return f"goodnet_X={drop_text(drop)}.keras"
