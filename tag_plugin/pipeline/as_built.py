"""What the traces of a dataset were built to name, for whoever judges completions on its faces.

`build.json` holds it. RL and evaluation judge by the same thresholds and the same number of AUs as
the data were built with: otherwise a model that has learned them is punished for it.
"""

from pathlib import Path
from typing import Final

from pydantic import ValidationError

from tag_plugin.data.model_error import first_problem
from tag_plugin.data.rows import Row
from tag_plugin.pipeline.manifest import read_manifest
from tag_plugin.pipeline.outcomes import StageError
from tag_plugin.scoring.score import AskedUnits, JudgeConfig

BUILD_MANIFEST: Final = "build.json"


def judge_as_built(directory: Path) -> JudgeConfig | None:
    """The judge that the traces of DATA_DIR/<dataset> were verified by; None where none are built.

    Raises:
        StageError: build.json is damaged.
    """
    path = directory / BUILD_MANIFEST
    stored = read_manifest(path).get("settings", {}).get("judge") if path.is_file() else None
    try:
        return None if stored is None else JudgeConfig.model_validate(stored)
    except ValidationError as error:
        raise StageError(
            f"{path}: settings.judge: {first_problem(error)}; next: tag-plugin build --restart"
        ) from None


def asked_as_built(directory: Path) -> AskedUnits | None:
    """Which AUs those traces name; None where none are built: the judge's own settings hold."""
    judge = judge_as_built(directory)
    return None if judge is None else AskedUnits(thresholds=judge.thresholds, top_k=judge.top_k)


def asking(row: Row, asked: AskedUnits | None) -> Row:
    """The row, for a judge that is to ask for these."""
    return row if asked is None else row.model_copy(update={"asked": asked})
