#!/usr/bin/env bash
# Set up a training script's iteration counts from samples, batch size and epochs.
set -euo pipefail

samples=50000
epochs=90

for size in 128 256 512; do
    total=$(bsx calc --samples "$samples" --batch-size "$size" --epochs "$epochs" --get total-iterations)
    per_epoch=$(bsx calc --samples "$samples" --batch-size "$size" --get iterations-per-epoch)
    warm_up=$((5 * per_epoch)) # five epochs
    echo "batch size $size: $total iterations, the first $warm_up to warm up"
done
