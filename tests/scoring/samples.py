"""Judged samples with any verdict, and a slow, plain way to their metrics."""

import numpy as np
from sklearn.metrics import precision_recall_fscore_support

from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.facs.boxes import Box, BoxFrame
from tag_plugin.facs.detections import Detections, Thresholds
from tag_plugin.facs.emotions import LABEL_SETS
from tag_plugin.scoring.contributions import contributions
from tag_plugin.scoring.matching import Match, Target
from tag_plugin.scoring.metrics import metric_values
from tag_plugin.scoring.record import JudgedSample
from tag_plugin.scoring.score import ScoredCompletion
from tag_plugin.trace.claims import Claim
from tag_plugin.trace.parse import ParsedCompletion

LABELS = LABEL_SETS["rafdb"]
BOX = Box(300, 600, 700, 800)
SEEN = Detections(detections=(), supported=frozenset(ACTION_UNITS))


def sample(name, gold, prediction, form=1.0, grounding=None, ious=(), units=((), (), ())):
    """`units` are AUs claimed and wanted, only claimed, only wanted; all boxes are the same."""
    true, false, missed = units
    claims = tuple(Claim(au, BOX) for au in (*true, *false))
    targets = tuple(Target(au, BOX) for au in (*true, *missed))
    matches = tuple(Match(0, 0, iou, 1.0) for iou in ious) if claims and targets else ()
    grounded = grounding is not None
    verdict = ScoredCompletion(
        ParsedCompletion("", claims, prediction, prediction, (), False),
        form,
        float(prediction == gold),
        grounding,
        tuple(range(len(claims))) if grounded else (),
        len(claims),
        targets if grounded else None,
        matches if grounded else (),
    )
    return JudgedSample(
        id=name,
        task="tag_rafdb",
        dataset="rafdb",
        image="a.jpg",
        label_set="rafdb",
        gold=gold,
        style="grounded",
        frame=BoxFrame.RELATIVE,
        completion="",
        detections=SEEN if grounded else None,
        thresholds=Thresholds(),
        verdict=verdict,
    )


def values(samples, labels=LABELS, baselines=None):
    """The metrics that apply."""
    found = metric_values(contributions(samples, labels, baselines).sum(axis=0), labels)
    return {name: float(value) for name, value in found.items() if not np.isnan(value)}


def plain(samples, counted=None):
    """The same by scikit-learn and by counting; None where a metric does not apply.

    `counted` are the AUs that count for kappa; by default those that enough of the faces show.
    """
    gold = [each.gold for each in samples]
    answers = [each.prediction or "unparsable" for each in samples]
    present = sorted(set(gold))
    _, recalls, f1s, _ = precision_recall_fscore_support(
        gold, answers, labels=present, average=None, zero_division=0
    )
    grounded = [s for s in samples if s.verdict.targets is not None]
    counted = units_that_count(grounded) if counted is None else counted
    traces = [s for s in samples if s.verdict.format is not None]
    true, false, missed = (sum(len(s.verdict.units[n]) for s in grounded) for n in range(3))
    return {
        "accuracy": _mean([one == other for one, other in zip(gold, answers, strict=True)]),
        "uar": _mean(recalls),
        "macro_f1": _mean(f1s),
        "unparsable_rate": _mean([s.prediction is None for s in samples]),
        "well_formed_rate": _mean([f for s in samples if (f := s.verdict.format) is not None]),
        "no_claim_rate": _mean([not s.claims for s in traces]),
        "spoken_of_rate": 0.0 if any(s.claims for s in samples) else None,  # none says anything
        "au_kappa": _mean([_kappa(grounded, au) for au in counted]),
        "counted_aus": len(counted) or None,
        "grounding": _mean([s.verdict.grounding for s in grounded]),
        "matched_iou": _mean([m.iou for s in grounded for m in s.verdict.matches]),
        "au_precision": _share(true, true + false),
        "au_recall": _share(true, true + missed),
        "au_f1": _share(2 * true, 2 * true + false + missed),
        "hallucinated_au_rate": _share(false, true + false),
        **_by_class("recall", present, recalls),
        **_by_class("f1", present, f1s),
    }


def units_that_count(grounded):
    """The AUs that at least ten of these faces show, and ten do not."""
    shown = {au: sum(au in _wanted(s) for s in grounded) for au in ACTION_UNITS}
    return [au for au, n in shown.items() if min(n, len(grounded) - n) >= 10]


def _wanted(sample):
    return {target.au for target in sample.verdict.targets}


def _kappa(grounded, au):
    wanted = [au in _wanted(s) for s in grounded]
    claimed = [au in s.verdict.units.true + s.verdict.units.false for s in grounded]
    return kappa(wanted, claimed)


def kappa(one, other):
    """Cohen's, as scikit-learn's cohen_kappa_score, in a hundredth of its time."""
    agreed, one, other = np.mean(np.equal(one, other)), np.mean(one), np.mean(other)
    expected = one * other + (1 - one) * (1 - other)
    return (agreed - expected) / (1 - expected)


def _by_class(name, present, scores):
    found = dict(zip(present, scores, strict=True))
    return {f"{name}_{label}": found.get(label) for label in LABELS.labels}


def _mean(numbers):
    return float(np.mean(numbers)) if len(numbers) else None


def _share(part, whole):
    return part / whole if whole else None
