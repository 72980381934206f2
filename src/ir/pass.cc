#include "ir/pass.h"

#include <algorithm>
#include <chrono>

#include "ir/verify.h"

namespace whet {

Status RunPasses(Graph& graph, std::span<const Pass> passes, const PassOptions& options) {
  for (const std::string& name : options.disabled) {
    if (std::none_of(passes.begin(), passes.end(), [&](const Pass& pass) { return pass.name == name; })) {
      std::string known;
      for (const Pass& pass : passes) {
        if (known.find(pass.name) == std::string::npos)
          known.append(known.empty() ? "" : ", ").append(pass.name);
      }
      return Error(Code::kInvalidArgument, "there is no pass '%s'; the passes are %s", name.c_str(),
                   known.c_str());
    }
  }
  for (const Pass& pass : passes) {
    if (std::find(options.disabled.begin(), options.disabled.end(), pass.name) != options.disabled.end())
      continue;
    const auto start = std::chrono::steady_clock::now();
    const std::string place = "pass " + std::string(pass.name);
    auto changes = pass.run(graph);
    if (!changes.ok()) return changes.TakeStatus().At(place);
    const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
    if (options.reports != nullptr)
      options.reports->push_back({std::string(pass.name), *changes, elapsed.count()});
    if (!options.verify || *changes == 0) continue;
    if (Status status = VerifyGraph(graph); !status.ok()) return std::move(status).At("after " + place);
  }
  return {};
}

}  // namespace whet
