"""Which of Keras' layers do what: the tables that say what may stand behind a channel, before it, and around it."""

from __future__ import annotations

from keras import layers

# Convolutions that are one linear map of all their inputs.
LINEAR_CONVOLUTIONS = (layers.Conv1D, layers.Conv2D, layers.Conv3D)
TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)

CONVOLUTIONS = (*LINEAR_CONVOLUTIONS, *TRANSPOSED, *DEPTHWISE, *SEPARABLE)

POOLINGS = tuple(
    getattr(layers, f"{reach}{kind}Pooling{rank}D")
    for reach in ("", "Global")
    for kind in ("Max", "Average")
    for rank in (1, 2, 3)
)

WEIGHTED = (*CONVOLUTIONS, layers.Dense)

# Layers that pass values on as they are, once the network is trained.
INACTIVE = (
    layers.Dropout,
    layers.SpatialDropout1D,
    layers.SpatialDropout2D,
    layers.SpatialDropout3D,
    layers.AlphaDropout,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.ActivityRegularization,
    layers.Identity,
)

EDGES = tuple(getattr(layers, f"{kind}{rank}D") for kind in ("ZeroPadding", "Cropping") for rank in (1, 2, 3))

# Layers that treat every channel by itself: what they make of a channel depends on that channel alone.
CHANNELWISE = (
    *POOLINGS,
    layers.ReLU,
    layers.LeakyReLU,
    layers.PReLU,
    layers.ELU,
    *INACTIVE,
    *EDGES,
    layers.UpSampling1D,
    layers.UpSampling2D,
    layers.UpSampling3D,
)

# Of those, the ones that have to know where the channels are. (1D cropping and upsampling know one place only.)
ALONG_AXES = (
    *POOLINGS,
    layers.SpatialDropout1D,
    layers.SpatialDropout2D,
    layers.SpatialDropout3D,
    *EDGES,
    *(getattr(layers, f"UpSampling{rank}D") for rank in (1, 2, 3)),
)

ELEMENTWISE_ACTIVATIONS = frozenset(
    "linear relu relu6 leaky_relu elu selu celu gelu silu swish sigmoid hard_sigmoid hard_silu hard_swish tanh "
    "hard_tanh softplus softsign exponential log_sigmoid mish tanh_shrink hard_shrink soft_shrink squareplus "
    "sparse_plus threshold".split()
)

# Layers that make channels of several tensors or of all channels, and have no kernel of their own for each.
JOINING = (
    *(layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum),
    *(layers.LayerNormalization, layers.GroupNormalization, layers.RMSNormalization, layers.UnitNormalization),
)
JOINING_OPERATIONS = frozenset("Add Subtract Multiply TrueDivide Divide Maximum Minimum".split())
"""The same as operations of Keras, by name."""

NORMALISATIONS_OVER_CHANNELS = (layers.LayerNormalization, layers.RMSNormalization)

ATTENTIONS = (*(layers.MultiHeadAttention, layers.GroupQueryAttention, layers.Attention, layers.AdditiveAttention),)

# Layers that only put values elsewhere.
PASSED_THROUGH = (*INACTIVE, layers.Flatten, layers.Reshape, layers.Permute)

GLOBAL_POOLINGS = tuple(pooling for pooling in POOLINGS if pooling.__name__.startswith("Global"))

AVERAGE_POOLINGS = tuple(pooling for pooling in POOLINGS if "Average" in pooling.__name__)

WINDOWED_POOLINGS = tuple(pooling for pooling in POOLINGS if pooling not in GLOBAL_POOLINGS)

# Layers behind which values lie no farther apart than before.
NO_FARTHER = (*INACTIVE, *EDGES, *GLOBAL_POOLINGS, layers.Flatten, layers.Reshape, layers.Permute)

MAX_POOLINGS = tuple(pooling for pooling in POOLINGS if "Max" in pooling.__name__)

# Layers that copy values, or choose among them, and round nothing.
COPIES = (
    *(*INACTIVE, *EDGES, *MAX_POOLINGS, layers.Flatten, layers.Reshape, layers.Permute),
    *(layers.Concatenate, layers.Maximum, layers.Minimum),
)
