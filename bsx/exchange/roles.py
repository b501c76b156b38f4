"""What a column may be, and what it is called then: the one place where synonyms are known."""

from __future__ import annotations

BATCH_SIZE, STEP, RATE, SEED, SECONDS = "batch_size", "step", "learning_rate", "seed", "seconds"
TARGET, SPLIT, EPOCH, REACHED = "target", "split", "epoch", "reached"
ARM, TRUNK = "arm", "trunk_steps"  # of exports that hold more than a sweep's own runs
SAMPLES, RUNNING_LOSS, STATUS = "samples_seen", "running_loss", "status"
# As `bsx export --curves` writes them, by these names
OF_EXPORTS = (SAMPLES, RUNNING_LOSS, STATUS)

STEPS_TO_TARGET = ("steps_to_target", "iterations_to_target", "steps_to_reach", "to_target_steps")
SIZES_IN_TOKENS = ("tokens_per_batch", "batch_tokens", "batch_size_tokens", "batch_size_in_tokens",
                   "tokens_per_step", "tokens_per_update")  # fmt: skip
# In place of iterations, where the batch size is in the same unit
IN_SAMPLES = (SAMPLES, "samples", "examples", "examples_seen", "samples_to_target",
              "examples_to_target")  # fmt: skip
IN_TOKENS = ("tokens", "tokens_seen", "num_tokens", "tokens_to_target")
OF_REACHED = (REACHED, "reached_target", "target_reached")
ROLES = {
    **dict.fromkeys(
        ("batch_size", "batchsize", "batch", "bs", "b", "global_batch_size", "mini_batch_size",
         "minibatch_size", "train_batch_size", "bsz", "samples_per_batch", "examples_per_batch",
         *SIZES_IN_TOKENS), BATCH_SIZE,
    ),
    **dict.fromkeys(
        ("step", "steps", "global_step", "iteration", "iterations", "iter", "iters", "update",
         "updates", "num_updates", "train_step", "train_steps", "training_steps",
         *STEPS_TO_TARGET), STEP,
    ),
    **dict.fromkeys(("learning_rate", "learningrate", "lr", "eta"), RATE),
    **dict.fromkeys(("seed", "random_seed", "repeat", "replicate", "trial"), SEED),
    **dict.fromkeys(
        ("seconds", "train_seconds", "elapsed", "elapsed_seconds", "wall_seconds"), SECONDS
    ),
    **dict.fromkeys(("target", "threshold", "goal"), TARGET),
    **dict.fromkeys(("split", "phase"), SPLIT),
    **dict.fromkeys(("epoch", "epochs", "epochs_to_target"), EPOCH),
    **{role: role for role in OF_EXPORTS},
}  # fmt: skip
NEEDED = {
    BATCH_SIZE: "the batch size",
    STEP: "the iteration of the evaluation, or the iterations to the target",
}
