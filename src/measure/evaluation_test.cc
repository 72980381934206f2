// Evaluation with models that are functions of the sample: threads, intervals, comparison, errors.
#include "measure/evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <set>

#include "measure/metrics/metric_testing.h"

namespace whet {
namespace {

using testing::HasSubstr;

// Sample i is of class i % 2.
class Numbers final : public Dataset {
 public:
  explicit Numbers(size_t size, TruthKind truth = TruthKind::kClass) : size_(size), info_(SetOf(truth)) {}
  const DatasetInfo& info() const override { return info_; }
  size_t size() const override { return size_; }
  Result<Sample> Read(size_t i) const override {
    if (i == broken) return Error(Code::kBadFile, "cannot be decoded").At(std::to_string(i));
    Sample sample;
    sample.name = std::to_string(i);
    sample.label = static_cast<int>(i % 2);
    return sample;
  }
  size_t broken = static_cast<size_t>(-1);

 private:
  size_t size_;
  DatasetInfo info_;
};

using Answer = std::vector<float> (*)(size_t sample);

class FunctionRunner final : public SampleRunner {
 public:
  explicit FunctionRunner(Answer answer) : answer_(answer) {}
  Result<Prediction> Run(const Sample& sample) override {
    const std::vector<float> scores = answer_(std::stoul(sample.name));
    Prediction prediction;
    prediction.outputs.push_back(FloatTensor(Shape{1, static_cast<int64_t>(scores.size())}, scores));
    return prediction;
  }

 private:
  Answer answer_;
};

EvaluatedModel ModelOf(Answer answer) {
  EvaluatedModel model;
  model.description = OneOutput({-1, 2});
  model.make_runner = [answer]() -> Result<std::unique_ptr<SampleRunner>> {
    return std::unique_ptr<SampleRunner>(std::make_unique<FunctionRunner>(answer));
  };
  return model;
}

std::vector<float> Choose(int label) {
  return label == 0 ? std::vector<float>{1, 0} : std::vector<float>{0, 1};
}
// Wrong for every tenth sample.
std::vector<float> Good(size_t i) { return Choose(static_cast<int>(i % 10 == 0 ? 1 - i % 2 : i % 2)); }
// Wrong for every fifth, and so for all that Good gets wrong.
std::vector<float> Worse(size_t i) { return Choose(static_cast<int>(i % 5 == 0 ? 1 - i % 2 : i % 2)); }

EvaluationOptions OptionsFor(std::string_view metric, int threads = 1) {
  EvaluationOptions options;
  options.metric = metric;
  options.threads = threads;
  return options;
}

TEST(Evaluate, GivesTheValueAndWilsonsInterval) {
  const auto evaluation = Evaluate(Numbers(100), ModelOf(Good), nullptr, OptionsFor("top1"));
  ASSERT_TRUE(evaluation.ok()) << evaluation.status().ToString();
  EXPECT_EQ(evaluation->samples, 100U);
  EXPECT_EQ(evaluation->measured.value, 0.9);
  EXPECT_EQ(evaluation->measured.method, IntervalMethod::kWilson);
  EXPECT_NEAR(evaluation->measured.interval.low, 0.8256343, 1e-6);
  EXPECT_NEAR(evaluation->measured.interval.high, 0.9447708, 1e-6);
  EXPECT_FALSE(evaluation->comparison.has_value());
}

TEST(Evaluate, DoesNotDependOnTheThreads) {
  std::set<double> values;
  std::set<double> lows;
  for (int threads : {1, 2, 7, 64}) {
    std::atomic<size_t> last{0};
    EvaluationOptions options = OptionsFor("f1", threads);
    options.progress = [&](size_t done) { last = done; };
    const auto evaluation = Evaluate(Numbers(53), ModelOf(Good), nullptr, options);
    ASSERT_TRUE(evaluation.ok()) << evaluation.status().ToString();
    values.insert(evaluation->measured.value);
    lows.insert(evaluation->measured.interval.low);
    EXPECT_EQ(evaluation->measured.method, IntervalMethod::kBootstrap);
    EXPECT_LT(evaluation->measured.interval.low, evaluation->measured.value);
    EXPECT_GT(evaluation->measured.interval.high, evaluation->measured.value);
    EXPECT_EQ(last, 53U);
  }
  EXPECT_EQ(values.size(), 1U);
  EXPECT_EQ(lows.size(), 1U);
}

TEST(Evaluate, ComparesTwoModelsOnTheSameSamples) {
  const EvaluatedModel worse = ModelOf(Worse);
  const auto evaluation = Evaluate(Numbers(100), ModelOf(Good), &worse, OptionsFor("top1", 3));
  ASSERT_TRUE(evaluation.ok()) << evaluation.status().ToString();
  ASSERT_TRUE(evaluation->comparison.has_value());
  const ModelComparison& comparison = *evaluation->comparison;
  EXPECT_EQ(comparison.other.value, 0.8);
  EXPECT_NEAR(comparison.difference, 0.1, 1e-12);
  EXPECT_TRUE(comparison.difference_has_interval);
  EXPECT_GT(comparison.difference_interval.low, 0);
  EXPECT_LT(comparison.difference_interval.high, 0.2);
  EXPECT_EQ(comparison.agreement, 0.9);
  ASSERT_TRUE(comparison.mcnemar.has_value());
  EXPECT_EQ(comparison.mcnemar->only_first, 10U);
  EXPECT_EQ(comparison.mcnemar->only_second, 0U);
  EXPECT_NEAR(comparison.mcnemar->p_value, 2.0 / 1024, 1e-12);
}

TEST(Evaluate, MeasuresFidelityWithoutTruth) {
  const EvaluatedModel worse = ModelOf(Worse);
  const Numbers unlabelled(20, TruthKind::kNone);
  const auto agreement = Evaluate(unlabelled, ModelOf(Good), &worse, OptionsFor("agreement"));
  ASSERT_TRUE(agreement.ok()) << agreement.status().ToString();
  EXPECT_EQ(agreement->measured.value, 0.9);
  EXPECT_EQ(agreement->measured.method, IntervalMethod::kWilson);
  EXPECT_FALSE(agreement->comparison.has_value());
  // Where the choices differ the outputs are at right angles.
  const auto cosine = Evaluate(unlabelled, ModelOf(Good), &worse, OptionsFor("cosine"));
  ASSERT_TRUE(cosine.ok()) << cosine.status().ToString();
  EXPECT_NEAR(cosine->measured.value, 0.9, 1e-12);
  // Signal 20, noise 2 * 2.
  const auto snr = Evaluate(unlabelled, ModelOf(Good), &worse, OptionsFor("snr"));
  ASSERT_TRUE(snr.ok()) << snr.status().ToString();
  EXPECT_NEAR(snr->measured.value, 10 * std::log10(20.0 / 4), 1e-9);
  EXPECT_EQ(snr->unit, "dB");
  const auto same = Evaluate(unlabelled, ModelOf(Worse), &worse, OptionsFor("snr"));
  ASSERT_TRUE(same.ok()) << same.status().ToString();
  EXPECT_TRUE(std::isinf(same->measured.value));
}

TEST(Evaluate, SaysWhatIsWrong) {
  const auto refused = [](const Dataset& set, const EvaluatedModel& model, const EvaluationOptions& options) {
    const auto evaluation = Evaluate(set, model, nullptr, options);
    EXPECT_FALSE(evaluation.ok());
    return evaluation.ok() ? "" : evaluation.status().ToString();
  };
  const EvaluatedModel good = ModelOf(Good);
  EXPECT_THAT(refused(Numbers(4), good, OptionsFor("beauty")), HasSubstr("no metric 'beauty'"));
  EXPECT_THAT(refused(Numbers(4), good, OptionsFor("snr")), HasSubstr("name that one too"));
  EXPECT_THAT(refused(Numbers(4, TruthKind::kNone), good, OptionsFor("top1")), HasSubstr("needs classes"));
  EXPECT_THAT(refused(Numbers(4), good, OptionsFor("map")), HasSubstr("needs boxes"));
  EvaluatedModel nan = ModelOf([](size_t i) { return i == 7 ? std::vector<float>{NAN, 1} : Good(i); });
  EXPECT_THAT(refused(Numbers(30), nan, OptionsFor("top1", 4)),
              testing::StartsWith("7: output 'y' holds nan"));
  Numbers broken(30);
  broken.broken = 11;
  EXPECT_THAT(refused(broken, good, OptionsFor("top1", 4)), HasSubstr("11: cannot be decoded"));
  EvaluatedModel no_runner = good;
  no_runner.make_runner = []() -> Result<std::unique_ptr<SampleRunner>> {
    return Error(Code::kUnsupported, "cannot be compiled");
  };
  EXPECT_THAT(refused(Numbers(4), no_runner, OptionsFor("top1")), HasSubstr("cannot be compiled"));
}

}  // namespace
}  // namespace whet
