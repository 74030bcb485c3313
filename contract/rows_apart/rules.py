"""The operations that keep rows apart, and the rule of each.

The first dimension is the rows', so no rule lets an operation join, reorder, reduce or
shift along it.
"""

from contract.rows_apart import arithmetic, shaping
from contract.rows_apart.values import Rule

_ELEMENTWISE = """
    Abs Add AddV2 AsString Cast Ceil ClipByValue Cos Div DivNoNan Elu Equal Erf Exp
    Expm1 Floor FloorDiv FloorMod Greater GreaterEqual IsFinite IsInf IsNan
    LeakyRelu Less LessEqual Log Log1p LogicalAnd LogicalNot LogicalOr Maximum
    Minimum Mul Neg NotEqual OnesLike Pow RealDiv Reciprocal Relu Relu6 Rint Round
    Rsqrt SelectV2 Selu Sigmoid Sign Sin Softplus Softsign Sqrt Square
    SquaredDifference StringJoin StringLower StringUpper Sub Tanh ZerosLike
"""

RULES: dict[str, Rule] = {
    **dict.fromkeys(_ELEMENTWISE.split(), arithmetic.elementwise),
    **dict.fromkeys(
        ("Identity", "PlaceholderWithDefault", "StopGradient"), arithmetic.same
    ),
    **dict.fromkeys(
        ("VarHandleOp", "Variable", "VariableV2", "HashTableV2"), arithmetic.variable
    ),
    **dict.fromkeys(("BatchMatMulV2", "BatchMatMulV3"), arithmetic.batch_mat_mul),
    **dict.fromkeys(
        ("Conv2D", "DepthwiseConv2dNative", "MaxPool", "AvgPool"), arithmetic.window
    ),
    **dict.fromkeys(("Softmax", "LogSoftmax"), arithmetic.softmax),
    **dict.fromkeys(
        ("All", "Any", "Max", "Mean", "Min", "Prod", "Sum"), arithmetic.reduction
    ),
    **dict.fromkeys(("ArgMax", "ArgMin"), arithmetic.arg_extreme),
    **dict.fromkeys(("Pad", "PadV2", "MirrorPad"), shaping.pad),
    **dict.fromkeys(("GatherV2", "ResourceGather"), arithmetic.gather),
    "BiasAdd": arithmetic.bias_add,
    "BroadcastTo": shaping.broadcast_to,
    "ConcatV2": shaping.concat,
    "Const": arithmetic.constant,
    "EnsureShape": arithmetic.ensure_shape,
    "ExpandDims": shaping.expand_dims,
    "Fill": shaping.fill,
    "FusedBatchNormV3": arithmetic.batch_norm,
    "LookupTableFindV2": arithmetic.look_up,
    "MatMul": arithmetic.mat_mul,
    "NoOp": arithmetic.nothing,
    "OneHot": arithmetic.one_hot,
    "Pack": shaping.pack,
    "ParseExampleV2": arithmetic.parse_example,
    "ReadVariableOp": arithmetic.read,
    "Reshape": shaping.reshape,
    "Shape": shaping.shape_of,
    "Squeeze": shaping.squeeze,
    "StridedSlice": shaping.strided_slice,
    "Tile": shaping.tile,
    "TopKV2": arithmetic.top_k,
    "Transpose": shaping.transpose,
}
