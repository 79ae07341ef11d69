"""The protocol is settled, printed and stated before a model loads; it reaches the cache's key."""

from typing import Any

import pytest
from loguru import logger

from tag_plugin.data.checkpoint_record import CheckpointRecord, write_checkpoint_record
from tag_plugin.data.rows import write_rows
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.lmms_eval.checkpoints import Question
from tag_plugin.hosts.lmms_eval.errors import WrongConfigurationError
from tag_plugin.hosts.lmms_eval.evaluation import RUNNING, Evaluation
from tag_plugin.hosts.lmms_eval.settled_evaluation import load_documents, settled_evaluation
from tag_plugin.hosts.lmms_eval.tag_tasks import TagTask
from tag_plugin.hosts.lmms_eval.wrappers import (
    Wrapper,
    refuse_batches,
    warn_of_untried,
    wrapper_of,
)
from tag_plugin.trace.prompt import Style
from tests.hosts.lmms_eval.small_data import host_task as task
from tests.hosts.lmms_eval.small_data import row, save_picture

CALL: dict[str, Any] = {"model": "dummy", "model_args": "", "gen_kwargs": None}
DIRECT = TagTask("synth", "test", Style.DIRECT)


@pytest.fixture
def printed():
    wrapper_of("dummy", "")  # importing the host's models removes all handlers
    lines: list[str] = []
    handler = logger.add(lines.append, format="{level} {message}")
    yield lines
    logger.remove(handler)


def stated(loaded: Any, **call: Any):
    with settled_evaluation([TagTask("synth")], {**CALL, **call}) as evaluation:
        load_documents(loaded)
    return evaluation.stated[loaded.config.task]


@pytest.fixture(autouse=True)
def told(data_dir, monkeypatch):
    monkeypatch.setenv("TAG_BOX_FRAME", "relative")


def test_the_protocol_is_printed_with_its_fingerprint_and_every_field(printed):
    found = stated(task())
    (text,) = [line for line in printed if "protocol tag_synth" in line]
    assert f"[{found.fingerprint}]" in text
    for line in found.protocol.lines():
        assert line in text
    assert RUNNING.get() is None, "forgotten afterwards"


def test_other_ranks_are_silent(printed, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    stated(task())
    assert not [line for line in printed if "protocol" in line]


@pytest.mark.parametrize(
    ("call", "field", "value"),
    [
        ({"gen_kwargs": "max_new_tokens=8"}, "decoding", {"max_new_tokens": 8, "until": []}),
        (
            {"gen_kwargs": {"temperature": 1}},
            "decoding",
            {"max_new_tokens": 1024, "until": [], "temperature": 1},
        ),
        ({"limit": 2}, "items", "0-1"),
        ({"limit": 2, "offset": 1}, "items", "1-2"),
        ({"offset": 3}, "items", "3-3"),
        ({"limit": 100}, "items", "all"),
        ({"limit": -1}, "items", "all"),
        ({"limit": 0.5}, "items", "0-1"),
        ({"num_fewshot": 2}, "host_options", {"num_fewshot": 2}),
        ({"system_instruction": "Hm"}, "host_options", {"system_instruction": "Hm"}),
    ],
)
def test_what_the_command_line_changes_is_in_the_protocol(call, field, value):
    plain, changed = stated(task()).protocol, stated(task(), **call).protocol
    assert getattr(changed, field) == value
    assert (changed.fingerprint == plain.fingerprint) == (value == "all")


def test_data_and_weights_reach_the_configuration_that_the_cache_key_is_made_of(data_dir, tmp_path):
    loaded = task()
    stated(loaded)
    first = dict(loaded.config.metadata)
    write_rows(data_dir / "synth/detected/test.jsonl", [row(0)])
    stated(loaded)
    assert loaded.config.metadata["protocol"]["rows_sha256"] != first["protocol"]["rows_sha256"]
    assert "items" not in first["protocol"], "shards share the cache"
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights/model.bin").write_bytes(b"x")
    stated(loaded, model_args=f"pretrained={tmp_path / 'weights'}")
    assert (first["weights"], len(loaded.config.metadata["weights"])) == (None, 12)


def test_styles_without_boxes_need_no_box_frame(monkeypatch):
    monkeypatch.delenv("TAG_BOX_FRAME")
    loaded = task("tag_synth_direct", dataset_kwargs={"style": "direct"})
    with settled_evaluation([DIRECT], CALL) as evaluation:
        load_documents(loaded)
    protocol = evaluation.stated["tag_synth_direct"].protocol
    assert (protocol.style, protocol.box_frame, protocol.detector) == ("direct", None, None)
    with (
        pytest.raises(WrongConfigurationError, match="TAG_BOX_FRAME"),
        settled_evaluation([DIRECT, TagTask("synth")], CALL),
    ):
        pass


def test_a_label_only_model_is_asked_directly_and_the_protocol_says_so():
    question = Question(BoxFrame.RELATIVE, "a test", label_only=True)
    token = RUNNING.set(evaluation := Evaluation(question))
    try:
        load_documents(task())
    finally:
        RUNNING.reset(token)
    protocol = evaluation.stated["tag_synth"].protocol
    assert (protocol.style, protocol.answers) == ("direct", "careful-1")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda file, image: file.write_text(""), "no usable row: it is empty"),
        (lambda file, image: file.write_text("x\n"), r"no usable row: .*test\.jsonl:1"),
        (lambda file, image: save_picture(image, 1, side=100), "is 100x100"),
        (lambda file, image: file.unlink(), "no test data for synth"),
        (lambda file, image: file.write_bytes(file.read_bytes() * 2), "holds an id twice"),
    ],
)
def test_data_that_cannot_be_used_is_refused_before_the_model_loads(data_dir, spoil, message):
    spoil(data_dir / "synth/detected/test.jsonl", data_dir / "synth/images/test/1.png")
    with (
        pytest.raises(WrongConfigurationError, match=message),
        settled_evaluation([TagTask("synth")], CALL),
    ):
        pytest.fail("the model would load now")


@pytest.mark.parametrize("recorded", [True, False])
def test_an_adapter_is_refused_with_the_command_that_merges_it(tmp_path, recorded):
    folder = tmp_path / "lora"
    folder.mkdir()
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "org/base"}')
    if recorded:
        record = CheckpointRecord(
            template="tag_qwen3_vl", box_frame=BoxFrame.RELATIVE, prompt_hash="0"
        )
        write_checkpoint_record(folder, record)
    template = "tag_qwen3_vl" if recorded else "TEMPLATE"
    command = (
        f"llamafactory-cli export --model_name_or_path org/base --adapter_name_or_path {folder} "
        f"--template {template} --export_dir {folder}_merged\n"
    )
    arguments = {"model": "hf", "model_args": f"pretrained={folder}"}
    with (
        pytest.raises(WrongConfigurationError) as caught,
        settled_evaluation([DIRECT], {**CALL, **arguments}),
    ):
        pass
    assert "is an adapter (LoRA), not a whole model" in str(caught.value)
    assert command in str(caught.value)


def test_rows_that_are_left_out_are_named_and_counted(data_dir, printed):
    (data_dir / "synth/images/test/1.png").unlink()
    assert stated(task()).rows_left_out == 1
    warnings = [line for line in printed if line.startswith("WARNING")]
    assert "row left out" in warnings[0]
    assert "1 of 4 rows left out" in warnings[1]


@pytest.mark.parametrize("model", ["llava_hf chat", "internvl_hf chat"])
def test_several_faces_at_once_are_refused_where_the_host_takes_one(model):
    wrapper = Wrapper(model, {"pretrained": "x", "batch_size": 1}, {})
    for size in (None, 1, "1"):
        refuse_batches(wrapper, size)
    for size in (8, "8", "auto"):
        with pytest.raises(WrongConfigurationError, match=f"is {size}; next: --batch_size 1"):
            refuse_batches(wrapper, size)
    refuse_batches(Wrapper("qwen2_5_vl chat", {"pretrained": "x"}, {}), 8)


@pytest.mark.parametrize(
    ("model", "trained", "warned"),
    [("gemma3 simple", True, 1), ("gemma3 simple", False, 0), ("llava_hf chat", True, 0)],
)
def test_a_wrapper_that_was_not_compared_with_training_is_named(model, trained, warned, printed):
    question = Question(BoxFrame.RELATIVE, "a test", trained=trained)
    warn_of_untried(Wrapper(model, {"pretrained": "x"}, {}), question, "saves/x")
    assert len([line for line in printed if "may ask saves/x another question" in line]) == warned
