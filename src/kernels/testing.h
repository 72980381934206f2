// What the kernels' tests share: buffers that notice a byte written outside, and running a row as the runtime
// does.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "kernels/kernel.h"

namespace whet::kernels {

// `count` elements, aligned as the runtime aligns them, between guard bytes. What is readable beyond the end
// (the runtime promises kAlignment bytes) holds signalling garbage, so that a result that depends on it is
// wrong.
template <typename T>
class GuardedBuffer {
 public:
  explicit GuardedBuffer(int64_t count) : count_(count), bytes_(3 * kGuard + Size(), kPattern) {
    const auto address = reinterpret_cast<uintptr_t>(bytes_.data());
    start_ = (address + kGuard + kAlignment - 1) / kAlignment * kAlignment - address;
  }
  T* data() { return reinterpret_cast<T*>(bytes_.data() + start_); }
  const T* data() const { return reinterpret_cast<const T*>(bytes_.data() + start_); }
  int64_t size() const { return count_; }
  uint64_t size_bytes() const { return Size(); }
  T& operator[](int64_t i) { return data()[i]; }
  const T& operator[](int64_t i) const { return data()[i]; }
  std::span<T> span() { return {data(), static_cast<size_t>(count_)}; }

  void FillRandom(std::mt19937& random, float low = -2.0f, float high = 2.0f) {
    std::uniform_real_distribution<float> uniform(low, high);
    for (T& x : span()) x = static_cast<T>(uniform(random));
  }
  bool GuardsIntact() const {
    for (size_t i = 0; i < bytes_.size(); ++i) {
      if ((i < start_ || i >= start_ + Size()) && bytes_[i] != kPattern) return false;
    }
    return true;
  }

 private:
  static constexpr size_t kGuard = 128;
  static constexpr uint8_t kPattern = 0xff;  // as floats: NaN
  size_t Size() const { return static_cast<size_t>(count_) * sizeof(T); }

  int64_t count_;
  std::vector<uint8_t> bytes_;
  size_t start_;
};

struct Operand {
  void* data;
  uint64_t bytes;
};
template <typename T>
Operand ToOperand(GuardedBuffer<T>& buffer) {
  return {buffer.data(), buffer.size_bytes()};
}

// Validates, then runs all units in a few ranges, last first, each with dirty scratch: as threads might.
template <typename Params>
void RunRow(const Choice& choice, const Params& params, const std::vector<Operand>& operands) {
  ASSERT_NE(choice.row, nullptr);
  std::vector<uint64_t> operand_bytes;
  std::vector<void*> pointers;
  for (const Operand& operand : operands) {
    operand_bytes.push_back(operand.bytes);
    pointers.push_back(operand.data);
  }
  const Claim claim{std::as_bytes(std::span(&params, 1)), operand_bytes, choice.units, choice.scratch_bytes};
  const char* problem = choice.row->validate(claim);
  ASSERT_EQ(problem, nullptr) << choice.row->name << ": " << problem;

  GuardedBuffer<uint8_t> scratch(static_cast<int64_t>(choice.scratch_bytes));
  const Args args{&params, pointers.data(), choice.scratch_bytes > 0 ? scratch.data() : nullptr};
  for (int range = 2; range >= 0; --range) {
    std::memset(scratch.data(), 0xff, choice.scratch_bytes);
    choice.row->run(args, choice.units * range / 3, choice.units * (range + 1) / 3);
  }
  EXPECT_TRUE(scratch.GuardsIntact()) << choice.row->name << " wrote outside its scratch";
}

// Whether a validate function refuses the claim when any one operand is a byte smaller than it is.
template <typename Params>
void ExpectRefusesSmallerOperands(const Choice& choice, const Params& params,
                                  const std::vector<Operand>& operands) {
  for (size_t i = 0; i < operands.size(); ++i) {
    if (operands[i].bytes <= 1) continue;  // none left would mean absent
    std::vector<uint64_t> operand_bytes;
    for (const Operand& operand : operands) operand_bytes.push_back(operand.bytes);
    operand_bytes[i] -= 1;
    const Claim claim{std::as_bytes(std::span(&params, 1)), operand_bytes, choice.units,
                      choice.scratch_bytes};
    EXPECT_NE(choice.row->validate(claim), nullptr) << choice.row->name << " operand " << i;
  }
}

// The rows of AllRows whose name begins with `family` and that this machine can run.
inline std::vector<const Row*> RunnableRows(std::string_view family) {
  std::vector<const Row*> rows;
  for (const Row* row : AllRows()) {
    if (std::string_view(row->name).starts_with(family) && IsaSupported(row->isa)) rows.push_back(row);
  }
  return rows;
}

// Instruction sets to test.
inline std::vector<Isa> RunnableIsas() {
  std::vector<Isa> isas;
  for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Vnni, Isa::kDotprod}) {
    if (IsaSupported(isa)) isas.push_back(isa);
  }
  return isas;
}

}  // namespace whet::kernels
