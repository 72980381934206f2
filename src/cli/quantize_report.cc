#include "cli/quantize_report.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "cli/console.h"
#include "fleet/json/nlohmann.h"

namespace whet::cli {
namespace {

using nlohmann::ordered_json;
using quantize::NameOf;
using quantize::Scheme;

std::string Decibels(double sqnr) {
  if (std::isnan(sqnr)) return "";
  if (std::isinf(sqnr)) return sqnr > 0 ? "exact" : "lost";
  return Format("%.1f", sqnr);
}

std::string Percent(double part) {
  return Format(part > 0 && part < 0.0005 ? "%.3f %%" : "%.1f %%", part * 100);
}

// JSON has no infinity.
ordered_json Number(double value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
}

double Ratio(double before, double after) { return after > 0 ? before / after : 0; }

}  // namespace

void QuantizeReport::AddLayers(const std::vector<quantize::QuantizedLayer>& built,
                               const quantize::Comparison& comparison, const GraphRunner::Times& float_times,
                               const GraphRunner::Times& quantized_times) {
  layers.clear();
  for (const quantize::QuantizedLayer& layer : built) layers.push_back({layer, std::nullopt, 0, 0});
  for (const quantize::LayerError& error : comparison.layers) layers[error.layer].error = error;
  outputs = comparison.outputs;
  compared_samples = comparison.samples;
  // Steps go by the names of their nodes. Where several nodes share a name, the first has the time of all.
  std::set<std::string> counted;
  const auto take = [&](const GraphRunner::Times& times, const std::string& name, const char* side) {
    const auto it = times.nodes.find(name);
    return it != times.nodes.end() && counted.insert(side + name).second ? it->second : 0.0;
  };
  for (Layer& layer : layers) {
    layer.float_ms = take(float_times, layer.what.node, "f:");
    layer.quantized_ms = take(quantized_times, layer.what.node, "q:");
    for (const char* suffix : {":quantize", ":dequantize", ":weights", ":bias"}) {
      layer.quantized_ms += take(quantized_times, layer.what.node + suffix, "q:");
      if (layer.what.output != layer.what.node) {
        layer.quantized_ms += take(quantized_times, layer.what.output + suffix, "q:");
      }
    }
  }
}

std::string ReportText(const QuantizeReport& report, size_t worst) {
  std::string text = Format("%s -> %s: %s, %.1f s\n", report.model.c_str(), report.output.c_str(),
                            report.scheme.c_str(), report.seconds);
  text += Format("  size       %s -> %s  (%.2fx smaller)\n", FormatBytes(report.float_bytes).c_str(),
                 FormatBytes(report.quantized_bytes).c_str(),
                 Ratio(static_cast<double>(report.float_bytes), static_cast<double>(report.quantized_bytes)));
  if (report.float_ms > 0 && report.quantized_ms > 0) {
    text += Format("  latency    %.3f ms -> %.3f ms  (%.2fx %s; %d thread%s, %s)\n", report.float_ms,
                   report.quantized_ms,
                   report.quantized_ms <= report.float_ms ? Ratio(report.float_ms, report.quantized_ms)
                                                          : Ratio(report.quantized_ms, report.float_ms),
                   report.quantized_ms <= report.float_ms ? "faster" : "slower", report.threads,
                   report.threads == 1 ? "" : "s", report.isa.c_str());
  }
  if (report.bound) {
    const QuantizeReport::Bound& bound = *report.bound;
    text += Format(
        "  quality    %s %.4g%s -> %.4g%s on %zu samples: loses %.3g of %g points allowed (%zu models "
        "tried)\n",
        bound.metric.c_str(), bound.before, bound.unit.c_str(), bound.after, bound.unit.c_str(),
        bound.samples, bound.drop, bound.max_drop, bound.tried);
  }
  for (const quantize::OutputError& output : report.outputs) {
    text +=
        Format("  output     '%s': SQNR %s, cosine %.5f on %zu samples\n", output.name.c_str(),
               (Decibels(output.error.Sqnr()) + (std::isfinite(output.error.Sqnr()) ? " dB" : "")).c_str(),
               output.error.Cosine(), report.compared_samples);
  }
  for (const std::string& note : report.notes) text += "  step       " + note + "\n";
  for (const std::string& warning : report.warnings) text += "  warning    " + warning + "\n";

  std::vector<const QuantizeReport::Layer*> shown;
  size_t quantized = 0;
  for (const QuantizeReport::Layer& layer : report.layers) {
    quantized += layer.what.scheme != Scheme::kFloat ? 1 : 0;
    if (layer.error) shown.push_back(&layer);
  }
  std::string left;
  for (const QuantizeReport::Layer& layer : report.layers) {
    if (layer.what.scheme != Scheme::kFloat || layer.what.why_float.empty()) continue;
    if (!layer.what.weighted && layer.what.why_float == "it has no quantized form" && worst != 0) continue;
    left += "  float      " + layer.what.node + " (" + layer.what.op + "): " + layer.what.why_float + "\n";
  }
  text += left;
  text += Format("  layers     %zu of %zu quantized\n", quantized, report.layers.size());
  if (shown.empty()) return text;
  if (worst != 0 && worst < shown.size()) {
    std::stable_sort(shown.begin(), shown.end(), [](const auto* a, const auto* b) {
      return a->error->isolated.Sqnr() < b->error->isolated.Sqnr();
    });
    shown.resize(worst);
    text += Format("\nThe %zu layers that lose most by themselves (--all shows every one):\n", worst);
  } else {
    text += '\n';
  }
  const bool recovered =
      std::ranges::any_of(shown, [](const auto* layer) { return layer->what.rounding_gain > 0; });
  std::vector<std::string> columns = {"layer",  "operator",   "scheme",  "SQNR alone", "in sequence",
                                      "cosine", "range used", "clipped", "float ms",   "now ms"};
  if (recovered) columns.emplace_back("recovered");
  Table table(columns, {3, 4, 5, 6, 7, 8, 9, 10});
  for (const QuantizeReport::Layer* layer : shown) {
    const quantize::LayerError& error = *layer->error;
    const bool ranged = error.range_used > 0;
    const bool timed = layer->float_ms > 0 || layer->quantized_ms > 0;
    std::vector<std::string> row = {layer->what.node,
                                    layer->what.op,
                                    std::string(NameOf(layer->what.scheme)),
                                    Decibels(error.isolated.Sqnr()),
                                    Decibels(error.accumulated.Sqnr()),
                                    Format("%.5f", error.accumulated.Cosine()),
                                    ranged ? Percent(error.range_used) : "",
                                    ranged ? Percent(error.clipped) : "",
                                    timed ? Format("%.3f", layer->float_ms) : "",
                                    timed ? Format("%.3f", layer->quantized_ms) : ""};
    const double gain = layer->what.rounding_gain;
    if (recovered) row.push_back(gain > 0 ? Format("%.1f dB", gain) : "");
    table.Add(row);
  }
  return text + table.ToString();
}

ordered_json ReportJson(const QuantizeReport& report) {
  ordered_json object = {{"model", report.model},
                         {"output", report.output},
                         {"scheme", report.scheme},
                         {"calibration_samples", report.calibration_samples},
                         {"compared_samples", report.compared_samples},
                         {"seconds", report.seconds},
                         {"float_bytes", report.float_bytes},
                         {"quantized_bytes", report.quantized_bytes},
                         {"float_ms", report.float_ms},
                         {"quantized_ms", report.quantized_ms},
                         {"threads", report.threads},
                         {"isa", report.isa}};
  if (report.bound) {
    const QuantizeReport::Bound& bound = *report.bound;
    object["bound"] = {{"metric", bound.metric},   {"unit", bound.unit},  {"float", bound.before},
                       {"quantized", bound.after}, {"drop", bound.drop},  {"max_drop", bound.max_drop},
                       {"samples", bound.samples}, {"tried", bound.tried}};
  }
  auto outputs = ordered_json::array();
  for (const quantize::OutputError& output : report.outputs) {
    outputs.push_back({{"name", output.name},
                       {"sqnr_db", Number(output.error.Sqnr())},
                       {"cosine", Number(output.error.Cosine())}});
  }
  object["outputs"] = std::move(outputs);
  auto layers = ordered_json::array();
  for (const QuantizeReport::Layer& layer : report.layers) {
    ordered_json entry = {{"node", layer.what.node},
                          {"op", layer.what.op},
                          {"output", layer.what.output},
                          {"scheme", NameOf(layer.what.scheme)}};
    if (!layer.what.why_float.empty()) entry["why_float"] = layer.what.why_float;
    if (layer.what.weighted) {
      entry["float_bytes"] = layer.what.float_bytes;
      entry["bytes"] = layer.what.bytes;
      if (layer.what.rounding_gain > 0) entry["rounding_gain_db"] = layer.what.rounding_gain;
    }
    if (layer.error) {
      entry["sqnr_isolated_db"] = Number(layer.error->isolated.Sqnr());
      entry["sqnr_accumulated_db"] = Number(layer.error->accumulated.Sqnr());
      entry["cosine_isolated"] = Number(layer.error->isolated.Cosine());
      entry["cosine_accumulated"] = Number(layer.error->accumulated.Cosine());
      entry["range_used"] = layer.error->range_used;
      entry["clipped"] = layer.error->clipped;
    }
    entry["float_ms"] = layer.float_ms;
    entry["quantized_ms"] = layer.quantized_ms;
    layers.push_back(std::move(entry));
  }
  object["layers"] = std::move(layers);
  object["notes"] = report.notes;
  object["warnings"] = report.warnings;
  return object;
}

}  // namespace whet::cli
