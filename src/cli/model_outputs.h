// What becomes of a model's outputs: files, a table, the likeliest classes, a picture with what was found.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "cli/console.h"
#include "cli/model_inputs.h"
#include "ir/evaluate.h"
#include "ir/graph.h"

namespace whet::cli {

class Arguments;

struct OutputArguments {
  std::vector<std::string> files;  // .npz, .npy (of a single output) and, with `draw`, .png
  int top = 0;                     // this many of the likeliest classes
  std::string labels;              // file of class names, one a line
  std::string draw;                // "boxes", "lines" or "mask"
  std::string detector;            // settings of data::DetectorPostprocess instead of the model's own
};
void AddOutputOptions(Arguments& args, OutputArguments* arguments);

// One run's outputs, in the graph's order. With several runs, all are given one after the other; then they
// must be tensors. Of one run a sequence 'y' is given as 'y[0]', 'y[1]' …, and an empty optional value not at
// all.
using RunOutputs = std::vector<Datum>;

// Writes and prints all that was asked for; a table of the outputs if nothing was.
Status DeliverOutputs(const Console& console, const Graph& graph, const PreparedInputs& inputs,
                      const std::vector<RunOutputs>& runs, const OutputArguments& arguments);

}  // namespace whet::cli
