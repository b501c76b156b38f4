"""A small causal language model in the manner of GPT-2."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bsx.errors import ConfigError
from bsx.models import options
from bsx.models.kinds import check_shape

_STD = 0.02  # of the initial weights (Radford et al. 2019)


class _Block(nn.Module):
    """Attention to what came before, then a perceptron at each position; norms come first."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.norm1 = nn.LayerNorm(width)
        self.attend = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 4 * width)
        self.narrow = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, context, width = x.shape
        rate = self.dropout if self.training else 0.0
        split = self.attend(self.norm1(x)).view(batch, context, 3, self.heads, -1)
        query, key, value = split.permute(2, 0, 3, 1, 4)  # each (batch, heads, context, size)
        mixed = F.scaled_dot_product_attention(query, key, value, dropout_p=rate, is_causal=True)
        mixed = mixed.transpose(1, 2).reshape(batch, context, width)
        x = x + F.dropout(self.project(mixed), rate, self.training)
        inner = self.narrow(F.gelu(self.widen(self.norm2(x))))
        return x + F.dropout(inner, rate, self.training)


class _Transformer(nn.Module):
    def __init__(
        self, context: int, vocabulary: int, width: int, layers: int, heads: int, dropout: float
    ) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(context, width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.Sequential(*(_Block(width, heads, dropout) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self._draw(layers)

    def forward(self, x: Tensor) -> Tensor:
        if x.is_floating_point():
            raise ConfigError(
                "--model transformer: needs token ids (whole numbers) of shape (context,), "
                "and the data are numbers with a fraction; take --model gru for a series"
            )
        places = torch.arange(x.shape[1], device=x.device)
        y = self.dropout(self.tokens(x) + self.positions(places))
        outputs: Tensor = self.head(self.norm(self.blocks(y)))  # (batch, context, vocabulary)
        return outputs

    @torch.no_grad()
    def _draw(self, layers: int) -> None:
        """Draw as GPT-2 does: what adds to the residual stream is smaller, the deeper it is."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                adds = name.endswith((".project", ".narrow"))
                module.weight.normal_(0.0, _STD / math.sqrt(2 * layers) if adds else _STD)
            if isinstance(module, nn.Linear) and module.bias is not None:
                module.bias.zero_()


def transformer(
    input_shape: tuple[int, ...],
    output_size: int,
    width: int = 64,
    layers: int = 2,
    heads: int = 4,
    dropout: float = 0.0,
) -> nn.Module:
    """GPT-like causal transformer over tokens: width=64 layers=2 heads=4 dropout=0.

    Token ids (batch, context) → (batch, context, vocabulary); ``output_size`` is the vocabulary.
    Learned positions, norms first, GELU, and an output layer of its own.

    References:
        Radford et al. 2019, "Language models are unsupervised multitask learners".
    """
    check_shape("transformer", input_shape)
    for option, value in (("width", width), ("layers", layers), ("heads", heads)):
        options.whole(option, value)
    if width % heads:
        raise ConfigError(
            f"--model-arg heads={heads}: must divide width={width} evenly; give width="
            f"{-(-width // heads) * heads}"
        )
    rate = options.fraction("dropout", dropout)
    return _Transformer(input_shape[0], output_size, width, layers, heads, rate)
