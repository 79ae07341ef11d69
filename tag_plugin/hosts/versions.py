"""The versions that tag-plugin is tested with, compared in this one place."""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata

from packaging.specifiers import SpecifierSet
from packaging.version import Version as Number

TESTED = {
    "llamafactory": ">=0.9.5,<0.10",
    "lmms-eval": ">=0.7.3,<0.8",
    "transformers": ">=4.57,<4.58 or >=5.5,<5.6",
    "torch": ">=2.6,<2.12",
    "torchaudio": ">=2.6,<2.12",
    "accelerate": ">=1.11,<1.12",
    "trl": ">=0.24,<0.25",
    "vllm": ">=0.20,<0.24",
    "deepspeed": ">=0.16,<0.20",
    "mediapipe": ">=0.10.35",
}
"""Distribution -> tested ranges, the first of them as the extras in pyproject.toml name it."""

_WARNED = "TAG_PLUGIN_WARNED"  # inherited by child processes, so that one run warns once


@dataclass(frozen=True)
class Version:
    """An installed distribution beside its tested range."""

    distribution: str
    installed: str | None
    tested: str

    @property
    def fits(self) -> bool:
        """Whether it is installed in a version within a tested range."""
        return self.installed is not None and any(
            SpecifierSet(each).contains(self.installed, prereleases=True) for each in self.ranges
        )

    @property
    def ranges(self) -> list[str]:
        """The tested ranges, the oldest first."""
        return self.tested.split(" or ")

    @property
    def update(self) -> str | None:
        """The next tested range above what is installed; None where that is newer than all."""
        installed = Number(self.installed or "0")
        return next((each for each in self.ranges if installed < _least(each)), None)

    def __str__(self) -> str:
        return f"{self.distribution} {self.installed or 'is not installed'} (tested: {self.tested})"


def _least(tested: str) -> Number:
    (least,) = (each.version for each in SpecifierSet(tested) if each.operator in (">=", "=="))
    return Number(least)


def version(distribution: str) -> Version:
    """Reads the installed version of `distribution`, one of `TESTED`."""
    try:
        installed = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        installed = None
    return Version(distribution, installed, TESTED[distribution])


def is_transformers_5() -> bool:
    """Whether the installed transformers is of its fifth generation."""
    return int(metadata.version("transformers").partition(".")[0]) >= 5


def warn_untested(distributions: Iterable[str]) -> None:
    """Prints one line when an installed version is outside its tested range.

    Once a run: child processes inherit the mark, and of several ranks only rank 0 speaks.
    """
    told = os.environ.get(_WARNED, "").split(",")
    untold = (version(name) for name in distributions if name not in told)
    strays = [each for each in untold if each.installed is not None and not each.fits]
    os.environ[_WARNED] = ",".join([*filter(None, told), *(each.distribution for each in strays)])
    if strays and os.environ.get("RANK", "0") == "0":
        sys.stderr.write(
            f"tag-plugin: outside the tested range: {'; '.join(map(str, strays))}. "
            "It may still work; tag-plugin doctor shows what is armed.\n"
        )
