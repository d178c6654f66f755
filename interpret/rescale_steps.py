"""What each step of a network is to the rescale rule, by the name of the function that torch is asked for."""

from __future__ import annotations

from torch.nn import functional as F

# Names stand without the underscores of operators.
# Linear whatever is given.
SUMS = {"add", "radd", "iadd", "sub", "rsub", "isub", "subtract", "cat", "concat", "concatenate", "stack"}
# Linear in each signal as long as the others are constant.
PRODUCTS = {
    *(
        "mul",
        "rmul",
        "imul",
        "multiply",
        "matmul",
        "rmatmul",
        "mm",
        "bmm",
        "mv",
        "einsum",
        "tensordot",
        "addmm",
        "baddbmm",
    ),
    *("linear", "conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d", "bilinear"),
}
QUOTIENTS = {"div", "truediv", "itruediv", "divide", "true_divide"}
# Linear in the one signal that they are given.
LINEAR = {
    *("mean", "sum", "cumsum", "diff", "neg", "pos", "positive", "negative", "nanmean"),
    *("avg_pool1d", "avg_pool2d", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "batch_norm", "pad"),
    *("dropout", "dropout1d", "dropout2d", "alpha_dropout", "feature_dropout", "feature_alpha_dropout"),
    *(
        "flatten",
        "unflatten",
        "reshape",
        "reshape_as",
        "view",
        "view_as",
        "transpose",
        "t",
        "permute",
        "movedim",
        "swapaxes",
    ),
    *("squeeze", "unsqueeze", "flip", "roll", "expand", "expand_as", "repeat", "repeat_interleave", "tile"),
    *("getitem", "narrow", "select", "index_select", "take_along_dim", "gather", "unfold", "diagonal"),
    *("split", "chunk", "tensor_split", "unbind", "contiguous", "clone", "detach", "to", "type_as", "float", "get"),
}
# One number in, one number out.
ELEMENTWISE = {
    *("relu", "relu6", "leaky_relu", "rrelu", "prelu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus"),
    *("sigmoid", "logsigmoid", "log_sigmoid", "hardsigmoid", "hardswish", "hardtanh", "hardshrink", "softshrink"),
    *("tanh", "tanhshrink", "softsign", "threshold", "clamp", "clamp_min", "clamp_max", "clip", "abs", "absolute"),
    *("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "rsqrt", "square", "pow", "rpow", "reciprocal"),
    *("rtruediv", "rdiv", "sin", "cos", "atan", "arctan", "sinh", "cosh", "asinh", "arcsinh", "erf"),
}
# Of those, what hands a number on as it is or puts a bound in its place: quotients of its differences have no noise.
BOUNDS = {"relu", "relu6", "hardtanh", "clamp", "clamp_min", "clamp_max", "clip"}
# What is only read off a signal: its size, its kind of number.
READ = {
    *("size", "dim", "ndimension", "len", "numel", "nelement", "stride", "is_contiguous", "is_floating_point"),
    *("is_complex", "get_device", "new_zeros", "new_ones", "new_full", "new_empty", "new_tensor"),
    *("zeros_like", "ones_like", "full_like", "empty_like", "repr", "format", "hash"),
}
LIKE = {"to", "type_as", "expand_as", "view_as", "reshape_as"}  # the second signal says of what kind or shape, no more
POOLS = {"max_pool1d": F.max_pool1d_with_indices, "max_pool2d": F.max_pool2d_with_indices}
REASONS = {
    "lstm": "it reads the sequence step by step (a recurrent layer)",
    "gru": "it reads the sequence step by step (a recurrent layer)",
    "rnn_tanh": "it reads the sequence step by step (a recurrent layer)",
    "rnn_relu": "it reads the sequence step by step (a recurrent layer)",
    "scaled_dot_product_attention": "it weighs places by one another (attention)",
    "multi_head_attention_forward": "it weighs places by one another (attention)",
    "logsumexp": "it takes the log of a sum of exponentials",
    "layer_norm": "it divides signals by their own spread (layer normalisation)",
    "group_norm": "it divides signals by their own spread (group normalisation)",
    "instance_norm": "it divides signals by their own spread (instance normalisation)",
}
GATE = "it multiplies two signals that both depend on the sequence (a gate)"
