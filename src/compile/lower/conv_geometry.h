// The sizes of a convolution, as the kernels of several families take them.
#pragma once

#include <cstdint>

#include "ir/graph.h"

namespace whet {

// Two spatial dimensions; of one, the first is 1.
struct ConvGeometry {
  int64_t batch, in_h, in_w, out_h, out_w, cin, cout, groups;
  int64_t kernel[2] = {1, 1};
  int64_t stride[2] = {1, 1};
  int64_t dilation[2] = {1, 1};
  int64_t pad[2] = {0, 0};  // at the top and left
};

// False if the kernels have no such case: more than two spatial dimensions, padding that is not known yet,
// nothing to do.
bool ReadConvGeometry(const Node& node, const Value* weights, ConvGeometry* geometry);

template <typename Params>
void SetConvGeometry(const ConvGeometry& g, Params* params) {
  params->batch = g.batch;
  params->in_h = g.in_h;
  params->in_w = g.in_w;
  params->out_h = g.out_h;
  params->out_w = g.out_w;
  params->kernel_h = g.kernel[0];
  params->kernel_w = g.kernel[1];
  params->stride_h = g.stride[0];
  params->stride_w = g.stride[1];
  params->dilation_h = g.dilation[0];
  params->dilation_w = g.dilation[1];
  params->pad_top = g.pad[0];
  params->pad_left = g.pad[1];
}

}  // namespace whet
