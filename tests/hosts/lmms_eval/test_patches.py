"""The host's functions are changed as declared, once, and only for TAG tasks; hand-made hosts."""

import json
import pickle
import sys
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from tag_plugin.hosts.lmms_eval import patches
from tag_plugin.hosts.lmms_eval.errors import WrongConfigurationError
from tag_plugin.hosts.lmms_eval.evaluation import RUNNING
from tag_plugin.hosts.lmms_eval.host_functions import telling, without_system_line
from tag_plugin.hosts.lmms_eval.wrappers import Wrapper
from tag_plugin.hosts.paths import tasks_dir

SYSTEM = "You are a helpful assistant."


Hosts = Callable[[str, Any], None]


@pytest.fixture
def hosts(monkeypatch) -> Hosts:
    """Puts a module in the place of the host's."""
    return partial(monkeypatch.setitem, sys.modules)


def fake_tasks(hosts: Hosts) -> Any:
    """A task manager and a task; armed."""

    class TaskManager:
        def initialize_tasks(self, include_path=None, include_defaults=True):
            return {"theirs": 1, "both": "theirs"}

        def _get_task_and_group(self, task_dir):
            return {"ours": task_dir, "both": "ours"}

    class ConfigurableTask:
        dataset = None

        def download(self, dataset_kwargs=None):
            self.dataset = dataset_kwargs

    tasks = SimpleNamespace(TaskManager=TaskManager, ConfigurableTask=ConfigurableTask)
    hosts("lmms_eval.tasks", tasks)
    hosts("lmms_eval.api.task", tasks)
    patches.register_tasks(tasks)
    return tasks


def fake_evaluator(hosts: Hosts, index: dict[str, Any]) -> Any:
    """An evaluator that remembers what was asked when its model would load; armed."""
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

    evaluator = SimpleNamespace(
        simple_evaluate=simple_evaluate,
        unwrap_generation_output=lambda output: (output, None),
        TaskManager=TaskManager,
        loads=loads,
    )
    hosts("lmms_eval.evaluator", evaluator)
    patches.register_evaluator(evaluator)
    return evaluator


class Qwen3:
    """The wrapper's way to write a conversation: here the roles alone."""

    def __init__(self, system_prompt=SYSTEM):
        self.system_prompt = system_prompt

    def write(self, batched_messages, **kwargs):
        return [[message["role"] for message in messages] for messages in batched_messages]


class Qwen35(Qwen3):
    """The wrapper of a later family, which passes the system prompt on."""

    def __init__(self, *arguments, enable_thinking=True):
        super().__init__(*arguments)


INDEX = {
    "tag_synth": {"type": "task", "yaml_path": str(tasks_dir() / "tag_synth.yaml")},
    "tag_rafdb": {"type": "task", "yaml_path": str(tasks_dir() / "tag_rafdb.yaml")},
}


def test_the_users_own_task_wins_over_ours_of_the_same_name(hosts):
    tasks = fake_tasks(hosts)
    found = tasks.TaskManager().initialize_tasks()
    assert found == {"theirs": 1, "both": "theirs", "ours": str(tasks_dir())}
    assert "ours" not in tasks.TaskManager().initialize_tasks(None, include_defaults=False)


def test_another_task_downloads_as_before(hosts):
    tasks = fake_tasks(hosts)
    task = tasks.ConfigurableTask()
    task.config = SimpleNamespace(dataset_path="someone/else")
    task.download({"a": 1})
    assert task.dataset == {"a": 1}


def test_patching_twice_changes_nothing(hosts):
    tasks = fake_tasks(hosts)
    first = (tasks.TaskManager.initialize_tasks, tasks.ConfigurableTask.download)
    patches.register_tasks(tasks)
    assert (tasks.TaskManager.initialize_tasks, tasks.ConfigurableTask.download) == first


def test_the_question_is_settled_before_the_model_loads(hosts, data_dir, monkeypatch):
    monkeypatch.setenv("TAG_BOX_FRAME", "absolute")
    evaluator = fake_evaluator(hosts, INDEX)
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
    hosts, data_dir, monkeypatch, task, frame, message
):
    monkeypatch.setenv("TAG_BOX_FRAME", frame)
    evaluator = fake_evaluator(hosts, INDEX)
    with pytest.raises(SystemExit, match=message) as caught:
        evaluator.simple_evaluate(model="dummy", tasks=["tag_synth", task])
    assert isinstance(caught.value, WrongConfigurationError)
    assert evaluator.loads == []


def test_an_evaluation_without_tag_tasks_needs_nothing(hosts, monkeypatch):
    monkeypatch.delenv("TAG_DATA_DIR", raising=False)
    evaluator = fake_evaluator(hosts, {"other": {"type": "python_task"}})
    assert evaluator.simple_evaluate("dummy", tasks=["other"]) == {"results": {}}
    assert evaluator.loads == [(None, "dummy", None)]


@pytest.mark.parametrize("wrapper", [Qwen3, Qwen35])
@pytest.mark.parametrize(
    ("system_prompt", "text", "roles"),
    [
        (SYSTEM, "a TAG prompt", ["user"]),
        (SYSTEM, "what colour is it?", ["system", "user"]),  # another task
        ("Be brief.", "a TAG prompt", ["system", "user"]),  # the user's own
    ],
)
def test_only_a_tag_prompt_loses_the_hosts_system_line(wrapper, system_prompt, text, roles):
    write = without_system_line({"a TAG prompt"}, Qwen3.write)
    picture = {"type": "image", "image": object()}
    messages = [
        {"role": "system", "content": [{"type": "text", "text": system_prompt}]},
        {"role": "user", "content": [picture, {"type": "text", "text": text}]},
    ]
    assert write(wrapper(system_prompt), [messages]) == [roles]


SERVICE = Wrapper("openai chat", {"model_version": "m"}, {}, service=True)
LOCAL = Wrapper("qwen2_5_vl chat", {"pretrained": "x"}, {})
ENGINE = Wrapper("vllm chat", {"model": "x"}, {})


def unwrap_generation_output(output):
    """As the host's."""
    has_text = hasattr(output, "text")
    return (output.text, output.token_counts) if has_text else (str(output), None)


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
    text, _ = telling(wrapper, unwrap_generation_output)(output)
    assert getattr(text, "reason", None) == reason
    if reason:
        again = pickle.loads(pickle.dumps(text.strip()))  # noqa: S301  # as between processes
        assert (again, again.reason, json.dumps(again)) == ("", reason, '""')


def test_a_host_that_has_hf_keeps_its_own(monkeypatch):

    monkeypatch.setattr(patches._autoload, "install", lambda: None)
    models = SimpleNamespace(AVAILABLE_SIMPLE_MODELS={}, AVAILABLE_CHAT_TEMPLATE_MODELS={"hf": "X"})
    monkeypatch.setitem(patches.sys.modules, "lmms_eval.models", models)
    assert patches.model_manifests() == []
