"""How long a sample is in tokens, compared with cutoff_len before the host would cut it.

The host cuts what is too long without a word: image tokens, which then do not match the picture,
or the end of a trace with its answer.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Final

from llamafactory.extras.constants import IGNORE_INDEX
from PIL import Image

from tag_plugin.facs.boxes import FACE_FRAME

_UNCUT: Final = 1 << 30
_MARGIN: Final = 64
"""More tokens than a template puts around a reply."""
_REPLY: Final = ({"role": "assistant", "content": "."},)

Messages = Sequence[Mapping[str, str]]


class SampleLengths:
    """Measures the samples of one run; `longest` is the cutoff_len that would take all of them."""

    def __init__(self, call: Mapping[str, Any]) -> None:
        """`call` holds the arguments of the host's `get_dataset`."""
        # not at the top: the host's data modules are armed with what imports this one
        from llamafactory.data.processor import SupervisedDatasetProcessor

        data_args = copy.copy(call["data_args"])
        self.limit: int = data_args.cutoff_len
        self.longest = 0
        self._prompt_only = call["stage"] != "sft"
        data_args.cutoff_len, data_args.train_on_prompt, data_args.mask_history = (
            _UNCUT,
            False,
            False,
        )
        self._encoder: Any = SupervisedDatasetProcessor(
            call["template"], call["tokenizer"], call.get("processor"), data_args
        )
        self._face = Image.new("RGB", (FACE_FRAME, FACE_FRAME))
        self._prompts: dict[str, int] = {}

    def problem(self, prompt: Messages, reply: Messages) -> str:
        """Why the host would cut a sample of one face, or nothing."""
        question = prompt[0]["content"]
        if question not in self._prompts:
            labels = self._encoded(prompt, _REPLY)[1]
            self._prompts[question] = len(labels) - labels[::-1].index(IGNORE_INDEX)
        start = self._prompts[question]
        if self._prompt_only:
            return self._told(start, start + 1, "its question and picture are")
        if start + len(reply[0]["content"].encode()) + _MARGIN <= self.limit:  # a token has a byte
            return ""
        whole = len(self._encoded(prompt, reply)[0])
        return self._told(whole, whole, f"{start} for its question and picture, with its reply")

    def _told(self, tokens: int, needed: int, what: str) -> str:
        if needed <= self.limit:
            return ""
        self.longest = max(self.longest, needed)
        return f"{what} {tokens} tokens, too long for cutoff_len {self.limit}"

    def _encoded(self, prompt: Messages, reply: Messages) -> tuple[list[int], list[int]]:
        ids, labels = self._encoder._encode_data_example(
            prompt=[*prompt],
            response=[*reply],
            system="",
            tools="",
            images=[self._face],
            videos=[],
            audios=[],
        )
        return ids, labels
