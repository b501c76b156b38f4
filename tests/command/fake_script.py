"""A program that obeys S(B) = S_min (1 + B_crit/B), with the standard library alone.

It stands in for a user's script: it takes a batch size, a rate and a seed, and prints JSON lines.
"""

import argparse
import json
import math
import random
import sys
from pathlib import Path

MIN_STEPS, CRITICAL, RATE = 40.0, 64.0, 0.5


def main() -> None:
    """Print a curve that comes to accuracy 0.9 at the step that the law says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--lr", type=float, default=RATE)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--momentum", type=float, default=0.0)
    parser.add_argument("--log", default=None)
    parser.add_argument("--memory-ends-at", type=int, default=10**9)
    args = parser.parse_args()
    if args.log:
        with Path(args.log).open("a", encoding="utf-8") as log:
            log.write(f"{args.batch_size} {args.lr} {args.seed}\n")
    args.lr /= 1 - args.momentum
    if args.batch_size >= args.memory_ends_at:
        sys.exit("RuntimeError: CUDA out of memory")
    best = RATE / (1 + CRITICAL / args.batch_size)
    chance = random.Random(f"{args.seed} {args.batch_size} {args.lr}").gauss(0, 0.03)
    chance += random.Random(args.seed).gauss(0, 0.03)
    law = MIN_STEPS * (1 + CRITICAL / args.batch_size)
    reaches = law * math.exp(0.06 * math.log2(args.lr / best) ** 2 + chance)
    step = 1
    print("a line of no meaning, as programs print them")
    while True:
        error = 0.9 / (1 + 8 * step / reaches)
        loss = math.nan if args.lr > 16 * best else 2 * error
        seconds = step * (2e-4 + 1e-6 * args.batch_size)
        print(json.dumps({"step": step, "val_loss": loss, "val_accuracy": 1 - error,
                          "seconds": seconds}))  # fmt: skip
        if step == args.steps:
            break
        step = min(args.steps, max(step + 1, int(step * 1.05)))


if __name__ == "__main__":
    main()
