"""What a caution means for who reads the numbers: a sentence a code, for ``explain``."""

from __future__ import annotations

_MEANINGS = {
    "learning_rate_at_edge": "Until that is tried, the size may be better than it looks here.",
    "censored": (
        "Such runs are not left out, which would flatter the size: they count as longer than what "
        "was given to them."
    ),
    "reached_at_first_look": "How many fewer is not known, so that intervals are wide.",
    "diverged": (
        "A run diverges when its steps are so large that the loss runs away instead of falling."
    ),
    "blows_up": (
        "Steps that are too large throw the weights further off each time; given longer, such runs "
        "diverge."
    ),
    "dominated": (
        "Each rate was compared with the best one seed by seed, and stopped only where it would "
        "stay behind even if it improved on as it did; without --halving they are trained on."
    ),
    "out_of_memory": "That is a result, not an error: it says how large a batch may be.",
    "accumulated": "A step takes the same gradient, in more time and less memory.",
    "failed": "Nothing is known of what failed; the other sizes are not touched by it.",
    "not_run": "Nothing is said of it.",
    "batchnorm_of_micro_batch": (
        "BatchNorm uses the mean and spread of the samples it sees together, so that it matters "
        "how many these are."
    ),
    "batch_grows": "Compare such rows by samples and time rather than by the size that names them.",
    "growth_not_timed": "The true time is likely shorter.",
    "identifier_columns": (
        "With such a column every batch size may end worse on validation and test than it could."
    ),
    "date_columns": "Each such category is one more input, and most are seen a few times at most.",
    "filled_gaps": (
        "A filled value is a guess; where many are missing, a column tells less than it seems to."
    ),
    "softmax_twice": "Every size is slowed down by it, and not all alike.",
    "channels_last": "Neighbouring pixels are then no neighbours to the model.",
    "targets_unscaled": "A model begins with outputs around 0 and weights for steps around 1.",
    "tail_merged": "It changes one batch of each epoch by one sample, and nothing else.",
    "target_auto": (
        "Another target may favour another batch size, so set the one that you need if you know it."
    ),
    "target_below_baseline": "Whoever guesses has reached it already.",
    "target_not_kept": "A noisy curve touches many values that it does not keep.",
    "target_not_common": "Sizes that did not reach it have no time to the target to compare.",
    "no_target": "Without a target sizes are compared by where they end, and not by how fast.",
    "few_seeds": (
        "With so few it is hard to tell a better size from a luckier one; read small differences "
        "as none."
    ),
    "no_critical_batch_size": "The measured iterations hold all the same.",
    "critical_batch_size_beyond": "Nothing was measured there, so take it as a rough guess.",
    "reference_outside": "It goes by the fitted curve, not by what was measured there.",
    "critical_batch_size_vague": "Any size within the interval may be the true one.",
    "poor_fit": "Trust the measured rows more than the curve through them.",
    "speed_noisy": (
        "Other programs slow the timing down, so that times to the target are less sure than "
        "their iterations."
    ),
    "speed_of_other": "The iterations are this sweep's own; the seconds are of something else.",
    "quality_not_settled": (
        "The recommendation goes by what is to be expected for now; more seeds may move it to "
        "another size."
    ),
    "rate_ends_worse": (
        "The fastest way to a target is often a rate that is too large to get much beyond it."
    ),
    "not_timed": "One of them may be faster than the one that is recommended.",
    "taken_diverges": "A run that diverges is lost, and its time with it.",
    "cheaper_left_out": "Quality comes first; but here it is a guess, and it costs something.",
    "not_better_than_baseline": (
        "A model that does not beat a guess has not learned the task yet, and a batch size for it "
        "means little."
    ),
    "no_recommendation": "The tables show what was measured all the same.",
    "objective_without_seconds": "With a column of seconds the time itself could be compared.",
    "objective_without_speed": (
        "Where the program writes each report as it comes (in Python: print(…, flush=True)), or "
        "tells its seconds in them, time counts."
    ),
    "curves_repeat": (
        "What a program does not use changes nothing; seeds that it does not use show no chance, "
        "and intervals over such runs are too narrow."
    ),
    "iterations_computed": (
        "Where samples are divided, and epochs end in a smaller batch, they are slightly more in "
        "truth."
    ),
    "columns_left_out": "They changed nothing in these results.",
    "rows_left_out": "They changed nothing in these results.",
}  # fmt: skip


def meaning(code: str) -> str:
    """Return the sentence; nothing for a code whose own words must do."""
    return _MEANINGS.get(code, "")
