"""The one list of what can be set; flags, environment, TOML keys and reference follow from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bsx import parse
from bsx.schema import AIMS

# Enough for small and large batch sizes alike to come to a plateau on data of a few thousand
# samples; an epochs budget alone starves the large ones, hence the floor in steps.
DEFAULT_EPOCHS = 10.0
DEFAULT_MIN_STEPS = 300


@dataclass(frozen=True)
class Setting:
    """One thing that can be set: ``read`` turns what was given into its value."""

    key: str  # in TOML; BSX_KEY in the environment; --key on the command line
    read: Callable[[Any, str], Any]
    help: str
    panel: str
    default: Any = None
    metavar: str = "TEXT"
    flags: tuple[str, ...] = ()
    switch: bool = False
    repeatable: bool = False

    @property
    def flag(self) -> str:
        """The flag by which messages name it."""
        return self.flags[0] if self.flags else "--" + self.key.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable."""
        return "BSX_" + self.key.upper()

    @property
    def choices(self) -> tuple[str, ...]:
        """The words that it takes, where it takes no others."""
        return self.read.choices if isinstance(self.read, parse.OneOf) else ()


_INGREDIENTS = "What is trained"
_TRAINING = "How it is trained"
_SIZES = "Batch sizes, learning rates, seeds"
_BRANCHES = "Branched critical batch size"
_BUDGET = "How long"
_SPLIT = "Data split"
_MEASURED = "Measured on the way"
_READING = "How results are read"
_WHERE = "Where and how it runs"
_OUTPUT = "Output"
_PROGRAM = "Your own program"

# What bsx's own training is told; a program of the user's decides that by itself
OF_OWN_TRAINING = (_INGREDIENTS, _TRAINING, _SPLIT, _MEASURED)

SETTINGS: tuple[Setting, ...] = (
    Setting("dataset", parse.text, "Data set: a name of `bsx list datasets`, module:attribute or "
            "file.py:attribute.", _INGREDIENTS, "digits", "NAME"),
    Setting("dataset_args", parse.arguments, "Argument of the data set; repeat for more.",
            _INGREDIENTS, metavar="KEY=VALUE", flags=("--dataset-arg",), repeatable=True),
    Setting("model", parse.text, "Model: a name of `bsx list models`, module:attribute or "
            "file.py:attribute.", _INGREDIENTS, "mlp", "NAME"),
    Setting("model_args", parse.arguments, "Argument of the model, e.g. hidden=128,128.",
            _INGREDIENTS, metavar="KEY=VALUE", flags=("--model-arg",), repeatable=True),
    Setting("optimizer", parse.text, "Optimizer: a name of `bsx list optimizers`, "
            "module:attribute or file.py:attribute.", _INGREDIENTS, "sgd", "NAME"),
    Setting("optimizer_args", parse.arguments, "Argument of the optimizer, e.g. nesterov=true.",
            _INGREDIENTS, metavar="KEY=VALUE", flags=("--optimizer-arg",), repeatable=True),
    Setting("momentum", parse.fraction, "Momentum.  (default: 0.9 for sgd)", _INGREDIENTS,
            metavar="FLOAT"),
    Setting("weight_decay", parse.not_negative, "Weight decay.", _INGREDIENTS, metavar="FLOAT"),

    Setting("loss", parse.text, "Loss: cross-entropy, binary, mse, l1 or huber.  (default: the "
            "task's own)", _TRAINING, metavar="NAME"),
    Setting("label_smoothing", parse.fraction, "Label smoothing of the cross-entropy.", _TRAINING,
            0.0, "FLOAT"),
    Setting("metric", parse.text, "Metric that quality is judged by, and after commas others to "
            "measure, such as top-3 or auroc (those of each task: docs/reference.md, Metrics). "
            "With --command NAME:max or NAME:min says which way is better.  (default: the task's "
            "own)", _TRAINING, metavar="NAME"),
    Setting("schedule", parse.one_of("constant", "step", "exponential", "cosine", "linear",
            "one-cycle"), "Learning-rate schedule over the run's iterations: constant, step, "
            "exponential, cosine, linear or one-cycle.", _TRAINING, "constant", "NAME"),
    Setting("warmup", parse.fraction, "Share of the iterations over which the rate rises.",
            _TRAINING, 0.0, "FLOAT"),
    Setting("decay", parse.one_of("rate", "batch-size"), "What the schedule changes: the rate, or "
            "batch-size: where the rate would be divided the batch is multiplied.", _TRAINING,
            "rate", "NAME"),
    Setting("grow_to", parse.count, "The most that batches grow to with --decay batch-size; then "
            "the rate decays.  (default: a tenth of the training set)", _TRAINING, metavar="INT"),
    Setting("clip_norm", parse.or_none(parse.positive), "Bound on the norm of the gradient, or "
            "none.", _TRAINING, metavar="FLOAT"),
    Setting("l1", parse.not_negative, "L1 penalty.", _TRAINING, 0.0, "FLOAT"),
    Setting("l2", parse.not_negative, "L2 penalty added to the gradient, whatever the optimizer "
            "makes of --weight-decay.", _TRAINING, 0.0, "FLOAT"),
    Setting("micro_batch_size", parse.or_none(parse.count), "Split each batch into passes of this "
            "many samples and accumulate their gradients; none: the whole batch in one pass.",
            _TRAINING, metavar="INT"),
    Setting("precision", parse.one_of("float32", "bfloat16"), "float32, or bfloat16 by autocast.",
            _TRAINING, "float32", "NAME"),
    Setting("momentum_rule", parse.one_of("fixed", "half-life"), "fixed, or half-life: momentum "
            "and betas forget after as many samples as at --base-batch-size.", _TRAINING, "fixed",
            "RULE"),
    Setting("weight_decay_rule", parse.one_of("fixed", "linear", "sqrt"), "How weight decay "
            "follows the batch size from --base-batch-size on.", _TRAINING, "fixed", "RULE"),
    Setting("init", parse.one_of("default", "xavier", "he", "orthogonal", "zeros-last"),
            "Initial weights: default, xavier, he, orthogonal or zeros-last.", _TRAINING,
            "default", "NAME"),
    Setting("init_from", parse.text, "Start every run from the weights in this file (safetensors "
            "or a torch state dict).", _TRAINING, metavar="FILE"),
    Setting("without_head", parse.switch, "Leave the last layer of --init-from as it is drawn.",
            _TRAINING, False, switch=True),
    Setting("freeze", parse.texts, "Do not train parameters of this name pattern; repeat for "
            "more.", _TRAINING, metavar="PATTERN", repeatable=True),

    Setting("command", parse.text, "Train with your own program: its command line, with "
            "{batch_size} and, where it takes them, {lr}, {seed} and {steps} or {epochs}, and "
            "{checkpoint}, a folder to go on from. It prints its metrics as JSON lines.", _PROGRAM,
            metavar="COMMAND"),
    Setting("train_samples", parse.count, "How many samples the program trains on.", _PROGRAM,
            metavar="INT"),
    Setting("metrics_from", parse.text, "Where the program reports: stdout, csv:FILE or "
            "tensorboard:FOLDER.", _PROGRAM, "stdout", "WHERE"),
    Setting("source", parse.paths, "A file that decides what the program does, beside the .py "
            "files in the command: when it changes, runs are trained anew; repeat for more.",
            _PROGRAM, metavar="FILE", repeatable=True),
    Setting("timeout", parse.duration, "End a run of the program after this time, e.g. 90s, 10m.",
            _PROGRAM, metavar="TIME"),

    Setting("batch_sizes", parse.batch_sizes, "Batch sizes: 32, 8,32,128, 2..1024 (powers of two) "
            "or 8..64:8 (multiples).  (default: 2.. as large as the training set allows)", _SIZES,
            metavar="SIZES", flags=("--batch-sizes", "--batch-size")),
    Setting("full_batch", parse.switch, "Also train on the whole training set at once.", _SIZES,
            False, switch=True),
    Setting("learning_rate", parse.learning_rate, "tuned (at each batch size, over a grid that "
            "widens itself), one rate, or a grid 0.01,0.03,0.1.", _SIZES, "tuned", "RATE",
            flags=("--learning-rate", "--lr")),
    Setting("learning_rate_rule", parse.one_of("tuned", "none", "linear", "sqrt",
            "saturating"), "How the rate follows the batch size: tuned at each, or none, linear, "
            "sqrt or saturating from the rate at --base-batch-size.  (default: tuned; none for one "
            "rate)", _SIZES, metavar="RULE", flags=("--learning-rate-rule", "--lr-rule")),
    Setting("base_batch_size", parse.count, "The batch size that a rule starts from; where rates "
            "are tuned, from which the linear and the square-root rule are audited.  (default for "
            "the audit: the smallest)", _SIZES, metavar="INT"),
    Setting("saturation", parse.positive, "The batch size at which a saturating rate has come to "
            "half of its limit.", _SIZES, metavar="FLOAT"),
    Setting("scout", parse.switch, "Try each learning rate with one seed first, and with the "
            "others only next to the best: two to three times less to train, less known of "
            "the rates that lose.", _SIZES, False, switch=True),
    Setting("halving", parse.switch, "Stop rates that are clearly behind after a quarter and after "
            "half of the iterations, as the seeds, paired, show: less to train, and less known of "
            "where the rates that lose would end.", _SIZES, False, switch=True),
    Setting("tune", parse.texts, "Tune more than the learning rate at each batch size, by "
            "quasi-random trials: learning-rate,momentum,weight-decay or two of them. One seed "
            "tries each trial, the others the best few.", _SIZES, metavar="NAMES"),
    Setting("trials", parse.count, "How many trials --tune begins with at each batch size, the "
            "same at each.", _SIZES, 32, "INT"),
    Setting("search", parse.ranges, "Where --tune searches, e.g. learning-rate=0.001..1 or "
            "momentum=0.8..0.99; repeat for more. With momentum it is effective-learning-rate, "
            "the rate over 1 - momentum.  (default: by the optimizer)", _SIZES,
            metavar="NAME=LOW..HIGH", repeatable=True),
    Setting("vary", parse.variations, "Run once for each value of one more thing and compare "
            "them, e.g. model.norm=none,batch or optimizer=sgd,adam; repeat for every "
            "combination. A list in brackets is one value: model.hidden=[64],[256,128].", _SIZES,
            metavar="KEY=A,B", repeatable=True),
    Setting("seeds", parse.count, "Seeds, the same at every batch size.", _SIZES, 5, "INT"),

    Setting("method", parse.one_of("from-start", "branched"), "from-start trains every batch size "
            "from the first iteration on; branched trains at --base-batch-size alone, lets larger "
            "ones go on from several points of that run, and says how large a batch may be there.",
            _BRANCHES, "from-start", "NAME"),
    Setting("branch_points", parse.count, "With --method branched: from how many points of the run "
            "branches go on, each half as far as the next.", _BRANCHES, 5, "INT"),
    Setting("branch_samples", parse.count, "With --method branched: about how many samples a "
            "branch sees.  (default: as many as the training set has)", _BRANCHES, metavar="INT"),

    Setting("epochs", parse.positive, "Train for this many epochs.  (default: "
            f"{DEFAULT_EPOCHS:g}, with --min-steps {DEFAULT_MIN_STEPS})", _BUDGET, metavar="FLOAT"),
    Setting("steps", parse.count, "Train for this many iterations.", _BUDGET, metavar="INT"),
    Setting("samples_seen", parse.count, "Train until this many samples were seen.", _BUDGET,
            metavar="INT"),
    Setting("min_steps", parse.count, "A floor in iterations under the limits above.", _BUDGET,
            metavar="INT"),
    Setting("evaluation_spacing", parse.positive, "Evaluate whenever the iterations have grown by "
            "this factor. Nearer to 1 the target is met more exactly, and evaluation takes "
            "longer.",
            _BUDGET, 1.05, "FACTOR"),
    Setting("evaluation_samples", parse.count, "Evaluate along a run on at most this many "
            "validation samples, the same each time. With more a target is met less by chance, and "
            "evaluation takes longer; the end of a run is always judged by all.  (default: 1,000, "
            "or fewer where each asks for many predictions)",
            _BUDGET, metavar="INT"),
    Setting("within", parse.duration, "Time for the whole sweep, e.g. 90s, 10m, 1h30m: the most "
            "valuable parts come first.", _BUDGET, metavar="TIME"),

    Setting("validation_fraction", parse.proper_fraction, "Share of the data for validation.",
            _SPLIT, 0.1, "FLOAT"),
    Setting("test_fraction", parse.proper_fraction, "Share of the data for the test set.", _SPLIT,
            0.1, "FLOAT"),
    Setting("subset", parse.count, "Take this many of all samples, drawn stratified, and "
            "divide those.", _SPLIT,
            metavar="INT"),
    Setting("order", parse.one_of("shuffled", "sequential", "by-class"), "Order of the samples in "
            "an epoch: shuffled, sequential or by-class.", _SPLIT, "shuffled", "NAME"),
    Setting("class_skew", parse.share, "How far a batch is of one class, from 0 to 1.", _SPLIT,
            0.0, "FLOAT"),
    Setting("augment", parse.texts, "Vary images on the way: flip, crop, noise; repeat for more.",
            _SPLIT, metavar="NAME", repeatable=True),
    Setting("split_seed", parse.index, "Seed of the division.", _SPLIT, 0, "INT"),
    Setting("drop_last", parse.switch, "Drop the last, smaller batch of an epoch.", _SPLIT, False,
            switch=True),

    Setting("noise_scale", parse.switch, "Measure the gradient noise scale along one run of each "
            "batch size, which is trained again for it.", _MEASURED, False, switch=True),
    Setting("gradients", parse.switch, "Compare gradients of every batch size with the full one, "
            "at the start, the middle and the end of one run, trained again for it.", _MEASURED,
            False, switch=True),
    Setting("sharpness", parse.switch, "Measure how sharp the minimum is where each run with the "
            "rate best at the end arrives: a box maximum, and the largest eigenvalue of the "
            "Hessian.", _MEASURED, False, switch=True),

    Setting("target", parse.targets, "Metric to reach on validation, e.g. accuracy=0.97, or a "
            "ladder accuracy=0.97,0.90..0.96:0.01; repeat for more. The first is the one that is "
            "recommended by.  (default: chosen from the results)", _READING,
            metavar="METRIC=VALUE", repeatable=True),
    Setting("confirm", parse.count, "Count a target as reached where it holds for so many "
            "evaluations in a row, at the iteration of the first of them.", _READING, 1, "INT"),
    Setting("reference_batch_size", parse.count, "The size from which the critical batch size of "
            "20 % overhead counts; Zhang et al. (2024) take 256.  (default: the smallest that "
            "reached the target)", _READING, metavar="INT"),
    Setting("tolerance", parse.tolerance, "How much worse on validation a batch size may be "
            "and still be recommended; ten times that share of a metric without bounds.",
            _READING, 0.005, "FLOAT"),
    Setting("objective", parse.one_of(*AIMS), "What the recommended size takes least of, among "
            "those that end well enough: time, steps or samples to the target, cost (time at "
            "--price-per-hour) or memory; or quality: the best on validation, the fastest of "
            "those not shown to be worse.  (default: time; steps for a file without seconds)",
            _READING, metavar="NAME"),
    Setting("price_per_hour", parse.positive, "What an hour of training costs, in your currency.",
            _READING, metavar="FLOAT"),

    Setting("device", parse.one_of("auto", "cpu", "cuda", "mps"), "auto, cpu, cuda or mps.",
            _WHERE, "auto", "DEVICE"),
    Setting("threads", parse.count, "CPU threads.  (default: all)", _WHERE, metavar="INT"),
    Setting("workers", parse.count, "Groups of runs that train side by side, each in a process of "
            "its own with its share of the threads.  (default: one a thread on the CPU)", _WHERE,
            metavar="INT"),
    Setting("max_memory", parse.memory, "What runs that train side by side may take of memory in "
            "all, e.g. 2GiB, 500MB: lanes are divided into groups that are foretold to fit.  "
            "(default: 1GiB; less where a quarter of the memory is less)", _WHERE, metavar="SIZE"),
    Setting("speed_loop", parse.one_of("device", "dataloader"), "The loop that is timed: data "
            "indexed on the device, or a DataLoader.", _WHERE, "device", "LOOP"),
    Setting("stream", parse.one_of("auto", "always", "never"), "Fetch inputs as they are needed: "
            "auto, where they would take more than a quarter of the free memory, always or never.",
            _WHERE, "auto", "WHEN"),
    Setting("engine", parse.one_of("auto", "loop", "channels-last", "lanes"), "How runs are "
            "computed: one after another (loop, channels-last) or side by side (lanes); auto takes "
            "what is measured to be quickest.", _WHERE, "auto", "NAME"),
    Setting("devices", parse.count, "Train each run on this many devices of one machine at once, "
            "each with its share of every batch; on the CPU that many processes.", _WHERE, 1,
            "INT"),
    Setting("executor", parse.one_of("workers", "inline", "ray", "slurm"), "Where units run: a "
            "process each (workers), in this one (inline), on a Ray cluster (ray), or as jobs of "
            "Slurm (slurm). On a cluster --threads are those of each unit.", _WHERE, "workers",
            "NAME"),
    Setting("ray_address", parse.text, "The Ray cluster, auto or HOST:6379.  (default: "
            "RAY_ADDRESS, or one of this machine alone)", _WHERE, metavar="ADDRESS"),
    Setting("slurm_partition", parse.text, "Partition that the jobs go to.", _WHERE,
            metavar="NAME"),
    Setting("slurm_time", parse.duration, "Time of one job, e.g. 30m, 4h: one that needs longer "
            "goes on from its checkpoint.  (default: 1h)", _WHERE, metavar="TIME"),
    Setting("slurm_gpus", parse.count, "GPUs of one job.  (default: --devices with --device cuda, "
            "else none)", _WHERE, metavar="INT"),
    Setting("slurm_args", parse.arguments, "Another option of sbatch, e.g. account=mine or "
            "constraint=a100; repeat for more.", _WHERE, metavar="KEY=VALUE",
            flags=("--slurm-arg",), repeatable=True),
    Setting("slurm_folder", parse.text, "Folder that the jobs share with this program.  (default: "
            "slurm in the store's)", _WHERE, metavar="DIR"),
    Setting("slurm_cluster", parse.one_of("slurm", "local"), "slurm, or local: jobs on this "
            "machine, to try it out.", _WHERE, "slurm", "NAME"),
    Setting("hang_timeout", parse.or_none(parse.duration), "End a process that has shown no sign "
            "of life for this time, and try once more: 90s, 10m, or none to wait for ever.",
            _WHERE, "30m", "TIME"),
    Setting("allow_accumulation", parse.switch, "Where memory holds no whole batch, train it in "
            "smaller passes whose gradients are accumulated.", _WHERE, False, switch=True),
    Setting("keep_states", parse.or_none(parse.memory), "Keep where runs with a constant rate end, "
            "so that the same with more --epochs or --steps trains only what is new: so much disk "
            "at most, e.g. 500MB, or none. The oldest give way.", _WHERE, "1GB", "SIZE"),
    Setting("store", parse.text, "Folder of the stored sweeps.", _WHERE, "bsx-runs", "DIR"),
    Setting("fresh", parse.switch, "Train again what is stored.", _WHERE, False, switch=True),
    Setting("name", parse.text, "A name for the sweep.", _WHERE),
    Setting("log", parse.logs, "Log runs as they are stored: tensorboard:DIR, or mlflow:DIR or "
            "mlflow:URI of a server; repeat for more.", _WHERE, metavar="WHERE", repeatable=True),

    Setting("format", parse.one_of("table", "json", "jsonl", "csv", "markdown"),
            "table, json, jsonl, csv or markdown.", _OUTPUT, "table", "FORMAT"),
    Setting("get", parse.text, "Print one value, e.g. recommendation.batch-size.", _OUTPUT,
            metavar="PATH"),
    Setting("plot", parse.switch, "Draw iterations to the target and throughput below the tables.",
            _OUTPUT, False, switch=True),
    Setting("quiet", parse.switch, "No progress and no cautions on stderr.", _OUTPUT, False,
            switch=True),
    Setting("dry_run", parse.switch, "Say what would be trained and how long it would take; train "
            "nothing.", _OUTPUT, False, switch=True),
)  # fmt: skip
