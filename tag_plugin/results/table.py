"""Numbers as text for people: tables with intervals, the protocol's fingerprint in each title."""

from rich.table import Table

from tag_plugin.results.protocol import Protocol
from tag_plugin.results.summary import Summary
from tag_plugin.scoring.estimates import Estimate
from tag_plugin.scoring.metrics import METRICS


def interval_text(estimate: Estimate) -> str:
    """`0.880 [0.842, 0.915]`."""
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def summary_table(protocol: Protocol, summary: Summary) -> Table:
    """One task's metrics with intervals, by class and by subgroup."""
    level = f"{summary.bootstrap.level:.0%} bootstrap interval"
    table = Table(title=f"{protocol.name}   n = {summary.n}   failed = {summary.failed}")
    table.add_column("metric")
    table.add_column(level, justify="right")
    for name in (name for metric in METRICS.values() for name in metric.names(summary.labels)):
        if name in summary.metrics:
            table.add_row(name, interval_text(summary.metrics[name]))
    for attribute, groups in summary.subgroups.items():
        for value, group in groups.items():
            accuracy = group.metrics.get("accuracy")
            label = f"accuracy, {attribute} {value} (n = {group.n})"
            table.add_row(label, interval_text(accuracy) if accuracy else "-")
    return table
