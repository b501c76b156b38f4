"""A made-up sweep and what it says: every status, open and absent intervals, odd names."""

from __future__ import annotations

import dataclasses

from bsx.schema import (
    Analysis,
    Baseline,
    BatchSizes,
    BatchSizeSummary,
    Budget,
    Caution,
    Estimate,
    Facts,
    Final,
    Ingredient,
    LearningRates,
    Metric,
    Recommendation,
    Speed,
    Split,
    Sweep,
    SweepConfig,
    TargetSpec,
    TargetSummary,
    ToTarget,
)

TRAIN = 1437
STEPS_MIN, CRITICAL = 41.0, 96.0


def estimate(value: float, spread: float, low: float | None = None) -> Estimate:
    """Make an estimate with an interval of about ± ``spread`` × value."""
    return Estimate(
        value,
        low if low is not None else value * (1 - spread * 0.9),
        value * (1 + spread),
        n=5,
        method="geometric mean, t interval",
    )


def config(**changes: object) -> SweepConfig:
    """Make the configuration of the sample, with changes."""
    made = SweepConfig(
        dataset=Ingredient("digits"),
        model=Ingredient("mlp", {"hidden": [128]}),
        optimizer=Ingredient("sgd", {"momentum": 0.9}),
        batch_sizes=BatchSizes(),
        learning_rates=LearningRates(),
        budget=Budget(epochs=60, min_steps=1000),
        seeds=5,
        split=Split(),
        tail="keep",
        speed_loop="device",
        targets=(TargetSpec("accuracy", 0.97),),
        tolerance=0.005,
        device="auto",
        threads=2,
        executor="inline",
        within_seconds=None,
        name=None,
        origins={"seeds": "default"},
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def facts() -> Facts:
    """Say what planning knew of the sample."""
    return Facts(
        dataset_name="digits",
        fingerprint="f" * 20,
        train_samples=TRAIN,
        validation_samples=180,
        test_samples=180,
        input_shape=(64,),
        classes=10,
        task="classification",
        metrics=(Metric("accuracy", True, bounded=True), Metric("loss", False)),
        sample_floats=64,
        parameters=9610,
        has_batchnorm=False,
        trainer="lanes",
        device="cpu",
        threads=2,
        baseline=Baseline(
            "most frequent class",
            validation={"accuracy": 0.1056, "loss": 2.31},
            test={"accuracy": 0.1, "loss": 2.3},
        ),
    )


def sweep(**changes: object) -> Sweep:
    """Make the stored sweep, its configuration changed by ``changes``."""
    return Sweep(
        sweep_id="3f9c2a71d0",
        config=config(**changes),
        facts=facts(),
        environment={"python": "3.11.7", "cpu": "an ordinary one"},
        status="complete",
        created="2026-01-05T10:00:00Z",
    )


def size(batch_size: int) -> BatchSizeSummary:
    """Summarize one batch size that obeys S(B) = S_min (1 + B_crit / B)."""
    per_epoch = -(-TRAIN // batch_size)
    steps = max(60 * per_epoch, 1000)
    to_target = STEPS_MIN * (1 + CRITICAL / batch_size)
    second = 85e-6 + 0.9e-6 * batch_size
    accuracy = 0.978 - 0.0009 * (batch_size / 128)
    steps_to_target = estimate(to_target, 0.14)
    step_seconds = estimate(second, 0.03)
    return BatchSizeSummary(
        batch_size=batch_size,
        status="ok",
        runs=50,
        seeds=5,
        diverged_fraction=0.06 if batch_size < 16 else 0.0,
        steps_per_epoch=per_epoch,
        last_batch=TRAIN - (per_epoch - 1) * batch_size,
        steps=steps,
        epochs=steps / per_epoch,
        to_target=(
            ToTarget(
                learning_rate=min(0.5, batch_size / 512),
                learning_rate_at_edge=batch_size == 1024,
                learning_rate_basin=(batch_size / 1024, min(1.0, batch_size / 256)),
                steps=steps_to_target,
                epochs=steps_to_target.scaled(1 / per_epoch),
                samples=steps_to_target.scaled(batch_size),
                seconds=steps_to_target.scaled(second),
                reached_fraction=1.0,
            ),
        ),
        final=Final(
            learning_rate=min(0.25, batch_size / 1024),
            train={"accuracy": estimate(0.9996, 0.0003), "loss": estimate(0.004, 0.2)},
            validation={"accuracy": estimate(accuracy, 0.004), "loss": estimate(0.08, 0.2)},
            test={"accuracy": estimate(accuracy - 0.002, 0.005), "loss": estimate(0.09, 0.2)},
            generalization_gap=estimate(0.0236, 0.2),
            best_epoch=estimate(31.0 + batch_size / 100, 0.3),
        ),
        speed=Speed(
            loop="device",
            step_seconds=step_seconds,
            samples_per_second=estimate(batch_size / second, 0.03),
            epoch_seconds=step_seconds.scaled(per_epoch),
            peak_memory_bytes=int(12e6 + 4000 * batch_size),
        ),
    )


def unfinished(batch_size: int, status: str) -> BatchSizeSummary:
    """Summarize a batch size of which nothing is known but how it ended."""
    nothing = ToTarget(None, None, None, None, None, None, None, None)
    return dataclasses.replace(
        size(batch_size),
        status=status,
        runs=0 if status == "not_run" else 50,
        diverged_fraction=1.0 if status == "diverged" else None,
        to_target=(nothing,),
        final=None,
        speed=None,
    )


def censored(batch_size: int) -> BatchSizeSummary:
    """Summarize a batch size that did not reach the target."""
    made = size(batch_size)
    never = Estimate(None, n=5, method="censored", censored_at=float(made.steps))
    missed = dataclasses.replace(
        made.to_target[0],
        steps=never,
        epochs=never.scaled(1 / made.steps_per_epoch),
        samples=never.scaled(batch_size),
        seconds=never.scaled(1e-3),
        reached_fraction=0.2,
    )
    return dataclasses.replace(made, status="censored", to_target=(missed,))


def target() -> TargetSummary:
    """Summarize the target of the sample, with its trade-off."""
    return TargetSummary(
        metric="accuracy",
        threshold=0.97,
        source="user",
        critical_batch_size=Estimate(CRITICAL, 61.0, 148.0, n=5, method="bootstrap"),
        critical_batch_size_20=Estimate(0.2 * CRITICAL + 2.4, 14.0, 33.0, n=5, method="bootstrap"),
        min_steps=estimate(STEPS_MIN, 0.1),
        min_samples=estimate(STEPS_MIN * CRITICAL, 0.1),
        reference_batch_size=2,
        verdict="fitted",
    )


def analysis() -> Analysis:
    """Make the analysis of a sweep in which everything went well."""
    return Analysis(
        metric="accuracy",
        targets=(target(),),
        batch_sizes=tuple(size(2**k) for k in range(1, 11)),
        recommendation=Recommendation(
            batch_size=64,
            learning_rate=0.125,
            objective="time",
            indifferent=(32, 128),
            relative_cost={
                32: Estimate(1.28, 0.97, 1.69, n=5),
                64: Estimate(1.0, 1.0, 1.0, n=5),
                128: Estimate(0.98, 0.8, 1.2, n=5),
            },
            reason=Caution(
                "fastest_admitted",
                {
                    "metric": "accuracy",
                    "tolerance": 0.005,
                    "best": 2,
                    "admitted": (2, 4, 8, 16, 32, 64, 128, 256),
                    "cost": 0.0146,
                },
            ),
        ),
        cautions=(
            Caution(
                "learning_rate_at_edge",
                {"learning_rate": 0.5, "side": "high", "goal": "target"},
                batch_size=1024,
            ),
        ),
    )


def troubled() -> Analysis:
    """Make the analysis of a sweep in which everything went wrong somewhere."""
    well = analysis()
    return dataclasses.replace(
        well,
        targets=(
            dataclasses.replace(
                well.targets[0],
                critical_batch_size=Estimate(CRITICAL, 61.0, None, n=5),
                critical_batch_size_20=None,
                min_samples=None,
            ),
        ),
        batch_sizes=(
            *well.batch_sizes[3:6],
            censored(128),
            unfinished(256, "diverged"),
            unfinished(512, "out_of_memory"),
            unfinished(1024, "failed"),
            unfinished(TRAIN, "not_run"),
        ),
        recommendation=None,
        cautions=(
            Caution(
                "censored",
                {"reached_fraction": 0.2, "metric": "accuracy", "threshold": 0.97},
                batch_size=128,
            ),
            Caution("diverged", {}, batch_size=256),
            Caution("out_of_memory", {}, batch_size=512),
            Caution(
                "failed",
                {"error": "Traceback:\n  File x\nValueError: [bold]no", "runs": 50},
                batch_size=1024,
            ),
            Caution("not_run", {}, batch_size=TRAIN),
            Caution("no_recommendation", {"reason": "target_not_reached"}),
        ),
    )
