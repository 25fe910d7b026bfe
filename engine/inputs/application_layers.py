"""Layers that the networks of `keras.applications` bring along: Keras' own, though not among `keras.layers`."""

from __future__ import annotations

from keras.src.applications.convnext import LayerScale
from keras.src.applications.inception_resnet_v2 import CustomScaleLayer

APPLICATION_LAYERS = {layer.__name__: layer for layer in (LayerScale, CustomScaleLayer)}
"""By class name. Files that say where their classes are name the modules above; HDF5 files do not say."""
