// The page of `whet quantize --html`: plain HTML and SVG, no script, nothing loaded.
#include <algorithm>
#include <cmath>

#include "cli/console.h"
#include "cli/quantize_report.h"

namespace whet::cli {
namespace {

using quantize::NameOf;
using quantize::Scheme;

// Two colours that can be told apart by everyone, on light and on dark.
constexpr std::string_view kStyle = R"(
:root { color-scheme: light dark; --text: #1c2430; --dim: #5b6675; --line: #d9dee5; --ground: #ffffff;
  --first: #2266bb; --second: #dd7722; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e3e8ef; --dim: #9aa6b5; --line: #343c48; --ground: #14181e; --first: #6aa9f4; --second: #f0a050;
    --bad: #ff8a80; } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--text); background: var(--ground); margin: 2rem auto;
  max-width: 70rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .2rem; overflow-wrap: anywhere; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem; }
p { max-width: 48rem; margin: .3rem 0 .8rem; } .dim { color: var(--dim); }
.facts { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1.2rem 0; }
.fact { border: 1px solid var(--line); border-radius: .5rem; padding: .6rem 1rem; min-width: 9rem; }
.fact b { display: block; font-size: 1.35rem; }
table { border-collapse: collapse; font-size: .85rem; width: 100%; } th, td { padding: .25rem .5rem; text-align: left;
  border-bottom: 1px solid var(--line); } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
td.name { max-width: 20rem; overflow-wrap: anywhere; } .scroll { overflow-x: auto; }
svg { display: block; width: 100%; height: auto; } svg text { fill: var(--text); font: 12px system-ui, sans-serif; }
svg text.dim { fill: var(--dim); } svg line { stroke: var(--line); } .a { fill: var(--first); } .b { fill: var(--second); }
.key i { display: inline-block; width: .8em; height: .8em; margin: 0 .4em 0 1.2em; border-radius: 2px; }
.key i.a { background: var(--first); margin-left: 0; } .key i.b { background: var(--second); }
li { overflow-wrap: anywhere; } .bad { color: var(--bad); }
)";

std::string Escaped(std::string_view text) {
  std::string safe;
  for (char c : text) {
    switch (c) {
      case '&': safe += "&amp;"; break;
      case '<': safe += "&lt;"; break;
      case '>': safe += "&gt;"; break;
      case '"': safe += "&quot;"; break;
      default: safe += static_cast<unsigned char>(c) < ' ' ? ' ' : c; break;
    }
  }
  return safe;
}

// The end of a long name says more than its beginning.
std::string Shortened(const std::string& name, size_t most) {
  if (name.size() <= most) return name;
  size_t cut = name.size() - most + 1;
  while (cut < name.size() && (static_cast<unsigned char>(name[cut]) & 0xc0) == 0x80)
    ++cut;  // not within a character
  return "…" + name.substr(cut);
}

struct Bars {
  std::string label;
  std::string title;
  double first;
  double second;
};

// A round number that is at least `value`: 1, 2 or 5 times a power of ten.
double RoundUp(double value) {
  const double power = std::pow(10, std::floor(std::log10(value)));
  for (double step : {1.0, 2.0, 5.0}) {
    if (step * power >= value) return step * power;
  }
  return 10 * power;
}

std::string Tick(double value) { return Format("%.4g", value); }

// One row of two bars for each layer, from left to right.
std::string BarChart(const std::vector<Bars>& rows, const char* unit) {
  constexpr double kLeft = 250, kWidth = 1000, kRow = 24, kTop = 24, kRight = 60;
  double most = 0;
  for (const Bars& row : rows) most = std::max({most, row.first, row.second});
  if (most <= 0) return "<p class=dim>Nothing to show.</p>";
  const double limit = RoundUp(most);
  const double height = kTop + kRow * static_cast<double>(rows.size()) + 4;
  const auto x = [&](double value) {
    return kLeft + std::max(0.0, value) / limit * (kWidth - kLeft - kRight);
  };
  std::string svg = Format("<svg viewBox=\"0 0 %.0f %.0f\" role=img>", kWidth, height);
  for (int i = 0; i <= 5; ++i) {
    const double value = limit * i / 5;
    svg += Format(
        "<line x1=%.1f x2=%.1f y1=%.0f y2=%.0f /><text class=dim text-anchor=middle x=%.1f y=14>%s%s</text>",
        x(value), x(value), kTop - 4, height, x(value), Tick(value).c_str(), i == 5 ? unit : "");
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    const Bars& row = rows[i];
    const double y = kTop + kRow * static_cast<double>(i);
    svg += Format("<g><title>%s</title><text text-anchor=end x=%.0f y=%.1f>%s</text>",
                  Escaped(row.title).c_str(), kLeft - 8, y + 15, Escaped(Shortened(row.label, 36)).c_str());
    svg += Format("<rect class=a x=%.1f y=%.1f width=%.1f height=8 rx=1 />", kLeft, y + 3,
                  std::max(1.0, x(row.first) - kLeft));
    svg += Format("<rect class=b x=%.1f y=%.1f width=%.1f height=8 rx=1 /></g>", kLeft, y + 12,
                  std::max(1.0, x(row.second) - kLeft));
  }
  return svg + "</svg>";
}

std::string Db(double sqnr) {
  return std::isinf(sqnr) ? (sqnr > 0 ? "exact" : "lost") : std::isnan(sqnr) ? "" : Format("%.1f dB", sqnr);
}

void AddFact(std::string* page, const char* name, const std::string& value, const std::string& detail) {
  *page += Format("<div class=fact><span class=dim>%s</span><b>%s</b><span class=dim>%s</span></div>", name,
                  Escaped(value).c_str(), Escaped(detail).c_str());
}

void AddList(std::string* page, const char* heading, const std::vector<std::string>& lines) {
  if (lines.empty()) return;
  *page += Format("<h2>%s</h2><ul>", heading);
  for (const std::string& line : lines) *page += "<li>" + Escaped(line) + "</li>";
  *page += "</ul>";
}

void AddTable(std::string* page, const QuantizeReport& report) {
  *page +=
      "<h2>Every layer</h2><div class=scroll><table><tr><th>layer<th>operator<th>scheme<th class=n>SQNR alone"
      "<th class=n>in sequence<th class=n>cosine<th class=n>range used<th class=n>clipped<th class=n>bytes"
      "<th class=n>float ms<th class=n>now ms</tr>\n";
  for (const QuantizeReport::Layer& layer : report.layers) {
    const auto cell = [&](const std::string& text) { *page += "<td class=n>" + text + "</td>"; };
    *page += "<tr><td class=name>" + Escaped(layer.what.node) + "</td><td>" + Escaped(layer.what.op) +
             "</td><td>" + std::string(NameOf(layer.what.scheme));
    if (layer.what.scheme == Scheme::kFloat && !layer.what.why_float.empty()) {
      *page += "<span class=dim>: " + Escaped(layer.what.why_float) + "</span>";
    }
    *page += "</td>";
    cell(layer.error ? Db(layer.error->isolated.Sqnr()) : "");
    cell(layer.error ? Db(layer.error->accumulated.Sqnr()) : "");
    cell(layer.error ? Format("%.5f", layer.error->accumulated.Cosine()) : "");
    const bool ranged = layer.error && layer.error->range_used > 0;
    cell(ranged ? Format("%.1f %%", layer.error->range_used * 100) : "");
    cell(ranged ? Format("%.3f %%", layer.error->clipped * 100) : "");
    cell(layer.what.weighted ? FormatBytes(layer.what.bytes) : "");
    cell(layer.float_ms > 0 ? Format("%.3f", layer.float_ms) : "");
    cell(layer.quantized_ms > 0 ? Format("%.3f", layer.quantized_ms) : "");
    *page += "</tr>\n";
  }
  *page += "</table></div>";
}

}  // namespace

std::string ReportHtml(const QuantizeReport& report) {
  std::string page =
      "<!doctype html><html lang=en><meta charset=utf-8>"
      "<meta name=viewport content=\"width=device-width,initial-scale=1\"><title>" +
      Escaped(report.model) + " quantized</title><style>" + std::string(kStyle) + "</style>\n";
  page += "<h1>" + Escaped(report.model) + "</h1><p class=dim>quantized to " + Escaped(report.output) +
          ", scheme " + Escaped(report.scheme) + "</p><div class=facts>";
  const auto times = [](double before, double after) {
    return after > 0 ? Format("%.2fx", before / after) : "";
  };
  AddFact(&page, "size",
          times(static_cast<double>(report.float_bytes), static_cast<double>(report.quantized_bytes)) +
              " smaller",
          FormatBytes(report.float_bytes) + " → " + FormatBytes(report.quantized_bytes));
  if (report.float_ms > 0 && report.quantized_ms > 0) {
    const bool faster = report.quantized_ms <= report.float_ms;
    AddFact(&page, "latency",
            faster ? times(report.float_ms, report.quantized_ms) + " faster"
                   : times(report.quantized_ms, report.float_ms) + " slower",
            Format("%.3f → %.3f ms, %d thread%s, %s", report.float_ms, report.quantized_ms, report.threads,
                   report.threads == 1 ? "" : "s", report.isa.c_str()));
  }
  constexpr size_t kOutputsShown = 4;
  for (size_t i = 0; i < std::min(report.outputs.size(), kOutputsShown); ++i) {
    const quantize::OutputError& output = report.outputs[i];
    AddFact(&page, "output error", Db(output.error.Sqnr()),
            Shortened(output.name, 24) + Format(", cosine %.5f", output.error.Cosine()));
  }
  page += "</div>";
  AddList(&page, "Warnings", report.warnings);

  std::vector<Bars> errors;
  std::vector<Bars> latencies;
  for (const QuantizeReport::Layer& layer : report.layers) {
    const std::string place =
        layer.what.node + " (" + layer.what.op + ", " + std::string(NameOf(layer.what.scheme)) + ")";
    if (layer.error && layer.what.scheme != Scheme::kFloat) {
      constexpr double kExact = 100;  // what has no error is drawn as this many decibels at most
      const auto shown = [&](double sqnr) { return std::isnan(sqnr) ? 0 : std::clamp(sqnr, 0.0, kExact); };
      const double alone = layer.error->isolated.Sqnr();
      const double sequence = layer.error->accumulated.Sqnr();
      errors.push_back({layer.what.node, place + ": alone " + Db(alone) + ", in sequence " + Db(sequence),
                        shown(alone), shown(sequence)});
    }
    if (layer.float_ms > 0 || layer.quantized_ms > 0) {
      latencies.push_back({layer.what.node,
                           place + Format(": %.3f ms → %.3f ms", layer.float_ms, layer.quantized_ms),
                           layer.float_ms, layer.quantized_ms});
    }
  }
  page +=
      "<h2>Error by layer</h2><p>Signal to quantization noise of each layer's output: short bars are bad. "
      "<em>Alone</em>: fed with the float model's values. <em>In sequence</em>: with everything before it "
      "quantized "
      "too. A layer that is short alone does the damage; one that is short only in sequence suffers it.</p>"
      "<p class=key><i class=a></i>alone<i class=b></i>in sequence</p>";
  page += BarChart(errors, " dB");
  if (!latencies.empty()) {
    page +=
        "<h2>Latency by layer</h2><p>Milliseconds of one run, the layer's own quantization included. What "
        "runs as "
        "part of another layer's step has no bar.</p><p class=key><i class=a></i>float<i "
        "class=b></i>quantized</p>";
    page += BarChart(latencies, " ms");
  }
  AddTable(&page, report);
  AddList(&page, "Steps", report.notes);
  return page + "</html>\n";
}

}  // namespace whet::cli
