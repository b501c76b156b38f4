"""SweepConfig → Facts: the data and the model looked at once, before compute is spent."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bsx import __version__
from bsx.arithmetic import curve_samples, powers_of_two
from bsx.data import Splits, check_augmentation, check_order, memory_limit, open_dataset
from bsx.errors import ConfigError
from bsx.models import (
    build_model,
    caller_state,
    can_stack,
    doubts_of,
    ghost_size,
    has_batchnorm,
    lane_obstacle,
)
from bsx.optim import check_tuned, try_optimizer
from bsx.schema import Facts, Metric, SweepConfig
from bsx.tasks import Task, build_task, score_baseline
from bsx.tryout import try_forward, try_gradient

_SOFTMAX = ("classification", "language-modelling")  # tasks whose cross-entropy does it


@caller_state()
def look(config: SweepConfig) -> Facts:
    """Return what planning must know.

    Raises:
        ConfigError: for a model, optimizer or device that does not fit, with the remedy.
        DataError: for data that cannot be used.
    """
    device = resolve_device(config.device, elsewhere=config.elsewhere)
    here = device if _is_here(device) else "cpu"
    splits = open_dataset(
        config.dataset.name,
        config.dataset.args,
        validation=config.split.validation,
        test=config.split.test,
        seed=config.split.seed,
        subset=config.sampling.subset,
        stream={"always": True, "never": False}.get(config.stream),
        device=here,
    )
    labels = splits.train.targets if splits.task == "classification" else None
    check_order(config.sampling, labels)
    check_augmentation(config.sampling.augment, splits.input_shape)
    model = build_model(
        config.model.name,
        config.model.args,
        input_shape=splits.input_shape,
        output_size=splits.output_size,
        seed=0,
        initialization=config.initialization,
        kind=splits.kind,
    )
    free = [p.detach() for p in model.parameters() if p.requires_grad]
    history = _try_optimizer(config, free)
    task = build_task(splits.task, config.objective, splits.output_size)
    threads = config.threads or available_threads()
    floats, outputs = try_forward(model, splits, task, config)
    takes_logits = config.objective.loss in (None, "cross-entropy") and splits.task in _SOFTMAX
    trainer, *rivals = _trainers(config, model, splits.train.first(2))
    doubts = doubts_of(model, splits.input_shape, outputs, takes_logits=takes_logits)
    try_gradient(model, splits, task, config)  # last, as it changes the model's statistics
    return Facts(
        dataset_name=config.dataset.name,
        fingerprint=splits.fingerprint,
        train_samples=len(splits.train),
        validation_samples=len(splits.validation),
        test_samples=len(splits.test),
        input_shape=splits.input_shape,
        classes=splits.classes,
        task=splits.task,
        metrics=_metrics(task, splits),
        parameters=sum(p.numel() for p in model.parameters()),
        has_batchnorm=has_batchnorm(model),
        sample_floats=floats,
        history_floats=history,
        curve_samples=curve_samples(task.predictions(tuple(splits.validation.targets.shape[1:]))),
        trainer=trainer,
        rivals=tuple(rivals),
        device=device,
        threads=threads,
        workers=_workers(config, device, threads, len(splits.train)),
        streamed=splits.streamed,
        baseline=score_baseline(
            splits.task,
            config.objective,
            splits.train.targets,
            {"validation": splits.validation.targets, "test": splits.test.targets},
            splits.output_size,
            splits.naive,
        ),
        target_scale=tuple(dict.fromkeys(splits.target_scale)),
        ghost_size=ghost_size(model),
        memory_limit=memory_limit(device) if here == device and not config.elsewhere else None,
        devices=config.devices,
        identifiers=splits.identifiers,
        dates=splits.dates,
        filled=splits.filled,
        dropped=splits.dropped,
        predicted=splits.predicted,
        doubts=doubts,
    )


def _try_optimizer(config: SweepConfig, params: list[Tensor]) -> float:
    if not params:
        raise ConfigError(
            f"--model {config.model.name} has nothing to train: none of its parameters takes a "
            "gradient; make its layers attributes of it (self.layer = …, or an nn.ModuleList)"
        )
    name, args = config.optimizer.name, config.optimizer.args
    if config.search is not None:
        check_tuned(name, [axis.name for axis in config.search.beside])
        args = {**args, **{axis.name: axis.at(0.5) for axis in config.search.beside}}
    return try_optimizer(name, args, params)


def _trainers(config: SweepConfig, model: nn.Module, sample: Tensor) -> list[str]:
    """Return what can train such a model, the one that mostly is quickest first.

    ``sample``: shape (batch, *input_shape).
    """
    shape = tuple(sample.shape[1:])
    able = ["lanes", "loop"] if can_stack(model, shape) else ["loop"]
    unfit = None if "lanes" in able else lane_obstacle(model, sample)
    if "lanes" not in able and unfit is None:
        able.append("lanes")
    if len(shape) == 3 and any(isinstance(module, nn.Conv2d) for module in model.modules()):
        able.append("channels-last")
    if config.devices > 1:
        _check_devices(config, model)
        return ["devices"]
    if config.engine == "auto":
        return able
    if config.engine not in able:
        raise ConfigError(
            f"--engine {config.engine}: it does not train {config.model.name} on this data, as "
            f"{unfit if config.engine == 'lanes' else 'that is for convolutions of images'}; give "
            f"auto or {' or '.join(able)}"
        )
    return [config.engine]


def _check_devices(config: SweepConfig, model: nn.Module) -> None:
    """Refuse what several devices would train otherwise than one.

    Raises:
        ConfigError: for BatchNorm, and for more devices than there are.
    """
    said = f"--devices {config.devices}"
    if has_batchnorm(model):
        raise ConfigError(
            f"{said}: each device would normalize by its own share of a batch, so that BatchNorm "
            f"makes another model of {config.model.name} on several; take one without it, such as "
            "--model-arg norm=layer or norm=group, or leave --devices out"
        )
    if resolve_device(config.device, elsewhere=config.elsewhere) == "cuda" and not config.elsewhere:
        there = torch.cuda.device_count()
        if there < config.devices:
            raise ConfigError(f"{said}: torch finds {there} GPU here; give at most {there}")


def _workers(config: SweepConfig, device: str, threads: int, samples: int) -> int:
    """How many groups train side by side: on the CPU one a thread, as far as there are groups.

    On a cluster, as many as there may be; the executor knows what it has room for.
    """
    if config.workers is not None:
        return config.workers
    sizes = config.batch_sizes.sizes or powers_of_two(2, samples)
    groups = len(sizes) * config.seeds
    if config.elsewhere:
        return groups
    if device != "cpu" or config.executor == "inline":
        return 1
    return min(max(1, threads // config.devices), groups)


def _is_here(device: str) -> bool:
    present = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    return present[device]


def resolve_device(asked: str, *, elsewhere: bool = False) -> str:
    """Return the torch device that ``asked`` means: of a cluster, what was asked.

    Raises:
        ConfigError: where that device is not present.
    """
    present = {name: _is_here(name) for name in ("cpu", "cuda", "mps")}
    if asked == "auto":
        return "cuda" if present["cuda"] else "mps" if present["mps"] else "cpu"
    if not present[asked] and not elsewhere:
        usable = ", ".join(name for name, here in present.items() if here)
        raise ConfigError(f"--device {asked}: torch finds none on this machine; it finds {usable}")
    return asked


def available_threads() -> int:
    """Return how many threads this process may use at once."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(here or 1, torch.get_num_threads()))


def _metrics(task: Task, splits: Splits) -> tuple[Metric, ...]:
    """Return the metrics that mean something on the validation part.

    Raises:
        ConfigError: where the one that quality is judged by means nothing there.
    """
    undefined = task.undefined(splits.validation.targets)
    quality = task.metrics[0][0]
    if quality in undefined:
        others = ", ".join(name for name, _, _ in task.metrics if name not in undefined)
        raise ConfigError(
            f"--metric {quality}: it means nothing on the {len(splits.validation)} validation "
            f"samples, whose targets do not differ; give more samples or --metric {others}"
        )
    return tuple(Metric(*spec) for spec in task.metrics if spec[0] not in undefined)


def describe_machine(device: str) -> dict[str, Any]:
    """Say what the speed measurements are true of: hardware and versions."""
    return {
        "bsx": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "accelerator": torch.cuda.get_device_name()
        if device == "cuda" and _is_here(device)
        else None,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _accelerator(device: str) -> str | None:
    return torch.cuda.get_device_name() if device == "cuda" and _is_here(device) else None
