"""Hugging Face's Trainer trains privately: each text's own gradient, clipped, over the expected batch size."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers", reason='transformers is not installed; pip install "privet[hf]"')
peft = pytest.importorskip("peft", reason='peft is not installed; pip install "privet[hf]"')

from privet.core.errors import BudgetRefused, InvalidParameter  # noqa: E402
from privet.core.neighbours import PrivacyUnit, Relation  # noqa: E402
from privet.ledger import Ledger  # noqa: E402
from privet.training import PrivacyEngine  # noqa: E402
from privet.training.adapters.hugging_face import PrivateTrainer  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*fan_in_fan_out.*:UserWarning")
CLIP = 0.05


def bert(**options: Any) -> torch.nn.Module:
    torch.manual_seed(1)
    sizes = {"vocab_size": 30, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = transformers.BertConfig(
        **sizes,
        intermediate_size=32,
        max_position_embeddings=16,
        num_labels=2,
        initializer_range=0.2,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        **options,
    )
    return transformers.BertForSequenceClassification(config)


def gpt2(**options: Any) -> torch.nn.Module:
    """Its output layer is its embedding, as by default."""
    torch.manual_seed(2)
    config = transformers.GPT2Config(
        vocab_size=30, n_positions=16, n_embd=16, n_layer=2, n_head=2, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
        bos_token_id=0, eos_token_id=0, **options,
    )  # fmt: skip
    return transformers.GPT2LMHeadModel(config)


def classified(count: int = 8) -> list[dict[str, Any]]:
    torch.manual_seed(3)
    made = []
    for i in range(count):
        tokens = torch.randint(1, 30, (10,))
        tokens[1:4] = torch.randint(1, 10, (3,)) + 10 * (i % 2)
        mask = (torch.arange(10) < 6 + i % 5).long()
        made.append({"input_ids": tokens, "attention_mask": mask, "labels": i % 2})
    return made


def texts(count: int = 8) -> list[dict[str, Any]]:
    """Of very different lengths, so that a mean over the tokens of a batch is far from one over texts."""
    torch.manual_seed(4)
    made = []
    for i in range(count):
        tokens = torch.randint(1, 30, (12,))
        length = 2 + (5 * i) % 11
        labels = tokens.clone()
        labels[length:] = -100
        made.append({"input_ids": tokens, "attention_mask": (torch.arange(12) < length).long(), "labels": labels})
    return made


def arguments(folder, **options: Any) -> transformers.TrainingArguments:
    given = {
        "per_device_train_batch_size": 3,
        "gradient_accumulation_steps": 3,
        "num_train_epochs": 1,
        "learning_rate": 1.0,
        "lr_scheduler_type": "constant",
        "optim": "sgd",
        "report_to": [],
        "save_strategy": "no",
        "use_cpu": True,
        "disable_tqdm": True,
        **options,
    }
    return transformers.TrainingArguments(output_dir=str(folder), **given)


def trainer(model: torch.nn.Module, dataset: Any, folder, *, privacy: Any = None, **options: Any) -> PrivateTrainer:
    wanted = {"noise_multiplier": 1e-4, "max_grad_norm": CLIP} if privacy is None else privacy
    held = classified(6) if "eval_strategy" in options else None
    return PrivateTrainer(model, arguments(folder, **options), train_dataset=dataset, eval_dataset=held, privacy=wanted)


def alone(model: torch.nn.Module, dataset: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Clipped sum of every text's gradient by the plain model, one at a time."""
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    sums = {name: torch.zeros_like(parameter) for name, parameter in trained.items()}
    for example in dataset:
        model.zero_grad()
        model(**{name: torch.as_tensor(value)[None] for name, value in example.items()}).loss.backward()
        size = float(torch.stack([p.grad.norm() for p in trained.values() if p.grad is not None]).norm())
        for name, parameter in trained.items():
            if parameter.grad is not None:
                sums[name] += parameter.grad * min(1.0, CLIP / size)
    return sums


def lora(model: torch.nn.Module, target: list[str], kind: str) -> torch.nn.Module:
    config = peft.LoraConfig(task_type=kind, r=4, lora_alpha=8, lora_dropout=0.0, target_modules=target)
    torch.manual_seed(5)
    made = peft.get_peft_model(model, config)
    for name, parameter in made.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return made


MODELS = {
    "BERT": (bert, classified),
    "BERT with its base frozen": (lambda: frozen(bert()), classified),
    "BERT with LoRA": (lambda: lora(bert(), ["query", "value"], "SEQ_CLS"), classified),
    "GPT-2 with tied weights": (gpt2, texts),
    "GPT-2 with LoRA": (lambda: lora(gpt2(), ["c_attn"], "CAUSAL_LM"), texts),
}


def frozen(model: torch.nn.Module) -> torch.nn.Module:
    for parameter in model.bert.parameters():
        parameter.requires_grad_(False)
    return model


@pytest.mark.parametrize("name", MODELS)
def test_a_step_is_the_clipped_sum_of_single_texts_gradients(name: str, tmp_path) -> None:
    """All eight are in the one step of an expected eight; three go through the model at once."""
    make, data = MODELS[name]
    model, dataset = make(), data()
    plain = copy.deepcopy(model)
    wanted = alone(plain.train(), dataset)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    made = trainer(model, dataset, tmp_path, per_device_train_batch_size=4, gradient_accumulation_steps=2)
    made.train()
    assert made.engine.steps == 1
    moved = 0.0
    for parameter_name, parameter in model.named_parameters():
        step = before[parameter_name] - parameter.detach()
        if not parameter.requires_grad:
            assert not step.any()
            continue
        torch.testing.assert_close(step, wanted[parameter_name] / 8, rtol=1e-3, atol=1e-5)
        moved += float(step.square().sum())
    assert 0 < math.sqrt(moved) <= CLIP * 1.01


@pytest.mark.parametrize("name", ["BERT", "GPT-2 with tied weights"])
def test_one_text_moves_a_step_by_the_clip_norm_at_most(name: str, tmp_path) -> None:
    """Under a public number of eight texts the step divides by eight, whether the last of them is there or not."""
    make, data = MODELS[name]
    privacy = {"noise_multiplier": 1e-4, "max_grad_norm": CLIP, "expected_units": 8}
    weights = []
    for count in (8, 7):
        model = make()
        trainer(model, data()[:count], tmp_path, privacy=privacy, per_device_train_batch_size=4,
                gradient_accumulation_steps=2, max_steps=1).train()  # fmt: skip
        weights.append(torch.cat([parameter.detach().flatten() for parameter in model.parameters()]))
    moved = float((weights[0] - weights[1]).norm())
    assert 0.5 * CLIP / 8 < moved <= 1.02 * CLIP / 8


def test_training_losses_and_norms_are_not_told(tmp_path) -> None:
    made = trainer(bert(), classified(40), tmp_path, num_train_epochs=2, logging_steps=1, eval_strategy="epoch")
    done = made.train()
    assert math.isnan(done.training_loss)
    told = [set(entry) for entry in made.state.log_history]
    assert told
    assert any("eval_loss" in entry for entry in told), "evaluation is on public data"
    for entry in told:
        assert not entry & {"loss", "train_loss", "grad_norm", "total_flos"}
    assert made.state.global_step == made.engine.steps == 10


def test_a_model_learns_within_its_budget(tmp_path) -> None:
    privacy = {"target_epsilon": 40.0, "target_delta": 1e-5, "max_grad_norm": 1.0}
    options = {"optim": "adamw_torch", "learning_rate": 2e-2, "num_train_epochs": 5, "per_device_train_batch_size": 60}
    model = lora(bert(), ["query", "value"], "SEQ_CLS")
    made = trainer(model, classified(600), tmp_path, privacy=privacy, gradient_accumulation_steps=1, **options)
    made.train()
    assert 39 < made.engine.get_epsilon(1e-5) <= 40
    held = classified(200)
    with torch.no_grad():
        logits = model.eval()(
            input_ids=torch.stack([e["input_ids"] for e in held]),
            attention_mask=torch.stack([e["attention_mask"] for e in held]),
        ).logits
    assert (logits.argmax(1) == torch.tensor([e["labels"] for e in held])).float().mean() > 0.7
    released = made.release()
    assert released.receipt.epsilon <= 40
    assert set(released.value) == set(model.state_dict())


def book(folder, epsilon: float) -> str:
    url = f"sqlite:///{folder}/book.db"
    with Ledger.open(url) as ledger:
        terms = {"unit": PrivacyUnit("person"), "relation": Relation.ZERO_OUT, "delta": "1e-5"}
        ledger.create_account("people", epsilon=epsilon, **terms)
    return url


def test_what_an_account_cannot_pay_for_is_refused_before_training(tmp_path) -> None:
    with Ledger.open(book(tmp_path, 0.5)) as ledger:
        account = ledger.account("people")
        privacy = {"target_epsilon": 1.0, "target_delta": 1e-6, "max_grad_norm": 1.0, "account": account}
        model = bert()
        before = copy.deepcopy(model.state_dict())
        with pytest.raises(BudgetRefused, match="does not fit"):
            trainer(model, classified(40), tmp_path, privacy=privacy).train()
        assert account.history() == []
        assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_a_checkpoint_goes_on_under_the_same_claim(tmp_path) -> None:
    with Ledger.open(book(tmp_path, 2.0)) as ledger:
        account = ledger.account("people")
        privacy = {"target_epsilon": 1.5, "target_delta": 1e-6, "max_grad_norm": 1.0, "account": account}
        options = {
            "num_train_epochs": 3,
            "save_strategy": "steps",
            "save_steps": 4,
            "optim": "adamw_torch",
            "learning_rate": 1e-2,
        }
        stopped = trainer(bert(), classified(40), tmp_path, privacy=privacy, **options)
        stopped.add_callback(_Stop(6))
        stopped.train()
        assert stopped.engine.steps == 6
    with Ledger.open(f"sqlite:///{tmp_path}/book.db") as ledger:
        account = ledger.account("people")
        privacy["account"] = account
        again = trainer(bert(), classified(40), tmp_path, privacy=privacy, **options)
        again.train(resume_from_checkpoint=str(tmp_path / "checkpoint-4"))
        # Fifteen were planned; those that the first process made after its checkpoint stay spent.
        assert again.engine.steps == 15
        released = again.release()
        (claim,) = account.history()
        assert released.receipt.claim == claim.id
        assert account.spent().epsilon <= 2.0


class _Stop(transformers.TrainerCallback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args, state, control, **further) -> None:
        control.should_training_stop = control.should_training_stop or state.global_step == self.step


def test_arguments_that_a_plan_cannot_keep_are_refused(tmp_path) -> None:
    for options, words in (
        ({"label_smoothing_factor": 0.1}, "tokens of the whole batch"),
        ({"auto_find_batch_size": True}, "states the batch size"),
        ({"include_num_input_tokens_seen": "all"}, "function of the private data"),
    ):
        with pytest.raises(InvalidParameter, match=words):
            trainer(bert(), classified(), tmp_path, **options)
    with pytest.raises(InvalidParameter, match="divide by numbers of the whole batch"):
        PrivateTrainer(
            bert(), arguments(tmp_path), train_dataset=classified(), privacy={}, compute_loss_func=lambda *_: None
        )
    with pytest.raises(InvalidParameter, match="call train first"):
        trainer(bert(), classified(), tmp_path).release()
    made = trainer(bert(), classified(), tmp_path)
    made.train()
    with pytest.raises(InvalidParameter, match="make another"):
        made.train()


def test_a_loop_of_ones_own_over_a_model_with_its_own_loss(tmp_path) -> None:
    """No adapter: the module's own loss, as in Opacus' tutorials, and padding that differs between texts."""
    model, dataset = gpt2(), texts()
    wanted = alone(copy.deepcopy(model), dataset)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    private, optimizer, loader = PrivacyEngine().make_private(
        module=model.train(),
        optimizer=torch.optim.SGD(model.parameters(), lr=1.0),
        data_loader=torch.utils.data.DataLoader(dataset, batch_size=8),
        noise_multiplier=1e-4,
        max_grad_norm=CLIP,
    )
    for batch in loader:
        private(**batch).loss.backward()
        optimizer.step()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(before[name] - parameter.detach(), wanted[name] / 8, rtol=1e-3, atol=1e-5)
