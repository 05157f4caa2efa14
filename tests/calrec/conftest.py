import sys
from pathlib import Path

# `tiny.py` beside this file serves several test modules.
sys.path.insert(0, str(Path(__file__).parent))
