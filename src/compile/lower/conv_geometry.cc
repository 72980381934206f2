#include "compile/lower/conv_geometry.h"

namespace whet {

bool ReadConvGeometry(const Node& node, const Value* w, ConvGeometry* geometry) {
  const Value* x = node.input(0);
  const Value* y = node.output();
  const int spatial = x->type.rank() - 2;
  if (spatial < 1 || spatial > 2) return false;
  if (node.attributes.Has("auto_pad") && node.attributes.String("auto_pad") != "NOTSET") return false;
  const Shape in = x->type.ToShape();
  const Shape out = y->type.ToShape();
  const Shape weights = w->type.ToShape();
  if (in.elements() == 0 || out.elements() == 0 || weights.elements() == 0) return false;
  geometry->batch = in[0];
  geometry->in_h = spatial == 1 ? 1 : in[1];
  geometry->in_w = in[spatial];
  geometry->out_h = spatial == 1 ? 1 : out[1];
  geometry->out_w = out[spatial];
  geometry->cin = in.back();
  geometry->cout = out.back();
  geometry->groups = node.attributes.Int("group", 1);
  const auto read = [&](std::string_view name, int64_t(&to)[2]) {
    const auto values = node.attributes.Ints(name);
    for (int i = 0; i < spatial && static_cast<size_t>(i) < values.size(); ++i) {
      to[2 - spatial + i] = values[static_cast<size_t>(i)];
    }
  };
  read("strides", geometry->stride);
  read("dilations", geometry->dilation);
  read("pads", geometry->pad);
  for (int i = 0; i < spatial; ++i) geometry->kernel[2 - spatial + i] = weights[1 + i];
  return true;
}

}  // namespace whet
