"""The keyword arguments of ``bsx.sweep`` and their types: the settings of ``bsx sweep``.

``tests/api`` holds this list against :mod:`bsx.settings`, where each is explained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict


class Settings(TypedDict, total=False):
    """What can be set; None leaves it to the environment, the file or the default."""

    # What is trained
    dataset: Any | None
    dataset_args: Mapping[str, Any] | None
    model: Any | None
    model_args: Mapping[str, Any] | None
    optimizer: Any | None
    optimizer_args: Mapping[str, Any] | None
    momentum: float | None
    weight_decay: float | None
    # How it is trained
    loss: str | None
    label_smoothing: float | None
    metric: str | None
    schedule: str | None
    warmup: float | None
    decay: str | None
    grow_to: int | None
    clip_norm: float | str | None
    l1: float | None
    l2: float | None
    micro_batch_size: int | str | None
    precision: str | None
    momentum_rule: str | None
    weight_decay_rule: str | None
    init: str | None
    init_from: str | Path | None
    without_head: bool | None
    freeze: str | Sequence[str] | None
    # Your own program
    command: str | None
    train_samples: int | None
    metrics_from: str | None
    source: str | Sequence[str] | None
    timeout: float | str | None
    # Batch sizes, learning rates, seeds
    batch_sizes: int | str | Sequence[int] | None
    full_batch: bool | None
    learning_rate: float | str | Sequence[float] | None
    learning_rate_rule: str | None
    base_batch_size: int | None
    saturation: float | None
    scout: bool | None
    halving: bool | None
    tune: str | Sequence[str] | None
    trials: int | None
    search: str | Sequence[str] | Mapping[str, str] | None
    seeds: int | None
    # Branched critical batch size
    method: str | None
    branch_points: int | None
    branch_samples: int | None
    # How long
    epochs: float | None
    steps: int | None
    samples_seen: int | None
    min_steps: int | None
    evaluation_spacing: float
    evaluation_samples: int | None
    within: float | str | None
    # Data split
    validation_fraction: float | None
    test_fraction: float | None
    subset: int | None
    order: str | None
    class_skew: float | None
    augment: str | Sequence[str] | None
    split_seed: int | None
    drop_last: bool | None
    # Measured on the way
    noise_scale: bool | None
    gradients: bool | None
    sharpness: bool | None
    # How results are read
    target: str | Sequence[str] | Mapping[str, float | Sequence[float]] | None
    confirm: int | None
    reference_batch_size: int | None
    tolerance: float | None
    objective: str | None
    price_per_hour: float | None
    # Where and how it runs
    device: str | None
    threads: int | None
    workers: int | None
    max_memory: int | str | None
    speed_loop: str | None
    stream: str | None
    engine: str | None
    devices: int | None
    executor: str | None
    ray_address: str | None
    slurm_partition: str | None
    slurm_time: float | str | None
    slurm_gpus: int | None
    slurm_args: Mapping[str, Any] | None
    slurm_folder: str | Path | None
    slurm_cluster: str | None
    hang_timeout: float | str | None
    allow_accumulation: bool | None
    keep_states: int | str | None
    store: str | Path | None
    fresh: bool | None
    name: str | None
    log: str | Sequence[str] | None
