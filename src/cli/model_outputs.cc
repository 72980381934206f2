#include "cli/model_outputs.h"
#include "cli/arguments.h"
#include "fleet/json/nlohmann.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <utility>

#include "base/file.h"
#include "data/draw.h"
#include "data/npy.h"
#include "data/npz.h"
#include "data/postprocess.h"
#include "ir/metadata.h"

namespace whet::cli {
namespace {

using nlohmann::ordered_json;

std::vector<std::string> SplitLines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string line(text.substr(0, end));
    if (line.ends_with('\r')) line.pop_back();
    lines.push_back(std::move(line));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string Metadata(const Graph& graph, std::string_view key) {
  const auto it = graph.metadata.find(std::string(key));
  return it == graph.metadata.end() ? std::string() : it->second;
}

Result<std::vector<std::string>> ReadLabels(const Graph& graph, const std::string& path) {
  if (path.empty()) return SplitLines(Metadata(graph, metadata::kLabels));
  WHET_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
  return SplitLines({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()});
}

// Several runs' tensors one after the other under a new first dimension.
Result<TensorPtr> Stack(const std::vector<RunOutputs>& runs, size_t output) {
  for (const RunOutputs& run : runs) {
    if (run[output].tensor() != nullptr) continue;
    return Error(Code::kUnsupported, "%s is no tensor, so the runs' results fit into no one array",
                 ToString(run[output]).c_str());
  }
  const TensorPtr& first = runs[0][output].tensor();
  if (runs.size() == 1) return TensorPtr(first);
  Shape shape;
  if (first->shape().rank() == kMaxRank) {
    return Error(Code::kLimitExceeded, "an output of %d dimensions cannot have one more for the runs",
                 kMaxRank);
  }
  shape.push_back(static_cast<int64_t>(runs.size()));
  for (int64_t dim : first->shape()) shape.push_back(dim);
  WHET_ASSIGN_OR_RETURN(data::Array all, data::Array::Create(first->dtype(), shape));
  for (size_t run = 0; run < runs.size(); ++run) {
    const Constant& tensor = *runs[run][output].tensor();
    if (!(tensor.shape() == first->shape())) {
      return Error(Code::kUnsupported,
                   "an output has a different shape in each run, so they fit into no one array");
    }
    std::memcpy(all.bytes().data() + run * first->bytes(), tensor.view().data, first->bytes());
  }
  return ToTensor(std::move(all));
}

struct Statistics {
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();
  double mean = 0;
  int64_t nans = 0;
};

Statistics StatisticsOf(const TensorView& view) {
  Statistics statistics;
  double sum = 0;
  for (int64_t i = 0; i < view.elements(); ++i) {
    const double value = data::ElementAsDouble(view, i);
    if (std::isnan(value)) {
      ++statistics.nans;
      continue;
    }
    statistics.min = std::min(statistics.min, value);
    statistics.max = std::max(statistics.max, value);
    sum += value;
  }
  const int64_t counted = view.elements() - statistics.nans;
  if (counted > 0) statistics.mean = sum / static_cast<double>(counted);
  return statistics;
}

// With what is not UTF-8 made so.
std::vector<std::string> FirstStrings(const TensorView& view, size_t most) {
  std::vector<std::string> strings;
  const auto count = std::min(most, static_cast<size_t>(view.elements()));
  for (const std::string_view text : std::span(view.as<const std::string_view>(), count)) {
    const std::string quoted =
        ordered_json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    strings.push_back(ordered_json::parse(quoted).get<std::string>());
  }
  return strings;
}

class Delivery {
 public:
  Delivery(const Console& console, const Graph& graph, const PreparedInputs& inputs,
           const std::vector<RunOutputs>& runs, const OutputArguments& arguments)
      : console_(console), graph_(graph), inputs_(inputs), runs_(runs), arguments_(arguments) {}

  Status Deliver() {
    const size_t count = graph_.outputs().size();
    for (size_t i = 0; i < count; ++i) {
      const std::string& name = graph_.outputs()[i]->name();
      const Datum& only = runs_[0][i];
      if (runs_.size() == 1 && only.empty()) continue;
      if (runs_.size() == 1 && only.IsSequence()) {
        for (const TensorPtr& element : only.elements()) {
          Add(Format("%s[%zu]", name.c_str(), static_cast<size_t>(&element - only.elements().data())),
              element);
        }
        continue;
      }
      auto tensor = Stack(runs_, i);
      if (!tensor.ok()) return tensor.TakeStatus().At("output '" + name + "'");
      Add(name, std::move(*tensor));
    }
    WHET_ASSIGN_OR_RETURN(labels_, ReadLabels(graph_, arguments_.labels));
    Status status = PrepareDrawing();
    if (!status.ok()) return std::move(status).At("--draw");
    for (const std::string& file : arguments_.files) WHET_RETURN_IF_ERROR(Write(file));
    Describe();
    if (arguments_.top > 0) DescribeTop();
    if (console_.json()) console_.PrintJson(json_);
    return {};
  }

 private:
  void Add(std::string name, TensorPtr tensor) {
    views_.push_back({std::move(name), tensor->view()});
    tensors_.push_back(std::move(tensor));
  }

  Status PrepareDrawing() {
    const std::string settings =
        arguments_.detector.empty() ? Metadata(graph_, metadata::kDetector) : arguments_.detector;
    const bool mask = arguments_.draw == "mask";
    if (!arguments_.draw.empty() && !inputs_.photo) {
      return Error(Code::kInvalidArgument, "there is no picture to draw on; give one with -i");
    }
    if (!settings.empty() && inputs_.photo && !mask && runs_.size() == 1) {
      WHET_ASSIGN_OR_RETURN(const data::DetectorPostprocess detector,
                            data::DetectorPostprocess::Parse(settings));
      WHET_ASSIGN_OR_RETURN(detections_, data::Decode(detector, views_, inputs_.placement));
      lines_ = detector.decoder == data::Decoder::kLines;
      decoded_ = true;
    }
    if (arguments_.draw.empty()) return {};
    WHET_ASSIGN_OR_RETURN(drawing_,
                          data::ConvertChannels(*inputs_.photo, inputs_.photo->channels == 4 ? 4 : 3));
    if (mask) return DrawMask();
    if (!decoded_) {
      return Error(Code::kInvalidArgument,
                   "the model does not say how its outputs become %s; give --postprocess decode=… (see docs)",
                   arguments_.draw.c_str());
    }
    data::DrawDetections(&drawing_, detections_, labels_, lines_ || arguments_.draw == "lines");
    return {};
  }

  // The first output that is an image of one channel, or of one per class, of which the largest counts.
  Status DrawMask() {
    for (const data::NamedView& output : views_) {
      std::vector<int64_t> dims(output.view.shape.begin(), output.view.shape.end());
      std::erase(dims, 1);
      if (dims.size() != 2) continue;
      std::vector<float> mask(static_cast<size_t>(output.view.elements()));
      for (size_t i = 0; i < mask.size(); ++i) {
        mask[i] = static_cast<float>(data::ElementAsDouble(output.view, static_cast<int64_t>(i)));
      }
      return PlaceMask(mask, static_cast<int>(dims[1]), static_cast<int>(dims[0]));
    }
    return Error(Code::kInvalidArgument, "no output has the shape of a mask");
  }

  // Cuts out what lies on the photograph: a letterbox's border is not part of it.
  Status PlaceMask(const std::vector<float>& mask, int width, int height) {
    std::vector<float> placed(static_cast<size_t>(drawing_.width) * static_cast<size_t>(drawing_.height));
    const data::ImagePlacement& place = inputs_.placement;
    for (int y = 0; y < drawing_.height; ++y) {
      const double input_y = (y + 0.5) * place.scale_y + place.offset_y;
      const int row = std::clamp(static_cast<int>(input_y * height / place.input_height), 0, height - 1);
      for (int x = 0; x < drawing_.width; ++x) {
        const double input_x = (x + 0.5) * place.scale_x + place.offset_x;
        const int column = std::clamp(static_cast<int>(input_x * width / place.input_width), 0, width - 1);
        placed[static_cast<size_t>(y) * static_cast<size_t>(drawing_.width) + static_cast<size_t>(x)] =
            mask[static_cast<size_t>(row) * static_cast<size_t>(width) + static_cast<size_t>(column)];
      }
    }
    return data::DrawMask(&drawing_, placed, drawing_.width, drawing_.height, data::ColorOf(0), 0.6f);
  }

  Status Write(const std::string& file) {
    if (file.ends_with(".npz")) return data::WriteNpz(file, views_);
    if (file.ends_with(".npy")) {
      if (views_.size() != 1) {
        return Error(Code::kInvalidArgument,
                     "a .npy file holds one array, but the model has %zu outputs; write .npz", views_.size())
            .At(file);
      }
      return data::WriteNpy(file, views_[0].view);
    }
    return data::WritePng(file, drawing_);
  }

  void Describe() {
    if (console_.json()) {
      auto outputs = ordered_json::array();
      for (const data::NamedView& output : views_) {
        if (output.view.dtype == DType::kString) {
          outputs.push_back(
              {{"name", output.name},
               {"dtype", DTypeName(output.view.dtype)},
               {"shape", std::vector<int64_t>(output.view.shape.begin(), output.view.shape.end())},
               {"values", FirstStrings(output.view, static_cast<size_t>(output.view.elements()))}});
          continue;
        }
        const Statistics s = StatisticsOf(output.view);
        outputs.push_back(
            {{"name", output.name},
             {"dtype", DTypeName(output.view.dtype)},
             {"shape", std::vector<int64_t>(output.view.shape.begin(), output.view.shape.end())},
             {"min", s.min},
             {"max", s.max},
             {"mean", s.mean},
             {"nans", s.nans}});
      }
      json_["outputs"] = std::move(outputs);
      if (decoded_) json_["detections"] = DetectionsJson();
      return;
    }
    if (decoded_) {
      PrintDetections();
      return;
    }
    if (arguments_.top > 0) return;
    Table table({"output", "type", "min", "max", "mean", "first values"}, {2, 3, 4});
    for (const data::NamedView& output : views_) {
      const std::string type = ToString(Type::Of(output.view.dtype, output.view.shape.dims()));
      std::string first;
      if (output.view.dtype == DType::kString) {
        for (const std::string& text : FirstStrings(output.view, 4)) first += '\'' + text + "' ";
        table.Add({output.name, type, "-", "-", "-", first});
        continue;
      }
      const Statistics s = StatisticsOf(output.view);
      for (int64_t i = 0; i < std::min<int64_t>(output.view.elements(), 4); ++i) {
        first += Format(i > 0 ? " %.6g" : "%.6g", data::ElementAsDouble(output.view, i));
      }
      const bool empty = output.view.elements() == s.nans;
      table.Add({output.name, type, empty ? "-" : Format("%.6g", s.min), empty ? "-" : Format("%.6g", s.max),
                 s.nans > 0 ? Format("%lld NaN", static_cast<long long>(s.nans)) : Format("%.6g", s.mean),
                 first});
    }
    console_.Print(table.ToString());
  }

  std::string LabelOf(int64_t index) const {
    const auto i = static_cast<size_t>(index);
    return index >= 0 && i < labels_.size() ? labels_[i] : std::to_string(index);
  }

  ordered_json DetectionsJson() const {
    auto list = ordered_json::array();
    for (const data::Detection& detection : detections_) {
      auto points = ordered_json::array();
      for (const data::Point& point : detection.points) points.push_back({point.x, point.y});
      const data::Box& box = detection.box;
      list.push_back({{"label", detection.label},
                      {"name", LabelOf(detection.label)},
                      {"score", detection.score},
                      {"box", {box.left, box.top, box.right, box.bottom}},
                      {"points", std::move(points)}});
    }
    return list;
  }

  void PrintDetections() const {
    console_.Print(Format("%zu found\n", detections_.size()));
    if (detections_.empty()) return;
    Table table({"what", "score", "left", "top", "right", "bottom"}, {1, 2, 3, 4, 5});
    const auto number = [](float value) { return Format("%.1f", static_cast<double>(value)); };
    for (const data::Detection& detection : detections_) {
      const data::Box& box = detection.box;
      table.Add({LabelOf(detection.label), Format("%.3f", static_cast<double>(detection.score)),
                 number(box.left), number(box.top), number(box.right), number(box.bottom)});
    }
    console_.Print(table.ToString());
  }

  // Of each output whose last dimension is a list of classes, of the first row.
  void DescribeTop() {
    auto list = ordered_json::array();
    for (const data::NamedView& output : views_) {
      const Shape& shape = output.view.shape;
      if (shape.rank() == 0 || shape.back() < 2 || output.view.dtype == DType::kString) continue;
      std::vector<int64_t> order(static_cast<size_t>(shape.back()));
      std::iota(order.begin(), order.end(), 0);
      const auto value = [&](int64_t i) {
        const double v = data::ElementAsDouble(output.view, i);
        return std::isnan(v) ? -std::numeric_limits<double>::infinity() : v;
      };
      const size_t shown = std::min(order.size(), static_cast<size_t>(arguments_.top));
      std::partial_sort(
          order.begin(), order.begin() + static_cast<std::ptrdiff_t>(shown), order.end(),
          [&](int64_t a, int64_t b) { return value(a) != value(b) ? value(a) > value(b) : a < b; });
      Table table({output.name, "class", "score"}, {1, 2});
      auto classes = ordered_json::array();
      for (size_t i = 0; i < shown; ++i) {
        table.Add({LabelOf(order[i]), std::to_string(order[i]), Format("%.6g", value(order[i]))});
        classes.push_back({{"class", order[i]}, {"name", LabelOf(order[i])}, {"score", value(order[i])}});
      }
      list.push_back({{"output", output.name}, {"classes", std::move(classes)}});
      if (!console_.json()) console_.Print(table.ToString());
    }
    json_["top"] = std::move(list);
  }

  const Console& console_;
  const Graph& graph_;
  const PreparedInputs& inputs_;
  const std::vector<RunOutputs>& runs_;
  const OutputArguments& arguments_;
  std::vector<TensorPtr> tensors_;
  std::vector<data::NamedView> views_;
  std::vector<std::string> labels_;
  std::vector<data::Detection> detections_;
  bool decoded_ = false;
  bool lines_ = false;
  data::Image drawing_;
  ordered_json json_;
};

Status CheckFile(const std::string& file) {
  for (std::string_view extension : {".npz", ".npy", ".png"}) {
    if (file.ends_with(extension)) return {};
  }
  return Error(Code::kInvalidArgument, "'%s' is not a .npz, .npy or .png file", file.c_str());
}

}  // namespace

void AddOutputOptions(Arguments& args, OutputArguments* arguments) {
  args.Add("-o,--output", arguments->files, "Write the outputs to .npz or .npy, or the drawing to .png")
      .Type("FILE")
      .Repeatable()
      .Check(CheckFile);
  args.Add("--top", arguments->top, "Print the K likeliest classes of each output")
      .Type("K")
      .InRange(1, 1000000);
  args.Add("--labels", arguments->labels, "Names of the classes, one a line (default: the model's own)")
      .Type("FILE");
  args.Add("--draw", arguments->draw, "Draw what was found on the picture: boxes, lines or mask")
      .Type("WHAT")
      .OneOf({"boxes", "lines", "mask"});
  args.AddParsed(
          "--postprocess",
          [arguments](const std::string& text) -> Status {
            WHET_RETURN_IF_ERROR(data::DetectorPostprocess::Parse(text).TakeStatus());
            arguments->detector = text;
            return {};
          },
          "How outputs become boxes, e.g. decode=boxes,background=0,threshold=0.7 (default: the model's own)")
      .Type("KEY=VALUE,...");
  args.CheckAll([arguments]() -> Status {
    const bool png = std::any_of(arguments->files.begin(), arguments->files.end(),
                                 [](const std::string& file) { return file.ends_with(".png"); });
    if (png && arguments->draw.empty())
      return Error(Code::kInvalidArgument, "a .png needs --draw boxes, lines or mask").At("-o");
    if (!png && !arguments->draw.empty())
      return Error(Code::kInvalidArgument, "needs -o FILE.png to draw into").At("--draw");
    return {};
  });
}

Status DeliverOutputs(const Console& console, const Graph& graph, const PreparedInputs& inputs,
                      const std::vector<RunOutputs>& runs, const OutputArguments& arguments) {
  return Delivery(console, graph, inputs, runs, arguments).Deliver();
}

}  // namespace whet::cli
