"""Questions put to an endpoint with a table, and what came of each."""

import asyncio

from tag_plugin.asking.request import compose
from tag_plugin.asking.session import asking
from tag_plugin.asking.settings import EndpointSettings


def settings(url, **fields):
    quick = {"model": "m", "timeout": 60, "request_retries": 3, "parameters": {"max_tokens": 200}}
    return EndpointSettings(base_url=url, **{**quick, **fields})


def request(prompt="p"):
    return compose("m", prompt, b"i", 1, {"max_tokens": 200})


def ask(folder, url, *prompts, **fields):
    """The reply to each prompt, or the error; all are asked at once."""

    async def every(asker):
        work = [asker.ask(request(prompt)) for prompt in prompts]
        return await asyncio.gather(*work, return_exceptions=True)

    with asking(settings(url, **fields), folder / "replies.sqlite") as (portal, asker):
        return portal.call(every, asker)
