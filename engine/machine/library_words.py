"""What a library says of an error, fit to stand in a sentence of ours.

Keras and TensorFlow speak in many lines, with terminal codes, and of places in their insides.
"""

from __future__ import annotations

import re

_LONGEST = 160
_TERMINAL_CODE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]?|\][^\x07\x1b]*(\x07|\x1b\\)?|.)?", re.DOTALL)
_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
_REASON = "Exception encountered: "
_LAYER = re.compile(r"Error when deserializing class '\w+' using config=\{'name': '([^']{1,60})'")
_BEFORE = re.compile(r"^(\{\{.*?\}\}|Graph execution error:|Exception encountered when calling [\w.]+\(\)\.)\s*")
_BEHIND = re.compile(r"\s*(\[\[?\{\{node|\{\{function_node|\[Op:|Call arguments received|Arguments received by).*")


def plain_detail(problem: BaseException | str, longest: int = _LONGEST) -> str:
    """A library's words on one line: without terminal codes, no word cut, at most ``longest`` characters."""
    text = " ".join(_UNSHOWN.sub(" ", _TERMINAL_CODE.sub("", str(problem))).split())
    about, _, reason = text.rpartition(_REASON)
    text = _BEHIND.sub("", _BEFORE.sub("", reason)) or type(problem).__name__
    if layers := _LAYER.findall(about):
        text = f"layer '{layers[-1]}': {text}"
    if len(text) <= longest:
        return text
    words = text[: longest - 1].rpartition(" ")[0] or text[: longest - 2]
    return words.rstrip(" ,;:.([{'\"") + " …"
