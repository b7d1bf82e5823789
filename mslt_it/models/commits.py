"""Which commit of a repository on the Hub the copy on this machine is."""

from __future__ import annotations

from pathlib import Path


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
