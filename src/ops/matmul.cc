#include "ir/spelling.h"
#include "ops/activation_common.h"
#include "ops/elementwise_common.h"
#include "ops/spelling_common.h"
#include "ops/tflite_common.h"
#include "ops/tflite_write_common.h"
#include "ops/typed_common.h"

namespace whet::ops {
namespace {

enum Input : size_t { kA, kB, kBias, kResidual, kSlope };

Status Infer(InferContext& context) {
  const Type& a = context.input(kA);
  const Type& b = context.input(kB);
  if (a.dtype != b.dtype) {
    return Error(Code::kBadFile, "the operands are %s and %s; they must be of one type", ToString(a).c_str(),
                 ToString(b).c_str());
  }
  if (!a.ranked || !b.ranked) {
    context.SetOutput(0, Type::Unranked(a.dtype));
    return {};
  }
  const auto mismatch = [&] {
    return Error(Code::kBadFile, "matrices %s and %s cannot be multiplied", ToString(a).c_str(),
                 ToString(b).c_str());
  };
  if (a.rank() == 0 || b.rank() == 0) return mismatch();
  std::vector<Dim> left = a.dims, right = b.dims;
  if (a.rank() == 1) left.insert(left.begin(), Dim(1));
  if (b.rank() == 1) right.push_back(Dim(1));
  if (context.attributes().Int("transpose_a") != 0 && a.rank() > 1) std::swap(left.end()[-1], left.end()[-2]);
  if (context.attributes().Int("transpose_b") != 0 && b.rank() > 1) {
    std::swap(right.end()[-1], right.end()[-2]);
  }
  const Dim& inner = left.back();
  const Dim& other = right.end()[-2];
  if (inner.lo > other.hi || other.lo > inner.hi) return mismatch();
  auto batch = BroadcastDims({left.data(), left.size() - 2}, {right.data(), right.size() - 2});
  if (!batch.ok()) return mismatch();
  std::vector<Dim> dims = std::move(*batch);
  if (a.rank() > 1) dims.push_back(left.end()[-2]);
  if (b.rank() > 1) dims.push_back(right.back());
  context.SetOutput(0, Type(a.dtype, std::move(dims)));
  // Of a vector's product with a matrix or of a matrix's with a vector, an output has no columns.
  if (b.rank() > 1) return CheckEpilogue(context, kBias, context.output(0));
  for (size_t i = kBias; i < context.input_count(); ++i) {
    if (context.HasInput(i))
      return Error(Code::kBadFile, "a product with a vector has a bias, residual or slope");
  }
  return ReadActivation(context.attributes()).TakeStatus();
}

// One operand as a stack of matrices.
struct Matrices {
  Shape batch;
  int64_t rows = 1, columns = 1;  // of the matrix as multiplied
  bool transposed = false;        // memory holds columns x rows
};

Matrices Describe(const Shape& shape, bool transpose, bool left) {
  Matrices m;
  if (shape.rank() == 1) {
    (left ? m.columns : m.rows) = shape[0];
    return m;
  }
  m.batch = Shape(shape.dims().first(static_cast<size_t>(shape.rank() - 2)));
  m.rows = shape[shape.rank() - 2];
  m.columns = shape[shape.rank() - 1];
  m.transposed = transpose;
  if (transpose) std::swap(m.rows, m.columns);
  return m;
}

template <typename T>
Status Run(ReferenceContext& context) {
  const Matrices a = Describe(context.input(kA).shape, context.attributes().Int("transpose_a") != 0, true);
  const Matrices b = Describe(context.input(kB).shape, context.attributes().Int("transpose_b") != 0, false);
  const T* left = InputArray<T>(context, kA);
  const T* right = InputArray<T>(context, kB);
  T* y = OutputArray<T>(context, 0);
  const int64_t m = a.rows, k = a.columns, n = b.columns;
  const Shape& ys = context.output(0).shape;
  // The output's leading dimensions: broadcast from both operands'.
  Shape batch;
  const int batch_rank = std::max(a.batch.rank(), b.batch.rank());
  for (int i = 0; i < batch_rank; ++i) batch.push_back(ys[i]);

  T* row = context.Scratch<T>(k).data();
  T* to = y;
  for (IndexWalk walk(batch, {BroadcastStrides(a.batch, batch), BroadcastStrides(b.batch, batch)});
       !walk.done(); walk.Next()) {
    const T* a_matrix = left + walk.offset(0) * m * k;
    const T* b_matrix = right + walk.offset(1) * k * n;
    for (int64_t i = 0; i < m; ++i, to += n) {
      for (int64_t p = 0; p < k; ++p) row[p] = a.transposed ? a_matrix[p * m + i] : a_matrix[i * k + p];
      if (b.transposed) {
        for (int64_t j = 0; j < n; ++j) to[j] = DotProduct(row, b_matrix + j * k, k);
        continue;
      }
      for (int64_t j = 0; j < n; ++j) to[j] = 0;
      for (int64_t p = 0; p < k; ++p) {
        const T value = row[p];
        const T* b_row = b_matrix + p * n;
        for (int64_t j = 0; j < n; ++j) to[j] = MultiplyAdd(to[j], value, b_row[j]);
      }
    }
  }

  const T* bias = InputArray<T>(context, kBias);
  const T* slope = InputArray<T>(context, kSlope);
  const T* residual = InputArray<T>(context, kResidual);
  WHET_ASSIGN_OR_RETURN(const Activation activation, ReadActivation(context.attributes()));
  const int64_t count = ys.elements();
  for (int64_t i = 0; i < count; ++i) {
    if (bias != nullptr) y[i] = MultiplyAdd(y[i], bias[i % n], T{1});
    if (residual != nullptr) y[i] = MultiplyAdd(y[i], residual[i], T{1});
    if (activation.kind == ActivationKind::kNone) continue;
    const double factor = slope != nullptr ? static_cast<double>(slope[i % n]) : 0;
    y[i] = static_cast<T>(Activate(activation, static_cast<double>(y[i]), factor));
  }
  StoreArray(context, 0, y);
  return {};
}

Status Reference(ReferenceContext& context) {
  const DType dtype = context.input(kA).dtype;
  if (!IsFloat(dtype)) return Run<int64_t>(context);
  return dtype == DType::kF32 ? Run<float>(context) : Run<double>(context);
}

int64_t Macs(const Node& node) {
  const Shape a = node.input(kA)->type.ToShape();
  const bool transposed = node.attributes.Int("transpose_a") != 0 && a.rank() > 1;
  return node.output()->type.ToShape().elements() * a[a.rank() - (transposed ? 2 : 1)];
}

// y = alpha * a' * b' + beta * c.
Status ImportGemm(ForeignNode& node, GraphBuilder& builder) {
  Attributes attributes;
  if (node.attributes.Int("transA") != 0) attributes.Set("transpose_a", int64_t{1});
  if (node.attributes.Int("transB") != 0) attributes.Set("transpose_b", int64_t{1});
  const double alpha = node.attributes.Float("alpha", 1);
  const double beta = node.attributes.Float("beta", 1);
  Value* a = node.input(0);
  Value* b = node.input(1);
  Value* c = node.input(2);
  if (c != nullptr && beta != 1) c = builder.EmitFolded("Mul", {c, builder.Scalar(beta, c->type.dtype)});
  if (c != nullptr && alpha == 1 && c->type.IsStatic()) {
    // A constant [1, N] is a bias [N] too.
    const Shape shape = c->type.ToShape();
    const int64_t n = shape.elements();
    const bool is_row = shape.rank() == 1 || (shape.rank() == 2 && shape[0] == 1);
    const Dim columns = b->type.rank() == 2 ? b->type.dims[attributes.Has("transpose_b") ? 0 : 1] : Dim();
    if (is_row && columns.known() && columns.lo == n && (shape.rank() == 1 || c->IsConstant())) {
      if (shape.rank() == 2) {
        const auto& constant = c->constant();
        c = builder.Const(Constant::Refer(constant->dtype(), Shape{n}, constant->view().data, constant),
                          c->name());
      }
      node.SetResult(0, builder.Emit("MatMul", {a, b, c}, std::move(attributes)));
      return builder.TakeStatus();
    }
  }
  Value* y = builder.Emit("MatMul", {a, b}, std::move(attributes));
  if (alpha != 1) y = builder.Emit("Mul", {y, builder.Scalar(alpha, y->type.dtype)});
  if (c != nullptr) y = builder.Emit("Add", {y, c});
  node.SetResult(0, y);
  return builder.TakeStatus();
}

std::string ExportTransposed(const Value* x, bool transpose, OnnxSink& sink) {
  if (!transpose || x->type.rank() < 2) return sink.NameOf(x);
  std::vector<int64_t> perm;
  for (int i = 0; i < x->type.rank(); ++i) perm.push_back(i);
  std::swap(perm.end()[-1], perm.end()[-2]);
  std::string result = sink.Fresh("transposed");
  sink.Node("Transpose", {sink.NameOf(x)}, {result}, {{"perm", std::move(perm)}});
  return result;
}

Status ExportOnnx(const Node& node, OnnxSink& sink) {
  const Value* a = node.input(kA);
  const Value* b = node.input(kB);
  const Value* bias = node.input(kBias);
  const bool transpose_a = node.attributes.Int("transpose_a") != 0;
  const bool transpose_b = node.attributes.Int("transpose_b") != 0;
  const bool more = HasEpilogue(node, kResidual);
  const std::string result = sink.NameOf(node.output());
  const std::string sum = more ? sink.Fresh("matmul") : result;
  if (a->type.rank() == 2 && b->type.rank() == 2 && (transpose_a || transpose_b || bias != nullptr)) {
    std::vector<std::string> inputs = {sink.NameOf(a), sink.NameOf(b)};
    if (bias != nullptr) inputs.push_back(sink.NameOf(bias));
    sink.Node("Gemm", inputs, std::span(&sum, 1),
              {{"transA", int64_t{transpose_a}}, {"transB", int64_t{transpose_b}}});
  } else {
    if ((transpose_a && !a->type.ranked) || (transpose_b && !b->type.ranked)) {
      return Error(Code::kUnsupported, "a transposed operand whose number of dimensions is not known");
    }
    const std::string left = ExportTransposed(a, transpose_a, sink);
    const std::string right = ExportTransposed(b, transpose_b, sink);
    const std::string product = bias != nullptr ? sink.Fresh("product") : sum;
    sink.Node("MatMul", {left, right}, {product});
    if (bias != nullptr) sink.Node("Add", {product, sink.NameOf(bias)}, {sum});
  }
  return more ? ExportEpilogue(node, sink, sum, kResidual, false, result) : Status();
}

// Weights [O, I]. The input counts as rows of I, whatever its shape, unless keep_num_dims keeps its
// dimensions.
Status ImportFullyConnected(ForeignNode& node, GraphBuilder& builder) {
  if (node.attributes.String("weights_format", "DEFAULT") != "DEFAULT")
    return node.Unsupported("shuffled weights");
  Value* x = node.input(0);
  Value* w = node.input(1);
  if (w->type.rank() != 2 || !w->type.dims[1].known() || w->type.dims[1].lo < 1) {
    return Error(Code::kBadFile, "the weights are %s; they must have 2 known dimensions",
                 ToString(w->type).c_str());
  }
  const Dim& last = w->type.dims[1];
  const bool keep = node.attributes.Int("keep_num_dims") != 0 && x->type.ranked && x->type.rank() >= 1;
  const bool rows = x->type.ranked && x->type.rank() == 2 && x->type.dims[1].Same(last);
  if (!rows && !keep) x = builder.Emit("Reshape", {x, builder.Ints({-1, last.lo})});
  Value* y = builder.Emit("MatMul", {x, w, TfliteBias(node, 2)}, {{"transpose_b", int64_t{1}}});
  node.SetResult(0, ApplyTfliteActivation(node, builder, y));
  return builder.TakeStatus();
}

Status ImportBatchMatMul(ForeignNode& node, GraphBuilder& builder) {
  Attributes attributes;
  if (node.attributes.Int("adj_x") != 0) attributes.Set("transpose_a", int64_t{1});
  if (node.attributes.Int("adj_y") != 0) attributes.Set("transpose_b", int64_t{1});
  node.SetResult(0, builder.Emit("MatMul", {node.input(0), node.input(1)}, std::move(attributes)));
  return builder.TakeStatus();
}

// Whether B is weights, so that the product is FULLY_CONNECTED.
bool IsFullyConnected(const Node& node) {
  const Value* b = node.input(kB);
  const Node* producer = b->producer();
  const bool converted = producer != nullptr && (producer->Is("Cast") || producer->Is("DequantizeLinear")) &&
                         producer->input(0)->IsConstant();
  return (b->IsConstant() || converted) && b->type.rank() == 2 && node.input(kA)->type.rank() >= 2 &&
         node.attributes.Int("transpose_a") == 0;
}

Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  WHET_RETURN_IF_ERROR(ExpandEpilogue(node, builder, kResidual, results));
  if (!results.empty() || IsFullyConnected(node)) return {};
  if (!node.input(kA)->type.ranked || !node.input(kB)->type.ranked) {
    return Error(Code::kUnsupported, "the number of dimensions is not known");
  }
  // BATCH_MATMUL takes matrices only, and no bias.
  Value* a = node.input(kA);
  Value* b = node.input(kB);
  const bool row = a->type.rank() == 1, column = b->type.rank() == 1;
  if (node.input(kBias) == nullptr && !row && !column) return {};
  if (row) a = builder.Emit("Unsqueeze", {a, builder.Ints({0})});
  if (column) b = builder.Emit("Unsqueeze", {b, builder.Ints({1})});
  Attributes attributes = node.attributes;
  if (row) attributes.Remove("transpose_a");
  if (column) attributes.Remove("transpose_b");
  Value* y = builder.Emit("MatMul", {a, b}, std::move(attributes));
  if (node.input(kBias) != nullptr) y = builder.Emit("Add", {y, node.input(kBias)});
  if (column) y = builder.Emit("Squeeze", {y, builder.Ints({-1})});
  if (row) y = builder.Emit("Squeeze", {y, builder.Ints({column ? -1 : -2})});
  results = {y};
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  const Value* a = node.input(kA);
  const Value* b = node.input(kB);
  const bool transposed = node.attributes.Int("transpose_b") != 0;
  if (!IsFullyConnected(node)) {
    if (sink.activation() != "NONE") return Error(Code::kInternal, "BATCH_MATMUL has no activation");
    sink.Operator("BATCH_MATMUL", {sink.Of(a), sink.Of(b)}, {sink.Result(node)},
                  {{"adj_x", node.attributes.Int("transpose_a")}, {"adj_y", int64_t{transposed}}});
    return {};
  }
  const std::vector<int64_t> perm = transposed ? std::vector<int64_t>{0, 1} : std::vector<int64_t>{1, 0};
  std::vector<TfliteSink::Tensor> inputs = {sink.Of(a), sink.Weights(b, perm)};
  if (node.input(kBias) != nullptr) inputs.push_back(sink.Bias(node.input(kBias), a, b));
  const TfliteSink::Tensor result = sink.Result(node);
  sink.Operator("FULLY_CONNECTED", inputs, std::span(&result, 1),
                {{"fused_activation_function", std::string(sink.activation())},
                 {"keep_num_dims", int64_t{a->type.rank() != 2}}});
  return {};
}

constexpr AttributeDef kAttributes[] = {
    {"transpose_a", AttributeKind::kInt},   {"transpose_b", AttributeKind::kInt},
    {"activation", AttributeKind::kString}, {"alpha", AttributeKind::kFloat},
    {"beta", AttributeKind::kFloat},
};
constexpr OnnxSpelling kOnnx[] = {{"MatMul"}, {.op_type = "Gemm", .import = ImportGemm}};
constexpr TfliteSpelling kTflite[] = {{"FULLY_CONNECTED", ImportFullyConnected, 2},
                                      {"BATCH_MATMUL", ImportBatchMatMul, 2}};

}  // namespace

extern const OpDef op_matmul;
const OpDef op_matmul = {
    .name = "MatMul",
    .summary = "Matrix product of stacks of matrices, with optional bias, residual and activation",
    .min_inputs = 2,
    .max_inputs = 5,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .macs = Macs,
};

extern const OpSpellings spellings_matmul;
const OpSpellings spellings_matmul = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_onnx = ExportOnnx,
    .to_tflite = {.expand = ExpandTflite,
                  .write = WriteTflite,
                  .scales = TfliteScales::kAny,
                  .unquantized_inputs = 1u << kBias,
                  .activation = true},
};

}  // namespace whet::ops
