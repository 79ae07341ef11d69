"""Two detectors on one AU: rate, kappa, correlation and box IoU, on hand-made faces."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from tag_plugin.data.rows import DetectorInfo, write_rows
from tag_plugin.detectors.agreement import compare
from tag_plugin.detectors.au_arrays import read
from tag_plugin.detectors.base import DetectorError
from tag_plugin.facs.boxes import Box
from tag_plugin.facs.detections import Detection, Detections, Thresholds
from tag_plugin.report.agreement import agreement_table, draw_agreement
from tests.pipeline.detected_rows import prepared_row, write_prepared

BOX, SHIFTED = Box(0, 0, 100, 100), Box(50, 0, 150, 100)  # IoU 1/3


def rows(path, name, probabilities, box=BOX, au=12, start=0, limits=None):
    """A face for each probability; None: no face."""
    info = DetectorInfo(name=name, version="1", thresholds=limits or Thresholds())
    found = []
    for number, probability in enumerate(probabilities, start):
        detections = None
        if probability is not None:
            one = Detection(au=au, probability=probability, box=box)
            detections = Detections(detections=(one,), supported=frozenset({au}))
        row = prepared_row(number, "train")
        found.append(row.model_copy(update={"detections": detections, "detector": info}))
    write_rows(path, found)
    return read(str(path), None, {})


def agreement(tmp_path, first, second, **second_options):
    one = rows(tmp_path / "a.jsonl", "a", first)
    return compare(one, rows(tmp_path / "b.jsonl", "b", second, **second_options))


@pytest.mark.parametrize(
    ("first", "second", "rate", "kappa"),
    [
        ([0.9, 0.1, 0.9, 0.1], [0.8, 0.2, 0.8, 0.2], 1.0, 1.0),
        ([0.9, 0.1, 0.9, 0.1], [0.1, 0.9, 0.1, 0.9], 0.0, -1.0),
        ([0.9, 0.9, 0.1, 0.1], [0.9, 0.1, 0.9, 0.1], 0.5, 0.0),  # what chance gives
        ([0.9, 0.9, 0.9, 0.1], [0.9, 0.9, 0.1, 0.1], 0.75, 0.5),
        ([0.9, 0.9, 0.4], [0.8, 0.1, 0.9], 0.5, 0.0),  # 0.4 is undecided: left out
        ([0.9, 0.9], [0.9, 0.9], 1.0, None),  # chance alone agrees as well
        ([0.4, 0.4], [0.9, 0.1], None, None),
    ],
)
def test_rate_and_kappa(tmp_path, first, second, rate, kappa):
    (found,) = agreement(tmp_path, first, second).aus
    assert found.rate == (None if rate is None else pytest.approx(rate))
    assert found.kappa == (None if kappa is None else pytest.approx(kappa))


def test_kappa_is_scikit_learns(tmp_path):
    from sklearn.metrics import cohen_kappa_score

    random = np.random.default_rng(0)
    first, second = (random.choice([0.1, 0.9], 200).tolist() for _ in range(2))
    (found,) = agreement(tmp_path, first, second).aus
    on = [[p > 0.5 for p in side] for side in (first, second)]
    assert found.kappa == pytest.approx(cohen_kappa_score(*on))
    assert found.correlation == pytest.approx(np.corrcoef(first, second)[0, 1], abs=1e-5)


def test_each_detector_is_read_by_its_own_thresholds(tmp_path):
    strict = Thresholds(on=0.8, grey=0.7)
    (found,) = agreement(tmp_path, [0.6, 0.6], [0.6, 0.9], limits=strict).aus
    assert (found.on, found.rate) == ((2, 1), 0.5)


def test_boxes_are_compared_where_both_see_the_au(tmp_path):
    one = rows(tmp_path / "a.jsonl", "a", [0.9, 0.9])
    two = rows(tmp_path / "b.jsonl", "b", [0.9, 0.1], box=SHIFTED)
    assert compare(one, two).aus[0].iou == pytest.approx(1 / 3)


def test_faces_and_blind_spots_are_counted(tmp_path):
    found = agreement(tmp_path, [0.9, None, 0.9, None], [0.9, 0.9, None, None], au=6)
    assert found.faces == (1, 1, 1, 1)
    assert (found.aus, found.alone) == ((), ((12,), (6,)))


def test_rows_are_matched_by_id_and_not_by_place(tmp_path):
    found = agreement(tmp_path, [0.9, 0.1, 0.9], [0.1, 0.9, 0.4], start=1)
    assert (found.rows, found.aus[0].rate) == (2, 1.0)


def test_nothing_in_common_and_mixed_detectors_are_refused(tmp_path):
    with pytest.raises(DetectorError, match="no row in common"):
        agreement(tmp_path, [0.9], [0.9], start=5)
    lines = (tmp_path / "a.jsonl").read_text() + (tmp_path / "b.jsonl").read_text()
    (tmp_path / "mixed.jsonl").write_text(lines)
    with pytest.raises(DetectorError, match=r"'train00005': no detector, or not the first row's"):
        read(str(tmp_path / "mixed.jsonl"), None, {})


def test_a_detector_by_name_runs_over_the_datasets_rows(tmp_path, monkeypatch):
    cached = write_prepared(tmp_path, 10, ["train"])
    monkeypatch.chdir(tmp_path)
    Path("cached").mkdir()  # a folder of a detector's name is ./cached
    run = read("cached", tmp_path, {"rows": cached}, limit=6)
    with pytest.raises(DetectorError, match="no detected rows"):
        read("./cached", tmp_path, {})
    stored = read(str(cached), None, {})
    assert run.ids == stored.ids[:6] == tuple(f"train{n:05d}" for n in range(6))
    found = compare(run, stored)
    assert {each.rate for each in found.aus} == {1.0}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("openface", "neither a file or folder of detected rows nor a detector"),
        ("synthetic", "needs faces; next: --dataset"),
        (".", "no detected rows"),
    ],
)
def test_what_cannot_be_read_says_why(source, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DetectorError, match=message):
        read(source, None, {})


def test_the_table_and_the_picture_show_every_au(tmp_path):
    found = agreement(tmp_path, [0.9, 0.1, 0.9], [0.9, 0.9, 0.9])
    console = Console(width=160, record=True, file=(tmp_path / "out.txt").open("w"))
    console.print(agreement_table(found))
    text = console.export_text()
    assert "lip corner puller" in text
    assert "0.67" in text
    draw_agreement(found, tmp_path / "deep" / "picture.png")
    with Image.open(tmp_path / "deep" / "picture.png") as picture:
        assert (69, 117, 180) in {colour for _, colour in picture.convert("RGB").getcolors(100_000)}
    assert json.dumps(found.names) == '["a 1", "b 1"]'
