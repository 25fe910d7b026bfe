"""Sentences that both fronts show."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from bdtui.engine.events import LayerChosen
from bdtui.tui.batch.output import print_check
from bdtui.tui.wording import sentence

MADE = LayerChosen("pool_3", "conv_3", 60, 2)
READ = LayerChosen("avg_pool", "inner, around", 60, 2, where_read=True)


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (MADE, "layer pool_3: prunes conv_3, 60 channels, 2 of them already silent"),
        (READ, "layer avg_pool: pruned where read (inner, around), 60 channels, 2 of them already silent"),
    ],
)
def test_the_layer_that_is_pruned_is_told_from_layers_in_which_it_is_pruned(chosen: LayerChosen, said: str) -> None:
    assert sentence(chosen, 60) == said


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (MADE, "pool_3 is profiled, conv_3 is pruned; 2 of 60 channels are already silent"),
        (READ, "avg_pool is profiled, its channels are pruned where they are read (inner, around); 2 of 60 channels"),
    ],
)
def test_check_says_where_channels_would_be_pruned(chosen: LayerChosen, said: str) -> None:
    out = io.StringIO()
    print_check(Console(file=out, width=200), [chosen])
    assert said in out.getvalue()
