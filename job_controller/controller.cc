#include "job_controller/controller.h"

#include <algorithm>

#include "common/base/failpoint.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/log/log.h"

namespace waxwing::job_controller {

namespace {
constexpr std::int64_t kTickMs = 200;
constexpr std::size_t kReaders = 4;  // a cold disk serves several at once
constexpr std::int64_t kTemporarySeconds = 6 * 3600;
}  // namespace

Controller::Controller(Daemon& daemon)
    : daemon_(daemon),
      queue_(std::make_shared<mta::queue::Queue>(daemon.config()->path_of("queue"),
                                                 daemon.config()->path_of("run/job_controller"))),
      schedule_([this](const std::string& channel) { return policy_of(channel); },
                [this](const FileName& name, unsigned attempts) { renames_.add(name, attempts); }),
      renames_(daemon.loop(), daemon.workers(), queue_, [this](const FileName& name) { renamed(name); }),
      jobs_(daemon, schedule_, config_, queue_),
      crew_(std::make_unique<Crew>(kReaders)) {}

Result<std::shared_ptr<Controller>> Controller::create(Daemon& daemon) {
  std::shared_ptr<Controller> controller(new Controller(daemon));
  TRY_VOID(controller->load_configuration());
  return controller;
}

Result<> Controller::load_configuration() {
  TRY(auto mta_config, mta::MtaConfig::load(daemon_.config()->root()));
  TRY(auto config, ControllerConfig::parse(mta_config->text("job_controller.cnf")));
  for (const auto& warning : config.warnings) log::Event("config.warning").with("what", warning).warning();
  changes_.clear();
  mta_config_ = std::move(mta_config);
  config_ = std::move(config);
  return {};
}

Result<> Controller::start() {
  TRY_VOID(make_directories(queue_->directory()));
  TRY(auto listener, listen_unix(daemon_.config()->path_of("run/job_controller")));
  serve_unix(daemon_.loop(), std::move(listener),
             [this](PacketSocket socket) { spawn(serve(std::move(socket))); });
  daemon_.on_reload([this] {
    const auto loaded = load_configuration();
    if (!loaded) {
      log::Event("config.refused").with("error", loaded.error().text).error();
      return daemon_.reload_refused(loaded.error().text);
    }
    schedule_.reload_policies();
    schedule_.refresh_openings();
    jobs_.stop_all();  // they end with what they have begun; the next ones read the new configuration
    jobs_.forget_troubles();
    jobs_.touch_all();
  });
  daemon_.on_stop([this] { jobs_.stop_all(); });
  minute_ = wall_seconds() / 60;
  schedule_.set_openings([this](const std::string& channel) { return openings(channel); });
  timer_ = daemon_.loop().every(kTickMs, [this] { tick(); });
  queue_->clean_temporary(kTemporarySeconds);
  spawn(read_tree());
  return {};
}

void Controller::tick() {
  each_minute();
  schedule_.tick(wall_ms());
  jobs_.tick();
  const bool room_again = overflow_ && schedule_.size() < config_.max_messages / 4 * 3;
  if (room_again || monotonic_ms() >= next_synch_ms_) spawn(read_tree());
}

void Controller::add(const mta::queue::ScheduleEntry& entry) {
  if (is_full()) {
    overflow_ = true;
    return;
  }
  if (schedule_.add(entry, wall_ms())) jobs_.touch(entry.name.channel);
}

// Mail for hosts that are down must not keep out what can be delivered now.
void Controller::add_new(const mta::queue::ScheduleEntry& entry) {
  if (is_full() && schedule_.make_room(wall_ms())) overflow_ = true;
  add(entry);
}

void Controller::renamed(const FileName& name) {
  schedule_.renamed(name);
  jobs_.touch(name.channel);
}

void Controller::enqueued(const Record& record) {
  for (const auto& [name, value] : record.fields()) {
    if (name == "look") {
      spawn(look(value));
      continue;
    }
    const auto entry = mta::queue::decode_schedule_entry(value);
    if (entry)
      add_new(*entry);
    else
      log::Event("job.bad_notice").with("why", entry.error().text).error();
  }
}

Task<void> Controller::serve(PacketSocket socket) {
  for (;;) {
    auto packet = co_await socket.receive();
    if (!packet) {
      log::Event("job.bad_packet").with("why", packet.error().text).warning();
      co_return;
    }
    if (!*packet) co_return;
    const auto& record = (*packet)->record;
    if (record.is("enqueued")) {
      enqueued(record);
    } else if (record.is("master")) {
      co_await jobs_.serve(socket, record);
      co_return;
    } else {
      auto answer = co_await command(record, socket);
      (void)socket.send(answer);
    }
  }
}

}  // namespace waxwing::job_controller
