"""TensorFlow checkpoints from strangers: arrays read by name, and which object each belongs to.

TensorFlow's own reader ends the process on a file that somebody forged (it checks what it parses with assertions), so the
table of contents is read here: a sorted table of names as LevelDB writes it. Nothing but numbers comes out.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import tensor_bundle_pb2, trackable_object_graph_pb2

from bdtui.engine.errors import ModelError
from bdtui.engine.inputs.protobuf import read_varint
from bdtui.engine.machine.files import require_file
from bdtui.engine.machine.memory import free_memory
from bdtui.engine.machine.quoted_text import quoted

_LARGEST_INDEX = 32 * 1024**2
_LARGEST_GRAPH = 32 * 1024**2
_MOST_TENSORS = 100_000
_MOST_SHARDS = 1000
_MOST_UNUSED = 16 * 1024**2
_FOOTER = 48
_MAGIC = 0xDB4775248B80FB57
_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_CORRUPTED = (IndexError, ValueError, OverflowError, struct.error, TypeError)


class Checkpoint:
    """An opened checkpoint.

    Args:
        prefix: what its files' names begin with, e.g. ``variables/variables``.

    Raises:
        ModelError: a file is missing, is a link, or corrupted, or declares more than memory takes.
    """

    def __init__(self, prefix: Path) -> None:
        self._prefix = prefix
        self._index = prefix.with_name(prefix.name + ".index")
        _require_own_file(self._index)
        if self._index.stat().st_size > _LARGEST_INDEX:
            raise ModelError(f"{self._index}: is larger than {_LARGEST_INDEX:,} bytes; expected a checkpoint of Keras")
        try:
            table = dict(_table(self._index.read_bytes()))
            header = _parsed(tensor_bundle_pb2.BundleHeaderProto, table.pop(b"", b""))
            self._shards = int(header.num_shards)
            self._entries = {
                name.decode(): _parsed(tensor_bundle_pb2.BundleEntryProto, entry) for name, entry in table.items()
            }
            stored = [found for found in map(_Stored.of, self._entries.values()) if found is not None]
        except _CORRUPTED as problem:
            raise ModelError(f"{self._index}: corrupted checkpoint; expected a complete one") from problem
        if not 0 < self._shards <= _MOST_SHARDS or header.endianness != 0:
            raise ModelError(f"{self._index}: corrupted checkpoint; expected one of this kind of machine")
        self.values = sum(array.values for array in stored)
        """How many numbers the arrays hold in all."""
        declared, most = sum(array.size for array in stored), free_memory() // 4
        if declared > most:
            raise ModelError(
                f"{self._index}: declares more than {most:,} bytes of weights; expected less than a quarter of memory"
            )
        held = sum(shard.stat().st_size for shard in map(self._shard, range(self._shards)))
        if declared > held:
            raise ModelError(
                f"{self._index}: declares {declared:,} bytes of weights, more than its files hold; expected a complete checkpoint"
            )
        # What nobody reads would still be hashed.
        if held > sum(int(entry.size) for entry in self._entries.values()) + _MOST_UNUSED:
            raise ModelError(
                f"{self._index}: its files hold {held:,} bytes, more than it declares; expected a checkpoint of Keras"
            )

    def array(self, name: str) -> np.ndarray:
        """An array of numbers by its name.

        Raises:
            ModelError: there is none, or it is not stored as declared.
        """
        entry = self._entries.get(name)
        if entry is None:
            raise ModelError(f"{self._index}: {quoted(name)} is missing; expected a complete checkpoint")
        stored = _Stored.of(entry)
        if stored is None:
            raise ModelError(f"{self._index}: {quoted(name)} is not stored as one array of numbers; expected weights")
        return np.frombuffer(self._bytes(entry), stored.kind).reshape(stored.shape)

    def object_graph(self) -> Any:
        """Which object holds which array: TensorFlow's ``TrackableObjectGraph``.

        Raises:
            ModelError: there is none, or it is corrupted.
        """
        entry = self._entries.get(_GRAPH)
        if entry is None or entry.size > _LARGEST_GRAPH:
            raise ModelError(
                f"{self._index}: does not say which layer its arrays belong to; expected a checkpoint of Keras"
            )
        try:
            # A text: its length, the checksum of that, and the text.
            stored = self._bytes(entry)
            length, start = read_varint(stored, 0)
            return _parsed(trackable_object_graph_pb2.TrackableObjectGraph, stored[start + 4 : start + 4 + length])
        except _CORRUPTED as problem:
            raise ModelError(f"{self._index}: corrupted checkpoint; expected a complete one") from problem

    def _bytes(self, entry: Any) -> bytes:
        shard = self._shard(entry.shard_id)
        with shard.open("rb") as file:
            if not 0 <= entry.offset <= entry.offset + entry.size <= shard.stat().st_size:
                raise ModelError(f"{shard}: ends before the weights do; expected a complete checkpoint")
            file.seek(entry.offset)
            return file.read(entry.size)

    def _shard(self, number: int) -> Path:
        shard = self._prefix.with_name(f"{self._prefix.name}.data-{number:05d}-of-{self._shards:05d}")
        _require_own_file(shard)
        return shard


@dataclass(frozen=True)
class _Stored:
    """An array of numbers, as the table of contents describes it."""

    kind: np.dtype[Any]
    shape: tuple[int, ...]

    @classmethod
    def of(cls, entry: Any) -> _Stored | None:
        """What an entry describes; None where it is no array of numbers in one piece.

        Raises:
            ValueError: it contradicts itself.
        """
        kind = np.dtype(tf.dtypes.as_dtype(entry.dtype).as_numpy_dtype)
        shape = tuple(int(axis.size) for axis in entry.shape.dim)
        if min(shape, default=0) < 0 or entry.shape.unknown_rank:
            raise ValueError("an array of unknown shape")
        if entry.slices or not (kind.kind in "uifb" or kind.name == "bfloat16"):
            return None
        stored = cls(kind, shape)
        if stored.size != entry.size:
            raise ValueError("an array of another size than its shape's")
        return stored

    @property
    def values(self) -> int:
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """In bytes."""
        return self.values * self.kind.itemsize


def _parsed(kind: Any, message: bytes) -> Any:
    try:
        return kind.FromString(message)
    except Exception as problem:
        # Of a class of protobuf's own, which has no other place to come from.
        raise ValueError("not the message it should be") from problem


def _require_own_file(path: Path) -> None:
    if path.is_symlink() or path.parent.is_symlink():
        raise ModelError(f"{path}: is a link; expected the checkpoint itself (cp -rL copies what links point to)")
    require_file(path, ModelError, "a part of the checkpoint")


def _table(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The entries of a LevelDB table, which TensorFlow does not pack."""
    if len(content) < _FOOTER or struct.unpack("<Q", content[-8:])[0] != _MAGIC:
        raise ValueError("no table")
    footer = content[-_FOOTER:]
    _, at = _handle(footer, 0)
    index, _ = _handle(footer, at)
    found = 0
    for _, handle in _block(content, *index):
        for entry in _block(content, *_handle(handle, 0)[0]):
            found += 1
            if found > _MOST_TENSORS:
                raise ValueError("too many entries")
            yield entry


def _block(content: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """The entries of a block: each key is what it shares with the one before, and its rest."""
    block = content[offset : offset + size]
    if len(block) != size or size < 4 or content[offset + size] != 0:
        raise ValueError("a block that is cut off, or packed")
    restarts = struct.unpack("<I", block[-4:])[0]
    end = size - 4 - 4 * restarts
    at, key = 0, b""
    while at < end:
        shared, at = read_varint(block, at)
        rest, at = read_varint(block, at)
        length, at = read_varint(block, at)
        if shared > len(key) or at + rest + length > end:
            raise ValueError("an entry that is cut off")
        key = key[:shared] + block[at : at + rest]
        yield key, block[at + rest : at + rest + length]
        at += rest + length


def _handle(data: bytes, at: int) -> tuple[tuple[int, int], int]:
    """Where a block lies: its offset and size; and where the handle ends."""
    offset, at = read_varint(data, at)
    size, at = read_varint(data, at)
    return (offset, size), at
