"""Inputs sent to workers that do not share a file system: by their sha256, in pieces, each file once to a machine.

A worker asks for what it does not have; the client gives out nothing but the inputs of its sweep.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import platformdirs

from bdtui.engine.errors import DataError, OutputError
from bdtui.engine.machine.files import file_sha256
from bdtui.engine.option import options_of
from bdtui.engine.reporter import Reporter
from bdtui.engine.settings import RunSettings

PIECE = 8 * 2**20
"""Bytes that are sent at once."""
_PATIENCE = 600.0
"""Seconds without a piece after which a worker gives up."""
_ASK_AGAIN = 20.0
"""Seconds after which it asks anew."""


@dataclass(frozen=True)
class Shipment:
    """An input of a run: a file, or a folder with all that is in it.

    Attributes:
        name: of the file or folder.
        files: the way of each file inside, and its sha256; of a file the one pair ``("", sha256)``.
    """

    name: str
    files: tuple[tuple[str, str], ...]

    @property
    def sha256(self) -> str:
        """What the copy is kept under: of the names and hashes of all that is in it."""
        listed = "\n".join(f"{sha256} {way}" for way, sha256 in self.files)
        return hashlib.sha256(listed.encode("utf-8", "surrogateescape")).hexdigest()


class Inputs:
    """The inputs of a sweep on the client's side, hashed when they are first needed.

    Attributes:
        paths: of every file that may be sent, by sha256.
    """

    def __init__(self) -> None:
        self.paths: dict[str, Path] = {}
        self._known: dict[Path, Shipment] = {}

    def of(self, settings: RunSettings) -> dict[str, Shipment]:
        """The inputs of a run, by field name.

        Raises:
            DataError: one cannot be read.
        """
        files = {name: option.file(getattr(settings, name)) for name, option in options_of(settings).items()}
        return {name: self._shipment(path) for name, path in files.items() if path is not None}

    def _shipment(self, path: Path) -> Shipment:
        if path not in self._known:
            try:
                inside = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
                files = []
                for file in inside:
                    sha256 = file_sha256(file)
                    self.paths[sha256] = file
                    files.append(("" if file == path else file.relative_to(path).as_posix(), sha256))
            except OSError as problem:
                raise DataError(f"{path}: cannot be read ({problem.strerror}); expected an input to send") from problem
            self._known[path] = Shipment(path.name, tuple(files))
        return self._known[path]

    def pieces(self, sha256: str) -> Iterable[tuple[int, bytes, bool]]:
        """A file in pieces: where each begins, what it holds, and whether it is the last.

        Raises:
            KeyError: the file is no input of this sweep.
            OSError: it cannot be read any more.
        """
        with self.paths[sha256].open("rb") as file:
            size, place = os.fstat(file.fileno()).st_size, 0
            while True:
                piece = file.read(PIECE)
                is_last = place + len(piece) >= size or not piece
                yield place, piece, is_last
                place += len(piece)
                if is_last:
                    return


def cache_folder() -> Path:
    """Where a machine keeps what was sent to it, by sha256."""
    return platformdirs.user_cache_path("bdtui") / "inputs"


def unpacked(
    settings: RunSettings, shipments: dict[str, Shipment], ask: Callable[[str], None], reporter: Reporter
) -> RunSettings:
    """The settings of a run with this machine's copies in place of the client's files.

    Args:
        settings: of the run, with the client's paths.
        shipments: of its inputs.
        ask: asks the client for a file by its sha256.
        reporter: is asked whether to stop.

    Raises:
        DataError: the client does not send a file, or sends another.
        OutputError: there is no room for it.
        Interrupted: the reporter requested a stop.
    """
    options = options_of(settings)
    copies = {name: _copy(shipment, ask, reporter) for name, shipment in shipments.items()}
    return replace(
        settings,
        **{name: options[name].relocate(getattr(settings, name), lambda _, name=name: copies[name]) for name in copies},  # type: ignore[misc]
    )


def _copy(shipment: Shipment, ask: Callable[[str], None], reporter: Reporter) -> Path:
    if Path(shipment.name).name != shipment.name:
        raise DataError(f"{shipment.name}: is not a file name; expected one without folders")
    home = cache_folder() / shipment.sha256 / shipment.name
    for way, sha256 in shipment.files:
        path = home / way if way else home
        if not path.is_relative_to(home) or ".." in Path(way).parts:
            raise DataError(f"{way}: leads out of what was sent; expected names below {shipment.name}")
        try:
            if not path.is_file() or file_sha256(path) != sha256:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                _fetch(path, sha256, ask, reporter)
        except OSError as problem:
            raise OutputError(f"{path}: cannot be kept ({problem.strerror}); expected room for the inputs") from problem
    return home


def _fetch(path: Path, sha256: str, ask: Callable[[str], None], reporter: Reporter) -> None:
    """Get a file from the client; takes its name once its sha256 was found to be right."""
    handle, name = tempfile.mkstemp(prefix=".", suffix=".partial", dir=path.parent)
    arrival = _Arrival(handle)
    try:
        with _arrivals_lock:
            _arrivals.setdefault(sha256, []).append(arrival)
        ask(sha256)
        waited = 0.0
        while not arrival.is_complete.wait(1.0):
            reporter.checkpoint()
            waited = 0.0 if arrival.take_news() else waited + 1.0
            if waited >= _PATIENCE:
                raise DataError(f"{path.name}: was not sent within {_PATIENCE:g} s; expected a client that answers")
            if waited and waited % _ASK_AGAIN == 0:
                ask(sha256)
        if arrival.refusal:
            raise DataError(f"{path.name}: {arrival.refusal}")
        if file_sha256(Path(name)) != sha256:
            raise DataError(f"{path.name}: arrived with another sha256; expected the file as the sweep began with it")
        Path(name).replace(path)
    finally:
        with _arrivals_lock:
            _arrivals[sha256].remove(arrival)
            arrival.close()
        Path(name).unlink(missing_ok=True)


class _Arrival:
    """A file that is under way to this process.

    Args:
        handle: of the open file that it goes into.

    Attributes:
        is_complete: set once the last piece is there, or none will come.
        refusal: why none will come; empty otherwise.
    """

    def __init__(self, handle: int) -> None:
        self.is_complete = threading.Event()
        self.refusal = ""
        self._handle: int | None = handle
        self._news = False

    def take(self, place: int, piece: bytes, *, is_last: bool) -> None:
        """Write a piece where it belongs; one that comes twice is written twice."""
        if self._handle is None:
            return
        os.pwrite(self._handle, piece, place)
        self._news = True
        if is_last:
            self.is_complete.set()

    def take_news(self) -> bool:
        """Whether something came since this was asked last."""
        news, self._news = self._news, False
        return news

    def close(self) -> None:
        """Take nothing more."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


_arrivals: dict[str, list[_Arrival]] = {}
_arrivals_lock = threading.Lock()


def deliver(sha256: str, place: int, piece: bytes, is_last: bool) -> None:
    """Take a piece of a file; called in a worker by the client."""
    with _arrivals_lock:
        for arrival in _arrivals.get(sha256, ()):
            try:
                arrival.take(place, piece, is_last=is_last)
            except OSError as problem:
                arrival.refusal = f"cannot be kept ({problem.strerror}); expected room for the inputs"
                arrival.is_complete.set()


def refuse(sha256: str, sentence: str) -> None:
    """Say that a file will not come; called in a worker by the client."""
    with _arrivals_lock:
        for arrival in _arrivals.get(sha256, ()):
            arrival.refusal = sentence
            arrival.is_complete.set()
