// Runs one operator on small tensors written down in a test.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "ir/builder.h"
#include "ir/evaluate.h"
#include "ops/elements_common.h"

namespace whet::ops {

struct TestTensor {
  Shape shape;
  std::vector<double> values;
  DType dtype = DType::kF32;
};

inline TensorPtr MakeTensor(const TestTensor& tensor) {
  auto constant = Constant::Allocate(tensor.dtype, tensor.shape);
  for (int64_t i = 0; i < tensor.shape.elements(); ++i) {
    StoreFloat(constant->view(), i, tensor.values[static_cast<size_t>(i)]);
  }
  return constant;
}

inline TestTensor ReadTensor(const TensorPtr& tensor) {
  TestTensor result{tensor->shape(), {}, tensor->dtype()};
  for (int64_t i = 0; i < tensor->shape().elements(); ++i) {
    result.values.push_back(LoadFloat(tensor->view(), i));
  }
  return result;
}

// The outputs of `op`; an input with dtype kUndefined is absent. Failures are reported to the test.
inline std::vector<TestTensor> RunOp(std::string_view op, const std::vector<TestTensor>& inputs,
                                     Attributes attributes = {}, size_t outputs = 1) {
  Graph graph;
  GraphBuilder builder(graph);
  std::vector<Value*> values;
  std::vector<TensorPtr> tensors;
  for (const TestTensor& input : inputs) {
    const bool absent = input.dtype == DType::kUndefined;
    tensors.push_back(absent ? nullptr : MakeTensor(input));
    values.push_back(absent ? nullptr : builder.Const(tensors.back()));
  }
  const auto results = builder.EmitNode(op, values, outputs, std::move(attributes));
  EXPECT_TRUE(builder.ok()) << builder.TakeStatus().ToString();
  if (results[0]->producer() == nullptr) return {};
  auto evaluated = EvaluateNode(*results[0]->producer(), tensors);
  EXPECT_TRUE(evaluated.ok()) << evaluated.TakeStatus().ToString();
  std::vector<TestTensor> read;
  if (!evaluated.ok()) return read;
  for (const TensorPtr& tensor : *evaluated) read.push_back(ReadTensor(tensor));
  return read;
}

}  // namespace whet::ops
