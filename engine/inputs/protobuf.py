"""As much of Protocol Buffers as the tables of TensorFlow's files take, for messages that no module of TensorFlow reads."""

from __future__ import annotations

from collections.abc import Iterator


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte.

    Returns:
        The number, and where it ends.

    Raises:
        ValueError, IndexError: it does not end.
    """
    value = 0
    for place in range(10):
        byte = data[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError("a number that does not end")


def read_fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The texts and messages in a message, by the numbers of their fields; its numbers are left out.

    Raises:
        ValueError, IndexError: the message is corrupted.
    """
    at = 0
    while at < len(message):
        tag, at = read_varint(message, at)
        kind = tag & 7
        if kind == 0:
            _, at = read_varint(message, at)
        elif kind == 2:
            length, at = read_varint(message, at)
            if at + length > len(message):
                raise ValueError("a field that is cut off")
            yield tag >> 3, message[at : at + length]
            at += length
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise ValueError(f"a field of kind {kind}")
