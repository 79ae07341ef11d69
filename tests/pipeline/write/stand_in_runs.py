"""Runs of `build` against the stand-in server, and what they leave behind."""

import sqlite3
from contextlib import closing

from tag_plugin.data.rows import read_rows
from tag_plugin.pipeline.build import BuildSettings, build
from tag_plugin.pipeline.write.settings import WriterSettings
from tests.pipeline.detected_rows import EVERY


def model(server, **settings):
    quick = {"timeout": 60.0, "request_retries": 3}
    return WriterSettings(model="stand-in", base_url=server.url, **{**quick, **settings})


def run(directory, server, *, restart=False, seed=0, **settings):
    return build(
        BuildSettings(
            directory, seed=seed, restart=restart, model=model(server, **settings), support=EVERY
        )
    ).manifest


def query(directory, text):
    (journal,) = (directory / "writing").glob("*.sqlite")
    with closing(sqlite3.connect(journal)) as connection:
        return connection.execute(text).fetchall()


def built(directory, split="train"):
    return list(read_rows(directory / "built" / f"{split}.jsonl"))
