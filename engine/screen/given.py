"""What a screening method may look at before it judges images: nothing of those images is in it."""

from __future__ import annotations

from dataclasses import dataclass

from bdtui.engine.reporter import SILENT, Reporter
from bdtui.engine.screen.subject import Array, Subject


@dataclass(frozen=True)
class CleanGiven:
    """For a method that needs the network and clean images.

    Attributes:
        subject: the network.
        images: clean ones as the network reads them, float32 (n, …), n ≥ 1.
        reporter: may stop the work between batches.
    """

    subject: Subject
    images: Array
    reporter: Reporter = SILENT


@dataclass(frozen=True)
class GoodnetGiven:
    """For a method that asks a GoodNet.

    Attributes:
        goodnet: a network of N+1 scores, of which the last says that an image carries a trigger.
        reporter: may stop the work between batches.
    """

    goodnet: Subject
    reporter: Reporter = SILENT
