#!/usr/bin/env bash
# Find how to accumulate gradients: a global batch size, some devices, and what fits on one of them.
set -euo pipefail

batch_size=1024
devices=4
fits=64 # samples in one forward pass on one device

steps=$(bsx calc --samples 1281167 --batch-size "$batch_size" --world-size "$devices" \
    --micro-batch-size "$fits" --get accumulation)
echo "accumulate $steps micro-batches of $fits on each of $devices devices"

# Exit codes tell what is wrong: 2 is a question that makes no sense.
if bsx calc --samples 100 --batch-size 200 --epochs 1 2>/dev/null; then
    echo "this is not reached"
else
    echo "a batch larger than the data: exit code $?"
fi
