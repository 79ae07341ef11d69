"""What the model sees and how it decodes is in the protocol, or refused; what is neither is not."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tag_plugin.hosts.lmms_eval.errors import WrongConfigurationError
from tag_plugin.hosts.lmms_eval.settled_evaluation import load_documents, settled_evaluation
from tag_plugin.hosts.lmms_eval.tag_tasks import TagTask
from tag_plugin.hosts.lmms_eval.wrappers import wrapper_of
from tag_plugin.results.protocol import Protocol, differences
from tag_plugin.tiny.shipped import SHIPPED
from tests.hosts.lmms_eval.small_data import host_task

pytestmark = pytest.mark.host

GREEDY = {"max_new_tokens": 64, "do_sample": False, "temperature": 0, "until": []}
LIKE_TRAINING = "qwen2_5_vl chat"


@pytest.fixture(autouse=True)
def no_service_settings(data_dir, monkeypatch):
    monkeypatch.delenv("LMMS_IMAGE_ENCODE_FORMAT", raising=False)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """The shipped model without its weights, which nobody reads here."""
    ignored = shutil.ignore_patterns("*.safetensors")
    return Path(shutil.copytree(SHIPPED, tmp_path / "model", ignore=ignored))


def protocol(checkpoint: Path, args: str = "", **call: Any) -> Protocol:
    config = call.pop("config", {})
    given = f"pretrained={checkpoint}{args and ','}{args}"
    task = host_task(**{"generation_kwargs": GREEDY} | config)
    call = {"model": "hf", "model_args": given, "torch_random_seed": 1234} | call
    with settled_evaluation([TagTask("synth")], call) as evaluation:
        load_documents(task)
    return evaluation.stated["tag_synth"].protocol


def edited(name: str, **values: Any):
    """A change of a JSON file of the checkpoint."""

    def change(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(content | values))

    return change


def replaced(name: str, old: str, new: str):
    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return change


PREPROCESSOR, GENERATION = "preprocessor_config.json", "generation_config.json"
PICTURE = "<|vision_start|><|image_pad|><|vision_end|>"


def picture_last(folder: Path) -> None:
    """A chat template that puts the picture after the text."""
    replaced("chat_template.jinja", "{% for content in message['content'] %}", (
        "{% for content in message['content'] | reverse %}"
    ))(folder)  # fmt: skip


def whole_tags(folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<bbox>", "</bbox>"]})
    tokenizer.save_pretrained(folder)


def room_for_tags(folder: Path) -> None:
    whole_tags(folder)
    text = json.loads((folder / "config.json").read_text())["text_config"]
    edited("config.json", text_config={**text, "vocab_size": text["vocab_size"] + 64})(folder)


def test_a_token_without_an_embedding_is_refused(checkpoint):
    whole_tags(checkpoint)
    with pytest.raises(WrongConfigurationError, match=r"model has .* embeddings; next: take the"):
        protocol(checkpoint)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (edited(PREPROCESSOR, image_mean=[0.4, 0.4, 0.4]), "model_input.processor.image_mean"),
        (edited(PREPROCESSOR, image_std=[0.2, 0.2, 0.2]), "model_input.processor.image_std"),
        (edited(PREPROCESSOR, do_normalize=False), "model_input.processor.do_normalize"),
        (edited(PREPROCESSOR, rescale_factor=0.5), "model_input.processor.rescale_factor"),
        (edited(PREPROCESSOR, patch_size=14), "model_input.processor.patch_size"),
        (edited(PREPROCESSOR, merge_size=4), "model_input.processor.merge_size"),
        (replaced("chat_template.jinja", "a helpful", "an unhelpful"), "model_input.chat"),
        (picture_last, "model_input.chat"),
        (room_for_tags, "model_input.tokens"),
        (
            edited(GENERATION, repetition_penalty=1.05),
            "decoding.generation_config.repetition_penalty",
        ),
        (
            edited(GENERATION, no_repeat_ngram_size=3),
            "decoding.generation_config.no_repeat_ngram_size",
        ),
        (edited(GENERATION, suppress_tokens=[5]), "decoding.generation_config.suppress_tokens"),
        (
            replaced("tokenizer_config.json", '"eos_token": "<|im_end|>"', '"eos_token": "."'),
            "model_input.end",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_changed_file_of_the_checkpoint_is_another_protocol(checkpoint, change, field):
    plain = protocol(checkpoint)
    change(checkpoint)
    changed = protocol(checkpoint)
    assert changed.fingerprint != plain.fingerprint
    assert field in differences(plain, changed)


@pytest.mark.parametrize(
    ("args", "call", "field"),
    [
        ("system_prompt=Look closely.", {}, "model_input.arguments.system_prompt"),
        ("reasoning_prompt=Think first.", {}, "model_input.arguments.reasoning_prompt"),
        ("interleave_visuals=True", {}, "model_input.arguments.interleave_visuals"),
        ("max_num_frames=4", {}, "model_input.arguments.max_num_frames"),
        ("load_in_4bit=True", {}, "model_input.arguments.load_in_4bit"),
        ("dtype=float32", {}, "model_input.arguments.dtype"),
        ("never_heard_of=1", {}, "model_input.arguments.never_heard_of"),
        ("", {"model": "qwen2_5_vl", "force_simple": True}, "model_input.wrapper"),
        ("", {"system_instruction": "Look."}, "host_options.system_instruction"),
        ("", {"apply_chat_template": True}, "host_options.apply_chat_template"),
        ("", {"num_fewshot": 1}, "host_options.num_fewshot"),
        ("", {"gen_kwargs": "num_beams=2"}, "decoding.num_beams"),
        ("", {"gen_kwargs": "max_new_tokens=8"}, "decoding.max_new_tokens"),
        ("", {"gen_kwargs": "temperature=0.7"}, "decoding.seed"),
        ("", {"gen_kwargs": {"until": ["."]}}, "decoding.until"),
        ("", {"limit": 2}, "items"),
        ("", {"config": {"description": "Look. "}}, "host_options.task_description"),
        ("", {"config": {"doc_to_text": "label"}}, "host_options.task_doc_to_text"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
def test_another_command_is_another_protocol(checkpoint, args, call, field):
    plain, changed = protocol(checkpoint), protocol(checkpoint, args, **call)
    assert changed.fingerprint != plain.fingerprint
    assert field in differences(plain, changed)


@pytest.mark.parametrize(
    ("args", "call"),
    [
        ("device_map=cpu,device=cpu", {"device": "cpu"}),
        ("batch_size=8", {"batch_size": 8, "max_batch_size": 16}),
        ("attn_implementation=eager", {}),
        ("use_cache=False", {"log_samples": False, "verbosity": "DEBUG"}),
        ("system_prompt=You are a helpful assistant.", {}),  # the wrapper's own
        ("max_pixels=2000000,min_pixels=3136", {}),  # the face frame stays as it is
        ("", {"model": "qwen2_5_vl"}),  # what "hf" means here
        ("", {"force_simple": True}),  # "hf" has one class only
    ],
)
def test_what_changes_neither_input_nor_decoding_is_the_same_protocol(checkpoint, args, call):
    assert differences(protocol(checkpoint), protocol(checkpoint, args, **call)) == {}


def as_saved_by_a_trainer(folder: Path) -> None:
    """The processor that the host of training writes: other keys, another order, one file less."""
    from transformers import AutoProcessor

    (folder / PREPROCESSOR).rename(folder / "kept")
    shutil.copy(folder / "kept", folder / PREPROCESSOR)
    AutoProcessor.from_pretrained(folder).save_pretrained(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "tag_plugin.json.bak").write_text("x"),
        edited(PREPROCESSOR, max_pixels=1_605_632),  # the wrapper gives its own
        edited(GENERATION, temperature=0.3, top_p=0.9, top_k=7),  # nothing is sampled
        as_saved_by_a_trainer,
    ],
)
def test_files_that_mean_the_same_are_the_same_protocol(checkpoint, change):
    plain = protocol(checkpoint)
    change(checkpoint)
    assert differences(plain, protocol(checkpoint)) == {}


def test_another_place_is_the_same_protocol(checkpoint, tmp_path):
    there = Path(shutil.copytree(checkpoint, tmp_path / "elsewhere"))
    assert protocol(there).fingerprint == protocol(checkpoint).fingerprint


def test_sampling_settings_of_the_checkpoint_count_where_it_samples(checkpoint):
    edited(GENERATION, top_k=7)(checkpoint)
    sampled = protocol(checkpoint, gen_kwargs="temperature=0.7").decoding
    assert sampled["generation_config"] == {"top_k": 7}
    assert sampled["seed"] == 1234


@pytest.mark.parametrize(
    ("args", "change", "message"),
    [
        (
            "min_pixels=1003520",
            None,
            "448x448 face would reach the model as 1008x1008.*next: leave min_pixels out",
        ),
        ("max_pixels=50176", None, "as 224x224.*next: leave max_pixels out"),
        ("", edited(PREPROCESSOR, patch_size=0), r"processor of .* cannot take a 448x448 face"),
        ("", edited(PREPROCESSOR, patch_size=20), r"next: let .*preprocessor_config\.json"),
    ],
)
def test_a_face_that_would_be_resized_is_refused_before_the_model_loads(
    checkpoint, args, change, message
):
    if change:
        change(checkpoint)
    with pytest.raises(WrongConfigurationError, match=message):
        protocol(checkpoint, args)


def test_a_chat_template_in_a_file_counts_by_what_it_holds(checkpoint, tmp_path):
    template = tmp_path / "chat.jinja"
    found = []
    for text in ("one", "two"):
        template.write_text(text)
        found.append(protocol(checkpoint, f"chat_template={template}"))
    assert "model_input.arguments.chat_template" in differences(*found)
    assert str(template) not in found[0].model_dump_json()


@pytest.mark.parametrize("key", ["api_key", "hf_token", "client_secret", "db_password"])
def test_a_secret_is_no_part_of_a_protocol(checkpoint, key):
    assert "s3cr3t" not in protocol(checkpoint, f"{key}=s3cr3t").model_dump_json()


def test_vllm_decodes_more_tokens_than_asked_for_and_without_the_checkpoints_settings(checkpoint):
    edited(GENERATION, repetition_penalty=1.05)(checkpoint)
    found = protocol(checkpoint, model="vllm", model_args=f"model={checkpoint}")
    assert found.model_input["wrapper"] == "vllm chat"
    assert found.decoding["max_new_tokens"] == 4096
    assert "generation_config" not in found.decoding
    fewer = protocol(
        checkpoint, model="vllm", model_args=f"model={checkpoint},max_new_tokens=8,max_model_len=99"
    )
    assert fewer.decoding["max_new_tokens"] == 64
    assert fewer.model_input["arguments"]["max_model_len"] == 99
    resized = f'model={checkpoint},mm_processor_kwargs={{"min_pixels": 1003520}}'
    with pytest.raises(WrongConfigurationError, match="as 1008x1008"):
        protocol(checkpoint, model="vllm", model_args=resized)


def test_the_order_of_picture_and_question_of_training_is_kept_or_refused(checkpoint):
    with pytest.raises(WrongConfigurationError, match=r"the picture after the question.*next:"):
        wrapper_of("vllm", f"model={checkpoint}", force_simple=True)
    stated = wrapper_of("vllm", {"model": str(checkpoint), "image_first": True}, force_simple=True)
    assert (stated.name, stated.changed) == ("vllm simple", {"image_first": True})


def test_a_service_is_asked_as_its_arguments_and_the_environment_say(monkeypatch, checkpoint):
    monkeypatch.setenv("TAG_BOX_FRAME", "relative")
    monkeypatch.setenv("LMMS_IMAGE_ENCODE_FORMAT", "JPEG")
    args = "model_version=m,base_url=http://127.0.0.1:1/v1,api_key=k,max_retries=1"
    found = protocol(checkpoint, model="openai", model_args=args)
    assert found.model_input == {
        "wrapper": "openai chat",
        "environment": {"LMMS_IMAGE_ENCODE_FORMAT": "JPEG"},
    }


def test_a_model_object_says_by_its_attributes_how_it_asks():
    class Asks:
        """As the host's wrappers keep what they were given."""

        def __init__(self, pretrained="x", system_prompt="Usual.", min_pixels=1) -> None:
            self.system_prompt, self.min_pixels = system_prompt, min_pixels

    found = wrapper_of(Asks(system_prompt="Other."), "")
    assert (found.name, found.changed) == ("Asks", {"system_prompt": "Other."})


@pytest.mark.parametrize("model", ["no_such_model", "qwen2_5_vl_typo"])
def test_a_model_that_the_host_does_not_have_is_refused(model):
    with pytest.raises(WrongConfigurationError, match=r"not found.*next: lmms-eval models"):
        wrapper_of(model, "")
