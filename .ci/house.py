"""How big the house is and how its parts hang together: each count beside its goal.

    python .ci/house.py            # seconds
    python .ci/house.py --trace    # and what one small training run passes through (half a minute)

Exits with 1 where a count in ENFORCED is above its goal.
"""

from __future__ import annotations

import ast
import inspect
import json
import os
import random
import sys
import tempfile
import threading
import tomllib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "mslt_it"
GRAMMARS = PACKAGE / "world" / "languages"
MAX_LINES = 400
ENFORCED = (
    "modules over 400 lines",
    "import exceptions",
    "package cycles",
    "module cycles",
    "own imports not at the top",
)


@dataclass(frozen=True)
class Count:
    """One row of the table."""

    name: str
    value: int
    goal: int
    detail: str = ""


def sources() -> dict[Path, str]:
    return {path: path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}


def lines(texts: dict[Path, str]) -> Count:
    own = [text.count("\n") for path, text in texts.items() if GRAMMARS not in path.parents]
    return Count("lines without grammars", sum(own), 18_500, f"{len(own)} modules")


def large_modules(texts: dict[Path, str]) -> Count:
    sizes = {path.relative_to(PACKAGE): text.count("\n") for path, text in texts.items()}
    large = [f"{path} {size}" for path, size in sizes.items() if size > MAX_LINES]
    return Count(f"modules over {MAX_LINES} lines", len(large), 0, ", ".join(large))


def late_imports(texts: dict[Path, str]) -> Count:
    """Statements that import from this package and do not stand at the top of a module: in functions, and under a
    condition, those for types among them."""
    found: Counter[str] = Counter()
    for path, text in texts.items():
        tree = ast.parse(text)
        found[str(path.relative_to(PACKAGE))] = sum(_is_internal(node) for node in {*ast.walk(tree)} - {*tree.body})
    most = ", ".join(f"{name} {number}" for name, number in found.most_common(5))
    return Count("own imports not at the top", found.total(), 25, f"most: {most}" if found.total() else "")


def _is_internal(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(name.name.split(".")[0] == PACKAGE.name for name in node.names)
    return isinstance(node, ast.ImportFrom) and bool(node.level or (node.module or "").split(".")[0] == PACKAGE.name)


def import_exceptions() -> Count:
    """Imports that a contract lets pass: all of one about layers, those beyond one importer of each other program."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = []
    for contract in project["tool"]["importlinter"]["contracts"]:
        allowed = contract.get("ignore_imports", [])
        if contract["type"] == "forbidden":
            seen: set[str] = set()
            for one in allowed:
                forbidden = one.split(" -> ")[1].split(".")[0]
                found += [one] if forbidden in seen else []
                seen.add(forbidden)
        else:
            found += allowed
    return Count("import exceptions", len(found), 0, ", ".join(found))


def cycles() -> list[Count]:
    """Groups of packages, or modules beside them, that import each other in a circle; and of single modules, where
    imports for types alone count, too."""
    import grimp

    graph = grimp.build_graph(PACKAGE.name, exclude_type_checking_imports=True)
    top = sorted(graph.find_children(PACKAGE.name))
    packages = {
        a: {b for b in top if b != a and graph.direct_import_exists(importer=a, imported=b, as_packages=True)}
        for a in top
    }
    graph = grimp.build_graph(PACKAGE.name)
    modules = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    return [_circles("package cycles", packages), _circles("module cycles", modules)]


def _circles(name: str, after: Mapping[str, Collection[str]]) -> Count:
    def reached(start: str) -> set[str]:
        found: set[str] = set()
        queue = [start]
        while queue:
            new = set(after[queue.pop()]) - found
            found |= new
            queue.extend(new)
        return found

    far = {one: reached(one) for one in after}
    circles = {frozenset(b for b in far[a] if a in far[b]) for a in after if a in far[a]}
    names = ["+".join(sorted(one.split(".", 1)[1] for one in circle)) for circle in circles]
    return Count(name, len(circles), 0, ", ".join(sorted(names)))


def trace() -> list[Count]:
    """What a training run passes through, from the command to the table of scores.

    24 rows of XNLI's kind in three languages and six to score in each of four, from files, with the embedded model.
    Counted: functions and methods of this package that were called at least once, in any thread; lambdas and
    comprehensions are not. Of these, by the way, those called at least once per training row. And how often each data
    file that the run needs was opened.
    """
    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "xnli"
        _write_rows(data)
        called: Counter[tuple[str, str]] = Counter()
        opened: Counter[str] = Counter()
        root = f"{PACKAGE}{os.sep}"

        def profile(frame: FrameType, event: str, argument: Any) -> None:
            code = frame.f_code
            is_function = code.co_flags & inspect.CO_OPTIMIZED and not code.co_name.startswith("<")  # no class's body
            if event == "call" and is_function and code.co_filename.startswith(root):
                called[code.co_filename.removeprefix(root), code.co_qualname] += 1

        def audit(event: str, arguments: Sequence[Any]) -> None:
            if event == "open" and str(arguments[0]).startswith(f"{data}{os.sep}") and os.path.isfile(arguments[0]):
                opened[str(arguments[0]).removeprefix(str(data))] += 1

        from mslt_it.cli import main

        os.chdir(name)
        sys.addaudithook(audit)
        threading.setprofile(profile)
        sys.setprofile(profile)
        small = ["training.num_epochs=1", "data.num_examples_total=24", "scoring.num_examples_per_language=6"]
        languages = ["sources=[de,es,fr]", "targets=[tr]"]
        code = main(["train", "recipe=xnli_3src", *languages, f"task.data={data}", *small, "output_dir=run"])
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
        os.chdir(ROOT)
        assert code == 0 and opened
    files = Counter(file for file, _ in called)
    often = sum(number >= 24 for number in called.values())
    most = ", ".join(f"{file} {number}" for file, number in files.most_common(5))
    times = ", ".join(f"{file} {number}" for file, number in opened.items() if number > 1)
    return [
        Count(
            "functions of a run", len(called), 150, f"{len(files)} files, {often} once per row or more; most: {most}"
        ),
        Count("opened per data file, at most", max(opened.values()), 1, times),
    ]


def _write_rows(folder: Path) -> None:
    draw = random.Random(0)
    for language in ("de", "es", "fr", "tr"):
        (folder / language).mkdir(parents=True)
        words = ["".join(draw.choices("abdeiklmnorstu", k=6)) for _ in range(60)]
        for split, number in (("train", 60), ("validation", 12), ("test", 12)):
            rows = [
                {"premise": " ".join(draw.choices(words, k=8)), "hypothesis": " ".join(draw.choices(words, k=4))}
                | {"label": index % 3}
                for index in range(number)
            ]
            text = "".join(f"{json.dumps(row)}\n" for row in rows)
            (folder / language / f"{split}.jsonl").write_text(text, encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    sys.path.insert(0, str(ROOT))
    texts = sources()
    counts = [
        lines(texts),
        large_modules(texts),
        import_exceptions(),
        *cycles(),
        late_imports(texts),
    ]
    if "--trace" in arguments:
        counts += trace()
    width = max(len(one.name) for one in counts)
    print(f"{'':{width}}  {'count':>6}  {'goal':>6}")
    for one in counts:
        print(f"{one.name:{width}}  {one.value:>6}  {one.goal:>6}  {one.detail}".rstrip())
    broken = [one.name for one in counts if one.name in ENFORCED and one.value > one.goal]
    if broken:
        print(f"Above the goal: {', '.join(broken)}.", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
