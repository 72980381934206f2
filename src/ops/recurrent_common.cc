#include "ops/recurrent_common.h"

#include <algorithm>
#include <cctype>

namespace whet::ops {

Status InferRecurrent(InferContext& context, int gates) {
  const Type& x = context.input(0);
  const Type& w = context.input(1);
  const Type& r = context.input(2);
  const std::string_view direction = context.attributes().String("direction", "forward");
  if (direction != "forward" && direction != "reverse" && direction != "bidirectional") {
    return Error(Code::kBadFile, "direction is '%s'", std::string(direction).c_str());
  }
  const int64_t directions = direction == "bidirectional" ? 2 : 1;
  const bool batch_first = context.attributes().Int("layout") != 0;
  if ((x.ranked && x.rank() != 3) || (w.ranked && w.rank() != 3) || (r.ranked && r.rank() != 3)) {
    return Error(Code::kBadFile, "X %s, W %s and R %s must have 3 dimensions", ToString(x).c_str(),
                 ToString(w).c_str(), ToString(r).c_str());
  }
  const Dim steps = x.ranked ? x.dims[batch_first ? 1 : 0] : Dim();
  const Dim batch = x.ranked ? x.dims[batch_first ? 0 : 1] : Dim();
  Dim hidden = r.ranked ? r.dims[2] : Dim();
  const int64_t declared = context.attributes().Int("hidden_size");
  if (!hidden.known() && declared > 0) hidden = Dim(declared);
  const auto fits = [](const Type& type, std::initializer_list<Dim> dims) {
    size_t i = 0;
    for (const Dim& dim : dims) {
      const Dim& have = type.dims[i++];
      if (have.lo > dim.hi || dim.lo > have.hi) return false;
    }
    return true;
  };
  const Dim rows = hidden * Dim(gates);
  if ((r.ranked && !fits(r, {Dim(directions), rows, hidden})) ||
      (w.ranked && !fits(w, {Dim(directions), rows, x.ranked ? x.dims[2] : Dim()}))) {
    return Error(Code::kBadFile, "W %s and R %s do not fit the input %s, %lld directions and %d gates",
                 ToString(w).c_str(), ToString(r).c_str(), ToString(x).c_str(),
                 static_cast<long long>(directions), gates);
  }
  if (context.HasInput(3)) {
    const Type& b = context.input(3);
    if (b.ranked && (b.rank() != 2 || !fits(b, {Dim(directions), rows * Dim(2)}))) {
      return Error(Code::kBadFile, "B is %s; it must be [%lld, %s]", ToString(b).c_str(),
                   static_cast<long long>(directions), ToString(rows * Dim(2)).c_str());
    }
  }
  if (context.HasInput(4)) {
    const Type& lengths = context.input(4);
    if (lengths.ranked && (lengths.rank() != 1 || !fits(lengths, {batch}))) {
      return Error(Code::kBadFile, "sequence_lens is %s; it must have one entry a sequence",
                   ToString(lengths).c_str());
    }
  }
  if (context.HasInput(7)) {
    const Type& p = context.input(7);
    if (p.ranked && (p.rank() != 2 || !fits(p, {Dim(directions), hidden * Dim(3)}))) {
      return Error(Code::kBadFile, "P is %s; it must be [%lld, %s]", ToString(p).c_str(),
                   static_cast<long long>(directions), ToString(hidden * Dim(3)).c_str());
    }
  }
  const Dim d(directions);
  const auto state = batch_first ? std::vector<Dim>{batch, d, hidden} : std::vector<Dim>{d, batch, hidden};
  for (size_t i = 5; i <= 6; ++i) {
    if (!context.HasInput(i) || !context.input(i).ranked) continue;
    const Type& initial = context.input(i);
    if (initial.rank() != 3 || !fits(initial, {state[0], state[1], state[2]})) {
      return Error(Code::kBadFile, "the initial state is %s but must be %s", ToString(initial).c_str(),
                   ToString(Type(x.dtype, state)).c_str());
    }
  }
  context.SetOutput(0, Type(x.dtype, batch_first ? std::vector<Dim>{batch, steps, d, hidden}
                                                 : std::vector<Dim>{steps, d, batch, hidden}));
  context.SetOutput(1, Type(x.dtype, state));
  context.SetOutput(2, Type(x.dtype, state));
  return {};
}

Result<GateActivation> GateActivation::Find(std::string_view name) {
  struct Row {
    std::string_view name;
    double (*function)(double x, double alpha, double beta);
    bool has_alpha = false, has_beta = false;
    double alpha = 0, beta = 0;
  };
  static constexpr Row kRows[] = {
      {"sigmoid", [](double x, double, double) { return 1 / (1 + std::exp(-x)); }},
      {"tanh", [](double x, double, double) { return std::tanh(x); }},
      {"relu", [](double x, double, double) { return x > 0 ? x : 0; }},
      {"softsign", [](double x, double, double) { return x / (1 + std::abs(x)); }},
      {"softplus", [](double x, double, double) { return std::log1p(std::exp(x)); }},
      {"affine", [](double x, double a, double b) { return a * x + b; }, true, true, 1, 0},
      {"leakyrelu", [](double x, double a, double) { return x < 0 ? a * x : x; }, true, false, 0.01, 0},
      {"thresholdedrelu", [](double x, double a, double) { return x >= a ? x : 0; }, true, false, 1, 0},
      {"scaledtanh", [](double x, double a, double b) { return a * std::tanh(b * x); }, true, true, 1, 1},
      {"hardsigmoid", [](double x, double a, double b) { return std::clamp(a * x + b, 0.0, 1.0); }, true,
       true, 0.2, 0.5},
      {"elu", [](double x, double a, double) { return x < 0 ? a * std::expm1(x) : x; }, true, false, 1, 0},
  };
  for (const Row& row : kRows) {
    const bool same = std::equal(name.begin(), name.end(), row.name.begin(), row.name.end(),
                                 [](char a, char b) { return std::tolower(a) == b; });
    if (!same) continue;
    GateActivation activation;
    activation.function_ = row.function;
    activation.alpha_ = row.alpha;
    activation.beta_ = row.beta;
    activation.has_alpha_ = row.has_alpha;
    activation.has_beta_ = row.has_beta;
    return activation;
  }
  return Error(Code::kBadFile, "'%s' is not an activation", std::string(name).c_str());
}

void GateActivation::TakeParameters(std::span<const double>* alphas, std::span<const double>* betas) {
  if (has_alpha_ && !alphas->empty()) {
    alpha_ = alphas->front();
    *alphas = alphas->subspan(1);
  }
  if (has_beta_ && !betas->empty()) {
    beta_ = betas->front();
    *betas = betas->subspan(1);
  }
}

RecurrentSizes SizesOf(const ReferenceContext& context) {
  const Shape& x = context.input(0).shape;
  const Shape& r = context.input(2).shape;
  RecurrentSizes sizes;
  sizes.batch_first = context.attributes().Int("layout") != 0;
  sizes.steps = x[sizes.batch_first ? 1 : 0];
  sizes.batch = x[sizes.batch_first ? 0 : 1];
  sizes.inputs = x[2];
  sizes.hidden = r[2];
  sizes.directions = r[0];
  return sizes;
}

Result<std::vector<GateActivation>> ActivationsOf(const Attributes& attributes, int64_t directions,
                                                  std::span<const std::string_view> defaults) {
  const auto names = attributes.Strings("activations");
  const size_t count = defaults.size() * static_cast<size_t>(directions);
  if (!names.empty() && names.size() != count) {
    return Error(Code::kBadFile, "activations has %zu entries but must have %zu", names.size(), count);
  }
  auto alphas = attributes.Floats("activation_alpha");
  auto betas = attributes.Floats("activation_beta");
  std::vector<GateActivation> activations;
  for (size_t i = 0; i < count; ++i) {
    WHET_ASSIGN_OR_RETURN(GateActivation activation,
                          GateActivation::Find(names.empty() ? defaults[i % defaults.size()] : names[i]));
    activation.TakeParameters(&alphas, &betas);
    activations.push_back(activation);
  }
  return activations;
}

int64_t RecurrentMacs(const Node& node) {
  const Shape x = node.input(0)->type.ToShape();
  return x[0] * x[1] * (node.input(1)->type.ToShape().elements() + node.input(2)->type.ToShape().elements());
}

}  // namespace whet::ops
