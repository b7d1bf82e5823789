"""What the mini model must be able to do, and not do, before it is shipped.

- It answers the questions that its plain text asks, in every language, on pairs that its text never held.
- Untuned, it is at chance on the task's instruction format: what a study measures is what fine-tuning added.
- How well sentences find their translations among its hidden states is reported, not required.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from text import answer_word, passage

from mslt_it.world.generator import split_pairs, state
from mslt_it.world.inference import LABELS
from mslt_it.world.languages import CODES, grammar

MIN_QUESTION_ACCURACY = 0.85


@dataclass(frozen=True)
class GateResult:
    """Accuracies as shares of 1."""

    questions: dict[str, float]  # per language
    retrieval: float  # share of sentences whose nearest neighbour in the other language is their translation
    retrieval_layer: int
    num_questions: int
    num_sentences: int

    def failures(self) -> list[str]:
        """Languages below the bar."""
        return [f"{code}: {share:.2f}" for code, share in self.questions.items() if share < MIN_QUESTION_ACCURACY]


def check(model: Any, tokenizer: Any, num_questions: int = 300, num_sentences: int = 300) -> GateResult:
    """Measures a model on pairs of the test split."""
    model.eval()
    with torch.inference_mode():
        questions = {code: question_accuracy(model, tokenizer, code, num_questions) for code in CODES}
        retrieval, layer = best_retrieval(model, tokenizer, num_sentences)
    return GateResult(questions, retrieval, layer, num_questions, num_sentences)


def question_accuracy(model: Any, tokenizer: Any, code: str, num: int) -> float:
    """Share of passages whose right answer word is the likeliest of the three."""
    language = grammar(code)
    answers = [tokenizer(answer_word(language, x), add_special_tokens=False)["input_ids"] for x in LABELS]
    right = 0
    pairs = split_pairs("test")[:num]
    texts = [passage(language, language, [pair]).parts[0] for pair in pairs]
    ids = [[tokenizer.bos_token_id, *row] for row in tokenizer(texts, add_special_tokens=False)["input_ids"]]
    scores = np.stack([_log_likelihood(model, ids, answer) for answer in answers], axis=1)
    for row, pair in zip(scores, pairs, strict=True):
        right += LABELS[int(row.argmax())] == pair.label
    return right / num


def _log_likelihood(model: Any, prompts: list[list[int]], answer: list[int]) -> np.ndarray:
    """(prompts,) log p(answer | prompt) in nats."""
    rows = [[*prompt, *answer] for prompt in prompts]
    width = max(map(len, rows))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows], device=model.device)
    ends = torch.tensor([[len(row)] for row in rows], device=model.device)
    places = ends + torch.arange(-len(answer), 0, device=model.device)  # (prompts, answer tokens)
    hidden = model.model(input_ids=ids).last_hidden_state
    logits = model.lm_head(hidden[torch.arange(len(rows), device=model.device)[:, None], places - 1]).float()
    found = torch.log_softmax(logits, dim=-1).gather(-1, ids.gather(1, places)[..., None])
    return found.sum((1, 2)).cpu().numpy()


def best_retrieval(model: Any, tokenizer: Any, num: int, codes: tuple[str, ...] = CODES) -> tuple[float, int]:
    """Mean over ordered language pairs of top-1 retrieval by cosine of mean hidden states, at the best layer."""
    clauses = list(dict.fromkeys(pair.premise for pair in split_pairs("test")))[:num]
    states = []
    for code in codes:
        texts = [state(grammar(code), clause) for clause in clauses]
        batch = tokenizer(texts, add_special_tokens=False, padding=True, padding_side="right", return_tensors="pt")
        batch = batch.to(model.device)
        output = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], output_hidden_states=True)
        mask = batch["attention_mask"][..., None]
        states.append(torch.stack([(h.float() * mask).sum(1) / mask.sum(1) for h in output.hidden_states]))
    stacked = torch.stack(states)  # (languages, layers, sentences, width)
    centred = stacked - stacked.mean(dim=2, keepdim=True)  # a language's own direction says nothing about meaning
    unit = torch.nn.functional.normalize(centred, dim=-1)
    shares = []
    own = torch.arange(len(clauses), device=model.device)
    for layer in range(unit.shape[1]):
        hits = [
            (unit[a, layer] @ unit[b, layer].T).argmax(dim=1).eq(own).float().mean()
            for a in range(len(codes))
            for b in range(len(codes))
            if a != b
        ]
        shares.append(torch.stack(hits).mean())
    best = int(torch.stack(shares).argmax())
    return float(shares[best]), best
