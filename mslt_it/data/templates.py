"""Chat templates are programs that come with a model: one that never ends, or makes gigabytes, is refused by name; one
that asks for today's date is told the same day always."""

from __future__ import annotations

import datetime
import functools
import json
import signal
import subprocess
import sys

from mslt_it.problems import Problem

SECONDS, MEGABYTES, MOST_CHARACTERS = 5, 1024, 1_000_000  # of one short conversation; usual are 1 ms and 1,000
# What is wrong with the template otherwise is told when it is rendered. The tag, the filter and the function are
# transformers' own: a template must not see that it is tried.
_TRIAL = """
import json, re, resource, sys
from jinja2.sandbox import ImmutableSandboxedEnvironment
asked = json.load(sys.stdin)
resource.setrlimit(resource.RLIMIT_CPU, (asked["seconds"], asked["seconds"]))
resource.setrlimit(resource.RLIMIT_AS, (asked["bytes"], asked["bytes"]))
sandbox = ImmutableSandboxedEnvironment(
    trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", "jinja2.ext.do"]
)
def raise_exception(message):
    raise ValueError(message)
def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
sandbox.globals["raise_exception"], sandbox.filters["tojson"] = raise_exception, tojson
size = 0
try:
    template = re.sub(r"{%-?\\s*(end)?generation\\s*-?%}", "", asked["template"])
    for piece in sandbox.from_string(template).generate(**asked["values"]):
        size += len(piece)
        if size > asked["characters"]:
            sys.exit(4)
except MemoryError:
    sys.exit(3)
except Exception:
    pass
"""

_DAY = datetime.datetime(2024, 7, 26, 12)


def always_one_day(template: str) -> str:
    """The template, in which ``strftime_now`` gives that day: transformers hands no function into a template, so it is
    a macro in front of it, which knows every letter of a date."""
    if "strftime_now" not in template:
        return template
    letters = [f"%{mark}{letter}" for mark in ("-", "") for letter in "aAbBcdDeFHIjlmMpRSTuUVwxXyYZ"]
    filled = "".join(f"|replace('{letter}', '{_DAY.strftime(letter)}')" for letter in letters)
    return f"{{% macro strftime_now(form) %}}{{{{ form{filled} }}}}{{% endmacro +%}}{template}"


@functools.lru_cache(maxsize=64)
def refuse_endless(template: str, values: str) -> None:
    """A Problem for a template that takes more than seconds, memory or text for one short conversation.

    It is tried in a process of its own, whose limits the system holds: a loop in it cannot be left from outside.

    Args:
        values: JSON of what it is rendered with afterwards, so that it is not another one that is tried.
    """
    limits = {"seconds": SECONDS, "bytes": MEGABYTES * 2**20, "characters": MOST_CHARACTERS}
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _TRIAL],
            input=json.dumps({"template": template, "values": json.loads(values), **limits}).encode(),
            stderr=subprocess.DEVNULL,
            timeout=SECONDS * 6,  # by the clock, where other processes take the processor
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        done = -signal.SIGXCPU
    said = {
        -signal.SIGXCPU: f"takes more than {SECONDS} seconds",
        -signal.SIGKILL: f"takes more than {SECONDS} seconds",
        3: f"takes more than {MEGABYTES} MB of memory",
        4: f"makes more than {MOST_CHARACTERS:,} characters",
    }
    if done in said:
        raise Problem(
            f"The tokenizer's chat template {said[done]} for a few short messages, so it is not used. It is in "
            "chat_template.jinja or tokenizer_config.json of the model: use another model, or put a correct one there."
        )
