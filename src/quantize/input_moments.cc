#include "quantize/input_moments.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "ir/builder.h"

namespace whet::quantize {
namespace {

// Rows that are multiplied together.
constexpr int64_t kRows = 256;
// Of fewer columns, a plain loop is as fast as a Graph that has to be made first.
constexpr int64_t kFewColumns = 48;

struct Bad {
  bool nan = false;
  bool infinite = false;
};
Bad LookForBad(const TensorView& view) {
  const std::span<const float> values(view.as<float>(), static_cast<size_t>(view.elements()));
  // Infinities and NaNs have all exponent bits set; looked for first, since hardly any tensor has one.
  uint32_t found = 0;
  for (float value : values) {
    found |= (std::bit_cast<uint32_t>(value) & 0x7f800000U) == 0x7f800000U ? 1U : 0U;
  }
  Bad bad;
  if (found == 0) return bad;
  for (float value : values) {
    bad.nan = bad.nan || std::isnan(value);
    bad.infinite = bad.infinite || std::isinf(value);
  }
  return bad;
}

}  // namespace

// Of all layers that read the same.
class MomentsOfInputs::Sum {
 public:
  Sum(const LayerMatrix& layer, RunnableModel* product) : layer_(layer), product_(product) {
    const auto columns = static_cast<size_t>(layer.columns());
    const auto groups = static_cast<size_t>(layer.groups());
    result_.groups.assign(groups, Moments(columns * columns, 0.0F));
    means_.assign(groups, std::vector<double>(columns, 0));
    for (int64_t g = 0; product != nullptr && g < layer.groups(); ++g) {
      rows_.push_back(Constant::Allocate(DType::kF32, Shape{kRows, layer.columns()}));
    }
    filled_.assign(rows_.size(), 0);
    row_.resize(columns);
  }

  // `run` counts the runs of all samples; `most` positions of this one.
  Status Add(const TensorView& x, size_t run, int64_t most) {
    const LayerInputs inputs(layer_, x);
    const int64_t step = std::max<int64_t>(1, (inputs.positions() + most - 1) / most);
    const int64_t first = static_cast<int64_t>(run) % step;
    if (positions_ == 0) FindPivots(inputs, first, step);
    for (int64_t p = first; p < inputs.positions(); p += step) {
      for (int64_t g = 0; g < layer_.groups(); ++g) {
        const auto group = static_cast<size_t>(g);
        float* row = row_.data();
        if (product_ != nullptr) {
          row = static_cast<float*>(rows_[group]->mutable_data()) + filled_[group] * layer_.columns();
        }
        inputs.Get(p, g, row);
        for (size_t i = 0; i < row_.size(); ++i) {
          row[i] -= pivots_[group][i];
          means_[group][i] += static_cast<double>(row[i]);
        }
        if (product_ == nullptr) {
          AddRow(result_.groups[group]);
        } else if (++filled_[group] == kRows) {
          WHET_RETURN_IF_ERROR(Multiply(group));
        }
      }
      ++positions_;
    }
    return {};
  }

  void Spoil(std::string why) { result_.unusable = std::move(why); }
  bool spoiled() const { return !result_.unusable.empty(); }

  Result<LayerMoments> Finish(bool centered) {
    for (size_t g = 0; g < filled_.size(); ++g) {
      if (filled_[g] == 0) continue;
      auto* rows = static_cast<float*>(rows_[g]->mutable_data());
      std::fill(rows + filled_[g] * layer_.columns(), rows + kRows * layer_.columns(), 0.0F);
      WHET_RETURN_IF_ERROR(Multiply(g));
    }
    if (positions_ == 0 && !spoiled()) Spoil("no sample reaches it");
    const size_t columns = row_.size();
    for (size_t g = 0; g < result_.groups.size() && !spoiled(); ++g) {
      std::vector<double>& mean = means_[g];
      for (double& value : mean) value /= static_cast<double>(positions_);
      Moments& moments = result_.groups[g];
      for (size_t i = 0; i < columns; ++i) {
        for (size_t j = 0; j < columns; ++j) {
          double value = static_cast<double>(moments[i * columns + j]) / static_cast<double>(positions_);
          value -= mean[i] * mean[j];
          if (!centered) {
            value += (mean[i] + static_cast<double>(pivots_[g][i])) *
                     (mean[j] + static_cast<double>(pivots_[g][j]));
          }
          moments[i * columns + j] = static_cast<float>(i == j ? std::max(value, 0.0) : value);
        }
      }
      if (std::ranges::all_of(moments, [](float value) { return std::isfinite(value); })) continue;
      Spoil("its inputs are too large to be squared");
    }
    if (spoiled()) result_.groups.clear();
    return std::move(result_);
  }

 private:
  void AddRow(Moments& moments) const {
    const size_t columns = row_.size();
    for (size_t i = 0; i < columns; ++i) {
      float* to = moments.data() + i * columns;
      for (size_t j = 0; j < columns; ++j) to[j] += row_[i] * row_[j];
    }
  }
  // Inputs are summed as what they differ from the first sample's mean, so that no digits are lost where they
  // vary little around a large one.
  void FindPivots(const LayerInputs& inputs, int64_t first, int64_t step) {
    for (int64_t g = 0; g < layer_.groups(); ++g) {
      std::vector<double> sums(row_.size(), 0);
      int64_t count = 0;
      for (int64_t p = first; p < inputs.positions() && count < kRows; p += step, ++count) {
        inputs.Get(p, g, row_.data());
        for (size_t i = 0; i < sums.size(); ++i) sums[i] += static_cast<double>(row_[i]);
      }
      std::vector<float>& pivots = pivots_.emplace_back();
      for (double sum : sums) {
        pivots.push_back(static_cast<float>(sum / static_cast<double>(std::max<int64_t>(count, 1))));
      }
    }
  }
  Status Multiply(size_t group) {
    WHET_RETURN_IF_ERROR(product_->Run({{"rows", rows_[group]}}));
    const auto* product = product_->outputs()[0].as<float>();
    Moments& moments = result_.groups[group];
    for (size_t i = 0; i < moments.size(); ++i) moments[i] += product[i];
    filled_[group] = 0;
    return {};
  }

  const LayerMatrix& layer_;
  RunnableModel* product_;
  LayerMoments result_;
  std::vector<std::shared_ptr<Constant>> rows_;  // of each group, waiting to be multiplied
  std::vector<int64_t> filled_;
  std::vector<std::vector<float>> pivots_;  // of each group, what is taken off its inputs
  std::vector<std::vector<double>> means_;  // of what is left; sums until Finish
  std::vector<float> row_;
  int64_t positions_ = 0;
};

Result<RunnableModel*> MomentsOfInputs::Product(int64_t columns) {
  if (columns < kFewColumns) return nullptr;
  std::unique_ptr<RunnableModel>& product = products_[columns];
  if (product == nullptr) {
    auto graph = std::make_unique<Graph>("moments");
    GraphBuilder builder(*graph);
    Value* rows = graph->AddInput("rows", Type::Of(DType::kF32, Shape{kRows, columns}.dims()));
    builder.SetNodeName("moments");
    graph->AddOutput(builder.Emit("MatMul", {builder.Transpose(rows, {1, 0}), rows}));
    WHET_RETURN_IF_ERROR(builder.TakeStatus());
    WHET_ASSIGN_OR_RETURN(product, runner_.Prepare(std::move(graph)));
  }
  return product.get();
}

uint64_t MomentsOfInputs::BytesFor(const Layer& layer) {
  const Type& input = layer.node->input(0)->type;
  int64_t elements = 1;
  for (const Dim& dim : input.dims) elements = SaturatingMul(elements, std::max<int64_t>(dim.lo, 1));
  const int64_t columns = layer.matrix.columns();
  const int64_t own = SaturatingMul(layer.matrix.groups(), SaturatingMul(columns, columns + kRows));
  return static_cast<uint64_t>(SaturatingMul(SaturatingAdd(elements, own), sizeof(float)));
}

Result<MomentsByInput> MomentsOfInputs::Run(const std::vector<Layer>& layers, SampleSource& samples,
                                            const MomentsOptions& options) {
  struct Watched {
    std::string value;
    std::vector<Sum*> sums;
    int64_t positions = 0;  // of all samples together
  };
  std::map<std::string, std::unique_ptr<Sum>> sums;
  std::vector<Watched> watched;
  for (const Layer& layer : layers) {
    std::unique_ptr<Sum>& sum = sums[layer.matrix.reads()];
    if (sum != nullptr) continue;
    WHET_ASSIGN_OR_RETURN(RunnableModel * product, Product(layer.matrix.columns()));
    sum = std::make_unique<Sum>(layer.matrix, product);
    const std::string& name = layer.node->input(0)->name();
    auto it = std::ranges::find(watched, name, &Watched::value);
    if (it == watched.end()) it = watched.insert(watched.end(), {name, {}, 0});
    it->sums.push_back(sum.get());
    // Each group of many is small and has weights of its own: fewer positions do, and each costs as many
    // visits as there are groups.
    const int64_t positions = MomentsOptions::PositionsFor(layer.matrix.columns());
    it->positions = std::max(it->positions, layer.matrix.groups() > 1 ? positions / 6 : positions);
  }
  std::vector<std::string> names;
  for (const Watched& value : watched) names.push_back(value.value);
  WHET_ASSIGN_OR_RETURN(std::unique_ptr<Graph> widened, WithOutputs(graph_, names));
  WHET_ASSIGN_OR_RETURN(const std::unique_ptr<RunnableModel> model, runner_.Prepare(std::move(widened)));
  const size_t own = graph_.outputs().size();
  const auto count = static_cast<int64_t>(std::max<size_t>(samples.size(), 1));
  size_t run = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    const std::string sample = samples.NameOf(i);
    auto runs = samples.Load(i);
    if (!runs.ok()) return runs.TakeStatus().At(sample);
    model->Reset();
    for (const Inputs& inputs : *runs) {
      Status status = model->Run(inputs);
      if (!status.ok()) return std::move(status).At(sample);
      for (size_t k = 0; k < watched.size(); ++k) {
        const TensorView& view = model->outputs()[own + k];
        const Bad bad = LookForBad(view);
        if (bad.nan) {
          return Error(Code::kInvalidArgument,
                       "value '%s' is not a number (NaN) on sample %s. Is the sample, or its preprocessing, "
                       "what the model expects?",
                       names[k].c_str(), sample.c_str());
        }
        const int64_t positions = watched[k].positions;
        for (Sum* sum : watched[k].sums) {
          if (bad.infinite) sum->Spoil(Format("its input is infinite on sample %s", sample.c_str()));
          if (!sum->spoiled()) WHET_RETURN_IF_ERROR(sum->Add(view, run, (positions + count - 1) / count));
        }
      }
      ++run;
    }
    if (options.progress) options.progress("weigh inputs", i + 1, samples.size());
  }
  MomentsByInput result;
  for (auto& [reads, sum] : sums) {
    WHET_ASSIGN_OR_RETURN(result[reads], sum->Finish(options.centered));
  }
  return result;
}

}  // namespace whet::quantize
