// whet import: any supported format to a Model file.

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/load_model.h"
#include "cli/model_inputs.h"
#include "data/postprocess.h"
#include "fleet/json/nlohmann.h"
#include "ir/metadata.h"
#include "model_file/model_file.h"

namespace whet::cli {
namespace {

class ImportCommand final : public Command {
 public:
  std::string_view name() const override { return "import"; }
  std::string_view summary() const override {
    return "Turn a model of any supported format into a Model file";
  }
  std::string_view example() const override {
    return "  whet import model.onnx -o model.whet\n"
           "  whet import detector.onnx -o detector.whet --mean 127 --scale 1/128 --labels classes.txt \\\n"
           "      --postprocess decode=boxes,background=0,threshold=0.7";
  }

  void Define(Arguments& args) override {
    args.Add("FILE", input_, "The model: ONNX, TFLite or .whet").Required();
    args.Add("-o,--output", output_, "The Model file to write").Required().Type("FILE.whet");
    AddPreprocessOptions(args, &arguments_);
    args.AddParsed(
            "--postprocess",
            [this](const std::string& text) -> Status {
              WHET_ASSIGN_OR_RETURN(const data::DetectorPostprocess settings,
                                    data::DetectorPostprocess::Parse(text));
              detector_ = settings.ToString();
              return {};
            },
            "How the outputs become boxes, e.g. decode=boxes,background=0,threshold=0.7")
        .Type("KEY=VALUE,...");
    args.Add("--labels", labels_, "Names of the classes, one a line").Type("FILE");
    args.Add("--rename", renames_, "Another name for an input or output, as applications are to call it")
        .Type("OLD=NEW")
        .Repeatable();
    args.Add("--set", metadata_, "Metadata to keep with the model, such as author=me")
        .Type("KEY=VALUE")
        .Repeatable()
        .Check([](const std::string& text) -> Status {
          const size_t equals = text.find('=');
          if (equals != std::string::npos && equals > 0) return {};
          return Error(Code::kInvalidArgument, "'%s' is not of the form KEY=VALUE", text.c_str());
        });
  }

  Status Run(Console& console) override {
    WHET_ASSIGN_OR_RETURN(const LoadedModel model, LoadModel(input_));
    Status status = Rename(*model.graph);
    if (status.ok()) status = AddMetadata(*model.graph);
    if (!status.ok()) return std::move(status).At(input_);
    WHET_RETURN_IF_ERROR(SaveModel(*model.graph, output_));
    WHET_ASSIGN_OR_RETURN(const Model written, OpenModel(output_));
    std::error_code error;
    const auto bytes = static_cast<uint64_t>(std::filesystem::file_size(output_, error));
    if (console.json()) {
      console.PrintJson({{"model", input_},
                         {"format", model.format},
                         {"output", output_},
                         {"bytes", bytes},
                         {"id", written.id},
                         {"nodes", written.graph->nodes().size()}});
    } else {
      console.Print(Format("%s: %s, %zu nodes, %s\n  id %s\n", output_.c_str(), model.format.c_str(),
                           written.graph->nodes().size(), FormatBytes(bytes).c_str(), written.id.c_str()));
    }
    return {};
  }

 private:
  Status Rename(Graph& graph) const {
    for (const std::string& pair : renames_) {
      const size_t equals = pair.find('=');
      const std::string from = pair.substr(0, equals);
      const std::string to = equals == std::string::npos ? std::string() : pair.substr(equals + 1);
      if (from.empty() || to.empty()) {
        return Error(Code::kInvalidArgument, "--rename %s: is not of the form OLD=NEW", pair.c_str());
      }
      const auto is_from = [&from](const Value* value) { return value->name() == from; };
      Value* value = nullptr;
      for (const auto& list : {graph.inputs(), graph.outputs()}) {
        if (const auto found = std::ranges::find_if(list, is_from); found != list.end()) value = *found;
      }
      if (value == nullptr) {
        return Error(Code::kNotFound, "--rename: no input or output is called '%s'", from.c_str());
      }
      if (graph.FindValue(to) != nullptr) {
        return Error(Code::kInvalidArgument, "--rename: the model has a '%s' already", to.c_str());
      }
      graph.Rename(value, to);
    }
    return {};
  }

  Status AddMetadata(Graph& graph) const {
    for (const std::string& pair : metadata_) {
      const size_t equals = pair.find('=');
      graph.metadata[pair.substr(0, equals)] = pair.substr(equals + 1);
    }
    WHET_ASSIGN_OR_RETURN(const data::ImagePreprocess image, ImageSettings(graph, arguments_));
    if (!(image == data::ImagePreprocess())) graph.metadata[std::string(metadata::kImage)] = image.ToString();
    WHET_ASSIGN_OR_RETURN(const data::AudioPreprocess audio, AudioSettings(graph, arguments_));
    if (!(audio == data::AudioPreprocess())) graph.metadata[std::string(metadata::kAudio)] = audio.ToString();
    if (!detector_.empty()) graph.metadata[std::string(metadata::kDetector)] = detector_;
    if (!labels_.empty()) {
      WHET_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(labels_));
      graph.metadata[std::string(metadata::kLabels)].assign(
          reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
    }
    return {};
  }

  std::string input_;
  std::string output_;
  InputArguments arguments_;
  std::string detector_;
  std::string labels_;
  std::vector<std::string> metadata_;
  std::vector<std::string> renames_;
};

}  // namespace

std::unique_ptr<Command> MakeImportCommand() { return std::make_unique<ImportCommand>(); }

}  // namespace whet::cli
