// whet delta: what turns one Model file into another, made, applied and looked at.

#include <algorithm>

#include "base/hex.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/console.h"
#include "fleet/delta/apply/apply_delta.h"
#include "fleet/delta/make_delta.h"
#include "fleet/json/nlohmann.h"

namespace whet::cli {
namespace {

Result<Sha256> ParseSha256(const std::string& text) {
  const auto bytes = FromHex(text);
  Sha256 hash{};
  if (!bytes.ok() || bytes->size() != hash.size()) {
    return Error(Code::kInvalidArgument, "'%s' is not a SHA-256: that is 64 hexadecimal digits",
                 text.c_str());
  }
  std::ranges::copy(*bytes, hash.begin());
  return hash;
}

double Percent(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

class DeltaCommand final : public Command {
 public:
  std::string_view name() const override { return "delta"; }
  std::string_view summary() const override { return "Make or apply what turns one Model file into another"; }
  std::string_view example() const override {
    return "  whet delta make detector-1.0.whet detector-1.1.whet -o update.wdelta\n"
           "  whet delta apply detector-1.0.whet update.wdelta -o detector-1.1.whet\n"
           "  whet delta inspect update.wdelta";
  }

  void Define(Arguments& args) override {
    args.RequireAction();
    make_ = args.AddAction("make", "Make the delta that turns BASE into RESULT, and check that it does");
    make_.Add("BASE", base_, "What devices have").Required();
    make_.Add("RESULT", result_, "What they are to have").Required();
    make_.Add("-o,--output", output_, "The delta to write").Required().Type("FILE");
    apply_ = args.AddAction("apply", "Make the result of the base and a delta, in 256 KiB of memory");
    apply_.Add("BASE", base_, "What the delta was made for").Required();
    apply_.Add("DELTA", delta_, "The delta").Required();
    apply_.Add("-o,--output", output_, "The result to write").Required().Type("FILE");
    apply_
        .Add("--sha256", sha256_,
             "What the result must be (default: what the delta itself says, which proves no origin)")
        .Type("HEX");
    inspect_ = args.AddAction("inspect", "Say what a delta is for");
    inspect_.Add("DELTA", delta_, "The delta").Required();
  }

  Status Run(Console& console) override {
    if (make_.given()) return RunMake(console);
    if (apply_.given()) return RunApply(console);
    return RunInspect(console);
  }

 private:
  Status RunMake(Console& console) const {
    WHET_ASSIGN_OR_RETURN(const fleet::DeltaReport report, fleet::MakeDelta(base_, result_, output_));
    if (console.json()) {
      console.PrintJson(
          {{"base", {{"bytes", report.base_bytes}, {"sha256", ToHex(report.base_sha256)}}},
           {"result", {{"bytes", report.result_bytes}, {"sha256", ToHex(report.result_sha256)}}},
           {"delta_bytes", report.delta_bytes},
           {"tensors",
            {{"all", report.tensors},
             {"unchanged", report.unchanged},
             {"sparse", report.sparse},
             {"changed", report.changed},
             {"fresh", report.fresh},
             {"delta_bytes", report.tensor_bytes}}}});
      return {};
    }
    console.Print(Format(
        "%s: %s, %.2f %% of the whole file's %s\n", output_.c_str(), FormatBytes(report.delta_bytes).c_str(),
        Percent(report.delta_bytes, report.result_bytes), FormatBytes(report.result_bytes).c_str()));
    console.Print(Format("tensors: %u; unchanged %u, sparsely changed %u, changed %u, new %u\n",
                         report.tensors, report.unchanged, report.sparse, report.changed, report.fresh));
    console.Print(Format("what tells these: %llu bytes; everything else: %llu\n",
                         static_cast<unsigned long long>(report.tensor_bytes),
                         static_cast<unsigned long long>(report.delta_bytes - report.tensor_bytes)));
    return {};
  }

  Status RunApply(Console& console) const {
    WHET_ASSIGN_OR_RETURN(const fleet::DeltaHeader header, fleet::ReadDeltaHeader(delta_));
    Sha256 wanted = header.result_sha256;
    if (!sha256_.empty()) {
      WHET_ASSIGN_OR_RETURN(wanted, ParseSha256(sha256_));
    }
    WHET_RETURN_IF_ERROR(fleet::ApplyDelta(base_, delta_, output_, wanted));
    if (console.json()) {
      console.PrintJson({{"output", output_}, {"bytes", header.result_bytes}, {"sha256", ToHex(wanted)}});
    } else {
      console.Print(
          Format("%s: %s, as its SHA-256 says\n", output_.c_str(), FormatBytes(header.result_bytes).c_str()));
    }
    return {};
  }

  Status RunInspect(Console& console) const {
    WHET_ASSIGN_OR_RETURN(const fleet::DeltaHeader header, fleet::ReadDeltaHeader(delta_));
    if (console.json()) {
      console.PrintJson(
          {{"version", header.version},
           {"readable_from", header.readable_from},
           {"base", {{"bytes", header.base_bytes}, {"sha256", ToHex(header.base_sha256)}}},
           {"result", {{"bytes", header.result_bytes}, {"sha256", ToHex(header.result_sha256)}}},
           {"delta_bytes", sizeof(header) + header.body_bytes}});
      return {};
    }
    const uint64_t bytes = sizeof(header) + header.body_bytes;
    console.Print(Format("delta of format version %u: %s, %.2f %% of its result\n", header.version,
                         FormatBytes(bytes).c_str(), Percent(bytes, header.result_bytes)));
    Table table({"", "bytes", "SHA-256"}, {1});
    table.Add({"base", std::to_string(header.base_bytes), ToHex(header.base_sha256)});
    table.Add({"result", std::to_string(header.result_bytes), ToHex(header.result_sha256)});
    console.Print(table.ToString());
    return {};
  }

  Arguments make_;
  Arguments apply_;
  Arguments inspect_;
  std::string base_;
  std::string result_;
  std::string delta_;
  std::string output_;
  std::string sha256_;
};

}  // namespace

std::unique_ptr<Command> MakeDeltaCommand() { return std::make_unique<DeltaCommand>(); }

}  // namespace whet::cli
