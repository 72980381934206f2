// Which reader a path is for.

#include <algorithm>
#include <filesystem>

#include "measure/datasets/readers.h"

namespace whet {
namespace {

namespace fs = std::filesystem;

bool IsTestPart(std::string_view part) { return part == "test" || part == "val" || part == "valid"; }

bool SamePart(std::string_view asked, std::string_view part) {
  return asked == part || (IsTestPart(asked) && IsTestPart(part));
}

// Of the parts of a set, the one asked for, or else the one for testing. `parts` is not empty.
Result<std::string> ChoosePart(const std::string& asked, const std::vector<std::string>& parts) {
  if (asked.empty() && parts.size() == 1) return parts[0];
  std::string known;
  for (const std::string& part : parts) {
    if (SamePart(asked.empty() ? "test" : asked, part)) return part;
    known += known.empty() ? part : ", " + part;
  }
  return Error(Code::kNotFound, "has no part '%s'; there is %s", asked.empty() ? "test" : asked.c_str(),
               known.c_str());
}

Result<std::unique_ptr<Dataset>> OpenIdxFolder(const std::string& folder,
                                               const std::vector<std::string>& files,
                                               const std::string& split) {
  std::vector<std::string> parts;
  std::vector<std::string> part_files;
  for (const std::string& file : files) {
    std::string part = file.starts_with("train") ? "train" : "test";
    // The same file may be there unpacked as well.
    if (std::find(parts.begin(), parts.end(), part) != parts.end()) continue;
    parts.push_back(std::move(part));
    part_files.push_back(file);
  }
  WHET_ASSIGN_OR_RETURN(const std::string part, ChoosePart(split, parts));
  const auto at = static_cast<size_t>(std::find(parts.begin(), parts.end(), part) - parts.begin());
  return OpenIdx((fs::path(folder) / part_files[at]).string());
}

Result<std::unique_ptr<Dataset>> OpenFolder(const std::string& folder, const DatasetOptions& options) {
  WHET_ASSIGN_OR_RETURN(const std::vector<std::string> idx, ListFiles(folder, IsIdxImagesName));
  if (!idx.empty()) return OpenIdxFolder(folder, idx, options.split);
  WHET_ASSIGN_OR_RETURN(const std::vector<std::string> folders, ListFolders(folder));
  const auto has = [&](std::string_view name) {
    return std::find(folders.begin(), folders.end(), name) != folders.end();
  };
  if (has("images") && has("labels")) return OpenYolo(folder, options.split);
  std::vector<std::string> parts;
  for (const std::string& name : folders) {
    if (name == "train" || IsTestPart(name)) parts.push_back(name);
  }
  if (!parts.empty() && parts.size() == folders.size()) {
    WHET_ASSIGN_OR_RETURN(const std::string part, ChoosePart(options.split, parts));
    return OpenDataset((fs::path(folder) / part).string(), {{}, options.images});
  }
  if (!options.split.empty()) {
    return Error(Code::kNotFound, "has no parts called train, test or val, so no '%s'",
                 options.split.c_str());
  }
  if (has("images") && has("masks")) return OpenMaskFolders(folder);
  return folders.empty() ? OpenFlatFolder(folder) : OpenClassFolders(folder);
}

}  // namespace

Result<std::unique_ptr<Dataset>> OpenDataset(const std::string& path, const DatasetOptions& options) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) return Error(Code::kNotFound, "there is no such data set").At(path);
  if (fs::is_directory(status)) {
    Result<std::unique_ptr<Dataset>> opened = OpenFolder(path, options);
    if (opened.ok() || !opened.status().where().empty()) return opened;
    return opened.TakeStatus().At(path);
  }
  const std::string name = fs::path(path).filename().string();
  if (!options.split.empty()) {
    return Error(Code::kInvalidArgument, "is one file and has no part '%s'", options.split.c_str()).At(path);
  }
  if (IsIdxImagesName(name)) return OpenIdx(path);
  if (name.ends_with(".npz")) return OpenNpzDataset(path);
  if (name.ends_with(".json")) return OpenCoco(path, options.images);
  if (name.ends_with(".txt") || name.ends_with(".tsv")) return OpenTextLines(path);
  return Error(Code::kUnsupported,
               "is no data set that can be read: a folder, IDX images, .npz, COCO's .json, or lines of text "
               "in a .txt")
      .At(path);
}

}  // namespace whet
