// Runs Plans that lie: compiled ones of small models of every kernel family, changed at random. What
// ValidatePlan, the kernels' validate functions and CheckReference let through must run inside its memory,
// and end.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/executor.h"
#include "compile/compiler.h"
#include "ir/check_reference.h"
#include "ir/op_def.h"
#include "ir/text.h"
#include "kernels/kernel.h"
#include "ops/random_node.h"
#include "runtime/session.h"

namespace {

using namespace whet;  // NOLINT

constexpr std::string_view kModels[] = {
    R"(graph "conv" {
      input %x f32[1,7,9,5]
      input %w f32[6,3,3,5]
      const %b f32[6] = [0,1,2,3,4,5]
      const %c f32[6,2,2,6] = hex:REPEAT576
      const %d f32[6,3,3,1] = hex:REPEAT216
      %p f32[1,7,9,6] = Conv(%x, %w, %b) {pads = [1,1,1,1], activation = "relu"} @"p"
      %q f32[1,6,8,6] = Conv(%p, %c) @"q"
      %r f32[1,6,8,6] = Conv(%q, %d, %b) {group = 6, pads = [1,1,1,1]} @"r"
      %s f32[1,3,4,6] = MaxPool(%r) {kernel_shape = [2,2], strides = [2,2]} @"s"
      output %s
    })",
    R"(graph "transposed" {
      input %x f32[1,4,5,3]
      const %w f32[3,2,2,4] = hex:REPEAT192
      %y f32[1,8,10,4] = ConvTranspose(%x, %w) {strides = [2,2]} @"y"
      %z f32[1,4,8,10] = Transpose(%y) {perm = [0,3,1,2]} @"z"
      output %z
    })",
    R"(graph "products" {
      input %x f32[5,17]
      input %y f32[17,6]
      const %w f32[6,9] = hex:REPEAT216
      %a f32[5,6] = MatMul(%x, %y) @"a"
      %b f32[5,9] = MatMul(%a, %w) @"b"
      %c f32[5,9] = Softmax(%b) {axis = -1} @"c"
      %d i64[5,1] = ArgMax(%c) {axis = 1} @"d"
      output %c
      output %d
    })",
    R"(graph "rows" {
      input %x f32[3,4,10]
      const %s f32[10] = [1,1,1,1,1,1,1,1,1,1]
      const %axes i64[1] = [1]
      const %one i64[] = [1]
      %a f32[3,4,10] = LayerNormalization(%x, %s) {axis = -1} @"a"
      %b f32[3,1,10] = ReduceMean(%a, %axes) {keepdims = 1} @"b"
      %c f32[3,4,10] = Sub(%a, %b) @"c"
      %d f32[3,4,10] = CumSum(%c, %one) @"d"
      %e f32[3,4,10] = Erf(%d) @"e"
      output %e
    })",
    R"(graph "moves" {
      input %x f32[2,6,5]
      input %i i64[4]
      const %pads i64[6] = [0,1,1,0,0,2]
      const %v f32[] = [0.5]
      %a f32[2,4,5] = Gather(%x, %i) {axis = 1} @"a"
      %b f32[2,10,5] = Concat(%x, %a) {axis = 1} @"b"
      %c f32[2,11,8] = Pad(%b, %pads, %v) {mode = "constant"} @"c"
      %d f16[2,11,8] = Cast(%c) {to = 10} @"d"
      output %d
    })",
    R"(graph "recurrent" {
      input %x f32[4,2,3]
      const %w f32[1,20,3] = hex:REPEAT240
      const %r f32[1,20,5] = hex:REPEAT400
      const %u f32[1,15,3] = hex:REPEAT180
      const %t f32[1,15,5] = hex:REPEAT300
      %a f32[4,1,2,5], %h f32[1,2,5], %c f32[1,2,5] = LSTM(%x, %w, %r) {hidden_size = 5} @"a"
      %b f32[4,1,2,5], %g f32[1,2,5] = GRU(%x, %u, %t) {hidden_size = 5} @"b"
      output %a
      output %h
      output %c
      output %b
      output %g
    })",
    R"(graph "quantized" {
      input %x f32[2,12]
      const %scale f32[] = [0.5]
      const %zero u8[] = [3]
      %q u8[2,12] = QuantizeLinear(%x, %scale, %zero) @"q"
      %y f32[2,12] = DequantizeLinear(%q, %scale, %zero) @"y"
      output %q
      output %y
    })",
    R"(graph "references" {
      input %x f32[3,8]
      input %i i64[3,2]
      const %k i64[1] = [3]
      const %one i64[2] = [2,1]
      %a f32[3,3], %b i64[3,3] = TopK(%x, %k) {axis = 1} @"a"
      %c f32[3,2] = GatherElements(%x, %i) {axis = 1} @"c"
      %d f32[6,2] = Tile(%c, %one) @"d"
      %e f32[6,2] = Trilu(%d) @"e"
      output %a
      output %b
      output %e
    })",
    R"(graph "states" {
      input %x f32[2,3]
      input %h f32[2,3]
      input %take bool[]
      state "h" = %h -> %n from f32[2,3] = [1,2,3,4,5,6]
      %n f32[2,3] = Add(%x, %h) @"n"
      %y f32[2,3] = If(%take) @"if"
        with graph "then" {
          %t f32[2,3] = Exp(%n) @"t"
          output %t
        }
        graph "else" {
          %e f32[2,3] = Mul(%n, %n) @"e"
          output %e
        }
      output %y
    })",
};

// "hex:REPEAT24" stands for 24 bytes, as 0.25 again and again.
std::string Spell(std::string_view text) {
  constexpr std::string_view kMark = "REPEAT";
  std::string out;
  while (true) {
    const size_t at = text.find(kMark);
    out += text.substr(0, at);
    if (at == std::string_view::npos) return out;
    text.remove_prefix(at + kMark.size());
    size_t bytes = 0;
    for (; !text.empty() && text[0] >= '0' && text[0] <= '9'; text.remove_prefix(1)) {
      bytes = bytes * 10 + static_cast<size_t>(text[0] - '0');
    }
    for (size_t i = 0; i < bytes; i += 4) out += "0000803e";
  }
}

const std::vector<std::shared_ptr<const Plan>>& Plans() {
  static const std::vector<std::shared_ptr<const Plan>> plans = [] {
    std::vector<std::shared_ptr<const Plan>> made;
    for (const std::string_view text : kModels) {
      const auto graph = ParseText(Spell(text));
      if (!graph.ok()) {
        std::fprintf(stderr, "%s\n", graph.status().ToString().c_str());
        std::abort();
      }
      for (const Isa isa : {Isa::kPortable, BestIsa()}) {
        CompileOptions options;
        options.isa = isa;
        const auto plan = Compile(**graph, options);
        if (!plan.ok()) {
          std::fprintf(stderr, "%s\n", plan.status().ToString().c_str());
          std::abort();
        }
        made.push_back(*plan);
      }
    }
    return made;
  }();
  return plans;
}

// A number near the one there was, or one that is anything.
template <typename T>
void Change(ops::ByteDraw& draw, T* number) {
  constexpr int64_t kSteps[] = {-64, -8, -4, -1, 1, 4, 8, 64};
  const auto old = static_cast<uint64_t>(*number);
  *number = static_cast<T>(draw.OneIn(2) ? old + static_cast<uint64_t>(draw.OneOf(kSteps))
                                         : static_cast<uint64_t>(ops::RandomInt(draw)));
}

void ChangeTensor(ops::ByteDraw& draw, PlanTensor* tensor) {
  switch (draw.Byte() % 8) {
    case 0: tensor->dtype = static_cast<DType>(draw.Byte() % (kDTypeCount + 1)); break;
    case 1: tensor->place = static_cast<Place>(draw.Byte() % 6); break;
    case 2: Change(draw, &tensor->index); break;
    case 3: Change(draw, &tensor->offset); break;
    case 4: Change(draw, &tensor->bytes); break;
    case 5: Change(draw, &tensor->row_stride); break;
    case 6:
      if (tensor->shape.rank() > 0) {
        Change(draw, &tensor->shape[static_cast<int>(draw.Below(static_cast<size_t>(tensor->shape.rank())))]);
      }
      break;
    default:
      if (tensor->shape.rank() < kMaxRank) tensor->shape.push_back(draw.Int(0, 2));
      break;
  }
}

void ChangeParams(ops::ByteDraw& draw, std::vector<std::byte>* params) {
  // A field of 1, 4 or 8 bytes at a multiple of its size.
  constexpr size_t kWidths[] = {1, 4, 8, 8};
  const size_t width = draw.OneOf(kWidths);
  if (params->size() < width) return;
  std::byte* const at = params->data() + draw.Below(params->size() / width) * width;
  uint64_t value = 0;
  std::memcpy(&value, at, width);
  Change(draw, &value);
  std::memcpy(at, &value, width);
}

void ChangeStep(ops::ByteDraw& draw, PlanStep* step, const Plan& plan) {
  switch (draw.Byte() % 12) {
    case 0: step->kind = static_cast<PlanStep::Kind>(draw.Byte() % 5); break;
    case 1: {
      const auto rows = kernels::AllRows();
      step->row = rows[draw.Below(rows.size())]->name;
      break;
    }
    case 2:
      for (const AttributeDef& def : AllOps()[draw.Below(AllOps().size())]->attributes) {
        step->attributes.Set(def.name, ops::RandomAttribute(draw, def.kind, 3));
      }
      break;
    case 3: step->row = AllOps()[draw.Below(AllOps().size())]->name; break;
    case 4:
      if (draw.OneIn(2)) {
        step->operands.push_back(0);
      } else if (!step->operands.empty()) {
        step->operands.pop_back();
      }
      break;
    case 5: Change(draw, &step->outputs); break;
    case 6: Change(draw, &step->units); break;
    case 7: Change(draw, &step->scratch_bytes); break;
    case 8: Change(draw, &step->target); break;
    case 9:
      if (!step->operands.empty()) {
        uint32_t& operand = step->operands[draw.Below(step->operands.size())];
        operand = draw.OneIn(4) ? PlanStep::kAbsent : static_cast<uint32_t>(draw.Below(plan.tensors.size()));
      }
      break;
    default: ChangeParams(draw, &step->params); break;
  }
}

void ChangePlan(ops::ByteDraw& draw, Plan* plan) {
  switch (draw.Byte() % 10) {
    case 0: Change(draw, &plan->arena_bytes); break;
    case 1: Change(draw, &plan->scratch_bytes); break;
    case 2:
      if (!plan->states.empty()) {
        PlanState& state = plan->states[0];
        uint32_t* const fields[] = {&state.tensor, &state.next, &state.initial};
        Change(draw, draw.OneOf(fields));
      }
      break;
    case 3: {
      auto& ports = draw.OneIn(2) ? plan->inputs : plan->outputs;
      if (ports.empty()) break;
      PlanPort& port = ports[draw.Below(ports.size())];
      if (draw.OneIn(2)) {
        Change(draw, &port.tensor);
      } else {
        Change(draw, &port.arena_offset);
      }
      break;
    }
    case 4:
    case 5:
    case 6: ChangeTensor(draw, &plan->tensors[draw.Below(plan->tensors.size())]); break;
    default: ChangeStep(draw, &plan->steps[draw.Below(plan->steps.size())], *plan); break;
  }
}

// Whether a session could be made of it.
bool Run(ops::ByteDraw& draw, const std::shared_ptr<const Plan>& plan) {
  static const std::shared_ptr<ThreadPool> pool = std::move(*ThreadPool::Create({}));
  SessionOptions options;
  options.pool = pool;
  options.memory_limit = 1 << 24;
  options.find_reference = FindOperatorReference;
  options.check_reference = CheckReference;
  const auto session = Session::Create(plan, options);
  if (!session.ok()) return false;
  // Inputs and outputs in memory of their own, so that a step beyond it is noticed; readable beyond the end,
  // as the runtime promises.
  std::vector<std::unique_ptr<void, void (*)(void*)>> buffers;
  for (const bool input : {true, false}) {
    const auto& ports = input ? plan->inputs : plan->outputs;
    for (size_t i = 0; i < ports.size(); ++i) {
      const uint64_t bytes = plan->tensors[ports[i].tensor].bytes;
      void* const memory = std::aligned_alloc(64, (bytes + 127) / 64 * 64);
      buffers.emplace_back(memory, std::free);
      std::memset(memory, draw.Byte() % 4, bytes + 64);
      const Status bound =
          input ? (*session)->BindInput(i, memory, bytes) : (*session)->BindOutput(i, memory, bytes);
      if (!bound.ok()) __builtin_trap();
    }
  }
  (void)(*session)->Run().ok();
  (void)(*session)->Run().ok();
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ops::ByteDraw draw(data, size);
  if (size == 0) {
    for (const auto& plan : Plans()) {
      if (!Run(draw, plan)) __builtin_trap();  // nothing was changed
    }
    return 0;
  }
  const auto plan = std::make_shared<Plan>(*Plans()[draw.Below(Plans().size())]);
  for (size_t changes = 1 + draw.Below(3); changes > 0; --changes) ChangePlan(draw, plan.get());
  (void)Run(draw, plan);
  return 0;
}
