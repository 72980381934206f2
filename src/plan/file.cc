#include <algorithm>
#include <cstring>
#include <span>

#include "base/build_id.h"
#include "base/file.h"
#include "base/flatbuffers.h"
#include "plan/format.h"
#include "plan/plan.h"
#include "plan_generated.h"

namespace whet {
namespace {

namespace fb = plan_fb;

constexpr uint64_t kSlack = 64;

uint64_t Checksum(std::span<const std::byte> bytes, uint64_t seed) {
  // FNV-1a; the index is small.
  uint64_t hash = 0xcbf29ce484222325u ^ seed;
  for (std::byte b : bytes) hash = (hash ^ static_cast<uint64_t>(b)) * 0x100000001b3u;
  return hash;
}

uint64_t AlignUp(uint64_t value) { return (value + 63) / 64 * 64; }

std::vector<flatbuffers::Offset<fb::Attribute>> WriteAttributes(flatbuffers::FlatBufferBuilder& builder,
                                                                const Attributes& attributes) {
  std::vector<flatbuffers::Offset<fb::Attribute>> written;
  for (const auto& [name, value] : attributes) {
    const auto fb_name = builder.CreateString(name);
    flatbuffers::Offset<flatbuffers::String> string;
    flatbuffers::Offset<flatbuffers::Vector<int64_t>> ints;
    flatbuffers::Offset<flatbuffers::Vector<double>> floats;
    flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>> strings;
    if (const auto* v = std::get_if<std::string>(&value)) string = builder.CreateString(*v);
    if (const auto* v = std::get_if<std::vector<int64_t>>(&value)) ints = builder.CreateVector(*v);
    if (const auto* v = std::get_if<std::vector<double>>(&value)) floats = builder.CreateVector(*v);
    if (const auto* v = std::get_if<std::vector<std::string>>(&value))
      strings = builder.CreateVectorOfStrings(*v);
    fb::AttributeBuilder attribute(builder);
    attribute.add_name(fb_name);
    attribute.add_kind(static_cast<uint8_t>(value.index()));
    if (const auto* v = std::get_if<int64_t>(&value)) attribute.add_int_(*v);
    if (const auto* v = std::get_if<double>(&value)) attribute.add_float_(*v);
    if (!string.IsNull()) attribute.add_string(string);
    if (!ints.IsNull()) attribute.add_ints(ints);
    if (!floats.IsNull()) attribute.add_floats(floats);
    if (!strings.IsNull()) attribute.add_strings(strings);
    written.push_back(attribute.Finish());
  }
  return written;
}

std::string ToText(const flatbuffers::String* from) { return from ? from->str() : std::string(); }

Status ReadAttributes(const flatbuffers::Vector<flatbuffers::Offset<fb::Attribute>>* from, Attributes* to) {
  if (from == nullptr) return {};
  for (const fb::Attribute* attribute : *from) {
    const std::string name = attribute->name()->str();
    switch (static_cast<AttributeKind>(attribute->kind())) {
      case AttributeKind::kInt: to->Set(name, attribute->int_()); break;
      case AttributeKind::kFloat: to->Set(name, attribute->float_()); break;
      case AttributeKind::kString: to->Set(name, ToText(attribute->string())); break;
      case AttributeKind::kInts: to->Set(name, ElementsOf(attribute->ints())); break;
      case AttributeKind::kFloats: to->Set(name, ElementsOf(attribute->floats())); break;
      case AttributeKind::kStrings: {
        std::vector<std::string> strings;
        if (attribute->strings() != nullptr) {
          for (const auto* string : *attribute->strings()) strings.push_back(string->str());
        }
        to->Set(name, std::move(strings));
        break;
      }
      default: return Error(Code::kBadFile, "attribute '%s' is of an unknown kind", name.c_str());
    }
  }
  return {};
}

template <typename Row, typename WriteRow>
auto WriteTable(flatbuffers::FlatBufferBuilder& builder, const std::vector<Row>& rows, WriteRow write) {
  std::vector<decltype(write(rows[0]))> written;
  for (const Row& row : rows) written.push_back(write(row));
  return builder.CreateVector(written);
}

void WriteIndex(const Plan& plan, flatbuffers::FlatBufferBuilder& builder) {
  const auto tensors = WriteTable(builder, plan.tensors, [&](const PlanTensor& t) {
    const std::vector<int64_t> dims(t.shape.begin(), t.shape.end());
    return fb::CreateTensorDirect(builder, t.name.c_str(), static_cast<uint8_t>(t.dtype), &dims,
                                  static_cast<uint8_t>(t.place), t.index, t.offset, t.bytes, t.row_stride,
                                  t.first_step, t.last_step);
  });
  const auto steps = WriteTable(builder, plan.steps, [&](const PlanStep& s) {
    const auto attributes = WriteAttributes(builder, s.attributes);
    const auto* params = reinterpret_cast<const uint8_t*>(s.params.data());
    const std::vector<uint8_t> param_bytes(params, params + s.params.size());
    return fb::CreateStepDirect(builder, static_cast<uint8_t>(s.kind), s.node.c_str(), s.op.c_str(),
                                s.row.c_str(), &param_bytes, &attributes, &s.operands, s.outputs, s.units,
                                s.scratch_bytes, s.target, s.macs);
  });
  const auto write_port = [&](const PlanPort& port) {
    return fb::CreatePortDirect(builder, port.name.c_str(), port.tensor, port.arena_offset);
  };
  const auto inputs = WriteTable(builder, plan.inputs, write_port);
  const auto outputs = WriteTable(builder, plan.outputs, write_port);
  const auto states = WriteTable(builder, plan.states, [&](const PlanState& s) {
    return fb::CreateStateDirect(builder, s.name.c_str(), s.tensor, s.next, s.initial);
  });
  const auto model_id = builder.CreateString(plan.model_id);
  const auto cpu = builder.CreateString(plan.cpu);
  builder.Finish(fb::CreatePlan(builder, model_id, cpu, static_cast<uint8_t>(plan.isa), tensors, steps,
                                inputs, outputs, states, plan.arena_bytes, plan.scratch_bytes,
                                plan.state_bytes));
}

Status ReadIndex(const fb::Plan& index, Plan* plan) {
  plan->model_id = index.model_id()->str();
  plan->cpu = index.cpu()->str();
  plan->isa = static_cast<Isa>(index.isa());
  plan->arena_bytes = index.arena_bytes();
  plan->scratch_bytes = index.scratch_bytes();
  plan->state_bytes = index.state_bytes();
  plan->tensors.reserve(index.tensors()->size());
  for (const fb::Tensor* t : *index.tensors()) {
    PlanTensor tensor;
    tensor.name = ToText(t->name());
    tensor.dtype = static_cast<DType>(t->dtype());
    const auto dims = ElementsOf(t->dims());
    if (CheckedElementCount(dims) < 0)
      return Error(Code::kBadFile, "a tensor of the plan has impossible dimensions");
    tensor.shape = Shape(dims);
    tensor.place = static_cast<Place>(t->place());
    tensor.index = t->index();
    tensor.offset = t->offset();
    tensor.bytes = t->bytes();
    tensor.row_stride = t->row_stride();
    tensor.first_step = t->first_step();
    tensor.last_step = t->last_step();
    plan->tensors.push_back(std::move(tensor));
  }
  plan->steps.reserve(index.steps()->size());
  for (const fb::Step* s : *index.steps()) {
    PlanStep step;
    step.kind = static_cast<PlanStep::Kind>(s->kind());
    step.node = ToText(s->node());
    step.op = ToText(s->op());
    step.row = ToText(s->row());
    if (s->params() != nullptr) {
      const auto params = std::as_bytes(std::span(s->params()->data(), s->params()->size()));
      step.params.assign(params.begin(), params.end());
    }
    WHET_RETURN_IF_ERROR(ReadAttributes(s->attributes(), &step.attributes));
    step.operands = ElementsOf(s->operands());
    step.outputs = s->outputs();
    step.units = s->units();
    step.scratch_bytes = s->scratch_bytes();
    step.target = s->target();
    step.macs = s->macs();
    plan->steps.push_back(std::move(step));
  }
  const auto read_ports = [](const auto* from, std::vector<PlanPort>* to) {
    for (const fb::Port* port : *from)
      to->push_back({port->name()->str(), port->tensor(), port->arena_offset()});
  };
  read_ports(index.inputs(), &plan->inputs);
  read_ports(index.outputs(), &plan->outputs);
  for (const fb::State* s : *index.states()) {
    plan->states.push_back({s->name()->str(), s->tensor(), s->next(), s->initial()});
  }
  return {};
}

}  // namespace

PlanFileHeader MakePlanFileHeader(std::span<const std::byte> index, uint64_t weights_bytes) {
  PlanFileHeader header{};
  std::memcpy(header.magic, kPlanMagic, sizeof(kPlanMagic));
  const std::string maker = std::string(WHET_VERSION) + ' ' + BuildId();
  std::memcpy(header.maker, maker.data(), std::min(maker.size(), sizeof(header.maker) - 1));
  header.index_bytes = index.size();
  header.weights_bytes = weights_bytes;
  header.checksum = Checksum(index, weights_bytes);
  return header;
}

Result<std::shared_ptr<const Plan>> ReadPlan(std::span<const std::byte> bytes,
                                             std::shared_ptr<const void> owner) {
  PlanFileHeader header;
  if (bytes.size() < sizeof(header)) return Error(Code::kBadFile, "is too short to be a plan");
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (std::memcmp(header.magic, kPlanMagic, sizeof(kPlanMagic)) != 0)
    return Error(Code::kBadFile, "is not a Whet plan");
  const uint64_t available = bytes.size() - sizeof(header);
  if (header.index_bytes > available || header.weights_bytes > available) {
    return Error(Code::kBadFile, "is cut short; delete it and it will be made again");
  }
  const uint64_t weights_at = AlignUp(sizeof(header) + header.index_bytes);
  if (weights_at + header.weights_bytes + kSlack > bytes.size()) {
    return Error(Code::kBadFile, "is cut short; delete it and it will be made again");
  }
  const auto index_bytes = bytes.subspan(sizeof(header), header.index_bytes);
  const PlanFileHeader expected = MakePlanFileHeader(index_bytes, header.weights_bytes);
  if (std::memcmp(header.maker, expected.maker, sizeof(header.maker)) != 0) {
    header.maker[sizeof(header.maker) - 1] = 0;
    return Error(Code::kBadFile, "was made by Whet %s, this is %s; compile the model again here",
                 header.maker, expected.maker);
  }
  if (header.checksum != expected.checksum) {
    return Error(Code::kBadFile, "is damaged; delete it and it will be made again");
  }
  const auto* data = reinterpret_cast<const uint8_t*>(index_bytes.data());
  flatbuffers::Verifier verifier(data, index_bytes.size(), 16, 10'000'000);
  if (!fb::VerifyPlanBuffer(verifier))
    return Error(Code::kBadFile, "is damaged; delete it and it will be made again");
  auto plan = std::make_shared<Plan>();
  WHET_RETURN_IF_ERROR(ReadIndex(*fb::GetPlan(data), plan.get()));
  plan->weights = bytes.subspan(weights_at, header.weights_bytes);
  plan->weights_owner = std::move(owner);
  WHET_RETURN_IF_ERROR(ValidatePlan(*plan));
  return std::shared_ptr<const Plan>(std::move(plan));
}

Status SavePlan(const Plan& plan, const std::string& path) {
  flatbuffers::FlatBufferBuilder builder(1 << 16);
  WriteIndex(plan, builder);
  const auto index = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
  const PlanFileHeader header = MakePlanFileHeader(index, plan.weights.size());
  WHET_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  WHET_RETURN_IF_ERROR(file.Write(std::as_bytes(std::span(&header, 1))));
  WHET_RETURN_IF_ERROR(file.Write(index));
  WHET_RETURN_IF_ERROR(file.AlignTo(64));
  WHET_RETURN_IF_ERROR(file.Write(plan.weights));
  const std::byte slack[kSlack] = {};
  WHET_RETURN_IF_ERROR(file.Write(slack));
  return file.Commit();
}

Result<std::shared_ptr<const Plan>> LoadPlan(const std::string& path) {
  WHET_ASSIGN_OR_RETURN(MappedFile mapped, MappedFile::Open(path));
  auto file = std::make_shared<const MappedFile>(std::move(mapped));
  auto plan = ReadPlan(file->bytes(), file);
  if (!plan.ok()) return plan.TakeStatus().At(path);
  return plan;
}

}  // namespace whet
