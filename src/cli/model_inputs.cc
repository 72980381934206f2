#include "cli/model_inputs.h"
#include "cli/arguments.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <utility>

#include "base/file.h"
#include "data/audio.h"
#include "data/npy.h"
#include "data/npz.h"
#include "data/random.h"
#include "ir/metadata.h"

namespace whet::cli {
namespace {

std::string InputNames(const Graph& graph) {
  std::string names;
  for (const Value* input : graph.inputs()) {
    if (!names.empty()) names += ", ";
    names += "'" + input->name() + "'";
  }
  return names;
}

bool Exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

bool HasExtension(const std::string& path, std::string_view extension) {
  std::string own = std::filesystem::path(path).extension().string();
  std::transform(own.begin(), own.end(), own.begin(), [](unsigned char c) { return std::tolower(c); });
  return own == extension;
}

// "random" or "random:SEED".
bool ParseRandom(std::string_view text, uint64_t* seed) {
  constexpr std::string_view kRandom = "random";
  if (!text.starts_with(kRandom)) return false;
  text.remove_prefix(kRandom.size());
  *seed = 0;
  if (text.empty()) return true;
  if (text.front() != ':') return false;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + 1, end, *seed);
  return error == std::errc() && rest == end;
}

// "16000" or "1,2,3".
std::optional<std::vector<double>> ParseNumbers(std::string_view text) {
  std::vector<double> numbers;
  while (true) {
    const size_t comma = std::min(text.find(','), text.size());
    const auto [rest, error] = std::from_chars(text.data(), text.data() + comma, numbers.emplace_back());
    if (error != std::errc() || rest != text.data() + comma) return std::nullopt;
    if (comma == text.size()) return numbers;
    text.remove_prefix(comma + 1);
  }
}

bool SameKind(DType a, DType b) { return (IsFloat(a) && IsFloat(b)) || (IsInteger(a) && IsInteger(b)); }

std::string_view Metadata(const Graph& graph, std::string_view key) {
  const auto it = graph.metadata.find(std::string(key));
  return it == graph.metadata.end() ? std::string_view() : std::string_view(it->second);
}

// What becomes of inputs that are not given.
enum class Missing { kError, kRandom, kLeave };

class Preparer {
 public:
  Preparer(const Graph& graph, const InputArguments& arguments)
      : graph_(graph), arguments_(arguments), given_(graph.inputs().size()) {}

  Result<PreparedInputs> Prepare(Missing missing) {
    for (const auto& [name, shape] : arguments_.shapes.shapes) {
      if (FindInput(name) < 0) {
        return Error(Code::kInvalidArgument, "--shape: the model has no input '%s'; it has %s", name.c_str(),
                     InputNames(graph_).c_str());
      }
    }
    for (const Value* input : graph_.inputs()) {
      if (IsState(*input) || (input->type.IsTensor() && input->type.dtype != DType::kString)) continue;
      return Error(Code::kUnsupported, "input '%s' is %s; only tensors of numbers can be given here",
                   input->name().c_str(), ToString(input->type).c_str());
    }
    for (const std::string& argument : arguments_.inputs) {
      Status status = Take(argument);
      if (!status.ok()) return std::move(status).At("-i " + argument);
    }
    for (size_t i = 0; i < given_.size(); ++i) {
      const Value& input = *graph_.inputs()[i];
      if (!given_[i].empty() || IsState(input)) continue;
      if (missing == Missing::kLeave && !randoms_.contains(i)) continue;
      if (missing == Missing::kError && !randoms_.contains(i)) {
        return Error(
            Code::kInvalidArgument,
            "input '%s' (%s) is not given; add -i '%s=FILE', or -i random for all inputs that are not given",
            input.name().c_str(), ToString(input.type).c_str(), input.name().c_str());
      }
      const auto seed = randoms_.find(i);
      WHET_ASSIGN_OR_RETURN(const Shape shape, ShapeOf(i));
      WHET_ASSIGN_OR_RETURN(
          data::Array array,
          data::RandomArray(input.type.dtype, shape, seed == randoms_.end() ? i : seed->second + i));
      given_[i].push_back(ToTensor(std::move(array)));
      if (input.type.dtype == DType::kI32 || input.type.dtype == DType::kI64) {
        if (!result_.random_integers.empty()) result_.random_integers += ", ";
        result_.random_integers += "'" + input.name() + "'";
      }
    }
    return Combine();
  }

 private:
  bool IsState(const Value& input) const {
    return std::any_of(graph_.states.begin(), graph_.states.end(),
                       [&](const State& state) { return state.input == &input; });
  }

  // States are kept by whoever runs the model and cannot be given.
  int FindInput(std::string_view name) const {
    for (size_t i = 0; i < given_.size(); ++i) {
      if (!IsState(*graph_.inputs()[i]) && graph_.inputs()[i]->name() == name) return static_cast<int>(i);
    }
    return -1;
  }

  // The dimensions as far as they are known, -1 where they are open; --shape goes before the model.
  std::vector<int64_t> DimsOf(size_t i) const {
    const Value& input = *graph_.inputs()[i];
    std::vector<int64_t> dims;
    if (const auto it = arguments_.shapes.shapes.find(input.name()); it != arguments_.shapes.shapes.end()) {
      dims.assign(it->second.begin(), it->second.end());
      return dims;
    }
    for (const Dim& dim : input.type.dims) {
      const auto symbol = symbols_.find(dim.symbol);
      dims.push_back(dim.known()                                       ? dim.lo
                     : !dim.symbol.empty() && symbol != symbols_.end() ? symbol->second
                                                                       : -1);
    }
    return dims;
  }

  // For random inputs, which need every dimension.
  Result<Shape> ShapeOf(size_t i) {
    const Value& input = *graph_.inputs()[i];
    if (!input.type.ranked && !arguments_.shapes.shapes.contains(input.name())) {
      return Error(Code::kInvalidArgument,
                   "the model does not say how many dimensions input '%s' has; add --shape '%s=…'",
                   input.name().c_str(), input.name().c_str());
    }
    Shape shape;
    const std::vector<int64_t> dims = DimsOf(i);
    for (size_t d = 0; d < dims.size(); ++d) {
      shape.push_back(dims[d] >= 0 ? dims[d] : std::max<int64_t>(input.type.dims[d].lo, 1));
    }
    if (std::find(dims.begin(), dims.end(), -1) != dims.end()) {
      if (!result_.assumed.empty()) result_.assumed += ", ";
      result_.assumed += input.name() + "=" + shape.ToString();
    }
    return shape;
  }

  // NAME=WHAT if NAME is an input's; names may have '=' in them, as may files.
  Status Take(const std::string& argument) {
    for (size_t at = argument.find('='); at != std::string::npos; at = argument.find('=', at + 1)) {
      const int input = FindInput(std::string_view(argument).substr(0, at));
      if (input >= 0) return TakeFor(static_cast<size_t>(input), argument.substr(at + 1));
    }
    uint64_t seed = 0;
    if (ParseRandom(argument, &seed)) {
      for (size_t i = 0; i < given_.size(); ++i) randoms_.try_emplace(i, seed);
      return {};
    }
    if (HasExtension(argument, ".npz")) return TakeArchive(argument);
    if (!Exists(argument) && argument.find('=') != std::string::npos) {
      return Error(Code::kNotFound, "the model has no input '%s'; it has %s",
                   argument.substr(0, argument.find('=')).c_str(), InputNames(graph_).c_str());
    }
    for (size_t i = 0; i < given_.size(); ++i) {
      if (given_[i].empty() && !randoms_.contains(i) && !IsState(*graph_.inputs()[i]))
        return TakeFor(i, argument);
    }
    return Error(Code::kInvalidArgument, "all %zu inputs of the model are given already", given_.size());
  }

  Status TakeArchive(const std::string& path) {
    WHET_ASSIGN_OR_RETURN(std::vector<data::NamedArray> arrays, data::ReadNpz(path));
    for (data::NamedArray& named : arrays) {
      const int input = FindInput(named.name);
      if (input < 0) {
        return Error(Code::kInvalidArgument, "it holds '%s', but the model's inputs are %s",
                     named.name.c_str(), InputNames(graph_).c_str());
      }
      WHET_RETURN_IF_ERROR(TakeArray(static_cast<size_t>(input), std::move(named.array)));
    }
    return {};
  }

  Status TakeFor(size_t i, const std::string& what) {
    uint64_t seed = 0;
    if (ParseRandom(what, &seed) && !Exists(what)) {
      randoms_[i] = seed;
      return {};
    }
    if (const auto numbers = ParseNumbers(what); numbers && !Exists(what)) return TakeNumbers(i, *numbers);
    if (HasExtension(what, ".npz")) {
      WHET_ASSIGN_OR_RETURN(std::vector<data::NamedArray> arrays, data::ReadNpz(what));
      if (arrays.size() != 1) {
        return Error(Code::kInvalidArgument, "it holds %zu arrays; one was asked for", arrays.size());
      }
      return TakeArray(i, std::move(arrays[0].array));
    }
    WHET_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(what));
    if (data::LooksLikeImage(file.bytes())) return TakeImage(i, file);
    if (data::LooksLikeWav(file.bytes())) return TakeAudio(i, file);
    Result<data::Array> array = data::ParseNpy(file.bytes());
    if (!array.ok()) {
      if (HasExtension(what, ".npy")) return array.TakeStatus();
      return Error(Code::kInvalidArgument, "it is neither .npy, .npz, PNG, JPEG nor WAV");
    }
    return TakeArray(i, std::move(*array));
  }

  Status TakeNumbers(size_t i, const std::vector<double>& numbers) {
    const Value& input = *graph_.inputs()[i];
    Shape shape;
    if (input.type.ranked && input.type.rank() > 0) {
      for (int64_t dim : DimsOf(i)) shape.push_back(dim < 0 ? 1 : dim);
      // The last open dimension is as large as the numbers make it.
      const auto count = static_cast<int64_t>(numbers.size());
      const std::vector<int64_t> dims = DimsOf(i);
      const auto open = std::find(dims.rbegin(), dims.rend(), -1);
      const int64_t others = CheckedElementCount(shape.dims());
      if (open != dims.rend() && others > 0)
        shape[static_cast<int>(dims.rend() - open) - 1] = std::max<int64_t>(count / others, 1);
    }
    const bool fill = numbers.size() == 1;
    const int64_t elements = CheckedElementCount(shape.dims());
    if (elements < 0 || (!fill && elements != static_cast<int64_t>(numbers.size()))) {
      return Error(Code::kInvalidArgument, "%zu numbers do not fill an input of type %s", numbers.size(),
                   ToString(input.type).c_str());
    }
    WHET_ASSIGN_OR_RETURN(data::Array array, data::Array::Create(DType::kF64, shape));
    for (size_t k = 0; k < static_cast<size_t>(elements); ++k) array.as<double>()[k] = numbers[fill ? 0 : k];
    WHET_ASSIGN_OR_RETURN(data::Array typed, array.ConvertTo(input.type.dtype));
    return Give(i, std::move(typed));
  }

  Status TakeArray(size_t i, data::Array array) {
    const Value& input = *graph_.inputs()[i];
    if (array.dtype() == input.type.dtype) return Give(i, std::move(array));
    if (!SameKind(array.dtype(), input.type.dtype)) {
      return Error(Code::kInvalidArgument, "it holds %s, but input '%s' is %s",
                   std::string(DTypeName(array.dtype())).c_str(), input.name().c_str(),
                   ToString(input.type).c_str());
    }
    WHET_ASSIGN_OR_RETURN(data::Array converted, array.ConvertTo(input.type.dtype));
    return Give(i, std::move(converted));
  }

  data::InputSpec SpecOf(size_t i) const {
    const Value& input = *graph_.inputs()[i];
    data::InputSpec spec{input.type.dtype, DimsOf(i)};
    // A quantized model takes its input apart first; the numbers for that are its quantization.
    for (const Use& use : input.uses()) {
      if (use.node->op_name() != "DequantizeLinear" || use.input != 0) continue;
      const Value* scale = use.node->input(1);
      const Value* zero = use.node->input(2);
      if (scale == nullptr || !scale->IsConstant() || scale->constant()->shape().elements() != 1) continue;
      spec.quant_scale = static_cast<float>(data::ElementAsDouble(scale->constant()->view(), 0));
      if (zero != nullptr && zero->IsConstant() && zero->constant()->shape().elements() == 1) {
        spec.zero_point = static_cast<int>(data::ElementAsDouble(zero->constant()->view(), 0));
      }
    }
    return spec;
  }

  Status TakeImage(size_t i, const MappedFile& file) {
    WHET_ASSIGN_OR_RETURN(const data::ImagePreprocess settings, ImageSettings(graph_, arguments_));
    WHET_ASSIGN_OR_RETURN(data::Image photo, data::DecodeImage(file.bytes()));
    WHET_ASSIGN_OR_RETURN(data::ImageInput input, data::Preprocess(photo, settings, SpecOf(i)));
    result_.photo = std::move(photo);
    result_.placement = input.placement;
    return Give(i, std::move(input.array));
  }

  Status TakeAudio(size_t i, const MappedFile& file) {
    WHET_ASSIGN_OR_RETURN(const data::AudioPreprocess settings, AudioSettings(graph_, arguments_));
    WHET_ASSIGN_OR_RETURN(const data::Audio audio, data::DecodeWav(file.bytes()));
    WHET_ASSIGN_OR_RETURN(std::vector<data::Array> frames, data::Preprocess(audio, settings, SpecOf(i)));
    for (data::Array& frame : frames) WHET_RETURN_IF_ERROR(Give(i, std::move(frame)));
    return {};
  }

  // One more run's worth of input i.
  Status Give(size_t i, data::Array array) {
    const Value& input = *graph_.inputs()[i];
    const Shape& shape = array.shape();
    bool fits = !input.type.ranked || input.type.rank() == shape.rank();
    for (int d = 0; fits && input.type.ranked && d < shape.rank(); ++d) {
      const Dim& dim = input.type.dims[static_cast<size_t>(d)];
      fits = shape[d] >= dim.lo && shape[d] <= dim.hi;
      if (!dim.symbol.empty()) symbols_.try_emplace(dim.symbol, shape[d]);
    }
    if (!fits) {
      return Error(Code::kInvalidArgument, "its shape %s does not fit input '%s', which is %s",
                   shape.ToString().c_str(), input.name().c_str(), ToString(input.type).c_str());
    }
    given_[i].push_back(ToTensor(std::move(array)));
    return {};
  }

  // Inputs of one tensor are the same in all runs.
  Result<PreparedInputs> Combine() {
    size_t runs = 1;
    for (const auto& tensors : given_) runs = std::max(runs, tensors.size());
    for (size_t run = 0; run < runs; ++run) {
      std::vector<TensorPtr>& inputs = result_.runs.emplace_back();
      for (const auto& tensors : given_) {
        if (tensors.empty()) {
          inputs.push_back(nullptr);
          continue;
        }
        if (tensors.size() != 1 && tensors.size() != runs) {
          return Error(Code::kInvalidArgument, "one recording has %zu frames and another %zu", tensors.size(),
                       runs);
        }
        inputs.push_back(tensors[tensors.size() == 1 ? 0 : run]);
      }
    }
    return std::move(result_);
  }

  const Graph& graph_;
  const InputArguments& arguments_;
  std::vector<std::vector<TensorPtr>> given_;
  std::map<size_t, uint64_t> randoms_;      // inputs to fill at the end, and their seeds
  std::map<std::string, int64_t> symbols_;  // sizes that the inputs so far give to named dimensions
  PreparedInputs result_;
};

}  // namespace

Result<Shape> ParseShape(std::string_view text) {
  Shape shape;
  if (text == "scalar") return shape;
  while (true) {
    const size_t x = std::min(text.find('x'), text.size());
    int64_t dim = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + x, dim);
    if (error != std::errc() || rest != text.data() + x || dim < 0 || shape.rank() == kMaxRank) {
      return Error(Code::kInvalidArgument, "'%.*s' is not a shape such as 1x3x224x224",
                   static_cast<int>(text.size()), text.data());
    }
    shape.push_back(dim);
    if (x == text.size()) break;
    text.remove_prefix(x + 1);
  }
  if (CheckedElementCount(shape.dims()) < 0) {
    return Error(Code::kInvalidArgument, "the shape %s is too large", shape.ToString().c_str());
  }
  return shape;
}

void AddShapeOption(Arguments& args, ShapeArguments* arguments) {
  args.AddEach(
          "--shape",
          [arguments](const std::string& text) -> Status {
            const size_t equals = text.rfind('=');
            if (equals == std::string::npos || equals == 0) {
              return Error(Code::kInvalidArgument, "'%s' is not of the form NAME=1x3x224x224", text.c_str());
            }
            WHET_ASSIGN_OR_RETURN(arguments->shapes[text.substr(0, equals)],
                                  ParseShape(std::string_view(text).substr(equals + 1)));
            return {};
          },
          "Shape of an input whose dimensions are open, as NAME=1x3x224x224")
      .Type("NAME=SHAPE");
}

void AddInputOptions(Arguments& args, InputArguments* arguments) {
  args.Add("-i,--input", arguments->inputs,
           "An input: .npy, .npz, .png, .jpg, .wav, 'random[:SEED]' or numbers")
      .Type("[NAME=]FILE")
      .Repeatable();
  AddShapeOption(args, &arguments->shapes);
  AddPreprocessOptions(args, arguments);
}

void AddPreprocessOptions(Arguments& args, InputArguments* arguments) {
  args.AddParsed(
          "--preprocess",
          [arguments](const std::string& text) -> Status {
            WHET_RETURN_IF_ERROR(data::ImagePreprocess::Parse(text).TakeStatus());
            arguments->image = text;
            return {};
          },
          "How a picture becomes an input, e.g. resize=letterbox,mean=127.5,scale=1/127.5 (default: the "
          "model's own)")
      .Type("KEY=VALUE,...")
      .Group("Pictures and sound");
  const auto add_setting = [&](const char* flag, const char* key, const char* type, const char* description) {
    args.AddParsed(
            flag,
            [arguments, key](std::string text) -> Status {
              // A list is typed with commas and stored with colons.
              std::replace(text.begin(), text.end(), ',', ':');
              std::string setting = std::string(key) + "=" + text;
              WHET_RETURN_IF_ERROR(data::ImagePreprocess::Parse(setting).TakeStatus());
              arguments->image_settings.push_back(std::move(setting));
              return {};
            },
            description)
        .Type(type)
        .Group("Pictures and sound");
  };
  add_setting("--resize", "resize", "MODE", "stretch, letterbox or crop");
  add_setting("--crop", "crop", "PART", "With --resize crop: the part that is kept, such as 0.875");
  add_setting("--interpolation", "interp", "NAME", "nearest, bilinear, antialias, area or bicubic");
  add_setting("--order", "order", "NAME", "rgb, bgr, grey or rgba");
  add_setting("--mean", "mean", "M[,M...]", "Subtracted from pixels of 0 to 255, per channel or one for all");
  add_setting("--scale", "scale", "S[,S...]", "Then multiplied, such as 1/255");
  add_setting("--layout", "layout", "NAME", "nhwc or nchw");
  add_setting("--size", "size", "WxH", "Size to resize to, where the model leaves it open");
  args.AddParsed(
          "--audio",
          [arguments](const std::string& text) -> Status {
            WHET_RETURN_IF_ERROR(data::AudioPreprocess::Parse(text).TakeStatus());
            arguments->audio = text;
            return {};
          },
          "How a recording becomes an input, e.g. rate=16000,frame=512 (default: the model's own)")
      .Type("KEY=VALUE,...")
      .Group("Pictures and sound");
}

Status ExplainAssumed(Status status, const PreparedInputs& inputs) {
  std::string assumptions;
  if (!inputs.assumed.empty()) {
    assumptions =
        "the model leaves sizes open, and " + inputs.assumed + " was assumed; give --shape NAME=SHAPE";
  }
  if (!inputs.random_integers.empty()) {
    if (!assumptions.empty()) assumptions += "; ";
    assumptions += "the integers of " + inputs.random_integers + " are random; give them with -i NAME=VALUE";
  }
  if (status.ok() || assumptions.empty()) return status;
  const std::string where(status.where());
  Status explained = Error(status.code(), "%s (%s)", std::string(status.what()).c_str(), assumptions.c_str());
  return where.empty() ? std::move(explained) : std::move(explained).At(where);
}

Result<PreparedInputs> PrepareInputs(const Graph& graph, const InputArguments& arguments, bool fill_random) {
  return Preparer(graph, arguments).Prepare(fill_random ? Missing::kRandom : Missing::kError);
}

Result<std::map<std::string, TensorPtr>> GivenInputs(const Graph& graph, const InputArguments& arguments) {
  WHET_ASSIGN_OR_RETURN(const PreparedInputs prepared, Preparer(graph, arguments).Prepare(Missing::kLeave));
  if (prepared.runs.size() != 1) {
    return Error(Code::kInvalidArgument,
                 "-i: a recording of several frames cannot be an input of every sample");
  }
  return ByName(graph, prepared.runs[0]);
}

Result<data::ImagePreprocess> ImageSettings(const Graph& graph, const InputArguments& arguments) {
  WHET_ASSIGN_OR_RETURN(data::ImagePreprocess settings,
                        data::ImagePreprocess::Parse(Metadata(graph, metadata::kImage)));
  WHET_ASSIGN_OR_RETURN(settings, data::ImagePreprocess::Parse(arguments.image, settings));
  for (const std::string& setting : arguments.image_settings) {
    WHET_ASSIGN_OR_RETURN(settings, data::ImagePreprocess::Parse(setting, settings));
  }
  return settings;
}

Result<data::AudioPreprocess> AudioSettings(const Graph& graph, const InputArguments& arguments) {
  WHET_ASSIGN_OR_RETURN(const data::AudioPreprocess settings,
                        data::AudioPreprocess::Parse(Metadata(graph, metadata::kAudio)));
  return data::AudioPreprocess::Parse(arguments.audio, settings);
}

std::map<std::string, TensorPtr> ByName(const Graph& graph, const std::vector<TensorPtr>& inputs) {
  std::map<std::string, TensorPtr> named;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] != nullptr) named[graph.inputs()[i]->name()] = inputs[i];
  }
  return named;
}

TensorPtr ToTensor(data::Array array) {
  const auto owner = std::make_shared<data::Array>(std::move(array));
  return Constant::Refer(owner->dtype(), owner->shape(), owner->bytes().data(), owner);
}

}  // namespace whet::cli
