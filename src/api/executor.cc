#include "api/executor.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "api/plan_cache.h"
#include "base/build_id.h"
#include "compile/compiler.h"
#include "ir/check_reference.h"
#include "ir/op_def.h"
#include "plan/plan.h"

namespace whet {
namespace {

std::string KeyOf(const std::map<std::string, InputBinding>& inputs) {
  std::string key;
  for (const auto& [name, binding] : inputs) {
    key += name + '=' + binding.shape.ToString();
    if (binding.value != nullptr) {
      key += ':';
      const auto* bytes = static_cast<const unsigned char*>(binding.value->view().data);
      for (uint64_t i = 0; i < binding.value->bytes(); ++i) key += Format("%02x", bytes[i]);
    }
    key += ';';
  }
  return key;
}

// 128 bits of FNV-1a; cache files carry the full key as well, so a collision costs a compilation, not a wrong
// answer.
std::string HashName(const std::string& text) {
  unsigned __int128 hash = (static_cast<unsigned __int128>(0x6c62272e07bb0142) << 64) | 0x62b821756295c58d;
  constexpr unsigned __int128 kPrime = (static_cast<unsigned __int128>(1) << 88) | 0x13b;
  for (unsigned char c : text) hash = (hash ^ c) * kPrime;
  return Format("%016llx%016llx", static_cast<unsigned long long>(hash >> 64),
                static_cast<unsigned long long>(hash));
}

// To where a session reads it.
Status CopyInput(const std::map<std::string, Datum>& inputs, const std::string& name,
                 const TensorView& wanted) {
  const auto it = inputs.find(name);
  if (it == inputs.end()) return Error(Code::kInvalidArgument, "input '%s' is missing", name.c_str());
  if (it->second.tensor() == nullptr) {
    return Error(Code::kInvalidArgument, "input '%s' must be a tensor but is %s", name.c_str(),
                 ToString(it->second).c_str());
  }
  const TensorView& given = it->second.tensor()->view();
  if (given.dtype != wanted.dtype || given.shape != wanted.shape) {
    return Error(Code::kInvalidArgument, "input '%s' must be %s %s but is %s %s", name.c_str(),
                 std::string(DTypeName(wanted.dtype)).c_str(), wanted.shape.ToString().c_str(),
                 std::string(DTypeName(given.dtype)).c_str(), given.shape.ToString().c_str());
  }
  std::memcpy(wanted.data, given.data, given.bytes());
  return {};
}

}  // namespace

ReferenceFn FindOperatorReference(std::string_view op) {
  const OpDef* def = FindOp(op);
  return def != nullptr ? def->reference : nullptr;
}

std::shared_ptr<const Plan> PlanPool::Find(const std::string& key) {
  std::lock_guard lock(mutex_);
  const auto it = plans_.find(key);
  return it != plans_.end() ? it->second.lock() : nullptr;
}

void PlanPool::Add(const std::string& key, const std::shared_ptr<const Plan>& plan) {
  std::lock_guard lock(mutex_);
  std::erase_if(plans_, [](const auto& entry) { return entry.second.expired(); });
  plans_[key] = plan;
}

std::string DefaultCacheFolder() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache != 0) {
    return std::string(cache) + "/whet";
  }
  const char* home = std::getenv("HOME");
  return home != nullptr && *home != 0 ? std::string(home) + "/.cache/whet" : std::string();
}

std::string FileIdentity(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return {};
  std::error_code error;
  const std::string absolute = std::filesystem::absolute(path, error).string();
  return Format("%s:%lld:%llu:%lld.%09ld", absolute.c_str(), static_cast<long long>(info.st_size),
                static_cast<unsigned long long>(info.st_ino), static_cast<long long>(info.st_mtim.tv_sec),
                info.st_mtim.tv_nsec);
}

Executor::Executor(GraphLoader load, ExecutorOptions options)
    : load_(std::move(load)), options_(std::move(options)) {}
Executor::~Executor() = default;

Result<const Graph*> Executor::graph() {
  if (graph_ == nullptr) {
    WHET_ASSIGN_OR_RETURN(graph_, load_());
    shape_inputs_ = whet::ShapeInputs(*graph_);
  }
  return static_cast<const Graph*>(graph_.get());
}

Result<std::vector<std::string>> Executor::ShapeInputs() {
  WHET_RETURN_IF_ERROR(graph().TakeStatus());
  return shape_inputs_;
}

Result<CompileOptions> Executor::ToCompileOptions(const std::map<std::string, InputBinding>& inputs) const {
  CompileOptions compile;
  compile.isa = options_.isa;
  compile.disabled_passes = options_.disabled_passes;
  for (const auto& [name, binding] : inputs) {
    const bool by_value = std::find(shape_inputs_.begin(), shape_inputs_.end(), name) != shape_inputs_.end();
    if (!by_value) {
      compile.shapes[name] = binding.shape;
    } else if (binding.value != nullptr) {
      compile.values[name] = binding.value;
    } else {
      return Error(Code::kInvalidArgument,
                   "the value of input '%s' decides shapes, so it is needed beforehand", name.c_str());
    }
  }
  return compile;
}

Result<SessionOptions> Executor::ToSessionOptions() {
  if (pool_ == nullptr) {
    WHET_ASSIGN_OR_RETURN(std::unique_ptr<ThreadPool> pool, ThreadPool::Create(options_.threads));
    pool_ = std::move(pool);
  }
  SessionOptions options;
  options.pool = pool_;
  options.memory_limit = options_.memory_limit;
  options.find_reference = FindOperatorReference;
  options.check_reference = CheckReference;
  return options;
}

Result<std::shared_ptr<const Plan>> Executor::MakePlan(const std::map<std::string, InputBinding>& inputs,
                                                       const std::string& key) {
  std::string path;
  if (!options_.cache_folder.empty() && !options_.model_id.empty()) {
    path = options_.cache_folder + '/' + HashName(key) + ".plan";
    auto cached = LoadPlan(path);
    // Whatever is wrong with a cached Plan, compiling again mends it.
    if (cached.ok() && (*cached)->model_id == key && (*cached)->cpu == CpuName()) {
      plan_from_cache_ = true;
      TouchCachedPlan(path);
      return std::move(*cached);
    }
  }
  WHET_ASSIGN_OR_RETURN(const Graph* model, graph());
  WHET_ASSIGN_OR_RETURN(CompileOptions compile, ToCompileOptions(inputs));
  compile.model_id = key;
  pass_reports_.clear();
  compile.pass_reports = &pass_reports_;
  WHET_ASSIGN_OR_RETURN(std::shared_ptr<const Plan> plan, Compile(*model, compile));
  if (!path.empty()) {
    std::error_code error;
    std::filesystem::create_directories(options_.cache_folder, error);
    // A cache that cannot be written (a full disk, a read-only home) costs time at the next start, nothing
    // else.
    if (SavePlan(*plan, path).ok()) {
      TrimPlanCache(options_.cache_folder, kPlanCacheLimit);
      if (auto mapped = LoadPlan(path); mapped.ok()) return std::move(*mapped);
    }
  }
  return plan;
}

std::string Executor::KeyFor(const std::map<std::string, InputBinding>& inputs) const {
  // Another build may pack weights differently under the same kernel's name.
  std::string key = options_.model_id + '|' + BuildId() + '|' + std::string(IsaName(options_.isa)) + '|';
  for (const std::string& pass : options_.disabled_passes) key += pass + ',';
  return key + '|' + KeyOf(inputs);
}

Executor::Entry* Executor::Find(const std::string& key) {
  for (auto it = entries_.begin(); it != entries_.end(); ++it) {
    if (it->key != key) continue;
    entries_.splice(entries_.begin(), entries_, it);
    return &entries_.front();
  }
  return nullptr;
}

Executor::Entry* Executor::Add(std::string key) {
  if (entries_.size() >= std::max<size_t>(1, options_.max_plans)) entries_.pop_back();
  entries_.emplace_front().key = std::move(key);
  return &entries_.front();
}

Result<Session*> Executor::Prepare(const std::map<std::string, InputBinding>& inputs) {
  compile_milliseconds_ = 0;
  plan_from_cache_ = false;
  std::string key = KeyFor(inputs);
  if (const Entry* entry = Find(key)) {
    if (entry->session != nullptr) return entry->session.get();
    return Error(Code::kUnsupported, "%s", entry->why_no_session.c_str());
  }
  const auto start = std::chrono::steady_clock::now();
  std::shared_ptr<const Plan> plan = options_.plan_pool != nullptr ? options_.plan_pool->Find(key) : nullptr;
  if (plan == nullptr) {
    auto made = MakePlan(inputs, key);
    if (!made.ok() && made.status().code() == Code::kUnsupported) {
      // So that it is not tried again at every run.
      Add(std::move(key))->why_no_session = made.status().ToString();
    }
    if (!made.ok()) return made.TakeStatus();
    plan = std::move(*made);
    if (options_.plan_pool != nullptr) options_.plan_pool->Add(key, plan);
  }
  const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
  compile_milliseconds_ = elapsed.count();
  WHET_ASSIGN_OR_RETURN(const SessionOptions session_options, ToSessionOptions());
  WHET_ASSIGN_OR_RETURN(std::unique_ptr<Session> session, Session::Create(std::move(plan), session_options));
  Entry* entry = Add(std::move(key));
  entry->session = std::move(session);
  return entry->session.get();
}

Result<SplitSession*> Executor::PrepareSplit(const std::map<std::string, InputBinding>& inputs) {
  Result<Session*> whole = Prepare(inputs);
  if (whole.ok()) return Error(Code::kInvalidArgument, "a Plan can be made of the whole");
  Entry* entry = Find(KeyFor(inputs));
  if (entry == nullptr) return whole.TakeStatus();
  if (!entry->why_no_split.empty()) return Error(Code::kUnsupported, "%s", entry->why_no_split.c_str());
  if (entry->split != nullptr) return entry->split.get();
  const auto start = std::chrono::steady_clock::now();
  WHET_ASSIGN_OR_RETURN(const Graph* model, graph());
  WHET_ASSIGN_OR_RETURN(const CompileOptions compile, ToCompileOptions(inputs));
  WHET_ASSIGN_OR_RETURN(const SessionOptions session_options, ToSessionOptions());
  auto split = SplitSession::Create(*model, compile, session_options);
  if (!split.ok()) {
    if (split.status().code() == Code::kUnsupported) entry->why_no_split = split.status().ToString();
    return split.TakeStatus();
  }
  entry->split = std::move(*split);
  const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
  compile_milliseconds_ = elapsed.count();
  return entry->split.get();
}

Result<std::vector<Datum>> Executor::RunSession(Session& session,
                                                const std::map<std::string, Datum>& inputs) {
  const Plan& plan = session.plan();
  for (size_t i = 0; i < plan.inputs.size(); ++i) {
    const PlanTensor& wanted = plan.tensors[plan.inputs[i].tensor];
    WHET_RETURN_IF_ERROR(
        CopyInput(inputs, plan.inputs[i].name, {wanted.dtype, wanted.shape, session.input(i)}));
  }
  WHET_RETURN_IF_ERROR(session.Run());
  std::vector<Datum> outputs;
  for (size_t i = 0; i < plan.outputs.size(); ++i) {
    const PlanTensor& tensor = plan.tensors[plan.outputs[i].tensor];
    outputs.emplace_back(Constant::Copy(tensor.dtype, tensor.shape, session.output(i)));
  }
  return outputs;
}

Result<std::vector<Datum>> Executor::RunSplit(SplitSession& session,
                                              const std::map<std::string, Datum>& inputs) {
  for (const SplitSession::Input& input : session.inputs()) {
    WHET_RETURN_IF_ERROR(CopyInput(inputs, input.name, input.view));
  }
  WHET_RETURN_IF_ERROR(session.Run());
  std::vector<Datum> outputs;
  for (const TensorPtr& output : session.outputs()) {
    outputs.emplace_back(Constant::Copy(output->dtype(), output->shape(), output->view().data));
  }
  return outputs;
}

Result<std::vector<Datum>> Executor::RunEvaluator(const std::map<std::string, Datum>& inputs) {
  WHET_ASSIGN_OR_RETURN(const Graph* model, graph());
  std::vector<Datum> ordered;
  for (const Value* input : model->inputs()) {
    const auto state = std::find_if(model->states.begin(), model->states.end(),
                                    [&](const State& s) { return s.input == input; });
    if (state != model->states.end()) {
      TensorPtr& current = evaluator_states_[state->name];
      if (current == nullptr) current = state->initial;
      if (current == nullptr && input->type.IsStatic()) {
        current = Constant::Copy(input->type.dtype, input->type.ToShape(), nullptr);
      }
      if (current == nullptr)
        return Error(Code::kUnsupported, "state '%s' has no fixed shape", state->name.c_str());
      ordered.emplace_back(current);
      continue;
    }
    const auto it = inputs.find(input->name());
    if (it == inputs.end())
      return Error(Code::kInvalidArgument, "input '%s' is missing", input->name().c_str());
    ordered.push_back(it->second);
  }
  // State outputs are read at the end of the run, whatever else the graph gives out.
  struct Watch {
    const Graph* graph;
    std::map<std::string, TensorPtr> next;
  } watch{model, {}};
  EvaluateOptions options;
  options.observe_context = &watch;
  options.observe = [](void* context, const Value& value, const TensorPtr& tensor) {
    auto& w = *static_cast<Watch*>(context);
    for (const State& s : w.graph->states) {
      if (s.output == &value) w.next[s.name] = tensor;
    }
  };
  WHET_ASSIGN_OR_RETURN(std::vector<Datum> outputs, GraphEvaluator(options).RunAny(*model, ordered));
  for (auto& [name, tensor] : watch.next) evaluator_states_[name] = tensor;
  return outputs;
}

Result<std::vector<TensorPtr>> Executor::Run(const std::map<std::string, TensorPtr>& inputs) {
  WHET_ASSIGN_OR_RETURN(const std::vector<Datum> results, RunAny({inputs.begin(), inputs.end()}));
  std::vector<TensorPtr> outputs;
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i].tensor() == nullptr) {
      return Error(Code::kUnsupported, "output '%s' is %s, not a tensor",
                   graph_->outputs()[i]->name().c_str(), ToString(graph_->outputs()[i]->type).c_str());
    }
    outputs.push_back(results[i].tensor());
  }
  return outputs;
}

Result<std::vector<Datum>> Executor::RunAny(const std::map<std::string, Datum>& inputs) {
  WHET_ASSIGN_OR_RETURN(const Graph* model, graph());
  for (const auto& [name, datum] : inputs) {
    const Value* input = model->FindValue(name);
    if (input == nullptr || !input->IsGraphInput()) {
      return Error(Code::kInvalidArgument, "the model has no input '%s'", name.c_str());
    }
  }
  std::map<std::string, InputBinding> bindings;
  for (const auto& [name, datum] : inputs) {
    const TensorPtr& tensor = datum.tensor();
    if (tensor == nullptr) continue;  // then no Plan is made
    const bool by_value = std::find(shape_inputs_.begin(), shape_inputs_.end(), name) != shape_inputs_.end();
    bindings[name] = {tensor->shape(), by_value ? tensor : nullptr};
  }
  evaluator_reason_.clear();
  ran_plan_ = false;
  if (options_.only_evaluator) {
    evaluator_reason_ = "asked for";
    return RunEvaluator(inputs);
  }
  auto session = Prepare(bindings);
  if (session.ok()) {
    ran_plan_ = true;
    return RunSession(**session, inputs);
  }
  if (session.status().code() != Code::kUnsupported || !options_.allow_evaluator) return session.TakeStatus();
  evaluator_reason_ = session.status().ToString();
  auto split = PrepareSplit(bindings);
  if (!split.ok()) return RunEvaluator(inputs);
  evaluator_reason_ =
      Format("%zu of %zu nodes: ", (*split)->rest_nodes(), (*split)->rest_nodes() + (*split)->front_nodes()) +
      evaluator_reason_;
  ran_plan_ = (*split)->front() != nullptr;
  return RunSplit(**split, inputs);
}

void Executor::ResetStates() {
  for (Entry& entry : entries_) {
    if (entry.session != nullptr) entry.session->ResetStates();
    if (entry.split != nullptr) entry.split->ResetStates();
  }
  evaluator_states_.clear();
}

}  // namespace whet
