"""The benchmarks: where each is given out, under which terms, and how it is prepared."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tag_plugin.data.rows import SPLITS, Split


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One dataset that `tag-plugin prepare` knows.

    Attributes:
        label_set: its labels, by name.
        source: what follows `tag-plugin prepare`.
        access: who gives it out, and where; empty where it is made here.
        licence: under which terms.
        required: how it must have been prepared; another preparation is another benchmark.
        splits: those that it has.
        detector: the detector that knows its faces, where it is not any.
    """

    label_set: str
    source: str
    access: str
    licence: str
    required: Mapping[str, str] = field(default_factory=dict)
    splits: tuple[Split, ...] = SPLITS
    detector: str = ""

    @property
    def command(self) -> str:
        """How it is prepared."""
        return f"tag-plugin prepare {self.source}"


_ON_REQUEST: Final = "non-commercial research, on request from its authors; do not pass it on"
_RAFDB: Final = (
    "RAF-DB is given out on request, with an institutional address: "
    "http://www.whdeng.cn/RAF/model1.html"
)
_FERPLUS: Final = (
    "the labels: https://github.com/microsoft/FERPlus, the pictures: fer2013.csv of the FER2013 "
    "challenge"
)
_FERPLUS_TERMS: Final = "FERPlus labels: MIT; the pictures come with FER2013's own terms"
_AFFECTNET: Final = (
    "AffectNet is given out on request: https://mohammadmahoor.com/pages/databases/affectnet/"
)

BENCHMARKS: Final[Mapping[str, Benchmark]] = {
    "rafdb": Benchmark(
        "rafdb",
        "rafdb --root DIR",
        _RAFDB,
        f"RAF-DB: {_ON_REQUEST}",
        {"images": "aligned"},
    ),
    "ferplus": Benchmark(
        "ferplus", "ferplus --root DIR", _FERPLUS, _FERPLUS_TERMS, {"rule": "majority"}
    ),
    "ferplus_argmax": Benchmark(
        "ferplus",
        "ferplus --rule argmax --root DIR",
        _FERPLUS,
        _FERPLUS_TERMS,
        {"rule": "argmax"},
    ),
    "affectnet7": Benchmark(
        "affectnet7",
        "affectnet --classes 7 --root DIR",
        _AFFECTNET,
        f"AffectNet: {_ON_REQUEST}",
    ),
    "affectnet8": Benchmark(
        "affectnet8",
        "affectnet --classes 8 --root DIR",
        _AFFECTNET,
        f"AffectNet: {_ON_REQUEST}",
    ),
    "synth": Benchmark(
        "synth",
        "synth",
        "",
        "procedural drawings of this project: Apache-2.0",
        detector="synthetic",
    ),
}
"""Name of a dataset's folder -> the benchmark; the one table."""
