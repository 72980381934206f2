// Runs a model whatever its inputs' shapes: a Plan and a Session for each set of concrete shapes, made when
// first needed, kept in memory up to a number and on disk for the next start.
//
// Used by one thread at a time.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "api/split_session.h"
#include "base/isa.h"
#include "base/status.h"
#include "compile/compiler.h"
#include "ir/evaluate.h"
#include "ir/graph.h"
#include "ir/pass.h"
#include "runtime/session.h"

namespace whet {

// Finished Plans that several Executors of one model share, and with them their packed weights. Thread-safe.
class PlanPool {
 public:
  std::shared_ptr<const Plan> Find(const std::string& key);
  void Add(const std::string& key, const std::shared_ptr<const Plan>& plan);

 private:
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<const Plan>> plans_;
};

// The plain reference of an operator, for SessionOptions.
ReferenceFn FindOperatorReference(std::string_view op);

struct ExecutorOptions {
  ThreadPoolOptions threads;
  Isa isa = BestIsa();
  uint64_t memory_limit = 0;  // of each session; 0 is the machine's
  // Plans kept in memory; the one used longest ago goes first.
  size_t max_plans = 8;
  // Where finished Plans are kept for the next start; empty keeps none.
  std::string cache_folder;
  // Identity of the model for the cache: equal only if the model is. Empty keeps none.
  std::string model_id;
  std::vector<std::string> disabled_passes;
  std::shared_ptr<PlanPool> plan_pool;  // may be null
  // Where no Plan can be made of the whole, since a shape depends on data or a value is no tensor of numbers,
  // runs node by node on the references (slowly) what no Plan can be made of; false makes that an error.
  bool allow_evaluator = true;
  // Runs node by node on the references always: the answer to compare with.
  bool only_evaluator = false;
};

// What the caller knows of the inputs: a concrete shape, and the value where the shapes of other tensors
// depend on it.
struct InputBinding {
  Shape shape;
  TensorPtr value;  // only needed for Executor::shape_inputs()
};

class Executor {
 public:
  using GraphLoader = std::function<Result<std::unique_ptr<Graph>>()>;

  // `load` is called when the Graph is first needed: never, if the Plan is in the cache.
  Executor(GraphLoader load, ExecutorOptions options);
  ~Executor();

  // The model; loads it if need be.
  Result<const Graph*> graph();
  // Inputs whose values a Plan is made for (compile/compiler.h).
  Result<std::vector<std::string>> ShapeInputs();

  // The Session for these shapes, by input name; inputs whose shape the model fixes may be left out. The
  // Session belongs to the Executor and lives until as many others as max_plans have been used since. Its
  // inputs are those of the model without the ones given by value. kUnsupported if no Plan can be made.
  Result<Session*> Prepare(const std::map<std::string, InputBinding>& inputs);

  // The same where some shapes depend on data; for after Prepare has said kUnsupported. kUnsupported if there
  // are strings, sequences or optional values.
  Result<SplitSession*> PrepareSplit(const std::map<std::string, InputBinding>& inputs);

  // Inputs by name; outputs in the model's order. Copies in and out; for the fastest path use Prepare.
  Result<std::vector<TensorPtr>> Run(const std::map<std::string, TensorPtr>& inputs);
  // Likewise, where some may be sequences or optional values.
  Result<std::vector<Datum>> RunAny(const std::map<std::string, Datum>& inputs);

  // Of the last Prepare: milliseconds spent on making the Plan (0 if it was in memory), and whether it came
  // from disk.
  double compile_milliseconds() const { return compile_milliseconds_; }
  bool plan_from_cache() const { return plan_from_cache_; }
  // The passes' reports of the last Plan that was compiled here.
  const std::vector<PassReport>& pass_reports() const { return pass_reports_; }
  // What of the last Run went node by node on the references, and why; empty if nothing did.
  const std::string& evaluator_reason() const { return evaluator_reason_; }
  // Whether a Plan computed any of the last Run.
  bool ran_plan() const { return ran_plan_; }

  void ResetStates();

 private:
  // What was found out about some shapes.
  struct Entry {
    std::string key;
    std::unique_ptr<Session> session;  // of the whole; null if no Plan can be made of it
    std::string why_no_session;
    std::unique_ptr<SplitSession> split;  // made when it is asked for
    std::string why_no_split;
  };

  std::string KeyFor(const std::map<std::string, InputBinding>& inputs) const;
  // Becomes the most recently used; null if there is none.
  Entry* Find(const std::string& key);
  Entry* Add(std::string key);
  Result<CompileOptions> ToCompileOptions(const std::map<std::string, InputBinding>& inputs) const;
  Result<SessionOptions> ToSessionOptions();

  Result<std::shared_ptr<const Plan>> MakePlan(const std::map<std::string, InputBinding>& inputs,
                                               const std::string& key);
  Result<std::vector<Datum>> RunSession(Session& session, const std::map<std::string, Datum>& inputs);
  Result<std::vector<Datum>> RunSplit(SplitSession& session, const std::map<std::string, Datum>& inputs);
  Result<std::vector<Datum>> RunEvaluator(const std::map<std::string, Datum>& inputs);

  GraphLoader load_;
  ExecutorOptions options_;
  std::unique_ptr<Graph> graph_;
  std::shared_ptr<ThreadPool> pool_;
  std::list<Entry> entries_;  // the most recently used first
  std::vector<std::string> shape_inputs_;
  std::map<std::string, TensorPtr> evaluator_states_;
  double compile_milliseconds_ = 0;
  bool plan_from_cache_ = false;
  std::vector<PassReport> pass_reports_;
  std::string evaluator_reason_;
  bool ran_plan_ = false;
};

// $XDG_CACHE_HOME/whet or ~/.cache/whet; empty if there is no home.
std::string DefaultCacheFolder();

// Identity of a model's file for the cache: its path, size, inode and time of change. Empty if it cannot be
// read.
std::string FileIdentity(const std::string& path);

}  // namespace whet
