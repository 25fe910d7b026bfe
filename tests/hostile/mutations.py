"""A fuzzer with a fixed seed: good files with bytes flipped, cut off, or grafted from one another.

Blind damage seldom gets past a checksum or a parser. So configurations are changed as what they are, too (a number, a
name, a list in another place), and archives are packed anew, so that the damage lies in what is inside of them.
"""

from __future__ import annotations

import io
import json
import random
import re
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import h5py

from tests.hostile import cases
from tests.hostile.cases import Case
from tests.hostile.sound import SoundFiles

Mutate = Callable[[bytes, random.Random, list[bytes]], bytes]

_NUMBERS = [0, 1, 2, 255, 2**16 - 1, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1]
_SIGNATURES = re.compile(rb"\x89HDF|TREE|SNOD|HEAP|GCOL|OHDR|OCHK|PK\x01\x02|PK\x03\x04|PK\x05\x06")
_ODD_VALUES: list[Any] = [
    *(
        None,
        True,
        -1,
        0,
        1,
        3,
        2**31,
        10**9,
        10**15,
        10**30,
        0.5,
        -1e308,
        float("nan"),
        float("inf"),
        "",
        "relu",
        "\x1b[31m",
    ),
    *("os.system", "../../x", [], {}, [[]], [None, 8, 8, 3], {"class_name": "Dense", "config": {}}, ["a"] * 40),
]


def flip_bits(data: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    """One to eight bits, half of the time near the structures of the format."""
    changed = bytearray(data)
    for _ in range(chance.choice([1, 1, 1, 2, 8])):
        changed[_place(data, chance)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def set_number(data: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    """A number of up to eight bytes that is as small or as large as it can be."""
    size = chance.choice([1, 2, 4, 8])
    number = chance.choice([*_NUMBERS, len(data), chance.randrange(2**64)]) % 2 ** (8 * size)
    at = min(_place(data, chance), max(0, len(data) - size))
    return data[:at] + number.to_bytes(size, "little") + data[at + size :]


def truncate(data: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    """The file ends early."""
    return data[: chance.randrange(len(data))]


def erase(data: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    """A stretch of zeros."""
    at, size = _place(data, chance), chance.choice([8, 64, 512, 4096])
    return data[:at] + bytes(len(data[at : at + size])) + data[at + size :]


def graft(data: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    """A stretch of another good file, or of another place."""
    other = chance.choice([data, *others])
    source, size = _place(other, chance), chance.choice([4, 16, 128, 1024])
    at = _place(data, chance)
    piece = other[source : source + size]
    return data[:at] + piece + data[at + len(piece) :]


BLIND: tuple[Mutate, ...] = (flip_bits, flip_bits, set_number, set_number, truncate, erase, graft)


def _place(data: bytes, chance: random.Random) -> int:
    structures = [found.start() for found in _SIGNATURES.finditer(data)]
    if structures and chance.random() < 0.6:
        return min(chance.choice(structures) + chance.randrange(96), len(data) - 1)
    return chance.randrange(len(data))


def change_json(text: str, chance: random.Random) -> str:
    """Something in a JSON document is another value, missing, doubled, or in another place."""
    document = json.loads(text)
    places = list(_places(document))
    for _ in range(chance.choice([1, 1, 2, 4])):
        holder, key = chance.choice(places)
        kind = chance.randrange(5)
        if kind == 0 and isinstance(holder, dict):
            holder.pop(key, None)
        elif kind == 1 and isinstance(holder, list):
            holder.insert(0, json.loads(json.dumps(chance.choice(holder)))) if holder else None
        elif kind == 2:
            other, theirs = chance.choice(places)
            _put(holder, key, json.loads(json.dumps(_get(other, theirs))))
        else:
            _put(holder, key, chance.choice(_ODD_VALUES))
    return json.dumps(document)


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inner:
        yield node, key
        yield from _places(value)


def _get(holder: Any, key: Any) -> Any:
    try:
        return holder[key]
    except (KeyError, IndexError):
        return None


def _put(holder: Any, key: Any, value: Any) -> None:
    if isinstance(holder, dict) or key < len(holder):
        holder[key] = value


def mutated_cases(sound: SoundFiles, folder: Path, numbers: Iterable[int], seed: int) -> Iterator[Case]:
    """Make mutated files, each just before it is asked for and gone when the next one is.

    Args:
        sound: the good files.
        folder: where the mutated ones are made, one at a time.
        numbers: of the cases; a number stands for the same case in every run.
        seed: of what is changed, and how.
    """
    kinds = _kinds(sound)
    others = [path.read_bytes() for path in (sound.model, sound.images, sound.archive, sound.packed_images)]
    for index in numbers:
        # Each case has a seed of its own, so that one can be made again by itself.
        chance = random.Random(f"{seed}-{index}")
        name, arguments, source, make = kinds[index % len(kinds)]
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        path = folder / source.name
        if source == sound.manifest:
            shutil.copytree(source.parent, folder, dirs_exist_ok=True)
        told = make(source, path, chance, others)
        yield Case(f"{index}: {name}, {told}", arguments(path, sound, batch=index % 8 == 7), must_refuse=False)


def _kinds(sound: SoundFiles) -> list[tuple[str, Any, Path, Any]]:
    """What is mutated, how it is opened, from what it is made, and how; the more, the more there is to get wrong."""
    return [
        ("model", cases.model_arguments, sound.model, _blindly),
        ("images", cases.images_arguments, sound.images, _blindly),
        ("configuration in a model", cases.model_arguments, sound.model, _configuration_in_hdf5),
        ("archive", cases.model_arguments, sound.archive, _blindly),
        ("lab weights", cases.weights_arguments, sound.lab_weights, _blindly),
        ("packed images", cases.images_arguments, sound.packed_images, _blindly),
        ("weights in an archive", cases.model_arguments, sound.archive, _weights_in_archive),
        ("architecture", cases.architecture_arguments, sound.architecture, _architecture),
        ("configuration in an archive", cases.model_arguments, sound.archive, _configuration_in_archive),
        ("weights", cases.weights_arguments, sound.new_weights, _blindly),
        ("recipe", cases.recipe_arguments, sound.recipe, _blindly),
        ("manifest", cases.manifest_arguments, sound.manifest, _manifest),
    ]


def _blindly(source: Path, path: Path, chance: random.Random, others: list[bytes]) -> str:
    mutate = chance.choice(BLIND)
    path.write_bytes(mutate(source.read_bytes(), chance, others))
    return mutate.__name__


def _architecture(source: Path, path: Path, chance: random.Random, others: list[bytes]) -> str:
    if chance.random() < 0.3:
        return _blindly(source, path, chance, others)
    path.write_text(change_json(source.read_text(), chance))
    return change_json.__name__


_manifest = _architecture


def _configuration_in_hdf5(source: Path, path: Path, chance: random.Random, others: list[bytes]) -> str:
    shutil.copy(source, path)
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = change_json(file.attrs["model_config"], chance)
    return change_json.__name__


def _configuration_in_archive(source: Path, path: Path, chance: random.Random, others: list[bytes]) -> str:
    return _repacked(source, path, "config.json", lambda data: change_json(data.decode(), chance).encode())


def _weights_in_archive(source: Path, path: Path, chance: random.Random, others: list[bytes]) -> str:
    mutate = chance.choice(BLIND)
    _repacked(source, path, "model.weights.h5", lambda data: mutate(data, chance, others))
    return mutate.__name__


def _repacked(source: Path, path: Path, name: str, change: Callable[[bytes], bytes]) -> str:
    written = io.BytesIO()
    with zipfile.ZipFile(source) as good, zipfile.ZipFile(written, "w") as bad:
        for member in good.namelist():
            data = good.read(member)
            bad.writestr(member, change(data) if member == name else data)
    path.write_bytes(written.getvalue())
    return "repacked"
