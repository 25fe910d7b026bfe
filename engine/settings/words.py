"""The words that options take, and what stands where none is given."""

from __future__ import annotations

DEFAULT_THRESHOLDS = (2.0, 4.0, 10.0)
DEFAULT_RANKING = "mean-activation"
BY_HAND = "by-hand"
"""What results.json calls an order that comes from no ranking."""

NEAR, ALL = "near", "all"
"""Layers to compare: those near the end of the network, or all."""

SAMPLE_MODEL = "bd_net.h5"
"""File name of the bundled BadNet."""

CLEAN_VALID, POISONED_VALID = "clean_valid", "poisoned_valid"
CLEAN_TEST, POISONED_TEST = "clean_test", "poisoned_test"
ROLES = (CLEAN_VALID, POISONED_VALID, CLEAN_TEST, POISONED_TEST)
SCREEN, POOL = "screen", "pool"
"""Images that are judged: those of which nothing is known, and those whose labels may be poisoned."""

BUILT_IN_ARCHITECTURES = ("deepid",)

LAYOUTS = ("auto", "nchw", "nhwc")

AUTO = "auto"
SCALES = (AUTO, "1", "255")

RAW, UNIT, BYTES, TF, TORCH, CAFFE = "raw", "unit", "bytes", "tf", "torch", "caffe"
PREPROCESSINGS = (AUTO, RAW, UNIT, BYTES, TF, TORCH, CAFFE)
"""The simple ones first: of equal ones ``auto`` takes the first."""

NEXT = "next"
"""The target of an all-to-all attack: the class after the true one."""

MEAN_STD = "mean-std"
"""How pixels are prepared where ``--mean`` and ``--std`` say it."""

KERAS, H5, ONNX, SAVEDMODEL, TFLITE = "keras", "h5", "onnx", "savedmodel", "tflite"
FORMATS = (KERAS, H5, ONNX, SAVEDMODEL, TFLITE)
"""What networks can be exported as; also the suffixes of their files."""

BACKDOORED, UNCLEAR = "backdoored", "inconclusive"
FAIL_IF = (BACKDOORED, UNCLEAR)
"""Verdicts that a script can stop at."""
