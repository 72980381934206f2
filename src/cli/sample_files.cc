#include "cli/sample_files.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>

#include "cli/model_runner.h"
#include "data/npz.h"
#include "measure/datasets/dataset.h"

namespace whet::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t kRandomSamples = 16;

bool IsSampleFile(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  constexpr std::string_view kKnown[] = {".png", ".jpg", ".jpeg", ".npy", ".npz", ".wav"};
  return std::find(std::begin(kKnown), std::end(kKnown), extension) != std::end(kKnown);
}

// `count` of `size` numbers from 0, evenly spread.
std::vector<size_t> Spread(size_t size, size_t count) {
  std::vector<size_t> chosen;
  count = std::min(count, size);
  for (size_t i = 0; i < count; ++i) chosen.push_back(i * size / count);
  return chosen;
}

std::vector<quantize::Inputs> Named(const Graph& graph, const PreparedInputs& prepared) {
  std::vector<quantize::Inputs> runs;
  for (const std::vector<TensorPtr>& run : prepared.runs) runs.push_back(ByName(graph, run));
  return runs;
}

class FileSamples final : public quantize::SampleSource {
 public:
  FileSamples(const Graph& graph, InputArguments inputs, std::vector<std::string> files)
      : graph_(graph), inputs_(std::move(inputs)), files_(std::move(files)) {}

  size_t size() const override { return files_.size(); }
  std::string NameOf(size_t i) const override { return files_[i]; }
  Result<std::vector<quantize::Inputs>> Load(size_t i) override {
    InputArguments arguments = inputs_;
    arguments.inputs.push_back(files_[i]);
    WHET_ASSIGN_OR_RETURN(const PreparedInputs prepared, PrepareInputs(graph_, arguments, false));
    return Named(graph_, prepared);
  }

 private:
  const Graph& graph_;
  InputArguments inputs_;
  std::vector<std::string> files_;
};

class DatasetSamples final : public quantize::SampleSource {
 public:
  DatasetSamples(std::string path, std::unique_ptr<Dataset> dataset, SampleInputs inputs)
      : path_(std::move(path)), dataset_(std::move(dataset)), inputs_(std::move(inputs)) {}

  size_t size() const override { return dataset_->size(); }
  std::string NameOf(size_t i) const override { return path_ + "[" + std::to_string(i) + "]"; }
  Result<std::vector<quantize::Inputs>> Load(size_t i) override {
    WHET_ASSIGN_OR_RETURN(const Sample sample, dataset_->Read(i));
    WHET_ASSIGN_OR_RETURN(SampleInputs::Filled filled, inputs_.Fill(sample));
    return std::vector<quantize::Inputs>{std::move(filled.tensors)};
  }

 private:
  std::string path_;
  std::unique_ptr<Dataset> dataset_;
  SampleInputs inputs_;
};

Result<std::unique_ptr<quantize::SampleSource>> OpenDatasetSamples(const Graph& graph,
                                                                   const SampleArguments& arguments) {
  // What a model is tested on should not shape it.
  Result<std::unique_ptr<Dataset>> opened = OpenDataset(arguments.data, {.split = "train", .images = {}});
  if (!opened.ok()) opened = OpenDataset(arguments.data);
  if (!opened.ok()) return opened.TakeStatus();
  SelectionOptions selection;
  selection.limit = arguments.count;
  WHET_ASSIGN_OR_RETURN(std::unique_ptr<Dataset> dataset, Select(std::move(*opened), selection));
  WHET_ASSIGN_OR_RETURN(SampleInputs inputs, MakeSampleInputs(graph, arguments.inputs));
  return std::unique_ptr<quantize::SampleSource>(
      new DatasetSamples(arguments.data, std::move(dataset), std::move(inputs)));
}

class RandomSamples final : public quantize::SampleSource {
 public:
  RandomSamples(const Graph& graph, InputArguments inputs, size_t count, uint64_t seed)
      : graph_(graph), inputs_(std::move(inputs)), count_(count), seed_(seed) {}

  size_t size() const override { return count_; }
  std::string NameOf(size_t i) const override { return "random:" + std::to_string(SeedOf(i)); }
  Result<std::vector<quantize::Inputs>> Load(size_t i) override {
    InputArguments arguments = inputs_;
    arguments.inputs.push_back(NameOf(i));
    WHET_ASSIGN_OR_RETURN(const PreparedInputs prepared, PrepareInputs(graph_, arguments, true));
    return Named(graph_, prepared);
  }

 private:
  // Each input takes a seed of its own from here on.
  uint64_t SeedOf(size_t i) const { return seed_ + 1000 * i; }

  const Graph& graph_;
  InputArguments inputs_;
  size_t count_;
  uint64_t seed_;
};

// Arrays named as the inputs, with one more dimension than these have, or with many samples in the first one.
class ArraySamples final : public quantize::SampleSource {
 public:
  static Result<std::unique_ptr<quantize::SampleSource>> Open(const Graph& graph,
                                                              const SampleArguments& arguments,
                                                              std::vector<data::NamedArray> arrays) {
    auto samples = std::unique_ptr<ArraySamples>(new ArraySamples(graph, arguments.inputs));
    samples->path_ = arguments.data;
    int64_t rows = -1;
    for (data::NamedArray& named : arrays) {
      const Value* input = graph.FindValue(named.name);
      if (input == nullptr || !input->IsGraphInput()) {
        return Error(Code::kInvalidArgument, "it holds '%s', which is no input of the model",
                     named.name.c_str());
      }
      if (!input->type.ranked) {
        return Error(Code::kInvalidArgument, "the model does not say how many dimensions input '%s' has",
                     named.name.c_str());
      }
      if (named.array.dtype() != input->type.dtype) {
        WHET_ASSIGN_OR_RETURN(named.array, named.array.ConvertTo(input->type.dtype));
      }
      const int rank = named.array.shape().rank();
      const int extra = rank - input->type.rank();
      if (rank == 0 || (extra != 0 && extra != 1)) {
        return Error(Code::kInvalidArgument, "'%s' is of shape %s; the samples must be its first dimension",
                     named.name.c_str(), named.array.shape().ToString().c_str());
      }
      const int64_t own = named.array.shape()[0];
      if (rows >= 0 && own != rows) {
        return Error(Code::kInvalidArgument, "'%s' has %lld samples, another array %lld", named.name.c_str(),
                     static_cast<long long>(own), static_cast<long long>(rows));
      }
      rows = own;
      samples->arrays_.push_back({named.name, std::move(named.array), extra == 1});
    }
    samples->rows_ = Spread(static_cast<size_t>(std::max<int64_t>(rows, 0)), arguments.count);
    return std::unique_ptr<quantize::SampleSource>(std::move(samples));
  }

  size_t size() const override { return rows_.size(); }
  std::string NameOf(size_t i) const override { return path_ + "[" + std::to_string(rows_[i]) + "]"; }
  Result<std::vector<quantize::Inputs>> Load(size_t i) override {
    WHET_ASSIGN_OR_RETURN(quantize::Inputs inputs, Others());
    for (const Entry& entry : arrays_) {
      const Shape& all = entry.array.shape();
      Shape shape;
      if (!entry.extra) shape.push_back(1);
      for (int d = 1; d < all.rank(); ++d) shape.push_back(all[d]);
      const uint64_t bytes = BytesOf(entry.array.dtype(), static_cast<uint64_t>(shape.elements()));
      inputs[entry.name] =
          Constant::Copy(entry.array.dtype(), shape, entry.array.bytes().data() + rows_[i] * bytes);
    }
    return std::vector<quantize::Inputs>{std::move(inputs)};
  }

 private:
  struct Entry {
    std::string name;
    data::Array array;
    bool extra;
  };

  ArraySamples(const Graph& graph, InputArguments inputs) : graph_(graph), inputs_(std::move(inputs)) {}

  // Inputs that -i gives for all samples.
  Result<quantize::Inputs> Others() const {
    if (inputs_.inputs.empty()) return quantize::Inputs();
    WHET_ASSIGN_OR_RETURN(const PreparedInputs prepared, PrepareInputs(graph_, inputs_, true));
    return ByName(graph_, prepared.runs[0]);
  }

  const Graph& graph_;
  InputArguments inputs_;
  std::string path_;
  std::vector<Entry> arrays_;
  std::vector<size_t> rows_;
};

Result<std::vector<std::string>> FilesIn(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->is_regular_file(error) && IsSampleFile(it->path())) files.push_back(it->path().string());
  }
  if (error) return Error(Code::kIo, "the folder cannot be read: %s", error.message().c_str()).At(folder);
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Result<std::unique_ptr<quantize::SampleSource>> OpenSamples(const Graph& graph,
                                                            const SampleArguments& arguments) {
  const std::string& data = arguments.data;
  const auto empty = [&](const char* what) {
    return Error(Code::kInvalidArgument,
                 "%s; a hundred samples that are typical of what the model will see do", what)
        .At(data);
  };
  std::error_code error;
  constexpr std::string_view kRandom = "random";
  if (data.starts_with(kRandom) && !fs::exists(data, error)) {
    uint64_t seed = 0;
    const char* first = data.data() + std::min(data.size(), kRandom.size() + 1);
    const auto [rest, failed] = std::from_chars(first, data.data() + data.size(), seed);
    const bool plain = data.size() == kRandom.size();
    if (!plain &&
        (data[kRandom.size()] != ':' || failed != std::errc() || rest != data.data() + data.size())) {
      return Error(Code::kInvalidArgument, "'%s' is neither a file nor random:SEED", data.c_str());
    }
    return std::unique_ptr<quantize::SampleSource>(
        new RandomSamples(graph, arguments.inputs, std::min(arguments.count, kRandomSamples), seed));
  }
  std::vector<std::string> files;
  if (fs::is_directory(data, error)) {
    WHET_ASSIGN_OR_RETURN(files, FilesIn(data));
    if (files.empty()) {
      if (fs::is_empty(data, error)) return empty("no .png, .jpg, .wav, .npy or .npz file is in the folder");
      return OpenDatasetSamples(graph, arguments);
    }
  } else if (fs::path(data).extension() == ".npz") {
    WHET_ASSIGN_OR_RETURN(std::vector<data::NamedArray> arrays, data::ReadNpz(data));
    // With `x` or labels it is one of the data sets.
    const bool labelled = std::ranges::any_of(arrays, [&](const data::NamedArray& array) {
      constexpr std::string_view kOfSets[] = {"x", "y", "label", "labels"};
      return graph.FindValue(array.name) == nullptr &&
             std::ranges::find(kOfSets, array.name) != std::end(kOfSets);
    });
    if (labelled) return OpenDatasetSamples(graph, arguments);
    auto samples = ArraySamples::Open(graph, arguments, std::move(arrays));
    if (!samples.ok()) return samples.TakeStatus().At(data);
    if ((*samples)->size() == 0) return empty("it holds no samples");
    return samples;
  } else if (IsSampleFile(data)) {
    files.push_back(data);
  } else {
    return OpenDatasetSamples(graph, arguments);
  }
  std::vector<std::string> chosen;
  for (size_t i : Spread(files.size(), arguments.count)) chosen.push_back(std::move(files[i]));
  return std::unique_ptr<quantize::SampleSource>(new FileSamples(graph, arguments.inputs, std::move(chosen)));
}

}  // namespace whet::cli
