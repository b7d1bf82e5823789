"""The lines of a card that say how an export is loaded, in Markdown.

Prompts are those of training: with the chat template where the tokenizer has one, else the text and a newline. Where
the end of an answer is not the tokenizer's end of sequence, programs that look at the tokenizer alone are told.
"""

from __future__ import annotations

import json
import shlex

from mslt_it.data.encoding import Encoder

PLACE = "THIS_FOLDER"  # for wherever the export lies by then
_STANDS_FOR = f"`{PLACE}` stands for this folder, or for this repository's name"
_PLAIN = (
    "The tokenizer has no chat template: a prompt is its text and a newline, and the answer follows. That is how it "
    "was trained."
)


def with_transformers(encoder: Encoder) -> list[str]:
    """Code that loads merged weights and answers one prompt."""
    if encoder.tokenizer.chat_template:
        inputs = [
            'messages = [{"role": "user", "content": "..."}]',
            "inputs = tokenizer.apply_chat_template(",
            '    messages, add_generation_prompt=True, return_tensors="pt", return_dict=True',
            ")",
        ]
    else:
        inputs = ['inputs = tokenizer("...\\n", return_tensors="pt")']
    return [
        f"With transformers; {_STANDS_FOR}:",
        "",
        "```python",
        "from transformers import AutoModelForCausalLM, AutoTokenizer",
        "",
        f'tokenizer = AutoTokenizer.from_pretrained("{PLACE}")',
        f'model = AutoModelForCausalLM.from_pretrained("{PLACE}")',
        *inputs,
        'answer = model.generate(inputs["input_ids"], attention_mask=inputs["attention_mask"])',
        'print(tokenizer.decode(answer[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))',
        "```",
        *_notes(encoder, "as generation_config.json says; "),
    ]


def with_vllm(
    name: str, base: str, revision: str | None, max_lora_rank: int, max_tokens: int, encoder: Encoder
) -> list[str]:
    """The command that serves an adapter beside its base, and a request: the base's own generation settings would
    sample, and not stop where the adapter does."""
    pinned = [f"--revision {shlex.quote(revision)}"] if revision else []
    serve = ["vllm serve", shlex.quote(base), *pinned, "--enable-lora", f"--max-lora-rank {max_lora_rank}"]
    chat = bool(encoder.tokenizer.chat_template)
    body = {
        "model": name,
        **({"messages": [{"role": "user", "content": "..."}]} if chat else {"prompt": "...\n"}),
        "temperature": 0,
        "max_tokens": max_tokens,
        "stop_token_ids": [encoder.end_id],
    }
    return [
        f"With vLLM; {_STANDS_FOR}:",
        "",
        "```bash",
        f"{' '.join(serve)} --lora-modules {shlex.quote(name)}={PLACE}",
        f"curl http://localhost:8000/v1/{'chat/' * chat}completions -H 'Content-Type: application/json' \\",
        f"  -d '{json.dumps(body)}'",
        "```",
        *_notes(encoder, ""),
    ]


def with_llama_cpp(file: str, encoder: Encoder) -> list[str]:
    """The command that serves a GGUF file."""
    return [
        "With llama.cpp:",
        "",
        "```bash",
        f"llama-server -m {shlex.quote(file)} --temp 0",
        "```",
        *_notes(encoder, ""),
    ]


def _notes(encoder: Encoder, where: str) -> list[str]:
    lines = [] if encoder.tokenizer.chat_template else ["", _PLAIN]
    if encoder.end_id != encoder.tokenizer.eos_token_id:
        lines += [
            "",
            f"An answer ends with the token `{encoder.decode([encoder.end_id])}` ({encoder.end_id}), {where}which is "
            "not the tokenizer's end of sequence: give it as a stop word to programs that look at that alone.",
        ]
    return lines
