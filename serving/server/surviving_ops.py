"""Lists the operations whose kernels survive inputs of every rank.

Some kernels end the process on a tensor of an unexpected rank (a CHECK fails). So a
request whose shape differs from the declared one may reach only operations that give a
result or an error. The list was measured: 211 patterns of operations ran on 36 shapes
each, 9,362 runs in separate processes, with TensorFlow 2.16.2 on CPUs. It has every
operation of a pattern that never ended its process, and those that work element by
element. These operations ended it and are left out: Conv2D, Conv3D,
DepthwiseConv2dNative, MaxPool3D, ScatterNd, TensorScatterUpdate,
CombinedNonMaxSuppression, FakeQuantWithMinMaxVarsPerChannel and
SoftmaxCrossEntropyWithLogits.

Some listed operations still end the process if one dimension is 2^31 or more and
another is 0; `tensors.check_claim` refuses such shapes before they run.
"""

# They work element by element on any rank; the shapes of several inputs are broadcast
# or refused. test_shapes.py runs each with every rank from 0 to 4.
_ELEMENTWISE = """
Abs Acos Acosh Add AddV2 ApproximateEqual Asin Asinh Atan Atan2 Atanh BesselI0e
BesselI1e BitwiseAnd BitwiseOr BitwiseXor Ceil ClipByValue Cos Cosh Digamma Div DivNoNan
Elu Equal Erf Erfc Erfinv Exp Expm1 Floor FloorDiv FloorMod Greater GreaterEqual Igamma
Igammac Inv Invert IsFinite IsInf IsNan LeakyRelu LeftShift Less LessEqual Lgamma Log
Log1p LogicalAnd LogicalNot LogicalOr Maximum Minimum Mod Mul MulNoNan Ndtri Neg
NextAfter NotEqual OnesLike Pow Rank RealDiv Reciprocal Relu Relu6 RightShift Rint Round
Rsqrt Select SelectV2 Selu Sigmoid Sign Sin Sinh Snapshot Softplus Softsign Sqrt Square
SquaredDifference StopGradient StringLower StringStrip StringUpper Sub Tan Tanh
TruncateDiv TruncateMod Xdivy Xlog1py Xlogy ZerosLike Zeta
"""

_OTHERS = """
AddN AdjustContrastv2 AdjustHue All Any ArgMax AsString Assert AudioSpectrogram AvgPool
AvgPool3D BatchMatMulV2 BatchToSpaceND BiasAdd Bitcast BroadcastArgs BroadcastTo
Bucketize CTCBeamSearchDecoder CTCGreedyDecoder Cast Cholesky ComplexAbs ConcatOffset
ConcatV2 Const Conv2DBackpropInput CropAndResize Cross CudnnRNN CudnnRNNBackprop Cumsum
CumulativeLogsumexp DecodeBase64 DecodeCSV DecodeJpeg DecodePng DecodeRaw DecodeWav
DenseBincount DepthToSpace Dequantize Dilation2D DynamicPartition DynamicStitch Einsum
EncodeJpeg EncodePng EnsureShape ExpandDims ExtractGlimpseV2 ExtractImagePatches FFT
FakeQuantWithMinMaxVars Fill FractionalMaxPool FusedBatchNormV3 GatherNd GatherV2
HistogramFixedWidth IRFFT Identity If InTopKV2 InvertPermutation LRN LogSoftmax
LookupTableFindV2 LowerBound MatMul MatrixBandPart MatrixDeterminant MatrixDiagPartV3
MatrixDiagV3 MatrixInverse MatrixSetDiagV3 MatrixSolve MatrixTriangularSolve Max MaxPool
MaxPoolWithArgmax Mean Mfcc Min MirrorPad NoOp NonMaxSuppressionV3 NonMaxSuppressionV5
OneHot Pack Pad ParseExampleV2 ParseSequenceExampleV2 ParseTensor PartitionedCall
Placeholder Prod Qr QuantizeAndDequantizeV4 QuantizeV2 RFFT RFFT2D RGBToHSV RaggedGather
RaggedRange RaggedTensorToTensor RandomUniform Range ReadVariableOp ReduceJoin Reshape
ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor ReverseSequence ReverseV2
Roll ScaleAndTranslate SegmentSum SelfAdjointEigV2 Shape Size Slice Softmax
SpaceToBatchND SpaceToDepth SparseAdd SparseConcat SparseCrossV2 SparseFillEmptyRows
SparseReduceSum SparseReorder SparseReshape SparseSegmentMean SparseSegmentSum
SparseSlice SparseSoftmax SparseSoftmaxCrossEntropyWithLogits SparseSplit
SparseTensorDenseMatMul SparseToDense Split SplitV Squeeze StatelessIf StatelessWhile
StaticRegexReplace StridedSlice StridedSliceGrad StringFormat StringLength StringNGrams
StringSplit StringSplitV2 StringToHashBucketFast Substr Sum Svd TensorListConcatV2
TensorListFromTensor TensorListGetItem TensorListReserve TensorListSetItem
TensorListSplit TensorListStack Tile TopKV2 Transpose UnicodeDecode UnicodeTranscode
Unique UniqueWithCounts Unpack UnsortedSegmentSum Where
"""

ELEMENTWISE = frozenset(_ELEMENTWISE.split())
SURVIVE_ANY_RANK = ELEMENTWISE.union(_OTHERS.split())

# They run the functions in their attributes, and are as safe as these functions.
CALLS = frozenset(
    [
        "Case",
        "If",
        "PartitionedCall",
        "StatefulPartitionedCall",
        "StatelessCase",
        "StatelessIf",
        "StatelessWhile",
        "While",
    ]
)
