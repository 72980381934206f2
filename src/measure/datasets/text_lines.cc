// Lines of text. A tab parts a line from its class.

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <utility>

#include "base/file.h"
#include "measure/datasets/readers.h"

namespace whet {
namespace {

class TextDataset final : public Dataset {
 public:
  TextDataset(MappedFile file, std::vector<std::string_view> lines, std::vector<int> labels)
      : file_(std::move(file)), lines_(std::move(lines)), labels_(std::move(labels)) {
    info_.format = "lines of text";
    info_.truth = labels_.empty() ? TruthKind::kNone : TruthKind::kClass;
  }

  const DatasetInfo& info() const override { return info_; }
  size_t size() const override { return lines_.size(); }
  Result<Sample> Read(size_t i) const override {
    Sample sample;
    sample.name = Format("%s: sample %zu", std::filesystem::path(file_.path()).filename().c_str(), i + 1);
    sample.text = lines_[i];
    if (!labels_.empty()) sample.label = labels_[i];
    return sample;
  }

 private:
  MappedFile file_;
  std::vector<std::string_view> lines_;  // of the file's memory
  std::vector<int> labels_;
  DatasetInfo info_;
};

}  // namespace

Result<std::unique_ptr<Dataset>> OpenTextLines(const std::string& path) {
  WHET_ASSIGN_OR_RETURN(MappedFile file, MappedFile::Open(path));
  const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  std::vector<std::string_view> lines;
  std::vector<int> labels;
  size_t number = 0;
  for (std::string_view line : SplitLines(text)) {
    ++number;
    if (line.empty()) continue;
    const size_t tab = line.rfind('\t');
    if (tab != std::string_view::npos) {
      int label = -1;
      const char* end = line.data() + line.size();
      const auto [rest, error] = std::from_chars(line.data() + tab + 1, end, label);
      if (error != std::errc() || rest != end || label < 0) {
        return Error(Code::kBadFile, "line %zu: what follows the tab is not the number of a class", number)
            .At(path);
      }
      labels.push_back(label);
    }
    lines.push_back(line.substr(0, tab));
    if (!labels.empty() && labels.size() != lines.size()) {
      return Error(Code::kBadFile, "line %zu %s; either all lines have a tab and a class or none", number,
                   tab == std::string_view::npos ? "has no class"
                                                 : "has a class, though lines before it have none")
          .At(path);
    }
  }
  if (lines.empty()) return Error(Code::kBadFile, "has no line of text").At(path);
  return std::unique_ptr<Dataset>(
      std::make_unique<TextDataset>(std::move(file), std::move(lines), std::move(labels)));
}

}  // namespace whet
