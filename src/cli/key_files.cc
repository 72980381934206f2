#include "cli/key_files.h"
#include "cli/arguments.h"

#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "fleet/tuf/store.h"

namespace whet::cli {
namespace {

constexpr size_t kMaxPassphraseBytes = 4096;
constexpr size_t kMaxKeyFileBytes = 16384;

// A line from the terminal that is not shown.
Result<std::string> AskTerminal(const std::string& prompt) {
  std::FILE* terminal = std::fopen("/dev/tty", "r+");
  if (!terminal) {
    return Error(Code::kInvalidArgument,
                 "no terminal to ask for the passphrase: give --passphrase-file or set WHET_PASSPHRASE");
  }
  termios before{};
  const int fd = ::fileno(terminal);
  const bool is_terminal = ::tcgetattr(fd, &before) == 0;
  termios silent = before;
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  if (is_terminal) ::tcsetattr(fd, TCSAFLUSH, &silent);
  std::fprintf(terminal, "%s: ", prompt.c_str());
  std::fflush(terminal);
  std::string line;
  for (int c = std::fgetc(terminal); c != EOF && c != '\n' && line.size() < kMaxPassphraseBytes;
       c = std::fgetc(terminal)) {
    line += static_cast<char>(c);
  }
  if (is_terminal) ::tcsetattr(fd, TCSAFLUSH, &before);
  std::fputc('\n', terminal);
  std::fclose(terminal);
  return line;
}

// What needs no terminal; nothing if the terminal is to be asked.
Result<std::string> GivenPassphrase(const PassphraseArguments& arguments) {
  if (!arguments.file.empty()) {
    WHET_ASSIGN_OR_RETURN(const std::string text, fleet::ReadSmallFile(arguments.file, kMaxPassphraseBytes));
    std::string line = text.substr(0, text.find('\n'));
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty())
      return Error(Code::kInvalidArgument, "the first line, the passphrase, is empty").At(arguments.file);
    return line;
  }
  const char* variable = std::getenv("WHET_PASSPHRASE");
  return std::string(variable ? variable : "");
}

}  // namespace

void AddPassphraseOption(Arguments& args, PassphraseArguments* arguments) {
  args.Add("--passphrase-file", arguments->file,
           "The passphrase is this file's first line (otherwise $WHET_PASSPHRASE, or else asked for)")
      .Type("FILE");
}

void AddKeyOptions(Arguments& args, KeyArguments* arguments) {
  args.Add("--key", arguments->files, "A key file to sign with").Type("FILE.key").Repeatable();
  args.Add("--keys", arguments->folder, "Sign with every *.key file of this folder").Type("FOLDER");
  AddPassphraseOption(args, &arguments->passphrase);
}

Result<std::string> ReadPassphrase(const PassphraseArguments& arguments, const std::string& what,
                                   bool is_new) {
  WHET_ASSIGN_OR_RETURN(std::string given, GivenPassphrase(arguments));
  if (!given.empty()) return given;
  WHET_ASSIGN_OR_RETURN(std::string first, AskTerminal("Passphrase of " + what));
  if (!is_new) return first;
  WHET_ASSIGN_OR_RETURN(const std::string second, AskTerminal("The same again"));
  if (first != second)
    return Error(Code::kInvalidArgument, "the two passphrases differ; nothing was written");
  return first;
}

Result<std::shared_ptr<const fleet::KeyStore>> OpenKeys(const KeyArguments& arguments) {
  std::vector<std::string> files = arguments.files;
  if (!arguments.folder.empty()) {
    std::error_code error;
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(arguments.folder, error)) {
      if (entry.path().extension() == ".key") found.push_back(entry.path().string());
    }
    if (error) {
      return Error(Code::kIo, "cannot read the folder: %s", error.message().c_str()).At(arguments.folder);
    }
    if (found.empty()) return Error(Code::kNotFound, "holds no *.key file").At(arguments.folder);
    std::ranges::sort(found);
    files.insert(files.end(), found.begin(), found.end());
  }
  auto store = std::make_shared<fleet::KeyStore>();
  WHET_ASSIGN_OR_RETURN(const std::string given, GivenPassphrase(arguments.passphrase));
  std::string last = given;
  for (const std::string& file : files) {
    if (!last.empty()) {
      auto key = fleet::ReadKeyFile(file, last);
      if (key.ok()) {
        store->Add(std::move(*key));
        continue;
      }
      if (!given.empty()) return key.TakeStatus();
    }
    WHET_ASSIGN_OR_RETURN(last, AskTerminal("Passphrase of " + file));
    WHET_ASSIGN_OR_RETURN(fleet::SigningKey key, fleet::ReadKeyFile(file, last));
    store->Add(std::move(key));
  }
  return std::shared_ptr<const fleet::KeyStore>(std::move(store));
}

Result<std::string> ReadPublicKey(const std::string& text) {
  const bool is_hex = text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (is_hex) return text;
  auto file = fleet::ReadSmallFile(text, kMaxKeyFileBytes);
  if (!file.ok()) return file.TakeStatus();
  auto info = fleet::ReadKeyFileInfo(*file);
  if (!info.ok()) return info.TakeStatus().At(text);
  return info->public_hex;
}

}  // namespace whet::cli
