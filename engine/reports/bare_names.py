"""A record without the folders of the machine it was made on: reports that are passed on name files alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bdtui.engine.reports.record import RecordedImages, RunRecord


def with_bare_names(run: RunRecord) -> RunRecord:
    """The run with the name of each file that it opened in place of its path, also in what was noticed."""
    paths = [run.model.path, *(images.path for images in run.data.values())]
    paths += [images.trigger.path for images in run.data.values() if images.trigger is not None]
    notices = list(run.notices)
    # The longest first: one path may be the beginning of another.
    for path in sorted(filter(_has_folder, paths), key=len, reverse=True):
        notices = [notice.replace(path, _bare(path)) for notice in notices]
    return replace(
        run,
        model=replace(run.model, path=_bare(run.model.path)),
        data={role: _bare_images(images) for role, images in run.data.items()},
        notices=tuple(notices),
    )


def _bare_images(images: RecordedImages) -> RecordedImages:
    trigger = None if images.trigger is None else replace(images.trigger, path=_bare(images.trigger.path))
    return replace(images, path=_bare(images.path), trigger=trigger)


def _has_folder(path: str) -> bool:
    return len(path) > len(_bare(path)) > 0


def _bare(path: str) -> str:
    return Path(path).name or path
