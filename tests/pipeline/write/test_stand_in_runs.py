"""Whole runs against a server that misbehaves: restarts, budgets, shards, and ways to break off."""

import json
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from tag_plugin.asking.request import AskingError
from tag_plugin.cli import app
from tag_plugin.pipeline.build import BuildSettings, build
from tag_plugin.pipeline.outcomes import StageError
from tag_plugin.pipeline.parts import Share
from tests.asking.loopback import QUICKLY, Answer
from tests.pipeline.detected_rows import EVERY
from tests.pipeline.write.acts import QUICK, play, play_quickly, right
from tests.pipeline.write.faces import write_detected
from tests.pipeline.write.stand_in import StandIn, trace
from tests.pipeline.write.stand_in_runs import built, model, query, run

pytest.importorskip("openai")


def test_a_restart_in_another_order_and_number_pays_nothing(tmp_path):
    directory = tmp_path / "ferplus"
    acts = [act for act in QUICK if act.dropped != "no reply"]
    with StandIn(write_detected(directory, 30), lambda asked: play(asked, acts)) as server:
        first = run(directory, server, concurrency=2)
        written = (directory / "built" / "train.jsonl").read_bytes()
        heard = len(server.asked)
        again = run(directory, server, concurrency=16, restart=True)
        assert len(server.asked) == heard
    assert (directory / "built" / "train.jsonl").read_bytes() == written
    assert again.splits["train"]["writer_statistics"] == first.splits["train"]["writer_statistics"]


def test_a_change_of_mind_pays_only_for_what_was_never_asked(tmp_path):
    directory = tmp_path / "ferplus"
    with StandIn(write_detected(directory, 26), play_quickly) as server:
        run(directory, server, format_retries=0)
        before = server.answered.total()
        with pytest.raises(StageError, match=r"format_retries: 0 -> 1.*--restart"):
            run(directory, server, format_retries=1)
        run(directory, server, format_retries=1, restart=True)
        assert server.answered.total() == len(server.answered) > before


def test_only_rows_without_a_reply_are_asked_again_by_a_restart(tmp_path):
    directory = tmp_path / "ferplus"
    down = [True]

    def act(asked):
        broken = down[0] and asked.row.id == "train00003"
        return Answer(status=500, body=b"", headers=(QUICKLY,)) if broken else right(asked)

    with StandIn(write_detected(directory, 8), act) as server:
        assert run(directory, server).splits["train"]["dropped"]["no reply"]["count"] == 1
        down[0], answered = False, server.answered.total()
        assert run(directory, server, restart=True).splits["train"]["rows"] == 8
        assert server.answered.total() == answered + 1


def test_the_budget_stops_and_a_larger_one_goes_on(tmp_path):
    directory = tmp_path / "ferplus"
    price = {"input": 1000, "output": 1000}  # 1.1 for each reply, at most 1000 + 200 before it
    settings = {"price": price, "parameters": {"max_tokens": 200}, "concurrency": 3}
    with StandIn(write_detected(directory, 30), right) as server:
        for cost in (12.0, 12.0, 20.0):
            with pytest.raises(AskingError, match=rf"budget is spent: .* of {cost}, .*next: "):
                run(directory, server, budget={"cost": cost}, **settings)
            assert cost - 3 < server.answered.total() * 1.1 <= cost
        manifest = run(directory, server, budget={"cost": 100.0}, **settings)
        assert manifest.splits["train"]["rows"] == 30
        assert server.answered.total() == len(server.answered) == 30


@pytest.mark.parametrize("limit", [{"requests": 7}, {"tokens": 8000}])
def test_requests_and_tokens_are_budgets_too(tmp_path, limit):
    directory = tmp_path / "ferplus"
    settings = {"budget": limit, "parameters": {"max_tokens": 200}}
    with StandIn(write_detected(directory, 30), right) as server:
        with pytest.raises(AskingError, match="budget is spent"):
            run(directory, server, **settings)
        assert server.answered.total() == 7


def test_the_writers_own_boxes_are_verified(tmp_path):
    """Mode verify: boxes copied are kept, boxes elsewhere are not, missing boxes are not."""
    directory = tmp_path / "ferplus"

    def act(asked):
        units = asked.listed
        kind = int(asked.row.id[-1]) % 3
        if kind == 1:
            units = [(c, n, r, "<bbox>[0,0,9,9]</bbox>") for c, n, r, _ in units]
        return Answer(trace(asked, asked.row.label, units=units, boxes=kind != 2))

    by_picture = write_detected(directory, 10)
    with StandIn(by_picture, act) as server:
        summary = run(directory, server, mode="verify", box_frame="absolute", format_retries=1)
    summary = summary.splits["train"]
    nothing = {r.id for r in by_picture.values() if not r.detections.on(r.detector.thresholds)}
    honest = {r.id for r in by_picture.values() if int(r.id[-1]) % 3 == 0}
    assert {row.id for row in built(directory)} == honest | nothing
    reasons = {reason: found["count"] for reason, found in summary["dropped"].items()}
    assert set(reasons) == {"format failure", "action units or boxes disagree with the detector"}
    for row in built(directory):
        assert {s.box for s in row.trace.inspections} <= {d.box for d in row.detections.detections}


@pytest.mark.parametrize("count", [3, 20])
def test_a_server_that_went_away_costs_no_row(tmp_path, count):
    directory = tmp_path / "ferplus"
    by_picture = write_detected(directory, count)
    with StandIn(by_picture, lambda _: Answer(status=503, body=b"", headers=(QUICKLY,))) as down:
        if count > 8:
            with pytest.raises(AskingError, match=r"answers no request \(503.*no row is lost"):
                run(directory, down, request_retries=1)
    with pytest.raises(AskingError, match=r"nobody answers at http://127.*--endpoint"):
        run(directory, down, request_retries=1)
    with StandIn(by_picture, right) as up:
        assert run(directory, up).splits["train"]["rows"] == count


def test_a_spent_credit_a_wrong_model_and_a_long_wait_stop_the_run(tmp_path):
    cases = {
        "credit is spent": Answer(
            status=429, body=b'{"error":{"message":"no money","code":"insufficient_quota"}}'
        ),
        r"404 .*next: check the address": Answer(status=404, body=b"{}"),
        "asks to wait 86400 s": Answer(status=429, body=b"", headers=(("retry-after", "86400"),)),
    }
    for number, (message, answer) in enumerate(cases.items()):
        directory = tmp_path / str(number) / "ferplus"
        with (
            StandIn(write_detected(directory, 3), lambda _, said=answer: said) as server,
            pytest.raises(AskingError, match=message),
        ):
            run(directory, server)


def test_the_key_is_sent_and_written_nowhere(tmp_path, monkeypatch, capfd):
    key = "sk-0123456789-secret"
    directory = tmp_path / "ferplus"
    by_picture = write_detected(directory, 3)
    monkeypatch.setenv("MY_KEY", key)

    def echo(asked):
        if asked.row.id == "train00001":
            return Answer(f"the key is {key}")
        return right(asked)

    with StandIn(by_picture, echo, key=key) as server:
        run(directory, server, api_key_env="MY_KEY")
        monkeypatch.setenv("MY_KEY", "sk-wrong-secret")
        with pytest.raises(AskingError, match="401") as refused:
            run(directory, server, api_key_env="MY_KEY", restart=True, seed=5)
    assert "sk-wrong-secret" not in str(refused.value)
    said = capfd.readouterr()
    assert "secret" not in said.out + said.err
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"secret" not in path.read_bytes(), path


def test_the_command_line_prints_the_table_and_takes_a_file(tmp_path):
    directory = tmp_path / "data" / "ferplus"
    config = tmp_path / "writer.yaml"
    with StandIn(write_detected(directory, 6), right) as server:
        config.write_text(f"model: served\nbase_url: {server.url}\nbudget: {{tokens: 100000}}\n")
        words = ["build", str(directory), "--writer-config", str(config), "--model", "stand-in"]
        words += ["--support", "any"]
        done = CliRunner().invoke(app, [*words, "--concurrency", "2", "--budget-requests", "50"])
    assert done.exit_code == 0, done.output
    assert "train: written" in done.output
    assert "dataset: tag_ferplus_train" in done.output
    assert {row.provenance.model for row in built(directory)} == {"stand-in"}


def test_shares_of_the_parts_give_the_same_rows_and_statistics(tmp_path, monkeypatch):
    monkeypatch.setattr("tag_plugin.pipeline.build.MODEL_PART", 4)
    whole, shared = tmp_path / "whole" / "ferplus", tmp_path / "shared" / "ferplus"
    statistics = []
    for directory in (whole, shared):
        with StandIn(write_detected(directory, 26), play_quickly) as server:
            for share in [Share()] if directory == whole else [Share(1, 2), Share(2, 2)]:
                settings = BuildSettings(directory, model=model(server), parts=share, support=EVERY)
                manifest = build(settings).manifest
            statistics.append(json.loads(json.dumps(manifest.splits["train"]["writer_statistics"])))
            if directory == shared:  # one run alone finds the replies of both
                answered = server.answered.total()
                build(BuildSettings(directory, model=model(server), restart=True, support=EVERY))
                assert server.answered.total() == answered
    assert (whole / "built/train.jsonl").read_bytes() == (shared / "built/train.jsonl").read_bytes()
    for each in statistics:
        assert each.pop("seconds") > 0
    assert statistics[0] == statistics[1]


def test_pictures_that_cannot_be_used_are_never_sent(tmp_path):
    directory = tmp_path / "ferplus"
    by_picture = write_detected(directory, 6)
    (directory / "images/train/00001.jpg").unlink()
    (directory / "images/train/00002.jpg").write_bytes(b"no picture")
    with StandIn(by_picture, right) as server:
        dropped = run(directory, server).splits["train"]["dropped"]
        assert len(server.asked) == 4
    assert dropped["image missing or unreadable"]["count"] == 2


def test_breaking_off_keeps_what_was_paid(tmp_path):
    """Ctrl-C: requests in flight end and are journalled."""
    directory = tmp_path / "ferplus"
    by_picture = write_detected(directory, 40)
    with StandIn(by_picture, lambda a: Answer(right(a).text, delay=0.2)) as server:
        script = tmp_path / "run.py"
        script.write_text(RUN)
        command = [sys.executable, str(script), str(directory), server.url]
        # A shell that starts jobs in the background lets them ignore Ctrl-C.
        with subprocess.Popen(
            command,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as process:
            while server.answered.total() < 10:
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            process.wait(timeout=120)
        answered = server.answered.total()
        assert 10 <= answered < 40
        assert query(directory, "SELECT COUNT(*) FROM replies") == [(answered,)]
        run(directory, server)
        assert len(server.asked) == len(server.answered) == 40


RUN = """
import sys
from pathlib import Path
from tag_plugin.pipeline.build import BuildSettings, build
from tag_plugin.pipeline.write.settings import WriterSettings
from tag_plugin.pipeline.support import SupportRule
if __name__ == "__main__":
    model = WriterSettings(
        model="stand-in", base_url=sys.argv[2], timeout=60, request_retries=3,
        concurrency=4,
    )
    build(BuildSettings(Path(sys.argv[1]), model=model, support=SupportRule("any")))
"""
