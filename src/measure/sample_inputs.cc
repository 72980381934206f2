#include "measure/sample_inputs.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

namespace whet {
namespace {

bool IsState(const Graph& graph, const Value& input) {
  return std::any_of(graph.states.begin(), graph.states.end(),
                     [&](const State& state) { return state.input == &input; });
}

data::InputSpec SpecOf(const Value& input) {
  data::InputSpec spec;
  spec.dtype = input.type.dtype;
  for (const Dim& dim : input.type.dims) spec.dims.push_back(dim.known() ? dim.lo : -1);
  // A quantized model takes its input apart first; the numbers for that are its quantization.
  for (const Use& use : input.uses()) {
    if (!use.node->Is("DequantizeLinear") || use.input != 0) continue;
    const Value* scale = use.node->input(1);
    const Value* zero = use.node->input(2);
    if (scale == nullptr || !scale->IsConstant() || scale->constant()->shape().elements() != 1) continue;
    spec.quant_scale = static_cast<float>(data::ElementAsDouble(scale->constant()->view(), 0));
    if (zero != nullptr && zero->IsConstant() && zero->constant()->shape().elements() == 1) {
      spec.zero_point = static_cast<int>(data::ElementAsDouble(zero->constant()->view(), 0));
    }
  }
  return spec;
}

TensorPtr ToTensor(data::Array array) {
  const auto owner = std::make_shared<data::Array>(std::move(array));
  return Constant::Refer(owner->dtype(), owner->shape(), owner->bytes().data(), owner);
}

bool Fits(const Type& type, const Shape& shape) {
  if (!type.ranked) return true;
  if (type.rank() != shape.rank()) return false;
  for (int d = 0; d < shape.rank(); ++d) {
    const Dim& dim = type.dims[static_cast<size_t>(d)];
    if (shape[d] < dim.lo || shape[d] > dim.hi) return false;
  }
  return true;
}

// The shape as it is, with a batch of one before it, or with a channel of one on either side: a grey picture
// of a set may have no dimension for its only channel.
std::vector<Shape> Readings(const Shape& shape) {
  std::vector<Shape> readings = {shape};
  if (shape.rank() >= kMaxRank - 1) return readings;
  Shape batch{1};
  for (int64_t dim : shape) batch.push_back(dim);
  readings.push_back(batch);
  Shape first{1, 1};
  for (int64_t dim : shape) first.push_back(dim);
  readings.push_back(first);
  batch.push_back(1);
  readings.push_back(batch);
  return readings;
}

}  // namespace

Result<SampleInputs> SampleInputs::Create(const Graph& graph, SampleInputsOptions options) {
  SampleInputs inputs;
  for (const Value* input : graph.inputs()) {
    if (IsState(graph, *input) || options.fixed.contains(input->name())) continue;
    inputs.inputs_.push_back({input->name(), input->type, SpecOf(*input)});
  }
  for (const auto& [name, tensor] : options.fixed) {
    const Value* input = graph.FindValue(name);
    if (input == nullptr || !input->IsGraphInput()) {
      return Error(Code::kInvalidArgument, "the model has no input '%s'", name.c_str());
    }
    if (input->type.dtype != tensor->dtype() || !Fits(input->type, tensor->shape())) {
      return Error(Code::kInvalidArgument, "input '%s' is %s; %s %s does not fit", name.c_str(),
                   ToString(input->type).c_str(), std::string(DTypeName(tensor->dtype())).c_str(),
                   tensor->shape().ToString().c_str());
    }
  }
  if (inputs.inputs_.empty())
    return Error(Code::kUnsupported, "the model has no input that a sample could fill");
  inputs.options_ = std::move(options);
  return inputs;
}

Result<TensorPtr> SampleInputs::FromArray(const Input& input, data::Array array) const {
  if (array.dtype() != input.type.dtype) {
    WHET_ASSIGN_OR_RETURN(array, array.ConvertTo(input.type.dtype));
  }
  for (const Shape& reading : Readings(array.shape())) {
    if (!Fits(input.type, reading)) continue;
    WHET_RETURN_IF_ERROR(array.Reshape(reading));
    return ToTensor(std::move(array));
  }
  return Error(Code::kInvalidArgument, "its shape %s does not fit input '%s', which is %s",
               array.shape().ToString().c_str(), input.name.c_str(), ToString(input.type).c_str());
}

Result<TensorPtr> SampleInputs::FromText(const Input& input, std::string_view text) const {
  std::vector<int64_t> tokens;
  const char* at = text.data();
  const char* end = text.data() + text.size();
  while (true) {
    while (at != end && *at == ' ') ++at;
    if (at == end) break;
    const auto [rest, error] = std::from_chars(at, end, tokens.emplace_back());
    if (error != std::errc() || (rest != end && *rest != ' ')) {
      return Error(Code::kUnsupported,
                   "text is fed as token numbers parted by spaces; Whet has no tokenizer for words yet");
    }
    at = rest;
  }
  if (tokens.empty()) return Error(Code::kBadFile, "the line has no token number");
  WHET_ASSIGN_OR_RETURN(data::Array array,
                        data::Array::Create(DType::kI64, Shape{static_cast<int64_t>(tokens.size())}));
  std::copy(tokens.begin(), tokens.end(), array.as<int64_t>().begin());
  return FromArray(input, std::move(array));
}

Result<SampleInputs::Filled> SampleInputs::Fill(const Sample& sample) const {
  Filled filled;
  filled.tensors = options_.fixed;
  if (!sample.arrays.empty() && !(sample.arrays.size() == 1 && sample.arrays[0].name.empty())) {
    for (const data::NamedArray& named : sample.arrays) {
      const auto input =
          std::find_if(inputs_.begin(), inputs_.end(), [&](const Input& i) { return i.name == named.name; });
      if (input == inputs_.end()) {
        return Error(Code::kInvalidArgument, "the model has no input '%s'; its inputs begin with '%s'",
                     named.name.c_str(), inputs_[0].name.c_str())
            .At(sample.name);
      }
      WHET_ASSIGN_OR_RETURN(data::Array copy, named.array.Clone());
      Result<TensorPtr> tensor = FromArray(*input, std::move(copy));
      if (!tensor.ok()) return tensor.TakeStatus().At(sample.name);
      filled.tensors[input->name] = std::move(*tensor);
    }
  } else {
    const Input& input = inputs_[0];
    Result<TensorPtr> tensor = [&]() -> Result<TensorPtr> {
      if (sample.image) {
        WHET_ASSIGN_OR_RETURN(data::ImageInput image,
                              data::Preprocess(*sample.image, options_.image, input.spec));
        filled.placement = image.placement;
        return FromArray(input, std::move(image.array));
      }
      if (sample.audio) {
        WHET_ASSIGN_OR_RETURN(std::vector<data::Array> frames,
                              data::Preprocess(*sample.audio, options_.audio, input.spec));
        if (frames.size() != 1) {
          return Error(
              Code::kUnsupported,
              "the recording makes %zu frames of the model's input; samples have to be as long as one",
              frames.size());
        }
        return FromArray(input, std::move(frames[0]));
      }
      if (!sample.arrays.empty()) {
        WHET_ASSIGN_OR_RETURN(data::Array copy, sample.arrays[0].array.Clone());
        return FromArray(input, std::move(copy));
      }
      return FromText(input, sample.text);
    }();
    if (!tensor.ok()) return tensor.TakeStatus().At(sample.name);
    filled.tensors[input.name] = std::move(*tensor);
  }
  for (const Input& input : inputs_) {
    if (filled.tensors.contains(input.name)) continue;
    return Error(Code::kInvalidArgument,
                 "the set does not fill input '%s' (%s); give its value with -i '%s=…'", input.name.c_str(),
                 ToString(input.type).c_str(), input.name.c_str())
        .At(sample.name);
  }
  return filled;
}

}  // namespace whet
