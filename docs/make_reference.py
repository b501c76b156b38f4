"""Write docs/reference.md from the commands, the settings and a document: it cannot drift.

    python docs/make_reference.py            write it
    python docs/make_reference.py --check    exit 1 where it is out of date

What a key or a code means stands here; that each has a meaning, and each meaning a key, is checked
while it is written.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import re
import runpy
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import bsx.errors
from bsx import registry
from bsx.cli.app import COMMANDS, load_command, run
from bsx.config import read_sweep
from bsx.probe import compared
from bsx.render import pairs, probe_comparison, probing
from bsx.render.document import document
from bsx.render.formats import Format
from bsx.render.rows import rate_rows, rows
from bsx.render.sentences import WORDS
from bsx.schema import (
    METRICS,
    AgainstSmall,
    Analysis,
    Baseline,
    BatchSizeSummary,
    Branch,
    Branched,
    BranchPoint,
    Caution,
    EqualLength,
    Estimate,
    Facts,
    Final,
    GradientPoint,
    Gradients,
    MemoryLimit,
    Metric,
    NoiseCurve,
    Pair,
    Probe,
    ProbedSize,
    RateSummary,
    RateToTarget,
    Recommendation,
    Regimes,
    RuleBase,
    Speed,
    Sweep,
    TargetSummary,
    ToTarget,
    Warmup,
    WarmupStage,
)
from bsx.settings import SETTINGS
from bsx.stats.pairs import analyze_pairs

HERE = Path(__file__).parent
FILE = HERE / "reference.md"

EXIT_CODES = {
    "EXIT_DONE": "done. Runs that diverged or ran out of memory are results, not errors",
    "EXIT_INTERNAL": "an internal error, or `--get` found no value",
    "EXIT_USAGE": "an option, file or combination that makes no sense; nothing was trained",
    "EXIT_UNUSABLE": "the data or the store cannot be used, or the result cannot be written",
    "EXIT_STOPPED": "stopped by Ctrl-C or SIGTERM; the same command goes on from there",
    "EXIT_SOME_FAILED": "finished, but some units failed",
    "EXIT_INTERRUPTED_TWICE": "interrupted (a second Ctrl-C, or Ctrl-C outside of a sweep)",
    "EXIT_TERMINATED_TWICE": "terminated by a second SIGTERM",
}

CALC_FIELDS = {
    "samples": "training samples",
    "batch_size": "samples in one update, over all devices",
    "epochs": "passes over the data",
    "steps_per_epoch": "updates in one epoch; also `iterations_per_epoch`",
    "last_batch": "samples in the last batch of an epoch",
    "total_steps": "updates in all; also `total_iterations`",
    "samples_seen": "samples in all, repeats counted",
    "dropped_per_epoch": "samples left out in each epoch",
    "padded_per_epoch": "samples repeated in each epoch so that devices get equal shares",
    "micro_batch_size": "samples in one forward pass on one device",
    "micro_batches_per_epoch": "forward passes of one device in an epoch",
    "last_micro_batch": "samples in the last of them",
    "last_window": "micro-batches in an epoch's last update",
    "accumulation": "micro-batches in one update",
    "world_size": "devices that share a batch",
    "bn_safe": "with `--bn`: whether no micro-batch holds one sample alone",
    "bn_advice": "with `--bn`: what to do where one does",
    "class_coverage": "with `--classes`: the chance that a batch holds every class",
    "batch_size_for_coverage": "with `--classes`: the smallest batch size for a chance of 95 %",
    "input_shape": "of a batch, for time series",
}

KEYS = {
    "schema_version": "1; keys are added, never renamed, while it stays",
    "sweep_id": "the sweep's identity: equal questions have equal ids",
    "arm": "what sets an arm of `--vary` apart, such as `model.norm=batch`; else null",
    "name": "as given with `--name`, or null",
    "status": "running, complete, stopped, out_of_time or failed",
    "metric": "the metric that quality is judged by",
    "config": "everything that was asked, with where each value came from (`origins`)",
    "environment": "machine and versions",
    "data.name": "the data set's name",
    "data.train_samples": "samples in the training part",
    "data.validation_samples": "samples in the validation part",
    "data.test_samples": "samples in the test part",
    "data.input_shape": "of one sample",
    "data.classes": "number of classes",
    "data.target_scale": "by what the targets of a regression were divided, each number once; "
        "losses and errors are in these units; empty: the data's own",
    "targets[].metric": "the metric to reach",
    "targets[].split": "on which part: validation",
    "targets[].threshold": "the value to reach; null for iterations that were imported",
    "targets[].source": "user; auto: chosen from the results; file: of imported iterations",
    "targets[].critical_batch_size": "E_min/S_min of the fitted trade-off; an estimate",
    "targets[].critical_batch_size_20":
        "the size with 20 % more iterations than perfect scaling from `reference_batch_size`; "
        "an estimate",
    "targets[].min_steps": "S_min of the fit; an estimate",
    "targets[].min_samples": "E_min of the fit; an estimate",
    "targets[].reference_batch_size": "where perfect scaling starts: the smallest size measured, "
        "or that of `--reference-batch-size`, which need not be one of the sweep",
    "targets[].verdict": "fitted, or the code of the reason why there is no fit",
    "targets[].fit_p_value": "of the test of lack of fit; null where there is nothing to test with",
    "targets[].departure": "in which way the iterations leave the curve, where the verdict is "
        "poor_fit: rises, never_falls, falls_on, slow_fall, fast_fall, sharp_knee, soft_knee, "
        "flat_start, steep_start or uneven; else null",
    "targets[].regimes": "where scaling is perfect and where parallelism is at its most: "
        "`perfect_scaling_up_to` and `maximal_parallelism_from`, estimates in batch sizes, with "
        "the tolerance `within`; null without a curve",
    "targets[].next_run": "what to run to learn more: `larger_up_to`, `smaller_down_to`, "
        "`sizes_up_to`, `sizes_from` or `look_at` a batch size, `more_sizes`, `min_steps`, "
        "`seeds`, `easier_target`, `harder_target`; empty where nothing is missing",
    "targets[].noise_scale": "with `--noise-scale`: the geometric mean over batch sizes of the "
        "noise scale where the target is reached; an estimate",
    "targets[].noise_scale_verdict": "beside `critical_batch_size`: agrees (within a factor of "
        "10), larger, smaller or undetermined; null where it was not measured",
    "batch_sizes[].batch_size": "samples in one update; the first one, where the batch grows",
    "batch_sizes[].status": "ok, censored (target not reached), diverged, out_of_memory, failed or "
        "not_run",
    "batch_sizes[].runs": "runs stored, over all rates and seeds",
    "batch_sizes[].seeds": "different seeds among them",
    "batch_sizes[].diverged_fraction": "share of the runs that diverged",
    "batch_sizes[].steps_per_epoch": "updates in one epoch; null, as all of epochs, where the "
        "training set is not known",
    "batch_sizes[].last_batch": "samples in an epoch's last batch",
    "batch_sizes[].steps": "the budget of a run in updates; null for a program that is told none "
    "and has not come to its end",
    "batch_sizes[].epochs": "the budget of a run in epochs",
    "batch_sizes[].grows_to": "with `--decay batch-size` the largest batch of a run; null where "
        "the size stays",
    "batch_sizes[].learning_rates[].learning_rate": "a rate that was tried; null where a program "
        "was told none",
    "batch_sizes[].learning_rates[].seeds": "seeds that tried it",
    "batch_sizes[].learning_rates[].diverged": "how many of them diverged",
    "batch_sizes[].learning_rates[].dominated": "how many were clearly behind and not trained to "
    "their end (--halving)",
    "batch_sizes[].learning_rates[].to_target[].steps": "updates to the target at this rate, as "
        "measured; an estimate",
    "batch_sizes[].learning_rates[].to_target[].reached_fraction": "share of the seeds that "
        "reached it",
    "batch_sizes[].learning_rates[].validation": "the metric that quality is judged by → estimate, "
        "at the end, as measured",
    "batch_sizes[].rules": "`linear` and `sqrt` → what the rule from `rule_base` makes of the rate "
        "here: `learning_rate`, `nearest_learning_rate` of those that were tried, `steps_ratio` "
        "(updates to the first target against the tuned rate, paired; an estimate, with `low` "
        "alone where the rule's rate did not arrive), `verdict` (base, holds, does_not_hold or "
        "cannot_be_told) and `reason` (outside, not_reached, few_seeds, no_seeds or null)",
    "batch_sizes[].to_target[].learning_rate": "the rate fastest to the target; with `--tune` "
    "`momentum` and `weight_decay` stand beside it, and how many `trials` were tried in the row",
    "batch_sizes[].to_target[].learning_rate_at_edge": "whether it is the lowest or highest tried",
    "batch_sizes[].to_target[].learning_rate_basin": "lowest and highest rate within 20 % of it",
    "batch_sizes[].to_target[].steps": "updates to the target; an estimate",
    "batch_sizes[].to_target[].epochs": "epochs to the target; an estimate",
    "batch_sizes[].to_target[].samples": "samples to the target; an estimate",
    "batch_sizes[].to_target[].seconds": "steps × seconds per step; an estimate",
    "batch_sizes[].to_target[].reached_fraction": "share of the seeds that reached it",
    "batch_sizes[].to_target[].mean_curve_steps": "updates until the mean of the seeds' curves "
        "reaches it; an estimate without an interval",
    "batch_sizes[].final.learning_rate": "the rate best on validation at the end; with `--tune` "
    "as in `to_target`",
    "batch_sizes[].final.learning_rate_at_edge": "whether it is the lowest or highest tried",
    "batch_sizes[].final.train": "metric → estimate, on (at most 10,000) training samples",
    "batch_sizes[].final.validation": "metric → estimate, on validation; of the metric that the "
        "rate was chosen by without the optimism of that choice, as `method` says",
    "batch_sizes[].final.test": "metric → estimate, on test",
    "batch_sizes[].final.generalization_gap": "how much worse on test than on train; an estimate",
    "batch_sizes[].final.best_epoch": "the epoch with the best validation metric; an estimate",
    "batch_sizes[].speed.loop": "device, dataloader or stream: the loop that was timed",
    "batch_sizes[].speed.step_seconds": "seconds for one update; an estimate",
    "batch_sizes[].speed.samples_per_second": "throughput; an estimate",
    "batch_sizes[].speed.epoch_seconds": "seconds for one epoch; an estimate",
    "batch_sizes[].speed.peak_memory_bytes": "peak memory; an estimate without an interval",
    "batch_sizes[].speed.sample_joules": "energy of training on a sample, on a GPU that counts it "
    "(with nvidia-ml-py); else null",
    "batch_sizes[].noise_scale": "with `--noise-scale`: tr Σ/‖G‖² in samples, where the run "
        "reaches the first target, or else at its end; an estimate, null where it was not "
        "measured, its value null where it cannot be resolved",
    "batch_sizes[].noise_curve.learning_rate": "the rate of the run along which it was measured",
    "batch_sizes[].noise_curve.seed": "its seed",
    "batch_sizes[].noise_curve.at": "target or end: where `noise_scale` is measured",
    "batch_sizes[].noise_curve.growth": "that at the end over that at the start; an estimate",
    "batch_sizes[].noise_curve.points": "along the run: `step`, `epoch`, `samples_seen`, and the "
        "estimates `noise_scale`, `gradient_square` (‖G‖²), `covariance_trace` (tr Σ)",
    "batch_sizes[].sharpness": "with `--sharpness`: Keskar's φ in per cent, where the runs end; an "
        "estimate over seeds",
    "batch_sizes[].hessian_eigenvalue": "the largest eigenvalue of the Hessian there; an estimate "
        "over seeds, null where it was not found",
    "batch_sizes[].against_small.test": "how much worse the test metric is than at "
        "`small_batch_size`, paired over seeds (the large-batch gap); an estimate. "
        "`against_small` is null for that size and smaller ones",
    "batch_sizes[].against_small.sharpness": "how many times the sharpness there; an estimate",
    "batch_sizes[].against_small.eigenvalue": "how many times the eigenvalue there; an estimate",
    "batch_sizes[].at_equal_epochs.learning_rate": "the rate best on validation after "
        "`equal_epochs`",
    "batch_sizes[].at_equal_epochs.value": "the validation metric there; an estimate",
    "batch_sizes[].at_equal_epochs.shortfall": "how much worse than the best size there, paired "
        "over seeds; an estimate, null for the best",
    "batch_sizes[].at_equal_steps.learning_rate": "the rate best on validation after `equal_steps`",
    "batch_sizes[].at_equal_steps.value": "as above",
    "batch_sizes[].at_equal_steps.shortfall": "as above",
    "gradients.batch_size": "with `--gradients`: of the run along which they were measured",
    "gradients.learning_rate": "its rate",
    "gradients.seed": "its seed",
    "gradients.cosine": "the cosine that `settles_at` is of",
    "gradients.points[].place": "start, middle or end of the run",
    "gradients.points[].step": "updates by then",
    "gradients.points[].epoch": "epochs by then",
    "gradients.points[].full_norm": "‖G‖, of the gradient over the whole training set",
    "gradients.points[].variance_exponent": "the power of the batch size by which the variance of "
        "the gradient goes: −1 for 1/B; an estimate",
    "gradients.points[].settles_at": "the batch size at which the mean cosine between a batch's "
        "gradient and G is `cosine`; an estimate, an open one beyond the sizes of the sweep",
    "gradients.points[].batch_sizes": "of each size: `batch_size`, and the estimates `variance` "
        "(of the gradient, E‖g − G‖²) and `cosine`",
    "small_batch_size": "what larger sizes are compared with: the best on validation of the "
        "smaller half of them; null where there are not two",
    "equal_epochs": "how many epochs every size has trained, at least; null where it is not known",
    "equal_steps": "how many updates every size has taken, at least; null where batches grow",
    "baseline.name": "what is predicted without a model: last value, most frequent class, …; "
        "`baseline` is null for the user's own program",
    "baseline.validation": "metric → value or null, on validation",
    "baseline.test": "metric → value or null, on test",
    "recommendation.batch_size": "the batch size to take",
    "recommendation.learning_rate": "its rate fastest to the first target; with `--tune` as above",
    "recommendation.objective": "what it takes least of, or quality; see `--objective`",
    "recommendation.indifferent": "batch sizes that cannot be told apart from it",
    "recommendation.reason": "why, as a sentence",
    "recommendation.price_per_hour": "as given with `--price-per-hour`, or null",
    "recommendation.cost": "of training it to the first target at that price; an estimate",
    "recommendation.ends_worse": "how much worse on validation its rate ends than the one best at "
    "the end at this size; an estimate, null where they are the same",
    "recommendation.memory_share": "its peak memory as a share of `memory_limit`; an estimate",
    "cautions[].code": "see below",
    "cautions[].message": "what to know, as a sentence",
    "cautions[].batch_size": "the batch size concerned, or null",
    "branched.base_batch_size": "with `--method branched` that of the run; else `branched` is null",
    "branched.learning_rate": "the run's, given or tuned; null where every rate diverged",
    "branched.learning_rate_rule": "how the rate of a branch follows its size",
    "branched.overhead": "the share of further samples that a size may need and still be as good",
    "branched.samples": "that each branch sees",
    "branched.points[].step": "of the run, after which branches go on",
    "branched.points[].samples": "that the run had seen by then",
    "branched.points[].epoch": "the same in epochs",
    "branched.points[].loss": "validation loss of the run at the point; an estimate",
    "branched.points[].margin": "how much higher the loss of a size may be that is as good",
    "branched.points[].margin_from": "samples: what the base size gains by `overhead` more "
        "samples; or `--tolerance`, where that is more",
    "branched.points[].critical_batch_size": "whose loss lies above the base size's by the margin; "
        "an estimate between the largest size shown to be as good and the smallest shown to be "
        "worse",
    "branched.points[].branches[].batch_size": "of the branch; `--get` addresses by it",
    "branched.points[].branches[].learning_rate": "of the branch",
    "branched.points[].branches[].steps": "updates in the branch",
    "branched.points[].branches[].seeds": "branches stored",
    "branched.points[].branches[].diverged": "of them",
    "branched.points[].branches[].loss": "validation loss, averaged over the last quarter of the "
        "branch; an estimate",
    "branched.points[].branches[].difference": "how much it lies above the base size's, paired; an "
        "estimate, null for the base size",
    "branched.points[].branches[].excess": "how much of that is above the margin; an estimate, "
        "below 0 where the size is as good",
    "branched.points[].branches[].verdict": "base, as_good, worse, undecided, diverged, "
        "out_of_memory, failed or not_run",
    "branched.warmup.stages[].samples": "from so many samples on",
    "branched.warmup.stages[].epoch": "the same in epochs",
    "branched.warmup.stages[].batch_size": "take this batch size",
    "branched.warmup.stages[].learning_rate": "and this rate",
    "branched.warmup.steps": "updates for as many samples as the run's",
    "branched.warmup.base_steps": "updates of the run",
    "speed_from": "with `bsx show --speed` where the probe ran (`device`, `threads`, "
    "`environment`), what it timed (`model`, `dataset`), the sizes that were `interpolated`, and "
    "what `differs`; else null",
    "rule_base.batch_size": "where the audited rules start (`--base-batch-size`); `rule_base` is "
    "null where there is no choice of rates to audit them by",
    "rule_base.learning_rate": "the rate tuned there",
    "memory_limit.limit_bytes": "the most that a process can hold; `memory_limit` is null where "
    "the system does not tell, or did not when the sweep was run",
    "memory_limit.source": "device, container or machine: whose limit it is",
    "explanation": "with `bsx show --explain` topic → paragraphs; else null",
}  # fmt: skip

PROBE_KEYS = {
    "schema_version": "1; keys are added, never renamed, while it stays",
    "config": "everything that was asked, with where each value came from (`origins`)",
    "environment": "machine and versions",
    "device": "cpu, cuda or mps",
    "threads": "of the CPU",
    "data": "as in a sweep, and the `fingerprint` of the samples",
    "parameters": "numbers in the model",
    "batch_sizes[].batch_size": "samples in one update",
    "batch_sizes[].status": "ok, out_of_memory or failed",
    "batch_sizes[].peak_memory_bytes": "of training and evaluation steps; on the CPU of the whole "
    "process; an estimate",
    "batch_sizes[].speed": "as in a sweep; null where the size was not timed",
    "batch_sizes[].share_of_best": "its throughput as a share of the best one measured",
    "batch_sizes[].step_seconds_draws": "the timings behind `speed`: seconds for one update",
    "batch_sizes[].error": "why it failed, or null",
    "largest": "the largest batch size that fits, or null",
    "stopped_by": "why none larger: memory, max (`--max`), samples (the training set) or failed",
    "limit_bytes": "what a process was allowed to hold; null where nobody tells",
    "knee": "the smallest size that was timed with 90 % of the best throughput; an estimate, whose "
    "interval is where equal probes would find it; censored where the throughput still rises",
    "step_model.alpha": "seconds that an update takes whatever its size; an estimate",
    "step_model.beta": "seconds for each sample more; an estimate",
}

PAIRS_KEYS = {
    "file": "the name of the file",
    "data.train_samples": "as given with `--train-samples`, else as `epoch` and `samples_seen` "
    "tell it, or null",
    "targets[].scatter": "the standard deviation of the measured iterations about the curve, as a "
    "share; null below four sizes",
    "batch_sizes[].runs": "rows of this size",
    "batch_sizes[].seeds": "different seeds among them",
    "batch_sizes[].to_target[].fitted_steps": "updates to the target by the curve; an estimate",
    "batch_sizes[].to_target[].deviation": "how much the measured ones lie above the curve, as a "
    "share",
    "batch_sizes[].to_target[].efficiency": "E_min of the fit as a share of the samples that this "
    "size takes, as measured; null where the target was not reached",
    "batch_sizes[].to_target[].efficiency_estimate": "the same with its interval",
}

COMPARISON_KEYS = {
    "first": "the arm that the other is compared with",
    "second": "the other arm",
    "largest": "the largest batch size that fits, of each; or null",
    "largest_ratio": "of second to first; an estimate, with `low` or `high` alone where memory "
    "ended only one of the searches; null where it ended neither",
    "batch_sizes[].batch_size": "a size that was timed in both",
    "batch_sizes[].samples_per_second": "throughput of each; two estimates",
    "batch_sizes[].throughput_ratio": "of second to first, paired by round; an estimate, without "
    "an interval from one round",
    "batch_sizes[].peak_memory_bytes": "of each; or null",
    "batch_sizes[].peak_memory_ratio": "of second to first; an estimate without an interval",
}

ESTIMATE = {
    "value": "the value; null where it was censored",
    "low": "the lower end of the interval; null where that side is not known",
    "high": "the upper end",
    "level": "the confidence level of the interval",
    "n": "independent draws that it comes from (seeds, or timings)",
    "method": "how it was estimated",
    "censored_at": "the last step looked at without reaching the target, else null",
}

CAUTIONS = {
    "learning_rate_at_edge": "the chosen rate is the lowest or highest that was tried; of trials, "
    "it lies in the outermost tenth of what was",
    "tuned_at_edge": "all trials about as fast as the fastest have a momentum or weight decay at "
    "the end of what was searched",
    "censored": "not every seed reached the target within the budget",
    "seeds_diverged": "some runs at the rate fastest to the target diverged",
    "reached_at_first_look": "most seeds held the target at their first evaluation, later than the "
    "second iteration",
    "diverged": "every run of this size diverged",
    "blows_up": "runs at the rates chosen end far worse than they began, though finite",
    "dominated": "runs were clearly behind and stopped on the way (--halving)",
    "out_of_memory": "this size does not fit",
    "accumulated": "trained in passes, as `--allow-accumulation` lets it: memory held no batch",
    "failed": "runs ended with an error",
    "not_run": "there was no time for this size",
    "batchnorm_of_micro_batch": "BatchNorm takes its statistics over a micro-batch",
    "batch_grows": "the batch grows on the way (`--decay batch-size`): the size is the first one",
    "growth_not_timed": "the largest batches of a run were not timed: its time is an upper bound",
    "identifier_columns": "columns of the table look like row numbers or names",
    "date_columns": "columns of the table hold dates, which become a category for each",
    "filled_gaps": "how many missing values of the table were filled, by column",
    "softmax_twice": "the model ends in a softmax, which the cross-entropy does itself",
    "channels_last": "images look as if their channels came last; the model takes the first axis",
    "targets_unscaled": "targets of a squared error spread so far that most runs blow up",
    "tail_merged": "a last batch of one sample was merged into the one before (BatchNorm)",
    "target_auto": "the target was chosen from the results",
    "target_below_baseline": "the target is no better than what the trivial prediction reaches",
    "target_not_kept": "every size that reaches the target ends short of it",
    "target_not_common": "the same; too few seeds of some sizes reach it in time",
    "no_target": "no target could be chosen",
    "few_seeds": "too few seeds for good intervals",
    "branch_batchnorm": "of branches: BatchNorm takes its statistics over the batch",
    "branch_momentum": "of branches: momentum reaches back further than a branch is long",
    "branch_rising": "of branches: the base size overfits at these points",
    "branch_unsettled": "of branches: at these points sizes are neither shown to be as good nor "
    "to be worse",
    "branch_beyond": "of branches: at these points even the largest size is as good",
    "branch_diverged": "of branches: some diverged, which counts as worse",
    "branches_missing": "of branches: some were not run",
    "no_critical_batch_size": "the trade-off cannot be fitted, and why",
    "critical_batch_size_beyond": "it lies beyond the largest size: an extrapolation",
    "reference_outside": "`--reference-batch-size` is not among the sizes run: an extrapolation",
    "critical_batch_size_vague": "its interval is open, or spans more than a factor of ten",
    "poor_fit": "the iterations do not follow the curve, and in which way",
    "speed_of_other": "of `bsx show --speed`: the probe was of another model, data or optimizer",
    "speed_noisy": "the timings varied much: was the machine busy?",
    "quality_not_settled": "the seeds cannot show that the recommended size ends well enough",
    "cheaper_left_out": "sizes that need less, or may, are left out for a quality not shown to "
    "be worse",
    "rate_ends_worse": "the recommended rate, the fastest to the target, ends worse than the one "
    "that quality is judged at; `worse` with its interval",
    "not_timed": "sizes that end well enough have no time to be compared by",
    "taken_diverges": "some runs at the recommended size and rate diverged",
    "not_measured": "something that was to be measured beside the curves was not",
    "normalized_over": "under BatchNorm, over how many samples gradients are normalized that are "
    "measured",
    "not_better_than_baseline": "the test metric is worse than the trivial prediction, or not "
    "shown to beat it",
    "no_recommendation": "why nothing is recommended",
    "different_data": "of `bsx compare`: the sweeps are of different data, or of another division",
    "different_tasks": "of `bsx compare`: the sweeps are of different tasks",
    "objective_without_seconds": "of `bsx import`: the file does not tell how long a step takes, "
    "so that the recommendation counts iterations or samples",
    "objective_without_speed": "of `--command`: its reports tell no time, so that the "
    "recommendation counts iterations",
    "curves_repeat": "of `--command` and `bsx import`: runs that differ in one thing alone "
    "that they were told have the same curve to the last digit",
    "columns_left_out": "of `bsx import`: columns of which nothing is known",
    "iterations_computed": "of `bsx import`: iterations are samples (or tokens) / batch size, or "
    "those of so many epochs (`--train-samples`)",
    "batch_size_in_tokens": "of `bsx import`: what is called samples is tokens",
    "rows_left_out": "of `bsx import`: rows of the train or test part",
}

METRIC_MEANINGS = {
    "classification accuracy": "the share of samples whose likeliest class is the right one",
    "classification top-K": "the share whose right class is among the K likeliest; with K below "
    "the number of classes",
    "classification balanced-accuracy": "the mean over classes of the share of their samples that "
    "is recognized (recall): each class counts alike, however rare it is",
    "classification f1": "the F1 score of each class, 2·TP / (2·TP + FP + FN), averaged over the "
    "classes (macro-averaged): each counts alike; one that is neither there nor predicted does not "
    "count",
    "classification auroc": "the area under the ROC curve: the chance that a sample of the class "
    "has a higher score than one of another, ties counting half. Of two classes, that of the "
    "second; of several, each class against all others, averaged (macro-averaged, one against the "
    "rest)",
    "multi-label f1": "the F1 score of each label, averaged over the labels (macro-averaged); a "
    "label is predicted where its probability is above one half",
    "multi-label exact-match": "the share of samples of which every label is right",
    "multi-label auroc": "the area under the ROC curve of each label, averaged over the labels "
    "that some samples have and others lack",
    "regression mse": "the mean squared error, averaged over samples and targets. Where targets "
    "are standardized, it and mae are in units of their spread",
    "regression mae": "the mean absolute error, averaged over samples and targets",
    "regression r2": "the coefficient of determination, 1 - squared error / variance of the "
    "targets of that part: 1 is exact, 0 no better than their mean; averaged over the targets",
    "language-modelling perplexity": "exp of the mean cross-entropy of a token, in nats",
    "language-modelling bits-per-character": "the same cross-entropy in bits (of a token, whatever "
    "the tokens are)",
    "language-modelling accuracy": "the share of tokens whose likeliest prediction is the right "
    "one",
}

VARIABLES = {
    "BSX_TRACEBACK": "set to show the traceback of an internal error",
    "NO_COLOR": "set to print without colours",
    "XDG_CACHE_HOME": "where data lie while they are in use, those that do not fit in memory and "
    "what the processes of a sweep share, in a folder `bsx`; by default `~/.cache`",
    "TERM": "`dumb`: no colours, no progress bar",
    "COLUMNS": "the width of tables where stdout is no terminal",
}

NOTATION = """\
| Kind | How it is written |
|---|---|
| batch sizes | `32`, a list `8,32,128`, `2..1024` (the powers of two), `8..64:8` (the multiples of 8); in TOML also `[8, 32, 128]` |
| learning rate | `tuned`, one rate `0.1`, or a grid `0.01,0.03,0.1`; in TOML also `[0.01, 0.03, 0.1]` |
| time | `90s`, `10m`, `1h30m`; a bare number is seconds |
| target | `accuracy=0.97` or `loss=0.1`; several: `accuracy=0.97,0.95`, a ladder `accuracy=0.90..0.97:0.01` (from, to, how far apart), or repeat the option, or `["accuracy=0.95", "accuracy=0.97"]` in TOML, or separate them by spaces in the environment |
| arguments | `key=value`: numbers, `true`, `false`, `null`, lists `128,64`, else a text; a text with a comma, or one that is not to be read as a number, in double quotes as in csv (`drop=id,"Job, title"`, in a shell with single quotes around all of it); repeat the option for more; a table in TOML: `model_args = { hidden = [128, 64] }` |
| names | a name of `bsx list …`, `package.module:attribute`, or `path/to/file.py:attribute` |
"""  # noqa: E501


def reference() -> str:
    """Return the text of docs/reference.md."""
    parts = [
        "<!-- Written by docs/make_reference.py; edit that. -->",
        "# Reference",
        "Made from the program itself. For what the numbers mean see the "
        "[explanation](explanation.md); to begin, the [tutorial](tutorial.md).",
        "## Commands",
        _table(
            ("Command", "What it does"),
            [(f"[`bsx {n}`](#bsx-{n})", text) for n, (_, text) in COMMANDS.items()],
        ),
        "`bsx --version` prints the version, `--help` (or `-h`) explains any command, and "
        "`bsx --install-completion` sets up completion for your shell.",
    ]
    for name in COMMANDS:
        parts += _command(f"bsx {name}", load_command(name))
    parts += _settings()
    parts += ["## How values are written", NOTATION.strip()]
    parts += _documents()
    parts += _codes()
    return "\n\n".join(parts) + "\n"


# --- commands ---------------------------------------------------------------------------------


def _command(path: str, command: Any) -> Iterator[str]:
    yield f"## {path}"
    yield from _help(command.help)
    inner = getattr(command, "commands", {})
    for name, child in inner.items():
        yield f"### {path} {name}"
        yield from _help(child.help)
        yield _options(child)
    if not inner:
        yield _options(command)


def _help(text: str) -> Iterator[str]:
    """Yield a command's help as Markdown, its examples as code."""
    text = text.replace("\b", "")
    for paragraph in re.split(r"\n\s*\n", text):
        joined = " ".join(paragraph.split())
        label, found, example = joined.partition("Example: ")
        if found and not label:
            yield "Example:"
            joined = example.strip()
        if joined.removeprefix("$ ").startswith("bsx "):
            example = joined.removeprefix("$ ")
            trains = not example.startswith(("bsx calc", "bsx list m", "bsx list d", "bsx list o"))
            mark = "<!-- not run: it trains, or needs a stored sweep -->\n" if trains else ""
            yield f"{mark}```bash\n{example}\n```"
        elif joined:
            yield joined


def _options(command: Any) -> str:
    lines = []
    for parameter in command.params:
        if parameter.name in ("help", "install_completion", "show_completion"):
            continue
        names = parameter.opts
        meta = parameter.metavar or ""
        if type(parameter).__name__.endswith("Argument"):
            shown = f"`{meta or parameter.name.upper()}`"
        else:
            shown = ", ".join(f"`{n}`" for n in names) + (f" `{meta}`" if meta else "")
        lines.append((shown, _help_of(parameter)))
    return _table(("Option", "What it is"), lines)


def _help_of(parameter: Any) -> str:
    text = " ".join((getattr(parameter, "help", "") or "").split())
    default = getattr(parameter, "default", None)
    plain = isinstance(default, str) and default not in text
    return f"{text} Default: {default}." if plain and default else text


# --- settings ---------------------------------------------------------------------------------


def _settings() -> Iterator[str]:
    yield "## Settings of a sweep"
    yield (
        "Each can be given on the command line, in the environment, or in a TOML file "
        "(`bsx sweep my.toml`). Flags win over the environment, the environment over the file, "
        "the file over the defaults. In a file, hyphens and underscores are alike."
    )
    for panel in dict.fromkeys(setting.panel for setting in SETTINGS):
        yield f"### {panel}"
        lines = []
        for s in SETTINGS:
            if s.panel != panel:
                continue
            flags = ", ".join(f"`{flag}`" for flag in s.flags or (s.flag,))
            told = "[default:" in s.help or s.default is None
            default = "" if told or s.switch else f" Default: {s.default}."
            text = re.sub(r"\s*\[default: (.*?)\]", r" Default: \1.", s.help)
            lines.append((flags, f"`{s.key}`", f"`{s.variable}`", f"{text}{default}"))
        yield _table(("Flag", "TOML key", "Variable", "What it is"), lines)


# --- documents --------------------------------------------------------------------------------


def _documents() -> Iterator[str]:
    yield "## Fields of `bsx calc`"
    yield (
        "`--format json` prints an object with all of them (a list of objects for several batch "
        "sizes), `--get` one. What was solved for and has several answers is "
        '`{"low", "high", "multiple_of"}`. Plain `iterations` is refused by `--get`: say '
        "`iterations-per-epoch` or `total-iterations`."
    )
    yield _table(("Field", "Meaning"), _matched(calc_fields(), CALC_FIELDS, "field"))
    yield "## The document of `bsx sweep` and `bsx show`"
    yield (
        "`--format json` prints it; `--get` takes a dotted path into it, where hyphens and "
        "underscores are alike, batch sizes are addressed by their number and other lists by "
        "position from 0: `batch_sizes.64.speed.step_seconds.value`, "
        "`targets.0.critical_batch_size.low`. A name in place of a batch size collects from all: "
        "`batch_sizes.status`. The first target is the one that the recommendation uses."
    )
    yield _table(("Key", "Meaning"), _matched(document_keys(), KEYS, "key"))
    yield "An estimate is an object:"
    names = [field.name for field in dataclasses.fields(Estimate)]
    yield _table(("Key", "Meaning"), _matched(names, ESTIMATE, "key"))
    yield "### Rows"
    yield (
        "A row of `--format csv` or `jsonl` is a batch size. An estimate `x` has the columns `x`, "
        "`x_low` and `x_high`; those that count towards a target also `x_censored_at`. A second "
        "target's columns begin with `to_target_2_`. With one target the columns are:"
    )
    yield ", ".join(f"`{name}`" for name in row_columns())
    yield "Of a branched sweep (`--method branched`) a row is a point and batch size:"
    yield ", ".join(f"`{name}`" for name in branch_columns())
    yield (
        "With `bsx show --rates` a row is a batch size and one of the learning rates that were "
        "tried there, with the columns:"
    )
    yield ", ".join(f"`{name}`" for name in rate_rows(document(*_sample()))[0])
    yield "### Arms"
    yield (
        "With `--vary` the document is an object of `arms` and `comparisons`. An arm is a document "
        "as above, set apart by its `arm`; every arm but the first has a comparison with it, which "
        "is the document of `bsx compare`. Its `batch_sizes` are those that both have, each with "
        "the `steps` of both, `steps_ratio`, `samples_ratio` and `seconds_ratio` of second to "
        "first, the `validation` of both, `validation_difference` and `test_difference`, second "
        "less first: estimates, paired over shared seeds. Where one of the two did not get "
        "there, the `value` of a ratio is null, and `low` or `high` is the bound that is known. "
        "`bsx compare` of more than two arms has them as `comparisons`, too."
    )
    yield "## The document of `bsx import`"
    yield (
        "Of curves it is that of a sweep; what follows from the size of the training set is null "
        "unless `--train-samples`, or its columns `epoch` and `samples_seen`, tell it. Of pairs it "
        "has the same keys as far as they have a meaning, a target's `threshold` being null, and "
        "besides:"
    )
    yield _table(("Key", "Meaning"), _matched(pairs_keys(), PAIRS_KEYS, "key"))
    yield "## The document of `bsx probe`"
    yield (
        "`--format json` prints it and `--save` writes it; `--get` takes a path into it as above. "
        "The columns of its rows are:"
    )
    yield ", ".join(f"`{name}`" for name in probing.rows(probing.document(_probe()))[0])
    yield _table(("Key", "Meaning"), _matched(probe_keys(), PROBE_KEYS, "key"))
    yield (
        "With `--vary` it is an object of `schema_version`, `arms` and `comparisons`. An arm is "
        "such a document, set apart by its `arm`; its rows have the columns `arm`, those above, "
        "`throughput_ratio`, `throughput_ratio_low`, `throughput_ratio_high` and "
        "`peak_memory_ratio`. Every arm but the first has a comparison, with the keys:"
    )
    yield _table(("Key", "Meaning"), _matched(comparison_keys(), COMPARISON_KEYS, "key"))


def calc_fields() -> list[str]:
    """Return the names of every field of ``bsx calc``."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        run(["calc", "--samples", "100", "--batch-size", "10", "--format", "json"])
    return list(json.loads(printed.getvalue()))


def document_keys() -> list[str]:
    """Return the path of every key of a sweep's document."""
    return list(_paths(document(*_sample())))


def row_columns() -> list[str]:
    """Return the columns of a sweep's rows."""
    sweep, analysis = _sample()
    return list(rows(document(sweep, dataclasses.replace(analysis, branched=None)))[0])


def branch_columns() -> list[str]:
    """Return the columns of a branched sweep's rows."""
    return list(rows(document(*_sample()))[0])


def pairs_keys() -> list[str]:
    """Return the path of every key of the document of pairs that a sweep's has not."""
    found = pairs.document(analyze_pairs("", [Pair(size, 100 / size) for size in (1, 2, 3, 4)]))
    known = {key for key in KEYS if not key.startswith(("data", "batch_sizes[].runs"))}
    known -= {"batch_sizes[].seeds"}
    return [path for path in _paths(found, known={*KEYS, *PAIRS_KEYS}) if path not in known]


def probe_keys() -> list[str]:
    """Return the path of every key of a probe's document."""
    return list(_paths(probing.document(_probe()), known=PROBE_KEYS))


def comparison_keys() -> list[str]:
    """Return the path of every key of a comparison of two probes."""
    arms = [("a=1", _probe()), ("a=2", _probe())]
    (found,) = probe_comparison.document(arms, compared(arms))["comparisons"]
    return list(_paths(found, known=COMPARISON_KEYS))


def _paths(value: Any, path: str = "", known: Collection[str] = KEYS) -> Iterator[str]:
    if path in known:
        yield path
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _paths(inner, f"{path}.{key}" if path else key, known)
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        yield from _paths(value[0], f"{path}[]", known)
    else:
        yield path


def _probe() -> Probe:
    """Make a probe of which everything is known."""
    one = Estimate(1.0)
    sweep, _ = _sample()
    size = ProbedSize(2, "ok", 1, ((1.0,),), Speed("device", one, one, one, 1), 1.0)
    return Probe(sweep.config, sweep.facts, {}, (size,), 1, "user", "max", one, one, one)


def _sample() -> tuple[Sweep, Analysis]:
    """Make a sweep of which everything is known."""
    one = Estimate(1.0)
    config, _ = read_sweep({}, {}, None)
    facts = Facts(
        "digits", "", 3, 1, 1, (1,), 2, "classification", (Metric("accuracy", True, True),), 1,
        False, 1, "lanes", "cpu", 1, baseline=Baseline("most frequent class", {}, {}),
        memory_limit=MemoryLimit(1, "machine"),
    )  # fmt: skip
    metrics = {"loss": one, "accuracy": one}
    summary = BatchSizeSummary(
        2, "ok", 1, 1, 0.0, 2, 1, 2, 1.0,
        (ToTarget(0.1, False, (0.1, 0.1), one, one, one, one, 1.0),),
        Final(0.1, metrics, metrics, metrics, one, one),
        Speed("device", one, one, one, 1),
        noise_scale=one, noise_curve=NoiseCurve(0.1, 0, (), one, "target"),
        sharpness=one, hessian_eigenvalue=one, against_small=AgainstSmall(one, one, one),
        at_equal_epochs=EqualLength(0.1, one, one), at_equal_steps=EqualLength(0.1, one, one),
        learning_rates=(RateSummary(0.1, 1, 0, (RateToTarget(one, 1.0),), {"accuracy": one}),),
    )  # fmt: skip
    target = TargetSummary("accuracy", 0.9, "auto", one, one, one, one, 2, "fitted")
    target = dataclasses.replace(target, regimes=Regimes(0.2, (2, 2), one, one))
    analysis = Analysis(
        "accuracy",
        (target,),
        (summary,),
        Recommendation(2, 0.1, "time", (), Caution("only_best_admitted")),
        (Caution("no_target"),),
        branched=_sample_branches(one),
        gradients=Gradients(2, 0.1, 0, 0.9, (GradientPoint("start", 0, 0.0, 1.0, one, one, ()),)),
        rule_base=RuleBase(2, 0.1),
    )
    return Sweep("0", config, facts, {}, "complete", ""), analysis


def _sample_branches(one: Estimate) -> Branched:
    """Make branches of which everything is known."""
    branch = Branch(4, 0.1, 8, 1, 0, one, one, one, "as_good")
    point = BranchPoint(1, 2, 0.1, one, 0.1, "samples", one, (branch,))
    warmup = Warmup((WarmupStage(0, 0.0, 2, 0.1),), 1, 1)
    return Branched(2, 0.1, "linear", 0.2, 32, (point,), warmup)


# --- codes ------------------------------------------------------------------------------------


def _codes() -> Iterator[str]:
    yield "## Codes of cautions"
    yield _table(("Code", "Meaning"), _matched(list(WORDS), CAUTIONS, "caution"))
    yield "## Exit codes"
    names = [name for name in vars(bsx.errors) if name.startswith("EXIT_")]
    lines = [(str(getattr(bsx.errors, name)), EXIT_CODES[name]) for name in names]
    _matched(names, EXIT_CODES, "exit code")
    yield _table(("Code", "Meaning"), lines)
    yield "## Environment variables"
    yield (
        "Every setting of a sweep has one, see above; switches are `1` or `0`. "
        "`BSX_STORE` is also read by `bsx show` and `bsx list sweeps`. Besides:"
    )
    yield _table(("Variable", "Meaning"), [(f"`{k}`", v) for k, v in VARIABLES.items()])
    yield "## Metrics"
    yield (
        "The metrics that each task has, the one that judges quality first; `--metric` names "
        "another one, and after commas others to measure. All are measured on validation, on test "
        "and, at the end, on the training part. Every task has its `loss`, too, of which less is "
        "better, and which may be a target but judges nothing."
    )
    known = [(task, one) for task, found in METRICS.items() for one in found]
    paths = [f"{task} {one.metric.name}" for task, one in known]
    meanings = [meaning for _, meaning in _matched(paths, METRIC_MEANINGS, "metric")]
    lines = [
        (
            task,
            f"`{one.metric.name}`",
            meaning,
            "higher" if one.metric.higher_is_better else "lower",
            one.measured,
        )
        for (task, one), meaning in zip(known, meanings, strict=True)
    ]
    yield _table(("Task", "Metric", "What it is", "Better", "Measured"), lines)
    yield "## Formats"
    yield "`--format` is one of " + ", ".join(f"`{form}`" for form in Format) + "."
    yield "## Names"
    for kind in registry.ENTRY_POINT_GROUPS:
        names = ", ".join(f"`{name}`" for name in registry.targets(kind))
        yield f"{kind.capitalize()}s: {names}."


def _matched(names: Sequence[str], meanings: Mapping[str, str], what: str) -> list[tuple[str, str]]:
    missing = [name for name in names if name not in meanings]
    left = [name for name in meanings if name not in names]
    if missing or left:
        raise SystemExit(f"make_reference: no meaning of {what} {missing}; no {what} for {left}")
    return [(f"`{name}`", meanings[name]) for name in names]


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = ["---"] * len(head)
    escaped = ([cell.replace("|", "\\|") for cell in line] for line in (head, rule, *lines))
    return "\n".join("| " + " | ".join(line) + " |" for line in escaped)


def main(args: Sequence[str]) -> int:
    """Write the file, that of the Python API and the man page, or with ``--check`` compare them."""
    text = reference()
    of_man: int = runpy.run_path(str(HERE / "make_man.py"))["main"](args)
    of_python: int = runpy.run_path(str(HERE / "make_python_reference.py"))["main"](args)
    if "--check" not in args:
        FILE.write_text(text, encoding="utf-8")
        return 0
    return of_man or of_python or int(not FILE.exists() or FILE.read_text(encoding="utf-8") != text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
