#include "ops/resize_common.h"

#include <numeric>

#include "ops/elements_common.h"
#include "ops/spatial_common.h"

namespace whet::ops {
namespace {

std::string ExportReordered(const Value* values, std::span<const int64_t> order, bool twice, OnnxSink& sink) {
  if (values == nullptr) return "";
  std::vector<int64_t> indices(order.begin(), order.end());
  for (size_t i = 0; twice && i < order.size(); ++i) {
    indices.push_back(order[i] + static_cast<int64_t>(order.size()));
  }
  if (values->IsConstant() &&
      values->constant()->shape().elements() == static_cast<int64_t>(indices.size())) {
    auto reordered = Constant::Allocate(values->constant()->dtype(), values->constant()->shape());
    for (size_t i = 0; i < indices.size(); ++i) {
      CopyElement(values->constant()->view(), indices[i], reordered->view(), static_cast<int64_t>(i));
    }
    return sink.Initializer(values->name(), std::move(reordered));
  }
  std::string result = sink.Fresh("reordered");
  sink.Node("Gather", {sink.NameOf(values), sink.Initializer("order", Constant::Ints(indices))}, {result});
  return result;
}

}  // namespace

Status ExportResize(const Node& node, const std::string& x, const Value* roi, const Value* scales,
                    const Value* sizes, Attributes attributes, const std::string& y, OnnxSink& sink) {
  const Type& type = node.input(0)->type;
  if (sink.opset() < 18 && (attributes.Int("antialias") != 0 || attributes.Has("axes") ||
                            attributes.Has("keep_aspect_ratio_policy"))) {
    return Error(Code::kUnsupported,
                 "Resize with antialias, axes or keep_aspect_ratio_policy needs opset 18");
  }
  if (sink.opset() < 18) attributes.Remove("antialias");
  std::vector<int64_t> order = ChannelsFirstOrder(type.rank());
  const auto given = attributes.Ints("axes");
  if (!given.empty()) {
    std::vector<int64_t> axes(given.begin(), given.end());
    for (int64_t& axis : axes) axis = ChannelsLastOrder(type.rank())[static_cast<size_t>(axis)];
    order.resize(axes.size());
    std::iota(order.begin(), order.end(), 0);
    attributes.Set("axes", std::move(axes));
  }
  std::vector<std::string> inputs = {x, ExportReordered(roi, order, true, sink),
                                     ExportReordered(scales, order, false, sink),
                                     ExportReordered(sizes, order, false, sink)};
  while (inputs.back().empty()) inputs.pop_back();
  sink.Node("Resize", inputs, std::span(&y, 1), attributes);
  return {};
}

}  // namespace whet::ops
