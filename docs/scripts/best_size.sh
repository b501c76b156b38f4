#!/usr/bin/env bash
# Let a sweep choose batch size and learning rate, and hand both to a training script.
set -euo pipefail

# A short sweep; leave the options of the second line out for a real one.
size=$(bsx sweep --dataset iris --model logistic --name flowers --target accuracy=0.8 \
    --batch-sizes 8,32 --learning-rate 0.1,0.3 --seeds 2 --epochs 5 --tolerance 0.2 \
    --quiet --get recommendation.batch-size)

# What is stored is read again without training.
rate=$(bsx show flowers --quiet --get recommendation.learning-rate)
echo "python train.py --batch-size $size --lr $rate"

# Every batch size with its throughput: a list has one item a line.
paste <(bsx show flowers --quiet --get batch_sizes.batch_size) \
    <(bsx show flowers --quiet --get batch_sizes.speed.samples_per_second.value) |
    while read -r batch_size per_second; do
        echo "batch size $batch_size: ${per_second%.*} samples per second"
    done

# A value that is not known prints nothing and exits 1.
if ! noise=$(bsx show flowers --quiet --get batch_sizes.8.noise_scale.value 2>/dev/null); then
    noise=unknown
fi
echo "noise scale: $noise"
