"""One bad row is skipped, counted and named; a dataset without a good row is refused."""

import re
from pathlib import Path

import pytest
from PIL import Image

from tag_plugin.hosts.llamafactory.dataset import TagDatasetError, skipped_rows_file
from tests.hosts.llamafactory.host_run import by_image, samples, train_args
from tests.hosts.llamafactory.tag_data import add_entry

pytestmark = pytest.mark.host


def _line(data_dir: Path, index: int) -> str:
    return (data_dir / "synth/built/train.jsonl").read_text().splitlines()[index]


def _replace_line(data_dir: Path, index: int, text: str | bytes) -> None:
    path = data_dir / "synth/built/train.jsonl"
    lines = path.read_bytes().splitlines()
    lines[index] = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(b"\n".join(lines) + b"\n")


def _truncate_image(data_dir: Path) -> None:
    path = data_dir / "synth/images/train/0003.jpg"
    path.write_bytes(path.read_bytes()[:900])


def _save(data_dir: Path, mode: str, size: tuple[int, int]) -> None:
    Image.new(mode, size).save(data_dir / "synth/images/train/0003.jpg")


BAD = {
    "truncated picture": (_truncate_image, ["synth-train-0003", "0003.jpg: "]),
    "not a picture": (
        lambda d: (d / "synth/images/train/0003.jpg").write_text("no picture"),
        ["synth-train-0003", "0003.jpg: "],
    ),
    "no picture": (
        lambda d: (d / "synth/images/train/0003.jpg").unlink(),
        ["synth-train-0003", "no such file"],
    ),
    "another size": (
        lambda d: _save(d, "RGB", (100, 100)),
        ["synth-train-0003", "is 100x100 RGB, not a 448x448 RGB", "tag-plugin prepare"],
    ),
    "grey picture": (
        lambda d: _save(d, "L", (448, 448)),
        ["synth-train-0003", "is 448x448 L, not a 448x448 RGB"],
    ),
    "not JSON": (lambda d: _replace_line(d, 3, '{"id": "x"'), ["Invalid JSON"]),
    "not UTF-8": (
        lambda d: _replace_line(d, 3, _line(d, 3).encode().replace(b"Face", b"Fa\xffe")),
        ["not UTF-8"],
    ),
    "not a row": (
        lambda d: _replace_line(d, 3, _line(d, 3).replace('"split":"train"', '"split":"night"')),
        ["split"],
    ),
    "no box": (
        lambda d: _replace_line(d, 3, re.sub(r'"box":\[[^]]*\]', '"box":null', _line(d, 2))),
        [],
    ),
    "a box of lists": (
        lambda d: _replace_line(d, 3, re.sub(r'"box":\[[^]]*\]', '"box":[[1],2,3,4]', _line(d, 2))),
        [],
    ),
    "a picture's name that no file can have": (
        lambda d: _replace_line(d, 3, _line(d, 3).replace("0003.jpg", "\\u0000.jpg")),
        [],
    ),
    "no trace": (
        lambda d: _replace_line(
            d, 3, _line(d, 3)[: _line(d, 3).index(',"trace"')] + ',"trace":null}'
        ),
        ["synth-train-0003", "no trace", "tag-plugin build"],
    ),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_row_is_skipped_counted_and_named(
    bad: str, qwen2_5_vl: Path, data_dir: Path, tmp_path: Path, host_log: list[str]
):
    spoil, said = BAD[bad]
    spoil(data_dir)
    recipe = train_args(qwen2_5_vl, data_dir, tmp_path / "o")
    found = by_image(samples(recipe))
    assert set(found) == {f"train/{i:04d}.jpg" for i in range(8) if i != 3}
    text = "\n".join(host_log)
    for words in [*said, "train.jsonl:4", "skipped 1 of 8 rows"]:
        assert words in text
    listing = skipped_rows_file(tmp_path / "o", "synth/built/train.jsonl").read_text()
    assert "train.jsonl:4" in listing


def test_a_second_run_from_the_cache_names_it_again(
    qwen2_5_vl: Path, data_dir: Path, tmp_path: Path, host_log: list[str]
):
    _truncate_image(data_dir)
    recipe = train_args(qwen2_5_vl, data_dir, tmp_path / "o")
    samples(recipe)
    host_log.clear()
    assert len(samples(recipe)) == 7
    assert "synth-train-0003" in "\n".join(host_log)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [(_truncate_image, "0003.jpg: "), (BAD["no picture"][0], "no such file")],
)
def test_a_picture_that_is_lost_after_the_first_run_is_named_too(
    spoil, said: str, qwen2_5_vl: Path, data_dir: Path, tmp_path: Path, host_log: list[str]
):
    recipe = train_args(qwen2_5_vl, data_dir, tmp_path / "o")
    assert len(samples(recipe)) == 8
    spoil(data_dir)
    found = by_image(samples(recipe))
    assert set(found) == {f"train/{i:04d}.jpg" for i in range(8) if i != 3}
    text = "\n".join(host_log)
    assert all(words in text for words in ("train.jsonl:4: row synth-train-0003", said))


def test_tokenized_data_whose_picture_is_lost_is_refused(
    qwen2_5_vl: Path, data_dir: Path, tmp_path: Path
):
    tokenized = str(tmp_path / "tokenized")
    recipe = train_args(qwen2_5_vl, data_dir, tmp_path / "o", tokenized_path=tokenized)
    samples(recipe)
    BAD["no picture"][0](data_dir)
    with pytest.raises(TagDatasetError, match=r"1 of its 8 pictures are missing, first .*0003"):
        samples(recipe)


@pytest.mark.parametrize("streaming", [False, True])
def test_a_row_that_the_host_would_cut_is_skipped_whole(
    streaming: bool, qwen2_5_vl: Path, data_dir: Path, tmp_path: Path, host_log: list[str]
):
    whole = samples(train_args(qwen2_5_vl, data_dir, tmp_path / "whole"))
    cutoff = max(len(each["input_ids"]) for each in whole) + 20
    long = _line(data_dir, 3).replace("Face 3.", "Face 3." + " a long story" * 150)
    _replace_line(data_dir, 3, long)
    extra = {"streaming": True, "dataloader_num_workers": 1} if streaming else {}
    recipe = train_args(qwen2_5_vl, data_dir, tmp_path / "o", cutoff_len=cutoff, **extra)
    found = samples(recipe)
    assert len(found) == 7
    assert all(len(each["input_ids"]) < cutoff for each in found)
    (said,) = [each for each in host_log if "synth-train-0003" in each]
    assert re.search(rf"picture, with its reply \d+ tokens, too long for cutoff_len {cutoff}", said)


def test_a_cutoff_len_below_every_prompt_is_refused_with_the_right_one(
    qwen2_5_vl: Path, data_dir: Path, tmp_path: Path
):
    recipe = train_args(qwen2_5_vl, data_dir, tmp_path / "o")
    longest = max(len(each["input_ids"]) for each in samples(recipe))
    wanted = rf"not one of 8 rows.*too long for cutoff_len 90; next: cutoff_len: {longest}$"
    with pytest.raises(TagDatasetError, match=wanted):
        samples({**recipe, "cutoff_len": 90})
    assert len(samples({**recipe, "cutoff_len": longest})) == 8


def test_a_stream_skips_and_names_it_too(
    qwen2_5_vl: Path, data_dir: Path, tmp_path: Path, host_log: list[str]
):
    _truncate_image(data_dir)
    recipe = train_args(
        qwen2_5_vl, data_dir, tmp_path / "o", streaming=True, dataloader_num_workers=1
    )
    assert len(samples(recipe)) == 7
    said = "\n".join(host_log)
    assert "TAG row skipped (1 so far" in said
    assert "synth-train-0003" in said


def test_a_label_only_dataset_needs_no_trace(qwen2_5_vl: Path, data_dir: Path, tmp_path: Path):
    BAD["no trace"][0](data_dir)
    recipe = train_args(qwen2_5_vl, data_dir, tmp_path / "o", dataset="tag_synth_train_label_only")
    assert len(samples(recipe)) == 8


@pytest.mark.parametrize("streaming", [False, True])
def test_a_dataset_without_a_good_row_is_refused(
    streaming: bool, qwen2_5_vl: Path, data_dir: Path, tmp_path: Path
):
    for picture in (data_dir / "synth/images/train").iterdir():
        picture.write_bytes(b"")
    recipe = train_args(qwen2_5_vl, data_dir, tmp_path / "o", streaming=streaming)
    with pytest.raises(TagDatasetError, match=r"not one .*row"):
        samples(recipe)


@pytest.mark.parametrize(
    ("file_name", "content"), [("gone/built/train.jsonl", None), ("synth/built/empty.jsonl", "")]
)
def test_a_file_without_rows_leads_to_build(
    file_name: str, content: str | None, qwen2_5_vl: Path, data_dir: Path, tmp_path: Path
):
    if content is not None:
        (data_dir / file_name).write_text(content)
    add_entry(data_dir, "tag_none", {"file_name": file_name, "formatting": "tag"})
    with pytest.raises(TagDatasetError, match="tag-plugin build"):
        samples(train_args(qwen2_5_vl, data_dir, tmp_path / "o", dataset="tag_none"))


def test_num_samples_and_max_samples_are_obeyed(qwen2_5_vl: Path, data_dir: Path, tmp_path: Path):
    entry = {"file_name": "synth/built/train.jsonl", "formatting": "tag", "num_samples": 12}
    add_entry(data_dir, "tag_twelve", entry)
    recipe = train_args(qwen2_5_vl, data_dir, tmp_path / "o", dataset="tag_twelve")
    assert len(samples(recipe)) == 12
    assert len(samples({**recipe, "dataset": "tag_synth_train", "max_samples": 5})) == 5
