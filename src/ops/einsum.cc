#include <algorithm>

#include "ir/spelling.h"
#include "ops/typed_common.h"

namespace whet::ops {
namespace {

// Labels of every operand's dimensions and of the output's. Letters stand for themselves; the dimensions that
// an ellipsis covers are the labels 0, 1, … counted from the last.
struct Equation {
  std::vector<std::vector<int>> operands;
  std::vector<int> output;
};

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// `rank` < 0: the term may have no ellipsis, or its size would not be known.
Result<std::vector<int>> ParseTerm(std::string_view term, int rank) {
  std::vector<int> labels;
  int letters = 0;
  for (char c : term) letters += IsLetter(c) ? 1 : 0;
  for (size_t i = 0; i < term.size(); ++i) {
    if (IsLetter(term[i])) {
      labels.push_back(term[i]);
    } else if (term.substr(i, 3) == "..." && rank >= letters) {
      for (int k = rank - letters; k-- > 0;) labels.push_back(k);
      i += 2;
    } else {
      return Error(Code::kBadFile, "the term '%s' of the equation cannot be read", std::string(term).c_str());
    }
  }
  if (rank >= 0 && static_cast<int>(labels.size()) != rank) {
    return Error(Code::kBadFile, "the term '%s' of the equation does not fit %d dimensions",
                 std::string(term).c_str(), rank);
  }
  return labels;
}

Result<Equation> Parse(std::string_view text, std::span<const int> ranks) {
  std::string plain;
  for (char c : text) {
    if (c != ' ') plain += c;
  }
  const size_t arrow = plain.find("->");
  std::string_view left(plain);
  left = left.substr(0, arrow);
  Equation equation;
  int ellipsis = 0;  // dimensions that the widest one covers
  for (size_t i = 0; i < ranks.size(); ++i) {
    const size_t comma = left.find(',');
    if ((comma == std::string_view::npos) != (i + 1 == ranks.size())) {
      return Error(Code::kBadFile, "the equation '%s' does not have %zu operands", plain.c_str(),
                   ranks.size());
    }
    WHET_ASSIGN_OR_RETURN(std::vector<int> labels, ParseTerm(left.substr(0, comma), ranks[i]));
    for (int label : labels) ellipsis = label < 'A' ? std::max(ellipsis, label + 1) : ellipsis;
    equation.operands.push_back(std::move(labels));
    if (comma != std::string_view::npos) left = left.substr(comma + 1);
  }
  if (arrow != std::string::npos) {
    const std::string_view right = std::string_view(plain).substr(arrow + 2);
    int letters = 0;
    for (char c : right) letters += IsLetter(c) ? 1 : 0;
    const bool dots = right.find("...") != std::string_view::npos;
    WHET_ASSIGN_OR_RETURN(equation.output, ParseTerm(right, dots ? letters + ellipsis : letters));
    for (int label : equation.output) {
      if (std::count(equation.output.begin(), equation.output.end(), label) > 1) {
        return Error(Code::kBadFile, "a label occurs twice in the output of '%s'", plain.c_str());
      }
    }
    return equation;
  }
  // Without an arrow: the ellipsis, then every letter that occurs once, in alphabetical order.
  for (int k = ellipsis; k-- > 0;) equation.output.push_back(k);
  for (int label = 'A'; label <= 'z'; ++label) {
    int64_t count = 0;
    for (const auto& labels : equation.operands) count += std::count(labels.begin(), labels.end(), label);
    if (count == 1) equation.output.push_back(label);
  }
  return equation;
}

Status Infer(InferContext& context) {
  std::vector<int> ranks;
  for (size_t i = 0; i < context.input_count(); ++i) {
    if (!context.input(i).ranked) {
      context.SetOutput(0, Type::Unranked(context.input(0).dtype));
      return {};
    }
    ranks.push_back(context.input(i).rank());
  }
  WHET_ASSIGN_OR_RETURN(const Equation equation, Parse(context.attributes().String("equation"), ranks));
  std::vector<Dim> sizes(128, Dim(1));
  std::vector<bool> seen(128);
  for (size_t i = 0; i < equation.operands.size(); ++i) {
    for (size_t d = 0; d < equation.operands[i].size(); ++d) {
      const auto label = static_cast<size_t>(equation.operands[i][d]);
      const Dim& dim = context.input(i).dims[d];
      Dim& size = sizes[label];
      if (size.known() && dim.known() && size.lo != dim.lo && size.lo != 1 && dim.lo != 1) {
        return Error(Code::kBadFile, "one label of the equation has the sizes %lld and %lld",
                     static_cast<long long>(size.lo), static_cast<long long>(dim.lo));
      }
      if (!seen[label] || (size.known() && size.lo == 1) || (dim.known() && dim.lo != 1)) size = dim;
      seen[label] = true;
    }
  }
  std::vector<Dim> dims;
  for (int label : equation.output) {
    if (!seen[static_cast<size_t>(label)]) {
      return Error(Code::kBadFile, "the output has a label that no operand has");
    }
    dims.push_back(sizes[static_cast<size_t>(label)]);
  }
  context.SetOutput(0, Type(context.input(0).dtype, std::move(dims)));
  return {};
}

// Walks all labels: those of the output outside, those that are summed inside.
template <typename T>
Status Run(ReferenceContext& context) {
  const size_t operands = context.input_count();
  std::vector<int> ranks;
  std::vector<const T*> data;
  for (size_t i = 0; i < operands; ++i) {
    ranks.push_back(context.input(i).shape.rank());
    data.push_back(InputArray<T>(context, i));
  }
  WHET_ASSIGN_OR_RETURN(const Equation equation, Parse(context.attributes().String("equation"), ranks));
  std::vector<int> labels = equation.output;
  for (const auto& operand : equation.operands) {
    for (int label : operand) {
      if (std::find(labels.begin(), labels.end(), label) == labels.end()) labels.push_back(label);
    }
  }
  const size_t outputs = equation.output.size();
  std::vector<int64_t> sizes(labels.size(), 1);
  std::vector<std::vector<int64_t>> strides(operands, std::vector<int64_t>(labels.size(), 0));
  for (size_t i = 0; i < operands; ++i) {
    const Shape& shape = context.input(i).shape;
    const auto own = StridesOf(shape);
    for (size_t d = 0; d < equation.operands[i].size(); ++d) {
      const auto at = static_cast<size_t>(std::find(labels.begin(), labels.end(), equation.operands[i][d]) -
                                          labels.begin());
      const int64_t size = shape[static_cast<int>(d)];
      if (size == 1) continue;
      sizes[at] = size;
      strides[i][at] += own[d];
    }
  }
  T* y = OutputArray<T>(context, 0);
  const int64_t count = context.output(0).elements();
  int64_t terms = 1;
  for (size_t k = outputs; k < labels.size(); ++k) terms *= sizes[k];
  std::vector<int64_t> index(labels.size(), 0), offsets(operands, 0);
  const auto next = [&] {
    for (size_t k = labels.size(); k-- > 0;) {
      for (size_t i = 0; i < operands; ++i) offsets[i] += strides[i][k];
      if (++index[k] < sizes[k]) return;
      for (size_t i = 0; i < operands; ++i) offsets[i] -= strides[i][k] * sizes[k];
      index[k] = 0;
    }
  };
  for (int64_t o = 0; o < count; ++o) {
    T sum = 0;
    for (int64_t t = 0; t < terms; ++t, next()) {
      T product = 1;
      for (size_t i = 0; i < operands; ++i) product *= data[i][offsets[i]];
      sum += product;
    }
    y[o] = sum;
  }
  StoreArray(context, 0, y);
  return {};
}

Status Reference(ReferenceContext& context) {
  return IsFloat(context.input(0).dtype) ? Run<double>(context) : Run<int64_t>(context);
}

constexpr AttributeDef kAttributes[] = {{"equation", AttributeKind::kString, true}};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "Einsum", .since = 12}};

}  // namespace

extern const OpDef op_einsum;
const OpDef op_einsum = {
    .name = "Einsum",
    .summary = "Sums of products by Einstein's convention",
    .min_inputs = 1,
    .max_inputs = -1,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_einsum;
const OpSpellings spellings_einsum = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
