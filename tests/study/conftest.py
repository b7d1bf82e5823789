"""Plain modules beside the tests (`tiny_study`, and `finished_run` of publish/) are imported by name."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "publish")]
