// Lives of a device whose disk fails at random: agent_faults RUNS FOLDER [--posix].
//
// Without --posix the disk is in memory and fails, loses power and comes back by chance. With it, the lives
// are on the real file system below FOLDER, and libfiu (fiu_posix_preload.so, in LD_PRELOAD) makes system
// calls fail. Each run is a whole life (life_testing.h): while it lasts, the current model is always whole;
// once the disk is well, it comes to its end. Exit status 1 at the first life that does not.

#include <dlfcn.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <random>
#include <string>

#include "agent/storage/power_cut_testing.h"
#include "agent/update/life_testing.h"
#include "agent/update/updater.h"

namespace {

using namespace whet;
using namespace whet::agent;

// Makes system calls fail; nothing where libfiu is not loaded.
class Fiu {
 public:
  Fiu() {
    init_ = reinterpret_cast<int (*)(unsigned)>(::dlsym(RTLD_DEFAULT, "fiu_init"));
    enable_ = reinterpret_cast<int (*)(const char*, int, void*, unsigned, float)>(
        ::dlsym(RTLD_DEFAULT, "fiu_enable_random"));
    disable_ = reinterpret_cast<int (*)(const char*)>(::dlsym(RTLD_DEFAULT, "fiu_disable"));
    if (loaded()) init_(0);
  }
  bool loaded() const { return init_ != nullptr && enable_ != nullptr && disable_ != nullptr; }
  // With an error that a disk can have: a file that is there is never called missing.
  void Fail(double probability, int error) {
    for (const char* name : kNames) {
      probability > 0 ? enable_(name, 1, std::bit_cast<void*>(static_cast<intptr_t>(error)), 0,
                                static_cast<float>(probability))
                      : disable_(name);
    }
  }

 private:
  // The system calls that the agent's storage makes, but for close and closedir: Linux gives a descriptor
  // back even when closing it fails, libfiu does not, and after some thousands none would be left.
  static constexpr const char* kNames[] = {
      "posix/io/oc/open",    "posix/io/rw/*",        "posix/io/sync/*",     "posix/io/dir/rename",
      "posix/io/dir/unlink", "posix/io/dir/opendir", "posix/io/dir/readdir"};
  int (*init_)(unsigned) = nullptr;
  int (*enable_)(const char*, int, void*, unsigned, float) = nullptr;
  int (*disable_)(const char*) = nullptr;
};

struct Counts {
  int64_t failures = 0;
  int64_t cuts = 0;
};

[[noreturn]] void Die(int run, int phase, const std::string& what) {
  std::fprintf(stderr, "run %d, phase %d: %s\n", run, phase, what.c_str());
  std::exit(1);
}

// The content of the current model is that of its version.
bool IsWhole(FileSystem& files, const Life& life, const Updater& updater) {
  const CurrentModel current = updater.Current();
  if (current.version.empty()) return true;
  auto content = files.ReadSmall(current.model_path, 1 << 20);
  return content.ok() && *content == life.ModelOf(current.version);
}

// `trouble(true)` lets failures begin or go on, `trouble(false)` ends them.
template <typename Trouble, typename Restart>
void OneLife(int run, FileSystem& files, const std::string& folder, std::mt19937_64& random,
             const Trouble& trouble, const Restart& restart, Counts& counts) {
  Life life;
  MemoryWorker worker(files, life.repository);
  std::optional<Updater> updater;
  for (int phase = 0; phase < Life::kPhases; ++phase) {
    std::string last;
    for (int attempt = 0;; ++attempt) {
      const bool calm = attempt >= 20;
      if (attempt > 40) Die(run, phase, "the device is stuck although its disk is well: " + last);
      trouble(!calm);
      Status status;
      if (!updater) {
        auto opened = Updater::Open(files, folder, {.most_starts_in_trial = 1000}, {});
        if (opened.ok()) updater.emplace(std::move(*opened));
        if (!opened.ok()) status = opened.TakeStatus();
      }
      if (updater && status.ok()) status = life.Run(*updater, worker, phase);
      trouble(false);
      if (status.ok() && life.Done(*updater, phase)) break;
      last = status.ok() ? "it is at " + updater->Current().version : status.ToString();
      ++counts.failures;
      // Half of the time the agent goes on, else it starts anew: after a power cut, or as a process.
      if (restart(random) || std::uniform_int_distribution<int>(0, 1)(random) == 0) updater.reset();
      if (updater && !IsWhole(files, life, *updater)) Die(run, phase, "the current model is not whole");
      if (!updater) {
        auto check = Updater::Open(files, folder, {.most_starts_in_trial = 1000}, {});
        if (!check.ok()) {
          Die(run, phase,
              "the device does not start although its disk is well: " + check.status().ToString());
        }
        if (!IsWhole(files, life, *check)) Die(run, phase, "the model after the restart is not whole");
      }
    }
  }
  if (worker.wrong_files != 0)
    Die(run, Life::kPhases, "a self-test was given files that are not the repository's");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "agent_faults RUNS FOLDER [--posix]\n");
    return 2;
  }
  const int runs = std::atoi(argv[1]);
  const bool posix = argc > 3 && std::strcmp(argv[3], "--posix") == 0;
  Counts counts;
  Fiu fiu;
  if (posix && !fiu.loaded()) {
    std::fprintf(stderr, "libfiu is not loaded: LD_PRELOAD=fiu_posix_preload.so\n");
    return 1;
  }
  for (int run = 0; run < runs; ++run) {
    std::mt19937_64 random(static_cast<uint64_t>(run));
    const double probability = std::uniform_real_distribution<>(0, 1)(random) < 0.5 ? 0.01 : 0.1;
    if (posix) {
      const std::string folder = argv[2];
      std::filesystem::remove_all(folder);
      std::filesystem::create_directories(folder);
      OneLife(
          run, PosixFileSystem(), folder + "/detector", random,
          [&](bool on) { fiu.Fail(on ? probability : 0, run % 2 == 0 ? EIO : ENOSPC); },
          [](std::mt19937_64&) { return false; }, counts);
      std::filesystem::remove_all(folder);
      continue;
    }
    PowerCutFileSystem disk(static_cast<uint64_t>(run));
    if (!disk.MakeFolder("/state").ok()) return 1;
    OneLife(
        run, disk, "/state/detector", random,
        [&](bool on) {
          disk.FailRandomly(on ? probability : 0);
          if (!on) {
            disk.CutNever();
          } else if (std::uniform_int_distribution<int>(0, 3)(random) == 0) {
            disk.CutAt(
                std::uniform_int_distribution<int64_t>(0, 80)(random),
                static_cast<PowerCutFileSystem::Moment>(std::uniform_int_distribution<int>(0, 2)(random)));
          }
        },
        [&](std::mt19937_64&) {
          const bool off = disk.off();
          counts.cuts += off ? 1 : 0;
          disk.Restart();
          return off;
        },
        counts);
  }
  std::printf("%d lives, %lld interruptions, %lld power cuts: none was stuck, and every model was whole\n",
              runs, static_cast<long long>(counts.failures), static_cast<long long>(counts.cuts));
  return 0;
}
