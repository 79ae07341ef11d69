"""FERPlus: the vote rules, the official layout and its quirks."""

import pytest

from tag_plugin.data.ferplus import (
    EMOTION_COLUMNS,
    FOLDERS,
    NO_EMOTION,
    NO_MAJORITY,
    NO_NAME,
    OFFICIAL_COUNTS,
    REPEATED,
    FerPlus,
    VoteRule,
    label_of,
)
from tag_plugin.data.source import LeftOut, SourceError, SourceFace

CLEAR = "0,9,0,0,0,0,0,0,1,0"


@pytest.mark.parametrize(
    ("votes", "majority", "argmax"),
    [
        # ne ha su sa an di fe co unknown NF
        ([10, 0, 0, 0, 0, 0, 0, 0, 0, 0], "neutral", "neutral"),
        ([0, 0, 0, 0, 0, 0, 0, 10, 0, 0], "contempt", "contempt"),
        ([4, 0, 0, 1, 3, 2, 0, 0, 0, 0], None, "neutral"),  # 4 of the 9 that remain
        ([5, 0, 0, 1, 1, 1, 1, 1, 0, 0], "neutral", "neutral"),  # single votes are ignored: 5 of 5
        ([5, 0, 0, 5, 0, 0, 0, 0, 0, 0], None, "neutral"),  # a tie: half is not more than half
        ([0, 0, 4, 3, 0, 0, 1, 1, 1, 0], "surprise", "surprise"),  # 4 of 7
        ([0, 0, 4, 2, 2, 0, 1, 1, 0, 0], None, "surprise"),  # 4 of 8
        ([1, 1, 1, 1, 1, 1, 1, 1, 1, 1], None, "neutral"),  # nothing remains
        ([0, 2, 0, 0, 0, 0, 0, 0, 8, 0], None, "happiness"),  # unknown wins
        ([0, 0, 0, 0, 0, 0, 0, 0, 0, 10], None, None),  # not a face
        ([0, 3, 0, 0, 0, 0, 0, 0, 3, 4], None, "happiness"),
        ([0, 0, 0, 0, 2, 0, 0, 0, 1, 1], "anger", "anger"),
        ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0], None, None),
        ([0, 0, 0, 0, 0, 0, 3, 3, 0, 3], None, "fear"),  # the first in column order
    ],
)
def test_votes_become_labels(votes, majority, argmax):
    assert label_of(votes, VoteRule.MAJORITY) == majority
    assert label_of(votes, VoteRule.ARGMAX) == argmax


def layout(root, **lines):
    """An official tree; `lines` are the label.csv lines of a folder."""
    for split, folder in FOLDERS.items():
        (root / folder).mkdir()
        text = "".join(line + "\n" for line in lines.get(split, []))
        (root / folder / "label.csv").write_text(text)
    return root


def line(name, votes=CLEAR):
    return f'{name},"(0, 0, 48, 48)",{votes}'


def test_folders_are_splits_and_order_is_kept(tmp_path):
    source = FerPlus(
        layout(tmp_path, train=[line("fer2.png"), line("fer1.png")], dev=[line("fer3.png")])
    )
    assert [entry.id for entry in source.entries("train")] == ["fer2", "fer1"]
    assert list(source.entries("dev")) == [
        SourceFace(
            "fer3",
            "happiness",
            tmp_path / "FER2013Valid" / "fer3.png",
            votes={"happiness": 9, "unknown": 1},
        )
    ]
    assert list(source.entries("test")) == []


@pytest.mark.parametrize(
    ("lines", "rule", "expected"),
    [
        ([line("")], "majority", [LeftOut("FER2013Train/label.csv:1", NO_NAME)]),
        ([line("a.png", "5,5,0,0,0,0,0,0,0,0")], "majority", [LeftOut("a.png", NO_MAJORITY)]),
        ([line("a.png", "0,0,0,0,0,0,0,0,0,10")], "argmax", [LeftOut("a.png", NO_EMOTION)]),
    ],
)
def test_entries_without_a_label_are_left_out_with_their_reason(tmp_path, lines, rule, expected):
    source = FerPlus(layout(tmp_path, train=lines), VoteRule(rule))
    assert list(source.entries("train")) == expected


def test_a_repeated_name_counts_once(tmp_path):
    source = FerPlus(layout(tmp_path, train=[line("a.png"), line("b.png"), line("a.png")]))
    first, _, again = source.entries("train")
    assert isinstance(first, SourceFace)
    assert again.reason == REPEATED
    assert again.detail.endswith("label.csv:3")


@pytest.mark.parametrize(
    "bad",
    [
        "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,...",
        "Training,fer0000000.png,4,0,0,1,3,2,0,0,0",  # a column short
        line("a.png", "4,0,0,1,3,2,0,0,0,x"),
        line("a.png", "-4,0,0,1,3,2,0,0,0,1"),
        line("../a.png"),
    ],
)
def test_another_file_is_refused_with_its_line(tmp_path, bad):
    source = FerPlus(layout(tmp_path, train=[line("ok.png"), bad]))
    with pytest.raises(SourceError, match=r"FER2013Train/label\.csv:2: "):
        list(source.entries("train"))


def test_a_missing_folder_is_named_with_the_next_command(tmp_path):
    with pytest.raises(SourceError, match=r"FER2013Train/label\.csv: .*generate_training_data"):
        FerPlus(tmp_path)


def test_settings_pin_the_rule_and_the_label_files(tmp_path):
    layout(tmp_path, train=[line("a.png")])
    before = FerPlus(tmp_path).settings
    assert before["rule"] == "majority"
    (tmp_path / "FER2013Train" / "label.csv").write_text(line("b.png") + "\n")
    changed = {name for name, value in FerPlus(tmp_path).settings.items() if before[name] != value}
    assert changed == {"FER2013Train/label.csv"}


@pytest.mark.parametrize("order", [EMOTION_COLUMNS, sorted(EMOTION_COLUMNS)])
def test_permuted_vote_columns_are_refused(tmp_path, order):
    """As many faces as published, but the columns stand in another order."""
    for split, folder in FOLDERS.items():
        (tmp_path / folder).mkdir()
        lines = []
        for label, count in OFFICIAL_COUNTS[split].items():
            votes = ["0"] * 10
            votes[order.index(label)] = "10"
            lines += [line(f"{label}{n}.png", ",".join(votes)) for n in range(count)]
        (tmp_path / folder / "label.csv").write_text("\n".join(lines))
    if order == EMOTION_COLUMNS:
        settings = FerPlus(tmp_path).settings
        assert {settings[f"counts of {split}"] for split in FOLDERS} == {"as published"}
    else:
        with pytest.raises(SourceError, match="class codes of this copy are permuted"):
            _ = FerPlus(tmp_path).settings
