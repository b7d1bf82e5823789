"""What libraries print and the user cannot use."""

from __future__ import annotations

import contextlib
import logging
import sys
import warnings
from collections.abc import Iterator


def quiet_imports() -> None:
    """Call before anything imports peft: at import bitsandbytes asks for a package that would fetch compiled code, and
    it says of int8 at every layer that it casts. Costs nothing."""
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message="IProgress not found")  # of tqdm, in a notebook without widgets


def quiet_libraries() -> None:
    """Call before importing peft or transformers' models: progress bars are for terminals, and deprecations of what
    peft and we ask of transformers are not the user's."""
    quiet_imports()
    warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
    warnings.filterwarnings("ignore", message=".*`past_key_values` is deprecated.*", category=FutureWarning)
    from transformers.utils import logging as transformers_logging

    if not sys.stderr.isatty():
        transformers_logging.disable_progress_bar()


@contextlib.contextmanager
def quiet_loading() -> Iterator[None]:
    """While a model is loaded whose files are known to lack parts, or to have more than is wanted."""
    from transformers.utils import logging as transformers_logging

    before = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(before)
