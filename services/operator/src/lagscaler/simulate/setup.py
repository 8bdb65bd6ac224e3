"""Where a trace happens: the topic, its consumers, and the HPA that asks for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lagscaler.simulate.hpa import SYNC_SECONDS, Behavior
from lagscaler.simulate.traces import CONSUMER_RATE, PARTITIONS

Rebalance = Literal["incremental", "stop-the-world"]

# What the operator writes into the HPA that it owns (resources.behavior): up in one step, down as Kubernetes has it.
AT_ONCE = Behavior(up_pods=PARTITIONS)


@dataclass(frozen=True, slots=True)
class Setup:
    """`start_seconds`: least and most from asking for a pod until it reads; `consumer_rate` in messages a second;
    `sync_seconds`: how often the HPA looks; `sample_seconds`: how often a sample is kept.
    """

    partitions: int = PARTITIONS
    consumer_rate: float = CONSUMER_RATE
    start_seconds: tuple[int, int] = (15, 30)
    rebalance: Rebalance = "incremental"
    max_replicas: int = PARTITIONS
    sync_seconds: int = SYNC_SECONDS
    behavior: Behavior = AT_ONCE
    sample_seconds: int = 15
