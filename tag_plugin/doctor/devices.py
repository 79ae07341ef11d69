"""Findings about GPUs and DeepSpeed; the tiny recipes need neither."""

from collections.abc import Mapping

from tag_plugin.doctor.report import Finding, Status, finding
from tag_plugin.hosts.bf16 import cpu_has_bf16
from tag_plugin.hosts.probe import Answer


def device_findings(answers: Mapping[str, Answer | str]) -> list[Finding]:
    """GPUs as torch sees them, and whether DeepSpeed imports; only what was asked is told."""
    found = []
    if "devices" in answers:
        found.append(_gpus(answers["devices"]))
    if "deepspeed" in answers:
        found.append(_deepspeed(answers["deepspeed"]))
    return found


def _gpus(answer: Answer | str) -> Finding:
    if isinstance(answer, str):  # torch is installed, and every host needs it
        command = "pip install --force-reinstall 'tag-plugin[train]'"
        return finding("devices", "torch", Status.PROBLEM, answer, command)
    names = answer.found["gpus"]
    if not names:
        slow = "" if cpu_has_bf16() else ", with bf16=false, since it has no bf16 units"
        detail = f"torch sees none: recipes/tiny run on the CPU{slow}"
        return finding("devices", "GPU", Status.ABSENT, detail)
    return finding("devices", "GPU", Status.OK, f"{len(names)}: {', '.join(names)}")


def _deepspeed(answer: Answer | str) -> Finding:
    if isinstance(answer, str):
        return finding(
            "devices", "DeepSpeed", Status.WARNING, answer, 'python -c "import deepspeed"'
        )
    return finding("devices", "DeepSpeed", Status.OK, f"{answer.found['deepspeed'][0]} imports")
