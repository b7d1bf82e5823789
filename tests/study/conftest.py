"""Plain modules beside the tests (`tiny_study`) are imported by name."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
