"""Names that Opacus gives to layers of its own: here PyTorch's layers themselves, which are exact as they are."""

from __future__ import annotations

from torch import nn

DPLSTM = nn.LSTM
DPGRU = nn.GRU
DPMultiheadAttention = nn.MultiheadAttention


def DPRNN(  # noqa: N802 - a layer's name
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    bias: bool = True,
    batch_first: bool = False,
    dropout: float = 0,
    bidirectional: bool = False,
    proj_size: int = 0,
    nonlinearity: str = "tanh",
) -> nn.RNN:
    """An ``nn.RNN`` by the order of Opacus' arguments, which is not PyTorch's.

    >>> DPRNN(3, 4, 2, False).bias
    False
    """
    return nn.RNN(
        input_size,
        hidden_size,
        num_layers,
        nonlinearity,
        bias,
        batch_first,
        dropout,
        bidirectional,
        **({"proj_size": proj_size} if proj_size else {}),
    )
