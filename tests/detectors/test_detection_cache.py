"""A picture is measured once by each detector, whatever process asks, and however often."""

import multiprocessing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tag_plugin.data.face_frame import ImageError
from tag_plugin.data.rows import DetectorInfo, Row, write_rows
from tag_plugin.detectors.base import Detector, FaceImage, ImageDetector, ReadImage
from tag_plugin.detectors.detection_cache import DetectionCache
from tag_plugin.detectors.from_rows import CachedDetector
from tag_plugin.facs.boxes import FACE_FRAME, Box
from tag_plugin.facs.detections import Detection, Detections

SUPPORTED = frozenset({4, 12})


class BrightnessDetector(ImageDetector):
    """AU12 where the picture is bright; no face in a black one. Counts what it is asked."""

    supported = SUPPORTED

    def __init__(self, version: str = "1", model: str | None = None) -> None:
        self.info = DetectorInfo(name="brightness", version=version, model_sha256=model)
        self.asked = 0

    def detect(self, image: FaceImage) -> Detections | None:
        self.asked += 1
        if not image.any():
            return None
        smile = Detection(au=12, probability=float(image.mean() / 255), box=Box(1, 2, 3, 4))
        return Detections(detections=(smile,), supported=SUPPORTED)


class Joined(Detector):
    """Looks at the picture and at the id, as an ensemble may."""

    supported = SUPPORTED
    info = DetectorInfo(name="joined", version="1")

    def __init__(self) -> None:
        self.asked = 0

    def detect_row(self, row: Row, read: ReadImage) -> Detections | None:
        self.asked += 1
        found = Detection(au=4, probability=len(row.id) / 10, box=Box(1, 2, 3, 4))
        return Detections(detections=(found,), supported=SUPPORTED) if read().any() else None


def row(name: str = "a") -> Row:
    return Row(
        id=name, dataset="synth", split="train", image="a.png", label="anger", label_set="synth"
    )


def picture(path: Path, level: int) -> Path:
    Image.new("RGB", (FACE_FRAME, FACE_FRAME), (level, level, level)).save(path)
    return path


def files(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.rglob("*") if each.is_file())


def test_the_same_bytes_are_measured_once(tmp_path: Path):
    opened = BrightnessDetector()
    memory = DetectionCache(opened, tmp_path / "memory")
    one, copy = picture(tmp_path / "1.png", 200), picture(tmp_path / "2.png", 200)
    first = memory.detect(row("a"), one)
    second = DetectionCache(opened, tmp_path / "memory").detect(row("b"), copy)
    assert first.detector == second.detector == opened.info
    assert first.detections == second.detections == opened.detect(np.full((1, 1), 200, np.uint8))
    assert opened.asked == 2  # the last line asked as well
    assert (first.id, second.id) == ("a", "b")


def test_no_face_is_remembered_too(tmp_path: Path):
    opened = BrightnessDetector()
    memory = DetectionCache(opened, tmp_path / "memory")
    black = picture(tmp_path / "black.png", 0)
    for _ in range(2):
        seen = memory.detect(row(), black)
        assert seen.detections is None
        assert seen.detector == opened.info
    assert opened.asked == 1


@pytest.mark.parametrize("other", [BrightnessDetector("2"), BrightnessDetector("1", "0" * 64)])
def test_another_version_or_model_measures_anew(other: BrightnessDetector, tmp_path: Path):
    face = picture(tmp_path / "1.png", 200)
    for opened in (BrightnessDetector(), other):
        DetectionCache(opened, tmp_path / "memory").detect(row(), face)
        assert opened.asked == 1


def test_another_picture_of_the_same_name_is_measured_anew(tmp_path: Path):
    opened = BrightnessDetector()
    memory = DetectionCache(opened, tmp_path / "memory")
    found = [memory.detect(row(), picture(tmp_path / "1.png", level)) for level in (200, 100)]
    assert opened.asked == 2
    assert found[0].detections != found[1].detections


def test_a_detector_that_goes_by_ids_is_not_remembered(tmp_path: Path):
    """It speaks in another detector's name: what its file says must not become that one's word."""
    info = BrightnessDetector().info
    write_rows(tmp_path / "seen.jsonl", [row("a").model_copy(update={"detector": info})])
    memory = DetectionCache(CachedDetector(tmp_path / "seen.jsonl"), tmp_path / "memory")
    assert memory.detect(row("a"), picture(tmp_path / "1.png", 200)).detector == info
    assert files(tmp_path / "memory") == []


def test_an_ensemble_is_remembered_by_picture_and_id(tmp_path: Path):
    opened, face = Joined(), picture(tmp_path / "1.png", 200)
    memory = DetectionCache(opened, tmp_path / "memory")
    found = [memory.detect(row(name), face).detections for name in ("a", "abc", "a")]
    assert [each.detections[0].probability for each in found if each] == [0.1, 0.3, 0.1]
    assert opened.asked == 2


def test_half_a_file_is_measured_again(tmp_path: Path):
    opened = BrightnessDetector()
    memory = DetectionCache(opened, tmp_path / "memory")
    face = picture(tmp_path / "1.png", 200)
    whole = memory.detect(row(), face)
    (file,) = (tmp_path / "memory").glob("*/*/*.json")
    file.write_bytes(file.read_bytes()[:20])
    assert memory.detect(row(), face) == whole
    assert memory.detect(row(), face) == whole
    assert opened.asked == 2


def test_a_missing_picture_is_named(tmp_path: Path):
    memory = DetectionCache(BrightnessDetector(), tmp_path / "memory")
    with pytest.raises(ImageError, match=r"gone\.png: No such file"):
        memory.detect(row(), tmp_path / "gone.png")


def _measure_all(job: tuple[Path, Path]) -> list[Detections | None]:
    pictures, memory = job
    remembering = DetectionCache(BrightnessDetector(), memory)
    return [remembering.detect(row(), each).detections for each in sorted(pictures.glob("*.png"))]


def test_several_processes_write_at_the_same_time(tmp_path: Path):
    """Four processes, the same 30 pictures: the same answers, no file but whole ones."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for level in range(30):
        picture(pictures / f"{level:02}.png", 8 * level)
    job = (pictures, tmp_path / "memory")
    with multiprocessing.get_context("fork").Pool(4) as pool:
        found = pool.map(_measure_all, [job] * 4, chunksize=1)
    assert found[0][0] is None
    assert all(each == found[0] for each in found)
    assert len(files(job[1])) == 31  # and detector.json
    assert all(name.endswith(".json") for name in files(job[1]))
