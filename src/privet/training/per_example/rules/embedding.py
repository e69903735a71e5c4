"""Embeddings: an example's gradient has one row for each different token in it; equal tokens add up."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from privet.training.per_example.gram import added_again
from privet.training.per_example.rule import Grads, Rule, lengths, middle, row_squares

# Of so many in an example, products of every two are no burden.
_FEW_TOKENS = 1024


class Embedding(Rule):
    types = (nn.Embedding,)
    reads = False

    def refusal(self, module: Any) -> str | None:
        if module.scale_grad_by_freq:
            return "scale_grad_by_freq divides by how often a token occurs in the whole batch; set it to False"
        if module.max_norm is not None:
            return "max_norm rewrites rows by which tokens the batch holds; set it to None"
        if module.sparse:
            return "sparse gradients show which tokens the batch holds; set sparse=False"
        return None

    def direct(self, module: Any, x: Tensor, g: Tensor) -> bool:
        return False  # an example's gradient has a row for every token there is

    def per_example(self, module: Any, x: Tensor, g: Tensor) -> Grads:
        keys, rows = self._rows(module, x, g)
        made = g.new_zeros(len(x) * module.num_embeddings, module.embedding_dim).index_add_(0, keys, rows)
        return {"weight": made.view(len(x), module.num_embeddings, module.embedding_dim)}

    def squared_norms(self, module: Any, x: Tensor, g: Tensor) -> Tensor:
        if x.is_cuda and x.dim() > 1 and x.shape[1:].numel() <= _FEW_TOKENS:
            return self._by_pairs(module, x, g)
        keys, rows = self._rows(module, x, g)
        found, at = torch.unique(keys, return_inverse=True)
        sums = rows.new_zeros(len(found), rows.shape[1]).index_add_(0, at, rows)
        sizes = rows.new_zeros(len(found)).index_add_(0, at, lengths(rows))
        owner = torch.div(found, module.num_embeddings, rounding_mode="floor")
        return rows.new_zeros(len(x)).index_add_(0, owner, added_again(row_squares(sums), sizes))

    @staticmethod
    def _by_pairs(module: Any, x: Tensor, g: Tensor) -> Tensor:
        """Products of the gradients of every two equal tokens: to find out which differ would make a device wait."""
        # In double precision: where gradients of equal tokens cancel, single would take the norm for too little.
        tokens, rows = x.flatten(1), middle(g).double()
        alike = tokens[:, :, None] == tokens[:, None, :]
        if module.padding_idx is not None:
            alike &= (tokens != module.padding_idx)[:, :, None]
        sizes = lengths(rows)
        most = (sizes[:, :, None] * sizes[:, None, :]).mul_(alike).sum((1, 2)).sqrt()
        # Rounding can make a sum of products negative where the norm is zero.
        found = torch.bmm(rows, rows.transpose(1, 2)).mul_(alike).sum((1, 2)).clamp_min(0)
        return added_again(found.to(g.dtype), most.to(g.dtype))

    def weighted(self, module: Any, x: Tensor, g: Tensor, factors: Tensor) -> Grads:
        keys, rows = self._rows(module, x, g)
        owner = torch.div(keys, module.num_embeddings, rounding_mode="floor")
        rows = rows * factors.to(rows.dtype)[owner][:, None]
        tokens = keys.remainder(module.num_embeddings)
        return {"weight": rows.new_zeros(module.weight.shape).index_add_(0, tokens, rows)}

    @staticmethod
    def _rows(module: Any, x: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        """A key for each token (example and token in one number) and its gradient; padding has none."""
        tokens, rows = x.flatten(1) if x.dim() > 1 else x.unsqueeze(1), middle(g)
        offsets = torch.arange(len(x), device=x.device)[:, None] * module.num_embeddings
        if module.padding_idx is not None:
            rows = rows * (tokens != module.padding_idx)[:, :, None]
        return (tokens + offsets).flatten(), rows.flatten(0, 1)


RULE = Embedding()
