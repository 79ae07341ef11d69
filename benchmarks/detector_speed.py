"""Detector speed: ours beside a bare MediaPipe loop, and two processes beside one.

    python benchmarks/detector_speed.py [--images DIR] [--count 900] [--rounds 7]

Without --images, the images are shifted crops of a public-domain photograph (scikit-image's
astronaut). A bare loop is `mediapipe.Image` + `FaceLandmarker.detect`, with the same model and
options; it gives neither AUs nor boxes, and it never tries again when no face was found. It is
measured on the pictures as they are, and inside the border that ours looks at first: a border
finds more faces and makes a larger picture. Both are measured in processor time (a core), the
processes in wall-clock time, which needs two idle cores.

Everything is paired: in a round the two sides follow each other on the same images, in turns which
comes first, and what counts is the median of the rounds' ratios, so that a busy moment costs one
round and not the result. Prints JSON.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain, cycle, islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
from PIL import Image

from tag_plugin.data.face_frame import face_frame, read_face, write_face
from tag_plugin.data.picture import open_picture
from tag_plugin.detectors.base import FaceImage
from tag_plugin.detectors.face_landmarker_model import find_model
from tag_plugin.detectors.mediapipe import MediapipeDetector
from tag_plugin.detectors.padding import PADDINGS, border_of, padded
from tag_plugin.detectors.quiet import quiet_stderr
from tag_plugin.facs.boxes import FACE_FRAME
from tag_plugin.pipeline.parallel import ordered_map
from tag_plugin.pipeline.parts import batches

Rates = tuple[float, float]


def photographs(directory: Path | None, count: int) -> list[FaceImage]:
    """`count` face frames: from a directory, or generated."""
    if directory is None:
        return list(islice(_astronauts(), count))
    paths = sorted(p for p in directory.iterdir() if p.suffix.lower() in {".jpg", ".png"})
    return [np.array(face_frame(open_picture(path))) for path in islice(cycle(paths), count)]


def _astronauts() -> Iterator[FaceImage]:
    from skimage.data import astronaut

    picture = astronaut()
    for step in cycle(range(40)):
        crop = picture[step : step + 190, 110 + step : 300 + step]
        yield cv2.resize(crop, (FACE_FRAME, FACE_FRAME), interpolation=cv2.INTER_CUBIC)


@contextmanager
def bare() -> Iterator[Callable[[FaceImage], bool]]:
    """MediaPipe alone: was a face found?"""
    import mediapipe

    tasks = mediapipe.tasks
    options = tasks.vision.FaceLandmarkerOptions(
        base_options=tasks.BaseOptions(model_asset_path=str(find_model())),
        num_faces=1,
        output_face_blendshapes=True,
    )

    def detect(image: FaceImage) -> bool:
        picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=image)
        return bool(landmarker.detect(picture).face_landmarks)

    with quiet_stderr():
        landmarker = tasks.vision.FaceLandmarker.create_from_options(options)
    with landmarker:
        yield detect


@contextmanager
def ours() -> Iterator[Callable[[FaceImage], bool]]:
    """The project's detector: was a face found?"""
    with MediapipeDetector() as detector:
        yield lambda image: detector.detect(image) is not None


def loop_rate(work: Callable[[FaceImage], bool], images: list[FaceImage]) -> float:
    """Images a second of processor time."""
    begin = time.process_time()
    for image in images:
        work(image)
    return len(images) / (time.process_time() - begin)


@contextmanager
def from_files() -> Iterator[Callable[[list[Path]], list[bool]]]:
    """What a process of `tag-plugin detect` does: read face frames, detect."""
    with ours() as work:
        yield lambda paths: [work(read_face(path)) for path in paths]


def pool_rate(paths: list[Path], workers: int) -> float:
    """Images a second through `ordered_map`, timed after a third: starting is not work."""
    results = chain.from_iterable(ordered_map(from_files, batches(paths, 8), workers))
    next(islice(results, len(paths) // 3, None))
    begin = time.perf_counter()
    rest = sum(1 for _ in results)
    return rest / (time.perf_counter() - begin)


def saved(images: list[FaceImage], directory: Path) -> list[Path]:
    """The images as face frames on disk."""
    paths = [directory / f"{number}.jpg" for number in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        write_face(path, Image.fromarray(image))
    return paths


def in_turns(first: Callable[[], float], second: Callable[[], float], rounds: int) -> list[Rates]:
    """Both rates of every round; who begins changes from round to round."""
    taken = []
    for number in range(rounds):
        if number % 2:
            late = second()
            taken.append((first(), late))
        else:
            taken.append((first(), second()))
    return taken


def summary(taken: list[Rates], names: tuple[str, str], unit: str) -> dict[str, Any]:
    """Median rates, and the median and the spread of the second's share of the first."""
    ratios = [second / first for first, second in taken]
    rates = {name: round(median(r[place] for r in taken), 1) for place, name in enumerate(names)}
    return {
        unit: rates,
        "ratio": round(median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in sorted(ratios)],
    }


def measure(images: list[FaceImage], paths: list[Path], rounds: int) -> dict[str, Any]:
    """Ours beside the bare loop in one process, then two processes beside one."""
    bordered = [padded(image, border_of(PADDINGS[0])) for image in images]
    with bare() as theirs, ours() as own:
        found = {  # warms up, too
            "bare": sum(map(theirs, images)),
            "bare inside the border": sum(map(theirs, bordered)),
            "ours": sum(map(own, images)),
        }
        our_rate = partial(loop_rate, own, images)
        loops = in_turns(partial(loop_rate, theirs, images), our_rate, rounds)
        bordered_loops = in_turns(partial(loop_rate, theirs, bordered), our_rate, rounds)
    pools = in_turns(
        partial(pool_rate, paths, 1), partial(pool_rate, paths, 2), max(2, rounds // 2)
    )
    return {
        "images": len(images),
        "faces_found": found,
        "ours_to_bare": summary(loops, ("bare", "ours"), "images_per_processor_second"),
        "ours_to_bare_inside_the_border": summary(
            bordered_loops, ("bare", "ours"), "images_per_processor_second"
        ),
        "two_workers_to_one": summary(pools, ("1 worker", "2 workers"), "images_per_second"),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=Path, help="a directory of face images")
    parser.add_argument("--count", type=int, default=900)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    images = photographs(given.images, given.count)
    with TemporaryDirectory() as directory:
        measured = measure(images, saved(images, Path(directory)), given.rounds)
    print(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
