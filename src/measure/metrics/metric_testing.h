// Feeds metrics in tests with made-up answers.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "measure/metrics/metric.h"

namespace whet {

inline TensorPtr FloatTensor(const Shape& shape, const std::vector<float>& values) {
  return Constant::Copy(DType::kF32, shape, values.data());
}

// A model of one output "y" of this shape; -1 is an open dimension.
inline ModelDescription OneOutput(std::initializer_list<int64_t> dims) {
  ModelDescription model;
  Type type(DType::kF32, {});
  for (int64_t dim : dims) type.dims.push_back(dim < 0 ? Dim::Symbol("N") : Dim(dim));
  model.outputs.push_back({"y", type});
  return model;
}

inline DatasetInfo SetOf(TruthKind truth) {
  DatasetInfo info;
  info.format = "test";
  info.truth = truth;
  return info;
}

// Copyable, for lists in braces.
struct Answered {
  std::shared_ptr<Sample> sample = std::make_shared<Sample>();
  Prediction prediction;
};

// Prepared, fed and finished; the first error if there is one.
inline Status Feed(Metric& metric, const ModelDescription& model, const DatasetInfo& info,
                   const std::vector<Answered>& samples) {
  WHET_RETURN_IF_ERROR(metric.Prepare(model, nullptr, info, samples.size()));
  for (size_t i = samples.size(); i > 0; --i) {
    WHET_RETURN_IF_ERROR(metric.Add(i - 1, *samples[i - 1].sample, samples[i - 1].prediction, nullptr));
  }
  return metric.Finish();
}

inline double ValueOf(const Metric& metric, const std::vector<uint32_t>& drawn) {
  const auto value = metric.Value(drawn);
  EXPECT_TRUE(value.ok()) << value.status().ToString();
  return value.ok() ? *value : -1;
}

}  // namespace whet
