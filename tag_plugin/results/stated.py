"""What is stored of one task in the host's results file, beside the host's own numbers."""

from pydantic import ConfigDict

from tag_plugin.facs.frozen import Frozen
from tag_plugin.results.protocol import Protocol
from tag_plugin.results.summary import Summary
from tag_plugin.scoring.baselines import Baselines


class Stated(Frozen):
    """What is stored of one task beside the host's own numbers.

    `weights` identifies the model's files where they could be read, `baselines` are those that its
    numbers stand beside.
    """

    model_config = ConfigDict(extra="ignore")  # a later version may record more

    protocol: Protocol
    fingerprint: str
    summary: Summary
    tag_plugin: str
    weights: str | None = None
    baselines: Baselines | None = None
    box_frame_source: str | None = None
    test_file: str | None = None
    rows_left_out: int = 0
