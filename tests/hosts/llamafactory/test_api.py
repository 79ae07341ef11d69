"""LLaMA-Factory's own API server as the writer, and as what an evaluation asks."""

import socket
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest
from llamafactory.cli import main
from typer.testing import CliRunner

from tag_plugin.cli import app
from tag_plugin.data.checkpoint_record import CheckpointRecord, write_checkpoint_record
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.paths import tasks_dir
from tag_plugin.pipeline.write.statistics import collect, table_file
from tag_plugin.tiny import write_base
from tag_plugin.trace.parse import ANY_EMOTION
from tag_plugin.trace.prompt import grounded_prompt, prompt_hash
from tests.forked import as_command, begun, ended
from tests.hosts.lmms_eval.small_data import write_dataset
from tests.pipeline.write.faces import write_detected

pytest.importorskip("openai")
pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytestmark = [pytest.mark.host, pytest.mark.slow]

KEY, ROWS, RETRIES, LONGEST = "sk-tiny-secret", 6, 1, 16
TEMPLATE = "tag_qwen2_5_vl"
ANSWERED = '"POST /v1/chat/completions HTTP/1.1" 200'


@contextmanager
def api(model, log):
    """`llamafactory-cli api` on a free port of loopback; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {"model_name_or_path": model, "template": TEMPLATE}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    command = as_command(main, "llamafactory-cli", "api", *words)
    environment = {"API_HOST": "127.0.0.1", "API_PORT": str(port), "API_KEY": KEY}
    environment |= {"API_MODEL_NAME": "tag-tiny", "CUDA_VISIBLE_DEVICES": ""}
    server = begun(command, log, **environment)
    try:
        wait_for(f"http://127.0.0.1:{port}/v1", server, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        ended(server, 60)


def wait_for(address, server, log):
    request = urllib.request.Request(f"{address}/models")  # noqa: S310  # loopback
    request.add_header("authorization", f"Bearer {KEY}")
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        assert server.is_alive(), log.read_text()
        try:
            urllib.request.urlopen(request, timeout=5).close()  # noqa: S310  # loopback
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.5)
        else:
            return
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """The shipped model with the record of a training."""
    folder = write_base(tmp_path_factory.mktemp("base") / "model")
    asked = prompt_hash(grounded_prompt(ANY_EMOTION, BoxFrame.ABSOLUTE))
    record = CheckpointRecord(template=TEMPLATE, box_frame=BoxFrame.ABSOLUTE, prompt_hash=asked)
    write_checkpoint_record(folder, record)
    return folder


@pytest.fixture(scope="module")
def server(base, tmp_path_factory):
    """Its address, and its log."""
    log = tmp_path_factory.mktemp("api") / "api.log"
    with api(base, log) as address:
        yield address, log


def test_an_evaluation_through_the_server_is_that_of_the_wrapper(
    server, base, tmp_path, monkeypatch
):
    pytest.importorskip("lmms_eval")
    from lmms_eval.evaluator import simple_evaluate
    from lmms_eval.tasks import TaskManager

    write_dataset(tmp_path / "data", "synth", "detected")
    monkeypatch.setenv("TAG_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("TAG_BOX_FRAME", raising=False)
    manager = TaskManager("ERROR", include_path=str(tasks_dir()), include_defaults=False)
    arguments = {
        "openai": f"model_version={base},base_url={server[0]},api_key={KEY},timeout=300",
        "hf": f"pretrained={base}",
    }
    stated, answers = {}, {}
    for model, given in arguments.items():
        results = simple_evaluate(
            model=model,
            model_args=given,
            tasks=["tag_synth"],
            task_manager=manager,
            batch_size=1,
            limit=2,
            gen_kwargs=f"max_new_tokens={LONGEST}",
        )
        samples = results["samples"]["tag_synth"]
        answers[model] = [sample["filtered_resps"] for sample in samples]
        stated[model] = results["tag_plugin"]["tag_synth"]["protocol"]
    assert answers["openai"] == answers["hf"]
    for name in ("box_frame", "prompt_hash", "style", "rows_sha256"):
        assert stated["openai"][name] == stated["hf"][name]
    assert stated["openai"]["box_frame"] == "absolute"


def test_every_reply_of_the_tiny_model_is_accounted_for(server, tmp_path, monkeypatch):
    directory, (address, log) = tmp_path / "data" / "ferplus", server
    before = log.read_text().count(ANSWERED)
    write_detected(directory, ROWS)
    config = tmp_path / "writer.yaml"
    config.write_text(
        f"parameters: {{temperature: 0.0, max_tokens: {LONGEST}}}\n"
        f"format_retries: {RETRIES}\nbox_frame: absolute\nprice: {{input: 1, output: 1}}\n"
    )
    words = ["build", directory, "--writer", "openai", "--endpoint", address, "--model", "tag-tiny"]
    words += ["--writer-config", config, "--concurrency", 2, "--support", "any"]
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    refused = CliRunner().invoke(app, [str(word) for word in words])
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    done = CliRunner().invoke(app, [str(word) for word in words])
    again = CliRunner().invoke(app, [*(str(word) for word in words), "--restart"])
    assert "401" in str(refused.exception)
    for each in (done, again):  # it has never seen a trace
        assert f"kept none of {ROWS} entries: format failure {ROWS}" in str(each.exception)

    found = collect(table_file(directory), "train")
    asked = ROWS * (1 + RETRIES)
    assert found["attempts"] == {"format failure": asked}
    assert log.read_text().count(ANSWERED) - before == asked
    assert (found["replies"], found["replies_without_usage"]) == (asked, 0)
    assert asked <= found["completion_tokens"] <= asked * LONGEST
    assert found["prompt_tokens"] > asked * 64  # the face alone takes 64
    tokens = found["prompt_tokens"] + found["completion_tokens"]
    assert found["cost"] == pytest.approx(tokens / 1e6, abs=1e-6)
    secrets = [path for path in directory.rglob("*") if path.is_file()]
    assert not any(KEY.encode() in path.read_bytes() for path in secrets)
