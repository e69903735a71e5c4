"""nn.MultiheadAttention: its projections are linear uses, and what lies between them has no parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from privet.core.errors import InvalidParameter
from privet.training.per_example.recorded import Recorded
from privet.training.per_example.uses import Use, UsesRule, tapped_linear


class RecordedAttention(Recorded, nn.MultiheadAttention):  # type: ignore[misc]
    """An nn.MultiheadAttention while its passes are recorded."""

    def recorded_forward(
        self,
        uses: list[Use],
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Any, int]:
        if query.dim() != 3:
            raise InvalidParameter("attention was given one sequence without a batch; give it a batch of sequences")
        if is_causal and attn_mask is None:
            raise InvalidParameter("is_causal is a hint about attn_mask; give attn_mask too")
        q, k, v = (self._heads(part) for part in self._projected(uses, query, key, value))
        if self.add_zero_attn:
            k, v = (F.pad(part, (0, 0, 0, 1)) for part in (k, v))
        mask = self._mask(attn_mask, key_padding_mask, q, k)
        rate = self.dropout if self.training else 0.0
        weights = None
        if need_weights:
            scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(-2, -1)
            weights = F.dropout((scores if mask is None else scores + mask).softmax(-1), rate)
            seen = weights @ v
            weights = weights.mean(1) if average_attn_weights else weights
        else:
            seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=rate)
        joined = seen.transpose(1, 2).flatten(2)
        out = self._linear(uses, Use("out_proj.weight", "out_proj.bias", joined.detach()), joined)
        return (out if self.batch_first else out.transpose(0, 1), weights), len(joined)

    def _projected(self, uses: list[Use], query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        """Queries, keys and values. Shapes: (B, T, E) each."""
        width = self.embed_dim
        if self._qkv_same_embed_dim and query is key and key is value:
            x = query if self.batch_first else query.transpose(0, 1)
            use = Use("in_proj_weight", "in_proj_bias", x.detach())
            return list(self._linear(uses, use, x).split(width, 2))
        made = []
        for number, (part, name) in enumerate(((query, "q"), (key, "k"), (value, "v"))):
            rows = slice(number * width, (number + 1) * width)
            x = part if self.batch_first else part.transpose(0, 1)
            if self._qkv_same_embed_dim:
                use = Use("in_proj_weight", "in_proj_bias", x.detach(), rows=rows, bias_rows=rows)
            else:
                use = Use(f"{name}_proj_weight", "in_proj_bias", x.detach(), bias_rows=rows)
            made.append(self._linear(uses, use, x))
        return made

    def _linear(self, uses: list[Use], use: Use, x: Tensor) -> Tensor:
        weight = self.get_parameter(use.weight)
        weight = weight if use.rows is None else weight[use.rows]
        bias = None
        if (self.out_proj.bias if use.bias == "out_proj.bias" else self.in_proj_bias) is None:
            use.bias = None
        else:
            bias = self.get_parameter(str(use.bias))
            bias = bias if use.bias_rows is None else bias[use.bias_rows]
        uses.append(use)
        return tapped_linear(use, x, weight, bias)

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.num_heads, self.head_dim)).transpose(1, 2)

    def _mask(self, own: Tensor | None, padding: Tensor | None, q: Tensor, k: Tensor) -> Tensor | None:
        """Both masks as numbers to add to scores. Shapes: to (B, heads, T, S) or what spreads to it."""
        found: Tensor | None = None
        if own is not None:
            found = _added(own, q)
            found = found.unflatten(0, (len(q), self.num_heads)) if found.dim() == 3 else found
        if padding is not None:
            ignored = _added(padding, q)[:, None, None, :]
            found = ignored if found is None else found + ignored
        if found is not None and found.shape[-1] < k.shape[2]:
            found = F.pad(found, (0, k.shape[2] - found.shape[-1]))
        return found


def _added(mask: Tensor, like: Tensor) -> Tensor:
    """A mask that forbids where it is true, as minus infinity there."""
    if mask.dtype != torch.bool:
        return mask.to(like.dtype)
    return torch.zeros_like(mask, dtype=like.dtype).masked_fill_(mask, -math.inf)


class Attention(UsesRule):
    types = (nn.MultiheadAttention,)
    recorded: ClassVar[Mapping[type[nn.Module], type]] = {nn.MultiheadAttention: RecordedAttention}
    below = True

    def handles(self, module: Any) -> bool:
        """Learned extra keys and values are left to differentiation."""
        return module.bias_k is None


RULE = Attention()
