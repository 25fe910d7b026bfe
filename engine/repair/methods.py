"""The repair methods by name. A new method is a file and an entry here; others come from installed packages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from bdtui.engine.errors import OptionError
from bdtui.engine.lazy_names import lazy_function
from bdtui.engine.machine.library_words import plain_detail

if TYPE_CHECKING:
    from bdtui.engine.repair.method import RepairedNetwork, RepairFunction, RepairInput

ENTRY_POINTS = "bdtui.repairs"
"""Where installed packages name methods of theirs: each entry point is a `RepairMethod`."""
SHRINK_DISTIL, SCRATCH, AUTO = "shrink-distil", "scratch", "auto"
AUTO_DOES = "scratch and shrink-distil, then costlier ones while transfer or accuracy falls short"
_ON_CLEAN = "clean images"


@dataclass(frozen=True)
class RepairMethod:
    """A way to repair a network.

    Attributes:
        name: as ``--repair`` takes it.
        description: what it does, one line for a person.
        needs: what it needs besides B, for a person.
        cost: work by default, in training steps on as many images as a batch has; 0 for next to nothing.
        load: gives the function; imports it only then.
        source: the paper, or where it was measured.
        needs_triggers: whether triggers are to be reversed for it first.
    """

    name: str
    description: str
    needs: str
    cost: int
    load: Callable[[], RepairFunction] = field(repr=False)
    source: str = ""
    needs_triggers: bool = False

    def run(self, given: RepairInput) -> RepairedNetwork:
        """Repair a network.

        Raises:
            Interrupted: the reporter requested a stop.
            InputError: the method cannot work with this network or these images.
        """
        return self.load()(given)


def _of(module: str) -> Callable[[], RepairFunction]:
    return lazy_function(f"bdtui.engine.repair.{module}", "repair")


METHODS: dict[str, RepairMethod] = {
    method.name: method
    for method in (
        RepairMethod(
            SHRINK_DISTIL,
            "a partly fresh start, B's answers where they are right, random changes",
            _ON_CLEAN,
            2000,
            _of("shrink_distil"),
            "docs/repairs.md",
        ),
        RepairMethod(
            "shrink-distil+universal",
            "shrink-distil, and what fools the network as it now is",
            _ON_CLEAN,
            2500,
            _of("shrink_distil_universal"),
            "docs/repairs.md",
        ),
        RepairMethod(
            "shrink-distil+reversed",
            "shrink-distil, and triggers that a detector reverses first",
            _ON_CLEAN,
            3500,
            _of("shrink_distil_reversed"),
            "docs/repairs.md",
            needs_triggers=True,
        ),
        RepairMethod(
            "fresh-student",
            "a fresh network that learns from B's answers where they are right",
            _ON_CLEAN,
            2000,
            _of("fresh_student"),
            "docs/repairs.md",
        ),
        RepairMethod(
            "ensemble",
            "shrink-distil with three seeds, then one network on the mean of their answers",
            _ON_CLEAN,
            8500,
            _of("ensemble"),
            "docs/repairs.md",
        ),
        RepairMethod(SCRATCH, "a fresh network without B (baseline)", _ON_CLEAN, 1800, _of("scratch")),
        RepairMethod("fine-tuning", "B goes on learning from clean images", _ON_CLEAN, 1000, _of("fine_tuning")),
        RepairMethod(
            "fine-pruning",
            "prune inactive channels, then fine-tune what is left",
            f"{_ON_CLEAN}, a layer that can be pruned",
            1000,
            _of("fine_pruning"),
            "Liu et al. 2018",
        ),
        RepairMethod(
            "adversarial-unlearning",
            "learn true labels under shared perturbations",
            _ON_CLEAN,
            3000,
            _of("adversarial_unlearning"),
            "Zeng et al. 2022 (I-BAU)",
        ),
        RepairMethod(
            "ft-sam", "fine-tune with sharpness-aware steps", _ON_CLEAN, 2000, _of("ft_sam"), "Zhu et al. 2023"
        ),
        RepairMethod(
            "anp",
            "prune channels that are sensitive to noise on the weights",
            _ON_CLEAN,
            3000,
            _of("anp"),
            "Wu and Wang 2021",
        ),
        RepairMethod(
            "clp",
            "prune channels with the largest Lipschitz constants",
            "only B; clean images measure it",
            0,
            _of("clp"),
            "Zheng et al. 2022",
        ),
        RepairMethod(
            "nad",
            "distil the attention maps of a fine-tuned copy",
            f"{_ON_CLEAN}, convolutions",
            2500,
            _of("nad"),
            "Li et al. 2021",
        ),
    )
}
"""Those of bdtui, in the order in which they are listed."""


def all_methods() -> dict[str, RepairMethod]:
    """The methods of bdtui and of installed packages, by name."""
    return {**_installed()[0], **METHODS}


def broken_methods() -> dict[str, str]:
    """Methods of installed packages that cannot be used, by the name of their entry point, and why."""
    return {name: why for name, why in _installed()[1].items() if name not in METHODS}


@cache
def _installed() -> tuple[dict[str, RepairMethod], dict[str, str]]:
    found, broken = {}, {}
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            method = entry.load()
        except Exception as problem:
            # Whatever a package does wrong, runs that do not ask for its repair go on.
            broken[entry.name] = (
                f"{_package_of(entry)} cannot be imported ({type(problem).__name__}: {plain_detail(problem, 200)})"
            )
            continue
        if isinstance(method, RepairMethod):
            found[method.name] = method
        else:
            broken[entry.name] = f"{_package_of(entry)} names something other than a RepairMethod there ({entry.value})"
    return found, broken


def _package_of(entry: EntryPoint) -> str:
    return "an installed package" if entry.dist is None else f"the package {entry.dist.name}"


def find_method(name: str) -> RepairMethod:
    """The method of a name.

    Raises:
        OptionError: there is none, or its package is broken.
    """
    methods, broken = all_methods(), broken_methods()
    if name not in methods and name in broken:
        raise OptionError(f"the repair {name!r} cannot be used: {broken[name]}")
    if name not in methods:
        raise OptionError(f"there is no repair {name!r}; expected {AUTO} or one of {', '.join(methods)}")
    return methods[name]


def training_steps(names: Sequence[str]) -> int:
    """About how many steps of training repairs take, each done once; ``auto`` its first two: often that is all.

    Raises:
        OptionError: there is no repair of one of the names.
    """
    methods = dict.fromkeys(each for name in names for each in ((SCRATCH, SHRINK_DISTIL) if name == AUTO else (name,)))
    return sum(find_method(each).cost for each in methods)


def needs_triggers(name: str) -> bool:
    """Whether triggers are to be reversed for a method; False where there is none of that name."""
    method = all_methods().get(name)
    return method is not None and method.needs_triggers


def check_methods(names: Sequence[str]) -> None:
    """Raise `OptionError` where there is no method of one of the names; ``auto`` is one."""
    for name in names:
        if name != AUTO:
            find_method(name)


def asked_methods(names: Sequence[str] | None) -> tuple[str, ...]:
    """The repairs to carry out, each once: ``scratch`` first, since the others are held against it, and with ``auto`` always.

    Args:
        names: of methods, or ``auto``; ``none`` stands for nothing.

    Raises:
        OptionError: there is no repair of one of the names.
    """
    asked = tuple(dict.fromkeys(name for name in names or () if name != "none"))
    check_methods(asked)
    first = (SCRATCH,) if AUTO in asked or SCRATCH in asked else ()
    return (*first, *(name for name in asked if name != SCRATCH))
