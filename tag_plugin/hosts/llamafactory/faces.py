"""Check of what the model gets to see: what the host makes of a face frame."""

from pathlib import Path
from typing import Any

import torch
from PIL import Image

from tag_plugin.facs.boxes import FACE_FRAME

_SIDE = (FACE_FRAME, FACE_FRAME)


class FaceGridError(ValueError):
    """The host resizes the face frame; boxes would then mean other places in evaluation."""


def picture_size(path: Path) -> int:
    """The bytes of a picture's file, which tell at each start whether it is still the same."""
    try:
        return path.stat().st_size
    except OSError:
        return -1


def check_face_grid(template: Any, processor: Any) -> None:
    """Sends a blank face frame through the host's own path and looks at the size that remains.

    Raises:
        FaceGridError: not 448x448 any more, or no processor at all.
    """
    if processor is None:
        raise FaceGridError("the model has no image processor; next: a vision-language model")
    most, least = processor.image_max_pixels, processor.image_min_pixels
    blank = Image.new("RGB", _SIDE)
    seen = template.mm_plugin._regularize_images(
        [blank], image_max_pixels=most, image_min_pixels=least
    )["images"][0].size
    if seen == _SIDE:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # the host forks next; a pool of threads would not survive it
        seen = _processed_size(template, processor, blank)
        torch.set_num_threads(threads)
    if seen != _SIDE:
        raise FaceGridError(
            f"a {FACE_FRAME}x{FACE_FRAME} face reaches the model as {seen[0]}x{seen[1]}; next: set "
            f"image_max_pixels >= {FACE_FRAME**2} (it is {most}) and image_min_pixels <= "
            f"{FACE_FRAME**2} (it is {least}) in the recipe, and let min_pixels and max_pixels of "
            "the model's preprocessor_config.json include it too"
        )


def _processed_size(template: Any, processor: Any, image: Image.Image) -> tuple[int, int]:
    inputs = template.mm_plugin._get_mm_inputs([image], [], [], processor)
    grid = inputs.get("image_grid_thw")  # families without it scale every picture to one size
    if grid is None:
        return _SIDE
    _, height, width = (int(side) for side in grid[0])
    patch = int(processor.image_processor.patch_size)
    return (width * patch, height * patch)
