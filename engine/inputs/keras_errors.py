"""What Keras and TensorFlow say when they fail, as a sentence of ours.

Their own words speak of their insides, run over many lines and name the wrong file. Where the reason is one that people
meet, there is a sentence for it; else as much of theirs as fits on a line goes into ours, and all of it into the log.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bdtui.engine.errors import BdtuiError, ModelError, OutOfMemory

_LONGEST = 160
_TERMINAL_CODE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|.)?")
_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
_NODE_BEHIND = re.compile(r"\s*(\[\[?\{\{node|\[Op:|\{\{function_node|Call arguments received|Arguments received by).*")
_NODE_BEFORE = re.compile(r"^(\{\{.*?\}\}|Graph execution error:|Exception encountered when calling [^.]*\.)\s*")


def plain_detail(problem: BaseException | str, longest: int = _LONGEST) -> str:
    """A library's words on one line: without terminal codes, no word cut, at most ``longest`` characters."""
    text = _UNSHOWN.sub(" ", _TERMINAL_CODE.sub("", str(problem)))
    text = _NODE_BEHIND.sub("", _NODE_BEFORE.sub("", " ".join(text.split()))) or type(problem).__name__
    if len(text) <= longest:
        return text
    words = text[: longest - 1].rpartition(" ")[0] or text[: longest - 1]
    return words.rstrip(" ,;:.([{'\"") + " …"


@contextmanager
def explain_keras(path: Path) -> Iterator[None]:
    """Turn what Keras raises while it builds a model into a sentence; ``path`` is the file that it is told about."""
    try:
        yield
    except BdtuiError:
        raise
    except MemoryError as problem:
        raise OutOfMemory(
            f"{path}: not enough memory for this model; free some memory or use a smaller model"
        ) from problem
    except Exception as problem:
        raise ModelError(f"{path}: {_build_sentence(str(problem), problem)}") from problem


def _build_sentence(text: str, problem: BaseException) -> str:
    detail = plain_detail(problem)
    return f"Keras cannot rebuild the model ({detail}); expected a sound model and weights that fit it"
