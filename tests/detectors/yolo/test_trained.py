"""One tiny training run through ultralytics (AGPL-3.0), and everything done with its result."""

import json
import pickle
import shutil
import socket
from importlib.util import find_spec

import numpy as np
import pytest

if find_spec("ultralytics") is None:  # an import here would come before its switches are set
    pytest.skip("the extra yolo (AGPL-3.0) is not installed", allow_module_level=True)

import torch
from PIL import Image

from tag_plugin.data.face_frame import ImageError, read_face
from tag_plugin.data.rows import dump_row, write_rows
from tag_plugin.detectors.base import DetectorError, file_sha256
from tag_plugin.detectors.registry import detector
from tag_plugin.detectors.yolo.calibration import Calibration
from tag_plugin.detectors.yolo.card import CARD, MARKDOWN, WEIGHTS, read_card
from tag_plugin.detectors.yolo.library import ultralytics
from tag_plugin.detectors.yolo.train import TrainSettings, train
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.detections import Thresholds
from tag_plugin.hosts.llamafactory.grpo.rewards import parse_rewards
from tag_plugin.pipeline.detect import DetectSettings, detect
from tag_plugin.pipeline.rules import write_trace
from tag_plugin.scoring.score import DEFAULT_JUDGE
from tag_plugin.trace.render import render
from tests.detectors.yolo.synthetic_rows import COUNTS, write_dataset

SIDE = 64


class Trained:
    """A dataset, a detector's folder trained on it, and what the run tried on the network."""

    def __init__(self, root, calls):
        self.directory, self.out = root / "data" / "synth", root / "detector"
        self.rows = write_dataset(self.directory)
        settings = TrainSettings(
            directory=self.directory,
            out=self.out,
            width=0.5,
            image_size=SIDE,
            epochs=1,
            batch=8,
            workers=0,
            device="cpu",
            min_faces=3,
        )
        self.card = train(settings)
        self.network_calls = list(calls)

    def images(self, count=6):
        return [read_face(self.directory / row.image) for row in self.rows["test"][:count]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    calls = []

    def refuse(*address, **_):
        calls.append(address)
        raise OSError("no network in this test")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", refuse)
        patch.setattr(socket.socket, "connect", refuse)
        yield Trained(tmp_path_factory.mktemp("yolo"), calls)


@pytest.fixture(scope="module")
def usable(trained, tmp_path_factory):
    """The same network, with a scale for four AUs: one epoch teaches it none."""
    folder = tmp_path_factory.mktemp("usable") / "detector"
    shutil.copytree(trained.out, folder, ignore=shutil.ignore_patterns("dataset", "run"))
    scales = {au: Calibration(slope=0.5, intercept=6.0) for au in trained.card.classes[:4]}
    trained.card.model_copy(update={"calibration": scales}).save(folder)
    return folder


def test_training_asks_nothing_of_the_network(trained):
    assert trained.network_calls == []


def test_the_card_says_what_was_trained_on_what(trained):
    card = read_card(trained.out)
    assert card == trained.card
    assert card.weights_sha256 == file_sha256(trained.out / WEIGHTS)
    assert card.images == COUNTS
    assert (card.dataset, card.labels.name, card.training["epochs"]) == ("synth", "synthetic", 1)
    assert set(card.scores) == {"dev", "test"}
    for split, score in card.scores.items():
        assert set(score.aus) == set(card.classes)
        shown = sum(au in {f.au for f in row.detections.on(card.labels.thresholds)}
                    for row in trained.rows[split] for au in card.classes)  # fmt: skip
        assert sum(each.faces for each in score.aus.values()) == shown
    text = (trained.out / MARKDOWN).read_text()
    assert "AGPL-3.0" in text
    assert f"| {card.classes[0]} |" in text


def test_the_network_is_narrower_as_asked_for(trained):
    assert trained.card.definition["scales"] == {"n": [0.5, 0.125, 1024]}


def test_best_places_are_ultralytics_own(trained):
    model = ultralytics().YOLO(trained.out / "run" / "weights" / "best.pt")
    with detector("yolo", weights=trained.out, device="cpu") as ours:
        confidences, boxes = ours.best_places(trained.images())
    for image, confidence, box in zip(trained.images(), confidences, boxes, strict=True):
        bgr = np.ascontiguousarray(image[:, :, ::-1])
        theirs = model.predict(bgr, imgsz=SIDE, conf=1e-9, device="cpu", verbose=False)[0].boxes
        best = int(confidence.argmax())
        assert float(theirs.conf[0]) == pytest.approx(confidence[best], rel=1e-3)
        assert int(theirs.cls[0]) == best
        expected = box[best].clip(0, 1) * 448
        assert theirs.xyxy[0].numpy() == pytest.approx(expected, abs=0.5)


def test_a_batch_gives_what_single_images_give(trained, usable):
    with detector("yolo", weights=usable, device="cpu") as ours:
        together = ours.detect_batch(trained.images())
        assert ours.detect_batch([]) == []
        for image, found in zip(trained.images(), together, strict=True):
            alone = ours.detect(image)
            assert alone.supported == found.supported == ours.supported
            for one, other in zip(alone.detections, found.detections, strict=True):
                assert one.au == other.au
                assert one.probability == pytest.approx(other.probability, abs=0.0011)
                assert one.box.as_tuple() == pytest.approx(other.box.as_tuple(), abs=1)


def test_only_what_it_can_tell_is_supported(trained, usable):
    with detector("yolo", weights=usable, device="cpu") as ours:
        assert ours.supported == frozenset(trained.card.classes[:4])
        assert ours.info.model_sha256 == trained.card.weights_sha256
        assert ours.info.version == ultralytics().__version__


def test_an_ultralytics_checkpoint_does_as_well(trained):
    path = trained.out / "run" / "weights" / "best.pt"
    with (
        detector("yolo", weights=path, device="cpu", sha256=file_sha256(path)) as foreign,
        detector("yolo", weights=trained.out, device="cpu") as ours,
    ):
        assert foreign.supported == set(trained.card.classes)
        theirs, own = (each.best_places(trained.images())[0] for each in (foreign, ours))
    assert theirs == pytest.approx(own, abs=1e-5)


def test_detect_runs_it_in_two_processes_as_in_one(trained, usable, tmp_path):
    written = []
    for workers in (1, 2):
        directory = tmp_path / str(workers) / "synth"
        bare = [
            row.model_copy(update={"detections": None, "detector": None})
            for row in trained.rows["test"]
        ]
        write_rows(directory / "prepared" / "test.jsonl", bare)
        (directory / "images").symlink_to(trained.directory / "images")
        options = {"weights": str(usable), "device": "cpu", "batch_size": "4"}
        manifest = detect(DetectSettings(directory, "yolo", options, workers=workers))
        assert manifest.settings["model_sha256"] == trained.card.weights_sha256
        assert manifest.splits["test"]["counts"] == {"face": COUNTS["test"]}
        written.append((directory / "detected" / "test.jsonl").read_bytes())
    assert written[0] == written[1]


def test_it_is_the_detector_of_a_reward(trained, usable, tmp_path):
    args = {
        "detector": "yolo",
        "detector_options": {"weights": str(usable), "device": "cpu"},
        "detector_cache": str(tmp_path),
    }
    spec = {"name": "au_grounding", "args": args}
    (reward,) = parse_rewards([spec], BoxFrame.ABSOLUTE).functions
    row = trained.rows["test"][0].model_copy(update={"detections": None, "detector": None})
    with detector("yolo", weights=usable, device="cpu") as ours:
        found = ours.detect(trained.images(1)[0])
    assert len(found.on(Thresholds())) == 4
    honest = render(write_trace(row.label, found, "seed", DEFAULT_JUDGE), BoxFrame.ABSOLUTE)
    silent = render(
        write_trace(row.label, found.model_copy(update={"detections": ()}), "seed", DEFAULT_JUDGE),
        BoxFrame.ABSOLUTE,
    )
    values = reward(
        completions=[honest, silent],
        tag_row=[dump_row(row)] * 2,
        images=[[str(trained.directory / row.image)]] * 2,
    )
    assert values == [1.0, 0.0]


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("wrap", [lambda evil: evil, lambda evil: {"model": evil}])
def test_a_checkpoint_that_would_run_code_is_refused_and_runs_nothing(tmp_path, wrap):
    path, trace = tmp_path / "evil.pt", tmp_path / "executed"
    torch.save(wrap(Evil(trace)), path)
    with pytest.raises(DetectorError, match=r"evil\.pt is not loaded: .*more than an ultralytics"):
        detector("yolo", weights=path)
    assert not trace.exists()
    with path.open("rb"), pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)  # the file is what the test takes it for


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / WEIGHTS).write_bytes(b"other"), "sha256 .* expected"),
        (lambda folder: (folder / WEIGHTS).unlink(), "cannot be read"),
        (lambda folder: (folder / CARD).unlink(), "next: tag-plugin detector train"),
        (lambda folder: (folder / CARD).write_text("{}"), r"card\.json: model: Field required"),
    ],
)
def test_a_spoilt_folder_says_what_is_wrong(usable, tmp_path, spoil, message):
    folder = tmp_path / "detector"
    shutil.copytree(usable, folder)
    spoil(folder)
    with pytest.raises(DetectorError, match=message):
        detector("yolo", weights=folder)


def test_other_weights_than_the_expected_ones_are_refused(usable):
    with pytest.raises(DetectorError, match=r"expected 00000000"):
        detector("yolo", weights=usable, sha256="0" * 64)


def test_numbers_that_do_not_fit_the_definition_are_refused(usable, tmp_path):
    folder = tmp_path / "detector"
    shutil.copytree(usable, folder)
    content = json.loads((folder / CARD).read_text())
    content["definition"]["scales"]["n"][1] = 0.25
    (folder / CARD).write_text(json.dumps(content))
    with pytest.raises(DetectorError, match="does not fit the card's definition"):
        detector("yolo", weights=folder)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"needs weights; next: tag-plugin detector train"),
        ({"weights": "nowhere"}, r"nowhere: neither a folder .* nor an ultralytics \.pt file"),
    ],
)
def test_without_weights_the_next_command_is_named(options, message):
    with pytest.raises(DetectorError, match=message):
        detector("yolo", **options)


def test_an_existing_folder_is_not_trained_into(trained):
    with pytest.raises(DetectorError, match=r"detector exists; next: choose another --out"):
        train(TrainSettings(directory=trained.directory, out=trained.out))


def test_pictures_are_opened_as_before_once_the_library_is_there(tmp_path):
    ultralytics()
    assert Image.open.__module__ == "PIL.Image"
    bad = tmp_path / "face.jpg"
    bad.write_text("no picture")
    with pytest.raises(ImageError):
        read_face(bad)
