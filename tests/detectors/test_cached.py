"""Detections from a file of rows."""

import pytest

from tag_plugin.data.rows import DetectorInfo, Row, RowError, write_rows
from tag_plugin.detectors.base import DetectorError
from tag_plugin.detectors.registry import detector
from tag_plugin.facs.boxes import Box
from tag_plugin.facs.detections import Detection, Detections

INFO = DetectorInfo(name="other-tool", version="2.0")
SMILE = Detections(
    detections=(Detection(au=12, probability=0.9, box=Box(200, 500, 800, 800)),),
    supported=frozenset({12, 25}),
)


def row(row_id, detections=None, info=INFO):
    return Row(
        id=row_id,
        dataset="d",
        split="train",
        image=f"images/{row_id}.jpg",
        label="happiness",
        label_set="ferplus",
        detections=detections,
        detector=info,
    )


def never_read():
    raise AssertionError("the cached detector looks at no pixels")


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    write_rows(path, [row("smile", SMILE), row("faceless")])
    return path


def test_detections_come_back_by_row_id_without_reading_pixels(rows):
    with detector("cached", rows=rows) as cached:
        assert cached.detect_row(row("smile"), never_read) == SMILE
        assert cached.detect_row(row("faceless"), never_read) is None
        assert cached.info == INFO
        assert cached.supported == {12, 25}


def test_an_unknown_row_is_named_with_the_next_command(rows):
    with (
        detector("cached", rows=rows) as cached,
        pytest.raises(DetectorError, match=r"rows\.jsonl has no row 'new'; next: .*detect"),
    ):
        cached.detect_row(row("new"), never_read)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "holds no rows"),
        ([row("bare", SMILE, info=None)], "row 'bare': no detector"),
        ([row("a"), row("b", info=DetectorInfo(name="x", version="1"))], "row 'b'"),
    ],
)
def test_a_file_that_does_not_say_who_measured_is_refused(tmp_path, content, message):
    write_rows(tmp_path / "rows.jsonl", content)
    with pytest.raises(DetectorError, match=message):
        detector("cached", rows=tmp_path / "rows.jsonl")


def test_a_missing_file_and_a_broken_line_are_named(tmp_path):
    with pytest.raises(DetectorError, match=r"no file .*none\.jsonl"):
        detector("cached", rows=tmp_path / "none.jsonl")
    (tmp_path / "broken.jsonl").write_text("{}\n")
    with pytest.raises(RowError, match=r"broken\.jsonl:1"):
        detector("cached", rows=tmp_path / "broken.jsonl")
