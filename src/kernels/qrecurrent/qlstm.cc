#include "kernels/qrecurrent/qlstm.h"

#include "kernels/extent.h"
#include "kernels/isa_list.h"
#include "kernels/recurrent/recurrent_sizes.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                \
  namespace ns {                                             \
  void LstmI8(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_DOT_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace qlstm {
namespace {

using recurrent::kUnits;

#define WHET_ROW(ns, isa) Row{"qlstm/i8/" #ns, Isa::isa, ns::LstmI8, Validate},
constexpr Row kRows[] = {WHET_FOR_EACH_DOT_ISA(WHET_ROW)};
#undef WHET_ROW

constexpr int64_t kGates = 4;
constexpr int64_t kScratchVectors = 3;

int64_t BlocksOf(int64_t hidden) { return CeilDiv(hidden, kUnits); }
int64_t PackedBytes(int64_t hidden) { return BlocksOf(hidden) * CeilDiv(hidden, 2) * kGates * kUnits * 2; }

bool InRange(const Params& p) { return recurrent::SizesInRange(p) && p.hidden <= kLargestHidden; }

}  // namespace

Status Choose(Isa isa, const Params& params, Choice* choice) {
  if (!InRange(params)) {
    return Error(Code::kUnsupported, "LSTM of %lld units in integers: the limit is %lld",
                 static_cast<long long>(params.hidden), static_cast<long long>(kLargestHidden));
  }
  *choice = {BestRow(kRows, isa), params.batch, recurrent::ScratchBytes(params.hidden, kScratchVectors)};
  return OkStatus();
}

const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "qlstm: params have the wrong size";
  const Params& p = *read;
  if (!InRange(p)) return "qlstm: a size is out of range";
  if (claim.operand_bytes.size() != 8) return "qlstm: needs eight operands";
  const auto bytes = claim.operand_bytes;
  if (!recurrent::SequenceFits(p, p.hidden, p.out_step_stride, p.out_batch_stride, bytes[0], true) ||
      !recurrent::SequenceFits(p, kGates * p.hidden, p.gates_step_stride, p.gates_batch_stride, bytes[3],
                               false)) {
    return "qlstm: the gates or the output are too small";
  }
  for (size_t i : {1, 2, 4, 5}) {
    if (!recurrent::StateFits(p, bytes[i])) return "qlstm: a state is too small";
  }
  if (static_cast<uint64_t>(PackedBytes(p.hidden)) > bytes[6]) return "qlstm: the weights are too small";
  if (static_cast<uint64_t>(BlocksOf(p.hidden) * kGates * kUnits) > bytes[7] / sizeof(float))
    return "qlstm: the scales are too small";
  if (recurrent::ScratchBytes(p.hidden, kScratchVectors) > claim.scratch_bytes)
    return "qlstm: the scratch is too small";
  if (p.batch != claim.units) return "qlstm: wrong number of units";
  return nullptr;
}

void AppendRows(std::vector<const Row*>* rows) {
  for (const Row& row : kRows) rows->push_back(&row);
}

std::vector<int8_t> Pack(const int8_t* weights, int64_t hidden) {
  std::vector<int8_t> packed;
  packed.reserve(static_cast<size_t>(PackedBytes(hidden)));
  for (int64_t block = 0; block < hidden; block += kUnits) {
    for (int64_t k = 0; k < hidden; k += 2) {
      for (int64_t gate = 0; gate < kGates; ++gate) {
        for (int64_t unit = block; unit < block + kUnits; ++unit) {
          for (int64_t i = k; i < k + 2; ++i) {
            packed.push_back(unit < hidden && i < hidden ? weights[(gate * hidden + unit) * hidden + i]
                                                         : int8_t{0});
          }
        }
      }
    }
  }
  return packed;
}

std::vector<float> PackScales(const float* scales, int64_t hidden) {
  std::vector<float> packed;
  for (int64_t block = 0; block < hidden; block += kUnits) {
    for (int64_t gate = 0; gate < kGates; ++gate) {
      for (int64_t unit = block; unit < block + kUnits; ++unit)
        packed.push_back(unit < hidden ? scales[gate * hidden + unit] : 0.0f);
    }
  }
  return packed;
}

}  // namespace qlstm
}  // namespace whet::kernels
