"""Evaluation asks for the AUs that the dataset was built to name."""

from pathlib import Path

import pytest

from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.lmms_eval.checkpoints import Question
from tag_plugin.hosts.lmms_eval.documents import columns, read_test_set
from tag_plugin.hosts.lmms_eval.errors import WrongConfigurationError
from tag_plugin.hosts.lmms_eval.results import RECORD, process_results
from tag_plugin.hosts.lmms_eval.settled_evaluation import load_documents, settled_evaluation
from tag_plugin.hosts.lmms_eval.tag_tasks import TagTask
from tag_plugin.results.protocol import Protocol, differences
from tests.hosts.built_data import SURE, build_sure, gold, write_detected_faces
from tests.hosts.lmms_eval.small_data import host_task

FRAME = BoxFrame.RELATIVE


@pytest.fixture
def synth(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TAG_BOX_FRAME", "relative")
    return write_detected_faces(data_dir)


def grounding(synth: Path) -> list[float]:
    table = columns(read_test_set("synth"), Question(FRAME, "a test"), task="tag_synth")
    docs = (dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True))
    completions = zip(docs, gold(synth, "test", FRAME), strict=True)
    return [process_results(doc, [text])[RECORD].verdict.grounding for doc, text in completions]


def protocol() -> Protocol:
    call = {"model": "dummy", "model_args": "", "gen_kwargs": None}
    with settled_evaluation([TagTask("synth")], call) as evaluation:
        load_documents(host_task())
    return evaluation.stated["tag_synth"].protocol


def test_gold_traces_of_cautious_data_have_full_marks_and_the_protocol_says_why(synth: Path):
    before, told_nothing = grounding(synth), protocol()
    build_sure(synth)
    assert grounding(synth) == [1.0, 1.0, 1.0]
    assert min(before) < 0.6  # judged by the detector's thresholds, as without `build`
    told = protocol()
    assert told.fingerprint != told_nothing.fingerprint
    assert told.baselines, "build fits them"
    assert differences(told_nothing, told) == {
        "baselines": (None, told.baselines),
        "judge.thresholds.on": (0.5, SURE.thresholds.on),
        "judge.top_k": (6, SURE.top_k),
    }


def test_a_damaged_manifest_of_build_is_named_before_a_model_loads(synth: Path):
    build_sure(synth)
    path = synth / "build.json"
    path.write_text(path.read_text().replace('"top_k": 2', '"top_k": 0'))
    with pytest.raises(WrongConfigurationError, match=r"build\.json: settings\.judge: top_k.*next"):
        read_test_set("synth")
