// What `whet quantize` tells of its work: on the terminal, as JSON, and as a page for the browser.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "cli/graph_runner.h"
#include "quantize/compare.h"
#include "quantize/rewrite.h"

namespace whet::cli {

struct QuantizeReport {
  struct Layer {
    quantize::QuantizedLayer what;
    std::optional<quantize::LayerError> error;  // of layers that were compared
    double float_ms = 0;                        // of one run; 0 where it runs as part of another step
    double quantized_ms = 0;
  };

  // What --max-drop found; the values as people read them.
  struct Bound {
    std::string metric;
    std::string unit;
    double before = 0;
    double after = 0;
    double drop = 0;
    double max_drop = 0;
    size_t samples = 0;
    size_t tried = 0;  // models
  };

  std::string model;
  std::string output;
  std::string scheme;
  std::optional<Bound> bound;
  size_t calibration_samples = 0;
  size_t compared_samples = 0;
  double seconds = 0;
  uint64_t float_bytes = 0;  // of the files
  uint64_t quantized_bytes = 0;
  double float_ms = 0;  // of one run; 0: not measured
  double quantized_ms = 0;
  int threads = 1;
  std::string isa;
  std::vector<Layer> layers;
  std::vector<quantize::OutputError> outputs;
  std::vector<std::string> notes;
  std::vector<std::string> warnings;

  // Fills in `layers` of what was built, compared and measured.
  void AddLayers(const std::vector<quantize::QuantizedLayer>& built, const quantize::Comparison& comparison,
                 const GraphRunner::Times& float_times, const GraphRunner::Times& quantized_times);
};

// All layers, or the `worst` by SQNR if that is not 0.
std::string ReportText(const QuantizeReport& report, size_t worst);
nlohmann::ordered_json ReportJson(const QuantizeReport& report);
// One page without anything from outside, with charts, for light and dark screens.
std::string ReportHtml(const QuantizeReport& report);

}  // namespace whet::cli
