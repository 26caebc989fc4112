# pyright: basic, reportMissingTypeStubs=false
"""The charts of pygal; the only module that imports it.

At import pygal puts a finder for its plugins on ``sys.meta_path`` that has only the interface which Python 3.12 took away: until
then every optional import that fails anywhere in the process is met with a warning. There are no plugins: it goes at once.
"""

import sys

from pygal import XY, Bar, HorizontalBar
from pygal.style import CleanStyle

sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]

__all__ = ["XY", "Bar", "CleanStyle", "HorizontalBar"]
