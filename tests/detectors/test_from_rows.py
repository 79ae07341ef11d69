"""Detections from a file of rows."""

import pytest

from tag_plugin.data.rows import DetectorInfo, Row, write_rows
from tag_plugin.detectors.base import DetectorError
from tag_plugin.detectors.registry import detector
from tag_plugin.facs.boxes import Box
from tag_plugin.facs.detections import Detection, Detections
from tests.data.bad_rows import bad_lines

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


def test_a_missing_file_and_one_without_a_row_are_named(tmp_path):
    with pytest.raises(DetectorError, match=r"no file .*none\.jsonl"):
        detector("cached", rows=tmp_path / "none.jsonl")
    (tmp_path / "broken.jsonl").write_text("{}\n")
    with pytest.raises(DetectorError, match=r"broken\.jsonl holds no rows; next: "):
        detector("cached", rows=tmp_path / "broken.jsonl")


@pytest.mark.parametrize("line", bad_lines().values(), ids=bad_lines())
def test_a_bad_line_is_passed_over_by_name(rows, capsys, line):
    rows.write_bytes(line + b"\n" + rows.read_bytes())
    with detector("cached", rows=rows) as cached:
        assert cached.detect_row(row("smile"), never_read) == SMILE
    assert f"skipped: {rows}:1: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no rows"),
        ("{}".encode("utf-16")[:-1], "not UTF-16"),
        (b"\x00" * 100, "holds no rows"),
        (None, "holds no rows"),
    ],
    ids=["empty", "half of UTF-16", "zeros", "an empty folder"],
)
def test_a_file_that_holds_no_rows_says_so_and_what_to_do(tmp_path, content, message):
    path = tmp_path / "rows.jsonl"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(DetectorError, match=message) as error:
        detector("cached", rows=path)
    assert str(path) in str(error.value)
    assert "next: --option rows=FILE" in str(error.value)


@pytest.mark.parametrize("again", [SMILE, None])
def test_an_id_with_two_answers_is_refused_and_one_that_is_only_repeated_is_not(rows, again):
    write_rows(rows, [row("smile", SMILE), row("smile", again)])
    if again == SMILE:
        assert detector("cached", rows=rows).supported == {12, 25}
    else:
        with pytest.raises(DetectorError, match="'smile': there twice, with other detections"):
            detector("cached", rows=rows)
