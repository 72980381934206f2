// Word and character error rates of models that recognize speech or writing: the least insertions, deletions
// and substitutions that turn the answer into the transcript (V. Levenshtein, 1966), over the length of the
// transcripts.
//
// Outputs are scores of characters at each step, decoded greedily as connectionist temporal classification
// has it (A. Graves et al., ICML 2006): the likeliest at each step, repetitions joined, blanks left out.

#include <algorithm>
#include <limits>
#include <utility>

#include "measure/metrics/kinds.h"

namespace whet {
namespace {

bool LooksLikeSteps(const ModelDescription::Output& output) {
  return !output.type.ranked || output.type.rank() == 2 || output.type.rank() == 3;
}

// Bytes that begin a character of UTF-8.
std::vector<std::string> CharactersOf(std::string_view text) {
  std::vector<std::string> characters;
  for (char c : text) {
    if ((static_cast<unsigned char>(c) & 0xc0) == 0x80 && !characters.empty()) {
      characters.back() += c;
    } else {
      characters.emplace_back(1, c);
    }
  }
  return characters;
}

std::vector<std::string> WordsOf(std::string_view text) {
  std::vector<std::string> words;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
    if (text.empty()) return words;
    const size_t end = std::min(text.find_first_of(" \t\r\n"), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

size_t EditDistance(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

class ErrorRate final : public Metric {
 public:
  ErrorRate(std::string_view name, bool words, MetricOptions options)
      : name_(name), words_(words), options_(std::move(options)) {}

  Status Prepare(const ModelDescription& model, const ModelDescription*, const DatasetInfo& set,
                 size_t samples) override {
    WHET_RETURN_IF_ERROR(NeedsTruth(set, TruthKind::kText, name_));
    if (model.labels.empty()) {
      return Error(Code::kInvalidArgument,
                   "%s needs the model's alphabet: give --labels a file with one character a line, in the "
                   "order of the "
                   "model's scores",
                   name_.c_str());
    }
    alphabet_ = model.labels;
    WHET_ASSIGN_OR_RETURN(
        output_, ChooseOutput(model, options_.output, LooksLikeSteps, "scores of characters at each step"));
    output_name_ = model.outputs[output_].name;
    edits_.assign(samples, 0);
    lengths_.assign(samples, 0);
    return {};
  }

  Status Add(size_t i, const Sample& sample, const Prediction& prediction, const Prediction*) override {
    Result<std::string> text = DecodeSteps(prediction.outputs[output_]);
    if (!text.ok()) return text.TakeStatus().At(sample.name);
    const auto parts = [&](std::string_view whole) { return words_ ? WordsOf(whole) : CharactersOf(whole); };
    const std::vector<std::string> truth = parts(sample.transcript);
    edits_[i] = EditDistance(parts(*text), truth);
    lengths_[i] = truth.size();
    return {};
  }

  Result<double> Value(std::span<const uint32_t> drawn) const override {
    uint64_t edits = 0;
    uint64_t length = 0;
    for (size_t i = 0; i < drawn.size(); ++i) {
      edits += drawn[i] * edits_[i];
      length += drawn[i] * lengths_[i];
    }
    if (length == 0) return std::numeric_limits<double>::quiet_NaN();
    return static_cast<double>(edits) / static_cast<double>(length);
  }

  bool lower_is_better() const override { return true; }

 private:
  Result<std::string> DecodeSteps(const TensorPtr& output) const {
    std::vector<int64_t> dims(output->shape().begin(), output->shape().end());
    // The batch is the first dimension, or the second where time is the first.
    if (dims.size() == 3 && dims[0] == 1) {
      dims.erase(dims.begin());
    } else if (dims.size() == 3 && dims[1] == 1) {
      dims.erase(dims.begin() + 1);
    }
    const auto letters = static_cast<int64_t>(alphabet_.size());
    const int64_t classes = dims.empty() ? 0 : dims.back();
    if (dims.size() != 2 || classes < letters || classes > letters + 2) {
      return Error(Code::kInvalidArgument,
                   "output '%s' of shape %s does not give each step a score for each of %lld characters (and "
                   "for none, and "
                   "the space)",
                   output_name_.c_str(), output->shape().ToString().c_str(), static_cast<long long>(letters));
    }
    WHET_ASSIGN_OR_RETURN(const std::vector<float> scores, FiniteValues(output, output_name_));
    const int64_t blank = BlankOf(classes);
    std::string text;
    int64_t last = -1;
    for (int64_t step = 0; step < dims[0]; ++step) {
      const auto begin = scores.begin() + step * classes;
      const int64_t best = std::max_element(begin, begin + classes) - begin;
      if (best != last && best != blank) text += CharacterOf(best, classes);
      last = best;
    }
    return text;
  }

  // The class that stands for no character. Where the alphabet does not name it, it is the first class,
  // before those of the alphabet.
  int64_t BlankOf(int64_t classes) const {
    if (classes > static_cast<int64_t>(alphabet_.size())) return 0;
    for (std::string_view name : {"<blank>", "<pad>", "blank", "[PAD]", ""}) {
      const auto at = std::find(alphabet_.begin(), alphabet_.end(), name);
      if (at != alphabet_.end()) return at - alphabet_.begin();
    }
    return 0;
  }

  std::string CharacterOf(int64_t label, int64_t classes) const {
    const auto letters = static_cast<int64_t>(alphabet_.size());
    const int64_t letter = classes > letters ? label - 1 : label;
    // After the alphabet comes the space, if the model has one class more than that and the blank.
    if (letter >= letters) return " ";
    const std::string& text = alphabet_[static_cast<size_t>(letter)];
    return text == "|" ? " " : text;
  }

  const std::string name_;
  const bool words_;
  MetricOptions options_;
  std::vector<std::string> alphabet_;
  size_t output_ = 0;
  std::string output_name_;
  std::vector<size_t> edits_;
  std::vector<size_t> lengths_;
};

}  // namespace

std::unique_ptr<Metric> MakeWer(const MetricOptions& options) {
  return std::make_unique<ErrorRate>("wer", true, options);
}
std::unique_ptr<Metric> MakeCer(const MetricOptions& options) {
  return std::make_unique<ErrorRate>("cer", false, options);
}

}  // namespace whet
