"""--support: SFT gets the rows whose AUs support the label, RL and dev get every face."""

import json

import pytest
from typer.testing import CliRunner

from tag_plugin.cli import app
from tag_plugin.data.rows import Row, read_rows, write_rows
from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.facs.boxes import Box
from tag_plugin.facs.detections import Detection, Detections
from tag_plugin.pipeline.build import BuildSettings, build
from tag_plugin.pipeline.dataset.make import MakeSettings, make
from tag_plugin.pipeline.outcomes import StageError
from tag_plugin.pipeline.support import ANY, SupportRule, warnings
from tag_plugin.pipeline.validate import ValidateSettings, validate
from tests.pipeline.detected_rows import INFO
from tests.pipeline.write.stand_in import StandIn

FACES = [
    ("anger", (4, 7)),
    ("anger", (12,)),
    ("anger", ()),
    ("anger", ()),
    ("happiness", (12, 25)),
    ("happiness", (6, 12)),
    ("contempt", (12,)),
    ("neutral", ()),
    ("neutral", (22,)),
    ("neutral", (4,)),
    ("sadness", None),  # no face
]
SUPPORTED = ["0", "4", "5", "7", "8"]
BY_CLASS = {
    "anger": {"rows": 4, "without any AU": 2, "unsupported": 3, "kept": 1},
    "contempt": {"rows": 1, "unsupported": 1},
    "happiness": {"rows": 2, "kept": 2},
    "neutral": {"rows": 3, "without any AU": 1, "unsupported": 1, "kept": 2},
}


def face(number, label, units, split):
    boxes = {au: Box(30 * au, 30 * au, 30 * au + 99, 30 * au + 99) for au in units or ()}
    found = tuple(Detection(au=au, probability=0.9, box=box) for au, box in boxes.items())
    return Row(
        id=str(number),
        dataset="ferplus",
        split=split,
        image=f"images/{split}/{number}.png",
        label=label,
        label_set="ferplus",
        detections=(
            None
            if units is None
            else Detections(detections=found, supported=frozenset(ACTION_UNITS))
        ),
        detector=INFO,
    )


@pytest.fixture
def directory(tmp_path):
    path = tmp_path / "data" / "ferplus"
    for split in ("train", "dev"):
        rows = [face(number, *each, split) for number, each in enumerate(FACES)]
        write_rows(path / "detected" / f"{split}.jsonl", rows)
    return path


def ids(path):
    return [row.id for row in read_rows(path)]


def test_train_rows_that_their_aus_do_not_support_are_dropped_by_name(directory):
    train = build(BuildSettings(directory)).manifest.splits["train"]
    assert ids(directory / "built" / "train.jsonl") == SUPPORTED
    assert train["dropped"]["the AUs do not support the label"] == {
        "count": 5,
        "ids": [
            "1: anger: AU12",
            "2: anger: no AU is on",
            "3: anger: no AU is on",
            "6: contempt: AU12",
            "9: neutral: AU4",
        ],
    }
    assert train["by_class"] == BY_CLASS
    stored = json.loads((directory / "build.json").read_text())
    assert stored["splits"]["train"]["by_class"] == BY_CLASS
    assert (stored["settings"]["support"], stored["settings"]["support_margin"]) == ("own", 0.15)


@pytest.mark.parametrize(
    ("label", "unsure", "dropped"),
    [
        ("neutral", 4, ["0: neutral: undecided: AU4"]),
        ("neutral", 22, []),  # no emotion's own
        ("anger", 12, []),  # AU4 and AU7 are on
    ],
)
def test_a_neutral_face_has_no_undecided_au_of_an_emotion(tmp_path, label, unsure, dropped):
    row = face(0, label, (4, 7) if label == "anger" else (), "train")
    grey = Detection(au=unsure, probability=0.4, box=Box(0, 0, 99, 99))
    seen = row.detections.model_copy(update={"detections": (*row.detections.detections, grey)})
    rows = [row.model_copy(update={"detections": seen}), face(1, "happiness", (12,), "train")]
    write_rows(tmp_path / "ferplus" / "detected" / "train.jsonl", rows)
    train = build(BuildSettings(tmp_path / "ferplus")).manifest.splits["train"]
    found = train["dropped"].get("the AUs do not support the label", {"ids": []})
    assert found["ids"] == dropped


def test_dev_keeps_every_face_and_rl_reads_every_face(directory):
    build(BuildSettings(directory))
    faces = [str(number) for number, (_, units) in enumerate(FACES) if units is not None]
    assert ids(directory / "built" / "dev.jsonl") == faces
    entries = json.loads((directory.parent / "dataset_info.json").read_text())
    file = directory.parent / entries["tag_ferplus_detected"]["file_name"]
    assert ids(file) == [str(number) for number in range(len(FACES))]


def test_any_keeps_all_and_counts_the_same(directory):
    train = build(BuildSettings(directory, support=SupportRule(ANY))).manifest.splits["train"]
    assert train["rows"] == 10
    counts = {
        label: of_class["unsupported"]
        for label, of_class in train["by_class"].items()
        if "unsupported" in of_class
    }
    assert counts == {"anger": 3, "contempt": 1, "neutral": 1}


def test_another_rule_is_refused_until_restart(directory):
    build(BuildSettings(directory))
    with pytest.raises(StageError, match=r"support: own -> any.*--restart"):
        build(BuildSettings(directory, support=SupportRule(ANY)))
    with pytest.raises(StageError, match=r"support_margin: 0\.15 -> 0\.3"):
        build(BuildSettings(directory, support=SupportRule(margin=0.3)))
    with pytest.raises(ValueError, match=r"--support 'all'; next: own or any"):
        SupportRule("all")


def test_a_model_is_not_asked_about_what_is_dropped(directory):
    pytest.importorskip("openai")
    from tag_plugin.pipeline.write.settings import WriterSettings
    from tests.pipeline.write.acts import right
    from tests.pipeline.write.faces import write_detected

    by_picture = write_detected(directory, 16)
    with StandIn(by_picture, right) as server:
        model = WriterSettings(model="stand-in", base_url=server.url)
        train = build(BuildSettings(directory, model=model)).manifest.splits["train"]
    dropped = train["dropped"]["the AUs do not support the label"]["count"]
    assert 0 < dropped < 16
    assert train["writer_statistics"]["replies"] == 16 - dropped == train["rows"]
    assert sum(each["rows"] for each in train["by_class"].values()) == 16


def test_rl_gets_faces_without_a_trace_and_sft_none_of_them(directory):
    build(BuildSettings(directory))
    make(MakeSettings(directory, rl_percent=0))
    assert ids(directory / "dataset" / "sft.jsonl") == SUPPORTED
    assert ids(directory / "dataset" / "rl.jsonl") == []
    make(MakeSettings(directory, rl_percent=100))
    rl = list(read_rows(directory / "dataset" / "rl.jsonl"))
    assert [row.id for row in rl] == [str(number) for number in range(10)]
    assert [row.id for row in rl if row.trace is not None] == SUPPORTED


def test_the_table_stands_in_the_card_and_is_printed(directory):
    done = CliRunner().invoke(app, ["build", str(directory), "--workers", "1"])
    assert done.exit_code == 0, done.output
    shown = [line.replace("│", " ").split() for line in done.output.splitlines()]
    assert ["anger", "4", "2", "3", "1", "25%"] in shown
    assert ["all", "10", "3", "5", "5", "50%"] in shown
    make(MakeSettings(directory))
    card = (directory / "dataset" / "README.md").read_text()
    assert "| anger | 4 | 2 | 3 | 1 | 25% |" in card
    assert "`--support own`" in card


@pytest.mark.parametrize(
    ("counts", "wanted", "said"),
    [
        ({"rows": 100, "unsupported": 70, "kept": 30}, "own", None),
        ({"rows": 100, "unsupported": 71, "kept": 29}, "own", "29 of 100 rows are kept, under 30%"),
        ({"rows": 4, "unsupported": 4}, "own", "0 of 4 rows are kept"),
        ({"rows": 100, "unsupported": 50, "kept": 100}, "any", None),
        ({"rows": 100, "unsupported": 51, "kept": 100}, "any", "51 of 100 rows are unsupported"),
        ({"rows": 100, "kept": 20}, "any", "20 of 100 rows are kept"),  # whatever dropped them
    ],
)
def test_what_is_warned_of(counts, wanted, said):
    warned = list(warnings("train", {"anger": counts}, wanted))
    assert len(warned) == (said is not None)
    assert not said or f"train: anger: {said}" in warned[0]


def test_validate_warns_and_does_not_fail_for_it(directory):
    build(BuildSettings(directory))
    report = validate(ValidateSettings(directory))
    said = [text for text in report.warnings if "under 30%" in text]
    assert [text.split(":")[1].strip() for text in said] == ["anger", "contempt"]
    assert set(report.errors) == {"image"}  # there are no pictures


def test_a_build_of_an_older_version_is_read(directory):
    build(BuildSettings(directory))
    path = directory / "build.json"
    content = json.loads(path.read_text())
    for each in content["splits"].values():
        del each["by_class"]
    del content["settings"]["support"], content["settings"]["support_margin"]
    path.write_text(json.dumps(content))
    make(MakeSettings(directory))
    assert "support the labels" not in (directory / "dataset" / "README.md").read_text()
    assert not [text for text in validate(ValidateSettings(directory)).warnings if "kept" in text]
