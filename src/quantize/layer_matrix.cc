#include "quantize/layer_matrix.h"

#include <algorithm>
#include <cstring>

namespace whet::quantize {

Result<LayerMatrix> LayerMatrix::Of(const Node& node) {
  LayerMatrix layer;
  const Shape& w = node.input(1)->constant()->shape();
  layer.reads_ = node.input(0)->name();
  if (node.Is("MatMul")) {
    if (w.rank() != 2) return Error(Code::kUnsupported, "its weights are not one matrix");
    if (node.attributes.Int("transpose_a") != 0) return Error(Code::kUnsupported, "its input is transposed");
    layer.columns_first_ = node.attributes.Int("transpose_b") == 0;
    layer.rows_ = w[layer.columns_first_ ? 1 : 0];
    layer.columns_ = w[layer.columns_first_ ? 0 : 1];
    return layer;
  }
  layer.kind_ = node.Is("Conv") ? Kind::kConvolution : Kind::kTransposedConvolution;
  layer.groups_ = node.attributes.Int("group", 1);
  if (layer.kind_ == Kind::kTransposedConvolution && layer.groups_ != 1)
    return Error(Code::kUnsupported, "it is a transposed convolution in groups");
  WHET_ASSIGN_OR_RETURN(layer.window_, ops::ReadWindow(node.attributes, ops::SpatialDims(w)));
  const auto padding = node.attributes.Ints("output_padding");
  layer.output_padding_.assign(padding.begin(), padding.end());
  layer.output_padding_.resize(layer.window_.rank(), 0);
  layer.rows_ = w[0] / layer.groups_;
  layer.columns_ = w.elements() / std::max<int64_t>(w[0], 1);
  layer.reads_ += layer.kind_ == Kind::kConvolution ? " conv" : " transposed";
  const auto add = [&](std::span<const int64_t> values) {
    for (int64_t value : values) layer.reads_ += ' ' + std::to_string(value);
    layer.reads_ += ';';
  };
  const ops::Window& window = layer.window_;
  add(window.kernel);
  add(window.strides);
  add(window.dilations);
  add(window.begins);
  add(window.ends);
  add(layer.output_padding_);
  add(std::vector<int64_t>{layer.groups_, window.same_upper ? 1 : 0, window.same_lower ? 1 : 0});
  return layer;
}

LayerInputs::LayerInputs(const LayerMatrix& layer, const TensorView& x)
    : layer_(layer), x_(x), window_(layer.window_) {
  if (layer.kind_ == LayerMatrix::Kind::kProduct) {
    positions_ = x.elements() / std::max<int64_t>(layer.columns_, 1);
    return;
  }
  const auto in = ops::SpatialDims(x.shape);
  if (layer.kind_ == LayerMatrix::Kind::kConvolution) window_.Resolve(in);
  for (size_t i = 0; i < in.size(); ++i) {
    const int64_t size = layer.kind_ == LayerMatrix::Kind::kConvolution
                             ? window_.OutputSize(i, in[i])
                             : (in[i] - 1) * window_.strides[i] + window_.extent(i) - window_.begins[i] -
                                   window_.ends[i] + layer.output_padding_[i];
    sizes_.push_back(std::max<int64_t>(size, 0));
    pixels_ *= sizes_.back();
  }
  positions_ = x.shape[0] * pixels_;
}

void LayerInputs::Get(int64_t position, int64_t group, float* to) const {
  const auto columns = static_cast<size_t>(layer_.columns_);
  const auto* x = x_.as<float>();
  if (layer_.kind_ == LayerMatrix::Kind::kProduct) {
    std::memcpy(to, x + position * layer_.columns_, columns * sizeof(float));
    return;
  }
  std::fill_n(to, columns, 0.0F);
  const auto in = ops::SpatialDims(x_.shape);
  int64_t in_pixels = 1;
  for (int64_t size : in) in_pixels *= size;
  const int64_t channels = x_.shape.back();
  const int64_t inputs = channels / layer_.groups_;
  const float* image = x + position / pixels_ * in_pixels * channels + group * inputs;
  int64_t out[8] = {};
  int64_t rest = position % pixels_;
  for (size_t d = sizes_.size(); d-- > 0;) {
    out[d] = rest % sizes_[d];
    rest /= sizes_[d];
  }
  const auto bytes = static_cast<size_t>(inputs) * sizeof(float);
  if (layer_.kind_ == LayerMatrix::Kind::kConvolution) {
    ops::ForTaps(window_, in, out, [&](int64_t tap, int64_t offset) {
      std::memcpy(to + tap * inputs, image + offset * channels, bytes);
    });
    return;
  }
  // Tap by tap, the input pixel that adds to this output, if its stride leads here.
  int64_t taps = 1;
  for (int64_t size : window_.kernel) taps *= size;
  for (int64_t tap = 0; tap < taps; ++tap) {
    int64_t offset = 0, stride = 1, index = tap;
    bool reaches = true;
    for (size_t d = sizes_.size(); d-- > 0;) {
      const int64_t at = out[d] + window_.begins[d] - index % window_.kernel[d] * window_.dilations[d];
      index /= window_.kernel[d];
      const int64_t from = at / window_.strides[d];
      reaches = reaches && at >= 0 && at % window_.strides[d] == 0 && from < in[d];
      offset += from * stride;
      stride *= in[d];
    }
    if (reaches) std::memcpy(to + tap * inputs, image + offset * channels, bytes);
  }
}

}  // namespace whet::quantize
