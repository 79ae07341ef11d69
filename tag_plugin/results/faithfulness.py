"""How often an answer flips when its cited boxes are masked, beyond what the control does."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tag_plugin.results.changed_faces import paired_samples, require_one_model
from tag_plugin.results.reader import TaskRun
from tag_plugin.results.record import ResultsError
from tag_plugin.scoring.estimates import Estimate, share_estimate
from tag_plugin.scoring.record import JudgedSample
from tag_plugin.scoring.statistics import McNemar, correlation, mcnemar, paired_share_interval


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """Flip rates with intervals, their paired difference cited - uncited, and McNemar's test.

    `to_unparsable` are the shares of flips after which no answer could be read.
    """

    n: int
    cited: Estimate
    uncited: Estimate
    difference: Estimate
    mcnemar: McNemar
    cited_to_unparsable: float
    uncited_to_unparsable: float


def faithfulness(original: TaskRun, cited: TaskRun, uncited: TaskRun) -> Faithfulness:
    """Compare a run with the same model's runs on its masked faces.

    Raises:
        ResultsError: the runs are of other models or questions, or share no item.
    """
    require_one_model(original, cited, uncited)
    paired = paired_samples(original.samples(), cited.samples(), uncited.samples())
    triples = [triple for triple in paired if triple[0].prediction is not None]
    if not triples:
        raise ResultsError(
            f"{original.results_file} and {cited.results_file} share no answered item; next: "
            f"tag-plugin mask {original.results_file} again"
        )
    return flips(triples)


def flips(triples: Sequence[tuple[JudgedSample, ...]]) -> Faithfulness:
    """From (original, cited masked, uncited masked) of each face."""
    changed = np.array(
        [[one.prediction != masked.prediction for masked in others] for one, *others in triples],
        dtype=np.float64,
    )
    n, (cited, uncited) = len(triples), changed.mean(axis=0).tolist()
    shares = filter(None, (share_estimate(share, n) for share in (cited, uncited)))
    interval = paired_share_interval(uncited, cited, (n, n), correlation(*changed.T))
    lost = [[others[k].prediction is None for _, *others in triples] for k in range(2)]
    return Faithfulness(
        n=n,
        cited=next(shares),
        uncited=next(shares),
        difference=Estimate(cited - uncited, interval.low, interval.high),
        mcnemar=mcnemar(list(changed[:, 0] > 0), list(changed[:, 1] > 0)),
        cited_to_unparsable=float(np.mean(lost[0])),
        uncited_to_unparsable=float(np.mean(lost[1])),
    )
