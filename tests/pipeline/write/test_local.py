"""A model in this process: requests in batches, every one answered, a failure tells everybody."""

import asyncio

import pytest

from tag_plugin.pipeline.write.request import Reply, StoppedError, compose
from tag_plugin.pipeline.write.settings import WriterSettings

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("tenacity")


class FakeModel:
    """Repeats the prompts; remembers the batches."""

    def __init__(self, *, broken=False):
        self.batches, self.broken = [], broken

    def __call__(self, requests):
        self.batches.append([each.prompt for each in requests])
        if self.broken:
            raise TypeError("no such option")
        return [Reply(each.prompt, "stop") for each in requests]


def asked(model, prompts, batch_size=4):
    from tag_plugin.pipeline.write.local import LocalClient

    async def run():
        settings = WriterSettings(writer="local", model="m", batch_size=batch_size)
        with LocalClient(settings, model) as client:
            work = (client.ask(compose("m", prompt, b"i", 1, {})) for prompt in prompts)
            return await asyncio.gather(*work, return_exceptions=True)

    return asyncio.run(run())


@pytest.mark.parametrize("count", [1, 4, 11])
def test_every_request_is_answered_in_full_batches(count):
    model, prompts = FakeModel(), [str(number) for number in range(count)]
    assert [reply.text for reply in asked(model, prompts)] == prompts
    assert [len(batch) for batch in model.batches] == [4] * (count // 4) + [count % 4] * (
        count % 4 > 0
    )


def test_a_failing_model_tells_everybody():
    found = asked(FakeModel(broken=True), ["a", "b", "c"], batch_size=2)
    assert all(isinstance(each, StoppedError) for each in found)
    assert "TypeError: no such option" in str(found[0])


def test_a_folder_without_a_model_is_named(tmp_path):
    from tag_plugin.pipeline.write.local import load_model

    with pytest.raises(StoppedError, match="cannot be loaded"):
        load_model(WriterSettings(writer="local", model=str(tmp_path)))


def test_the_tiny_model_writes_in_batches_and_every_reply_is_counted(tmp_path):
    from tag_plugin.pipeline.build import BuildSettings, build
    from tag_plugin.pipeline.outcomes import StageError
    from tag_plugin.pipeline.write.attempts import journal_file
    from tag_plugin.pipeline.write.statistics import collect
    from tag_plugin.tiny import write_base
    from tests.pipeline.write.faces import write_detected

    directory = tmp_path / "ferplus"
    write_detected(directory, 5)
    settings = WriterSettings(
        writer="local",
        model=str(write_base(tmp_path / "base")),
        batch_size=5,
        box_frame="absolute",
        format_retries=1,
        parameters={"max_tokens": 12, "temperature": 0.0},
    )
    with pytest.raises(StageError, match="kept none of 5 entries: format failure 5"):
        build(BuildSettings(directory, model=settings))  # it has never seen a trace
    found = collect([journal_file(directory)], "train")
    assert found["attempts"] == {"format failure": 10}
    assert (found["replies"], found["replies_without_usage"], found["cost"]) == (10, 0, 0.0)
    assert 10 <= found["completion_tokens"] <= 120
    assert found["prompt_tokens"] > 10 * 64  # the face alone takes 64
