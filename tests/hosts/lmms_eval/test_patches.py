"""The host's functions are changed as declared, once, and only for TAG tasks; hand-made hosts."""

import json
import pickle
from types import SimpleNamespace
from typing import Any

import pytest

from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.lmms_eval import patches
from tag_plugin.hosts.lmms_eval.configuration import WrongConfigurationError
from tag_plugin.hosts.lmms_eval.evaluation import RUNNING, Evaluation
from tag_plugin.hosts.lmms_eval.patches import (
    HostChangedError,
    patch_evaluator,
    patch_qwen3_vl,
    patch_response_cache,
    patch_tasks,
)
from tag_plugin.hosts.lmms_eval.questions import Question
from tag_plugin.hosts.lmms_eval.wrappers import Wrapper
from tag_plugin.hosts.paths import tasks_dir

SYSTEM = "You are a helpful assistant."


def fake_tasks() -> Any:
    class TaskManager:
        def initialize_tasks(self, include_path=None, include_defaults=True):
            return {"theirs": 1, "both": "theirs"}

        def _get_task_and_group(self, task_dir):
            return {"ours": task_dir, "both": "ours"}

    class ConfigurableTask:
        dataset = None

        def download(self, dataset_kwargs=None):
            self.dataset = dataset_kwargs

    return SimpleNamespace(TaskManager=TaskManager, ConfigurableTask=ConfigurableTask)


def fake_evaluator(index: dict[str, Any]) -> Any:
    """An evaluator that remembers what was asked when its model would load."""
    loads: list[Any] = []

    class TaskManager:
        task_index = index

        def __init__(self, verbosity, model_name=None):
            self.model_name = model_name

    def simple_evaluate(
        model, model_args=None, tasks=None, task_manager=None, verbosity="INFO", limit=None
    ):
        loads.append((RUNNING.get(), task_manager.model_name, limit))
        return {"results": {}}

    def unwrap_generation_output(output):
        return (
            (output.text, output.token_counts) if hasattr(output, "text") else (str(output), None)
        )

    return SimpleNamespace(
        simple_evaluate=simple_evaluate,
        unwrap_generation_output=unwrap_generation_output,
        TaskManager=TaskManager,
        loads=loads,
    )


def fake_qwen3() -> Any:
    class Qwen3_VL:  # noqa: N801  # the host's name
        def __init__(self, system_prompt=SYSTEM):
            self.system_prompt = system_prompt

        def _apply_chat_template(self, batched_messages, **kwargs):
            return [[message["role"] for message in messages] for messages in batched_messages]

    return SimpleNamespace(Qwen3_VL=Qwen3_VL)


INDEX = {
    "tag_synth": {"type": "task", "yaml_path": str(tasks_dir() / "tag_synth.yaml")},
    "tag_rafdb": {"type": "task", "yaml_path": str(tasks_dir() / "tag_rafdb.yaml")},
}


def test_the_users_own_task_wins_over_ours_of_the_same_name():
    tasks = fake_tasks()
    patch_tasks(tasks)
    found = tasks.TaskManager().initialize_tasks()
    assert found == {"theirs": 1, "both": "theirs", "ours": str(tasks_dir())}
    assert "ours" not in tasks.TaskManager().initialize_tasks(None, include_defaults=False)


def test_another_task_downloads_as_before():
    tasks = fake_tasks()
    patch_tasks(tasks)
    task = tasks.ConfigurableTask()
    task.config = SimpleNamespace(dataset_path="someone/else")
    task.download({"a": 1})
    assert task.dataset == {"a": 1}


def test_patching_twice_changes_nothing():
    tasks = fake_tasks()
    patch_tasks(tasks)
    first = (tasks.TaskManager.initialize_tasks, tasks.ConfigurableTask.download)
    patch_tasks(tasks)
    assert (tasks.TaskManager.initialize_tasks, tasks.ConfigurableTask.download) == first


def test_the_question_is_settled_before_the_model_loads(data_dir, monkeypatch):
    monkeypatch.setenv("TAG_BOX_FRAME", "absolute")
    evaluator = fake_evaluator(INDEX)
    patch_evaluator(evaluator)
    assert evaluator.simple_evaluate("dummy", tasks=["tag_synth"], limit=3) == {
        "results": {},
        "tag_plugin": {},
    }
    ((asked, model_name, limit),) = evaluator.loads
    assert (asked.question.frame, model_name, limit) == ("absolute", "dummy", 3)
    assert RUNNING.get() is None, "forgotten afterwards"


@pytest.mark.parametrize(
    ("task", "frame", "message"),
    [("tag_rafdb", "absolute", "no test data for rafdb"), ("tag_synth", "", "TAG_BOX_FRAME")],
)
def test_what_is_missing_ends_it_before_the_model_loads(
    data_dir, monkeypatch, task, frame, message
):
    monkeypatch.setenv("TAG_BOX_FRAME", frame)
    evaluator = fake_evaluator(INDEX)
    patch_evaluator(evaluator)
    with pytest.raises(SystemExit, match=message) as caught:
        evaluator.simple_evaluate(model="dummy", tasks=["tag_synth", task])
    assert isinstance(caught.value, WrongConfigurationError)
    assert evaluator.loads == []


def test_an_evaluation_without_tag_tasks_needs_nothing(monkeypatch):
    monkeypatch.delenv("TAG_DATA_DIR", raising=False)
    evaluator = fake_evaluator({"other": {"type": "python_task"}})
    patch_evaluator(evaluator)
    assert evaluator.simple_evaluate("dummy", tasks=["other"]) == {"results": {}}
    assert evaluator.loads == [(None, "dummy", None)]


@pytest.mark.parametrize(
    ("system_prompt", "text", "roles"),
    [
        (SYSTEM, "a TAG prompt", ["user"]),
        (SYSTEM, "what colour is it?", ["system", "user"]),  # another task
        ("Be brief.", "a TAG prompt", ["system", "user"]),  # the user's own
    ],
)
def test_only_a_tag_prompt_loses_the_hosts_system_line(monkeypatch, system_prompt, text, roles):
    monkeypatch.setattr("tag_plugin.hosts.lmms_eval.questions.ASKED_PROMPTS", {"a TAG prompt"})
    wrapper = fake_qwen3()
    patch_qwen3_vl(wrapper)
    picture = {"type": "image", "image": object()}
    messages = [
        {"role": "system", "content": [{"type": "text", "text": system_prompt}]},
        {"role": "user", "content": [picture, {"type": "text", "text": text}]},
    ]
    model = wrapper.Qwen3_VL(system_prompt)
    assert model._apply_chat_template([messages]) == [roles]


SERVICE = Wrapper("openai chat", {"model_version": "m"}, {}, service=True)
LOCAL = Wrapper("qwen2_5_vl chat", {"pretrained": "x"}, {})
ENGINE = Wrapper("vllm chat", {"model": "x"}, {})


def reply(text, counts=None):
    return SimpleNamespace(text=text, token_counts=counts)


@pytest.mark.parametrize(
    ("wrapper", "output", "reason"),
    [
        (SERVICE, reply(None, {"output_tokens": 64}), "the model returned nothing"),
        (SERVICE, None, "the model returned nothing"),
        (SERVICE, reply("", {"output_tokens": 64}), "the service returned an empty text"),
        (SERVICE, " \n", "the service returned an empty text"),
        (LOCAL, reply(""), "generating failed, the host's log says why"),
        (LOCAL, reply("", {"output_tokens": 1}), None),  # it ended at once: its answer
        (LOCAL, "", None),
        (ENGINE, reply(""), None),  # counts no tokens at all
        (SERVICE, reply("sad"), None),
        (SERVICE, "None of these", None),
    ],
)
def test_a_reply_without_text_is_told_from_an_empty_answer(wrapper, output, reason):
    evaluator = fake_evaluator(INDEX)
    patch_evaluator(evaluator)
    token = RUNNING.set(Evaluation(Question(BoxFrame.RELATIVE, "a test"), wrapper=wrapper))
    try:
        text, _ = evaluator.unwrap_generation_output(output)
    finally:
        RUNNING.reset(token)
    assert getattr(text, "reason", None) == reason
    if reason:
        again = pickle.loads(pickle.dumps(text.strip()))  # noqa: S301  # as between processes
        assert (again, again.reason, json.dumps(again)) == ("", reason, '""')


def test_outside_of_a_tag_evaluation_a_reply_is_the_hosts_affair():
    evaluator = fake_evaluator(INDEX)
    patch_evaluator(evaluator)
    assert evaluator.unwrap_generation_output(reply(None, 3)) == (None, 3)
    assert evaluator.unwrap_generation_output(None) == ("None", None)


def another(some: object, signature: object) -> None:
    """What a later host may have in the place of a function that we replace."""


def changed_tasks() -> Any:
    tasks = fake_tasks()
    tasks.ConfigurableTask.download = another
    return tasks


def changed_evaluator() -> Any:
    return SimpleNamespace(__name__="lmms_eval.evaluator", simple_evaluate=another)


def changed_cache() -> Any:
    class ResponseCache:
        @classmethod
        def create(cls, cache_root):
            return cls()

        execute = another

    return SimpleNamespace(ResponseCache=ResponseCache)


def changed_qwen3() -> Any:
    wrapper = fake_qwen3()
    del wrapper.Qwen3_VL._apply_chat_template
    return wrapper


@pytest.mark.parametrize(
    ("patch", "host", "symbol"),
    [
        (patch_tasks, changed_tasks(), r"ConfigurableTask\.download"),
        (patch_evaluator, changed_evaluator(), r"evaluator\.simple_evaluate"),
        (patch_response_cache, changed_cache(), r"ResponseCache\.execute"),
        (patch_qwen3_vl, changed_qwen3(), r"Qwen3_VL\._apply_chat_template"),
    ],
)
def test_a_changed_host_is_refused_with_the_tested_range(patch, host, symbol):
    with pytest.raises(HostChangedError, match=rf"{symbol} takes .*tested: >=0\.7\.3,<0\.8"):
        patch(host)


def test_a_host_that_has_hf_keeps_its_own(monkeypatch):

    models = SimpleNamespace(AVAILABLE_SIMPLE_MODELS={}, AVAILABLE_CHAT_TEMPLATE_MODELS={"hf": "X"})
    monkeypatch.setitem(patches.sys.modules, "lmms_eval.models", models)
    assert patches.hf_manifest() == []
