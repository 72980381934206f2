#include "measure/evaluation.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "measure/latency.h"

namespace whet {
namespace {

// All samples through both models, on several threads.
class Pass {
 public:
  Pass(const Dataset& dataset, const EvaluatedModel& model, const EvaluatedModel* against, Metric* metric,
       Metric* against_metric, const EvaluationOptions& options)
      : dataset_(dataset),
        model_(model),
        against_(against),
        metric_(metric),
        against_metric_(against_metric),
        options_(options) {}

  Status Run() {
    const auto wanted = static_cast<size_t>(std::max(1, options_.threads));
    std::vector<Worker> workers(std::min(wanted, dataset_.size()));
    for (Worker& worker : workers) {
      WHET_ASSIGN_OR_RETURN(worker.model, model_.make_runner());
      if (against_ != nullptr) {
        WHET_ASSIGN_OR_RETURN(worker.against, against_->make_runner());
      }
    }
    std::vector<std::thread> threads;
    for (size_t t = 1; t < workers.size(); ++t) {
      // With fewer threads than asked for the work is done all the same.
      try {
        threads.emplace_back([this, worker = &workers[t]] { Work(*worker); });
      } catch (const std::system_error&) {
        break;
      }
    }
    Work(workers[0]);
    for (std::thread& thread : threads) thread.join();
    return std::move(status_);
  }

 private:
  struct Worker {
    std::unique_ptr<SampleRunner> model;
    std::unique_ptr<SampleRunner> against;
  };

  void Work(Worker& worker) {
    while (!failed_.load(std::memory_order_relaxed)) {
      const size_t i = next_.fetch_add(1, std::memory_order_relaxed);
      if (i >= dataset_.size()) return;
      Status status = Take(worker, i);
      std::lock_guard lock(mutex_);
      if (!status.ok()) {
        // Of several failures the first sample's is told, as far as it has been reached.
        if (!failed_.load() || i < failed_sample_) {
          status_ = std::move(status);
          failed_sample_ = i;
        }
        failed_.store(true);
        return;
      }
      ++done_;
      if (options_.progress) options_.progress(done_);
    }
  }

  Status Take(Worker& worker, size_t i) {
    WHET_ASSIGN_OR_RETURN(const Sample sample, dataset_.Read(i));
    WHET_ASSIGN_OR_RETURN(const Prediction prediction, worker.model->Run(sample));
    if (worker.against == nullptr) return metric_->Add(i, sample, prediction, nullptr);
    WHET_ASSIGN_OR_RETURN(const Prediction other, worker.against->Run(sample));
    if (against_metric_ == nullptr) return metric_->Add(i, sample, prediction, &other);
    WHET_RETURN_IF_ERROR(metric_->Add(i, sample, prediction, nullptr));
    return against_metric_->Add(i, sample, other, nullptr);
  }

  const Dataset& dataset_;
  const EvaluatedModel& model_;
  const EvaluatedModel* against_;
  Metric* metric_;
  Metric* against_metric_;
  const EvaluationOptions& options_;
  std::atomic<size_t> next_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  size_t done_ = 0;
  size_t failed_sample_ = 0;
  Status status_;
};

Result<MeasuredValue> Measure(const Metric& metric, size_t samples, const EvaluationOptions& options) {
  MeasuredValue measured;
  WHET_ASSIGN_OR_RETURN(measured.value, metric.Value(std::vector<uint32_t>(samples, 1)));
  if (std::isnan(measured.value)) {
    return Error(Code::kInvalidArgument, "the samples do not have what %s needs", options.metric.c_str());
  }
  if (metric.Right(0)) {
    size_t right = 0;
    for (size_t i = 0; i < samples; ++i) right += *metric.Right(i) ? 1 : 0;
    measured.interval = WilsonInterval(right, samples, options.confidence);
    measured.method = IntervalMethod::kWilson;
  } else if (options.resamples > 0 && samples > 1 && std::isfinite(measured.value)) {
    WHET_ASSIGN_OR_RETURN(
        measured.interval,
        BootstrapInterval(samples, options.resamples, options.seed, options.confidence,
                          [&](std::span<const uint32_t> drawn) { return metric.Value(drawn); }));
    measured.method = IntervalMethod::kBootstrap;
  }
  return measured;
}

Result<ModelComparison> Compare(const Metric& first, const Metric& second, double first_value, size_t samples,
                                const EvaluationOptions& options) {
  ModelComparison comparison;
  WHET_ASSIGN_OR_RETURN(comparison.other, Measure(second, samples, options));
  comparison.difference = first_value - comparison.other.value;
  if (options.resamples > 0 && samples > 1) {
    const auto difference = [&](std::span<const uint32_t> drawn) -> Result<double> {
      WHET_ASSIGN_OR_RETURN(const double a, first.Value(drawn));
      WHET_ASSIGN_OR_RETURN(const double b, second.Value(drawn));
      return a - b;
    };
    WHET_ASSIGN_OR_RETURN(
        comparison.difference_interval,
        BootstrapInterval(samples, options.resamples, options.seed, options.confidence, difference));
    comparison.difference_has_interval = true;
  }
  if (first.Choice(0)) {
    size_t same = 0;
    for (size_t i = 0; i < samples; ++i) same += *first.Choice(i) == *second.Choice(i) ? 1 : 0;
    comparison.agreement = static_cast<double>(same) / static_cast<double>(samples);
  }
  if (first.Right(0)) {
    size_t only_first = 0;
    size_t only_second = 0;
    for (size_t i = 0; i < samples; ++i) {
      only_first += *first.Right(i) && !*second.Right(i) ? 1 : 0;
      only_second += !*first.Right(i) && *second.Right(i) ? 1 : 0;
    }
    comparison.mcnemar = McNemarTest(only_first, only_second);
  }
  return comparison;
}

}  // namespace

Result<Evaluation> Evaluate(const Dataset& dataset, const EvaluatedModel& model,
                            const EvaluatedModel* against, const EvaluationOptions& options) {
  WHET_ASSIGN_OR_RETURN(const std::unique_ptr<Metric> metric,
                        MakeMetric(options.metric, options.metric_options));
  if (metric->compares_models() && against == nullptr) {
    return Error(Code::kInvalidArgument, "%s measures how far a model is from another; name that one too",
                 options.metric.c_str());
  }
  std::unique_ptr<Metric> against_metric;
  if (against != nullptr && !metric->compares_models()) {
    WHET_ASSIGN_OR_RETURN(against_metric, MakeMetric(options.metric, options.metric_options));
    WHET_RETURN_IF_ERROR(
        against_metric->Prepare(against->description, nullptr, dataset.info(), dataset.size()));
  }
  WHET_RETURN_IF_ERROR(metric->Prepare(model.description,
                                       metric->compares_models() ? &against->description : nullptr,
                                       dataset.info(), dataset.size()));
  const int64_t begin = NowNanoseconds();
  WHET_RETURN_IF_ERROR(Pass(dataset, model, against, metric.get(), against_metric.get(), options).Run());
  Evaluation evaluation;
  evaluation.seconds = static_cast<double>(NowNanoseconds() - begin) * 1e-9;
  evaluation.samples = dataset.size();
  evaluation.unit = metric->unit();
  evaluation.lower_is_better = metric->lower_is_better();
  WHET_RETURN_IF_ERROR(metric->Finish());
  WHET_ASSIGN_OR_RETURN(evaluation.measured, Measure(*metric, dataset.size(), options));
  if (against_metric != nullptr) {
    WHET_RETURN_IF_ERROR(against_metric->Finish());
    WHET_ASSIGN_OR_RETURN(evaluation.comparison, Compare(*metric, *against_metric, evaluation.measured.value,
                                                         dataset.size(), options));
  }
  return evaluation;
}

}  // namespace whet
