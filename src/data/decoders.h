// The decoders of postprocess.h, one function per family of models.
#pragma once

#include <span>
#include <vector>

#include "base/status.h"
#include "data/postprocess.h"

namespace whet::data {

// All elements of an output as floats, and its dimensions with the leading ones removed.
struct Values {
  std::vector<int64_t> dims;
  std::vector<float> data;
};

// In pixels of the model's input; not yet suppressed.
Result<std::vector<Detection>> DecodeAnchorsOrBoxes(const DetectorPostprocess& settings, const Values& boxes,
                                                    const Values& scores, const ImagePlacement& placement);
Result<std::vector<Detection>> DecodeYolo(const DetectorPostprocess& settings, const Values& output,
                                          const ImagePlacement& placement);
Result<std::vector<Detection>> DecodeHeatmap(const DetectorPostprocess& settings, const Values& map,
                                             const ImagePlacement& placement);
Result<std::vector<Detection>> DecodeLines(const DetectorPostprocess& settings, const Values& offsets,
                                           const Values& scores, const ImagePlacement& placement);

}  // namespace whet::data
