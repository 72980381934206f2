#include "kernels/recurrent/lstm.h"

#include "kernels/extent.h"
#include "kernels/isa_list.h"
#include "kernels/recurrent/recurrent_sizes.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                 \
  namespace ns {                                              \
  void LstmF32(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace lstm {
namespace {

#define WHET_ROW(ns, isa) Row{"lstm/f32/" #ns, Isa::isa, ns::LstmF32, Validate},
constexpr Row kRows[] = {WHET_FOR_EACH_ISA(WHET_ROW)};
#undef WHET_ROW

constexpr int64_t kGates = 4;
constexpr int64_t kScratchVectors = 3;

}  // namespace

Status Choose(Isa isa, const Params& params, Choice* choice) {
  if (!recurrent::SizesInRange(params)) {
    return Error(Code::kInvalidArgument, "LSTM of %lld units, %lld steps and a batch of %lld is out of range",
                 static_cast<long long>(params.hidden), static_cast<long long>(params.steps),
                 static_cast<long long>(params.batch));
  }
  *choice = {BestRow(kRows, isa), params.batch, recurrent::ScratchBytes(params.hidden, kScratchVectors)};
  return OkStatus();
}

const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "lstm: params have the wrong size";
  const Params& p = *read;
  if (!recurrent::SizesInRange(p)) return "lstm: a size is out of range";
  if (claim.operand_bytes.size() != 7) return "lstm: needs seven operands";
  const auto bytes = claim.operand_bytes;
  if (!recurrent::SequenceFits(p, p.hidden, p.out_step_stride, p.out_batch_stride, bytes[0], true) ||
      !recurrent::SequenceFits(p, kGates * p.hidden, p.gates_step_stride, p.gates_batch_stride, bytes[3],
                               false)) {
    return "lstm: the gates or the output are too small";
  }
  for (size_t i : {1, 2, 4, 5}) {
    if (!recurrent::StateFits(p, bytes[i])) return "lstm: a state is too small";
  }
  if (!recurrent::WeightsFit(kGates, p.hidden, bytes[6])) return "lstm: the weights are too small";
  if (recurrent::ScratchBytes(p.hidden, kScratchVectors) > claim.scratch_bytes)
    return "lstm: the scratch is too small";
  if (p.batch != claim.units) return "lstm: wrong number of units";
  return nullptr;
}

void AppendRows(std::vector<const Row*>* rows) {
  for (const Row& row : kRows) rows->push_back(&row);
}

}  // namespace lstm
}  // namespace whet::kernels
