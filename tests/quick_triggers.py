"""A trigger that nobody searched for: reversing takes seconds, and has tests of its own."""

from __future__ import annotations

import numpy as np
import pytest

from bdtui.engine.detect.evidence import ReversedTrigger
from bdtui.engine.detect.examination import Examination
from bdtui.engine.reporter import SILENT, Reporter


def reverse_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every examination find the same half-covering white at once."""

    def find(self: Examination, reporter: Reporter = SILENT, suspects: int = 1) -> tuple[ReversedTrigger, ...]:
        shape = self.subject.image_shape
        mask = np.full((*shape[:-1], 1), 0.5, np.float32)
        pattern = np.broadcast_to(np.asarray(self.subject.high, np.float32), shape)
        return (ReversedTrigger(0, mask, pattern, float(mask.sum()), 1, 1),) * 2

    monkeypatch.setattr(Examination, "first_triggers", find)
