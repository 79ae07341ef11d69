"""What the model gets to see of a sample: its face as it is, and all of its tokens.

The host cuts what is too long for cutoff_len without a word: image tokens, which then do not match
the picture, or the end of a trace with its answer. Special tokens are dropped when an answer is
read: none may be part of a TAG answer.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from llamafactory.extras.constants import IGNORE_INDEX
from PIL import Image

from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.facs.boxes import FACE_FRAME, BoxFrame
from tag_plugin.facs.emotions import EMOTIONS
from tag_plugin.trace.grammar import Trace
from tag_plugin.trace.render import render

_SIDE: Final = (FACE_FRAME, FACE_FRAME)
_UNCUT: Final = 1 << 30
_MARGIN: Final = 64
"""More tokens than a template puts around a reply."""
_REPLY: Final = ({"role": "assistant", "content": "."},)

Messages = Sequence[Mapping[str, str]]


class FaceGridError(ValueError):
    """The host resizes the face frame; boxes would then mean other places in evaluation."""


def picture_size(path: Path) -> int:
    """The bytes of a picture's file, which tell at each start whether it is still the same."""
    try:
        return path.stat().st_size
    except OSError:
        return -1


def check_face_grid(template: Any, processor: Any) -> None:
    """Sends a blank face frame through the host's own path and looks at the size that remains.

    Raises:
        FaceGridError: not 448x448 any more, or no processor at all.
    """
    if processor is None:
        raise FaceGridError("the model has no image processor; next: a vision-language model")
    most, least = processor.image_max_pixels, processor.image_min_pixels
    blank = Image.new("RGB", _SIDE)
    seen = template.mm_plugin._regularize_images(
        [blank], image_max_pixels=most, image_min_pixels=least
    )["images"][0].size
    if seen == _SIDE:
        with one_thread():
            seen = _processed_size(template, processor, blank)
    if seen != _SIDE:
        raise FaceGridError(
            f"a {FACE_FRAME}x{FACE_FRAME} face reaches the model as {seen[0]}x{seen[1]}; next: set "
            f"image_max_pixels >= {FACE_FRAME**2} (it is {most}) and image_min_pixels <= "
            f"{FACE_FRAME**2} (it is {least}) in the recipe, and let min_pixels and max_pixels of "
            "the model's preprocessor_config.json include it too"
        )


@contextmanager
def one_thread() -> Iterator[None]:
    """Around pictures that are processed before the host forks: no pool of threads outlives it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _processed_size(template: Any, processor: Any, image: Image.Image) -> tuple[int, int]:
    inputs = template.mm_plugin._get_mm_inputs([image], [], [], processor)
    if "image_grid_thw" not in inputs:  # families without it scale every picture to one size
        return _SIDE
    patch = int(processor.image_processor.patch_size)
    _, height, width = (int(side) * patch for side in inputs["image_grid_thw"][0])
    return (width, height)


class SampleLengths:
    """Measures the samples of one run; `longest` is the cutoff_len that would take all of them."""

    def __init__(self, call: Mapping[str, Any]) -> None:
        """`call` holds the arguments of the host's `get_dataset`."""
        self.limit: int = call["data_args"].cutoff_len
        self.longest = 0
        self._prompt_only = call["stage"] != "sft"
        self._encoder = uncut_encoder(
            call["template"], call["tokenizer"], call.get("processor"), call["data_args"]
        )
        self._face = Image.new("RGB", (FACE_FRAME, FACE_FRAME))
        self._prompts: dict[str, int] = {}

    def problem(self, prompt: Messages, reply: Messages) -> str:
        """Why the host would cut a sample of one face, or nothing."""
        question = prompt[0]["content"]
        if question not in self._prompts:
            self._prompts[question] = prompt_length(encoded(self._encoder, prompt, [self._face])[1])
        start = self._prompts[question]
        if self._prompt_only:
            return self._told(start, start + 1, "its question and picture are")
        if start + len(reply[0]["content"].encode()) + _MARGIN <= self.limit:  # a token has a byte
            return ""
        whole = len(encoded(self._encoder, prompt, [self._face], reply=reply)[0])
        return self._told(whole, whole, f"{start} for its question and picture, with its reply")

    def _told(self, tokens: int, needed: int, what: str) -> str:
        if needed <= self.limit:
            return ""
        self.longest = max(self.longest, needed)
        return f"{what} {tokens} tokens, too long for cutoff_len {self.limit}"


def uncut_encoder(template: Any, tokenizer: Any, processor: Any, data_args: Any) -> Any:
    """The host's encoder of samples for SFT, which cuts nothing and learns the reply alone."""
    # not at the top: the host's data modules are armed with what imports this one
    from llamafactory.data.processor import SupervisedDatasetProcessor

    uncut = copy.copy(data_args)
    vars(uncut).update(cutoff_len=_UNCUT, train_on_prompt=False, mask_history=False)
    return SupervisedDatasetProcessor(template, tokenizer, processor, uncut)


def encoded(
    encoder: Any,
    prompt: Messages,
    images: Sequence[Any],
    system: str = "",
    tools: str = "",
    reply: Messages = _REPLY,
) -> tuple[list[int], list[int]]:
    """The ids of a sample and its labels; without a reply that counts, one stands for it."""
    ids, labels = encoder._encode_data_example(
        prompt=[*prompt],
        response=[*reply],
        system=system,
        tools=tools,
        images=[*images],
        videos=[],
        audios=[],
    )
    return ids, labels


def prompt_length(labels: Sequence[int]) -> int:
    """How many ids come before the last reply."""
    return len(labels) - labels[::-1].index(IGNORE_INDEX)


class SpecialTokenError(ValueError):
    """A special token that would take a part out of every answer; names it and what to write."""


def check_special_tokens(tokenizer: Any) -> None:
    """Refuses a tokenizer whose special tokens are part of the grammar.

    Whether the recipe adds them (add_special_tokens, new_special_tokens_config) or the model's own
    tokenizer has them: they would be trained, and every reader would drop them.

    Raises:
        SpecialTokenError: names the token.
    """
    answers = _answers()
    added = (str(token) for token in tokenizer.added_tokens_decoder.values() if token.special)
    for token in sorted({*map(str, tokenizer.all_special_tokens), *added} - {""}):
        if token in answers:
            raise SpecialTokenError(
                f"the tokenizer has the special token {token!r}, which is part of a TAG answer: "
                "special tokens are dropped when an answer is read; next: leave it out of "
                "add_special_tokens (add_tokens keeps it readable), or take a model whose "
                "tokenizer has it as an ordinary token"
            )


def _answers() -> str:
    """Every fixed piece of the grammar: all AUs, all labels, boxes with all digits."""
    boxes = ([12, 345, 678, 900], [0, 1, 999, 1000])
    steps = [
        {"region": unit.region, "au": unit.id, "observation": unit.name, "box": boxes[index % 2]}
        for index, unit in enumerate(ACTION_UNITS.values())
    ]
    traces = [
        Trace.model_validate({"global_analysis": "a", "inspections": claims, "answer": label})
        for label in EMOTIONS
        for claims in (steps, [])
    ]
    return "\n".join(render(trace, frame) for trace in traces for frame in BoxFrame)
