#include "kernels/kernel.h"

#include <algorithm>
#include <vector>

#include "kernels/attention/attention.h"
#include "kernels/conv/conv.h"
#include "kernels/conv_transpose/conv_transpose.h"
#include "kernels/convert/convert.h"
#include "kernels/depthwise/depthwise.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/gemm/gemm.h"
#include "kernels/grid_sample/grid_sample.h"
#include "kernels/move/copy.h"
#include "kernels/move/gather.h"
#include "kernels/move/pad.h"
#include "kernels/normalize/group_norm.h"
#include "kernels/normalize/row_norm.h"
#include "kernels/pool/pool.h"
#include "kernels/qconv/qconv.h"
#include "kernels/qconv16/qconv16.h"
#include "kernels/qdepthwise/qdepthwise.h"
#include "kernels/qdepthwise16/qdepthwise16.h"
#include "kernels/qrecurrent/qlstm.h"
#include "kernels/quantized/binary.h"
#include "kernels/quantized/pool.h"
#include "kernels/quantized/prelu.h"
#include "kernels/quantized/quantize.h"
#include "kernels/quantized/resize_8bit.h"
#include "kernels/quantized/softmax_8bit.h"
#include "kernels/quantized/table.h"
#include "kernels/qwinograd/qwinograd.h"
#include "kernels/recurrent/gru.h"
#include "kernels/recurrent/lstm.h"
#include "kernels/reduce/arg_reduce.h"
#include "kernels/reduce/cumulative_sum.h"
#include "kernels/reduce/reduce.h"
#include "kernels/resize/resize.h"
#include "kernels/row_outputs.h"
#include "kernels/softmax/softmax.h"
#include "kernels/weight_gemm/weight_gemm.h"
#include "kernels/winograd/winograd.h"

namespace whet::kernels {

namespace {

// Adds the addresses of the rows of a family's constexpr table.
using AppendRowsFn = void (*)(std::vector<const Row*>* rows);

struct Family {
  AppendRowsFn append;
  size_t outputs = 1;  // operands that its rows write; the first ones
};

// One line a family.
// clang-format off
constexpr Family kFamilies[] = {
    {arg_reduce::AppendRows},
    {attention::AppendRows},
    {conv::AppendRows},
    {conv_transpose::AppendRows},
    {convert::AppendRows},
    {copy::AppendRows},
    {cumulative_sum::AppendRows},
    {depthwise::AppendRows},
    {elementwise::AppendRows},
    {gather::AppendRows},
    {gemm::AppendRows},
    {grid_sample::AppendRows},
    {group_norm::AppendRows},
    {gru::AppendRows, 2},
    {lstm::AppendRows, 3},
    {pad::AppendRows},
    {pool::AppendRows},
    {quantized_pool::AppendRows},
    {quantized_prelu::AppendRows},
    {qconv::AppendRows},
    {qconv16::AppendRows},
    {qdepthwise::AppendRows},
    {qdepthwise16::AppendRows},
    {qlstm::AppendRows, 3},
    {quantize::AppendRows},
    {quantized_binary::AppendRows},
    {qwinograd::AppendRows},
    {reduce::AppendRows},
    {resize::AppendRows},
    {resize_8bit::AppendRows},
    {row_norm::AppendRows},
    {softmax::AppendRows},
    {softmax_8bit::AppendRows},
    {table::AppendRows},
    {weight_gemm::AppendRows},
    {winograd::AppendRows},
};
// clang-format on

struct Registry {
  std::vector<const Row*> rows;
  std::vector<size_t> outputs;  // of each row
};

const Registry& Rows() {
  static const Registry registry = [] {
    Registry all;
    for (const Family& family : kFamilies) {
      family.append(&all.rows);
      all.outputs.resize(all.rows.size(), family.outputs);
    }
    return all;
  }();
  return registry;
}

}  // namespace

std::span<const Row* const> AllRows() { return Rows().rows; }

const Row* FindRow(std::string_view name) {
  for (const Row* row : AllRows()) {
    if (name == row->name) return row;
  }
  return nullptr;
}

size_t RowOutputs(const Row& row) {
  const auto& [rows, outputs] = Rows();
  const auto at = std::find(rows.begin(), rows.end(), &row);
  return at == rows.end() ? SIZE_MAX : outputs[static_cast<size_t>(at - rows.begin())];
}

}  // namespace whet::kernels
