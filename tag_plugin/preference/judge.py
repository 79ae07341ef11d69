"""An OpenAI-compatible endpoint as a judge."""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Protocol

from tag_plugin.preference.pairs import PreferenceError

DETERMINISTIC: Final[Mapping[str, Any]] = MappingProxyType({"temperature": 0, "max_tokens": 300})


class Judge(Protocol):
    """Whoever compares two analyses. `name` and `parameters` are part of what is recorded."""

    @property
    def name(self) -> str:
        """The model."""
        ...

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Sent with every question."""
        ...

    def ask(self, prompt: str, picture: bytes) -> str:
        """The reply to one question about a JPEG.

        Raises:
            PreferenceError: no reply; the study can go on later.
        """
        ...


@dataclass(frozen=True)
class Endpoint:
    """Where a judge answers. The key is read from the environment and never recorded."""

    name: str
    url: str | None = None
    key_variable: str = "OPENAI_API_KEY"
    parameters: Mapping[str, Any] = field(default_factory=lambda: DETERMINISTIC)
    timeout: float = 120.0
    retries: int = 5
    longest_wait: float = 30.0

    def open(self) -> Judge:
        """The judge.

        Raises:
            PreferenceError: the extra `write` is missing, or a hosted model has no key.
        """
        try:
            import openai
            import tenacity
        except ImportError:
            raise PreferenceError(
                'a judge needs the extra `write`; next: pip install "tag-plugin[write]"'
            ) from None
        key = os.environ.get(self.key_variable)
        if not key and self.url is None:
            raise PreferenceError(
                f"no key; next: export {self.key_variable}=..., or --endpoint for a local server"
            )
        client = openai.OpenAI(
            base_url=self.url,
            api_key=key or "EMPTY",
            timeout=self.timeout,
            max_retries=0,
            http_client=openai.DefaultHttpxClient(follow_redirects=False),
        )
        worth_repeating = (
            openai.APIConnectionError,
            openai.RateLimitError,
            openai.InternalServerError,
        )
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(worth_repeating),
            stop=tenacity.stop_after_attempt(self.retries + 1),
            wait=tenacity.wait_random_exponential(0.5, self.longest_wait),
            reraise=True,
        )
        return _OpenAIJudge(self, client, retrying, openai.OpenAIError)


@dataclass(frozen=True)
class _OpenAIJudge:
    endpoint: Endpoint
    client: Any  # openai.OpenAI; the library is optional
    retrying: Any
    errors: type[Exception]

    @property
    def name(self) -> str:
        return self.endpoint.name

    @property
    def parameters(self) -> Mapping[str, Any]:
        return self.endpoint.parameters

    def ask(self, prompt: str, picture: bytes) -> str:
        url = "data:image/jpeg;base64," + base64.b64encode(picture).decode()
        content = [
            {"type": "image_url", "image_url": {"url": url}},
            {"type": "text", "text": prompt},
        ]
        try:
            made = self.retrying.copy()(
                self.client.chat.completions.create,
                model=self.name,
                messages=[{"role": "user", "content": content}],
                extra_body=dict(self.parameters),
            )
        except self.errors as error:
            raise self._failure(error) from None
        return str(made.choices[0].message.content or "") if made.choices else ""

    def _failure(self, error: Exception) -> PreferenceError:
        from tag_plugin.pipeline.write.http_errors import redirect, scrubbed

        key = os.environ.get(self.endpoint.key_variable)
        elsewhere = redirect(error, key)
        if elsewhere is not None:
            return PreferenceError(f"the judge does not answer: {elsewhere}")
        return PreferenceError(
            f"the judge does not answer: {scrubbed(str(error), key)[:300]}; nothing that "
            "was paid is lost; next: check --endpoint and the key, then run the same command"
        )
