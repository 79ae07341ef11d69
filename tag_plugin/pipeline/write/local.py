"""A vision-language model in this process: transformers, in batches."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from io import BytesIO
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final, Self

import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from tag_plugin.data.picture import decode_picture
from tag_plugin.pipeline.write.request import Reply, Request, StoppedError
from tag_plugin.pipeline.write.settings import WriterSettings

_WAIT_FOR_MORE: Final = 0.05
"""Seconds that an incomplete batch waits for the next request."""

Answer = Callable[[Sequence[Request]], list[Reply]]
_Waiting = tuple[Request, "Future[Reply]"]


class LocalClient:
    """Collects requests into batches; `with LocalClient(settings) as client`.

    Raises:
        StoppedError: the model cannot be loaded.
    """

    def __init__(self, settings: WriterSettings, answer: Answer | None = None) -> None:
        self._answer = answer or load_model(settings)
        self._batch_size = settings.batch_size
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="local-writer", daemon=True)
        self._thread.start()

    async def ask(self, request: Request) -> Reply:
        """The reply, once the batch of this request is done.

        Raises:
            StoppedError: the model failed, for example out of memory.
        """
        future: Future[Reply] = Future()
        self._queue.put((request, future))
        return await asyncio.wrap_future(future)

    def __enter__(self) -> Self:
        """Open since construction."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the thread after the batch that runs."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        with ThreadPoolExecutor(1) as model:
            while batch := self._next_batch():
                answered = model.submit(self._answer, [request for request, _ in batch])
                _settle([future for _, future in batch], answered)

    def _next_batch(self) -> list[_Waiting]:
        """Up to batch_size requests; empty at the end."""
        first = self._queue.get()
        batch = [] if first is None else [first]
        while batch and len(batch) < self._batch_size:
            try:
                following = self._queue.get(timeout=_WAIT_FOR_MORE)
            except Empty:
                break
            if following is None:
                self._queue.put(None)
                break
            batch.append(following)
        return batch


def _settle(futures: list["Future[Reply]"], answered: "Future[list[Reply]]") -> None:
    """Whatever went wrong in the model reaches whoever waits."""
    error = answered.exception()
    if error is not None:
        reason = f"{type(error).__name__}: {error}"
        stopped = StoppedError(f"the model failed ({reason}); next: a smaller batch_size?")
        for future in futures:
            future.set_exception(stopped)
        return
    for future, reply in zip(futures, answered.result(), strict=True):
        future.set_result(reply)


def load_model(settings: WriterSettings) -> Answer:
    """A checkpoint with its processor, ready to answer batches. Never runs code of a checkpoint.

    Raises:
        StoppedError: it cannot be loaded.
    """
    device = settings.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        processor = AutoProcessor.from_pretrained(settings.model, trust_remote_code=False)
        model = AutoModelForImageTextToText.from_pretrained(
            settings.model, dtype=settings.dtype, trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        raise StoppedError(f"{settings.model} cannot be loaded: {error}") from None
    return _Generation(model.to(device).eval(), processor, dict(settings.parameters))


class _Generation:
    """Batches through `generate`, padded on the left."""

    def __init__(self, model: Any, processor: Any, parameters: dict[str, Any]) -> None:  # noqa: ANN401  # transformers' own
        self._model = model
        self._processor = processor
        self._options = _generation_options(parameters)
        processor.tokenizer.padding_side = "left"

    def __call__(self, requests: Sequence[Request]) -> list[Reply]:
        inputs = self._inputs(requests)
        # One seed a batch: what a batch samples depends on its first request.
        torch.manual_seed(requests[0].seed)
        with torch.inference_mode():
            generated = self._model.generate(**inputs, **self._options)
        answers = generated[:, inputs["input_ids"].shape[1] :]
        texts = self._processor.batch_decode(answers, skip_special_tokens=True)
        asked = inputs["attention_mask"].sum(dim=1).tolist()
        ends = self._ends()
        return [
            _reply(text, int(length), answer.tolist(), ends)
            for text, length, answer in zip(texts, asked, answers, strict=True)
        ]

    def _inputs(self, requests: Sequence[Request]) -> Any:  # noqa: ANN401  # transformers' BatchFeature
        texts = [
            self._processor.apply_chat_template(
                _conversation(each), add_generation_prompt=True, tokenize=False
            )
            for each in requests
        ]
        pictures = [[_face(each)] for each in requests]
        inputs = self._processor(text=texts, images=pictures, padding=True, return_tensors="pt")
        return inputs.to(self._model.device)

    def _ends(self) -> frozenset[int]:
        stop = self._model.generation_config.eos_token_id
        ids = stop if isinstance(stop, list) else [stop, self._processor.tokenizer.eos_token_id]
        return frozenset(each for each in ids if each is not None)


def _face(request: Request) -> Image.Image:
    return decode_picture(BytesIO(request.image), "the picture of a request").convert("RGB")


def _conversation(request: Request) -> list[dict[str, Any]]:
    content = [{"type": "image"}, {"type": "text", "text": request.prompt}]
    return [{"role": "user", "content": content}]


def _generation_options(parameters: dict[str, Any]) -> dict[str, Any]:
    """The endpoint's words for sampling in transformers' words; others go through as they are."""
    options = dict(parameters)
    longest = options.pop("max_tokens", None) or options.pop("max_completion_tokens", None)
    options["max_new_tokens"] = longest or 1024
    temperature = options.pop("temperature", 0.0)
    if temperature:
        return {**options, "do_sample": True, "temperature": temperature}
    return {**options, "do_sample": False}


def _reply(text: str, asked: int, answer: list[int], ends: frozenset[int]) -> Reply:
    """`answer` goes on with padding after its end."""
    length = next((index + 1 for index, each in enumerate(answer) if each in ends), len(answer))
    finished = length < len(answer) or bool(answer and answer[-1] in ends)
    return Reply(text, "stop" if finished else "length", asked, length)
