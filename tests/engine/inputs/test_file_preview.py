"""A file's content is summed up in a few words; no link is followed, and no file makes it fail."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import h5py
import numpy as np
import pytest

from bdtui.engine.inputs import file_preview as catalogue
from bdtui.engine.inputs import recipe, zip_files
from bdtui.engine.inputs.file_preview import look_at
from bdtui.engine.settings import RunSettings

SAMPLE = Path(str(files("bdtui.sample_data")))
LEGACY = Path(__file__).parents[2] / "data" / "legacy"


def images(path: Path, shape: tuple[int, ...] = (6, 5, 4, 3), dtype: str = "u1", label: object = None) -> Path:
    with h5py.File(path, "w") as file:
        file["data"] = np.zeros(shape, dtype)
        file["label"] = np.arange(shape[0]) % 3 if label is None else label
    return path


@pytest.mark.parametrize(
    ("path", "kind", "summary"),
    [
        (SAMPLE / "bd_net.h5", "model", "whole Keras model · 1.7 MB"),
        (SAMPLE / "cl" / "valid.h5", "images", "616 images of 55×47×3 · uint8 · 44 classes"),
        (SAMPLE / "bd" / "bd_valid.h5", "images", "430 images of 55×47×3 · uint8 · 1 class"),
        (LEGACY / "tfkeras_functional.keras", "model", "whole Keras model · 41 kB"),
        (LEGACY / "keras20_sequential_bare_list.h5", "model", "whole Keras model · 61 kB"),
        (LEGACY / "tfkeras_functional_weights.h5", "weights", "weights alone · 4 layers · 28 kB"),
        (LEGACY / "tfkeras_functional.json", "architecture", "architecture alone · 11 layers"),
    ],
)
def test_real_files_are_told_apart(path: Path, kind: str, summary: str) -> None:
    found = look_at(path)
    assert found is not None
    assert (found.path, found.kind, found.summary) == (path, kind, summary)


def test_weights_as_keras_3_stores_them(tmp_path: Path) -> None:
    path = tmp_path / "net.weights.h5"
    with zipfile.ZipFile(LEGACY / "tfkeras_functional.keras") as archive:
        path.write_bytes(archive.read("model.weights.h5"))
    found = look_at(path)
    assert found is not None
    assert found.kind == "weights"


def test_a_file_is_known_by_its_content_and_not_by_its_suffix(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    path.write_bytes((LEGACY / "tfkeras_functional.keras").read_bytes())
    found = look_at(path)
    assert found is not None
    assert found.kind == "model"


@pytest.mark.parametrize(
    ("shape", "shown"),
    [
        ((1283, 3, 55, 47), "1,283 images of 55×47×3"),
        ((2, 55, 47, 3), "2 images of 55×47×3"),
        ((2, 3, 8, 3), "2 images of 3×8×3"),
        ((2, 12, 12), "2 images of 12×12"),
        ((1, 30), "1 image of 30"),
    ],
)
def test_images_are_shown_channel_last_where_that_can_be_told(
    tmp_path: Path, shape: tuple[int, ...], shown: str
) -> None:
    found = look_at(images(tmp_path / "a.h5", shape))
    assert found is not None
    assert found.summary.startswith(shown + " ·")


def test_one_hot_labels_have_as_many_classes_as_columns(tmp_path: Path) -> None:
    found = look_at(images(tmp_path / "a.h5", label=np.eye(6, 9)))
    assert found is not None
    assert found.summary.endswith("9 classes")


def test_labels_in_a_column_are_counted(tmp_path: Path) -> None:
    found = look_at(images(tmp_path / "a.h5", label=np.array([[0], [1], [1], [0], [7], [7]])))
    assert found is not None
    assert found.summary.endswith("uint8 · 3 classes")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_archive_of_arrays_is_summed_up_by_its_headers(tmp_path: Path, save: Callable[..., None]) -> None:
    save(tmp_path / "mnist.npz", x_test=np.zeros((20, 28, 28), "u1"), y_test=np.arange(20) % 10)
    found = look_at(tmp_path / "mnist.npz")
    assert found is not None
    assert (found.kind, found.summary) == ("images", "20 images of 28×28 · uint8 · 10 classes")


def test_images_under_other_names_are_known(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["test_set_x"], file["test_set_y"] = np.zeros((6, 4, 4, 3), "u1"), np.arange(6) % 2
    found = look_at(tmp_path / "a.h5")
    assert found is not None
    assert found.summary == "6 images of 4×4×3 · uint8 · 2 classes"


def pictures(folder: Path) -> Path:
    from PIL import Image

    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(folder / name / "1.PNG")
    return folder


def test_a_folder_with_one_sub_folder_a_class_is_known_and_those_around_it_are_not(tmp_path: Path) -> None:
    found = look_at(pictures(tmp_path / "set" / "test"))
    assert found is not None
    assert (found.kind, found.summary) == ("images", "pictures · 2 classes")
    pictures(tmp_path / "set" / "train")
    for other in (tmp_path, tmp_path / "set", tmp_path / "set" / "test" / "cat"):
        assert look_at(other) is None


def test_folders_of_runs_are_no_pictures(tmp_path: Path) -> None:
    """Each has a figure among its results."""
    from PIL import Image

    for name in ("net-20250101-101010", "net-20250102-101010"):
        run = tmp_path / "bdtui-runs" / name
        run.mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(run / "curve.png")
        for other in (".hidden.png", "results.json", "report.md"):
            (run / other).touch()
    assert look_at(tmp_path / "bdtui-runs") is None


def test_a_list_of_names_is_offered_for_the_classes(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_text("0 ant\n1 bee\n2 cat\n3 dog\n")
    found = look_at(path)
    assert found is not None
    assert (found.kind, found.summary) == ("class_names", "4 names · ant, bee, cat, …")


def test_classes_of_millions_of_labels_are_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_MOST_LABELS", 5)
    found = look_at(images(tmp_path / "a.h5"))
    assert found is not None
    assert found.summary == "6 images of 5×4×3 · uint8"


def test_labels_that_unpack_to_gigabytes_are_not_unpacked(tmp_path: Path) -> None:
    path = images(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        del file["label"]
        file.create_dataset("label", (6,), "i8", chunks=(2**28,), maxshape=(None,), compression="gzip")
    found = look_at(path)
    assert found is not None
    assert "class" not in found.summary


def test_pixels_are_never_read(tmp_path: Path) -> None:
    path = images(tmp_path / "a.h5")
    read: list[str] = []
    original = h5py.Dataset.__getitem__

    def spy(self: h5py.Dataset, *arguments: object, **options: object) -> object:
        read.append(self.name)
        return original(self, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(h5py.Dataset, "__getitem__", spy)
        assert look_at(path) is not None
    assert read == ["/label"]


def test_a_recipe_is_one_that_can_be_replayed(tmp_path: Path) -> None:
    from bdtui.engine.inputs.recipe import write_recipe_text

    path = tmp_path / "recipe.toml"
    path.write_text(write_recipe_text(RunSettings(model=Path("bd_net.h5"), clean_valid=Path("valid.h5")), {}))
    found = look_at(path)
    assert found is not None
    assert (found.kind, found.summary) == ("recipe", "recipe · bd_net.h5")
    path.write_text("[project]\nname = 'x'\n")
    assert look_at(path) is None


def linked(link: Callable[[Path], object]) -> Callable[[Path], None]:
    def build(path: Path) -> None:
        elsewhere = images(path.with_name("elsewhere.bin"))
        with h5py.File(path, "w") as file:
            file["data"] = link(elsewhere)
            file["label"] = np.zeros(6, int)

    return build


def virtual(path: Path) -> None:
    elsewhere = images(path.with_name("elsewhere.bin"))
    with h5py.File(path, "w") as file:
        layout = h5py.VirtualLayout((6, 5, 4, 3), "u1")
        layout[:] = h5py.VirtualSource(elsewhere, "data", (6, 5, 4, 3))
        file.create_virtual_dataset("data", layout)
        file["label"] = np.zeros(6, int)


def absent_content(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("data", (2**40, 3), "u1", chunks=(1024, 3))
        file["label"] = np.zeros(6, int)


def zip_without_model(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")


def truncated(path: Path) -> None:
    path.write_bytes((SAMPLE / "bd_net.h5").read_bytes()[:100_000])


@pytest.mark.parametrize(
    ("name", "build"),
    [
        ("empty.h5", Path.touch),
        ("text.h5", lambda path: path.write_text("no HDF5")),
        ("damaged.h5", truncated),
        ("external.h5", linked(lambda other: h5py.ExternalLink(str(other), "data"))),
        ("soft.h5", linked(lambda other: h5py.SoftLink("/label"))),
        ("virtual.h5", virtual),
        ("absent.h5", absent_content),
        ("texts.h5", lambda path: images(path, label=[b"a"] * 6) and images(path, (6,))),
        ("no-label.h5", lambda path: h5py.File(path, "w").close()),
        ("zip.keras", zip_without_model),
        ("broken.keras", lambda path: path.write_bytes(b"PK\x03\x04" + bytes(100))),
        ("list.json", lambda path: path.write_text('["class_name", {}]')),
        ("other.json", lambda path: path.write_text('{"schema": 1}')),
        ("deep.json", lambda path: path.write_text('{"class_name": ' + "[" * 200_000)),
        ("number.json", lambda path: path.write_text('{"class_name": "Functional", "config": 3}')),
        ("bytes.json", lambda path: path.write_bytes(b'{"class_name": "\xff')),
        ("prose.txt", lambda path: path.write_text("A first line.\n\nAnother one.\n")),
        ("twice.txt", lambda path: path.write_text("a\nb\na\n")),
        ("bytes.txt", lambda path: path.write_bytes(b"a\nb\xff\n")),
        ("empty.txt", Path.touch),
        ("pipe.txt", os.mkfifo),
        ("bad.toml", lambda path: path.write_text("= 3")),
        ("empty.toml", Path.touch),
        ("folder.h5", Path.mkdir),
        ("pipe.h5", os.mkfifo),
        ("pipe.json", os.mkfifo),
        ("ring.h5", lambda path: path.symlink_to(path)),
        ("gone.h5", lambda path: None),
        ("x" * 300 + ".h5", lambda path: None),
    ],
)
def test_unsupported_files_preview_as_none_without_an_error(
    tmp_path: Path, name: str, build: Callable[[Path], object]
) -> None:
    build(tmp_path / name)
    assert look_at(tmp_path / name) is None


@pytest.mark.parametrize("keys", [("data", "label"), ("model_weights",), ("layers",)])
def test_an_external_link_is_not_followed(tmp_path: Path, keys: tuple[str, ...]) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)  # whoever opened it would wait for ever
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        for key in keys:
            file[key] = h5py.ExternalLink(str(pipe), key)
    program = f"from bdtui.engine.inputs.file_preview import look_at\nprint(look_at(__import__('pathlib').Path({str(path)!r})))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "None"


def test_a_zip_file_with_a_vast_table_of_contents_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    path = LEGACY / "tfkeras_functional.keras"
    assert look_at(path) is not None
    monkeypatch.setattr(zip_files, "_LARGEST_LIST", 100)
    assert look_at(path) is None


@pytest.mark.parametrize(
    ("module", "limit", "suffix"), [(catalogue, "_LARGEST_JSON", ".json"), (recipe, "_LARGEST", ".toml")]
)
def test_a_text_that_is_too_long_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: ModuleType, limit: str, suffix: str
) -> None:
    path = tmp_path / f"a{suffix}"
    config = {"class_name": "Functional", "config": {"layers": []}}
    path.write_text(json.dumps(config) if suffix == ".json" else 'layer = "pool_3"')
    assert look_at(path) is not None
    monkeypatch.setattr(module, limit, 10)
    assert look_at(path) is None


def test_preview_imports_no_tensorflow_and_h5py_only_when_used() -> None:
    program = f"""
import sys
from pathlib import Path
from bdtui.engine.inputs.file_preview import look_at
assert not sys.modules.keys() & {{"h5py", "numpy", "tensorflow", "keras"}}
assert look_at(Path({str(SAMPLE / "bd_net.h5")!r})).kind == "model"
assert not sys.modules.keys() & {{"tensorflow", "keras"}}
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize(
    ("content", "summary"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(8) + struct.pack(">II", 16, 12), "picture of 12×16 pixels · a trigger"),
        (b"\x89PNG\r\n\x1a\n" + bytes(8) + struct.pack(">II", 4000, 12), None),
        (b"\x89PNG\r\n\x1a\n" + bytes(8) + struct.pack(">II", 0, 12), None),
        (b"\x89PNG", None),
        (b"no picture of anything in the world", None),
    ],
)
def test_a_small_picture_may_be_a_trigger(tmp_path: Path, content: bytes, summary: str | None) -> None:
    (tmp_path / "any.png").write_bytes(content)
    found = look_at(tmp_path / "any.png")
    assert (None if found is None else found.summary) == summary
