#include "kernels/elementwise/elementwise.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "kernels/extent.h"
#include "kernels/isa_list.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                        \
  namespace ns {                                                     \
  void ElementwiseF32(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace elementwise {
namespace {

#define WHET_ROW(ns, isa) Row{"elementwise/f32/" #ns, Isa::isa, ns::ElementwiseF32, Validate},
constexpr Row kRows[] = {WHET_FOR_EACH_ISA(WHET_ROW)};
#undef WHET_ROW

// Elements in a block. One instruction between operands in place needs no scratch, and larger blocks cost
// nothing.
constexpr int64_t kBlock = 1024;
constexpr int64_t kBlockInPlace = 4096;
// From so many columns on, rows that are not contiguous are taken one at a time rather than spread out in
// scratch.
constexpr int64_t kLongRow = 192;
// A vector store may run over the end of what it spreads out.
constexpr int64_t kSlotSlack = 16;

Access AccessOf(const Params& params, int operand) {
  const int64_t row_stride = params.stride[operand][params.dims - 2];
  const int64_t column_stride = params.stride[operand][params.dims - 1];
  const int64_t columns = params.size[params.dims - 1];
  const bool one_row = params.block_rows == 1;
  if (params.type[operand] != DType::kF32) return Access::kSpread;
  if (column_stride == 1 && (one_row || row_stride == columns)) return Access::kDense;
  if (operand == 0) return Access::kSpread;
  if (column_stride == 0 && (one_row || row_stride == 0)) return Access::kScalar;
  if (column_stride == 1 && row_stride == 0) return Access::kChannel;
  return Access::kSpread;
}

bool NeedsSlot(Access access) { return access == Access::kChannel || access == Access::kSpread; }

// The inputs of the last instruction are read and the output written in one pass, so these agree on the
// layout.
int64_t SlotsOf(const Params& params) {
  int64_t slots = params.registers;
  for (int i = 0; i <= params.inputs; ++i) slots += NeedsSlot(params.access[i]) ? 1 : 0;
  return slots;
}

// Nothing on overflow.
std::optional<int64_t> UnitsOf(const Params& params) {
  int64_t factors[kMaxDims];
  std::copy_n(params.size, params.dims, factors);
  factors[params.dims - 2] = CeilDiv(factors[params.dims - 2], params.block_rows);
  factors[params.dims - 1] = CeilDiv(factors[params.dims - 1], params.block_columns);
  return Product({factors, static_cast<size_t>(params.dims)});
}

// One dimension: its size and its stride in every operand.
struct Dim {
  int64_t size;
  std::array<int64_t, 1 + kMaxInputs> stride;
};

// Drops dimensions of one element, orders the others by the output's layout, and merges neighbours that every
// operand walks as one. At least two are left.
std::vector<Dim> Collapse(std::vector<Dim> dims, int operands) {
  std::erase_if(dims, [](const Dim& dim) { return dim.size == 1; });
  std::stable_sort(dims.begin(), dims.end(),
                   [](const Dim& a, const Dim& b) { return a.stride[0] > b.stride[0]; });
  std::vector<Dim> merged;
  for (const Dim& dim : dims) {
    const bool joins = !merged.empty() && [&] {
      for (int i = 0; i < operands; ++i) {
        if (merged.back().stride[i] != dim.stride[i] * dim.size) return false;
      }
      return true;
    }();
    if (joins) {
      merged.back() = {merged.back().size * dim.size, dim.stride};
    } else {
      merged.push_back(dim);
    }
  }
  while (merged.size() < 2) merged.insert(merged.begin(), Dim{1, {}});
  return merged;
}

Status CheckProgram(std::span<const Instruction> program, size_t inputs, size_t constants) {
  if (program.empty() || program.size() > kMaxInstructions || inputs > kMaxInputs ||
      constants > kMaxConstants) {
    return Error(Code::kUnsupported,
                 "elementwise program of %zu instructions, %zu inputs and %zu constants; the limits are %d, "
                 "%d and %d: "
                 "split it",
                 program.size(), inputs, constants, kMaxInstructions, kMaxInputs, kMaxConstants);
  }
  for (size_t i = 0; i < program.size(); ++i) {
    const uint8_t sources[3] = {program[i].a, program[i].b, program[i].c};
    const int arity = Arity(program[i].op);
    for (int k = 0; k < arity; ++k) {
      const size_t limit = sources[k] < Constant(0)      ? inputs
                           : sources[k] < kFirstRegister ? Constant(0) + constants
                                                         : kFirstRegister + i;
      if (sources[k] >= limit) {
        return Error(Code::kInvalidArgument,
                     "elementwise instruction %zu reads operand %d, which does not exist", i, sources[k]);
      }
    }
    if (arity == 0) {
      return Error(Code::kInvalidArgument, "elementwise instruction %zu has an unknown operator %d", i,
                   static_cast<int>(program[i].op));
    }
  }
  return OkStatus();
}

// Gives each result a register that no later reader of another result needs.
void AllocateRegisters(std::span<const Instruction> program, Params* params) {
  std::array<int, kMaxInstructions> last_use{};
  const int count = static_cast<int>(program.size());
  for (int i = 0; i < count; ++i) {
    for (uint8_t source : {program[i].a, program[i].b, program[i].c}) {
      if (source >= kFirstRegister) last_use[source - kFirstRegister] = i;
    }
  }
  std::array<uint8_t, kMaxInstructions> home{};
  std::array<int, kMaxInstructions> busy_until{};  // by register
  params->instructions = count;
  for (int i = 0; i < count; ++i) {
    Instruction instruction = program[i];
    if (Arity(instruction.op) < 3) instruction.c = 0;
    if (Arity(instruction.op) < 2) instruction.b = 0;
    for (uint8_t* source : {&instruction.a, &instruction.b, &instruction.c}) {
      if (*source >= kFirstRegister) *source = Result(home[*source - kFirstRegister]);
    }
    instruction.dst = 0;
    if (i + 1 < count) {
      // One that is read for the last time here may be overwritten: an element is read before it is written.
      uint8_t reg = 0;
      while (busy_until[reg] > i) ++reg;
      busy_until[reg] = last_use[i];
      home[i] = reg;
      instruction.dst = reg;
      params->registers = std::max<int32_t>(params->registers, reg + 1);
    }
    params->program[i] = instruction;
  }
}

bool TypeAllowed(DType type, bool output) {
  return type == DType::kF32 || type == DType::kBool ||
         (!output && (type == DType::kU8 || type == DType::kI8));
}

}  // namespace

int Arity(Op op) {
  if (op <= Op::kAffine) return 1;
  if (op >= Op::kAdd && op <= Op::kFmod) return 2;
  if (op == Op::kWhere || op == Op::kMulAdd) return 3;
  return 0;
}

Status Choose(Isa isa, std::span<const int64_t> dims, const View& output, std::span<const View> inputs,
              std::span<const float> constants, std::span<const Instruction> program, Params* params,
              Choice* choice) {
  WHET_RETURN_IF_ERROR(CheckProgram(program, inputs.size(), constants.size()));
  *params = {};
  params->inputs = static_cast<int32_t>(inputs.size());
  const int operands = params->inputs + 1;
  std::vector<Dim> loops(dims.size());
  for (int i = 0; i < operands; ++i) {
    const View& view = i == 0 ? output : inputs[i - 1];
    if (view.strides.size() != dims.size() || !TypeAllowed(view.type, i == 0)) {
      return Error(Code::kUnsupported,
                   "elementwise operand %d has type %s or a rank that differs from the output's", i,
                   std::string(DTypeName(view.type)).c_str());
    }
    params->type[i] = view.type;
    for (size_t d = 0; d < dims.size(); ++d) {
      loops[d].size = dims[d];
      loops[d].stride[i] = view.strides[d];
    }
  }
  loops = Collapse(std::move(loops), operands);
  if (loops.size() > kMaxDims) {
    return Error(Code::kUnsupported, "elementwise operands need %zu loops; the limit is %d", loops.size(),
                 kMaxDims);
  }
  params->dims = static_cast<int32_t>(loops.size());
  for (int d = 0; d < params->dims; ++d) {
    params->size[d] = loops[d].size;
    for (int i = 0; i < operands; ++i) params->stride[i][d] = loops[d].stride[i];
  }
  std::copy(constants.begin(), constants.end(), params->constants);
  AllocateRegisters(program, params);

  const int64_t rows = params->size[params->dims - 2];
  const int64_t columns = std::max<int64_t>(params->size[params->dims - 1], 1);
  const auto set_block = [&](int64_t elements) {
    params->block_rows = std::max<int64_t>(1, std::min(elements / columns, rows));
    params->block_columns = params->block_rows > 1 ? columns : std::min(columns, elements);
    for (int i = 0; i < operands; ++i) params->access[i] = AccessOf(*params, i);
  };
  set_block(kBlockInPlace);
  if (SlotsOf(*params) > 0) set_block(kBlock);
  if (SlotsOf(*params) > params->registers && columns >= kLongRow) {
    params->block_rows = 1;
    params->block_columns = std::min(columns, kBlock);
    for (int i = 0; i < operands; ++i) params->access[i] = AccessOf(*params, i);
  }
  params->slot = (params->block_rows * params->block_columns + 15) / 16 * 16 + kSlotSlack;

  const std::optional<int64_t> units = UnitsOf(*params);
  if (!units) return Error(Code::kLimitExceeded, "elementwise output has more elements than 64 bits count");
  *choice = {BestRow(kRows, isa), *units,
             static_cast<uint64_t>(SlotsOf(*params) * params->slot) * sizeof(float)};
  return OkStatus();
}

const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "elementwise: params have the wrong size";
  const Params& params = *read;
  if (params.dims < 2 || params.dims > kMaxDims || params.inputs < 0 || params.inputs > kMaxInputs ||
      params.instructions < 1 || params.instructions > kMaxInstructions || params.registers < 0 ||
      params.registers > kMaxInstructions) {
    return "elementwise: a count is out of range";
  }
  if (claim.operand_bytes.size() != static_cast<size_t>(params.inputs) + 1)
    return "elementwise: wrong operand count";
  const size_t dims = static_cast<size_t>(params.dims);
  for (int i = 0; i <= params.inputs; ++i) {
    if (!TypeAllowed(params.type[i], i == 0)) return "elementwise: an operand's type is not supported";
    const std::span<const int64_t> sizes(params.size, dims), strides(params.stride[i], dims);
    const int64_t element_bytes = BitsOf(params.type[i]) / 8;
    const uint64_t bytes = claim.operand_bytes[static_cast<size_t>(i)];
    if (!(i == 0 ? FitsOnce(sizes, strides, element_bytes, bytes)
                 : Fits(sizes, strides, element_bytes, bytes))) {
      return "elementwise: an operand is smaller than its view";
    }
  }
  constexpr int64_t kLargestSlot = int64_t{1} << 24;
  int64_t block = 0;
  if (!IsBlock(params.block_rows) || !IsBlock(params.block_columns) || params.slot < kSlotSlack ||
      params.slot > kLargestSlot || __builtin_mul_overflow(params.block_rows, params.block_columns, &block) ||
      block > params.slot - kSlotSlack ||
      (params.block_rows > 1 && params.block_columns != params.size[params.dims - 1])) {
    return "elementwise: the block does not suit the scratch";
  }
  for (int i = 0; i <= params.inputs; ++i) {
    if (params.access[i] != AccessOf(params, i))
      return "elementwise: an operand's access does not suit its strides";
  }
  if (static_cast<uint64_t>(SlotsOf(params) * params.slot) * sizeof(float) > claim.scratch_bytes) {
    return "elementwise: the scratch is too small";
  }
  const std::optional<int64_t> units = UnitsOf(params);
  if (!units || *units != claim.units) return "elementwise: wrong number of units";
  for (int i = 0; i < params.instructions; ++i) {
    const Instruction& instruction = params.program[i];
    const uint8_t sources[3] = {instruction.a, instruction.b, instruction.c};
    const int arity = Arity(instruction.op);
    if (arity == 0) return "elementwise: unknown operator";
    for (int k = 0; k < 3; ++k) {
      // What the operator does not read is 0: the kernel looks it up all the same.
      if (k >= arity ? sources[k] != 0
                     : (sources[k] < Constant(0) ? sources[k] >= params.inputs
                                                 : sources[k] >= kFirstRegister + params.registers)) {
        return "elementwise: an instruction reads what does not exist";
      }
    }
    if (i + 1 < params.instructions && instruction.dst >= params.registers) {
      return "elementwise: an instruction writes a register that does not exist";
    }
  }
  return nullptr;
}

void AppendRows(std::vector<const Row*>* rows) {
  for (const Row& row : kRows) rows->push_back(&row);
}

}  // namespace elementwise
}  // namespace whet::kernels
