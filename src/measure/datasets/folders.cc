// Folders of pictures or recordings: a folder per class, all in one folder, or pictures beside masks.

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "measure/datasets/readers.h"

namespace whet {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxClasses = 1 << 20;

bool IsMediaName(std::string_view file) { return IsImageName(file) || IsRecordingName(file); }

// A class number, or -1.
int ClassNumber(std::string_view text) {
  int number = -1;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && rest == text.data() + text.size() && !text.empty();
  return whole && number >= 0 && number < kMaxClasses ? number : -1;
}

// Names become indices: the numbers that they are, if all are, or their place in the order of names.
struct Classes {
  std::vector<std::string> names;  // empty if they are numbers
  std::map<std::string, int, std::less<>> index;
};
Classes NumberClasses(const std::set<std::string>& names) {
  Classes classes;
  const bool numbers =
      std::all_of(names.begin(), names.end(), [](const std::string& n) { return ClassNumber(n) >= 0; });
  for (const std::string& name : names) {
    classes.index[name] = numbers ? ClassNumber(name) : static_cast<int>(classes.names.size());
    if (!numbers) classes.names.push_back(name);
  }
  return classes;
}

// Files with a label or a transcript each.
class FolderDataset final : public Dataset {
 public:
  struct Item {
    std::string path;  // below the root
    int label = -1;
    std::string transcript;
    std::string mask;  // a second picture, below the root
  };
  FolderDataset(std::string root, DatasetInfo info, std::vector<Item> items)
      : root_(std::move(root)), info_(std::move(info)), items_(std::move(items)) {}

  const DatasetInfo& info() const override { return info_; }
  size_t size() const override { return items_.size(); }

  Result<Sample> Read(size_t i) const override {
    const Item& item = items_[i];
    Sample sample;
    sample.name = item.path;
    sample.label = item.label;
    sample.transcript = item.transcript;
    WHET_RETURN_IF_ERROR(ReadMedia((fs::path(root_) / item.path).string(), &sample));
    if (!item.mask.empty()) WHET_RETURN_IF_ERROR(ReadMask((fs::path(root_) / item.mask).string(), &sample));
    return sample;
  }

 private:
  static Status ReadMask(const std::string& path, Sample* sample) {
    WHET_ASSIGN_OR_RETURN(const data::Image mask, data::ReadImage(path));
    if (mask.channels != 1) {
      return Error(Code::kBadFile,
                   "a mask is a grey picture whose values are the classes; this one has %d channels",
                   mask.channels)
          .At(path);
    }
    if (mask.width != sample->image->width || mask.height != sample->image->height) {
      return Error(Code::kBadFile, "the mask has %dx%d pixels and its picture %dx%d", mask.width, mask.height,
                   sample->image->width, sample->image->height)
          .At(path);
    }
    WHET_ASSIGN_OR_RETURN(sample->mask, data::Array::Create(DType::kI32, Shape{mask.height, mask.width}));
    std::copy(mask.pixels.begin(), mask.pixels.end(), sample->mask.as<int32_t>().begin());
    return {};
  }

  std::string root_;
  DatasetInfo info_;
  std::vector<Item> items_;
};

std::unique_ptr<Dataset> MakeFolderDataset(const std::string& root, DatasetInfo info,
                                           std::vector<FolderDataset::Item> items) {
  return std::make_unique<FolderDataset>(root, std::move(info), std::move(items));
}

std::string_view MediaFormat(const std::vector<FolderDataset::Item>& items) {
  return IsRecordingName(items.front().path) ? "recordings" : "pictures";
}

std::string Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\"";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(kSpace) - begin + 1));
}

}  // namespace

Result<std::unique_ptr<Dataset>> OpenClassFolders(const std::string& folder) {
  WHET_ASSIGN_OR_RETURN(const std::vector<std::string> folders, ListFolders(folder));
  const Classes classes = NumberClasses({folders.begin(), folders.end()});
  std::vector<FolderDataset::Item> items;
  for (const std::string& name : folders) {
    WHET_ASSIGN_OR_RETURN(const std::vector<std::string> files,
                          ListFiles((fs::path(folder) / name).string(), IsMediaName));
    if (files.empty()) {
      return Error(Code::kBadFile, "the class '%s' has no picture (.png, .jpg) and no recording (.wav)",
                   name.c_str())
          .At(folder);
    }
    for (const std::string& file : files)
      items.push_back({name + "/" + file, classes.index.at(name), {}, {}});
  }
  if (items.empty()) return Error(Code::kBadFile, "has no folders of classes").At(folder);
  DatasetInfo info;
  info.format = "folders of " + std::string(MediaFormat(items));
  info.truth = TruthKind::kClass;
  info.classes = classes.names;
  return MakeFolderDataset(folder, std::move(info), std::move(items));
}

bool IsLabelFileName(std::string_view file) {
  for (std::string_view stem : {"labels", "transcripts"}) {
    for (std::string_view extension : {".txt", ".csv", ".tsv"}) {
      if (file.size() == stem.size() + extension.size() && file.starts_with(stem) &&
          file.ends_with(extension)) {
        return true;
      }
    }
  }
  return false;
}

Result<std::unique_ptr<Dataset>> OpenFlatFolder(const std::string& folder) {
  WHET_ASSIGN_OR_RETURN(const std::vector<std::string> files, ListFiles(folder, IsMediaName));
  WHET_ASSIGN_OR_RETURN(const std::vector<std::string> label_files, ListFiles(folder, IsLabelFileName));
  if (files.empty()) {
    return Error(Code::kBadFile, "has neither pictures (.png, .jpg) nor recordings (.wav)").At(folder);
  }
  if (label_files.size() > 1) {
    return Error(Code::kBadFile, "has both %s and %s; one says what is right", label_files[0].c_str(),
                 label_files[1].c_str())
        .At(folder);
  }
  std::vector<FolderDataset::Item> items;
  for (const std::string& file : files) items.push_back({file, -1, {}, {}});
  DatasetInfo info;
  info.format = std::string(MediaFormat(items));
  if (label_files.empty()) return MakeFolderDataset(folder, std::move(info), std::move(items));

  const std::string label_path = (fs::path(folder) / label_files[0]).string();
  WHET_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(label_path));
  const auto is_file = [&](std::string_view name) {
    return std::binary_search(files.begin(), files.end(), name);
  };
  Result<std::vector<LabelLine>> lines = ParseLabelFile(text, is_file);
  if (!lines.ok()) return lines.TakeStatus().At(label_path);
  if (lines->front().file.empty() && lines->size() != files.size()) {
    return Error(Code::kBadFile, "has %zu labels for %zu files", lines->size(), files.size()).At(label_path);
  }
  const bool transcripts = label_files[0].starts_with("transcripts");
  std::set<std::string> names;
  for (const LabelLine& line : *lines) names.insert(line.text);
  const Classes classes = transcripts ? Classes() : NumberClasses(names);
  std::vector<bool> labelled(files.size());
  for (size_t i = 0; i < lines->size(); ++i) {
    const LabelLine& line = (*lines)[i];
    const size_t at =
        line.file.empty()
            ? i
            : static_cast<size_t>(std::lower_bound(files.begin(), files.end(), line.file) - files.begin());
    if (labelled[at]) return Error(Code::kBadFile, "'%s' has two labels", files[at].c_str()).At(label_path);
    labelled[at] = true;
    if (transcripts) {
      items[at].transcript = line.text;
    } else {
      items[at].label = classes.index.at(line.text);
    }
  }
  if (const auto missing = std::find(labelled.begin(), labelled.end(), false); missing != labelled.end()) {
    return Error(Code::kBadFile, "has no label for '%s'",
                 files[static_cast<size_t>(missing - labelled.begin())].c_str())
        .At(label_path);
  }
  info.truth = transcripts ? TruthKind::kText : TruthKind::kClass;
  info.classes = classes.names;
  return MakeFolderDataset(folder, std::move(info), std::move(items));
}

Result<std::unique_ptr<Dataset>> OpenMaskFolders(const std::string& folder) {
  WHET_ASSIGN_OR_RETURN(const std::vector<std::string> pictures,
                        ListFiles((fs::path(folder) / "images").string(), IsImageName));
  WHET_ASSIGN_OR_RETURN(const std::vector<std::string> masks,
                        ListFiles((fs::path(folder) / "masks").string(), IsImageName));
  std::map<std::string, std::string> mask_of;
  for (const std::string& mask : masks) mask_of[fs::path(mask).stem().string()] = mask;
  std::vector<FolderDataset::Item> items;
  for (const std::string& picture : pictures) {
    const auto mask = mask_of.find(fs::path(picture).stem().string());
    if (mask == mask_of.end()) {
      return Error(Code::kBadFile, "images/%s has no mask of the same name in masks/", picture.c_str())
          .At(folder);
    }
    items.push_back({"images/" + picture, -1, {}, "masks/" + mask->second});
  }
  if (items.empty()) return Error(Code::kBadFile, "images/ has no picture").At(folder);
  DatasetInfo info;
  info.format = "pictures and masks";
  info.truth = TruthKind::kMask;
  return MakeFolderDataset(folder, std::move(info), std::move(items));
}

Result<std::vector<LabelLine>> ParseLabelFile(std::string_view text,
                                              const std::function<bool(std::string_view)>& is_file) {
  // The file's name and the rest of the line; names may have spaces where tabs or commas part.
  const auto part = [&](std::string_view line, LabelLine* parts) {
    for (const char separator : {'\t', ',', ' '}) {
      const size_t at = line.find(separator);
      if (at == std::string_view::npos) continue;
      parts->file = Trim(line.substr(0, at));
      parts->text = Trim(line.substr(at + 1));
      if (is_file(parts->file)) return true;
    }
    return false;
  };
  std::vector<std::pair<size_t, std::string_view>> lines;
  size_t number = 0;
  for (std::string_view line : SplitLines(text)) {
    ++number;
    if (!Trim(line).empty() && !line.starts_with('#')) lines.emplace_back(number, line);
  }
  LabelLine parts;
  const bool named =
      std::any_of(lines.begin(), lines.end(), [&](const auto& line) { return part(line.second, &parts); });
  if (named && !part(lines[0].second, &parts) && lines[0].second.starts_with("file"))
    lines.erase(lines.begin());
  if (lines.empty()) return Error(Code::kBadFile, "has no label");
  std::vector<LabelLine> labels;
  for (const auto& [at, line] : lines) {
    if (!named) {
      labels.push_back({{}, Trim(line)});
      continue;
    }
    if (!part(line, &parts)) {
      return Error(Code::kBadFile, "line %zu does not begin with a file of the folder: '%s'", at,
                   std::string(line.substr(0, 64)).c_str());
    }
    if (parts.text.empty()) return Error(Code::kBadFile, "line %zu has no label", at);
    labels.push_back(parts);
  }
  return labels;
}

}  // namespace whet
