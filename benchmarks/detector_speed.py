"""Detector speed: ours beside a bare MediaPipe loop, and two processes beside one.

    python benchmarks/detector_speed.py [--images DIR] [--count 400] [--rounds 3]

Without --images, the images are shifted crops of a public-domain photograph (scikit-image's
astronaut). A bare loop is `mediapipe.Image` + `FaceLandmarker.detect`, with the same model and
options; it gives neither AUs nor boxes, and it never tries again when no face was found. Both are
measured in processor time (a core), the processes in wall-clock time, which needs two idle cores.
The timings of a round follow each other; the best round of each counts. Prints JSON.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
from PIL import Image

from tag_plugin.data.face_frame import load_face, read_face, write_face
from tag_plugin.detectors.base import FaceImage
from tag_plugin.detectors.face_landmarker_model import find_model
from tag_plugin.detectors.mediapipe import MediapipeDetector
from tag_plugin.detectors.quiet import quiet_stderr
from tag_plugin.facs.boxes import FACE_FRAME
from tag_plugin.pipeline.parallel import ordered_map


def photographs(directory: Path | None, count: int) -> list[FaceImage]:
    """`count` face frames: from a directory, or generated."""
    if directory is None:
        return list(islice(_astronauts(), count))
    paths = sorted(p for p in directory.iterdir() if p.suffix.lower() in {".jpg", ".png"})
    return [np.array(load_face(path)) for path in islice(cycle(paths), count)]


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


def loop_rate(opened: Any, images: list[FaceImage]) -> tuple[float, int]:  # noqa: ANN401
    """Images a second of processor time, and faces found; the first call is not timed."""
    with opened() as work:
        work(images[0])
        begin = time.process_time()
        found = sum(work(image) for image in images)
        return len(images) / (time.process_time() - begin), found


@contextmanager
def from_file() -> Iterator[Callable[[Path], bool]]:
    """What a process of `tag-plugin detect` does: read a face frame, detect."""
    with ours() as work:
        yield lambda path: work(read_face(path))


def pool_rate(paths: list[Path], workers: int) -> float:
    """Images a second through `ordered_map`, timed after a third: starting is not work."""
    results = ordered_map(from_file, paths, workers)
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


def measure(images: list[FaceImage], paths: list[Path], rounds: int) -> dict[str, Any]:
    """The best of `rounds` of each."""
    runs: dict[str, Callable[[], Any]] = {
        "bare": partial(loop_rate, bare, images),
        "ours": partial(loop_rate, ours, images),
        "1 worker": partial(pool_rate, paths, 1),
        "2 workers": partial(pool_rate, paths, 2),
    }
    taken = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            taken[name].append(run())
    best = {name: max(results) for name, results in taken.items()}
    (bare_rate, bare_found), (our_rate, our_found) = best["bare"], best["ours"]
    return {
        "images": len(images),
        "faces_found": {"bare": bare_found, "ours": our_found},
        "images_per_processor_second": {"bare": round(bare_rate, 1), "ours": round(our_rate, 1)},
        "images_per_second": {name: round(best[name], 1) for name in ("1 worker", "2 workers")},
        "ours_to_bare": round(our_rate / bare_rate, 3),
        "two_workers_to_one": round(best["2 workers"] / best["1 worker"], 3),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=Path, help="a directory of face images")
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    images = photographs(given.images, given.count)
    with TemporaryDirectory() as directory:
        measured = measure(images, saved(images, Path(directory)), given.rounds)
    print(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
