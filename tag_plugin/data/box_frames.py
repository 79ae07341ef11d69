"""In which frame each model family writes boxes: that of its pre-training, with the source."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tag_plugin.facs.boxes import BoxFrame


@dataclass(frozen=True, slots=True)
class Family:
    """Models that were pre-trained alike: the frame of their boxes, and who says so."""

    frame: BoxFrame
    source: str


FAMILIES: Final[Mapping[str, Family]] = {
    "qwen2_vl": Family(BoxFrame.RELATIVE, "Qwen2-VL is pre-trained on boxes relative to 1000"),
    "qwen2_5_vl": Family(
        BoxFrame.ABSOLUTE,
        "Qwen2.5-VL is pre-trained on pixels of the resized image, here the 448 face frame",
    ),
    "qwen3_vl": Family(BoxFrame.RELATIVE, "Qwen3-VL went back to boxes relative to 1000"),
    "internvl": Family(BoxFrame.RELATIVE, "InternVL is pre-trained on boxes relative to 1000"),
    "llava": Family(
        BoxFrame.RELATIVE,
        "LLaVA is pre-trained on relative boxes (as fractions); whole numbers of 1000 are nearest",
    ),
    "glm4v": Family(
        BoxFrame.RELATIVE, "GLM-4.1V and GLM-4.5V are pre-trained on boxes relative to 1000"
    ),
}
"""Name of a family -> its frame; every host reads this one table."""
