"""Base models and adapters: load, adapt, save, hash. The only importer of peft."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.pytorch_utils import Conv1D

from mslt_it.config.recipe import AdapterConfig, ModelConfig
from mslt_it.models.causality import refuse_not_causal, refuse_other_kinds
from mslt_it.models.gguf_weights import dequantized, dequantized_file, is_gguf
from mslt_it.models.model_errors import explain, refuse_folder
from mslt_it.models.packaged import is_packaged, join_parts, sha256_of, start_notes
from mslt_it.models.quantization import keep_as_packed, quantization_config
from mslt_it.problems import Problem, nearest
from mslt_it.world.mini_model import weights_dir

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
# For a repository without safetensors transformers asks a service on the Hub to convert it, and loads what somebody's
# pull request holds: other weights than those at the revision that was asked for.
os.environ["DISABLE_SAFETENSORS_CONVERSION"] = "1"
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def model_path(model: ModelConfig) -> str:
    """A folder or a Hub id: of the embedded model its folder, of a GGUF file and of a package the folder in the cache
    with what was read from it."""
    if model.path == "world":
        return str(weights_dir())
    if is_packaged(model.path):
        return str(dequantized(sha256_of(model.path), model.path, functools.partial(join_parts, model.path)))
    return str(dequantized_file(model.path)) if is_gguf(model.path) else model.path


def terms_and_origin(model: ModelConfig) -> list[str]:
    """What is to be told of the base when a run starts."""
    config = AutoConfig.from_pretrained(model_path(model), revision=model.revision, trust_remote_code=False)
    return start_notes(model, config.model_type)


def load_tokenizer(model: ModelConfig) -> PreTrainedTokenizerBase:
    """The base model's tokenizer; code that comes with a model is never run.

    It is wanted before the data are built: a model of a kind that is not trained here is refused now.
    """
    path = model_path(model)
    refuse_folder(path, "tokenizer")
    try:
        refuse_other_kinds(path, model.revision)
        return AutoTokenizer.from_pretrained(path, revision=model.revision, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise explain(error, path, model.revision, "tokenizer") from error


def load_base(
    model: ModelConfig, adapter: AdapterConfig | None = None, *, device: str | torch.device | None = None
) -> PreTrainedModel:
    """The frozen base on ``device`` (default: this process's GPU, else the CPU), quantised as ``adapter`` asks.

    Weights come from safetensors files only: unlike pickles they cannot run code. A tensor that the files lack is a
    Problem; transformers would fill it with random numbers and go on. So is a model that is not causal.
    """
    place = torch.device(device) if device is not None else default_device()
    path, quantization = model_path(model), adapter.quantization if adapter else "none"
    options: dict[str, Any] = {"dtype": resolve_dtype(model.dtype, place)}
    if quantization != "none":
        options |= {
            "quantization_config": quantization_config(quantization, options["dtype"]),
            "device_map": {"": str(place)},
        }
    refuse_folder(path, "causal language model")
    try:
        refuse_other_kinds(path, model.revision)
        base, report = AutoModelForCausalLM.from_pretrained(
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
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise explain(error, path, model.revision, "causal language model") from error
    if missing := sorted(report["missing_keys"]):
        raise Problem(
            f"model.path={path}: {len(missing)} tensors of {type(base).__name__} are not in its files (first: "
            f"{missing[0]}). The files are incomplete, or not those of a causal language model: fetch them again."
        )
    if quantization != "none" and place.type == "cpu":
        keep_as_packed(base)
    base.requires_grad_(False)
    refuse_not_causal(base, path)
    if getattr(base.config, "_commit_hash", None) is None:
        # transformers 5.23 no longer tells which commit a branch stood for; what records and compares it looks there.
        base.config._commit_hash = cached_commit(path, model.revision)
    return base


def cached_commit(path: str, revision: str | None) -> str | None:
    """The commit of the copy of a Hub repository in the cache, whose folder is named after it; None for a folder."""
    if Path(path).exists() or path.count("/") > 1:
        return None
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(path, "config.json", revision=revision)
    except HFValidationError:
        return None
    return Path(found).parent.name if isinstance(found, str) else None


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
        f"The tokenizer has {needed} ids, the base {rows} embedding rows: {needed - rows} rows were added, each the "
        "mean of the others. They are not trained, so the model cannot tell the new tokens apart."
    )


def default_device() -> torch.device:
    """This process's GPU under a launcher, the first one otherwise, the CPU where there is none."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def resolve_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """``auto`` is bfloat16 on a GPU that has it and float32 elsewhere (bfloat16 is emulated on most CPUs)."""
    if dtype == "auto":
        return torch.bfloat16 if device.type == "cuda" and torch.cuda.is_bf16_supported() else torch.float32
    if dtype not in DTYPES:
        raise Problem(f"model.dtype: '{dtype}' is not known. {nearest(dtype, ['auto', *DTYPES])}")
    return DTYPES[dtype]


def add_adapter(model: PreTrainedModel, adapter: AdapterConfig, seed: int) -> PeftModel:
    """A fresh LoRA adapter on ``model``; the same seed gives the same first weights, whatever was drawn before."""
    config = LoraConfig(
        r=adapter.rank,
        lora_alpha=adapter.alpha,
        lora_dropout=adapter.dropout,
        target_modules=target_modules(model, adapter.target_modules),
        use_dora=adapter.use_dora,
        use_rslora=adapter.use_rslora,
        bias="none",
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng(devices=[]):  # peft draws on the CPU, whatever device the base is on
        torch.manual_seed(seed)
        return get_peft_model(model, config)


def target_modules(model: nn.Module, wanted: Iterable[str]) -> list[str]:
    """The module names LoRA goes into: ``all-linear`` resolved, wrong names refused with the right ones listed."""
    known, wanted = linear_module_names(model), list(wanted)
    if wanted == ["all-linear"]:
        return known
    wrong = [name for name in wanted if name not in known]
    if wrong or not wanted:
        named = f"{wrong[0]!r} is" if wrong else "nothing is named, that is"
        raise Problem(
            f"adapter.target_modules: {named} not a linear module of {type(model).__name__}. "
            f"{nearest(wrong[0] if wrong else '', known)} Or use [all-linear] for all of them."
        )
    return sorted(set(wanted))


def linear_module_names(model: nn.Module) -> list[str]:
    """The last parts of the names of all linear modules, the output head left out, sorted."""
    head = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    names = set()
    for name, module in model.named_modules():
        # bitsandbytes' Linear4bit and Linear8bitLt are nn.Linear too
        if isinstance(module, (nn.Linear, Conv1D)) and module is not head:
            parts = name.split(".")
            names.add(".".join(parts[-2:]) if parts[-1].isdigit() else parts[-1])
    return sorted(names)


def load_adapter(model: PreTrainedModel, path: Path | str, *, trainable: bool = False) -> PeftModel:
    """The adapter saved at ``path`` on ``model``; refused where tensors are missing, left over or not finite.

    The base hash, where the caller knows it, is the caller's to compare (`model_hash`).
    """
    path = Path(path)
    tensors = read_adapter(path)
    try:
        config = LoraConfig(**_lora_fields(path / CONFIG), inference_mode=not trainable)
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise Problem(f"Adapter {path}: {CONFIG} is missing or not readable: {error}") from error
    largest = max((min(tensor.shape) for tensor in tensors.values() if tensor.dim() > 1), default=0)
    if (said := max([config.r, *config.rank_pattern.values()])) > largest:  # peft would make room for it first
        raise Problem(f"Adapter {path}: {CONFIG} says rank {said}, its weights have {largest}. Train it again.")
    try:
        peft_model = get_peft_model(model, config)
    except ValueError as error:
        raise Problem(f"Adapter {path} does not fit {type(model).__name__}: {error}") from error
    set_adapter_weights(peft_model, tensors, str(path))
    return peft_model if trainable else peft_model.eval()


@contextlib.contextmanager
def adapted(base: PreTrainedModel, path: Path) -> Iterator[PeftModel]:
    """The base with the adapter saved at ``path``, whose layers are taken out again: its own weights are untouched."""
    model = load_adapter(base, path)
    try:
        yield model
    finally:
        model.unload()


def read_adapter(path: Path | str) -> dict[str, Tensor]:
    """The tensors of a saved adapter on the CPU, checked to be finite."""
    file = _weights_file(path)
    try:
        tensors = load_file(file)
    except (OSError, SafetensorError) as error:
        raise Problem(f"Adapter {file} is missing or damaged: {error}") from error
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise Problem(f"Adapter {file}: '{name}' holds values that are not finite; train it again.")
    return tensors


def set_adapter_weights(model: PeftModel, tensors: dict[str, Tensor], origin: str) -> None:
    """Copy ``tensors`` into the adapter in place: the parameters stay the same objects with the same dtype.

    peft's own ``load_adapter`` may change the dtype of the parameters it fills, and a resumed run would then differ.
    """
    have = get_peft_model_state_dict(model, save_embedding_layers=False)
    missing, extra = sorted(have.keys() - tensors.keys()), sorted(tensors.keys() - have.keys())
    if missing or extra:
        raise Problem(
            f"Adapter {origin} was made for another base model or configuration: {len(missing)} tensors missing "
            f"(first: {missing[:1]}), {len(extra)} left over (first: {extra[:1]})."
        )
    for name, tensor in tensors.items():
        if have[name].shape != tensor.shape:
            raise Problem(f"Adapter {origin}: '{name}' is {tuple(tensor.shape)}, expected {tuple(have[name].shape)}.")
    set_peft_model_state_dict(model, tensors)


def save_adapter(model: PeftModel, path: Path | str, *, state_dict: dict[str, Any] | None = None) -> None:
    """Write ``adapter_model.safetensors`` and ``adapter_config.json`` into the folder ``path``: no pickles, no network.

    ``state_dict`` is the gathered one where the model is sharded (FSDP).
    """
    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    tensors = get_peft_model_state_dict(model, state_dict=state_dict, save_embedding_layers=False)
    plain = {name: tensors[name].detach().to("cpu").contiguous() for name in sorted(tensors)}
    save_file(plain, path / WEIGHTS, metadata={"format": "pt"})
    config = model.peft_config["default"].to_dict()
    config = {k: sorted(v) if isinstance(v, (set, frozenset)) else v for k, v in config.items()} | {
        "inference_mode": True
    }
    (path / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True, default=str) + "\n", encoding="utf-8")


def merge_adapter(model: PeftModel, dtype: torch.dtype) -> PreTrainedModel:
    """The base with the adapter added to its weights, in ``dtype``; ``model`` is used up.

    Each module is merged in float32 and rounded once; no more than one is in float32 at a time. Where the adapter
    changes one of two tied matrices (embedding and head), they are untied first: the other one must stay as it is.
    """
    layers = {name: module for name, module in model.named_modules() if isinstance(module, LoraLayer)}
    quantised = [n for n, m in layers.items() if type(m.get_base_layer()).__name__ in ("Linear4bit", "Linear8bitLt")]
    if quantised:
        raise Problem(f"{quantised[0]} is quantised: an adapter is never merged into 4-bit or 8-bit weights.")
    base = model.get_base_model()
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
    merged = model.unload()
    for parameter in merged.parameters():
        parameter.data = parameter.data.to(dtype)
    merged.config.dtype = merged.config.get_text_config().dtype = dtype
    return merged


def adapter_hash(path: Path | str) -> str:
    """SHA-256 over an adapter's tensors in name order, with names, types and shapes: equal weights, equal hash."""
    return tensors_hash(load_file(_weights_file(path)))


def model_hash(path_or_model: Path | str | nn.Module) -> str:
    """SHA-256 over a base model's tensors, of a folder's safetensors files or of a loaded model, adapters left out.

    Both agree where the model was loaded in the dtype it is stored in. Tied tensors count once, as in the file.
    """
    if not isinstance(path_or_model, nn.Module):
        files = sorted(Path(path_or_model).glob("*.safetensors"))
        if not files:
            raise Problem(f"No .safetensors file in {path_or_model}.")
        return tensors_hash({name: tensor for file in files for name, tensor in load_file(file).items()})
    base = path_or_model.get_base_model() if isinstance(path_or_model, PeftModel) else path_or_model
    tied = set(getattr(base, "all_tied_weights_keys", None) or {}) if base.config.tie_word_embeddings else set()
    names = {name: tensor for name, tensor in base.state_dict().items() if "lora_" not in name}
    return tensors_hash({clean: t for n, t in names.items() if (clean := n.replace(".base_layer.", ".")) not in tied})


def tensors_hash(tensors: dict[str, Tensor]) -> str:
    """SHA-256 over named tensors in name order."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().to("cpu").contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(memoryview(tensor.reshape(-1).view(torch.uint8).numpy()))
    return digest.hexdigest()


def _weights_file(path: Path | str) -> Path:
    path = Path(path)
    return path / WEIGHTS if path.is_dir() else path


def _lora_fields(file: Path) -> dict[str, Any]:
    """The fields of a saved configuration that decide the weights' places and scale."""
    saved = json.loads(file.read_text(encoding="utf-8"))
    if saved.get("peft_type") != "LORA":
        raise Problem(f"{file}: peft_type is {saved.get('peft_type')!r}; only LORA adapters are loaded here.")
    names = (
        *("r", "lora_alpha", "lora_dropout", "target_modules", "use_dora", "use_rslora", "bias", "task_type"),
        *("rank_pattern", "alpha_pattern", "fan_in_fan_out", "modules_to_save", "layers_to_transform"),
        "layers_pattern",
    )
    return {name: saved[name] for name in names if saved.get(name) is not None}
