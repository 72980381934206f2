#include "agent/daemon/daemon.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <utility>

#include "agent/config/conditions.h"
#include "agent/daemon/promise.h"
#include "base/utc_time.h"
#include "fleet/json/nlohmann.h"
#include "fleet/telemetry/otlp.h"

namespace whet::agent {
namespace {

constexpr size_t kKeptEvents = 32;
constexpr double kFirstRetryS = 30;
constexpr double kLongestRetryS = 3600;
constexpr double kTrialPatience = 10;  // times a trial's length, for the inferences that it needs
constexpr auto kWatchStep = std::chrono::milliseconds(100);
constexpr auto kIdleStep = std::chrono::seconds(1);

std::chrono::steady_clock::duration Seconds(double seconds) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(seconds));
}

uint64_t UnixNs() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

int MinuteOfDay() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  return local.tm_hour * 60 + local.tm_min;
}

// random(4): the kernel's, another one after each boot.
std::string BootId() {
  auto file = PosixFileSystem().Open("/proc/sys/kernel/random/boot_id");
  std::string text(64, '\0');
  if (file.ok()) {
    auto count = (*file)->Read(std::as_writable_bytes(std::span(text.data(), text.size())));
    text.resize(count.ok() ? *count : 0);
  } else {
    text.clear();
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.empty()
             ? Format("pid-%d-%llu", static_cast<int>(::getpid()), static_cast<unsigned long long>(UnixNs()))
             : text;
}

std::string Architecture() {
  utsname name{};
  ::uname(&name);
  return static_cast<const char*>(name.machine);
}

fleet::InstallOutcome ToFleet(Outcome outcome) {
  switch (outcome) {
    case Outcome::kInstalled: return fleet::InstallOutcome::kInstalled;
    case Outcome::kFailedVerify: return fleet::InstallOutcome::kFailedVerify;
    case Outcome::kFailedSelfTest: return fleet::InstallOutcome::kFailedSelftest;
    case Outcome::kFailedBudget: return fleet::InstallOutcome::kFailedBudget;
    case Outcome::kRolledBack: return fleet::InstallOutcome::kRolledBack;
  }
  return fleet::InstallOutcome::kInstalled;
}

}  // namespace

Daemon::Daemon(const Config& config, std::vector<std::string> worker)
    : config_(config),
      boot_(BootId()),
      worker_(std::move(worker), config,
              [this] {
                Tick();
                return stop_ != nullptr && stop_->load();
              }),
      monitor_(config.trial),
      api_{.board = board_,
           .monitor = monitor_,
           .applications = applications_,
           .status_json =
               [this] {
                 const std::lock_guard lock(mutex_);
                 return status_json_;
               },
           .check_now =
               [this] {
                 const std::lock_guard lock(mutex_);
                 check_now_ = true;
                 wake_.notify_one();
               }},
      random_(std::random_device{}()) {}

Daemon::~Daemon() {
  if (metrics_server_ != nullptr) metrics_server_->Stop(0);
  if (server_ != nullptr) server_->Stop(0);
  if (lock_ >= 0) ::close(lock_);
}

Result<std::unique_ptr<Daemon>> Daemon::Start(const Config& config, std::vector<std::string> worker) {
  std::unique_ptr<Daemon> daemon(new Daemon(config, std::move(worker)));
  WHET_RETURN_IF_ERROR(daemon->Open());
  return daemon;
}

Status Daemon::Open() {
  FileSystem& files = PosixFileSystem();
  WHET_RETURN_IF_ERROR(files.MakeFolder(config_.state_folder));
  const std::string lock = config_.state_folder + "/lock";
  lock_ = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_ < 0 || ::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    return Error(Code::kIo, "another agent works in this folder, or it cannot be written to").At(lock);
  }
  const std::string models = config_.state_folder + "/models";
  WHET_RETURN_IF_ERROR(files.MakeFolder(models));
  for (const std::string& name : config_.families) {
    Family& family = *families_.emplace_back(std::make_unique<Family>());
    family.name = name;
    auto updater = Updater::Open(files, models + "/" + name, {},
                                 [this, name](const UpdateEvent& event) { OnUpdate(name, event); });
    if (!updater.ok()) return updater.TakeStatus();
    family.updater.emplace(std::move(*updater));
    Sync(family);
  }
  if (!config_.telemetry.url.empty() || !config_.telemetry.mqtt_host.empty()) {
    WHET_ASSIGN_OR_RETURN(spool_, Spool::Open(SpoolPath(config_), config_.telemetry.spool_bytes));
  }
  report_start_ns_ = UnixNs();
  last_tick_ = next_poll_ = Clock::now();
  next_report_ = last_tick_ + Seconds(config_.telemetry.interval_s);
  next_send_ = next_report_;
  UpdateStatus();

  fleet::HttpServerOptions options;
  options.listen = "unix:" + config_.socket;
  options.threads = 1;
  options.max_connections = 128;
  options.idle_timeout_s = 75;  // longer than the longest wait for a swap
  WHET_ASSIGN_OR_RETURN(server_, fleet::HttpServer::Start(options, LocalRoutes(api_)));
  if (!config_.metrics_listen.empty()) {
    options.listen = config_.metrics_listen;
    options.max_connections = 16;
    WHET_ASSIGN_OR_RETURN(metrics_server_, fleet::HttpServer::Start(options, MetricsRoutes(monitor_)));
  }
  return {};
}

void Daemon::Log(const std::string& text) {
  std::fprintf(stderr, "whet-agent: %s\n", text.c_str());
  const std::lock_guard lock(mutex_);
  events_.push_back(FormatUtcTime(std::time(nullptr)) + " " + text);
  if (events_.size() > kKeptEvents) events_.pop_front();
}

void Daemon::OnUpdate(const std::string& family, const UpdateEvent& event) {
  monitor_.AddInstall({.family = family,
                       .version = event.release.version,
                       .variant = event.release.variant,
                       .rollout = event.release.rollout},
                      ToFleet(event.outcome));
  Log(family + " " + event.release.version + ": " + std::string(OutcomeName(event.outcome)) +
      (event.reason.empty() ? "" : ", " + event.reason));
}

std::optional<ModelKey> Daemon::Use(const Family& family, const CurrentModel& model, bool active) {
  if (model.version.empty()) return std::nullopt;
  const ModelKey key{
      .family = family.name, .version = model.version, .variant = model.variant, .rollout = model.rollout};
  monitor_.Use(key, ReadPromise(model.slot_folder), active);
  if (const uint64_t bytes = ReadMemoryBytes(model); bytes > 0) monitor_.SetMemory(key, bytes);
  return key;
}

// After anything that may have changed what is current: tells the monitor and the applications.
void Daemon::Sync(Family& family) {
  const Updater& updater = *family.updater;
  Notice notice;
  notice.family = family.name;
  notice.current = updater.Current();
  notice.shadow = updater.Shadow();
  notice.stage = StageName(updater.state().stage);
  notice.waiting = family.waiting;
  const bool same =
      family.published && family.published->SameModels(notice) && family.published->stage == notice.stage;
  if (!same) {
    const auto current = Use(family, notice.current, true);
    const auto shadow = notice.shadow ? Use(family, *notice.shadow, false) : std::nullopt;
    for (const auto& old : {family.current, family.shadow}) {
      if (old && old != current && old != shadow) monitor_.Retire(*old);
    }
    family.current = current;
    family.shadow = shadow;
    family.held_s = 0;
    const auto& tried = shadow ? shadow : current;
    if (updater.state().stage != Stage::kSteady && tried) monitor_.BeginTrial(*tried);
  }
  family.published = notice;
  board_.Publish(std::move(notice));
}

void Daemon::WatchTrial(Family& family, double seconds) {
  Updater& updater = *family.updater;
  const bool shadow = updater.state().stage == Stage::kShadow;
  const auto& key = shadow ? family.shadow : family.current;
  std::string why = key ? monitor_.WhyTrialFailed(*key) : std::string();
  Status status;
  if (why.empty() && !shadow && key && updater.remaining_s() <= seconds &&
      monitor_.InferencesInTrial(*key) < static_cast<uint64_t>(config_.trial.min_inferences)) {
    family.held_s += seconds;
    if (family.held_s <= kTrialPatience * updater.state().stage_s) return;
    why = "the application did not use it";
  }
  status = why.empty() ? updater.Advance(seconds) : updater.Fail(why);
  Sync(family);
  if (!status.ok()) Log(family.name + ": " + status.ToString());
}

void Daemon::Tick() {
  const auto now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - last_tick_).count();
  last_tick_ = now;
  for (const Applications::Running& crashed : applications_.TakeCrashed()) {
    if (monitor_.AddCrash(crashed.family, crashed.version).ok()) {
      Log(Format("process %lld ended while it used %s %s", static_cast<long long>(crashed.pid),
                 crashed.family.c_str(), crashed.version.c_str()));
    }
  }
  for (const auto& family : families_) {
    if (!family->in_update && family->updater->state().stage != Stage::kSteady) WatchTrial(*family, seconds);
  }
  board_.AnswerLate();
}

double Daemon::Jittered(double seconds) {
  return seconds * (1 + config_.poll_jitter * std::uniform_real_distribution<>(-1, 1)(random_));
}

Status Daemon::Poll() {
  const std::string power = PowerKind(config_.conditions, ReadPower(config_.conditions.power_supply_folder));
  auto refreshed = worker_.Refresh(power, /*first=*/!have_offers_ || power != power_);
  next_poll_ = Clock::now() + Seconds(std::max(Jittered(config_.poll_s), worker_.retry_after_s()));
  if (!refreshed.ok()) {
    // Offline is nothing special: the active model stays, whatever expires meanwhile.
    const std::string error = refreshed.status().ToString();
    if (error != poll_error_) Log("cannot read the repository: " + error);
    poll_error_ = error;
    return refreshed.TakeStatus();
  }
  poll_error_.clear();
  last_poll_unix_s_ = std::time(nullptr);
  power_ = power;
  if (refreshed->unchanged) return {};
  have_offers_ = true;
  Status first;
  for (FamilyOffer& item : refreshed->families) {
    for (const auto& family : families_) {
      if (family->name != item.family) continue;
      if (family->offer != item.offer) family->failures = 0;
      if (!item.refused.empty() && item.refused != family->refused) Log(item.family + ": " + item.refused);
      family->offer = std::move(item.offer);
      family->refused = std::move(item.refused);
      if (!family->refused.empty() && first.ok())
        first = Error(Code::kUnsupported, "%s", family->refused.c_str()).At(family->name);
    }
  }
  return first;
}

Status Daemon::InstallOffers() {
  Status first;
  for (const auto& family : families_) {
    if (stop_ != nullptr && stop_->load()) break;
    Status status = Install(*family);
    if (first.ok()) first = std::move(status);
  }
  return first;
}

Status Daemon::Install(Family& family) {
  if (!family.offer || !family.updater->Wants(*family.offer)) {
    if (!family.waiting.empty()) {
      family.waiting.clear();
      Sync(family);
    }
    return {};
  }
  if (family.failures > 0 && Clock::now() < family.retry_at) return {};
  const PowerReading power = ReadPower(config_.conditions.power_supply_folder);
  const std::string waiting = WhyNotNow(config_.conditions, power, MinuteOfDay());
  if (!waiting.empty()) {
    if (waiting != family.waiting) Log(family.name + " " + family.offer->version + ": " + waiting);
    family.waiting = waiting;
    Sync(family);
    return {};
  }
  family.waiting.clear();
  Log(family.name + ": updating to " + family.offer->version);
  RecordingWorker worker(worker_, [this, &family](const std::string& text) {
    Log(family.name + " " + family.offer->version + ": " + text);
  });
  family.in_update = true;
  Status status = family.updater->Update(*family.offer, worker);
  family.in_update = false;
  Sync(family);
  if (status.ok()) {
    family.failures = 0;
    return {};
  }
  const double delay = std::min(kLongestRetryS, kFirstRetryS * (1 << std::min(family.failures, 10)));
  ++family.failures;
  const double wait = Jittered(std::min(delay, std::max(config_.poll_s, 1.0) * family.failures));
  family.retry_at = Clock::now() + Seconds(std::max(wait, worker_.retry_after_s()));
  family.waiting = "it will be tried again: " + status.ToString();
  Log(family.name + " " + family.offer->version + ": " + family.waiting);
  Sync(family);
  return status;
}

void Daemon::Report() {
  next_report_ = Clock::now() + Seconds(config_.telemetry.interval_s);
  if (spool_ == nullptr) return;
  fleet::Report report;
  report.device = config_.device;
  report.boot = boot_;
  report.channel = config_.channel;
  report.agent_version = kAgentVersion;
  report.arch = Architecture();
  report.start_unix_ns = std::exchange(report_start_ns_, UnixNs());
  report.end_unix_ns = report_start_ns_;
  report.models = monitor_.TakeReports();
  const Status status = spool_->Add(boot_, [&](uint64_t sequence) {
    report.sequence = sequence;
    return fleet::ToOtlpJson(report);
  });
  if (!status.ok()) Log(status.ToString());
}

void Daemon::Send() {
  next_send_ = Clock::now() + Seconds(config_.telemetry.interval_s);
  if (spool_ == nullptr) return;
  auto sent = worker_.Send();
  const std::string error = sent.ok() ? sent->error : sent.status().ToString();
  if (error.empty()) {
    send_failures_ = 0;
    return;
  }
  if (send_failures_ == 0) Log("reports stay in the spool: " + error);
  const double backoff =
      std::min(kLongestRetryS, config_.telemetry.interval_s * (1 << std::min(send_failures_, 10)));
  ++send_failures_;
  next_send_ = Clock::now() + Seconds(std::max(Jittered(backoff), sent.ok() ? sent->retry_after_s : 0));
}

bool Daemon::Watching() const {
  for (const auto& family : families_) {
    if (family->updater->state().stage != Stage::kSteady) return true;
  }
  return false;
}

void Daemon::Run(const std::atomic<bool>& stop) {
  stop_ = &stop;
  while (!stop.load()) {
    Tick();
    bool check = false;
    {
      const std::lock_guard lock(mutex_);
      check = std::exchange(check_now_, false);
    }
    // Errors have been logged, and what failed is tried again.
    if (check || Clock::now() >= next_poll_) static_cast<void>(Poll().ok());
    static_cast<void>(InstallOffers().ok());
    if (Clock::now() >= next_report_) Report();
    if (Clock::now() >= next_send_) Send();
    UpdateStatus();
    std::unique_lock lock(mutex_);
    if (!check_now_ && !stop.load())
      wake_.wait_for(lock, Watching() ? Clock::duration(kWatchStep) : Clock::duration(kIdleStep));
  }
  Report();
}

Status Daemon::Once(const std::atomic<bool>& stop) {
  stop_ = &stop;
  Status status = Poll();
  if (status.ok()) status = InstallOffers();
  while (Watching() && !stop.load()) {
    Tick();
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, kWatchStep);
  }
  Report();
  Send();
  UpdateStatus();
  return status;
}

void Daemon::UpdateStatus() {
  using nlohmann::json;
  json families = json::array();
  for (const auto& family : families_) {
    const FamilyState& state = family->updater->state();
    const CurrentModel current = family->updater->Current();
    json quarantine = json::array();
    for (const Quarantined& item : state.quarantine) {
      quarantine.push_back({{"version", item.version}, {"rollout", item.rollout}, {"reason", item.reason}});
    }
    families.push_back(
        {{"family", family->name},
         {"version", current.version},
         {"variant", current.variant},
         {"rollout", current.rollout},
         {"path", current.model_path},
         {"stage", StageName(state.stage)},
         {"health", family->current ? fleet::HealthName(monitor_.HealthOf(*family->current)) : "unknown"},
         {"offered", family->offer ? json(family->offer->version) : json(nullptr)},
         {"refused", family->refused},
         {"waiting", family->waiting},
         {"quarantine", std::move(quarantine)}});
  }
  const auto waiting = spool_ == nullptr ? Result<int64_t>(int64_t{0}) : spool_->Count();
  const auto dropped = spool_ == nullptr ? Result<int64_t>(int64_t{0}) : spool_->Dropped();
  json object = {
      {"device", config_.device},
      {"channel", config_.channel},
      {"agent", kAgentVersion},
      {"last_poll", last_poll_unix_s_ == 0 ? json(nullptr) : json(FormatUtcTime(last_poll_unix_s_))},
      {"poll_error", poll_error_},
      {"spooled_reports", waiting.ok() ? json(*waiting) : json(nullptr)},
      {"dropped_reports", dropped.ok() ? json(*dropped) : json(nullptr)},
      {"families", std::move(families)}};
  const std::lock_guard lock(mutex_);
  object["events"] = events_;
  status_json_ = object.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace whet::agent
