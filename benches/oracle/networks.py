"""Networks with random weights in the shapes of well-known ones, as an exporter would write them."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17


class Graph:
    """Nodes and weights, put together one by one."""

    def __init__(self):
        self.nodes = []
        self.weights = []
        self.numbers = np.random.default_rng(0)

    def add(self, operator, *inputs, **attributes):
        output = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def constant(self, values):
        name = f"weight_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def weight(self, *shape):
        scale = 1 / np.sqrt(np.prod(shape[1:]))
        return self.constant((self.numbers.normal(size=shape) * scale).astype(np.float32))

    def model(self, inputs, output):
        result = helper.make_tensor_value_info(output, TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "network", inputs, [result], self.weights)
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)


def minilm(layers=6, width=384, heads=12, words=30522, longest=512):
    """MiniLM-L6: a BERT of six layers. Inputs are ids, mask and types of tokens: int64 [batch, sequence]."""
    g = Graph()
    float32 = lambda value: g.constant(np.float32(value))
    int64 = lambda values: g.constant(np.asarray(values, np.int64))

    def normed(x):
        return g.add("LayerNormalization", x, g.constant(np.ones(width, np.float32)),
                     g.constant(np.zeros(width, np.float32)), axis=-1, epsilon=1e-12)

    def linear(x, inner, outer):
        return g.add("Add", g.add("MatMul", x, g.weight(inner, outer)), g.weight(outer))

    def by_head(x, order):
        split = g.add("Reshape", x, int64([0, 0, heads, width // heads]))
        return g.add("Transpose", split, perm=order)

    length = g.add("Gather", g.add("Shape", "input_ids"), int64([1]), axis=0)
    places = g.add("Slice", g.constant(np.arange(longest)[None]), int64([0]), length, int64([1]))
    x = g.add("Add", g.add("Gather", g.weight(words, width), "input_ids"),
              g.add("Gather", g.weight(2, width), "token_type_ids"))
    x = normed(g.add("Add", x, g.add("Gather", g.weight(longest, width), places)))
    mask = g.add("Cast", g.add("Unsqueeze", "attention_mask", int64([1, 2])), to=TensorProto.FLOAT)
    mask = g.add("Mul", g.add("Sub", float32(1), mask), float32(-3e38))
    for _ in range(layers):
        query = by_head(linear(x, width, width), [0, 2, 1, 3])
        key = by_head(linear(x, width, width), [0, 2, 3, 1])
        value = by_head(linear(x, width, width), [0, 2, 1, 3])
        scores = g.add("Div", g.add("MatMul", query, key), float32(np.sqrt(width / heads)))
        weights = g.add("Softmax", g.add("Add", scores, mask), axis=-1)
        seen = g.add("Transpose", g.add("MatMul", weights, value), perm=[0, 2, 1, 3])
        seen = g.add("Reshape", seen, int64([0, 0, width]))
        x = normed(g.add("Add", linear(seen, width, width), x))
        wide = linear(x, width, 4 * width)
        erf = g.add("Erf", g.add("Div", wide, float32(np.sqrt(2))))
        wide = g.add("Mul", g.add("Mul", wide, g.add("Add", erf, float32(1))), float32(0.5))
        x = normed(g.add("Add", linear(wide, 4 * width, width), x))
    names = ["input_ids", "attention_mask", "token_type_ids"]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"])
              for name in names]
    return g.model(inputs, x)


def resnet50():
    """ResNet-50: images are float [batch, 3, 224, 224]. Normalization is folded into the weights."""
    g = Graph()

    def convolved(x, inner, outer, size, stride=1, is_last=False):
        x = g.add("Conv", x, g.weight(outer, inner, size, size), g.weight(outer),
                  kernel_shape=[size, size], strides=[stride, stride], pads=[size // 2] * 4)
        return x if is_last else g.add("Relu", x)

    x = convolved("images", 3, 64, 7, 2)
    x = g.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    inner = 64
    for blocks, width, first_stride in [(3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2)]:
        for block in range(blocks):
            stride = first_stride if block == 0 else 1
            way = convolved(convolved(x, inner, width, 1), width, width, 3, stride)
            way = convolved(way, width, 4 * width, 1, is_last=True)
            if block == 0:
                x = convolved(x, inner, 4 * width, 1, stride, is_last=True)
            x = g.add("Relu", g.add("Add", way, x))
            inner = 4 * width
    x = g.add("Flatten", g.add("GlobalAveragePool", x))
    x = g.add("Gemm", x, g.weight(1000, inner), g.weight(1000), transB=1)
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, 224, 224])
    return g.model([images], x)

