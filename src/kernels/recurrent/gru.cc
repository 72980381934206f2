#include "kernels/recurrent/gru.h"

#include "kernels/extent.h"
#include "kernels/isa_list.h"
#include "kernels/recurrent/recurrent_sizes.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                \
  namespace ns {                                             \
  void GruF32(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace gru {
namespace {

#define WHET_ROW(ns, isa) Row{"gru/f32/" #ns, Isa::isa, ns::GruF32, Validate},
constexpr Row kRows[] = {WHET_FOR_EACH_ISA(WHET_ROW)};
#undef WHET_ROW

constexpr int64_t kScratchVectors = 4;

}  // namespace

Status Choose(Isa isa, const Params& params, Choice* choice) {
  if (!recurrent::SizesInRange(params)) {
    return Error(Code::kInvalidArgument, "GRU of %lld units, %lld steps and a batch of %lld is out of range",
                 static_cast<long long>(params.hidden), static_cast<long long>(params.steps),
                 static_cast<long long>(params.batch));
  }
  *choice = {BestRow(kRows, isa), params.batch, recurrent::ScratchBytes(params.hidden, kScratchVectors)};
  return OkStatus();
}

const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "gru: params have the wrong size";
  const Params& p = *read;
  if (!recurrent::SizesInRange(p)) return "gru: a size is out of range";
  if (claim.operand_bytes.size() != 7) return "gru: needs seven operands";
  const auto bytes = claim.operand_bytes;
  if (!recurrent::SequenceFits(p, p.hidden, p.out_step_stride, p.out_batch_stride, bytes[0], true) ||
      !recurrent::SequenceFits(p, 3 * p.hidden, p.gates_step_stride, p.gates_batch_stride, bytes[2], false)) {
    return "gru: the gates or the output are too small";
  }
  if (!recurrent::StateFits(p, bytes[1]) || !recurrent::StateFits(p, bytes[3]))
    return "gru: a state is too small";
  if (!recurrent::WeightsFit(2, p.hidden, bytes[4]) || !recurrent::WeightsFit(1, p.hidden, bytes[5]) ||
      (bytes[6] != 0 && bytes[6] / sizeof(float) < static_cast<uint64_t>(p.hidden))) {
    return "gru: the weights are too small";
  }
  if (recurrent::ScratchBytes(p.hidden, kScratchVectors) > claim.scratch_bytes)
    return "gru: the scratch is too small";
  if (p.batch != claim.units) return "gru: wrong number of units";
  return nullptr;
}

void AppendRows(std::vector<const Row*>* rows) {
  for (const Row& row : kRows) rows->push_back(&row);
}

}  // namespace gru
}  // namespace whet::kernels
