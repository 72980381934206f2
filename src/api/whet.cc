// The C interface over the Executor, the Session and Model files. Everything that can throw does so inside
// Guard.
#include "whet/whet.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include "api/executor.h"
#include "api/split_session.h"
#include "base/isa.h"
#include "ir/check_reference.h"
#include "model_file/model_file.h"
#include "plan/plan.h"

struct whet_status {
  whet_code code;
  std::string message;
};

struct whet_model {
  std::shared_ptr<const whet::Graph> graph;  // of a Model file
  std::string id;
  std::shared_ptr<const whet::Plan> plan;  // or this
  std::shared_ptr<whet::PlanPool> pool = std::make_shared<whet::PlanPool>();
};

struct whet_session {
  std::shared_ptr<const whet::Graph> graph;
  std::unique_ptr<whet::Executor> executor;  // of a Model file
  std::unique_ptr<whet::Session> own;        // of a Plan
  whet::Session* current = nullptr;          // or
  whet::SplitSession* split = nullptr;       // where shapes depend on data
};

namespace {

using whet::Code;
using whet::Status;

whet_status* OutOfMemory() {
  static whet_status status{WHET_OUT_OF_MEMORY, "out of memory"};
  return &status;
}

whet_status* ToC(const Status& status) {
  if (status.ok()) return nullptr;
  return new whet_status{static_cast<whet_code>(status.code()), status.ToString()};
}

template <typename Body>
whet_status* Guard(Body body) {
  try {
    return ToC(body());
  } catch (const std::bad_alloc&) {
    return OutOfMemory();
  } catch (const std::exception& error) {
    return new (std::nothrow) whet_status{WHET_INTERNAL, error.what()};
  }
}

Status NullArgument(const char* name) { return whet::Error(Code::kInvalidArgument, "%s is null", name); }

Status IndexError(const char* kind, size_t index, size_t count) {
  return whet::Error(Code::kInvalidArgument, "there are %zu %s, there is none of number %zu", count, kind,
                     index);
}

void FillInfo(const whet::Value& value, whet_tensor_info* info) {
  *info = {};
  info->name = value.name().c_str();
  if (!value.type.IsTensor()) {
    info->rank = -1;
    return;
  }
  info->dtype = static_cast<whet_dtype>(value.type.dtype);
  info->rank = value.type.ranked ? value.type.rank() : -1;
  for (int i = 0; i < value.type.rank(); ++i) {
    const whet::Dim& dim = value.type.dims[static_cast<size_t>(i)];
    info->dims[i] = dim.known() ? dim.lo : -1;
  }
}

void FillInfo(const whet::Plan& plan, const whet::PlanPort& port, whet_tensor_info* info) {
  const whet::PlanTensor& tensor = plan.tensors[port.tensor];
  *info = {};
  info->name = port.name.c_str();
  info->dtype = static_cast<whet_dtype>(tensor.dtype);
  info->rank = tensor.shape.rank();
  std::copy(tensor.shape.begin(), tensor.shape.end(), info->dims);
}

whet_tensor TensorOf(const std::string& name, const whet::TensorView& view) {
  whet_tensor out{};
  out.name = name.c_str();
  out.dtype = static_cast<whet_dtype>(view.dtype);
  out.rank = view.shape.rank();
  std::copy(view.shape.begin(), view.shape.end(), out.dims);
  out.bytes = view.bytes();
  out.data = view.data;
  return out;
}

whet_tensor TensorOf(const whet::Plan& plan, const whet::PlanPort& port, void* data) {
  const whet::PlanTensor& tensor = plan.tensors[port.tensor];
  whet_tensor out = TensorOf(port.name, {tensor.dtype, tensor.shape, data});
  out.bytes = tensor.bytes;
  return out;
}

// Inputs that are states' are the session's own business.
bool IsState(const whet::Graph& graph, const whet::Value* input) {
  return std::any_of(graph.states.begin(), graph.states.end(),
                     [&](const auto& state) { return state.input == input; });
}

std::vector<const whet::Value*> PublicInputs(const whet::Graph& graph) {
  std::vector<const whet::Value*> inputs;
  for (const whet::Value* input : graph.inputs()) {
    if (!IsState(graph, input)) inputs.push_back(input);
  }
  return inputs;
}

whet::Result<std::map<std::string, whet::InputBinding>> ReadBindings(const whet::Graph& graph,
                                                                     const whet_binding* bindings,
                                                                     size_t count) {
  std::map<std::string, whet::InputBinding> inputs;
  if (count > 0 && bindings == nullptr) return NullArgument("bindings");
  for (size_t i = 0; i < count; ++i) {
    const whet_binding& binding = bindings[i];
    if (binding.name == nullptr) return NullArgument("a binding's name");
    const whet::Value* input = graph.FindValue(binding.name);
    if (input == nullptr || !input->IsGraphInput()) {
      return whet::Error(Code::kInvalidArgument, "the model has no input '%s'", binding.name);
    }
    if (!input->type.IsTensor() || input->type.dtype == whet::DType::kString) {
      return whet::Error(Code::kUnsupported, "input '%s' is %s; sessions take tensors of numbers only",
                         binding.name, whet::ToString(input->type).c_str());
    }
    if (binding.rank < 0 || binding.rank > WHET_MAX_RANK || (binding.rank > 0 && binding.dims == nullptr)) {
      return whet::Error(Code::kInvalidArgument, "input '%s' is given an impossible rank of %d", binding.name,
                         binding.rank);
    }
    const std::span dims(binding.dims, static_cast<size_t>(binding.rank));
    if (whet::CheckedElementCount(dims) < 0) {
      return whet::Error(Code::kInvalidArgument, "input '%s' is given impossible dimensions", binding.name);
    }
    whet::InputBinding& to = inputs[binding.name];
    to.shape = whet::Shape(dims);
    if (binding.value != nullptr) to.value = whet::Constant::Copy(input->type.dtype, to.shape, binding.value);
  }
  return inputs;
}

// Makes the session for these shapes the current one.
Status PrepareShapes(whet_session* session, const std::map<std::string, whet::InputBinding>& inputs) {
  whet::Result<whet::Session*> whole = session->executor->Prepare(inputs);
  if (whole.ok()) {
    session->current = *whole;
    session->split = nullptr;
    return {};
  }
  if (whole.status().code() != Code::kUnsupported) return whole.TakeStatus();
  whet::Result<whet::SplitSession*> split = session->executor->PrepareSplit(inputs);
  // Why not even that is possible is what hinders a Plan.
  if (!split.ok())
    return split.status().code() == Code::kUnsupported ? whole.TakeStatus() : split.TakeStatus();
  session->split = *split;
  session->current = session->split->front();
  return {};
}

Status CannotBind() {
  return whet::Error(
      Code::kUnsupported,
      "memory cannot be bound where shapes depend on data; use whet_session_input and _output");
}

Status ReadOptions(const whet_session_options* given, whet::ExecutorOptions* options) {
  whet_session_options defaults;
  whet_session_options_init(&defaults);
  // An older caller's struct is shorter; what it lacks keeps its default.
  if (given != nullptr) std::memcpy(&defaults, given, std::min(given->struct_size, sizeof(defaults)));
  options->threads.threads = defaults.threads;
  options->threads.spin_microseconds = defaults.spin_microseconds;
  if (defaults.affinity != nullptr) {
    options->threads.affinity.assign(defaults.affinity, defaults.affinity + defaults.affinity_count);
  }
  options->memory_limit = defaults.memory_limit;
  options->allow_evaluator = false;
  if (defaults.cache_folder != nullptr) options->cache_folder = defaults.cache_folder;
  if (defaults.isa != nullptr && !whet::IsaFromName(defaults.isa, &options->isa)) {
    return whet::Error(Code::kInvalidArgument, "there is no instruction set '%s'; there are %s", defaults.isa,
                       std::string(whet::IsaNames()).c_str());
  }
  if (!whet::IsaSupported(options->isa)) {
    return whet::Error(Code::kInvalidArgument, "this CPU does not have %s; the best it has is %s",
                       defaults.isa, whet_best_isa());
  }
  if (defaults.precision != nullptr && std::string_view(defaults.precision) != "f32") {
    return whet::Error(Code::kUnsupported, "precision '%s'; there is f32", defaults.precision);
  }
  return {};
}

}  // namespace

extern "C" {

const char* whet_version(void) { return WHET_VERSION; }
const char* whet_best_isa(void) { return whet::IsaName(whet::BestIsa()).data(); }

whet_code whet_status_code(const whet_status* status) { return status != nullptr ? status->code : WHET_OK; }
const char* whet_status_message(const whet_status* status) {
  return status != nullptr ? status->message.c_str() : "";
}
void whet_status_free(whet_status* status) {
  if (status != OutOfMemory()) delete status;
}

whet_status* whet_model_open(const char* path, whet_model** model) {
  return Guard([&]() -> Status {
    if (path == nullptr || model == nullptr) return NullArgument(path == nullptr ? "path" : "model");
    WHET_ASSIGN_OR_RETURN(whet::Model file, whet::OpenModel(path));
    auto opened = std::make_unique<whet_model>();
    opened->graph = std::move(file.graph);
    opened->id = std::move(file.id);
    *model = opened.release();
    return {};
  });
}

whet_status* whet_plan_open(const char* path, whet_model** model) {
  return Guard([&]() -> Status {
    if (path == nullptr || model == nullptr) return NullArgument(path == nullptr ? "path" : "model");
    auto opened = std::make_unique<whet_model>();
    WHET_ASSIGN_OR_RETURN(opened->plan, whet::LoadPlan(path));
    if (opened->plan->cpu != whet::CpuName()) {
      return whet::Error(Code::kUnsupported, "is made for '%s', this is '%s'; compile the model again here",
                         opened->plan->cpu.c_str(), std::string(whet::CpuName()).c_str())
          .At(path);
    }
    *model = opened.release();
    return {};
  });
}

void whet_model_free(whet_model* model) { delete model; }

size_t whet_model_input_count(const whet_model* model) {
  return model->plan != nullptr ? model->plan->inputs.size() : PublicInputs(*model->graph).size();
}

size_t whet_model_output_count(const whet_model* model) {
  return model->plan != nullptr ? model->plan->outputs.size() : model->graph->outputs().size();
}

whet_status* whet_model_input(const whet_model* model, size_t index, whet_tensor_info* info) {
  return Guard([&]() -> Status {
    if (index >= whet_model_input_count(model))
      return IndexError("inputs", index, whet_model_input_count(model));
    if (model->plan != nullptr) {
      FillInfo(*model->plan, model->plan->inputs[index], info);
    } else {
      FillInfo(*PublicInputs(*model->graph)[index], info);
    }
    return {};
  });
}

whet_status* whet_model_output(const whet_model* model, size_t index, whet_tensor_info* info) {
  return Guard([&]() -> Status {
    if (index >= whet_model_output_count(model))
      return IndexError("outputs", index, whet_model_output_count(model));
    if (model->plan != nullptr) {
      FillInfo(*model->plan, model->plan->outputs[index], info);
    } else {
      FillInfo(*model->graph->outputs()[index], info);
    }
    return {};
  });
}

const char* whet_model_metadata(const whet_model* model, const char* key) {
  if (model->graph == nullptr || key == nullptr) return nullptr;
  const auto it = model->graph->metadata.find(key);
  return it != model->graph->metadata.end() ? it->second.c_str() : nullptr;
}

void whet_session_options_init(whet_session_options* options) {
  *options = {};
  options->struct_size = sizeof(*options);
  options->threads = 1;
  options->spin_microseconds = 200;
}

whet_status* whet_session_create(const whet_model* model, const whet_session_options* options,
                                 const whet_binding* bindings, size_t binding_count, whet_session** session) {
  return Guard([&]() -> Status {
    if (model == nullptr || session == nullptr) return NullArgument(model == nullptr ? "model" : "session");
    whet::ExecutorOptions executor_options;
    WHET_RETURN_IF_ERROR(ReadOptions(options, &executor_options));
    auto made = std::make_unique<whet_session>();
    if (model->plan != nullptr) {
      if (binding_count > 0)
        return whet::Error(Code::kInvalidArgument, "a Plan's shapes are fixed; open the Model file");
      whet::SessionOptions session_options;
      session_options.threads = executor_options.threads;
      session_options.memory_limit = executor_options.memory_limit;
      session_options.find_reference = whet::FindOperatorReference;
      session_options.check_reference = whet::CheckReference;
      WHET_ASSIGN_OR_RETURN(made->own, whet::Session::Create(model->plan, session_options));
      made->current = made->own.get();
    } else {
      executor_options.model_id = model->id;
      executor_options.plan_pool = model->pool;
      WHET_ASSIGN_OR_RETURN(const auto inputs, ReadBindings(*model->graph, bindings, binding_count));
      made->graph = model->graph;
      std::shared_ptr<const whet::Graph> graph = model->graph;
      made->executor = std::make_unique<whet::Executor>(
          [graph]() -> whet::Result<std::unique_ptr<whet::Graph>> { return graph->Clone(); },
          std::move(executor_options));
      WHET_RETURN_IF_ERROR(PrepareShapes(made.get(), inputs));
    }
    *session = made.release();
    return {};
  });
}

void whet_session_free(whet_session* session) { delete session; }

whet_status* whet_session_reshape(whet_session* session, const whet_binding* bindings, size_t binding_count) {
  return Guard([&]() -> Status {
    if (session->executor == nullptr) return whet::Error(Code::kInvalidArgument, "a Plan's shapes are fixed");
    WHET_ASSIGN_OR_RETURN(const auto inputs, ReadBindings(*session->graph, bindings, binding_count));
    return PrepareShapes(session, inputs);
  });
}

whet_status* whet_session_save_plan(const whet_session* session, const char* path) {
  return Guard([&]() -> Status {
    if (path == nullptr) return NullArgument("path");
    if (session->split != nullptr) {
      return whet::Error(Code::kUnsupported, "shapes depend on data, so there is no Plan of the whole model");
    }
    return whet::SavePlan(session->current->plan(), path);
  });
}

size_t whet_session_input_count(const whet_session* session) {
  if (session->split != nullptr) return session->split->inputs().size();
  return session->current->plan().inputs.size();
}
size_t whet_session_output_count(const whet_session* session) {
  if (session->split != nullptr) return session->split->output_names().size();
  return session->current->plan().outputs.size();
}

whet_status* whet_session_input(const whet_session* session, size_t index, whet_tensor* tensor) {
  return Guard([&]() -> Status {
    if (index >= whet_session_input_count(session)) {
      return IndexError("inputs", index, whet_session_input_count(session));
    }
    if (session->split != nullptr) {
      const whet::SplitSession::Input& input = session->split->inputs()[index];
      *tensor = TensorOf(input.name, input.view);
      return {};
    }
    const whet::Plan& plan = session->current->plan();
    *tensor = TensorOf(plan, plan.inputs[index], session->current->input(index));
    return {};
  });
}

whet_status* whet_session_output(const whet_session* session, size_t index, whet_tensor* tensor) {
  return Guard([&]() -> Status {
    if (index >= whet_session_output_count(session)) {
      return IndexError("outputs", index, whet_session_output_count(session));
    }
    if (session->split != nullptr) {
      const std::string& name = session->split->output_names()[index];
      const auto outputs = session->split->outputs();
      if (outputs.empty()) {
        *tensor = {};
        tensor->name = name.c_str();
        tensor->rank = -1;
      } else {
        *tensor = TensorOf(name, outputs[index]->view());
      }
      return {};
    }
    const whet::Plan& plan = session->current->plan();
    *tensor = TensorOf(plan, plan.outputs[index], session->current->output(index));
    return {};
  });
}

whet_status* whet_session_bind_input(whet_session* session, size_t index, void* data, uint64_t bytes) {
  return Guard([&] {
    return session->split != nullptr ? CannotBind() : session->current->BindInput(index, data, bytes);
  });
}

whet_status* whet_session_bind_output(whet_session* session, size_t index, void* data, uint64_t bytes) {
  return Guard([&] {
    return session->split != nullptr ? CannotBind() : session->current->BindOutput(index, data, bytes);
  });
}

whet_status* whet_session_run(whet_session* session) {
  return Guard([&] { return session->split != nullptr ? session->split->Run() : session->current->Run(); });
}

// Where shapes depend on data there may be nothing that could be planned, and no current session.
void whet_session_reset_states(whet_session* session) {
  if (session->current != nullptr) session->current->ResetStates();
}
uint64_t whet_session_memory_bytes(const whet_session* session) {
  return session->current != nullptr ? session->current->memory_bytes() : 0;
}
void whet_session_enable_profile(whet_session* session, int32_t on) {
  if (session->current != nullptr) session->current->EnableProfile(on != 0);
}
size_t whet_session_step_count(const whet_session* session) {
  return session->current != nullptr ? session->current->plan().steps.size() : 0;
}

whet_status* whet_session_step(const whet_session* session, size_t index, whet_step* step) {
  return Guard([&]() -> Status {
    const size_t count = whet_session_step_count(session);
    if (index >= count) return IndexError("steps", index, count);
    const auto& steps = session->current->plan().steps;
    const auto times = session->current->step_nanoseconds();
    *step = {steps[index].node.c_str(), steps[index].op.c_str(),
             steps[index].row.c_str(),  steps[index].kind == whet::PlanStep::Kind::kReference ? 1 : 0,
             steps[index].macs,         index < times.size() ? times[index] : 0};
    return {};
  });
}

}  // extern "C"
