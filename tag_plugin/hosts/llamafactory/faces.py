"""Checks of what the model gets to see: the picture of a row, and what the host makes of it."""

from pathlib import Path
from typing import Any

import torch
from PIL import Image

from tag_plugin.data.picture import whole_pictures_only
from tag_plugin.facs.boxes import FACE_FRAME

_SIDE = (FACE_FRAME, FACE_FRAME)


class FaceGridError(ValueError):
    """The host resizes the face frame; boxes would then mean other places in evaluation."""


def face_problem(path: Path) -> str | None:
    """Why the file cannot be a TAG row's picture, or None. Reads the whole file once."""
    try:
        with Image.open(path) as image:
            if image.size != _SIDE or image.mode != "RGB":
                width, height = image.size
                return (
                    f"is {width}x{height} {image.mode}, not {FACE_FRAME}x{FACE_FRAME} RGB; "
                    "next: tag-plugin prepare"
                )
            image.draft("RGB", (1, 1))  # a JPEG is read to its end, but at an eighth of the size
            with whole_pictures_only():
                image.load()
    except FileNotFoundError:
        return "is missing; next: tag-plugin prepare"
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return f"cannot be decoded ({error}); next: tag-plugin prepare"
    return None


def check_face_grid(template: Any, processor: Any) -> None:  # noqa: ANN401  # host objects
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


def _processed_size(template: Any, processor: Any, image: Image.Image) -> tuple[int, int]:  # noqa: ANN401  # host objects
    inputs = template.mm_plugin._get_mm_inputs([image], [], [], processor)
    grid = inputs.get("image_grid_thw")  # families without it scale every picture to one size
    if grid is None:
        return _SIDE
    _, height, width = (int(side) for side in grid[0])
    patch = int(processor.image_processor.patch_size)
    return (width * patch, height * patch)
