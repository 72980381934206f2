// What every kernel family has in common, and the one interface by which the runtime calls a kernel.
//
// A kernel is a row of its family's constexpr table. The compiler (src/compile) chooses a row once, fills the
// family's params struct (plain data, written to the Plan as bytes), prepacks weights with the row's packing
// function, and records the row's name. The runtime finds the row by name, lets it validate params against
// the operands' sizes, and from then on calls `run` blindly.
//
// Kernels know nothing of threads: the work is `units` independent units, numbered 0 … units-1, and `run`
// does a range of them. The runtime spreads ranges over its threads; two ranges of one call never write the
// same byte, and the result does not depend on how the units are spread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>

#include "base/isa.h"

namespace whet::kernels {

struct Args {
  const void* params;     // the family's params struct, 8-byte aligned
  void* const* operands;  // in the order that the family's header gives; absent optional ones are null
  void* scratch;          // the calling thread's own, ScratchBytes long, 64-byte aligned; null if 0
};

// Does units [begin, end). May not allocate, throw, or touch anything but its operands and scratch.
using RunFn = void (*)(const Args& args, int64_t begin, int64_t end);

// What the runtime knows of a step before it trusts it.
struct Claim {
  std::span<const std::byte> params;
  std::span<const uint64_t> operand_bytes;  // how far each operand may be touched; 0 = absent
  int64_t units;
  uint64_t scratch_bytes;
};

// Returns null if running every unit of the claim stays inside its operands and scratch, else what is wrong
// with it. Must check sizes with overflow in mind: the claim may come from a damaged or hostile file.
using ValidateFn = const char* (*)(const Claim& claim);

struct Row {
  const char*
      name;  // family/types/isa/variant, for example "gemm/f32/avx512/14x32"; unique, stable between builds
  Isa isa;
  RunFn run;
  ValidateFn validate;
};

// Every row of every family. Families' own headers give the typed tables, from which the compiler chooses.
std::span<const Row* const> AllRows();
// Null if there is none of that name.
const Row* FindRow(std::string_view name);

// What a family's Choose function gives the compiler beside the filled params: all that a step of the Plan
// records.
struct Choice {
  const Row* row;
  int64_t units;
  uint64_t scratch_bytes;  // per thread
};

// The row with the largest instruction set that is not above `isa`; null if there is none. For families whose
// rows differ in nothing else.
template <typename Rows>
const Row* BestRow(const Rows& rows, Isa isa) {
  const Row* best = nullptr;
  for (const Row& row : rows) {
    if (row.isa <= isa && (best == nullptr || row.isa > best->isa)) best = &row;
  }
  return best;
}

// The same for families whose rows have a Row as `base` beside more, and whose first runs everywhere.
template <typename Rows>
const auto& BestOf(const Rows& rows, Isa isa) {
  const auto* best = &*std::begin(rows);
  for (const auto& row : rows) {
    if (row.base.isa <= isa && row.base.isa > best->base.isa) best = &row;
  }
  return *best;
}
// The row of these whose `base` it is.
template <typename Rows>
const auto& RowWithBase(const Rows& rows, const Row& base) {
  return *std::find_if(std::begin(rows), std::end(rows), [&](const auto& row) { return &row.base == &base; });
}

// Buffers that kernels touch are aligned to this, and each has this many readable bytes after its end, so
// that a vector load of the last elements may run over. Never write past the end.
inline constexpr int64_t kAlignment = 64;

}  // namespace whet::kernels
