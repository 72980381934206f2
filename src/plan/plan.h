// The Plan: a Graph compiled for one device and one set of input shapes. Written by src/compile, run by
// src/runtime.
//
// A Plan is data: steps in execution order, tensors at fixed offsets, packed weights. It is immutable once
// made and may be shared by any number of Sessions on any threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/attributes.h"
#include "base/isa.h"
#include "base/status.h"
#include "base/tensor_view.h"

namespace whet {

// Where a tensor's bytes are.
enum class Place : uint8_t {
  kArena = 0,
  kWeights = 1,
  kInput = 2,   // input `index`: in the arena, or where the application has bound it
  kOutput = 3,  // likewise
  kState = 4,   // state `index`, kept by the session between runs
};

struct PlanTensor {
  std::string name;  // the Graph's, for profiles and reports; empty for temporaries
  DType dtype = DType::kUndefined;
  Shape shape;
  Place place = Place::kArena;
  uint32_t index = 0;   // of the input, output or state
  uint64_t offset = 0;  // from the start of the arena, the weights, or that input, output or state
  uint64_t bytes = 0;   // from offset to the last byte that may be touched
  // Elements from one row (all but the last dimension) to the next; equal to the last dimension if dense.
  int64_t row_stride = 0;
  // First and last step that touch it; for the printed memory plan.
  uint32_t first_step = 0;
  uint32_t last_step = 0;
};

struct PlanStep {
  enum class Kind : uint8_t {
    kKernel = 0,      // `row` names a kernel
    kReference = 1,   // `row` is an operator's name; its plain reference runs, on one thread
    kJump = 2,        // continue at step `target`
    kJumpUnless = 3,  // likewise, unless operand 0 (a bool) is true
  };
  static constexpr uint32_t kAbsent = UINT32_MAX;

  Kind kind = Kind::kKernel;
  std::string node;  // name of the Graph's node that it comes from
  std::string op;    // and its operator
  std::string row;
  std::vector<std::byte> params;   // of a kernel
  Attributes attributes;           // of a reference
  std::vector<uint32_t> operands;  // indices of tensors, or kAbsent; a reference's inputs, then its outputs
  uint32_t outputs = 0;            // how many of a reference's operands, at the end, are outputs
  int64_t units = 1;
  uint64_t scratch_bytes = 0;  // per thread
  uint32_t target = 0;
  int64_t macs = 0;  // multiply-accumulates, for profiles
};

struct PlanPort {
  std::string name;
  uint32_t tensor;
  uint64_t arena_offset;  // where it stands unless the application binds memory of its own
};

struct PlanState {
  std::string name;
  uint32_t tensor;   // of place kState
  uint32_t next;     // the tensor copied into it when a run has ended
  uint32_t initial;  // a weights tensor, or PlanStep::kAbsent for zeros
};

struct Plan {
  std::string model_id;  // identity of what was compiled; part of the plan cache's key
  std::string cpu;       // CpuName() of the machine it was made for
  Isa isa = Isa::kPortable;
  std::vector<PlanTensor> tensors;
  std::vector<PlanStep> steps;
  std::vector<PlanPort> inputs;
  std::vector<PlanPort> outputs;
  std::vector<PlanState> states;
  uint64_t arena_bytes = 0;    // exact, inputs and outputs included
  uint64_t scratch_bytes = 0;  // per thread
  uint64_t state_bytes = 0;

  // 64-byte aligned, readable 64 bytes past its end; `weights_owner` keeps it alive (memory or a mapped
  // file).
  std::span<const std::byte> weights;
  std::shared_ptr<const void> weights_owner;
};

// Checks everything that running the Plan relies on but what kernels check of their own params: indices,
// places, sizes, jump targets. A Session calls it before it trusts a Plan.
Status ValidatePlan(const Plan& plan);

// The memory plan and the steps as a table that people read.
std::string PrintPlan(const Plan& plan);

// Writes `plan` atomically; reads it by mapping the file. A file that is damaged, or from another version of
// Whet, is an error.
Status SavePlan(const Plan& plan, const std::string& path);
Result<std::shared_ptr<const Plan>> LoadPlan(const std::string& path);
// Likewise from memory that `owner` keeps alive, at an address that is a multiple of 64.
Result<std::shared_ptr<const Plan>> ReadPlan(std::span<const std::byte> bytes,
                                             std::shared_ptr<const void> owner);

}  // namespace whet
