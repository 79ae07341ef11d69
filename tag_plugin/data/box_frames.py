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


_LIKE_QWEN3_VL: Final = "boxes relative to 1000, as Qwen3-VL (ms-swift: norm1000)"

FAMILIES: Final[Mapping[str, Family]] = {
    "qwen2_vl": Family(BoxFrame.RELATIVE, "Qwen2-VL is pre-trained on boxes relative to 1000"),
    "qwen2_5_vl": Family(
        BoxFrame.ABSOLUTE,
        "Qwen2.5-VL is pre-trained on pixels of the resized image, here the 448 face frame",
    ),
    "qwen2_5_omni": Family(
        BoxFrame.ABSOLUTE, "pixels of the resized image, as Qwen2.5-VL (ms-swift)"
    ),
    "qwen3_vl": Family(BoxFrame.RELATIVE, "Qwen3-VL went back to boxes relative to 1000"),
    "qwen3_5": Family(BoxFrame.RELATIVE, _LIKE_QWEN3_VL),
    "qwen3_omni": Family(BoxFrame.RELATIVE, _LIKE_QWEN3_VL),
    "mimo_vl": Family(BoxFrame.ABSOLUTE, "pixels of the resized image, as Qwen2.5-VL (ms-swift)"),
    "internvl": Family(BoxFrame.RELATIVE, "InternVL is pre-trained on boxes relative to 1000"),
    "interns1": Family(BoxFrame.RELATIVE, "boxes relative to 1000, as InternVL (ms-swift)"),
    "minicpm_v": Family(
        BoxFrame.RELATIVE, "its authors: boxes relative to 1000 (OpenBMB/MiniCPM-V#982, #772)"
    ),
    "kimi_vl": Family(
        BoxFrame.FRACTION, "its users see fractions of three decimals (MoonshotAI/Kimi-VL#56, #52)"
    ),
    "llava": Family(
        BoxFrame.RELATIVE,
        "LLaVA is pre-trained on relative boxes; TAG writes them as whole numbers of 1000",
    ),
    "glm4v": Family(
        BoxFrame.RELATIVE, "GLM-4.1V and GLM-4.5V are pre-trained on boxes relative to 1000"
    ),
}
"""Name of a family -> its frame; every host reads this one table. Others must be told theirs."""
