"""Any directory that a run left behind -> its report: the content says which kind it is."""

from collections.abc import Sequence
from pathlib import Path

from tag_plugin.report.evaluation.page import write_evaluation_report
from tag_plugin.report.grpo.logs import LOG, is_run
from tag_plugin.report.grpo.page import write_grpo_report
from tag_plugin.results.reader import RESULTS_SUFFIX


class ReportError(ValueError):
    """Nothing to report on; the message names the place and the next command."""


def write_report(sources: Sequence[Path], out: Path) -> None:
    """Write one HTML file about the sources.

    Raises:
        ReportError: nothing known is there, or kinds that do not go together.
    """
    for path in sources:
        if not (is_run(path) or path.is_file() or any(path.rglob(f"*{RESULTS_SUFFIX}"))):
            raise ReportError(
                f"{path}: neither a GRPO run ({LOG}) nor results of lmms-eval; next: name the "
                "output_dir of a stage: grpo run, or lmms-eval's --output_path"
            )
    runs = [path for path in sources if is_run(path)]
    if not runs:
        write_evaluation_report(sources, out)
        return
    if len(sources) > 1:
        raise ReportError(
            f"{runs[0]} is a GRPO run, which gets a page of its own; next: tag-plugin report "
            f"{runs[0]}"
        )
    write_grpo_report(runs[0], out)
