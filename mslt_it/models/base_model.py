"""Base models and adapters: load, adapt, save, hash. The only importer of peft."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeAlias

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.pytorch_utils import Conv1D

from mslt_it.config.recipe import AdapterConfig, Head, ModelConfig
from mslt_it.models.causality import refuse_causal, refuse_not_causal, writing_class
from mslt_it.models.environment import default_device, resolve_dtype, without_compiler
from mslt_it.models.finished_run import WEIGHTS
from mslt_it.models.heads import MODELS, TASK_TYPES, draw_fresh_parts, head_of, loading_options, mark
from mslt_it.models.kinds import TASK_TYPE, is_text_to_text, refuse_no_module
from mslt_it.models.model_errors import explain, refuse_folder
from mslt_it.models.quantization import keep_as_packed, quantization_config
from mslt_it.models.tokenizers import cached_commit, model_path
from mslt_it.problems import Problem, counted
from mslt_it.progress import working
from mslt_it.quiet import quiet_loading
from mslt_it.store import read_json

with without_compiler():
    from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
    from peft.helpers import disable_input_dtype_casting
    from peft.tuners.lora import LoraLayer

CONFIG = "adapter_config.json"
# Looking for it may take longer than the cube of a name's length: a repeated group, or three repetitions.
_ENDLESS = re.compile(r"\)[*+?{]|([*+{].*){3}", re.DOTALL)
# Of a saved configuration, what decides the weights' places and scale.
_LORA_FIELDS = (
    *("r", "lora_alpha", "lora_dropout", "target_modules", "use_dora", "use_rslora", "bias", "task_type"),
    *("rank_pattern", "alpha_pattern", "fan_in_fan_out", "modules_to_save", "layers_to_transform", "layers_pattern"),
)
LARGEST = 10**9  # of ranks and alphas
FULL = {"peft_type": "FULL"}  # in place of peft's configuration: all of the model's weights, not a difference to them
# For a repository without safetensors transformers asks a service on the Hub to convert it, and loads what somebody's
# pull request holds: other weights than those at the revision that was asked for.
os.environ["DISABLE_SAFETENSORS_CONVERSION"] = "1"
Trained: TypeAlias = PeftModel | PreTrainedModel  # an adapter on a base, or a base of which all is trained


@working("Loading the model")
def load_base(
    model: ModelConfig,
    adapter: AdapterConfig | None = None,
    *,
    head: Head | None = None,
    device: str | torch.device | None = None,
) -> PreTrainedModel:
    """The frozen base on ``device`` (default: this process's GPU, else the CPU), quantised as ``adapter`` asks.

    Weights come from safetensors files only: unlike pickles they cannot run code. A tensor that the files lack is a
    Problem (transformers would fill it with random numbers), and so is a model that is not causal, or an encoder that
    is. ``head``: by what an encoder answers, marked as fresh where the files lack it; None: the model writes.
    """
    place = torch.device(device) if device is not None else default_device()
    path, quantization = model_path(model), adapter.quantization if adapter else "none"
    is_float32 = head is not None or (adapter is not None and adapter.method == "full")
    options: dict[str, Any] = {"dtype": torch.float32 if is_float32 else resolve_dtype(model.dtype, place)}
    options |= loading_options(head) if head else {}
    what = {"encoder": "encoder", "text_to_text": "text-to-text model"}.get(model.kind, "causal language model")
    if quantization != "none":
        options |= {
            "quantization_config": quantization_config(quantization, options["dtype"]),
            "device_map": {"": str(place)},
        }
    refuse_folder(path)
    try:
        loader = MODELS[head.name] if head else writing_class(path, model.revision)
        # What the files lack we tell ourselves; and of mT5's, which has two matrices where its configuration says one.
        with contextlib.nullcontext() if what == "causal language model" else quiet_loading():
            base, report = loader.from_pretrained(
                path,
                revision=model.revision,
                trust_remote_code=False,
                use_safetensors=True,
                output_loading_info=True,
                **options,
            )
        if quantization == "none":
            base = base.to(place)
    except torch.OutOfMemoryError as error:
        raise Problem(
            f"model.path={path}: the model does not fit into the memory of {place}. Use adapter.quantization=nf4 "
            "(about a quarter of bfloat16), a smaller model or a larger GPU."
        ) from error
    except Problem:
        raise
    except Exception as error:  # a configuration may say anything, and is met at any place
        raise explain(error, path, model.revision, what) from error
    if head is not None:
        mark(base, head, {*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"])}, path)
    elif missing := sorted(report["missing_keys"]):
        raise Problem(
            f"model.path={path}: {counted(len(missing), 'tensor')} of {type(base).__name__} not in its files (first: "
            f"{missing[0]}). The files are incomplete, or not those of a {what}: fetch them again."
        )
    if quantization != "none" and place.type == "cpu":
        keep_as_packed(base)
    base.requires_grad_(False)
    (refuse_not_causal if head is None else refuse_causal)(base, path)
    if getattr(base.config, "_commit_hash", None) is None:
        # transformers 5.23 no longer tells which commit a branch stood for; what records and compares it looks there.
        base.config._commit_hash = cached_commit(path, model.revision)
    return base


def fit_vocabulary(base: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> str | None:
    """Add the embedding rows that ``tokenizer`` has ids for and ``base`` has not; a note about it, or None.

    New rows, of the embedding and of an untied head, are the mean of the old ones: no chance is involved, so the same
    base and tokenizer give the same model wherever an adapter is loaded again. The rows stay frozen. Rows that are too
    many (padding of the matrix to a round number) are left alone.
    """
    embedding = base.get_input_embeddings()
    rows, needed = embedding.weight.shape[0], max(tokenizer.get_vocab().values(), default=-1) + 1
    if needed <= rows:
        return None
    tied = base.get_output_embeddings() is None or base.get_output_embeddings().weight is embedding.weight
    base.resize_token_embeddings(needed, mean_resizing=False)
    for module in [base.get_input_embeddings()] + ([] if tied else [base.get_output_embeddings()]):
        for tensor in (module.weight, getattr(module, "bias", None)):
            if tensor is not None:
                tensor.data[rows:] = tensor.data[:rows].float().mean(dim=0).to(tensor.dtype)
    base.requires_grad_(False)
    return (
        f"The tokenizer has {needed} ids, the base {rows} embedding rows: "
        f"{counted(needed - rows, 'row was', 'rows were')} added, each the mean of the others. They are "
        "not trained, so the model cannot tell the new tokens apart."
    )


def add_adapter(model: PreTrainedModel, adapter: AdapterConfig, seed: int) -> Trained:
    """A fresh LoRA adapter on ``model``, and its head whole; or the model itself where all of it is trained. The same
    seed gives the same first weights, whatever was drawn before."""
    draw_fresh_parts(model, seed)
    if adapter.method == "full":
        return model.requires_grad_(True)
    config = LoraConfig(
        r=adapter.rank,
        lora_alpha=adapter.alpha,
        lora_dropout=adapter.dropout,
        target_modules=target_modules(model, adapter.target_modules),
        use_dora=adapter.use_dora,
        use_rslora=adapter.use_rslora,
        bias="none",
        task_type=TASK_TYPE if is_text_to_text(model) else TASK_TYPES[head_of(model).name],
        modules_to_save=list(head_of(model).trained) or None,
    )
    with torch.random.fork_rng(devices=[]):  # peft draws on the CPU, whatever device the base is on
        torch.manual_seed(seed)
        return get_peft_model(model, config)


def target_modules(model: nn.Module, wanted: Collection[str]) -> list[str]:
    """The last parts of the names of the modules LoRA goes into, sorted; ``all-linear``: all but the head and what is
    trained whole; a Problem for a name that is none of these."""
    head = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    trained_whole = tuple(f"{part}." for part in head_of(model).trained)
    known = set()
    for name, module in model.named_modules():
        # bitsandbytes' Linear4bit and Linear8bitLt are nn.Linear too
        is_linear = isinstance(module, (nn.Linear, Conv1D)) and module is not head
        if is_linear and not f"{name}.".startswith(trained_whole):
            parts = name.split(".")
            known.add(".".join(parts[-2:]) if parts[-1].isdigit() else parts[-1])
    if list(wanted) == ["all-linear"]:
        return sorted(known)
    refuse_no_module(wanted, known, type(model).__name__)
    return sorted(set(wanted))


def load_adapter(model: PreTrainedModel, path: Path | str) -> Trained:
    """The adapter saved at ``path`` on ``model``, or ``model`` with all trained weights; refused where a tensor is
    missing, left over or not finite. Whether it is the adapter's base is the caller's to compare (`model_hash`)."""
    path = Path(path)
    tensors = read_adapter(path)
    if is_full(path):
        set_adapter_weights(model, tensors, str(path))
        return model.eval()
    try:
        saved = lora_config(path)
        fields = {name: saved[name] for name in _LORA_FIELDS if saved.get(name) is not None}
        config = LoraConfig(**fields, inference_mode=True)
    except (ValueError, TypeError) as error:
        raise Problem(f"Adapter {path}: {CONFIG} is not peft's: {error}") from error
    largest = max((min(tensor.shape) for tensor in tensors.values() if tensor.dim() > 1), default=0)
    if (said := max([config.r, *config.rank_pattern.values()])) > largest:  # peft would make room for it first
        raise Problem(f"Adapter {path}: {CONFIG} says rank {said}, its weights have {largest}. Train it again.")
    try:
        peft_model = get_peft_model(model, config)
    except Exception as error:  # peft looks at a value where it needs it
        raise Problem(f"Adapter {path} does not fit {type(model).__name__}: {error}") from error
    set_adapter_weights(peft_model, tensors, str(path))
    return peft_model.eval()


@contextlib.contextmanager
def adapted(base: PreTrainedModel, path: Path) -> Iterator[PeftModel]:
    """The base with the adapter saved at ``path``, whose layers are taken out again: its own weights are untouched."""
    own = {name: tensor.cpu().clone() for name, tensor in _trained(base).items()} if is_full(path) else {}
    model = load_adapter(base, path)
    try:
        yield model
    finally:
        if own:
            base.load_state_dict(own, strict=False)
        else:
            model.unload()


def is_full(path: Path | str) -> bool:
    """Whether what lies in the folder of an adapter is all of a model's weights."""
    return (read_json(Path(path) / CONFIG) or {}).get("peft_type") == FULL["peft_type"]


def read_adapter(path: Path | str) -> dict[str, Tensor]:
    """The tensors of a saved adapter on the CPU, checked to be finite."""
    file = Path(path) / WEIGHTS
    try:
        tensors = load_file(file)
    except (OSError, SafetensorError) as error:
        raise Problem(f"Adapter {file} is missing or damaged: {error}") from error
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise Problem(f"Adapter {file}: '{name}' holds values that are not finite; train it again.")
    return tensors


def set_adapter_weights(model: Trained, tensors: dict[str, Tensor], origin: str) -> None:
    """Copy ``tensors`` into the adapter in place: the parameters stay the same objects with the same dtype, which
    peft's own ``load_adapter`` may change, and a resumed run would then differ."""
    have = _trained(model)
    missing, extra = sorted(have.keys() - tensors.keys()), sorted(tensors.keys() - have.keys())
    if missing or extra:
        raise Problem(
            f"Adapter {origin} was made for another base model or configuration: {counted(len(missing), 'tensor')} "
            f"missing (first: {missing[:1]}), {len(extra)} left over (first: {extra[:1]})."
        )
    for name, tensor in tensors.items():
        if have[name].shape != tensor.shape:
            raise Problem(f"Adapter {origin}: '{name}' is {tuple(tensor.shape)}, expected {tuple(have[name].shape)}.")
    if isinstance(model, PeftModel):
        set_peft_model_state_dict(model, tensors)
    else:
        model.load_state_dict(tensors, strict=False)  # tied ones are not in the file


def _trained(model: Trained, state_dict: dict[str, Any] | None = None) -> dict[str, Tensor]:
    """What is saved of a model: its adapter, with the head of an encoder, or all of it."""
    if isinstance(model, PeftModel):
        found = get_peft_model_state_dict(model, state_dict=state_dict, save_embedding_layers=False)
        return dict(found)
    return {n: t for n, t in (state_dict or model.state_dict()).items() if n not in tied_names(model)}


def without_input_casts(model: Trained) -> AbstractContextManager[None]:
    """Under autocast a LoRA layer need not make its input float32 first: fewer kernels, the same values."""
    return disable_input_dtype_casting(model)  # type: ignore[no-any-return, no-untyped-call]


def save_adapter(model: Trained, path: Path | str, *, state_dict: dict[str, Any] | None = None) -> None:
    """Write ``adapter_model.safetensors`` and ``adapter_config.json`` into the folder ``path``; ``state_dict`` is the
    gathered one where the model is sharded (FSDP)."""
    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    tensors = _trained(model, state_dict)
    plain = {name: tensors[name].detach().to("cpu").contiguous() for name in sorted(tensors)}
    save_file(plain, path / WEIGHTS, metadata={"format": "pt"})
    config = model.peft_config["default"].to_dict() if isinstance(model, PeftModel) else FULL
    config = {k: sorted(v) if isinstance(v, (set, frozenset)) else v for k, v in config.items()} | {
        "inference_mode": True
    }
    (path / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True, default=str) + "\n", encoding="utf-8")


def merge_adapter(model: Trained, dtype: torch.dtype) -> PreTrainedModel:
    """The base with the adapter added to its weights, in ``dtype``; ``model`` is used up. A model that was trained
    whole is taken as it is.

    Each module is merged in float32 and rounded once; no more than one is in float32 at a time. Where the adapter
    changes one of two tied matrices (embedding and head), they are untied first: the other one must stay as it is.
    """
    layers = {name: module for name, module in model.named_modules() if isinstance(module, LoraLayer)}
    quantised = [n for n, m in layers.items() if type(m.get_base_layer()).__name__ in ("Linear4bit", "Linear8bitLt")]
    if quantised:
        raise Problem(f"{quantised[0]} is quantised: an adapter is never merged into 4-bit or 8-bit weights.")
    base = base_of(model)
    ends = [module for module in (base.get_input_embeddings(), base.get_output_embeddings()) if module is not None]
    if any(end in layers.values() for end in ends):
        inner = [end.get_base_layer() if isinstance(end, LoraLayer) else end for end in ends]
        if len(inner) == 2 and inner[0].weight is inner[1].weight:
            inner[1].weight = nn.Parameter(inner[1].weight.detach().clone(), requires_grad=False)
            base.config.tie_word_embeddings = base.config.get_text_config().tie_word_embeddings = False
    for name, module in layers.items():
        module.float()
        try:
            module.merge(safe_merge=True)
        except ValueError as error:  # safe_merge found a value that is not finite
            raise Problem(f"Merging into {name} gave values that are not finite. Nothing was written.") from error
        module.get_base_layer().to(dtype)
    merged = model.unload() if isinstance(model, PeftModel) else model
    for parameter in merged.parameters():
        parameter.data = parameter.data.to(dtype)
    merged.config.dtype = merged.config.get_text_config().dtype = dtype
    return merged


@working("Hashing the model's weights")
def model_hash(path_or_model: Path | str | nn.Module) -> str:
    """SHA-256 over a base model's tensors, of a folder's safetensors files or of a loaded model, adapters and what the
    files lack (a fresh head) left out.

    Both agree where the model was loaded in the dtype it is stored in. Tied tensors count once, as in the file.
    """
    if not isinstance(path_or_model, nn.Module):
        files = sorted(Path(path_or_model).glob("*.safetensors"))
        if not files:
            raise Problem(f"No .safetensors file in {path_or_model}.")
        return tensors_hash({name: tensor for file in files for name, tensor in load_file(file).items()})
    base = base_of(path_or_model)
    tied, fresh = tied_names(base), tuple(f"{part}." for part in head_of(base).fresh)
    own = base.state_dict().items()
    names = {n: tensor for n, tensor in own if "lora_" not in n and not n.startswith(fresh)}
    return tensors_hash({clean: t for n, t in names.items() if (clean := n.replace(".base_layer.", ".")) not in tied})


def tied_names(base: Any) -> set[str]:
    """Tensors that are another one by a second name."""
    return set(getattr(base, "all_tied_weights_keys", None) or {}) if base.config.tie_word_embeddings else set()


def base_of(model: Any) -> Any:
    """The model without what peft puts around it."""
    return model.get_base_model() if isinstance(model, PeftModel) else model


def tensors_hash(tensors: dict[str, Tensor]) -> str:
    """SHA-256 over named tensors in name order; the next is fetched from a GPU while one is hashed."""
    digest, names = hashlib.sha256(), sorted(tensors)
    with ThreadPoolExecutor(1) as pool:
        coming = [pool.submit(tensors[name].cpu) for name in names[:1]]
        for place, name in enumerate(names):
            tensor = coming.pop().result().detach().contiguous()
            coming += [pool.submit(tensors[later].cpu) for later in names[place + 1 : place + 2]]
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(memoryview(tensor.reshape(-1).view(torch.uint8).numpy()))
    return digest.hexdigest()


def lora_config(path: Path) -> dict[str, Any]:
    """adapter_config.json of a LoRA adapter; a Problem where a number in it is none, or an expression for names of
    modules could be looked for all day."""
    config = read_json(path / CONFIG)
    if config is None:
        raise Problem(f"Adapter {path}: {CONFIG} is missing or not readable. Train it again.")
    if config.get("peft_type") != "LORA":
        raise Problem(f"Adapter {path}: peft_type is {config.get('peft_type')!r}; only LORA adapters are accepted.")
    ranks, alphas = (config.get(name) or {} for name in ("rank_pattern", "alpha_pattern"))
    if not isinstance(ranks, dict) or not isinstance(alphas, dict):
        raise Problem(f"Adapter {path}: {CONFIG} has a rank_pattern or alpha_pattern that is not a mapping.")
    for name, value in {"r": config.get("r"), "lora_alpha": config.get("lora_alpha"), **ranks, **alphas}.items():
        if type(value) not in (int, float) or not 0 < value < LARGEST or (name in ranks and int(value) != value):
            raise Problem(f"Adapter {path}: {CONFIG} has {name}={str(value)[:80]}, which is not a valid number there.")
    named = [config.get(name) for name in ("target_modules", "layers_pattern")]
    for pattern in (*ranks, *alphas, *(one for one in named if isinstance(one, str))):
        try:
            is_right = re.compile(pattern) and not _ENDLESS.search(pattern)
        except (re.error, RecursionError, OverflowError):
            is_right = False
        if not is_right:
            raise Problem(
                f"Adapter {path}: {CONFIG} names modules by '{pattern[:80]}', which is no expression or one that may "
                "be looked for without end. Write the names of the modules there."
            )
    return config
