// From the command line's inputs to the tensors that a model is run on.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "data/image.h"
#include "data/preprocess.h"
#include "ir/evaluate.h"
#include "ir/graph.h"

namespace whet::cli {

class Arguments;

// --shape NAME=1x3x224x224, any number of times.
struct ShapeArguments {
  std::map<std::string, Shape> shapes;
  bool empty() const { return shapes.empty(); }
};
void AddShapeOption(Arguments& args, ShapeArguments* arguments);

// "1x3x224x224"; "scalar" for rank 0.
Result<Shape> ParseShape(std::string_view text);

struct InputArguments {
  std::vector<std::string> inputs;  // [NAME=]FILE, [NAME=]random[:SEED] or NAME=NUMBERS
  ShapeArguments shapes;
  std::string image;  // settings of data::ImagePreprocess that go before the model's own
  std::string audio;
  // Short spellings of single image settings; they go before both.
  std::vector<std::string> image_settings;
};
// -i, --shape and those of AddPreprocessOptions.
void AddInputOptions(Arguments& args, InputArguments* arguments);
// --preprocess, the flags that set one thing of it, and --audio.
void AddPreprocessOptions(Arguments& args, InputArguments* arguments);

// The model's own settings, changed by the arguments'.
Result<data::ImagePreprocess> ImageSettings(const Graph& graph, const InputArguments& arguments);
Result<data::AudioPreprocess> AudioSettings(const Graph& graph, const InputArguments& arguments);

struct PreparedInputs {
  // Of each run one tensor per input of the graph, in its order, null for states; more than one run for a
  // long recording.
  std::vector<std::vector<TensorPtr>> runs;
  // The photograph that went in, for drawing on, and where it lies in the input.
  std::optional<data::Image> photo;
  data::ImagePlacement placement;
  // Random inputs whose open dimensions nobody gave, as "x: 1x3x1x1, …"; empty if there are none.
  std::string assumed;
  // Inputs of i32 and i64 that are random, as "'sr', 'n'": a model may look up its way by them.
  std::string random_integers;
};

// Adds to an error what was assumed of the inputs (shapes, integers), since that is likely why.
Status ExplainAssumed(Status status, const PreparedInputs& inputs);

// What is not given is random with seed 0 if `fill_random`, else an error. The files' shapes must fit the
// graph's types; its open dimensions are taken from --shape, then from the files, and, for random inputs,
// their lowest size.
Result<PreparedInputs> PrepareInputs(const Graph& graph, const InputArguments& arguments, bool fill_random);

// Only those inputs that the arguments give, for commands that fill the others with something else.
Result<std::map<std::string, TensorPtr>> GivenInputs(const Graph& graph, const InputArguments& arguments);

// One run's inputs by name, without the states.
std::map<std::string, TensorPtr> ByName(const Graph& graph, const std::vector<TensorPtr>& inputs);

// An Array as a constant that owns it.
TensorPtr ToTensor(data::Array array);

}  // namespace whet::cli
