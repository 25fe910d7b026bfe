"""What knows about networks: opens them, profiles and prunes them, and joins B and B′ into a GoodNet.

Public names are resolved on first use, since most of them need TensorFlow, which takes seconds to load.
"""

from __future__ import annotations

import os

# The engine is written for TensorFlow; a keras.json that names another backend must not change that.
os.environ["KERAS_BACKEND"] = "tensorflow"
