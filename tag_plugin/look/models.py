"""Who answers: a checkpoint on this machine, or a server that speaks the OpenAI protocol."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any, Final, Protocol

from tag_plugin.asking.request import AskingError, RequestError, compose
from tag_plugin.asking.settings import EndpointSettings
from tag_plugin.data.checkpoint_record import RECORD_FILE, read_checkpoint_record
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.emotions import LabelSet
from tag_plugin.hosts.llamafactory.question import TrainingQuestion, training_question
from tag_plugin.tiny.bf16 import cpu_has_bf16
from tag_plugin.trace.parse import ANY_EMOTION
from tag_plugin.trace.prompt import Style, prompt_hash, question_prompt

LONGEST_ANSWER: Final = 512
"""Tokens; a trace of six AUs has about 300."""
_ADAPTER: Final = "adapter_config.json"


class LookError(RuntimeError):
    """A model that cannot be asked; the message says the next command."""


class Model(Protocol):
    """Answers the question of its training about a face frame on disk."""

    name: str
    question: TrainingQuestion

    def answer(self, face: Path) -> str:
        """The completion."""


def question_of(
    folder: Path, template: str | None, labels: LabelSet, frame: BoxFrame | None = None
) -> TrainingQuestion:
    """What the model in a folder was trained on.

    Its record says it; where there is none, `template` does, and `frame` for a template without a
    box frame of its own.

    Raises:
        LookError: no record and no template, or a model that was trained on labels alone.
        TemplateError: the template declares no box frame.
        RecordError: the record cannot be read.
    """
    record = read_checkpoint_record(folder) if folder.is_dir() else None
    if record is None and template is None:
        raise LookError(
            f"{folder} has no {RECORD_FILE}, so that nothing says how it is asked; next: "
            "--template tag_..., the one that it was trained with"
        )
    question = training_question(
        template or (record.template if record else ""),
        labels,
        Style.GROUNDED,
        frame or (record.box_frame if record else None),
    )
    if record is not None:
        wordings = record.prompt_hash.split("+")
        direct = prompt_hash(question_prompt(Style.DIRECT, ANY_EMOTION, record.box_frame))
        grounded = prompt_hash(question_prompt(Style.GROUNDED, ANY_EMOTION, record.box_frame))
        if direct in wordings and grounded not in wordings:
            raise LookError(f"{folder} was trained on labels alone and points at nothing")
    return question


class Checkpoint:
    """A checkpoint, or a LoRA adapter beside its base, in LLaMA-Factory's own chat engine.

    Raises:
        LookError: no such folder; see `question_of` for the rest.
    """

    def __init__(
        self,
        folder: Path,
        labels: LabelSet,
        template: str | None = None,
        frame: BoxFrame | None = None,
    ) -> None:
        if not folder.is_dir():
            raise LookError(
                f"{folder} is no folder; next: --model OUTPUT_DIR of a training, or --endpoint URL"
            )
        self.name = str(folder)
        self.question = question_of(folder, template, labels, frame)
        self._chat = _chat_model(folder, self.question.template)

    def ask_for(self, labels: LabelSet) -> None:
        """From now on, of these emotions."""
        self.question = training_question(
            self.question.template, labels, Style.GROUNDED, self.question.frame
        )

    def answer(self, face: Path) -> str:
        """Greedy; reproducible on one machine."""
        (response,) = self._chat.chat(
            [{"role": "user", "content": f"<image>{self.question.user}"}],
            images=[str(face)],
            do_sample=False,
            max_new_tokens=LONGEST_ANSWER,
        )
        return str(response.response_text)


def _chat_model(folder: Path, template: str) -> Any:  # noqa: ANN401 - the host ships no types
    os.environ.setdefault("LLAMAFACTORY_VERBOSITY", "ERROR")  # of the host and of transformers
    import torch
    from llamafactory.chat import ChatModel

    arguments: dict[str, Any] = {
        "model_name_or_path": str(folder),
        "template": template,
        "infer_backend": "huggingface",
    }
    adapter = folder / _ADAPTER
    if adapter.is_file():
        base = json.loads(adapter.read_text(encoding="utf-8"))["base_model_name_or_path"]
        arguments |= {"model_name_or_path": base, "adapter_name_or_path": str(folder)}
    if not torch.cuda.is_available() and not cpu_has_bf16():
        arguments["infer_dtype"] = "float32"
    return ChatModel(arguments)


class Server:
    """A model behind an endpoint: `vllm serve`, `llamafactory-cli api`, ...

    Raises:
        AskingError: the endpoint cannot be used.
    """

    def __init__(self, settings: EndpointSettings, question: TrainingQuestion) -> None:
        self.name = f"{settings.model} at {settings.base_url}"
        self.question = question
        self._settings = settings.model_copy(
            update={"parameters": {"temperature": 0, "max_tokens": LONGEST_ANSWER}}
        )

    def answer(self, face: Path) -> str:
        """Greedy.

        Raises:
            LookError: the server gives no answer.
        """
        return asyncio.run(self._ask(face.read_bytes()))

    async def _ask(self, image: bytes) -> str:
        import openai

        from tag_plugin.asking.client import Endpoint
        from tag_plugin.asking.failure import meaning

        key, settings = self._settings.key, self._settings
        endpoint = Endpoint(settings, key, _at_once)
        asked = compose(settings.model, self.question.user, image, 0, settings.parameters)
        try:
            return (await endpoint.complete(asked, self.question.system)).text
        except openai.OpenAIError as error:
            failure: AskingError | RequestError = meaning(error, key)
            raise LookError(f"{self.name}: {failure}") from None
        finally:
            await endpoint.close()


async def _at_once() -> None:
    """No request waits for another one."""
